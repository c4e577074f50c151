//! A tool that runs us as its `apiKeyHelper` beside a cloud. It runs that at its start, whatever its backend is, and sends the
//! key only where the authentication of the cloud is skipped, to the gateway (`spec/behaviour.md` A2, "CLAUDE_CODE_SKIP_…").
//! So the command behind the hook answers, and nothing signs in to the cloud for a key that is not sent.

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

/// Whether `selected` is a cloud, and the caller wants no credential of it.
pub(super) fn is_beside(selected: Backend, session: &SessionContext) -> bool {
    session.key_helper && session.backend.is_none() && selected != Backend::Anthropic
}

/// Where the key of the command behind the hook is sent: to the gateway in front of `cloud`, if that adds the credential.
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

/// Nothing stands behind the hook, so it should not be there.
pub(super) fn nothing_behind(cloud: Backend) -> Problem {
    let message = format!(
        "sessions on {} use no key of an apiKeyHelper, and no command stands behind this one",
        cloud.name()
    );
    nothing_for(message)
}

/// The hook has nothing to give, and a tool that runs it at its start, whatever its backend is, wants nothing of it.
pub(super) fn nothing_for(message: String) -> Problem {
    Problem::new(Reason::MalformedRequest, message)
        .hint("install the hooks again: what does not fit these settings is taken away")
        .remedy(Remedy::claviger(&["hook", "install", "claude"]))
}
