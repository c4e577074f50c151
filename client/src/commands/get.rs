//! `claviger get`: the credential and where it comes from.

use crate::{
    context::Context,
    failure::Failure,
    json, lending,
    output::{self, Style},
    render,
};
use std::time::SystemTime;

/// Arguments of `get`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show the secret and the header values too
    #[arg(long)]
    pub(crate) show_secret: bool,
}

/// Shows the lease.
///
/// # Errors
/// Why there is none.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let lease = lending::borrow(context).await?;
    let headers = lease.other_headers()?;
    let secret = if arguments.show_secret { lease.lent()? } else { None };
    if context.options.json {
        return Ok(output::json(&json::lease(&lease, secret.as_ref(), &headers))?);
    }
    let text = render::lease::render(&lease, secret.as_ref(), &headers, SystemTime::now(), Style::stdout());
    Ok(output::data(&text)?)
}
