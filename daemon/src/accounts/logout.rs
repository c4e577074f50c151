//! Signing out, and moving secrets, on the daemon's side.

use super::{Account, Accounts, DEADLINE, Index, Store, network};
use crate::host::Host;
use claviger::reason::{Problem, Reason};
use claviger_child::{
    Request, Text,
    account::{Logout, Relocate, SignedOut, Storage},
};
use std::{collections::BTreeMap, sync::Arc};

/// Signs out of `account`, and removes it from the list. The list is changed last: while it names the account, signing
/// out can be repeated. An account whose record cannot be removed stays listed as one that is signing out.
///
/// # Errors
/// If the list cannot be written, or the child does not answer.
pub async fn logout(
    host: &Host,
    store: &Store,
    accounts: &Arc<Accounts>,
    account: &Account,
    environment: &BTreeMap<String, String>,
) -> Result<SignedOut, Problem> {
    // Without its secret the server may refuse the revocation and report that; the sign-out continues.
    let client_secret = match store.client_secret(host, account, environment).await {
        Ok(secret) => secret.map(Text),
        Err(problem) => {
            tracing::warn!(%problem, account = account.name, "no client secret to revoke with");
            None
        }
    };
    let request =
        Request::Logout(Logout { record: store.record(&account.name), kept: account.place, client_secret });
    let signed_out: SignedOut =
        store.call(host, &store.spec(request, network(environment), DEADLINE)).await?;
    let (login, left) =
        (account.login.clone(), signed_out.left_behind.as_ref().map(|problem| problem.message.clone()));
    let sign_out = move |index: &mut Index| {
        index.sign_out(&login, left);
        Ok(())
    };
    accounts.change(sign_out).await?;
    Ok(signed_out)
}

/// Moves the secret of `account` to `place`.
///
/// # Errors
/// The child's problem; the secret stays where it was.
pub async fn relocate(
    host: &Host,
    store: &Store,
    accounts: &Arc<Accounts>,
    account: &Account,
    place: Storage,
) -> Result<Account, Problem> {
    let request =
        Request::Relocate(Relocate { record: store.record(&account.name), kept: account.place, to: place });
    let place: Storage = store.call(host, &store.spec(request, BTreeMap::new(), DEADLINE)).await?;
    let Account { name, login, .. } = account.clone();
    let note = move |index: &mut Index| {
        let known = index.accounts.iter_mut().find(|known| known.login == login);
        let known = known.ok_or_else(|| {
            Problem::new(Reason::SourceUnavailable, format!("another process changed the account {name}"))
                .hint("try again")
        })?;
        known.place = place;
        Ok(known.clone())
    };
    accounts.change(note).await
}
