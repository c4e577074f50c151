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

/// A secret fresh from its source.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Provided {
    /// The secret; AWS keys are the text of [`crate::Keys`].
    #[serde(with = "crate::text")]
    pub secret: Secret<String>,
    /// When it expires; `None` if that is unknown.
    pub expires_at: Option<SystemTime>,
    /// What became known of it.
    pub facts: Facts,
}

/// What became known of a credential while it was obtained, or while it was not. Never a secret.
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
    /// Whether white space around it was left out.
    pub trimmed: bool,
}

/// One link of an SDK's chain and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Name: "environment", "profile", "imds", …
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub why: String,
}

/// What became of one source, or of one link of an SDK's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It provides the credential.
    Chosen,
    /// Nothing configures it.
    NotConfigured,
    /// Ruled out by the session's mode.
    Ignored,
    /// Configured, but a source before it won.
    Outranked,
    /// It stopped the walk.
    Refused,
    /// A link that was asked, and nothing answered: the next one is asked.
    Unanswered,
}

/// Why there is no credential. Its problem never repeats a server or a command, but for short error codes such as
/// `invalid_grant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// What a person is told.
    pub problem: Problem,
    /// Whether a person who signs in may fix it.
    pub sign_in_helps: bool,
    /// Whether trying again at once may help. Not so for output that is wrong and for deadlines.
    #[serde(default)]
    pub transient: bool,
    /// Whether a person could have helped, but no session waited to be asked.
    #[serde(default)]
    pub asleep: bool,
    /// Whether what was lent last is of no use any more, whatever its dates say.
    #[serde(default)]
    pub is_over: bool,
    /// The file that a person who signs in would write, or another program with a new token. Others may wait for the same.
    #[serde(default)]
    pub kept_in: Option<Box<PathBuf>>,
    /// The server that said when to try again, as in [`crate::Busy`].
    #[serde(default)]
    pub busy: Option<Box<String>>,
    /// Every link of the chain in the order it was asked.
    pub links: Vec<Link>,
}

// === impl Provided ===

impl Provided {
    /// A secret of which nothing more is known.
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

    /// A person who signs in may fix it.
    pub fn sign_in(message: impl Into<String>) -> Self {
        Self { sign_in_helps: true, ..Self::new(Reason::LoginRequired, message) }
    }

    /// Whether this is its reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.problem.reason == reason
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem = self.problem.hint(hint);
        self
    }

    /// Adds what helps.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.problem = self.problem.remedy(remedy);
        self
    }

    /// Adds when another attempt can succeed, if the server said so: at most [`MAX_PAUSE`], in whole seconds.
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
