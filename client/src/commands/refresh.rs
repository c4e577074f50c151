//! `claviger refresh`: a new credential now, past any backoff.

use crate::{context::Context, failure::Failure, json, output, render, wait};
use claviger::{
    client::{request, unwrap},
    proto::v1::RefreshRequest,
};
use std::time::SystemTime;

/// Refreshes and shows the new state, without the secret.
///
/// # Errors
/// Why the refresh failed.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let mut client = context.connect().await?;
    let lender = client.clone();
    // Twice the same refresh is one too many at worst.
    let answer = client.call_for(&session, |client, session| {
        let message = RefreshRequest { session: Some(session), ..Default::default() };
        async move { unwrap(client.inspect().refresh(request(message)).await) }
    });
    let entry = wait::slow_answer(context, &lender, &session, answer).await?.entry.unwrap_or_default();
    match context.options.json {
        true => output::json(&json::entry(&entry))?,
        false => output::data(&format!("{}\n", render::status::sentence(&entry, SystemTime::now())))?,
    }
    Ok(())
}
