//! `claviger token`: the secret and a newline. This is the hot path: programs run it as `apiKeyHelper`.

use crate::{
    daemon::{gates, lending},
    failure::Failure,
    output,
    session::{caller, context::Context, environment},
};
use claviger::proto::v1::Hook;

/// Arguments of `token`.
#[derive(clap::Args, Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// Called by a tool that caches the secret: if it asks again too soon, the secret was rejected and is refreshed
    #[arg(long)]
    pub(crate) hook: bool,
}

/// Prints the secret; in a session behind a gate, the placeholder that it has instead.
///
/// # Errors
/// Why there is none.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(placeholder) = environment::placeholder(|name| std::env::var(name).ok()) {
        return Ok(output::secret_line(&placeholder)?);
    }
    if let Some(gate) = environment::standing_gate() {
        return Ok(output::secret_line(&gates::join(context, &gate).await?)?);
    }
    let hook = arguments.hook.then(|| Hook { session: caller::session() });
    let mut session = context.session()?;
    session.reads_workspace |= arguments.hook;
    session.key_helper = arguments.hook;
    let lease = lending::borrow_by(context, &session, hook).await?;
    lending::warn(context, &lease);
    Ok(output::secret_line(&lease.secret()?)?)
}
