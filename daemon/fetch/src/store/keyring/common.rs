//! What all keyrings share: the name that items have, and what is told of a refusal.

/// Service that items are filed under.
pub(super) const SERVICE: &str = "claviger";

/// Why it did not do as it was asked. Its own texts can quote what they are about, so only the kind is told.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    Locked,
    Absent,
    /// It is there, and has nothing that items could be in.
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "a Keychain is a collection"))]
    Empty,
    Failed,
}
