//! News of the daemon: an object a line, each with `event` and `at`.

use super::parts::{Problem, instant, problem, text};
use crate::news::{self, Who};
use serde::Serialize;
use std::time::SystemTime;

/// An event of the daemon. What an event has no value of is left out.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct News {
    event: &'static str,
    at: Option<String>,
    #[serde(flatten)]
    of: Option<Of>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
}

form! {
    /// The entry that an event is about.
    fn of(who: &Who) -> Of {
        source: String = who.source.clone(),
        account: Option<String> = text(&who.account),
        key: Option<String> = text(&who.key),
    }
}

/// One event.
pub(crate) fn news(news: &news::News, at: SystemTime) -> News {
    let plain = |event| News { event, at: instant(Some(&claviger::wire::timestamp(at))), ..News::default() };
    let about = |event, who: &Who| News { of: Some(of(who)), ..plain(event) };
    match news.clone() {
        news::News::Connected { release, pid, entries } => {
            News { release: Some(release), pid: Some(pid), entries: Some(entries), ..plain("connected") }
        }
        news::News::Lost => plain("lost"),
        news::News::Restarted { release, pid } => {
            News { release: Some(release), pid: Some(pid), ..plain("restarted") }
        }
        news::News::Refreshed { who, generation, expires_at } => News {
            generation: Some(generation),
            expires_at: Some(instant(expires_at.as_ref())),
            ..about("refreshed", &who)
        },
        news::News::Failed { who, problem: what, failures } => {
            News { problem: problem(Some(&what)), failures: Some(failures), ..about("failed", &who) }
        }
        news::News::Rejected { who } => about("rejected", &who),
        news::News::Forgotten { who } => about("forgotten", &who),
        news::News::SignInNeeded { who, problem: what } => {
            News { problem: problem(Some(&what)), ..about("sign-in-needed", &who) }
        }
        news::News::SignInStarted { who } => about("sign-in-started", &who),
        news::News::SignInSays { who, line } => News { line: Some(line), ..about("sign-in-says", &who) },
        news::News::SignInEnded { who } => about("sign-in-ended", &who),
        news::News::Locked => plain("locked"),
        news::News::Unlocked => plain("unlocked"),
    }
}
