//! The link "workload-identity": a service principal identified by another issuer's token, as in Kubernetes.

use super::{
    Declined,
    file::{read, unusable},
    link_result::LinkResult,
    principal::{CLIENT, Principal, TENANT},
};
use crate::environment::variable;
use claviger_child::{Provided, is_token};

const FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// Asks for the service principal of this workload.
pub(super) async fn ask(scope: &str) -> LinkResult {
    let values = [TENANT, CLIENT, FILE].map(|name| (name, variable(name)));
    let missing: Vec<_> = values.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    match values {
        [(_, Some(tenant)), (_, Some(client)), (_, Some(file))] => {
            with_file(tenant, client, &file, scope).await.into()
        }
        _ if missing.contains(&FILE) => LinkResult::Passed(format!("{FILE} is not set")),
        _ => LinkResult::Passed(format!("incomplete: {} not set", missing.join(", "))),
    }
}

async fn with_file(tenant: String, client: String, path: &str, scope: &str) -> Result<Provided, Declined> {
    let principal = Principal::new(tenant, client)?;
    let content = read(FILE, path)?;
    // Tools that write the file often end it with a line break, which is not part of the token.
    let token = std::str::from_utf8(&content).map(str::trim).ok().filter(|text| is_token(text));
    let token = token.ok_or_else(|| {
        unusable(FILE, path, "holds no token")
            .hint("it must contain only the token of the workload's service account")
    })?;
    principal.with_assertion(token.to_owned(), scope).await
}
