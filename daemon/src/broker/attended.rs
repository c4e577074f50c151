//! Sessions whose terminal shows the state of an entry. They need no desktop notification.

use super::{Broker, entry::Entry};
use crate::key::SourceKey;
use std::sync::Arc;

/// A session in a terminal that follows an entry, or waits for it.
#[derive(Debug)]
pub(super) struct Attended {
    broker: Arc<Broker>,
    key: SourceKey,
}

impl Attended {
    /// Counts a waiting session, if it has a terminal.
    pub(super) fn waiting(broker: &Arc<Broker>, key: SourceKey, interactive: bool) -> Option<Self> {
        broker.cache.with(key, |entry| Self::of(broker, entry, key, interactive))?
    }

    /// The same, with the entry already found.
    pub(super) fn of(
        broker: &Arc<Broker>,
        entry: &mut Entry,
        key: SourceKey,
        interactive: bool,
    ) -> Option<Self> {
        interactive.then(|| {
            entry.attend();
            Self { broker: broker.clone(), key }
        })
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.broker.cache.with(self.key, Entry::leave);
        self.broker.attention.notify_one();
    }
}
