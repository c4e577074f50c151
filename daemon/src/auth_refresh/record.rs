//! Results of the runs of one command: when the next one may start, and the message about the last one. Pure.

use crate::{
    host::command::CommandError,
    pauses,
    tried::{Tried, TryOrigin},
};
use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// The last runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Past {
    /// When the last one ended, and whether it succeeded.
    ended: Option<(SystemTime, bool)>,
    /// Runs in a row that led to no credential.
    useless: u32,
    /// Whether the last run has been counted among them: several cache entries may have waited for it.
    counted: bool,
    /// Surroundings from which it failed since the pause began, as digests.
    #[serde(default)]
    tried: Tried,
}

impl Past {
    /// Records the end of a run from `place`.
    pub(super) fn end(&mut self, now: SystemTime, well: bool, place: TryOrigin) {
        if well || self.until(now).is_none() || self.tried.has(place) {
            self.tried = Tried::default();
        }
        if !well {
            self.tried.note(place);
        }
        (self.ended, self.counted) = (Some((now, well)), false);
        if !well {
            self.note_use(false);
        }
    }

    /// Records whether a credential was available after a run.
    pub(super) fn note_use(&mut self, useful: bool) {
        if useful {
            self.useless = 0;
        } else if !self.counted {
            self.useless = self.useless.saturating_add(1);
        }
        self.counted = true;
    }

    /// Whether a run succeeded at `since` or later. If its end is after `now`, the clock was set back, and it proves
    /// nothing.
    pub(super) fn ended_well_between(&self, since: SystemTime, now: SystemTime) -> bool {
        self.ended.is_some_and(|(at, well)| well && (since..=now).contains(&at))
    }

    /// The end of the current pause.
    fn until(&self, now: SystemTime) -> Option<SystemTime> {
        let until = self.ended?.0 + pauses::report_pause(self.useless);
        pauses::holds_back(now, until).then_some(until)
    }

    /// Refuses another run too soon after the last one. A run that failed elsewhere, for example without a display, may
    /// succeed from `place`.
    pub(super) fn pause(
        &self,
        name: &str,
        at: &Location,
        now: SystemTime,
        place: TryOrigin,
    ) -> Result<(), Problem> {
        let Some(until) = self.until(now).filter(|_| !self.tried.lets(place)) else { return Ok(()) };
        let message = match self.useless {
            0 => {
                format!("{} ran just now, and the credentials are invalid again", name)
            }
            1 => format!("{} ran just now, and did not help", name),
            count => format!("{} ran {count} times in a row, and did not help", name),
        };
        Err(Problem::new(Reason::LoginRequired, message)
            .remedy(Remedy::refresh())
            .at(at)
            .retry_after(until.duration_since(now).unwrap_or_default()))
    }
}

pub(super) fn failed(name: &str, at: &Location, error: &CommandError) -> Problem {
    Problem::new(error.reason(), format!("{name} did not sign in: {error}"))
        .hint("it can be run again, and its output is shown then")
        .remedy(Remedy::refresh())
        .at(at)
}

pub(super) fn cancelled(name: &str, at: &Location) -> Problem {
    Problem::new(Reason::Cancelled, format!("{name} was cancelled")).remedy(Remedy::refresh()).at(at)
}

#[cfg(test)]
mod tests {
    use super::Past;
    use claviger::reason::{Location, Reason};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn left(past: &Past, now: u64) -> Option<Duration> {
        let problem = past.pause("awsAuthRefresh", &Location::default(), at(now), 0).err()?;
        assert_eq!(problem.reason, Reason::LoginRequired);
        problem.retry_after
    }

    #[test]
    fn the_pause_grows_while_runs_do_not_help() {
        let mut past = Past::default();
        assert_eq!(left(&past, 0), None);
        past.end(at(0), false, 0);
        assert_eq!(left(&past, 10), Some(Duration::from_secs(50)));
        assert_eq!(left(&past, 60), None);
        past.end(at(60), true, 0);
        (0..3).for_each(|_| past.note_use(false)); // three regions waited for one run
        assert_eq!(left(&past, 60), Some(Duration::from_secs(120)));
        past.end(at(200), true, 0);
        past.note_use(true);
        assert_eq!(left(&past, 200), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_clock_that_was_set_back_delays_no_session() {
        let mut past = Past::default();
        past.end(at(14_400), false, 0);
        assert_eq!(left(&past, 0), None);
    }

    #[test]
    fn only_a_later_run_that_ended_well_is_joined() {
        let mut past = Past::default();
        past.end(at(5), true, 0);
        assert!(past.ended_well_between(at(4), at(7)) && !past.ended_well_between(at(6), at(7)));
        assert!(!past.ended_well_between(at(1), at(3)), "the clock was set back");
        past.end(at(9), false, 0);
        assert!(!past.ended_well_between(at(8), at(9)));
    }

    #[test]
    fn another_place_has_a_run_of_its_own_within_the_pause() {
        let mut past = Past::default();
        let may_run = |past: &Past, place| past.pause("x", &Location::default(), at(10), place).is_ok();
        past.end(at(0), false, 1);
        assert_eq!([1, 2].map(|place| may_run(&past, place)), [false, true]);
        past.end(at(5), false, 2);
        past.end(at(6), false, 3);
        assert_eq!([1, 2, 3, 4].map(|place| may_run(&past, place)), [false; 4]);
        past.end(at(7), true, 4);
        assert!(!may_run(&past, 5), "it worked a moment ago");
    }
}
