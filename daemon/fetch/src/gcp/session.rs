//! Facts about the session, besides the files that it names.

use super::variable;
use claviger_child::Lent;

/// Facts about the session besides its environment.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    /// It has AWS keys of its own, which it does not send.
    pub(crate) keeps_aws_keys: bool,
    /// Those that it lends.
    pub(crate) lent: &'a Lent,
}

/// The project to bill, if the environment names one.
pub(super) fn quota_project() -> Option<String> {
    variable("GOOGLE_CLOUD_QUOTA_PROJECT")
}
