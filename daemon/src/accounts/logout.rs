//! Signing out, and moving secrets, seen from the daemon.

use super::{Account, Accounts, Child, DEADLINE, Index, Input, Place, Store, network};
use crate::{
    fetch::{answer::Trouble, secret::Text},
    host::Host,
};
use claviger::reason::{Problem, Reason};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What became of a record.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Gone {
    /// Whether the server took its tokens back.
    pub revoked: bool,
    /// Why it did not.
    pub not_revoked: Option<String>,
    /// Why the record could not be removed.
    pub left_behind: Option<Trouble>,
}

/// Signs out of `account`, and takes it off the list. The list comes last: while it names the account, signing out can be
/// tried again.
///
/// # Errors
/// If the list cannot be written, or the child does not answer.
pub async fn logout(
    host: &Host,
    store: &Store,
    accounts: &Arc<Accounts>,
    account: &Account,
    environment: &BTreeMap<String, String>,
) -> Result<Gone, Problem> {
    // Without its secret the server may refuse, and says so; that keeps nobody from leaving.
    let client_secret = match store.client_secret(host, account, environment).await {
        Ok(secret) => secret.map(Text),
        Err(problem) => {
            tracing::warn!(%problem, account = account.name, "no client secret to revoke with");
            None
        }
    };
    let child = Child {
        verb: "logout",
        account: &account.name,
        arguments: kept(account),
        network: network(environment),
        deadline: DEADLINE,
    };
    let gone = store.call(host, &store.spec(child, &Input { client_secret })).await?;
    let name = account.name.clone();
    let remove = move |index: &mut Index| {
        index.remove(&name);
        Ok(())
    };
    accounts.change(remove).await?;
    Ok(gone)
}

/// Moves the secret of `account` to `place`.
///
/// # Errors
/// What the child says; the secret is where it was then.
pub async fn relocate(
    host: &Host,
    store: &Store,
    accounts: &Arc<Accounts>,
    account: &Account,
    place: Place,
) -> Result<Account, Problem> {
    let mut arguments = kept(account);
    arguments.extend(["--to".to_owned(), place.name().to_owned()]);
    let child = Child {
        verb: "relocate",
        account: &account.name,
        arguments,
        network: BTreeMap::new(),
        deadline: DEADLINE,
    };
    let place: Place = store.call(host, &store.spec(child, &())).await?;
    let Account { name, login, .. } = account.clone();
    let note = move |index: &mut Index| {
        let known = index.accounts.iter_mut().find(|known| known.login == login);
        let known = known.ok_or_else(|| {
            Problem::new(Reason::SourceUnavailable, format!("somebody else changed the account {name}"))
                .hint("try again")
        })?;
        known.place = place;
        Ok(known.clone())
    };
    accounts.change(note).await
}

fn kept(account: &Account) -> Vec<String> {
    vec!["--kept".to_owned(), account.place.name().to_owned()]
}
