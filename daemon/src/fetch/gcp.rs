//! gcp.

use super::{Answer, Trouble, links::Links};
use claviger::reason::Reason;

/// A token.
pub(super) async fn fetch() -> Answer {
    Links::default().end(Trouble::new(Reason::NoCredential, "not written yet"))
}
