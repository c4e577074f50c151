//! Timed scripts: the meaning of a session's calls.

use super::{Call, Hint, HookCall, Hooks, MAX_SESSIONS};
use crate::{
    broker::slot::{Cause, Issue},
    host::files::{Stamp, stamp},
    key::SourceKey,
};
use claviger::backend::Backend;
use std::time::{Duration, SystemTime};

const TTL: Duration = Duration::from_secs(300);

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000 + milliseconds)
}

fn issue(generation: u64, expires_at: Option<SystemTime>) -> Issue {
    let now = at(generation);
    Issue { generation, fetched_at: now, issued_at: now, expires_at, refresh_at: None, cause: Cause::Due }
}

/// One session, and its loans.
struct Session {
    hooks: Hooks,
    backend: Backend,
    name: String,
    ttl: Duration,
    generation: u64,
    expires_at: Option<SystemTime>,
    files: Vec<Stamp>,
}

impl Session {
    fn new(backend: Backend) -> Self {
        let (hooks, name, files) = (Hooks::default(), "s".to_owned(), Vec::new());
        Self { hooks, backend, name, ttl: TTL, generation: 1, expires_at: None, files }
    }

    /// A call with these times of request and answer; returns whether it is a doubt. A doubt leads to the next
    /// generation.
    fn calls(&mut self, asked: u64, answered: u64) -> bool {
        let hook = HookCall { session: Some(self.name.clone()) };
        let (key, files) = (SourceKey::of("x", ["y"]), self.files.clone());
        let call =
            Call { hook: &hook, key, backend: self.backend, at: at(asked), ttl: Some(self.ttl), files };
        let hint = self.hooks.hint(&call);
        let doubted = matches!(hint.0, Hint::Doubt(..));
        self.generation += u64::from(doubted);
        self.hooks.remember(call, hint, &issue(self.generation, self.expires_at), at(answered));
        doubted
    }

    /// Number of doubts among calls with these pauses, each answered at once.
    fn script(&mut self, pauses: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut now = 0;
        self.calls(now, now);
        let mut calls = pauses.into_iter().enumerate();
        std::iter::from_fn(|| {
            calls.next().map(|(number, pause)| {
                now += pause;
                self.calls(now, now + 5).then_some(number)
            })
        })
        .flatten()
        .collect()
    }
}

#[test]
fn only_what_looks_like_a_rejection_is_one() {
    let key = || Session::new(Backend::Anthropic);
    assert_eq!(key().script([700; 9]), [0_usize; 0], "ten sub-agents at once");
    assert_eq!(key().script([4_000; 49]), [0], "one call every 4 s: the first may be one");
    assert_eq!(key().script([5_000, 3_000, 12_000, 4_000, 7_000, 2_500, 6_000]), [0], "conversations");
    assert_eq!(key().script([1_050, 1_050, 2_050, 4_100, 9_100]), [0, 1, 2, 3, 4], "a key that stays bad");
    assert_eq!(key().script([60_000]), [0]);
    assert_eq!(key().script([296_000]), [0_usize; 0], "its cache has expired");
    let often_then_rejected: Vec<u64> = [4_000; 5].into_iter().chain([1_050]).collect();
    assert_eq!(key().script(often_then_rejected), [0, 5], "a rejection is found by its second call");
    let agents_then_rejected: Vec<u64> = [700; 9].into_iter().chain([40_000]).collect();
    assert_eq!(key().script(agents_then_rejected), [9]);
}

#[test]
fn keys_of_aws_are_asked_for_again_at_once() {
    let keys = |expires: u64| Session { expires_at: Some(at(expires)), ..Session::new(Backend::Bedrock) };
    assert_eq!(keys(3_600_000).script([100, 100]), [0_usize; 0], "several at its start");
    assert_eq!(keys(3_600_000).script([300]), [0], "a 403");
    assert_eq!(keys(3_600_000).script([1_000_000]), [0]);
    assert_eq!(keys(3_600_000).script([2_700_000]), [0_usize; 0], "they are about to expire");
    assert_eq!(keys(100_000).script([70_000]), [0]);
    assert_eq!(keys(100_000).script([76_000]), [0_usize; 0]);
    assert_eq!(Session::new(Backend::Bedrock).script([3_000_000]), [0], "without an expiry, an hour");
}

#[test]
fn a_slow_helper_and_no_time_to_live() {
    for (now, expected) in
        [(0, false), (11_000, false), (12_800, false), (13_000, true), (294_000, true), (295_000, false)]
    {
        let mut session = Session::new(Backend::Anthropic);
        session.calls(0, 12_000);
        assert_eq!(session.calls(now, now), expected, "at {now}");
    }
    let mut session = Session { ttl: Duration::ZERO, ..Session::new(Backend::Anthropic) };
    assert_eq!(session.script([20_000; 3]), [0_usize; 0], "it asks before each request");
}

#[test]
fn settings_that_changed_explain_a_call() {
    let mut session = Session::new(Backend::Anthropic);
    session.calls(0, 0);
    session.files = vec![stamp("/".as_ref())];
    assert!(!session.calls(10_000, 10_000));
    assert!(session.calls(20_000, 20_000));
}

#[test]
fn a_session_that_got_another_one_may_still_have_sent_the_old_one() {
    let mut session = Session::new(Backend::Anthropic);
    session.calls(0, 0);
    session.generation = 2;
    assert!(!session.calls(305_000, 305_010), "its cache had expired");
    assert!(!session.calls(306_000, 306_001));
    assert!(session.calls(307_000, 307_500), "now it can only mean this one");
    assert!(session.calls(308_600, 308_600), "what came because of a doubt replaces what was doubted");
    session.name = "t".into();
    assert!(!session.calls(309_700, 309_700), "another session");
}

#[test]
fn the_table_has_an_end() {
    let mut session = Session::new(Backend::Anthropic);
    for n in 0..=MAX_SESSIONS as u64 {
        session.name = n.to_string();
        session.calls(n, n);
    }
    let known = super::lock(&session.hooks.known);
    assert!(known.len() == MAX_SESSIONS && !known.contains_key("0") && known.contains_key("1"));
}
