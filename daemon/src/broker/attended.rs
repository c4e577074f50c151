//! Who sees in a terminal what becomes of an entry. Nobody has to be called to the desktop for that.

use super::{Broker, entry::Entry};
use crate::key::SourceKey;
use std::sync::Arc;

/// A session in a terminal that follows an entry, or waits for it.
#[derive(Debug)]
pub(super) struct Attended {
    broker: Arc<Broker>,
    key: SourceKey,
}

impl Broker {
    /// Counts a session that waits, if it is in a terminal.
    pub(super) fn attend(self: &Arc<Self>, key: SourceKey, interactive: bool) -> Option<Attended> {
        self.attend_entry(self.lock().get_mut(&key)?, key, interactive)
    }

    /// As [`Broker::attend`], for who holds the entry.
    pub(super) fn attend_entry(
        self: &Arc<Self>,
        entry: &mut Entry,
        key: SourceKey,
        interactive: bool,
    ) -> Option<Attended> {
        interactive.then(|| {
            entry.attended += 1;
            Attended { broker: self.clone(), key }
        })
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(entry) = self.broker.lock().get_mut(&self.key) {
            entry.attended = entry.attended.saturating_sub(1);
        }
        self.broker.attention.notify_one();
    }
}
