//! Removes accounts whose records a logout could not remove because the keyring was locked or silent. It is tried again
//! when the daemon starts, when it is unlocked, and at every verb about accounts.

use super::super::Context;
use crate::{accounts, audit::Line};
use claviger::audit::AuditEvent;
use std::{collections::BTreeMap, time::Duration};
use tokio::{task::JoinHandle, time::timeout};

/// How long a list waits for removals; the keyring itself has two seconds.
const PATIENCE: Duration = Duration::from_secs(3);

impl Context {
    /// Removes in the background what can be removed now. `None` if nothing is left behind.
    pub(crate) fn finish_logouts(&self) -> Option<JoinHandle<()>> {
        let index = self.broker.resolver.accounts.current();
        let left = index.accounts.iter().filter(|account| account.signing_out.is_some());
        let left: Vec<_> = left.cloned().collect();
        let context = self.clone();
        (!left.is_empty()).then(|| {
            tokio::spawn(async move {
                let broker = &context.broker;
                for account in left {
                    let (store, list) = (&broker.store, &broker.resolver.accounts);
                    // The session that signed out may be gone, and its environment with it.
                    let none = BTreeMap::new();
                    let gone = accounts::logout::logout(&broker.host, store, list, &account, &none).await;
                    if !gone.as_ref().is_ok_and(|gone| gone.left_behind.is_some()) {
                        context.audit.note(
                            Line::ended(AuditEvent::Logout, "logged-out", &gone).account(&account.name),
                        );
                    }
                }
            })
        })
    }

    /// The same, but waits a short time for it.
    pub(super) async fn finish_logouts_soon(&self) {
        if let Some(finishing) = self.finish_logouts() {
            drop(timeout(PATIENCE, finishing).await);
        }
    }
}
