//! Result of a link.

use claviger::reason::Reason;
use claviger_child::{Declined, Provided};

/// Result of a link.
pub(super) enum LinkResult {
    /// It has a token.
    Provided(Provided),
    /// Not configured, or not available here: the next one is asked.
    Passed(String),
    /// Asked, without an answer: the next one is asked.
    Unanswered(String),
    /// A developers' tool failed without a statement about its login: the next one is asked.
    Failed(Reason, String),
    /// Configured, and failed.
    Refused(Declined),
}

impl From<Result<Provided, Declined>> for LinkResult {
    fn from(result: Result<Provided, Declined>) -> Self {
        result.map_or_else(Self::Refused, Self::Provided)
    }
}
