//! Shared parts of all keyrings: the name of items, and refusals.

/// Service that items are filed under.
pub(super) const SERVICE: &str = "claviger";

/// Why it failed. Its own texts can quote their subject, so only the kind is reported.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    Locked,
    Absent,
    /// It answers, but has no collection for items.
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "a Keychain is a collection"))]
    Empty,
    Failed,
}
