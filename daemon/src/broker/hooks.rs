//! Requests by a tool's own hook, and what they imply. A tool never reports why it calls its hook. But if a session
//! asks again before its own cache has expired, the API may have rejected its key. `habit` distinguishes that from a
//! session that simply asks often. The table ends with the daemon; everything except the table is pure.

mod habit;

use super::slot::Issue;
use crate::{host::files::Stamp, key::SourceKey, live::lock};
use claviger::backend::Backend;
use habit::{Habit, Meaning};
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// Most sessions that are remembered; the one that asked longest ago is dropped first.
const MAX_SESSIONS: usize = 512;
/// Shortest time in which a session can use a key and be rejected: the pause before its first retry is a second
/// (`spec/behaviour.md` D, "401"), and a clock may be slightly off.
const USE: Duration = Duration::from_millis(980);
/// The same for keys of AWS: a 403 runs the hook again without a pause (`spec/behaviour.md` D, "awsCredentialExport").
const USE_AWS: Duration = Duration::from_millis(250);
/// Most that a tool's clock may be ahead of ours: its cache may start when it asked, or when it was answered.
const MAX_SLACK: Duration = Duration::from_secs(5);
/// How long before its expiry SDKs replace a key of AWS. The earliest is botocore with 15 min; a minute is added for
/// clocks.
const MAX_EARLY: Duration = Duration::from_secs(16 * 60);
/// How long a tool keeps keys of AWS without an expiry (`spec/behaviour.md` A2, "awsCredentialExport").
const AWS_TTL: Duration = Duration::from_secs(3600);

/// A request by a tool's hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookCall {
    /// Process of the tool; `None` if unknown, and then repeated requests imply nothing.
    pub session: Option<String>,
}

/// A request of a session, with facts that could explain it.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) hook: &'a HookCall,
    pub(super) key: SourceKey,
    pub(super) backend: Backend,
    pub(super) at: SystemTime,
    /// How long the tool keeps a key of a helper.
    pub(super) ttl: Option<Duration>,
    /// The settings files of the session: a tool runs its hook again when one of them has changed.
    pub(super) files: Vec<Stamp>,
}

/// What a call implies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Nothing.
    None,
    /// The session's credential was rejected: its generation, and when it was obtained.
    Doubt(u64, SystemTime),
    /// The session's last doubt was wrong: it asks often. The generation it has.
    Withdrawn(u64, SystemTime),
}

/// The last loan to a session of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lent {
    key: SourceKey,
    generation: u64,
    /// Distinguishes generations, which count from 1 again after the entry was dropped.
    fetched_at: SystemTime,
    answered_at: SystemTime,
    /// The time until which the tool need not ask again.
    kept_until: SystemTime,
    /// It had another credential before, and may have used that while it asked: tools serve stale credentials while
    /// they revalidate.
    unsure: bool,
    files: Vec<Stamp>,
    habit: Habit,
}

/// Sessions of tools, and their last loans.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    known: Mutex<HashMap<String, Lent>>,
}

// === impl Call ===

impl Call<'_> {
    /// The time until which a tool keeps the result of this call; a tool that keeps nothing never asks needlessly.
    fn kept_until(&self, issue: &Issue) -> SystemTime {
        let ttl = match (self.backend, issue.expires_at) {
            (Backend::Bedrock, Some(expiry)) => {
                let left = expiry.duration_since(self.at).unwrap_or_default();
                left.saturating_sub(MAX_EARLY.min(left / 4))
            }
            (Backend::Bedrock, None) => AWS_TTL,
            _ => self.ttl.unwrap_or_default(),
        };
        self.at + ttl.saturating_sub((ttl / 20).min(MAX_SLACK))
    }

    fn lent(self, issue: &Issue, answered_at: SystemTime) -> Lent {
        Lent {
            key: self.key,
            generation: issue.generation,
            fetched_at: issue.fetched_at,
            answered_at,
            kept_until: self.kept_until(issue),
            unsure: false,
            files: self.files,
            habit: Habit::default(),
        }
    }
}

// === impl Lent ===

impl Lent {
    fn is_same(&self, other: &Self) -> bool {
        (self.key, self.generation, self.fetched_at) == (other.key, other.generation, other.fetched_at)
    }

    /// What a call implies, and the session's new habit.
    fn hint(&self, call: &Call<'_>) -> (Hint, Habit) {
        let used_at = self.answered_at + if call.backend == Backend::Bedrock { USE_AWS } else { USE };
        let is_explained = self.key != call.key || self.unsure || self.files != call.files;
        if is_explained || call.at < used_at || call.at >= self.kept_until {
            return (Hint::None, self.habit);
        }
        let pause = call.at.duration_since(self.answered_at).unwrap_or_default();
        match self.habit.call(pause) {
            (Meaning::Rejected, habit) => (Hint::Doubt(self.generation, self.fetched_at), habit),
            (Meaning::Usual, habit) => (Hint::Withdrawn(self.generation, self.fetched_at), habit),
        }
    }

    /// The same after an earlier call: a session that has just received another credential, without having doubted the
    /// old one, may ask again because of the old one.
    fn after(self, earlier: Option<&Self>, doubted: bool, habit: Habit) -> Self {
        let unsure =
            !doubted && earlier.is_some_and(|earlier| earlier.key == self.key && !earlier.is_same(&self));
        Self { unsure, habit, ..self }
    }
}

// === impl Hooks ===

impl Hooks {
    /// What a call implies; updates the habit of its session.
    pub(super) fn hint(&self, call: &Call<'_>) -> (Hint, Habit) {
        let known = lock(&self.known);
        let lent = call.hook.session.as_deref().and_then(|session| known.get(session));
        lent.map_or((Hint::None, Habit::default()), |lent| lent.hint(call))
    }

    /// Remembers the result of a call, and what it implied.
    pub(super) fn remember(
        &self,
        call: Call<'_>,
        (hint, habit): (Hint, Habit),
        issue: &Issue,
        answered_at: SystemTime,
    ) {
        let Some(session) = call.hook.session.clone() else { return };
        let mut known = lock(&self.known);
        let doubted = matches!(hint, Hint::Doubt(..));
        let lent = call.lent(issue, answered_at).after(known.get(&session), doubted, habit);
        if known.len() >= MAX_SESSIONS && !known.contains_key(&session) {
            let oldest = known.iter().min_by_key(|(_, lent)| lent.answered_at).map(|(name, _)| name.clone());
            oldest.and_then(|name| known.remove(&name));
        }
        known.insert(session, lent);
    }
}

#[cfg(test)]
mod tests;
