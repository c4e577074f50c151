//! `claviger lock` and `unlock`: in between, no credential is lent and no secret is in memory.

use crate::{
    daemon::wait, failure::Failure, json, output, render::account::counted, session::context::Context,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::{LockRequest, UnlockRequest},
};

/// Drops every secret and locks the daemon. Starts a daemon if none runs: the next one must find the lock.
///
/// # Errors
/// The daemon's problem.
pub(crate) async fn lock(context: &Context) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let asked =
        client.call(|client| async move { unwrap(client.control().lock(request(LockRequest {})).await) });
    let dropped = wait::answer(context, asked).await?.dropped;
    match context.options.json {
        true => output::json(&json::locked(dropped))?,
        false => output::show(&format!(
            "{}\n{}",
            claviger::remedy::while_locked(),
            counted(dropped, "credential", "was dropped from memory", "were dropped from memory")
        ))?,
    }
    Ok(())
}

/// Unlocks the daemon.
///
/// # Errors
/// The daemon's problem.
pub(crate) async fn unlock(context: &Context) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let asked =
        client.call(|client| async move { unwrap(client.control().unlock(request(UnlockRequest {})).await) });
    let was_locked = wait::answer(context, asked).await?.was_locked;
    match (context.options.json, was_locked) {
        (true, _) => output::json(&json::unlocked(was_locked))?,
        (false, true) => output::show("unlocked\n")?,
        (false, false) => output::show("it was not locked\n")?,
    }
    Ok(())
}
