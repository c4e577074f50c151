//! What the SDK's errors mean. Their texts can hold what a server or a command said, so little of them is repeated.

use super::{CredentialsError, Trouble};
use claviger::reason::Reason;
use std::error::Error;

/// Why a link has nothing.
pub(super) fn not_loaded(error: &CredentialsError) -> String {
    error.source().map_or_else(|| "not configured".to_owned(), |source| source.to_string())
}

/// Why a link that is configured failed.
pub(super) fn trouble(name: &str, error: &CredentialsError) -> Trouble {
    match error {
        CredentialsError::InvalidConfiguration(_) => {
            Trouble::new(Reason::SettingsInvalid, format!("the {name} of AWS is not configured properly"))
        }
        CredentialsError::ProviderTimedOut(_) => {
            Trouble::new(Reason::SourceTimeout, format!("the {name} of AWS did not answer in time"))
        }
        _ => Trouble::sign_in(format!("the {name} of AWS gave no credentials")),
    }
}
