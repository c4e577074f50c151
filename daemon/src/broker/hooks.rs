//! Requests by a tool's own hook, and what they give away: a tool never says why it calls its hook, but a session that
//! asks again before its own cache has expired was told by the API that its key is no good. The table is forgotten with
//! the daemon; `Lent` is pure.

use super::slot::Issue;
use crate::{key::SourceKey, lock::lock};
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// Most sessions that are remembered; the one that asked longest ago goes first.
const MAX_SESSIONS: usize = 512;
/// Calls that follow an answer more closely belong together, as a start that asks several times: the API cannot have been
/// asked in between, and the first pause before a retry is a second (`spec/behaviour.md` D, "401").
const BURST: Duration = Duration::from_millis(500);
/// Most that a tool's clock may run ahead of ours: its cache may have started when it asked, or when it was answered.
const MAX_SLACK: Duration = Duration::from_secs(5);

/// A request by a tool's hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    /// Which process of a tool asks; `None` if that is not known, and then nothing follows from it.
    pub session: Option<String>,
}

/// What a session of a tool was lent last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lent {
    key: SourceKey,
    generation: u64,
    /// A generation counts from 1 again after its entry was dropped; this tells them apart.
    fetched_at: SystemTime,
    asked_at: SystemTime,
    answered_at: SystemTime,
    /// It had another one before, and may have sent that while it asked: tools serve stale and revalidate beside.
    unsure: bool,
}

/// Sessions of tools, and what they were lent.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    known: Mutex<HashMap<String, Lent>>,
}

// === impl Lent ===

impl Lent {
    fn new(key: SourceKey, issue: &Issue, asked_at: SystemTime, answered_at: SystemTime) -> Self {
        let (generation, fetched_at) = (issue.generation, issue.fetched_at);
        Self { key, generation, fetched_at, asked_at, answered_at, unsure: false }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.key, self.generation, self.fetched_at) == (other.key, other.generation, other.fetched_at)
    }

    /// Whether a request at `now`, by a session that caches for `ttl`, means that what it was lent was rejected.
    fn is_doubted(&self, key: SourceKey, now: SystemTime, ttl: Duration) -> bool {
        let slack = (ttl / 20).min(MAX_SLACK);
        self.key == key
            && !self.unsure
            && now >= self.answered_at + BURST
            && now < self.asked_at + ttl.saturating_sub(slack)
    }

    /// The same after an earlier one: whoever has just got another credential, without having doubted the old one, may
    /// come back because of the old one.
    fn after(self, earlier: Option<&Self>, doubted: bool) -> Self {
        let unsure =
            !doubted && earlier.is_some_and(|earlier| earlier.key == self.key && !earlier.is_same(&self));
        Self { unsure, ..self }
    }
}

// === impl Hooks ===

impl Hooks {
    /// What a request at `now` says to have seen rejected: the generation, with the time it was obtained. `ttl` is how
    /// long the tool keeps what its hook prints.
    pub(super) fn doubted(
        &self,
        hook: &Hook,
        key: SourceKey,
        now: SystemTime,
        ttl: Option<Duration>,
    ) -> Option<(u64, SystemTime)> {
        let (session, ttl) = (hook.session.as_deref()?, ttl?);
        let known = lock(&self.known);
        let lent = known.get(session).filter(|lent| lent.is_doubted(key, now, ttl))?;
        Some((lent.generation, lent.fetched_at))
    }

    /// Remembers what a request was answered with; `doubted` is whether it doubted what it had.
    pub(super) fn remember(
        &self,
        hook: &Hook,
        (key, issue): (SourceKey, &Issue),
        (asked_at, answered_at): (SystemTime, SystemTime),
        doubted: bool,
    ) {
        if let Some(session) = &hook.session {
            self.note(session, Lent::new(key, issue, asked_at, answered_at), doubted);
        }
    }

    fn note(&self, session: &str, lent: Lent, doubted: bool) {
        let mut known = lock(&self.known);
        let lent = lent.after(known.get(session), doubted);
        if known.len() >= MAX_SESSIONS && !known.contains_key(session) {
            let oldest = known.iter().min_by_key(|(_, lent)| lent.asked_at).map(|(name, _)| name.clone());
            oldest.and_then(|name| known.remove(&name));
        }
        known.insert(session.to_owned(), lent);
    }
}

#[cfg(test)]
mod tests {
    use super::{Hook, Hooks, Lent, MAX_SESSIONS};
    use crate::key::SourceKey;
    use std::time::{Duration, SystemTime};

    const TTL: Duration = Duration::from_secs(300);

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000 + milliseconds)
    }

    fn key() -> SourceKey {
        SourceKey::of("x", ["y"])
    }

    fn of(session: &str) -> Hook {
        Hook { session: Some(session.to_owned()) }
    }

    fn lent(generation: u64, asked: u64, answered: u64) -> Lent {
        Lent {
            key: key(),
            generation,
            fetched_at: at(generation),
            asked_at: at(asked),
            answered_at: at(answered),
            unsure: false,
        }
    }

    #[test]
    fn asked_again_within_the_time_to_live() {
        let lent = lent(1, 0, 12_000); // a slow helper
        for (now, doubted) in [
            (0, false),
            (11_000, false), // asked beside the call that waits
            (12_400, false), // a burst
            (12_500, true),
            (13_000, true),
            (294_000, true),
            (295_000, false), // may be its cache that expired
            (305_000, false),
        ] {
            assert_eq!(lent.is_doubted(key(), at(now), TTL), doubted, "at {now}");
        }
        assert!(!lent.is_doubted(SourceKey::of("x", ["z"]), at(20_000), TTL), "of something else");
        assert!(!lent.is_doubted(key(), at(20_000), Duration::ZERO), "it asks before each request");
    }

    #[test]
    fn whoever_got_another_one_may_still_have_sent_the_old_one() {
        let sessions = Hooks::default();
        let asks = |now: u64| {
            sessions.doubted(&of("s"), key(), at(now), Some(TTL)).map(|(generation, _)| generation)
        };
        sessions.note("s", lent(1, 0, 0), false);
        assert_eq!(asks(1_000), Some(1));
        // The cache has expired: it gets the next one, while a request with the old one is under way.
        sessions.note("s", lent(2, 305_000, 305_010), false);
        assert_eq!(asks(306_000), None);
        sessions.note("s", lent(2, 306_000, 306_001), false);
        assert_eq!(asks(307_000), Some(2), "now it can only mean this one");
        // What came because it doubted the last one replaces that.
        sessions.note("s", lent(3, 307_000, 307_500), true);
        assert_eq!(asks(308_500), Some(3));
        assert_eq!(sessions.doubted(&of("t"), key(), at(308_500), Some(TTL)), None, "another session");
    }

    #[test]
    fn the_table_has_an_end() {
        let sessions = Hooks::default();
        for n in 0..=MAX_SESSIONS {
            sessions.note(&n.to_string(), lent(1, n as u64, n as u64), false);
        }
        assert_eq!(super::lock(&sessions.known).len(), MAX_SESSIONS);
        let asks = |name: &str| sessions.doubted(&of(name), key(), at(10_000), Some(TTL));
        assert!(asks("0").is_none() && asks("1").is_some() && asks(&MAX_SESSIONS.to_string()).is_some());
    }
}
