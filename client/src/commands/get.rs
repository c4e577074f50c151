//! `claviger get`: the credential and its source.

use super::watch;
use crate::{
    daemon::lending,
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::context::Context,
};
use std::time::SystemTime;

/// Arguments of `get`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show the secret and the header values too, with --watch the secret of each new credential
    #[arg(long)]
    pub(crate) show_secret: bool,
    /// Print only the HTTP headers to send, including the secret
    #[arg(long, conflicts_with = "show_secret")]
    pub(crate) headers: bool,
    /// Follow the credential until interrupted: a line for each event, across restarts of the daemon
    #[arg(long, conflicts_with = "headers")]
    pub(crate) watch: bool,
}

/// Shows the lease.
///
/// # Errors
/// Why there is none.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.watch {
        return watch::run(context, arguments.show_secret).await;
    }
    if arguments.headers {
        return headers(context).await;
    }
    let lease = lending::borrow(context).await?;
    let headers = lease.other_headers()?;
    let secret = if arguments.show_secret { lease.filled_in()? } else { None };
    if context.options.json {
        return Ok(output::json(&json::lease(&lease, secret.as_ref(), &headers))?);
    }
    let text = render::lease::render(&lease, secret.as_ref(), &headers, SystemTime::now(), Style::stdout());
    Ok(output::show(&text)?)
}

/// Every HTTP header to send, those with the credential first, as `Name: value` lines.
async fn headers(context: &Context) -> Result<(), Failure> {
    let all = lending::borrow_and_warn(context).await?.headers()?;
    match context.options.json {
        true => output::json(&json::headers(&all))?,
        false => {
            output::data(&all.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>())?
        }
    }
    Ok(())
}
