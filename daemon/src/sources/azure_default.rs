//! The DefaultAzureCredential order: environment, workload identity, managed identity, Azure CLI, azd.

use super::{
    Binding, CredentialSource,
    sdk::{ByHand, Chain, Sdk, binding},
};
use crate::sources::View;
use claviger::{
    backend::{Backend, FOUNDRY_SCOPE},
    credential::Scheme,
    reason::{Problem, Reason},
    source,
};
use claviger_child::{
    Request,
    cloud_file::{AZURE_CERTIFICATE, AZURE_LOGINS, AZURE_PROFILE, AZURE_WEB_TOKEN},
};
use std::time::Duration;

/// The source.
pub struct AzureDefault;

const ID: &str = source::AZURE_DEFAULT;
/// Variable that sets another OAuth scope.
const SCOPE: &str = "CLAVIGER_AZURE_SCOPE";
/// Time limit: `az` is a large Python program and starts slowly.
const DEADLINE: Duration = Duration::from_secs(45);
const SLOW: &str =
    "set AZURE_TOKEN_CREDENTIALS to the link you use: dev, prod, or a name such as AzureCliCredential";
const BY_HAND: ByHand = ByHand {
    argv: &["az", "login"],
    words: "sign in, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
};
const LOOPS: &str = "an `az` that runs claviger must know the path of the real one: `claviger azure --or az`; docs/foundry.md \
    has the script";

impl CredentialSource for AzureDefault {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Foundry
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        binding(Scheme::Bearer, chain(view))
    }
}

fn chain(view: &View<'_>) -> Result<Sdk, Problem> {
    let lent = view.lent(Backend::Foundry)?;
    let chain = Chain {
        id: ID,
        cloud: Backend::Foundry,
        also: &[],
        request: Request::Azure { scope: scope(view)?, lent },
        deadline: DEADLINE,
        slow: SLOW,
        by_hand: BY_HAND,
        loops: LOOPS,
        sign_in: None,
        files: &[AZURE_PROFILE],
        awaited: &[AZURE_CERTIFICATE, AZURE_LOGINS, AZURE_WEB_TOKEN],
    };
    Sdk::bind(view, chain)
}

fn scope(view: &View<'_>) -> Result<String, Problem> {
    let Some((scope, at)) = view.variable(SCOPE)? else { return Ok(FOUNDRY_SCOPE.to_owned()) };
    // It is passed to a shell, which runs `az` with it.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":/._-".contains(c);
    if scope.len() > 512 || scope.starts_with('-') || !scope.chars().all(is_plain) {
        return Err(Problem::new(Reason::SettingsInvalid, format!("{SCOPE} is not an OAuth scope"))
            .hint("write for example https://cognitiveservices.azure.com/.default")
            .at(at));
    }
    Ok(scope.to_owned())
}
