//! The files that a provider's credential comes from. They are not in its key: what they look like is compared when
//! somebody asks, so that a profile that was edited, or a sign-in by hand, counts at once.

use super::{Broker, entry::Entry};
use crate::{
    host::files::{self, Stamp},
    key::SourceKey,
    sources::CredentialProvider,
};
use std::sync::Arc;

/// What the files of a provider look like now. A home on a network can keep one waiting, but nobody else.
pub(super) async fn look(provider: &Arc<dyn CredentialProvider>) -> Vec<Stamp> {
    if provider.files().is_empty() {
        return Vec::new();
    }
    let provider = provider.clone();
    let look = move || provider.files().iter().map(|path| files::stamp(path)).collect();
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

impl Entry {
    /// Notes what the files look like. If they changed since the last refresh, its outcome, good or bad, is out of date.
    pub(super) fn compare(&mut self, stamps: &[Stamp]) {
        if self.files.as_ref().is_some_and(|known| known != stamps) {
            self.files = None;
            self.state.outdate();
        }
    }
}

impl Broker {
    /// Notes what the files look like after a refresh: what it wrote itself is no change.
    pub(super) async fn note_files(&self, key: SourceKey, provider: &Arc<dyn CredentialProvider>) {
        let stamps = look(provider).await;
        if let Some(entry) = self.lock().get_mut(&key).filter(|_| !stamps.is_empty()) {
            entry.files = Some(stamps);
        }
    }
}
