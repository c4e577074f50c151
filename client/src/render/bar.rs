//! Remaining lifetime of a credential, as a small bar and in words.

use super::time;
use crate::output::Glyphs;
use claviger::{proto::v1::CacheEntry, wire};
use std::time::{Duration, SystemTime};

/// Columns of a bar.
pub(crate) const WIDTH: usize = 6;

/// Remaining lifetime.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Left {
    /// There is no credential.
    Nothing,
    /// Its expiry is unknown.
    Endless,
    /// It has expired.
    Over,
    /// Remaining time, and its fraction (0 to 1) of the lifetime.
    Some(Duration, f64),
}

// === impl Left ===

impl Left {
    /// Remaining lifetime of a credential at `now`.
    pub(crate) fn of(entry: &CacheEntry, now: SystemTime) -> Self {
        if entry.generation == 0 {
            return Self::Nothing;
        }
        let Some(end) = entry.expires_at.as_ref().and_then(wire::system_time) else { return Self::Endless };
        let Ok(left) = end.duration_since(now) else { return Self::Over };
        if left.is_zero() {
            return Self::Over;
        }
        let start = entry.fetched_at.as_ref().and_then(wire::system_time).unwrap_or(now);
        let life = end.duration_since(start).unwrap_or_default().max(left);
        Self::Some(left, left.as_secs_f64() / life.as_secs_f64())
    }

    /// In words: "4 min 12 s"; seconds are left out for long times.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Nothing => "-".into(),
            Self::Endless => "no end".into(),
            Self::Over => "over".into(),
            Self::Some(left, _) if left >= Duration::from_secs(600) => {
                let minutes = Duration::from_secs(left.as_secs() / 60 * 60);
                time::span(minutes)
            }
            Self::Some(left, _) => time::span(left),
        }
    }

    /// The bar in two parts: remaining and elapsed.
    pub(crate) fn bar(self, glyphs: Glyphs) -> (String, String) {
        let part = match self {
            Self::Nothing => return Default::default(),
            Self::Endless => 1.0,
            Self::Over => 0.0,
            Self::Some(_, part) => part.clamp(0.0, 1.0),
        };
        // In half steps, and never empty before the end.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 12")]
        let halves = (part * (2 * WIDTH) as f64).ceil() as usize;
        let (full, half, rest) = (halves / 2, halves % 2, WIDTH - halves.div_ceil(2));
        match glyphs {
            Glyphs::Lines => ("━".repeat(full) + &"╸".repeat(half), "─".repeat(rest)),
            Glyphs::Ascii => ("=".repeat(full + half), "-".repeat(rest)),
        }
    }

    /// Whether so little remains that it should be marked.
    pub(crate) fn is_short(self) -> bool {
        matches!(self, Self::Some(_, part) if part < 0.2)
    }
}

#[cfg(test)]
mod tests {
    use super::{Glyphs, Left};
    use crate::render::samples;
    use claviger::proto::v1::CacheEntry;

    fn left(change: fn(&mut CacheEntry)) -> Left {
        let mut entry = samples::entry();
        change(&mut entry);
        Left::of(&entry, samples::now())
    }

    #[test]
    fn what_is_left_in_words_and_as_a_bar() {
        type Case = (fn(&mut CacheEntry), &'static str, &'static str, &'static str);
        let cases: [Case; 6] = [
            (|_| (), "4 min 12 s", "━━━━━╸", "======"),
            (|entry| entry.expires_at = samples::at(5), "5 s", "━─────", "=-----"),
            (|entry| entry.expires_at = samples::at(3659), "1 h", "━━━━━━", "======"),
            (|entry| entry.expires_at = None, "no end", "━━━━━━", "======"),
            (|entry| entry.expires_at = samples::at(0), "over", "──────", "------"),
            (|entry| entry.generation = 0, "-", "", ""),
        ];
        for (change, words, lines, ascii) in cases {
            let left = left(change);
            let bar = |glyphs| {
                let (left, gone) = left.bar(glyphs);
                left + &gone
            };
            assert_eq!((left.words().as_str(), bar(Glyphs::Lines).as_str()), (words, lines));
            assert_eq!(bar(Glyphs::Ascii), ascii);
        }
    }

    #[test]
    fn a_short_rest_is_marked_and_a_strange_date_does_no_harm() {
        assert!(left(|entry| entry.expires_at = samples::at(5)).is_short() && !left(|_| ()).is_short());
        assert_eq!(left(|entry| entry.fetched_at = samples::at(9999)).words(), "4 min 12 s");
    }
}
