//! The trail of a chain: which link answered, and why the others did not.

use super::answer::{Answer, Found, Outcome, Trouble};
use crate::{resolve, sources::Link};

/// The links asked so far.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Link>);

impl Links {
    /// A link that is not configured, or does not answer here: the next one is asked.
    pub(super) fn pass(&mut self, name: &str, why: impl Into<String>) {
        self.push(name, resolve::Outcome::NotConfigured, why);
    }

    /// A link that a setting leaves out.
    pub(super) fn ignore(&mut self, name: &str, why: impl Into<String>) {
        self.push(name, resolve::Outcome::Ignored, why);
    }

    /// The link that answered.
    pub(super) fn found(mut self, name: &str, why: impl Into<String>, found: Found) -> Answer {
        self.push(name, resolve::Outcome::Chosen, why);
        Answer { outcome: Outcome::Found(found), links: self.0 }
    }

    /// A link that is configured and failed: no other identity takes its place.
    pub(super) fn refused(mut self, name: &str, trouble: Trouble) -> Answer {
        self.push(name, resolve::Outcome::Refused, trouble.message.clone());
        self.end(trouble)
    }

    /// No link answered.
    pub(super) fn end(self, trouble: Trouble) -> Answer {
        Answer { outcome: Outcome::Trouble(trouble), links: self.0 }
    }

    fn push(&mut self, name: &str, outcome: resolve::Outcome, why: impl Into<String>) {
        self.0.push(Link { name: name.to_owned(), outcome, why: why.into() });
    }
}
