//! News of the daemon: an object a line, each with `event` and `at`.

use super::parts::{instant, problem, text};
use crate::news::{News, Who};
use serde_json::{Value, json};
use std::time::SystemTime;

/// One event.
pub(crate) fn news(news: &News, at: SystemTime) -> Value {
    let mut value = match news {
        News::Connected { release, pid, entries } => {
            json!({"event": "connected", "release": release, "pid": pid, "entries": entries})
        }
        News::Lost => json!({"event": "lost"}),
        News::Restarted { release, pid } => json!({"event": "restarted", "release": release, "pid": pid}),
        News::Refreshed { who, generation, expires_at } => {
            let expires_at = instant(expires_at.as_ref());
            with(who, json!({"event": "refreshed", "generation": generation, "expires_at": expires_at}))
        }
        News::Failed { who, problem: what, failures } => {
            with(who, json!({"event": "failed", "problem": problem(Some(what)), "failures": failures}))
        }
        News::Rejected { who } => with(who, json!({"event": "rejected"})),
        News::Forgotten { who } => with(who, json!({"event": "forgotten"})),
        News::SignInNeeded { who, problem: what } => {
            with(who, json!({"event": "sign-in-needed", "problem": problem(Some(what))}))
        }
        News::SignInStarted { who } => with(who, json!({"event": "sign-in-started"})),
        News::SignInSays { who, line } => with(who, json!({"event": "sign-in-says", "line": line})),
        News::SignInEnded { who } => with(who, json!({"event": "sign-in-ended"})),
        News::Locked => json!({"event": "locked"}),
        News::Unlocked => json!({"event": "unlocked"}),
    };
    value["at"] = instant(Some(&claviger::wire::timestamp(at)));
    value
}

fn with(who: &Who, mut value: Value) -> Value {
    value["source"] = who.source.as_str().into();
    value["account"] = text(&who.account);
    value["key"] = text(&who.key);
    value
}
