//! Requests by a tool's own hook, and what they give away: a tool never says why it calls its hook, but a session that
//! asks again before its own cache has expired may have been told by the API that its key is no good. `habit` tells that from
//! a session that simply asks often. The table is forgotten with the daemon; all but the table is pure.

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

/// Most sessions that are remembered; the one that asked longest ago goes first.
const MAX_SESSIONS: usize = 512;
/// What a session takes at least to use a key and to be told that it is no good: the pause before its first retry is a second
/// (`spec/behaviour.md` D, "401"), and a clock may be read a little early.
const USE: Duration = Duration::from_millis(980);
/// The same for keys of AWS: a 403 runs the hook again without a pause (`spec/behaviour.md` D, "awsCredentialExport").
const USE_AWS: Duration = Duration::from_millis(250);
/// Most that a tool's clock may run ahead of ours: its cache may have started when it asked, or when it was answered.
const MAX_SLACK: Duration = Duration::from_secs(5);
/// How long before its expiry a key of AWS is replaced by the SDKs, the earliest of them: botocore, 15 min, and a minute for clocks.
const MAX_EARLY: Duration = Duration::from_secs(16 * 60);
/// How long a tool keeps keys of AWS that do not say when they expire (`spec/behaviour.md` A2, "awsCredentialExport").
const AWS_TTL: Duration = Duration::from_secs(3600);

/// A request by a tool's hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookCall {
    /// Which process of a tool asks; `None` if that is not known, and then nothing follows from it.
    pub session: Option<String>,
}

/// A request of a session, with what could explain it.
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

/// What a call gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Nothing.
    None,
    /// What the session was lent was rejected: the generation, with the time it was obtained.
    Doubt(u64, SystemTime),
    /// The session's last doubt was none: it asks often. The generation that it has.
    Withdrawn(u64, SystemTime),
}

/// What a session of a tool was lent last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lent {
    key: SourceKey,
    generation: u64,
    /// A generation counts from 1 again after its entry was dropped; this tells them apart.
    fetched_at: SystemTime,
    answered_at: SystemTime,
    /// Until when the tool need not ask again.
    kept_until: SystemTime,
    /// It had another one before, and may have sent that while it asked: tools serve stale and revalidate beside.
    unsure: bool,
    files: Vec<Stamp>,
    habit: Habit,
}

/// Sessions of tools, and what they were lent.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    known: Mutex<HashMap<String, Lent>>,
}

// === impl Call ===

impl Call<'_> {
    /// Until when a tool keeps what it was lent at this call; it never asked needlessly if it keeps nothing.
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

    /// What a call means, and the session's habit with it.
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

    /// The same after an earlier one: a session that has just got another credential, without having doubted the old one, may
    /// come back because of the old one.
    fn after(self, earlier: Option<&Self>, doubted: bool, habit: Habit) -> Self {
        let unsure =
            !doubted && earlier.is_some_and(|earlier| earlier.key == self.key && !earlier.is_same(&self));
        Self { unsure, habit, ..self }
    }
}

// === impl Hooks ===

impl Hooks {
    /// What a call gives away, and the habit of its session from then on.
    pub(super) fn hint(&self, call: &Call<'_>) -> (Hint, Habit) {
        let known = lock(&self.known);
        let lent = call.hook.session.as_deref().and_then(|session| known.get(session));
        lent.map_or((Hint::None, Habit::default()), |lent| lent.hint(call))
    }

    /// Remembers what a call was answered with, and what it gave away.
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
