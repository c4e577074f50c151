//! All entries, and those of the last daemon that no session has asked for yet. No entry is created while the daemon is
//! locked: the same mutex guards dropping secrets and creating entries.

use super::{entry::Entry, kept::KeptEntry, loan::Wanted, lockdown::Lockdown};
use crate::{key::SourceKey, live::lock, shown::Shown};
use claviger::{
    reason::{Problem, Reason},
    session::SessionContext,
};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::SystemTime,
};

/// The cache.
#[derive(Debug)]
pub(super) struct Cache {
    slots: Mutex<Slots>,
    lockdown: Lockdown,
    shown: Shown,
}

#[derive(Debug, Default)]
struct Slots {
    entries: HashMap<SourceKey, Entry>,
    /// Entries of the last daemon.
    kept: HashMap<SourceKey, KeptEntry>,
}

/// Numbers of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Entries with a secret.
    pub credentials: usize,
    /// Refreshes in progress.
    pub refreshes: usize,
    /// Whether the daemon is locked.
    pub locked: bool,
}

impl Cache {
    /// An empty one; the lock is recorded in `state`.
    pub(super) fn new(state: &Path, shown: Shown) -> Self {
        Self { slots: Mutex::default(), lockdown: Lockdown::of(state), shown }
    }

    /// The lock of the daemon, and its record for the next start.
    pub(super) fn lockdown(&self) -> &Lockdown {
        &self.lockdown
    }

    /// Applies `act` to an entry, if it exists.
    pub(super) fn with<T>(&self, key: SourceKey, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        lock(&self.slots).entries.get_mut(&key).map(act)
    }

    /// As [`Cache::with`], and removes the entry if `act` returns that it is not needed any more.
    pub(super) fn with_or_forget<T>(
        &self,
        key: SourceKey,
        act: impl FnOnce(&mut Entry) -> Option<T>,
    ) -> Option<T> {
        let mut slots = lock(&self.slots);
        let done = act(slots.entries.get_mut(&key)?);
        if done.is_none() {
            slots.entries.remove(&key);
            self.shown.touch();
        }
        done
    }

    /// Applies `act` to the entry of a session, which is created if necessary and at most `most` are in use. Also
    /// returns whether it is new: then it must be tended.
    ///
    /// # Errors
    /// `locked`, or `limits` if every entry is in use.
    pub(super) fn open<T>(
        &self,
        wanted: &Wanted<'_>,
        now: SystemTime,
        most: usize,
        act: impl FnOnce(&mut Entry) -> T,
    ) -> Result<(T, bool), Problem> {
        let key = wanted.provider.key();
        let mut slots = lock(&self.slots);
        // Checked again, now under the lock.
        self.lockdown.refuse()?;
        let is_new = !slots.entries.contains_key(&key);
        if is_new {
            slots.make_room(most)?;
        }
        let Slots { entries, kept } = &mut *slots;
        let entry = entries.entry(key).or_insert_with(|| {
            let mut entry = Entry::new(wanted, now, self.shown.clone());
            if let Some(kept) = kept.remove(&key) {
                kept.restore(&mut entry);
            }
            entry
        });
        entry.touch(wanted, now);
        Ok((act(entry), is_new))
    }

    /// Whether there is an entry.
    pub(super) fn has(&self, key: SourceKey) -> bool {
        lock(&self.slots).entries.contains_key(&key)
    }

    /// Calls `show` with every entry.
    pub(super) fn each(&self, mut show: impl FnMut(SourceKey, &Entry)) {
        lock(&self.slots).entries.iter().for_each(|(key, entry)| show(*key, entry));
    }

    /// Counts the entries. It takes the lock that every request takes.
    pub(super) fn census(&self) -> Census {
        let mut census = Census { locked: self.lockdown.is_locked(), ..Census::default() };
        self.each(|_, entry| {
            census.credentials += usize::from(entry.stock().secret().is_some());
            census.refreshes += usize::from(entry.is_refreshing());
        });
        census
    }

    /// Drops everything. Returns the number of credentials.
    pub(super) fn clear(&self) -> usize {
        let Slots { entries, kept } = std::mem::take(&mut *lock(&self.slots));
        entries.values().for_each(Entry::bump);
        let own = entries.values().filter(|entry| entry.stock().secret().is_some()).count();
        own + kept.values().filter(|entry| entry.has_secret()).count()
    }

    /// Drops the credentials of the account `name`, except entries of its login `listed`.
    pub(super) fn drop_account(&self, name: &str, listed: Option<&str>) {
        let mut slots = lock(&self.slots);
        slots.kept.retain(|_, entry| !entry.is_of(name));
        slots.entries.retain(|_, entry| {
            let account = entry.provider().account().filter(|account| account.name == name);
            let stays = account.is_none_or(|account| Some(account.login.as_str()) == listed);
            if !stays {
                entry.bump();
            }
            stays
        });
    }

    /// State for the next daemon.
    pub(super) fn keep(&self) -> Vec<KeptEntry> {
        let mut slots = lock(&self.slots);
        let mut entries: Vec<_> =
            slots.entries.iter().map(|(key, entry)| KeptEntry::of(*key, entry)).collect();
        entries.extend(slots.kept.drain().map(|(_, entry)| entry));
        entries
    }

    /// Takes over the state of the last daemon. Returns the sessions that asked last.
    pub(super) fn inherit(
        &self,
        entries: Vec<KeptEntry>,
    ) -> Vec<(SourceKey, SystemTime, Arc<SessionContext>)> {
        let mut slots = lock(&self.slots);
        slots.kept = entries.into_iter().map(|entry| (entry.key(), entry)).collect();
        let of = |(key, entry): (&SourceKey, &KeptEntry)| {
            let (last_used, session) = entry.last()?;
            Some((*key, last_used, session))
        };
        slots.kept.iter().filter_map(of).collect()
    }

    /// Drops entries that no session has asked for.
    pub(super) fn forget_inherited(&self) {
        lock(&self.slots).kept.clear();
    }
}

impl Slots {
    /// Makes room for one more entry: removes the unused one whose last request is longest ago.
    fn make_room(&mut self, most: usize) -> Result<(), Problem> {
        if self.entries.len() < most {
            return Ok(());
        }
        let unused = self.entries.iter().filter(|(_, entry)| !entry.is_refreshing() && entry.watchers() == 0);
        let Some(oldest) = unused.min_by_key(|(_, entry)| entry.last_used()).map(|(key, _)| *key) else {
            return Err(Problem::new(Reason::Limits, format!("all {most} cache entries are in use"))
                .hint("end some sessions, or raise max_entries in ~/.config/claviger/config.toml"));
        };
        if let Some(entry) = self.entries.remove(&oldest) {
            entry.bump();
        }
        Ok(())
    }
}
