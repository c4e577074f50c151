//! Handles a tool that runs claviger as its `apiKeyHelper` although a cloud is enabled. The tool runs it at its start,
//! whatever its backend is, and sends the key only to a gateway, where the authentication of the cloud is skipped
//! (`spec/behaviour.md` A2, "CLAUDE_CODE_SKIP_…"). So the command behind the hook answers, and no one signs in to the
//! cloud for a key that is not sent.

use crate::{
    endpoint::Endpoint,
    settings::{Settings, effective::effective},
};
use claviger::{
    backend::{Backend, CLOUDS},
    reason::{Problem, Reason},
    remedy::Remedy,
    session::SessionContext,
    variables::is_true,
};

/// Whether `selected` is a cloud, and the caller needs no credential of it.
pub(super) fn is_beside(selected: Backend, session: &SessionContext) -> bool {
    session.key_helper && session.backend.is_none() && selected != Backend::Anthropic
}

/// Destination of the key from the command behind the hook: the gateway in front of `cloud`, if that adds the
/// credential.
pub(super) fn endpoint(
    cloud: Backend,
    session: &SessionContext,
    settings: &Settings,
) -> Result<Endpoint, Problem> {
    let skip = CLOUDS.into_iter().find(|(backend, ..)| *backend == cloud).map(|(.., skip)| skip);
    let skipped = skip.map(|skip| effective(session, settings, skip)).transpose()?.flatten();
    let is_skipped = skipped.is_some_and(|(value, _)| is_true(value));
    let gateway = match is_skipped {
        true => Endpoint::configured(session, settings, cloud.base_url_variable())?,
        false => None,
    };
    gateway.map_or_else(|| Endpoint::anthropic(session, settings), Ok)
}

/// There is no command behind the hook, so it should not be installed.
pub(super) fn nothing_behind(cloud: Backend) -> Problem {
    let message = format!(
        "sessions on {} use no key of an apiKeyHelper, and there is no command behind this one",
        cloud.name()
    );
    nothing_for(message)
}

/// The hook has no key, and the tool, which runs it at its start whatever its backend is, does not need one.
pub(super) fn nothing_for(message: String) -> Problem {
    Problem::new(Reason::MalformedRequest, message)
        .hint("install the hooks again: those that do not match these settings are removed")
        .remedy(Remedy::claviger(&["hook", "install", "claude"]))
}
