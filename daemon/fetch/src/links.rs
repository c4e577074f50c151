//! The links of a chain in the order asked, and the end of a chain.

use crate::answer::Fetched;
use claviger_child::{Declined, Link, Outcome, Provided};

/// The links asked so far.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Link>);

impl Links {
    /// A link that is not configured, or not available here: the next one is asked.
    pub(super) fn pass(&mut self, name: &str, why: impl Into<String>) {
        self.push(name, Outcome::NotConfigured, why);
    }

    /// A link that was asked without an answer: the next one is asked.
    pub(super) fn unanswered(&mut self, name: &str, why: impl Into<String>) {
        self.push(name, Outcome::Unanswered, why);
    }

    /// A link that a setting excludes.
    pub(super) fn ignore(&mut self, name: &str, why: impl Into<String>) {
        self.push(name, Outcome::Ignored, why);
    }

    /// The link that answered.
    pub(super) fn found(mut self, name: &str, why: impl Into<String>, mut provided: Provided) -> Fetched {
        self.push(name, Outcome::Chosen, why);
        provided.facts.link = Some(name.to_owned());
        provided.facts.links = self.0;
        Ok(provided)
    }

    /// A configured link that failed: no other identity replaces it.
    pub(super) fn refused(mut self, name: &str, declined: Declined) -> Fetched {
        self.push(name, Outcome::Refused, declined.problem.message.clone());
        self.end(declined)
    }

    /// No link answered.
    pub(super) fn end(self, declined: Declined) -> Fetched {
        Err(Declined { links: self.0, ..declined })
    }

    fn push(&mut self, name: &str, outcome: Outcome, why: impl Into<String>) {
        self.0.push(Link { name: name.to_owned(), outcome, why: why.into() });
    }
}
