//! The backend that a session's switches select, and whether they leave its authentication to a gateway.

use super::key_helper::nothing_for;
use crate::settings::{Lookup, Settings, effective::effective};
use claviger::{
    backend::{Backend, CLOUDS, is_unsupported},
    reason::{Location, Problem, Reason},
    session::{SessionContext, SessionMode},
    variables::is_true,
    warning::{Kind, Warning},
};
use std::collections::BTreeSet;

/// The first enabled cloud, in fixed order; a settings file's `env` overrides the session's own.
pub(super) fn backend(
    session: &SessionContext,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Result<Backend, Problem> {
    match (session.mode, session.backend) {
        (SessionMode::Managed, Some(cloud)) if cloud != Backend::Anthropic => {
            let message =
                format!("managed sessions use an OAuth login only, no credential of {}", cloud.name());
            return Err(Problem::new(Reason::PolicyBlocked, message)
                .hint("run the tool outside the remote container or desktop host"));
        }
        // Its switches are ignored here, too.
        (SessionMode::Managed, _) => return Ok(Backend::Anthropic),
        (_, Some(wanted)) => return Ok(wanted),
        (_, None) => {}
    }
    let mut enabled = Vec::new();
    for (backend, variable, _) in CLOUDS {
        if let Some(at) = switched_on(session, settings, variable)? {
            enabled.push((backend, variable, at));
        }
    }
    let unsupported = unsupported(session, settings)?;
    // Bedrock comes first in the tools, too; any other could come after a cloud that is not known here.
    if !matches!(enabled.first(), Some((Backend::Bedrock, ..)))
        && let Some((variable, at)) = unsupported.first()
    {
        let message = format!("{variable} selects a backend that claviger has no credential for");
        if session.key_helper {
            return Err(nothing_for(message));
        }
        return Err(Problem::new(Reason::SettingsInvalid, message)
            .hint(
                "let the tool find its credential for that backend by itself; without the variable, the \
                credential of another backend is fetched",
            )
            .set_by(variable, *at));
    }
    if let [(first, ..), rest @ ..] = &enabled[..]
        && !rest.is_empty()
    {
        let names: Vec<_> = enabled.iter().map(|(backend, ..)| backend.name()).collect();
        let all = if names.len() == 2 { "both" } else { "all" };
        let text = format!("{} are {all} enabled; {} comes first", names.join(" and "), first.name());
        // The others are ignored: unsetting them changes nothing else.
        let own: Vec<_> = rest.iter().map(|(_, variable, _)| *variable).collect();
        let at = rest.iter().find_map(|(.., at)| *at);
        warnings.push(Warning::new(Kind::TwoClouds, text).about(&own, at));
    }
    Ok(enabled.first().map_or(Backend::Anthropic, |(first, ..)| *first))
}

/// Whether the session leaves the authentication of its cloud to a gateway. A tool that asks for a cloud's credential
/// does not.
pub(super) fn skipped(
    session: &SessionContext,
    settings: &Settings,
    backend: Backend,
) -> Result<(), Problem> {
    let Some((_, _, skip)) = CLOUDS.into_iter().find(|(cloud, ..)| *cloud == backend) else { return Ok(()) };
    let is_moot = session.backend.is_some() || has_own_key(session, settings, backend);
    if is_moot {
        return Ok(());
    }
    let Some(at) = switched_on(session, settings, skip)? else { return Ok(()) };
    let message = format!("no credential, by configuration: {skip} is set");
    Err(Problem::new(Reason::NoCredential, message)
        .hint("the gateway in front of the provider adds the credential; without the variable it is fetched")
        .set_by(skip, at))
}

/// Whether a Foundry session has its own key or token; skipping is ignored then (`spec/behaviour.md` A2,
/// "CLAUDE_CODE_SKIP_…").
fn has_own_key(session: &SessionContext, settings: &Settings, backend: Backend) -> bool {
    const KEYS: [&str; 2] = ["ANTHROPIC_FOUNDRY_AUTH_TOKEN", "ANTHROPIC_FOUNDRY_API_KEY"];
    let is_set = |name: &str| match settings.variable(name) {
        Lookup::Set(value) => !value.value.is_empty(),
        Lookup::Untrusted(_) => true, // resolution refuses it
        Lookup::Unset => session.present.contains(name),
    };
    backend == Backend::Foundry && KEYS.into_iter().any(is_set)
}

/// The switches of unknown backends that are on, each with its place if in a file.
fn unsupported<'a>(
    session: &'a SessionContext,
    settings: &'a Settings,
) -> Result<Vec<(&'a str, Option<&'a Location>)>, Problem> {
    let own = session.variables.keys().map(String::as_str);
    let of_files = settings.environment().into_keys();
    let of_workspace = settings.of_workspace().map(|(name, _)| name);
    let names = own.chain(of_files).chain(of_workspace).filter(|name| is_unsupported(name));
    let mut found = Vec::new();
    for name in names.collect::<BTreeSet<_>>() {
        found.extend(switched_on(session, settings, name)?.map(|at| (name, at)));
    }
    Ok(found)
}

/// Whether a switch is on, and its place if in a file.
pub(super) fn switched_on<'a>(
    session: &'a SessionContext,
    settings: &'a Settings,
    variable: &str,
) -> Result<Option<Option<&'a Location>>, Problem> {
    Ok(effective(session, settings, variable)?.filter(|(value, _)| is_true(value)).map(|(_, at)| at))
}
