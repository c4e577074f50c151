//! What became of a link.

use claviger::reason::Reason;
use claviger_child::{Declined, Provided};

/// What became of a link.
pub(super) enum LinkResult {
    /// It has a token.
    Provided(Provided),
    /// Not configured, or nothing here: the next one is asked.
    Passed(String),
    /// Asked, and nothing answered: the next one is asked.
    Unanswered(String),
    /// A developers' tool failed, and that says nothing of who is logged in: the next one is asked.
    Failed(Reason, String),
    /// Configured, and failed.
    Refused(Declined),
}

impl From<Result<Provided, Declined>> for LinkResult {
    fn from(result: Result<Provided, Declined>) -> Self {
        result.map_or_else(Self::Refused, Self::Provided)
    }
}
