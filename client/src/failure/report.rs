//! Prints a failure: as lines for people, as one object for programs.

use crate::{
    json::{self, form},
    text::escape,
};
use claviger::{reason::Location, remedy::Remedy};
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
}

form! {
    /// A failure.
    fn failed(report: &Report<'_>) -> Failed {
        error: Error = error(report),
    }

    /// Why something failed; docs/exit-codes.md lists the reasons.
    fn error(report: &Report<'_>) -> Error {
        reason: &'static str = report.reason,
        message: String = report.message.clone(),
        hint: Option<String> = report.hint.clone(),
        remedy: Option<json::Remedy> = report.remedy.as_ref().map(json::remedy),
        location: Option<json::Location> = report.location.map(json::own_location),
        retry_after_seconds: Option<f64> = report.retry_after.map(|delay| delay.as_secs_f64()),
        /// Sources that were passed over.
        trail: Vec<String> = report.trail.to_vec(),
        /// The last lines that a command printed on stderr.
        said: Vec<String> = report.said.to_vec(),
    }
}
