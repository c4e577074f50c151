//! `claviger headers`: every HTTP header to send, those with the credential first.

use crate::{context::Context, failure::Failure, json, lending, output};

/// Prints `Name: value` lines.
///
/// # Errors
/// Why there is no credential, or which header is not valid.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let all = lending::borrow_and_warn(context).await?.headers()?;
    match context.options.json {
        true => output::json(&json::headers(&all))?,
        false => {
            output::data(&all.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>())?
        }
    }
    Ok(())
}
