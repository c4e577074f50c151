//! `claviger token`: the secret and a newline. This is the hot path: other programs run it as `apiKeyHelper`.

use crate::{context::Context, failure::Failure, lending, output};

/// Prints the secret.
///
/// # Errors
/// Why there is none.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let lease = lending::borrow_and_warn(context).await?;
    let mut line = lending::secret(&lease)?;
    line.value.push('\n');
    Ok(output::data(&line.value)?)
}
