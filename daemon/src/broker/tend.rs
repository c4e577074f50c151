//! Looks after one entry for its lifetime: refreshes it ahead of expiry while it is used, then drops it.

use super::{
    Broker,
    entry::Entry,
    next::{Interest, Next, next},
    slot::Cause,
};
use crate::{key::SourceKey, resolve::Winner};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::sleep};

/// Refreshes that fall due at once because the clock jumped begin within this time: a machine that has just woken up
/// gets time to connect to the network, and its servers do not receive everything at the same moment.
const STAGGER: Duration = Duration::from_secs(2);

/// The action now.
enum Tending {
    /// Check again after that time, or when the entry changes.
    Sleep(Duration),
    /// Check again when the entry changes.
    Rest,
    /// Refresh.
    Refresh,
    /// The entry is gone.
    End,
}

/// Tends the entry of `key` until it is dropped or the daemon stops. A refresh that began after the cache was handed
/// over would be lost, together with tokens that a server issues only once.
pub(super) async fn tend(broker: Arc<Broker>, key: SourceKey) {
    tokio::select! {
        () = broker.life.stopping() => {}
        () = tend_for_good(&broker, key) => {}
    }
}

async fn tend_for_good(broker: &Arc<Broker>, key: SourceKey) {
    let Some(mut changed) = broker.cache.with(key, |entry| entry.changes()) else { return };
    let mut jumps = broker.jumps.clone();
    loop {
        changed.mark_unchanged();
        jumps.mark_unchanged();
        match broker.step(key) {
            Tending::End => return,
            Tending::Refresh => broker.refresh_in_background(key).await,
            Tending::Rest => tokio::select! {
                () = wait(&mut changed) => {}
                () = jumped(&mut jumps) => {}
            },
            Tending::Sleep(time) => tokio::select! {
                () = sleep(time) => {}
                () = wait(&mut changed) => {}
                () = jumped(&mut jumps) => {}
            },
        }
    }
}

async fn wait(changed: &mut watch::Receiver<u64>) {
    // An error means that the entry is gone, which the next step notices.
    drop(changed.changed().await);
}

/// Resolves shortly after the clock has jumped.
async fn jumped(jumps: &mut watch::Receiver<u64>) {
    if jumps.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    sleep(STAGGER.mul_f64(fastrand::f64())).await;
}

impl Broker {
    fn step(&self, key: SourceKey) -> Tending {
        let (now, idle) = (self.host.clock.now(), self.limits().idle);
        self.cache.with_or_forget(key, |entry| step(key, entry, now, idle)).unwrap_or(Tending::End)
    }

    /// Refreshes, after checking that a session's settings still lead here: a command that was deleted or is no longer
    /// trusted must not run again.
    async fn refresh_in_background(self: &Arc<Self>, key: SourceKey) {
        let session = self.cache.with(key, |entry| entry.session().cloned()).flatten();
        let Some(session) = session else { return };
        let winner = self.winner(&session).await;
        let leads_here = |winner: &&Arc<Winner>| winner.key() == Some(key);
        let binding = winner.as_ref().ok().filter(leads_here).and_then(|it| Some((it.provider()?, it)));
        let (now, idle) = (self.host.clock.now(), self.limits().idle);
        self.cache.with(key, |entry| {
            // A session that left causes nothing; another one that uses the entry asks for it.
            let Some((provider, winner)) = binding else { return entry.desert(&session) };
            entry.bind(provider, winner);
            // A session may have asked while the settings were read, and have a new credential already.
            if matches!(step(key, entry, now, idle), Some(Tending::Refresh)) {
                self.fly_ahead(entry, key, Cause::Due);
            }
        });
    }
}

/// The action now for an entry; `None` if it is to be dropped.
fn step(key: SourceKey, entry: &Entry, now: SystemTime, idle: Duration) -> Option<Tending> {
    if entry.is_refreshing() {
        return Some(Tending::Rest);
    }
    let (is_led_to, is_watched) = (entry.session().is_some(), entry.watchers() > 0);
    let idle = if is_led_to { idle } else { Duration::ZERO };
    let interest = if is_led_to { entry.interest() } else { Interest::None };
    let (state, refresh) = (entry.state(), entry.provider().refresh());
    Some(match next(state, entry.last_used(), (interest, refresh), idle) {
        Next::RefreshAt(_) if state.is_ahead_of(now) => Tending::Refresh,
        Next::RefreshAt(due) => due.duration_since(now).map_or(Tending::Refresh, Tending::Sleep),
        Next::Rest => Tending::Rest,
        Next::ForgetAt(end) if end <= now && !is_watched => {
            tracing::debug!(%key, source = entry.source(), "forgotten");
            return None;
        }
        Next::ForgetAt(end) if end <= now => Tending::Rest,
        // A session may use it before it is due, and then it must be refreshed after all.
        Next::ForgetAt(end) => {
            let due = state.current.and_then(|issue| issue.refresh_at).filter(|due| *due > now);
            Tending::Sleep(until(now, due.map_or(end, |due| due.min(end))))
        }
    })
}

fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or_default()
}
