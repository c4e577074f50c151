//! Differences between the APIs behind gates, one file each.

pub(crate) mod anthropic;

use claviger::{Backend, Lease, Problem, Reason};

/// Checks that a gate can put a lease into requests.
///
/// # Errors
/// `policy-blocked` for APIs whose requests are signed, or whose clients do not send them here.
pub(crate) fn admit(lease: &Lease) -> Result<(), Problem> {
    match lease.backend {
        Backend::Anthropic => Ok(()),
        other => {
            let message = format!("requests to {} do not go through a gate yet", other.name());
            Err(Problem::new(Reason::PolicyBlocked, message).hint("run the command without --gate"))
        }
    }
}
