//! Events between two states of the daemon. Pure. Counters and generations only increase, so every event between two
//! states is found, though perhaps not its wording.

use claviger::proto::v1::{CacheEntry, Pending, Problem, WatchStatusResponse};
use prost_types::Timestamp;

/// A cache entry, as named in events.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Who {
    /// Source id.
    pub(crate) source: String,
    /// Account of the local store; empty if none.
    pub(crate) account: String,
    /// Key of the entry; empty if it is about none.
    pub(crate) key: String,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// A daemon is connected.
    Connected { release: String, pid: u32, entries: usize },
    /// The daemon is gone.
    Lost,
    /// Another daemon answers.
    Restarted { release: String, pid: u32 },
    /// A new generation of a credential is there.
    Refreshed { who: Who, generation: u64, expires_at: Option<Timestamp> },
    /// A refresh failed.
    Failed { who: Who, problem: Problem, failures: u32 },
    /// The API rejected a credential, which is therefore refreshed.
    Rejected { who: Who },
    /// An entry was dropped.
    Forgotten { who: Who },
    /// A person has to sign in.
    SignInNeeded { who: Who, problem: Problem },
    /// A command that signs in was started.
    SignInStarted { who: Who },
    /// It printed a line.
    SignInSays { who: Who, line: String },
    /// It ended.
    SignInEnded { who: Who },
    /// The daemon was locked.
    Locked,
    /// The daemon was unlocked.
    Unlocked,
}

// === impl Who ===

impl Who {
    fn of(entry: &CacheEntry) -> Self {
        Self { source: entry.source.clone(), account: entry.account.clone(), key: entry.key.clone() }
    }

    fn of_pending(pending: &Pending) -> Self {
        Self { source: pending.source.clone(), ..Self::default() }
    }
}

// === impl News ===

impl News {
    /// The event of a first answer.
    pub(crate) fn connected(state: &WatchStatusResponse) -> Self {
        let status = state.status.clone().unwrap_or_default();
        let release = status.version.unwrap_or_default().release;
        Self::Connected { release, pid: status.pid, entries: status.entries.len() }
    }
}

/// The events from `old` to `new`, oldest first where the order is known.
pub(crate) fn compare(old: &WatchStatusResponse, new: &WatchStatusResponse) -> Vec<News> {
    let (before, after) = (old.status.clone().unwrap_or_default(), new.status.clone().unwrap_or_default());
    if (before.pid, &before.started_at) != (after.pid, &after.started_at) {
        let release = after.version.clone().unwrap_or_default().release;
        let restarted = News::Restarted { release, pid: after.pid };
        // Counters of the old daemon have no meaning for the new one; but credentials that it handed over are not new.
        let handed_over: Vec<_> = before
            .entries
            .iter()
            .filter(|old| after.entries.iter().any(|new| is_kept(old, new)))
            .cloned()
            .collect();
        return std::iter::once(restarted)
            .chain(entries(&handed_over, &after.entries))
            .chain(signing_in(&[], &new.pending))
            .collect();
    }
    let mut news = Vec::new();
    if before.locked != after.locked {
        news.push(if after.locked { News::Locked } else { News::Unlocked });
    }
    news.extend(signing_in(&old.pending, &new.pending));
    news.extend(entries(&before.entries, &after.entries));
    news
}

fn entries(old: &[CacheEntry], new: &[CacheEntry]) -> Vec<News> {
    let nothing = CacheEntry::default();
    let mut news = Vec::new();
    for entry in new {
        let before = old.iter().find(|old| old.key == entry.key).unwrap_or(&nothing);
        news.extend(one(before, entry));
    }
    let gone = old.iter().filter(|old| !new.iter().any(|new| new.key == old.key));
    news.extend(gone.map(|entry| News::Forgotten { who: Who::of(entry) }));
    news
}

/// Whether both are the very same credential.
fn is_kept(old: &CacheEntry, new: &CacheEntry) -> bool {
    (&old.key, old.generation, &old.fetched_at) == (&new.key, new.generation, &new.fetched_at)
}

fn one(old: &CacheEntry, new: &CacheEntry) -> Vec<News> {
    let who = || Who::of(new);
    let mut news = Vec::new();
    if new.rejections > old.rejections {
        news.push(News::Rejected { who: who() });
    }
    // An entry that was dropped and created again starts at 1 again.
    if new.generation != old.generation && new.generation > 0 {
        let (generation, expires_at) = (new.generation, new.expires_at);
        news.push(News::Refreshed { who: who(), generation, expires_at });
    }
    if let Some(problem) = &new.last_problem
        && new.failures > old.failures
    {
        news.push(News::Failed { who: who(), problem: problem.clone(), failures: new.failures });
    }
    news
}

fn signing_in(old: &[Pending], new: &[Pending]) -> Vec<News> {
    let mut news = Vec::new();
    for pending in new {
        let before = old.iter().find(|old| is_same(old, pending));
        let who = || Who::of_pending(pending);
        match (&pending.problem, before) {
            (Some(problem), None) => news.push(News::SignInNeeded { who: who(), problem: problem.clone() }),
            (None, None) => news.push(News::SignInStarted { who: who() }),
            _ => {}
        }
        let said = before.map_or(&[][..], |before| &before.lines);
        let lines = added(said, &pending.lines).iter();
        news.extend(lines.map(|line| News::SignInSays { who: who(), line: line.clone() }));
    }
    let ended = old.iter().filter(|old| !old.id.is_empty() && !new.iter().any(|new| new.id == old.id));
    news.extend(ended.map(|run| News::SignInEnded { who: Who::of_pending(run) }));
    news
}

/// Identity of a run: its id; identity of a problem: its source and reason.
fn is_same(one: &Pending, other: &Pending) -> bool {
    let why = |of: &Pending| of.problem.as_ref().map(|problem| problem.reason());
    one.id == other.id
        && one.source == other.source
        && one.location == other.location
        && why(one) == why(other)
}

/// The lines of `new` that are not in `old`. Both are windows of a longer text that loses its oldest lines.
fn added<'a>(old: &[String], new: &'a [String]) -> &'a [String] {
    let known =
        (0..=old.len()).find(|start| new.starts_with(&old[*start..])).map_or(0, |start| old.len() - start);
    &new[known..]
}

#[cfg(test)]
mod tests;
