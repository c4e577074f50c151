//! What the session says, besides the files that it names.

use super::variable;

/// What is known of the session besides its environment.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// It has AWS keys of its own, which it keeps to itself.
    pub(crate) keeps_aws_keys: bool,
}

/// Whom to bill, if the environment says so.
pub(super) fn quota_project() -> Option<String> {
    variable("GOOGLE_CLOUD_QUOTA_PROJECT")
}
