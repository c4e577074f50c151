//! Looks after one entry for as long as it lives: refreshes it ahead of expiry while it is wanted, forgets it after.

use super::{
    Broker,
    next::{Next, next},
    slot::Cause,
};
use crate::{demand::Demand, key::SourceKey, sources::Material};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::sleep};

/// Refreshes that fall due at once, because the clock jumped, begin within this time: enough for a machine that has just
/// woken up to have a network, and for its servers not to be asked for everything at the same moment.
const STAGGER: Duration = Duration::from_secs(2);

/// What to do now.
enum Step {
    /// Look again after that long, or when the entry changes.
    Sleep(Duration),
    /// Look again when the entry changes.
    Rest,
    /// Refresh.
    Refresh,
    /// The entry is gone.
    End,
}

/// Tends the entry of `key` until it is forgotten.
pub(super) async fn tend(broker: Arc<Broker>, key: SourceKey) {
    let subscribed = broker.lock().get(&key).map(|entry| entry.changed.subscribe());
    let Some(mut changed) = subscribed else { return };
    let mut jumps = broker.jumps.clone();
    loop {
        changed.mark_unchanged();
        jumps.mark_unchanged();
        match broker.step(key) {
            Step::End => return,
            Step::Refresh => broker.refresh_in_background(key).await,
            Step::Rest => tokio::select! {
                () = wait(&mut changed) => {}
                () = jumped(&mut jumps) => {}
            },
            Step::Sleep(time) => tokio::select! {
                () = sleep(time) => {}
                () = wait(&mut changed) => {}
                () = jumped(&mut jumps) => {}
            },
        }
    }
}

async fn wait(changed: &mut watch::Receiver<u64>) {
    // An error means that the entry is gone, which the next step sees.
    drop(changed.changed().await);
}

/// Resolves a little after the clock has jumped.
async fn jumped(jumps: &mut watch::Receiver<u64>) {
    if jumps.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    sleep(STAGGER.mul_f64(fastrand::f64())).await;
}

impl Broker {
    fn step(&self, key: SourceKey) -> Step {
        let now = self.host.clock.now();
        let mut entries = self.lock();
        let Some(entry) = entries.get(&key) else { return Step::End };
        if entry.flight.is_some() {
            return Step::Rest;
        }
        let idle = if entry.session.is_some() { self.limits().idle } else { Duration::ZERO };
        let watched = entry.watchers > 0 && entry.session.is_some();
        match next(&entry.state, entry.last_used, watched, idle) {
            Next::RefreshAt(_) if entry.state.is_ahead_of(now) => Step::Refresh,
            Next::RefreshAt(due) => due.duration_since(now).map_or(Step::Refresh, Step::Sleep),
            Next::Rest => Step::Rest,
            Next::ForgetAt(end) if end <= now && entry.watchers == 0 => {
                tracing::debug!(%key, source = entry.source, "forgotten");
                entries.remove(&key);
                self.shown.touch();
                Step::End
            }
            Next::ForgetAt(end) if end <= now => Step::Rest,
            // Somebody may use it before it is due, and then it has to be refreshed after all.
            Next::ForgetAt(end) => {
                let due = entry.state.current.and_then(|issue| issue.refresh_at).filter(|due| *due > now);
                Step::Sleep(until(now, due.map_or(end, |due| due.min(end))))
            }
        }
    }

    /// Refreshes, once it is sure that somebody's settings still lead here: a command that was deleted or is no
    /// longer trusted must not run again.
    async fn refresh_in_background(self: &Arc<Self>, key: SourceKey) {
        let session = self.lock().get(&key).and_then(|entry| entry.session.clone());
        let Some(session) = session else { return };
        let winner = self.winner(&session).await;
        let binding = match &winner {
            Ok(winner) => match &winner.bound.material {
                Material::Provided(provider) if provider.key() == key => Some((provider, winner)),
                _ => None,
            },
            Err(_) => None,
        };
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&key) else { return };
        match binding {
            Some((provider, winner)) => {
                entry.bind(provider, winner);
                drop(self.fly(entry, key, Cause::Due, Demand::Background));
            }
            // Nothing happens for a session that left; another that still comes here says so by asking.
            None if entry.session.as_ref().is_some_and(|last| Arc::ptr_eq(last, &session)) => {
                entry.session = None;
                entry.bump();
            }
            None => {}
        }
    }
}

fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or_default()
}
