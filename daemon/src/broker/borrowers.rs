//! The sessions that use a credential: those that watch it, and those that asked recently. Pure.
//!
//! A session is identified by its caller's kernel session id and its directory. So two programs in one terminal and one
//! directory count as one, and a program that changes its directory counts twice.

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    path::Path,
    time::{Duration, SystemTime},
};

/// How long a session counts after its last request. CLIs ask every few minutes: that is the default lifetime of a
/// helper's key.
const RECENT: Duration = Duration::from_secs(300);
/// Most sessions that are remembered per entry, in 2 KiB.
const MOST: usize = 64;

/// A session, as far as the daemon can distinguish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borrower(u64);

/// Sessions of one entry.
#[derive(Debug, Default)]
pub struct Borrowers(Vec<Borrowing>);

#[derive(Clone, Copy, Debug)]
struct Borrowing {
    who: Borrower,
    at: SystemTime,
    /// Open streams.
    open: u32,
}

// === impl Borrower ===

impl Borrower {
    /// The session with the kernel's session id `session`, in `directory`.
    pub fn new(session: Option<u32>, directory: &Path) -> Self {
        Self(BuildHasherDefault::<DefaultHasher>::default().hash_one((session, directory.as_os_str())))
    }
}

// === impl Borrowers ===

impl Borrowers {
    /// Records a request of `who`.
    pub fn asked(&mut self, who: Borrower, now: SystemTime) {
        if let Some(seen) = self.seen(who, now) {
            seen.at = now;
        }
    }

    /// Records that `who` opened a stream.
    pub fn opened(&mut self, who: Borrower, now: SystemTime) {
        if let Some(seen) = self.seen(who, now) {
            (seen.at, seen.open) = (now, seen.open + 1);
        }
    }

    /// Records that a stream of `who` ended. From now on it counts as a session that asked.
    pub fn closed(&mut self, who: Borrower, now: SystemTime) {
        if let Some(seen) = self.0.iter_mut().find(|seen| seen.who == who) {
            (seen.at, seen.open) = (now, seen.open.saturating_sub(1));
        }
    }

    /// Their number at `now`.
    pub fn count(&self, now: SystemTime) -> usize {
        self.0.iter().filter(|seen| seen.counts(now)).count()
    }

    /// The slot of `who`, created if necessary: when all are taken, the session that was silent longest is dropped,
    /// unless it has a stream.
    fn seen(&mut self, who: Borrower, now: SystemTime) -> Option<&mut Borrowing> {
        if let Some(index) = self.0.iter().position(|seen| seen.who == who) {
            return self.0.get_mut(index);
        }
        if self.0.len() >= MOST {
            let (index, _) = self
                .0
                .iter()
                .enumerate()
                .filter(|(_, seen)| seen.open == 0)
                .min_by_key(|(_, seen)| seen.at)?;
            self.0.swap_remove(index);
        }
        self.0.push(Borrowing { who, at: now, open: 0 });
        self.0.last_mut()
    }
}

impl Borrowing {
    fn counts(&self, now: SystemTime) -> bool {
        // A clock that was set back removes no session.
        self.open > 0 || now.duration_since(self.at).is_ok_and(|age| age < RECENT) || self.at > now
    }
}

#[cfg(test)]
mod tests {
    use super::{Borrower, Borrowers, MOST};
    use std::{
        path::Path,
        time::{Duration, SystemTime, UNIX_EPOCH},
    };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn who(session: u32) -> Borrower {
        Borrower::new(Some(session), Path::new("/work"))
    }

    #[test]
    fn terminal_and_directory_tell_sessions_apart() {
        let mut borrowers = Borrowers::default();
        for who in [who(1), who(1), who(2), Borrower::new(Some(1), Path::new("/other"))] {
            borrowers.asked(who, at(0));
        }
        assert_eq!(borrowers.count(at(0)), 3);
    }

    #[test]
    fn who_asked_counts_for_five_minutes_and_a_stream_while_it_is_open() {
        let mut borrowers = Borrowers::default();
        borrowers.asked(who(1), at(0));
        borrowers.opened(who(2), at(0));
        borrowers.opened(who(2), at(0));
        assert_eq!([0, 299, 300].map(|now| borrowers.count(at(now))), [2, 2, 1]);
        borrowers.closed(who(2), at(1000));
        assert_eq!(borrowers.count(at(2000)), 1, "the other stream is open");
        borrowers.closed(who(2), at(2000));
        assert_eq!([2299, 2300].map(|now| borrowers.count(at(now))), [1, 0]);
        assert_eq!(borrowers.count(at(0)), 2, "the clock was set back");
    }

    #[test]
    fn memory_is_bounded_and_open_streams_stay() {
        let mut borrowers = Borrowers::default();
        borrowers.opened(who(0), at(0));
        (1..500).for_each(|n| borrowers.asked(who(n), at(1)));
        assert_eq!((borrowers.count(at(1)), borrowers.0.len()), (MOST, MOST));
        assert_eq!(borrowers.count(at(10_000)), 1);
        (0..500).for_each(|n| borrowers.opened(who(n), at(2)));
        assert_eq!(borrowers.0.len(), MOST);
    }
}
