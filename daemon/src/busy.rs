//! Servers that asked for a pause (`Retry-After`): no child asks one before its end, for whatever credential.

use crate::{live::lock, pauses};
use claviger_child::{Busy, MAX_PAUSE};
use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// Most servers that are remembered.
const MOST: usize = 64;

/// Pauses of servers.
#[derive(Debug, Default)]
pub struct BusyServers(Mutex<Busy>);

impl BusyServers {
    /// Servers with a pause at `now`.
    pub fn at(&self, now: SystemTime) -> Busy {
        let mut busy = lock(&self.0);
        busy.retain(|_, until| pauses::backs_off(now, *until));
        busy.clone()
    }

    /// Records that `server` asked for a pause at `now`.
    pub fn note(&self, server: &str, now: SystemTime, pause: Duration) {
        let is_full = self.at(now).len() >= MOST;
        if !is_full {
            lock(&self.0).insert(server.to_owned(), now + pause.min(MAX_PAUSE));
        }
    }

    /// Takes over the pauses of the last daemon.
    pub fn inherit(&self, busy: Busy) {
        *lock(&self.0) = busy;
    }
}

#[cfg(test)]
mod tests {
    use super::{BusyServers, MOST};
    use std::time::{Duration, SystemTime};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_said_and_no_other_is() {
        let (busy, start) = (BusyServers::default(), SystemTime::UNIX_EPOCH + SECOND * 1_000_000);
        let servers = |at: SystemTime| busy.at(at).into_keys().collect::<Vec<_>>();
        busy.note("https://a", start, SECOND * 20);
        busy.note("https://b", start, SECOND * 86_400);
        assert_eq!(servers(start), ["https://a", "https://b"]);
        assert_eq!(servers(start + SECOND * 20), ["https://b"], "within reason");
        assert!(servers(start - SECOND * 3600).is_empty(), "the clock was set back");
    }

    #[test]
    fn they_are_not_remembered_without_end() {
        let (busy, start) = (BusyServers::default(), SystemTime::UNIX_EPOCH + SECOND * 1_000_000);
        (0..2 * MOST).for_each(|number| busy.note(&number.to_string(), start, SECOND));
        assert_eq!(busy.at(start).len(), MOST);
        busy.note("later", start + SECOND * 2, SECOND);
        assert_eq!(busy.at(start + SECOND * 2).len(), 1);
    }
}
