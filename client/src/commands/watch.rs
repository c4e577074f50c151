//! `claviger get --watch`: events of the credential as they come, across restarts of the daemon.

use crate::{
    failure::{Failure, exit},
    json, output, render,
    session::context::Context,
};
use claviger::{Change, Lease, Material};
use std::time::SystemTime;

/// Prints events until interrupted.
///
/// # Errors
/// Why the daemon refuses, or cannot be started; `shutting-down` if a forwarded socket is gone.
pub(crate) async fn run(context: &Context, show_secret: bool) -> Result<(), Failure> {
    let session = context.session()?;
    exit::when_interrupted();
    let mut client = context.connect().await?;
    // A caller that prints no secret needs no confirmation.
    let mut watch = match show_secret {
        true => client.watch(&session).await?,
        false => client.look_on(&session).await?,
    };
    // A share ends for good, and behind a forwarded socket no service manager starts another daemon.
    if !context.is_foreign() {
        watch = watch.patiently();
    }
    let mut told = false;
    loop {
        match watch.next().await? {
            Some(change) => {
                told = false;
                print(context, &change, show_secret)?;
            }
            None => {
                if !told && !context.options.quiet {
                    output::talk("claviger: the daemon went away, reconnecting\n");
                }
                told = true;
            }
        }
    }
}

fn print(context: &Context, change: &Change, show_secret: bool) -> Result<(), Failure> {
    let secret = match change {
        Change::Lease(lease, _) if show_secret => lease.filled_in()?,
        _ => None,
    };
    match context.options.json {
        true => {
            let event = json::change(change, |lease| lease_json(lease, secret.as_ref()));
            output::data(&(output::json_line(&event) + "\n"))?;
        }
        false => output::show(&(render::event::render(change, secret.as_ref(), SystemTime::now()) + "\n"))?,
    }
    Ok(())
}

fn lease_json(lease: &Lease, secret: Option<&Material>) -> json::Lease {
    let headers = lease.other_headers().unwrap_or_default();
    json::lease(lease, secret, &headers)
}
