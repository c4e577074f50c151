//! What a `clavigerd fetch` child says on stdout: one JSON object. The daemon's side of it is in `sources::sdk`.

use crate::{pauses, sources::Link};
use claviger::{
    reason::{Problem, Reason},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest answer, in bytes. A token of 16 KiB and every link of a chain fit.
pub const MAX_ANSWER: usize = 64 * 1024;

/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = pauses::MAX_TOLD;

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// What came of it.
    pub outcome: Outcome,
    /// Every link of the chain in the order it was asked.
    pub links: Vec<Link>,
}

/// What came of a fetch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A credential.
    Found(Found),
    /// None, and why.
    Trouble(Trouble),
}

/// A credential.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// The secret; with AWS the text of [`crate::sources::aws_keys::Keys`].
    #[serde(with = "super::secret")]
    pub secret: Secret<String>,
    /// When it expires, in milliseconds since 1970; `None` if it says nothing of that.
    pub expires_at_ms: Option<u64>,
    /// Region that its configuration names.
    #[serde(default)]
    pub region: Option<String>,
    /// Project that its configuration names.
    #[serde(default)]
    pub project: Option<String>,
    /// Project to bill.
    #[serde(default)]
    pub quota_project: Option<String>,
    /// Account, tenant or e-mail address it belongs to.
    #[serde(default)]
    pub account: Option<String>,
    /// Generation of the record in the local store that it comes from.
    #[serde(default)]
    pub stored: Option<u64>,
    /// When that secret was issued, in milliseconds since 1970.
    #[serde(default)]
    pub issued_at_ms: Option<u64>,
}

/// Why there is no credential. Never holds a secret, nor what a server or a command said word for word, but for short
/// error codes such as `invalid_grant`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Word of [`Reason`].
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Seconds until another attempt can succeed, if the server said so.
    pub retry_after: Option<u64>,
    /// Whether a person who signs in may mend it.
    pub mendable: bool,
}

// === impl Found ===

impl Found {
    /// A secret of which nothing more is known.
    pub fn new(secret: Secret<String>, expires_at: Option<SystemTime>) -> Self {
        let since = expires_at.map(|at| at.duration_since(UNIX_EPOCH).unwrap_or_default());
        let expires_at_ms = since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self {
            secret,
            expires_at_ms,
            region: None,
            project: None,
            quota_project: None,
            account: None,
            stored: None,
            issued_at_ms: None,
        }
    }

    /// When it expires. What no clock can show counts as unknown.
    pub fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.expires_at_ms?))
    }

    /// When it was issued, if it was kept since.
    pub fn issued_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.issued_at_ms?))
    }
}

// === impl Trouble ===

impl Trouble {
    /// Trouble that nobody can mend by signing in.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.as_str().to_owned(), message.into());
        Self { reason, message, hint: None, retry_after: None, mendable: false }
    }

    /// Trouble that a person may mend by signing in.
    pub fn sign_in(message: impl Into<String>) -> Self {
        Self { mendable: true, ..Self::new(Reason::LoginRequired, message) }
    }

    /// Whether this is its reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == reason.as_str()
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds when another attempt can succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Option<Duration>) -> Self {
        self.retry_after = delay.map(|delay| delay.min(MAX_PAUSE).as_secs());
        self
    }

    /// As the daemon tells it.
    pub fn problem(self) -> Problem {
        let mut problem = Problem::new(Reason::parse(&self.reason).unwrap_or(Reason::Bug), self.message);
        problem.hint = self.hint;
        problem.retry_after = self.retry_after.map(Duration::from_secs);
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Found, Outcome, Trouble};
    use crate::{resolve, sources::Link};
    use claviger::{reason::Reason, secret::Secret};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn survives_the_pipe() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let link = Link { name: "profile".into(), outcome: resolve::Outcome::Chosen, why: "x".into() };
        let found = Found::new(Secret::new("canary".to_owned()), Some(at));
        let answer = Answer { outcome: Outcome::Found(found), links: vec![link] };
        assert!(!format!("{answer:?}").contains("canary"));
        let text = serde_json::to_string(&answer).expect("JSON");
        let back: Answer = serde_json::from_str(&text).expect("JSON");
        let Outcome::Found(found) = back.outcome else { panic!("found") };
        assert_eq!((found.secret.expose().as_str(), found.expires_at()), ("canary", Some(at)));
    }

    #[test]
    fn trouble_is_a_problem() {
        let trouble = Trouble::sign_in("x").hint("y").retry_after(Some(Duration::from_secs(7)));
        let problem = trouble.problem();
        assert_eq!(
            (problem.reason, problem.retry_after),
            (Reason::LoginRequired, Some(Duration::from_secs(7)))
        );
    }
}
