//! Sessions of a cloud's own tool: it needs that cloud's credential, whatever backend the session uses.

use crate::{failure::Failure, session::context::Context};
use claviger::{backend::Backend, session::SessionContext};

/// The session of a tool of `backend`.
///
/// # Errors
/// As [`Context::session`].
pub(crate) fn session(context: &Context, backend: Backend) -> Result<SessionContext, Failure> {
    let mut session = context.session()?;
    session.backend = Some(backend);
    Ok(session)
}

/// Sets `variables` for `session`, overriding environment and settings; empty ones are unset.
pub(crate) fn choose(session: &mut SessionContext, variables: &[(&str, &str)]) {
    session.chosen.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
}
