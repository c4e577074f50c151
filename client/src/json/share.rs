//! Shares.

use super::parts::{instant, text};
use crate::text::words;
use claviger::proto::v1;

form! {
    /// A share. It has no secret.
    fn share(share: &v1::Share) -> Share {
        name: String = share.name.clone(),
        socket: String = share.socket.clone(),
        source: String = share.source.clone(),
        backend: String = words::backend(share.backend()),
        account: Option<String> = text(&share.account),
        /// The chosen AWS profile.
        profile: Option<String> = text(&share.profile),
        directory: String = share.directory.clone(),
        created_at: Option<String> = instant(share.created_at.as_ref()),
        ends_at: Option<String> = instant(share.ends_at.as_ref()),
        /// The process whose end also ends the share; 0: none.
        parent: u32 = share.parent,
        /// How often it lent.
        lent: u64 = share.lent,
        confirm: bool = share.confirm,
        /// Whether its socket is a gate, which lends nothing.
        gate: bool = share.gate,
    }
}
