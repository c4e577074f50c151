//! What the session says, besides the files that it names.

use super::variable;
use claviger_child::Lent;

/// What is known of the session besides its environment.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    /// It has AWS keys of its own, which it keeps to itself.
    pub(crate) keeps_aws_keys: bool,
    /// Those that it lends.
    pub(crate) lent: &'a Lent,
}

/// Whom to bill, if the environment says so.
pub(super) fn quota_project() -> Option<String> {
    variable("GOOGLE_CLOUD_QUOTA_PROJECT")
}
