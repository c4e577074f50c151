//! Lines that wait for the disk, and counts of lost ones. Pure.

use super::{line::Line, repeats::Repeats};
use crate::host::audit_file::Unwritten;
use claviger::audit::AuditEvent;
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Most bytes that may wait for the disk before lines are lost.
pub(super) const MAX_PENDING: usize = 1024 * 1024;
/// Shortest time between two lines about refused calls.
const REJECTIONS: Duration = Duration::from_secs(1);

/// Lines that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    text: Vec<u8>,
    /// Lines in `text`.
    lines: u64,
    /// Lines being written now.
    under_way: u64,
    /// Number of lost lines since the audit log last reported them, and time of the first.
    untold: Option<(u64, SystemTime)>,
    /// Number of lost lines since the daemon started, and time of the first.
    lost: Option<(u64, SystemTime)>,
    /// Number of refused calls without a line yet, and time of the last such line.
    rejections: (u64, Option<SystemTime>),
    /// Recent lines, for finding equal ones.
    repeats: Repeats,
    /// Problem of the last attempt.
    pub(super) trouble: Option<String>,
}

/// State of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its path.
    pub path: PathBuf,
    /// Number of lost lines since the daemon started, and time of the first.
    pub lost: Option<(u64, SystemTime)>,
    /// Lines that wait for the disk.
    pub waiting: u64,
    /// Why it cannot be written now.
    pub trouble: Option<String>,
}

impl Queue {
    /// Adds a line, and returns whether the writer has to be woken.
    pub(super) fn push(&mut self, line: Line<'_>, now: SystemTime) -> bool {
        if line.can_repeat() {
            let text = line.without_time();
            let had_counted = self.repeats.has_counted();
            if self.repeats.count(&text, now) {
                return !had_counted;
            }
            self.tell_counts(now, self.repeats.is_full());
            self.repeats.remember(text, now);
        }
        if self.text.len() >= MAX_PENDING {
            for lost in [&mut self.untold, &mut self.lost] {
                let (count, since) = lost.unwrap_or((0, now));
                *lost = Some((count + 1, since));
            }
            return false;
        }
        let is_first = self.text.is_empty();
        self.tell_of_lost(now);
        self.add(line, now);
        is_first
    }

    fn add(&mut self, line: Line<'_>, now: SystemTime) {
        line.stamped(now).write(&mut self.text);
        self.text.push(b'\n');
        self.lines += 1;
    }

    /// Lines that waited longer come first.
    fn tell_of_lost(&mut self, now: SystemTime) {
        if let Some((count, since)) = self.untold.take() {
            self.add(Line::of(AuditEvent::Lost, "lost").count(count, Some(since)), now);
        }
    }

    /// Whether there are counted lines that no line reports yet.
    pub(super) fn has_counted(&self) -> bool {
        self.repeats.has_counted()
    }

    /// Reports all counted lines.
    pub(super) fn end_counts(&mut self, now: SystemTime) {
        self.tell_counts(now, true);
    }

    /// Reports counted lines after their minute, or all of them.
    fn tell_counts(&mut self, now: SystemTime, all: bool) {
        for (line, repeat) in self.repeats.end(now, all) {
            Line::write_repeat(&mut self.text, &line, (repeat.count, repeat.since), repeat.last);
            self.text.push(b'\n');
            self.lines += 1;
        }
    }

    /// All waiting lines, to be written now.
    pub(super) fn take(&mut self, now: SystemTime) -> Vec<u8> {
        self.tell_counts(now, false);
        if self.text.is_empty() {
            self.tell_of_lost(now);
        }
        self.under_way = std::mem::take(&mut self.lines);
        std::mem::take(&mut self.text)
    }

    /// Records the result of writing `lines`; returns whether there was a problem before.
    pub(super) fn written(&mut self, mut lines: Vec<u8>, done: &Result<(), Unwritten>) -> bool {
        self.under_way = 0;
        let trouble = match done {
            Ok(()) => None,
            Err(Unwritten { written, error }) => {
                lines.drain(..*written);
                lines.append(&mut self.text);
                self.lines = count(&lines);
                self.text = lines;
                Some(error.to_string())
            }
        };
        std::mem::replace(&mut self.trouble, trouble).is_some()
    }

    /// Counts a refused call; returns their number if it is time to report it.
    pub(super) fn count_rejection(&mut self, now: SystemTime) -> Option<u64> {
        let (count, told) = &mut self.rejections;
        *count += 1;
        // If the clock was set back, reports at once.
        let is_soon = |told: SystemTime| now.duration_since(told).is_ok_and(|passed| passed < REJECTIONS);
        if told.is_some_and(is_soon) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(count))
    }

    /// The state, for people.
    pub(super) fn state(&self, path: &Path) -> State {
        let waiting = if self.trouble.is_some() { self.under_way + self.lines } else { 0 };
        State { path: path.to_owned(), lost: self.lost, waiting, trouble: self.trouble.clone() }
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}
