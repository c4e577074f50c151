//! Followers of an entry, and whether a terminal has shown its state. Pure.

use super::borrowers::{Borrower, Borrowers};
use std::time::SystemTime;

/// The audience of one entry.
#[derive(Debug, Default)]
pub(super) struct Audience {
    /// Open watch streams.
    watchers: u32,
    /// Sessions in a terminal that follow it or wait for it.
    attended: u32,
    /// Whether the last failure was shown in a terminal.
    told: bool,
    /// Sessions that use it.
    borrowers: Borrowers,
}

impl Audience {
    /// A stream of `who` was opened.
    pub(super) fn opened(&mut self, who: Borrower, now: SystemTime) {
        self.watchers += 1;
        self.borrowers.opened(who, now);
    }

    /// A stream of `who` has ended.
    pub(super) fn closed(&mut self, who: Borrower, now: SystemTime) {
        self.watchers = self.watchers.saturating_sub(1);
        self.borrowers.closed(who, now);
    }

    /// `who` asked.
    pub(super) fn asked(&mut self, who: Borrower, now: SystemTime) {
        self.borrowers.asked(who, now);
    }

    /// A session in a terminal starts to follow or wait.
    pub(super) fn attend(&mut self) {
        self.attended += 1;
    }

    /// It stops.
    pub(super) fn leave(&mut self) {
        self.attended = self.attended.saturating_sub(1);
    }

    /// A refresh failed, which sessions in a terminal show.
    pub(super) fn failed(&mut self) {
        self.told |= self.attended > 0;
    }

    /// A terminal has shown the current failure.
    pub(super) fn tell(&mut self) {
        self.told = true;
    }

    /// A refresh succeeded: a later failure is a new one.
    pub(super) fn recovered(&mut self) {
        self.told = false;
    }

    /// Open watch streams.
    pub(super) fn watchers(&self) -> u32 {
        self.watchers
    }

    /// Whether a session in a terminal follows it or waits for it.
    pub(super) fn is_attended(&self) -> bool {
        self.attended > 0
    }

    /// Whether a terminal shows its state, or has shown it, to a person.
    pub(super) fn is_told(&self) -> bool {
        self.told || self.is_attended()
    }

    /// Number of sessions that use it.
    pub(super) fn sessions(&self, now: SystemTime) -> usize {
        self.borrowers.count(now)
    }
}

#[cfg(test)]
mod tests {
    use super::Audience;

    #[test]
    fn a_failure_counts_as_told_to_those_who_attended_until_a_refresh_works() {
        let mut audience = Audience::default();
        audience.failed();
        assert!(!audience.is_told());
        audience.attend();
        audience.failed();
        audience.leave();
        assert!(audience.is_told() && !audience.is_attended());
        audience.recovered();
        assert!(!audience.is_told());
    }
}
