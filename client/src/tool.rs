//! Sessions of a cloud's own tool: it wants that cloud's credential, whatever backend the session uses.

use crate::{context::Context, failure::Failure};
use claviger::{backend::Backend, session, session::SessionContext};
use serde_json::{Map, json};

/// The session of a tool of `backend`.
///
/// # Errors
/// As [`Context::session`].
pub(crate) fn session(context: &Context, backend: Backend) -> Result<SessionContext, Failure> {
    let mut session = context.session()?;
    session.backend = Some(backend);
    Ok(session)
}

/// Sets `variables` for `session` because `option` says so. As settings, not as environment: what a settings file sets
/// would come before the environment, and the credential would be of somebody else than the command line names.
///
/// # Errors
/// `malformed-request` with `--settings`, which take the same place.
pub(crate) fn set(
    session: &mut SessionContext,
    option: &str,
    variables: &[(&'static str, &str)],
) -> Result<(), Failure> {
    if session.explicit.is_some() {
        return Err(Failure::usage(
            format!("{option} does not go with --settings: both take the same place among the settings"),
            format!("leave out {option}, and set {} in the env of --settings", variables[0].0),
        ));
    }
    let env: Map<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    session.explicit = session::explicit(option.to_owned(), json!({ "env": env }).to_string().into_bytes())?;
    session.present.retain(|present| !variables.iter().any(|(name, _)| name == present));
    Ok(())
}
