//! The pattern of the pauses between a session's hook calls. A tool whose key is rejected calls with the pauses of a
//! retry. A tool that starts sub-agents, or runs its hook for each conversation, has its own pattern. Pure.

use std::time::Duration;

/// The pauses of a retry after a 401 (`spec/behaviour.md` D). Later ones are unknown, and assumed to equal the last.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(9),
    Duration::from_secs(19),
    Duration::from_secs(36),
];
/// A pause may be longer by half of itself plus this: the time of the request, and of starting the hook.
const REQUEST: Duration = Duration::from_millis(400);
/// A session that was silent for this many times its longest usual pause starts a new pattern.
const QUIET: u32 = 4;

/// How a session calls its hook while its last credential should still work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::broker) struct Habit {
    /// After a doubt: the index of the next pause of a retry, and the pause before the doubt.
    retries: Option<(usize, Duration)>,
    /// The shortest and the longest pause between calls that were not retries.
    usual: Option<(Duration, Duration)>,
}

/// The meaning of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Meaning {
    /// The session's credential was rejected.
    Rejected,
    /// Nothing: the session calls often. If it seemed to doubt its credential before, it did not.
    Usual,
}

impl Habit {
    /// The meaning of a call that comes `pause` after the last answer, and the new habit.
    pub(super) fn call(self, pause: Duration) -> (Meaning, Self) {
        let first = |usual| (Meaning::Rejected, Self { retries: Some((1, pause)), usual });
        match (self.retries, self.usual) {
            (Some((next, before)), _) if fits(pause, next) => {
                (Meaning::Rejected, Self { retries: Some((next + 1, before)), ..self })
            }
            (None, None) => first(None),
            (None, Some((_, longest))) if pause > longest * QUIET => first(None),
            (None, Some((shortest, _))) if fits(pause, 0) && pause < shortest / 2 => first(self.usual),
            (retries, usual) => {
                // The apparent doubt was a usual call, too.
                let (shortest, longest) =
                    usual.or(retries.map(|(_, before)| (before, before))).unwrap_or((pause, pause));
                let usual = Some((shortest.min(pause), longest.max(pause)));
                (Meaning::Usual, Self { retries: None, usual })
            }
        }
    }
}

/// Whether `pause` can be the retry pause with this index.
fn fits(pause: Duration, number: usize) -> bool {
    let expected = PAUSES[number.min(PAUSES.len() - 1)];
    pause >= expected.mul_f64(0.9) && pause <= expected.mul_f64(1.5) + REQUEST
}

#[cfg(test)]
mod tests {
    use super::{Habit, Meaning};
    use std::time::Duration;

    /// Which of the calls with these pauses, in tenths of a second, mean that the key was rejected.
    fn doubts(pauses: &[u64]) -> Vec<usize> {
        let mut habit = Habit::default();
        let mut found = Vec::new();
        for (number, pause) in pauses.iter().enumerate() {
            let (meaning, next) = habit.call(Duration::from_millis(pause * 100));
            habit = next;
            found.extend((meaning == Meaning::Rejected).then_some(number));
        }
        found
    }

    #[test]
    fn pauses_of_retries_and_of_habits() {
        for (what, pauses, expected) in [
            ("a rejection after a while", &[300][..], &[0][..]),
            ("a key that stays bad", &[11, 11, 21, 41, 91, 192, 362, 363], &[0, 1, 2, 3, 4, 5, 6, 7]),
            ("one call every 4 s", &[40; 49], &[0]),
            ("conversations that are switched", &[50, 30, 120, 40, 70, 25, 60], &[0]),
            ("one call every 4 s, then a rejection", &[40, 40, 40, 40, 11, 11, 20], &[0, 4, 5, 6]),
            ("a rejection, and another one later", &[50, 300, 11], &[0, 2]),
            ("often at first, then quiet, then a rejection", &[50, 30, 30, 900], &[0, 3]),
            ("as often as a retry, and not slower", &[11; 8], &[0, 1]),
        ] {
            assert_eq!(doubts(pauses), expected, "{what}");
        }
    }
}
