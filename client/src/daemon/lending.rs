//! Borrows a credential; asks the person for trust if that is missing.

use crate::{
    daemon::{prompt, wait},
    failure::Failure,
    output,
    session::{context::Context, keys},
    text::escape,
};
use claviger::{
    Lease,
    client::Client,
    proto::v1::{GetCredentialRequest, Hook},
    reason::Reason,
    session::SessionContext,
    source::API_KEY_HELPER,
    wire,
};
use std::io::IsTerminal as _;

/// Borrows the credential of the session that the options describe.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow(context: &Context) -> Result<Lease, Failure> {
    borrow_for(context, &context.session()?).await
}

/// Borrows the credential of `session`.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow_for(context: &Context, session: &SessionContext) -> Result<Lease, Failure> {
    borrow_by(context, session, None).await
}

/// As [`borrow_for`]; `hook` is set if the caller is one.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow_by(
    context: &Context,
    session: &SessionContext,
    hook: Option<Hook>,
) -> Result<Lease, Failure> {
    let mut client = context.connect().await?;
    let answer = attempt(context, &mut client, session, hook.clone()).await;
    match answer {
        Err(failure) => match is_decided(context, &client, session, &failure).await? {
            true => attempt(context, &mut client, session, hook).await,
            false => Err(failure),
        },
        answer => answer,
    }
}

/// Whether another attempt may succeed: a person at the terminal has just decided about the workspace that was the reason.
///
/// # Errors
/// As [`prompt::ask`].
pub(crate) async fn is_decided(
    context: &Context,
    client: &Client,
    session: &SessionContext,
    failure: &Failure,
) -> Result<bool, Failure> {
    match context.interactive && failure.reason() == Some(Reason::WorkspaceUntrusted) {
        true => prompt::ask(context, client, session).await,
        false => Ok(false),
    }
}

/// As [`borrow`], for verbs that print results only: shows a person at the terminal the warnings of the lease.
///
/// # Errors
/// As [`borrow`].
pub(crate) async fn borrow_and_warn(context: &Context) -> Result<Lease, Failure> {
    let lease = borrow(context).await?;
    warn(context, &lease);
    Ok(lease)
}

/// As [`borrow_and_warn`], for programs that keep the credential they started with: prints its expiry.
///
/// # Errors
/// As [`borrow`].
pub(crate) async fn borrow_to_keep(context: &Context) -> Result<Lease, Failure> {
    let lease = borrow_and_warn(context).await?;
    // A helper runs again after a fixed time, which is unrelated to the lifetime of its output.
    let expires = lease.source != API_KEY_HELPER && !context.options.quiet;
    if let Some(expiry) = keys::expiry(&lease).filter(|_| expires) {
        output::talk(&format!(
            "claviger: warning: the credential expires at {expiry}; programs that run with it do not get a new one\n"
        ));
    }
    Ok(lease)
}

/// Shows the warnings of a lease to a person at the terminal, and to every session that its credential expires without
/// replacement.
pub(crate) fn warn(context: &Context, lease: &Lease) {
    let stale = lease
        .stale
        .then_some("the credential is still valid, but the last refresh failed or the API rejected it");
    let others = lease.warnings();
    let warnings: Vec<_> =
        stale.into_iter().chain(others.filter(|_| std::io::stderr().is_terminal())).collect();
    if !context.options.quiet {
        warnings
            .iter()
            .for_each(|warning| output::talk(&format!("claviger: warning: {}\n", escape::line(warning))));
    }
}

async fn attempt(
    context: &Context,
    client: &mut Client,
    session: &SessionContext,
    hook: Option<Hook>,
) -> Result<Lease, Failure> {
    let lender = client.clone();
    let min_validity = context.min_validity().map(wire::duration);
    let message = GetCredentialRequest { session: None, min_validity, hook };
    wait::slow_answer(context, &lender, session, client.ask(session, message)).await
}
