//! Identities of logins.

use claviger::reason::Reason;
use claviger_child::Declined;
use ring::rand::{SecureRandom as _, SystemRandom};

/// A random identity: 128 bits in hex.
pub(super) fn random() -> Result<String, Declined> {
    let mut bytes = [0_u8; 16];
    let no_randomness = |_| Declined::new(Reason::SourceUnavailable, "the system has no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(no_randomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
