//! State for the next daemon, and state of the last one.

use super::{Broker, kept::Kept, loan::Wanted};
use crate::{demand::Demand, host::process::Asker, key::SourceKey};
use claviger::session::SessionContext;
use std::{sync::Arc, time::SystemTime};

impl Broker {
    /// State for the next daemon, so that no command has to run again.
    pub fn keep(&self) -> Kept {
        Kept {
            entries: self.cache.keep(),
            sign_ins: self.auth_refreshes.keep(),
            busy: self.busy.at(self.host.clock.now()),
            totals: self.counters.sources(),
            locked: self.is_locked(),
        }
    }

    /// Takes over the state of the last daemon. An entry is restored when a session asks for it. Those whose last
    /// session still resolves to them are restored at once, so that refreshing ahead continues.
    pub fn inherit(self: &Arc<Self>, kept: Kept) {
        self.cache.lockdown().inherit(kept.locked);
        if self.is_locked() {
            return;
        }
        self.counters.inherit(kept.totals);
        self.auth_refreshes.inherit(kept.sign_ins);
        self.busy.inherit(kept.busy);
        for (key, last_used, session) in self.cache.inherit(kept.entries) {
            let broker = self.clone();
            tokio::spawn(async move { broker.bind_again(key, last_used, &session).await });
        }
        let broker = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(broker.limits().idle).await;
            broker.cache.forget_inherited();
        });
    }

    async fn bind_again(
        self: &Arc<Self>,
        key: SourceKey,
        last_used: SystemTime,
        session: &Arc<SessionContext>,
    ) {
        let Ok(winner) = self.winner(session).await else { return };
        let Some(provider) = winner.provider() else { return };
        // A session that has asked meanwhile has newer settings.
        if provider.key() != key || self.cache.has(key) {
            return;
        }
        let wanted = Wanted {
            winner: &winner,
            provider,
            session,
            asker: Asker::default(),
            demand: Demand::Background,
        };
        drop(self.open(&wanted, last_used, |_| ()));
    }
}
