//! The demand for a refresh.

use std::time::Duration;
use tokio::{sync::watch, time::timeout};

/// How long a refresh continues after all its waiters have left: a tool that timed out may ask again at once.
const ABANDONED_AFTER: Duration = Duration::from_secs(10);

/// Kind of a request for a credential. It decides whether a person may be disturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// No one: it is refreshed ahead of expiry.
    #[default]
    Background,
    /// A session waits for it.
    Session,
    /// A person asked for a refresh, ignoring any backoff.
    Person,
}

/// The demand of the current waiters of one refresh; it can rise and fall during the refresh.
#[derive(Clone, Debug, Default)]
pub struct SharedDemand {
    /// Whether it continues without waiters: it was begun ahead of time.
    is_ahead: bool,
    /// Number of waiting streams, sessions and persons.
    waiting: watch::Sender<[usize; 3]>,
}

/// A waiter for a refresh; dropping it stops waiting.
#[derive(Debug)]
#[must_use = "a waiter that is dropped does not wait"]
pub struct Waits {
    refresh: SharedDemand,
    demand: Demand,
}

// === impl SharedDemand ===

impl SharedDemand {
    /// That of a refresh that continues without waiters.
    pub fn ahead() -> Self {
        Self { is_ahead: true, ..Self::default() }
    }

    /// Adds a waiter.
    pub fn join(&self, demand: Demand) -> Waits {
        let waits = Waits { refresh: self.clone(), demand };
        waits.count(|count| *count += 1);
        waits
    }

    /// The highest demand of the waiters.
    pub fn get(&self) -> Demand {
        match *self.waiting.borrow() {
            [_, 0, 0] => Demand::Background,
            [_, _, 0] => Demand::Session,
            _ => Demand::Person,
        }
    }

    /// Whether a stream, a session or a person waits.
    pub fn is_waited_for(&self) -> bool {
        *self.waiting.borrow() != [0; 3]
    }

    /// Resolves when all waiters have left, and none has come for a while; never for a refresh that was begun ahead of
    /// time.
    pub async fn abandoned(&self) {
        if self.is_ahead {
            return std::future::pending().await;
        }
        let mut waiting = self.waiting.subscribe();
        loop {
            drop(waiting.wait_for(|waiting| *waiting == [0; 3]).await);
            if timeout(ABANDONED_AFTER, waiting.wait_for(|waiting| *waiting != [0; 3])).await.is_err() {
                return;
            }
        }
    }
}

// === impl Waits ===

impl Waits {
    fn count(&self, change: impl FnOnce(&mut usize)) {
        self.refresh.waiting.send_modify(|[streams, sessions, persons]| match self.demand {
            Demand::Background => change(streams),
            Demand::Session => change(sessions),
            Demand::Person => change(persons),
        });
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.count(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::{ABANDONED_AFTER, Demand, SharedDemand};
    use std::time::Duration;
    use tokio::time::{Instant, sleep, timeout};

    #[test]
    fn demand_is_the_highest_of_those_who_wait() {
        let demand = SharedDemand::default();
        let background = demand.join(Demand::Background);
        assert_eq!(demand.get(), Demand::Background);
        let sessions = [Demand::Session; 2].map(|session| demand.join(session));
        let person = demand.join(Demand::Person);
        drop(background);
        assert_eq!(demand.get(), Demand::Person);
        drop(person);
        assert_eq!(demand.get(), Demand::Session);
        drop(sessions);
        assert_eq!(demand.get(), Demand::Background);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_is_abandoned_a_while_after_the_last_one_has_left() {
        let (demand, start) = (SharedDemand::default(), Instant::now());
        let waits = demand.join(Demand::Session);
        let leaves = async {
            sleep(Duration::from_secs(60)).await;
            drop(waits);
            sleep(ABANDONED_AFTER - Duration::from_secs(1)).await;
            let again = demand.join(Demand::Background);
            sleep(Duration::from_secs(60)).await;
            drop(again);
        };
        tokio::join!(demand.abandoned(), leaves);
        assert_eq!(start.elapsed().as_secs(), 60 + 9 + 60 + 10);
        let ahead = SharedDemand::ahead();
        drop(ahead.join(Demand::Session));
        assert!(timeout(Duration::from_secs(3600), ahead.abandoned()).await.is_err());
    }
}
