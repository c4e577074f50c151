//! Problems: why there is no credential.

pub use crate::cause::{Location, REASONS, Reason};

use crate::remedy::{self, Remedy};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A problem as shown to a person. Never holds a secret, a command line or the stdout of a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{}", self.sentence())]
pub struct Problem {
    /// Machine-readable cause.
    pub reason: Reason,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// The next step, in words, where the remedy needs explanation. Never names a command that is a remedy.
    pub hint: Option<String>,
    /// The remedy, if it is not [the usual one](remedy::usual).
    pub remedy: Option<Remedy>,
    /// Position of the cause.
    pub location: Option<Location>,
    /// How long until another attempt can succeed.
    pub retry_after: Option<Duration>,
    /// Every source that was skipped, and why ("source: reason").
    pub trail: Vec<String>,
    /// The last lines of the failed command. They are shown to the person and never serialised.
    #[serde(skip)]
    pub said: Said,
}

/// The last lines that a command wrote on stderr: few, short, without control characters and likely secrets. They are
/// still another program's text, so no log gets them: `Debug` shows only their number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said(pub Vec<String>);

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.0.len())
    }
}

// === impl Problem ===

impl Problem {
    /// A problem with neither hint nor location yet.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            hint: None,
            remedy: None,
            location: None,
            retry_after: None,
            trail: Vec::new(),
            said: Said::default(),
        }
    }

    /// Adds the last lines of the failed command.
    #[must_use]
    pub fn said(mut self, said: Said) -> Self {
        self.said = said;
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The remedy: its own, or the usual one of its reason.
    pub fn helps(&self) -> Option<Remedy> {
        self.remedy.clone().or_else(|| remedy::usual(self.reason, self.location.as_ref()))
    }

    /// The hint and the remedy, as text for people.
    pub fn advice(&self) -> Option<String> {
        Remedy::advice(self.helps().as_ref(), self.hint.as_deref())
    }

    /// The same for the session in `directory`: a remedy that depends on the session names it.
    #[must_use]
    pub fn within(mut self, directory: &str) -> Self {
        self.remedy = self.helps().map(|remedy| remedy.within(directory));
        self
    }

    /// The problem of the credential of the session in `directory`: another attempt may help, too.
    #[must_use]
    pub fn for_session(mut self, directory: &str) -> Self {
        self.remedy = self.helps().or_else(|| remedy::for_session(self.reason));
        self.within(directory)
    }

    /// Adds the position of the cause, if known.
    #[must_use]
    pub fn at<'a>(mut self, location: impl Into<Option<&'a Location>>) -> Self {
        self.location = location.into().cloned();
        self
    }

    /// Adds the variable that is the cause; the remedy is to correct it where it is set, or to unset it.
    #[must_use]
    pub fn set_by(self, variable: &str, at: Option<&Location>) -> Self {
        self.remedy(Remedy::without(&[variable], at)).at(at)
    }

    /// Adds the time until another attempt can succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    fn sentence(&self) -> String {
        match &self.location {
            Some(location) => format!("{location}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, Problem, REASONS, Reason};
    use std::collections::HashSet;

    #[test]
    fn words_are_distinct_and_parse_back() {
        let words: HashSet<_> = REASONS.map(Reason::as_str).into_iter().collect();
        assert_eq!(words.len(), REASONS.len());
        assert!(REASONS.into_iter().all(|reason| Reason::parse(reason.as_str()) == Some(reason)));
    }

    #[test]
    fn a_problem_names_file_line_and_column() {
        let at = Location { layer: "user".into(), file: "/h/settings.json".into(), line: 3, column: 7 };
        let problem = Problem::new(Reason::SettingsInvalid, "expected a string").at(&at);
        assert_eq!(problem.to_string(), "/h/settings.json:3:7: expected a string");
    }
}
