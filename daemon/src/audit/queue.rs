//! Lines that wait for the disk, and what is known of those that could not. Pure.

use super::{line::Line, repeats::Repeats};
use crate::host::audit_file::Unwritten;
use claviger::audit::AuditEvent;
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Text that may wait for the disk, in bytes, before further lines are lost.
pub(super) const MAX_PENDING: usize = 1024 * 1024;
/// Shortest time between two lines about calls that were turned away.
const REJECTIONS: Duration = Duration::from_secs(1);

/// Lines that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    text: Vec<u8>,
    /// Lines in `text`.
    lines: u64,
    /// Lines being written just now.
    under_way: u64,
    /// Lost since the audit log last said so, and when the first of them was.
    untold: Option<(u64, SystemTime)>,
    /// Lost since the daemon started, and when the first of them was.
    lost: Option<(u64, SystemTime)>,
    /// Calls turned away that no line tells of yet, and when the last such line was.
    rejections: (u64, Option<SystemTime>),
    /// Lines that others are compared with.
    repeats: Repeats,
    /// Why the last attempt failed.
    pub(super) trouble: Option<String>,
}

/// How the audit log is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it is.
    pub path: PathBuf,
    /// Lines lost since the daemon started, and when the first of them was.
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

    /// Those that waited longer come first.
    fn tell_of_lost(&mut self, now: SystemTime) {
        if let Some((count, since)) = self.untold.take() {
            self.add(Line::of(AuditEvent::Lost, "lost").count(count, Some(since)), now);
        }
    }

    /// Whether equal lines were counted that no line tells of yet.
    pub(super) fn has_counted(&self) -> bool {
        self.repeats.has_counted()
    }

    /// Tells of all equal lines that were counted.
    pub(super) fn end_counts(&mut self, now: SystemTime) {
        self.tell_counts(now, true);
    }

    /// Tells of those whose minute is over, or of all.
    fn tell_counts(&mut self, now: SystemTime, all: bool) {
        for (line, repeat) in self.repeats.end(now, all) {
            Line::write_repeat(&mut self.text, &line, (repeat.count, repeat.since), repeat.last);
            self.text.push(b'\n');
            self.lines += 1;
        }
    }

    /// Everything that waits, to be written now.
    pub(super) fn take(&mut self, now: SystemTime) -> Vec<u8> {
        self.tell_counts(now, false);
        if self.text.is_empty() {
            self.tell_of_lost(now);
        }
        self.under_way = std::mem::take(&mut self.lines);
        std::mem::take(&mut self.text)
    }

    /// Notes what became of `lines`; says whether there was trouble before.
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

    /// Counts a call that was turned away; how many there were, if it is time to tell.
    pub(super) fn count_rejection(&mut self, now: SystemTime) -> Option<u64> {
        let (count, told) = &mut self.rejections;
        *count += 1;
        // A clock that was set back tells at once.
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
