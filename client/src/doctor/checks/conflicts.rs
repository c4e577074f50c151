//! Competing credentials: the server then receives something other than intended.

use crate::doctor::{
    facts::{Facts, Setting},
    finding::Finding,
};
use claviger::{
    backend::CLOUDS,
    proto::v1::{AccountKind, Backend},
    remedy::Remedy,
};

const KEY: &str = "ANTHROPIC_API_KEY";
const TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";

/// Checks which variables are set together.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let malformed = facts.malformed.iter().map(|variable| {
        Finding::error("variable-malformed", &variable.what)
            .because(match variable.is_refused {
                true => "no session gets a credential: without it, another one could be found",
                false => "it is sent as it is, and the server answers 401",
            })
            .helped(Remedy::unset(&[&variable.name]))
    });
    let both = [key_and_token(facts), beside_helper(facts, KEY), beside_helper(facts, TOKEN)];
    let rest = [beside_login(facts), beside_cloud(facts)];
    malformed.chain(both.into_iter().chain(rest).flatten()).collect()
}

fn is_set(facts: &Facts, name: &str) -> bool {
    facts.present.contains(name)
}

fn backend(facts: &Facts) -> Option<Backend> {
    facts.explained.as_ref()?.as_ref().ok().map(claviger::proto::v1::ExplainResponse::backend)
}

fn key_and_token(facts: &Facts) -> Option<Finding> {
    (is_set(facts, KEY) && is_set(facts, TOKEN)).then(|| {
        Finding::warning("key-and-token", format!("{KEY} and {TOKEN} are both set"))
            .because("a tool sends both, and the server uses either; claviger lends the token")
            .helped(Remedy::unset(&[KEY]))
    })
}

/// `spec/behaviour.md` D: the tool sends the variable in one header and the helper's output in the other.
fn beside_helper(facts: &Facts, name: &str) -> Option<Finding> {
    let is_helper = |setting: &&Setting| setting.name == "apiKeyHelper";
    let helper = facts.settings.iter().find(is_helper).filter(|_| is_set(facts, name))?;
    let id = if name == KEY { "key-beside-helper" } else { "token-beside-helper" };
    Some(
        Finding::warning(id, format!("{name} is set beside an apiKeyHelper"))
            .at(&helper.at)
            .because("the variable comes first, and an unmodified tool sends both to the server")
            .helped(Remedy::unset(&[name])),
    )
}

fn beside_login(facts: &Facts) -> Option<Finding> {
    let name = [KEY, TOKEN].into_iter().find(|name| is_set(facts, name))?;
    let origin = facts.endpoint.as_ref().map(|endpoint| endpoint.origin.as_str());
    let login = facts.accounts.iter().find(|account| {
        account.kind() == AccountKind::Oauth && origin.is_none_or(|origin| account.audience == origin)
    })?;
    Some(
        Finding::warning("key-beside-login", format!("{name} is set beside the login {}", login.name))
            .because("the variable comes first: the login is not used, and usage is billed to the key")
            .helped(Remedy::unset(&[name])),
    )
}

fn beside_cloud(facts: &Facts) -> Option<Finding> {
    let cloud =
        backend(facts).filter(|backend| !matches!(backend, Backend::Anthropic | Backend::Unspecified))?;
    let name = [KEY, TOKEN].into_iter().find(|name| is_set(facts, name))?;
    let switch =
        CLOUDS.into_iter().find(|(known, ..)| known.to_proto() == cloud).map(|(_, switch, _)| switch)?;
    Some(
        Finding::note("key-beside-cloud", format!("{name} is set, but {switch} comes first"))
            .because("a session of a cloud uses that cloud's credential")
            .helped(Remedy::unset(&[name])),
    )
}
