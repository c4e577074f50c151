//! Equal lines: the first is written, and the ones that follow within a minute are reported as a number. Pure.

use std::{
    collections::HashMap,
    mem,
    time::{Duration, SystemTime},
};

/// How long equal lines are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Most recent lines that are remembered; one has about 400 bytes.
const MOST: usize = 256;

/// Recent lines: all of their fields except time and process.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<Vec<u8>, Repeat>);

/// Count of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    begun: SystemTime,
    /// Number after the first.
    pub(super) count: u64,
    /// Time of the first of these.
    pub(super) since: SystemTime,
    /// Time of the last.
    pub(super) last: SystemTime,
}

impl Repeats {
    /// Counts a line that equals one of the last minute; `false` if it must be written.
    pub(super) fn count(&mut self, line: &[u8], now: SystemTime) -> bool {
        let Some(repeat) = self.0.get_mut(line).filter(|repeat| repeat.is_open(now)) else { return false };
        if repeat.count == 0 {
            repeat.since = now;
        }
        (repeat.count, repeat.last) = (repeat.count + 1, now);
        true
    }

    /// Remembers a written line.
    pub(super) fn remember(&mut self, line: Vec<u8>, now: SystemTime) {
        self.0.insert(line, Repeat { begun: now, count: 0, since: now, last: now });
    }

    /// Whether there is no room for another line.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Whether there is a count that no line reports yet.
    pub(super) fn has_counted(&self) -> bool {
        self.0.values().any(|repeat| repeat.count > 0)
    }

    /// Forgets lines after their minute, or all of them, and returns their counts.
    pub(super) fn end(&mut self, now: SystemTime, all: bool) -> Vec<(Vec<u8>, Repeat)> {
        let (open, over) =
            mem::take(&mut self.0).into_iter().partition(|(_, repeat)| !all && repeat.is_open(now));
        self.0 = open;
        let over: HashMap<_, _> = over;
        let mut counted: Vec<_> = over.into_iter().filter(|(_, repeat)| repeat.count > 0).collect();
        counted.sort_by_key(|(_, repeat)| repeat.last);
        counted
    }
}

impl Repeat {
    /// Not if the clock was set back.
    fn is_open(&self, now: SystemTime) -> bool {
        now.duration_since(self.begun).is_ok_and(|passed| passed < WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Repeats, WINDOW};
    use std::time::{Duration, SystemTime};

    #[test]
    fn equal_lines_of_a_minute_are_counted() {
        let (start, mut repeats) = (SystemTime::UNIX_EPOCH + WINDOW, Repeats::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!repeats.count(b"a", at(0)));
        repeats.remember(b"a".to_vec(), at(0));
        assert!(!repeats.has_counted() && repeats.end(at(10), false).is_empty());
        assert!([1, 2, 59].into_iter().all(|seconds| repeats.count(b"a", at(seconds))));
        assert!(!repeats.count(b"b", at(3)) && repeats.has_counted());
        assert!(repeats.end(at(59), false).is_empty());
        assert!(!repeats.count(b"a", at(60)), "its minute is over");
        let counted = repeats.end(at(60), false);
        let told: Vec<_> = counted
            .iter()
            .map(|(line, repeat)| (&line[..], repeat.count, repeat.since, repeat.last))
            .collect();
        assert_eq!(told, [(&b"a"[..], 3, at(1), at(59))]);
        repeats.remember(b"a".to_vec(), at(60));
        assert!(!repeats.count(b"a", at(59)), "the clock was set back");
        assert!(repeats.count(b"a", at(61)));
        assert_eq!(repeats.end(at(61), true).len(), 1);
        assert!(!repeats.has_counted() && !repeats.count(b"a", at(61)));
        (0..MOST).for_each(|line| repeats.remember(line.to_string().into_bytes(), at(0)));
        assert!(repeats.is_full());
    }
}
