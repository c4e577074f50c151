//! Prints a failure: as lines for people, as one object for programs.

use crate::{json, text::escape};
use claviger::{reason::Location, remedy::Remedy};
use serde_json::json;
use std::{fmt::Write as _, time::Duration};

/// Content of a report.
pub(super) struct Report<'a> {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) remedy: Option<Remedy>,
    pub(super) location: Option<&'a Location>,
    pub(super) retry_after: Option<Duration>,
    pub(super) trail: &'a [String],
    pub(super) said: &'a [String],
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let place = self.location.map(|location| format!("{location}: ")).unwrap_or_default();
        let mut text = format!("claviger: {}{}\n", escape::line(&place), escape::lines(&self.message, "  "));
        for line in self.said {
            let _ = writeln!(text, "  its output: {}", escape::line(line));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "hint: {}", escape::lines(hint, "  "));
        }
        if let Some(delay) = self.retry_after {
            let _ = writeln!(
                text,
                "hint: another attempt is made in {} at the earliest",
                crate::render::time::span(delay)
            );
        }
        if !self.trail.is_empty() {
            text.push_str("trail:\n");
        }
        for step in self.trail {
            let _ = writeln!(text, "  {}", escape::line(step));
        }
        text
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({"error": {
            "reason": self.reason,
            "message": self.message,
            "hint": self.hint,
            "remedy": self.remedy.as_ref().map(json::remedy),
            "location": self.location.map(json::own_location),
            "retry_after_seconds": self.retry_after.map(|delay| delay.as_secs_f64()),
            "trail": self.trail,
            "said": self.said,
        }})
    }
}
