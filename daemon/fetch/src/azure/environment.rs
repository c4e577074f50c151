//! The link "environment": a service principal with a client secret, or else with a certificate.

use super::{
    Declined, certificate,
    link_result::LinkResult,
    principal::{CLIENT, Principal, TENANT},
};
use crate::environment::{lent, variable};
use claviger::reason::Reason;
use claviger_child::{Lent, Provided};

const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
/// Variable for apps that trust the issuer of a certificate instead of the certificate itself.
const SENDS_CHAIN: &str = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
/// Variable of a person's name. With a password, Azure's other libraries sign in as that person.
const USERNAME: &str = "AZURE_USERNAME";

/// Signs in as the service principal in the environment.
pub(super) async fn ask(scope: &str, secrets: &Lent) -> LinkResult {
    let (tenant, client) = (variable(TENANT), variable(CLIENT));
    let (secret, certificate) = (lent(secrets, SECRET), variable(CERTIFICATE));
    let has_proof = secret.is_some() || certificate.is_some();
    if client.is_some() && !has_proof && variable(USERNAME).is_some() {
        return LinkResult::Refused(by_password());
    }
    let (Some(tenant), Some(client), true) = (&tenant, &client, has_proof) else {
        return LinkResult::Passed(missing(tenant.is_some(), client.is_some(), has_proof));
    };
    let principal = match Principal::new(tenant.clone(), client.clone()) {
        Ok(principal) => principal,
        Err(trouble) => return LinkResult::Refused(trouble),
    };
    match (secret, certificate) {
        (Some(secret), _) => principal.with_secret(secret, scope).await.into(),
        (None, path) => with_certificate(&principal, &path.unwrap_or_default(), scope).await.into(),
    }
}

async fn with_certificate(principal: &Principal, path: &str, scope: &str) -> Result<Provided, Declined> {
    let sends_chain =
        variable(SENDS_CHAIN).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    let assertion = certificate::assertion(path, principal.client(), &principal.audience(), sends_chain)?;
    principal.with_assertion(assertion, scope).await
}

fn by_password() -> Declined {
    let message = format!("{USERNAME} is set, and signing in with a person's password is not supported");
    Declined::new(Reason::SettingsInvalid, message)
        .hint(format!("unset {USERNAME}, and sign in with `az login` or as a service principal"))
}

/// Missing variables of a service principal.
fn missing(tenant: bool, client: bool, proof: bool) -> String {
    let proof_name = format!("{SECRET} or {CERTIFICATE}");
    let names = [(tenant, TENANT), (client, CLIENT), (proof, proof_name.as_str())];
    let names: Vec<_> = names.into_iter().filter(|(is_set, _)| !is_set).map(|(_, name)| name).collect();
    match names.len() {
        1 => format!("incomplete: {} is not set", names[0]),
        2 => format!("incomplete: {} are not set", names.join(" and ")),
        _ => format!("{} are not set", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn names_what_is_missing() {
        let proof = "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH";
        assert_eq!(missing(true, true, false), format!("incomplete: {proof} is not set"));
        assert_eq!(
            missing(false, false, true),
            "incomplete: AZURE_TENANT_ID and AZURE_CLIENT_ID are not set"
        );
        assert_eq!(
            missing(false, false, false),
            format!("AZURE_TENANT_ID, AZURE_CLIENT_ID, {proof} are not set")
        );
    }
}
