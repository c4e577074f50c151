//! A credential, or why there is none.

use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// Longest pause that a server may ask for (`Retry-After`).
pub const MAX_PAUSE: Duration = Duration::from_secs(300);

/// A new secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Provided {
    /// The secret; AWS keys are the text of [`crate::Keys`].
    #[serde(with = "crate::text")]
    pub secret: Secret<String>,
    /// When it expires; `None` if unknown.
    pub expires_at: Option<SystemTime>,
    /// Details found with it.
    pub facts: Facts,
}

/// Details found in an attempt to obtain a credential, successful or not. Never a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The link of an SDK's chain that answered.
    pub link: Option<String>,
    /// Every link in the order it was asked.
    pub links: Vec<Link>,
    /// Region that the credential's own configuration names.
    pub region: Option<String>,
    /// Project that the credential's own configuration names.
    pub project: Option<String>,
    /// Project to bill (Vertex).
    pub quota_project: Option<String>,
    /// Account, tenant or e-mail address it belongs to.
    pub account: Option<String>,
    /// Generation of the record in the local store that it comes from.
    pub stored: Option<u64>,
    /// When that secret was issued.
    pub issued_at: Option<SystemTime>,
    /// Whether white space around it was removed.
    pub trimmed: bool,
}

/// One link of an SDK's chain and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Name: "environment", "profile", "imds", …
    pub name: String,
    /// Its result.
    pub outcome: Outcome,
    /// The reason, in one sentence.
    pub why: String,
}

/// Result of one source, or of one link of an SDK's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It provides the credential.
    Chosen,
    /// Nothing configures it.
    NotConfigured,
    /// Excluded by the session's mode.
    Ignored,
    /// Configured, but a source before it won.
    Outranked,
    /// Resolution stopped here.
    Refused,
    /// A link that was asked and had no answer: the next one is asked.
    Unanswered,
}

/// Why there is no credential. Its problem never repeats text of a server or a command, except short error codes such
/// as `invalid_grant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// The problem for a person.
    pub problem: Problem,
    /// Whether signing in may fix it.
    pub sign_in_helps: bool,
    /// Whether an immediate retry may help. Not after invalid output or a timeout.
    #[serde(default)]
    pub transient: bool,
    /// Whether a person could have helped, but no session was waiting.
    #[serde(default)]
    pub asleep: bool,
    /// Whether the credential lent last is invalid now, whatever its dates are.
    #[serde(default)]
    pub is_over: bool,
    /// The file that a sign-in, or another program with a new token, would write. Several may wait for the same.
    #[serde(default)]
    pub kept_in: Option<Box<PathBuf>>,
    /// The server that asked for a pause, as in [`crate::Busy`].
    #[serde(default)]
    pub busy: Option<Box<String>>,
    /// Every link of the chain in the order it was asked.
    pub links: Vec<Link>,
}

// === impl Provided ===

impl Provided {
    /// A secret without further details.
    pub fn new(secret: Secret<String>, expires_at: Option<SystemTime>) -> Self {
        Self { secret, expires_at, facts: Facts::default() }
    }
}

// === impl Declined ===

impl Declined {
    /// Signing in does not help.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Problem::new(reason, message).into()
    }

    /// Signing in may fix it.
    pub fn sign_in(message: impl Into<String>) -> Self {
        Self { sign_in_helps: true, ..Self::new(Reason::LoginRequired, message) }
    }

    /// Whether this is its reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.problem.reason == reason
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem = self.problem.hint(hint);
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.problem = self.problem.remedy(remedy);
        self
    }

    /// Adds the time of the next attempt, if the server named it: at most [`MAX_PAUSE`], in whole seconds.
    #[must_use]
    pub fn retry_after(mut self, delay: Option<Duration>) -> Self {
        self.problem.retry_after = delay.map(|delay| Duration::from_secs(delay.min(MAX_PAUSE).as_secs()));
        self
    }
}

impl From<Problem> for Declined {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            sign_in_helps: false,
            transient: false,
            asleep: false,
            is_over: false,
            kept_in: None,
            busy: None,
            links: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Declined, Facts, Link, MAX_PAUSE, Outcome, Provided};
    use claviger::{reason::Reason, secret::Secret};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_credential_survives_the_pipe() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let link = Link { name: "profile".into(), outcome: Outcome::Chosen, why: "x".into() };
        let provided = Provided {
            facts: Facts { links: vec![link], ..Facts::default() },
            ..Provided::new(Secret::new("canary".to_owned()), Some(at))
        };
        assert!(!format!("{provided:?}").contains("canary"));
        let text = serde_json::to_string(&Ok::<_, Declined>(provided.clone())).expect("JSON");
        let back: Result<Provided, Declined> = serde_json::from_str(&text).expect("JSON");
        let back = back.expect("a credential");
        assert_eq!((back.secret.expose().as_str(), back.expires_at), ("canary", Some(at)));
        assert_eq!(back.facts, provided.facts);
    }

    #[test]
    fn a_failure_survives_the_pipe_and_its_pause_is_bounded() {
        let declined = Declined::sign_in("x").hint("y").retry_after(Some(MAX_PAUSE * 2));
        let text = serde_json::to_string(&Err::<Provided, _>(&declined)).expect("JSON");
        let back: Result<Provided, Declined> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back.expect_err("a failure"), declined);
        assert_eq!(declined.problem.retry_after, Some(MAX_PAUSE));
        assert!(declined.is(Reason::LoginRequired) && declined.sign_in_helps);
    }
}
