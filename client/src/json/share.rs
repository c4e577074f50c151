//! Shares.

use super::parts::{instant, text};
use crate::text::words;
use claviger::proto::v1::Share;
use serde_json::{Value, json};

/// A share. It has no secret.
pub(crate) fn share(share: &Share) -> Value {
    json!({
        "name": share.name,
        "socket": share.socket,
        "source": share.source,
        "backend": words::backend(share.backend()),
        "account": text(&share.account),
        "profile": text(&share.profile),
        "directory": share.directory,
        "created_at": instant(share.created_at.as_ref()),
        "ends_at": instant(share.ends_at.as_ref()),
        "parent": share.parent,
        "lent": share.lent,
        "confirm": share.confirm,
    })
}
