//! Events of the daemon, one line each.

use super::{problem, status::Mood, time};
use crate::{
    news::{News, Who},
    text::escape,
};
use std::time::SystemTime;

/// One line without its line feed, and its mood.
pub(crate) fn line(news: &News, now: SystemTime) -> (Mood, String) {
    match news {
        News::Connected { release, pid, entries } => {
            let what = if *entries == 1 { "credential" } else { "credentials" };
            let text = format!("clavigerd {}, pid {pid}, holds {entries} {what}", escape::line(release));
            (Mood::Good, text)
        }
        News::Lost => (Mood::Bad, "the daemon is gone; waiting for another".into()),
        News::Restarted { release, pid } => {
            (Mood::Busy, format!("daemon restarted: clavigerd {}, pid {pid}", escape::line(release)))
        }
        News::Refreshed { who, generation, expires_at } => {
            let expires = expires_at.as_ref().map(|at| format!(", expires {}", time::relative(at, now)));
            let text = format!("refreshed, generation {generation}{}", expires.unwrap_or_default());
            (Mood::Good, about(who, &text))
        }
        News::Failed { who, problem: what, failures } => {
            let times = if *failures > 1 { format!(", {failures} times in a row") } else { String::new() };
            (Mood::Bad, about(who, &format!("failed{times}: {}", problem(what))))
        }
        News::Rejected { who } => (Mood::Busy, about(who, "rejected by the API, refreshed once")),
        News::Forgotten { who } => (Mood::Busy, about(who, "forgotten")),
        News::SignInNeeded { who, problem: what } => {
            (Mood::Bad, about(who, &format!("needs a person: {}", problem(what))))
        }
        News::SignInStarted { who } => (Mood::Busy, about(who, "signing in")),
        News::SignInSays { who, line } => (Mood::Busy, about(who, &format!("| {}", escape::line(line)))),
        News::SignInEnded { who } => (Mood::Good, about(who, "signing in has ended")),
        News::Locked => (Mood::Busy, claviger::remedy::while_locked()),
        News::Unlocked => (Mood::Good, "unlocked".into()),
    }
}

fn about(who: &Who, text: &str) -> String {
    let account = match who.account.as_str() {
        "" => String::new(),
        name => format!(" {}", escape::line(name)),
    };
    format!("{}{account}: {text}", escape::line(&who.source))
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::{
        news::{News, Who},
        render::samples,
    };

    #[test]
    fn every_line_is_one_line_and_forges_nothing() {
        let who = Who { source: "aws\u{1b}[2J".into(), account: "a\nb".into(), key: String::new() };
        let problem = samples::problem("command-failed", "no\n", "look").unwrap_or_default();
        let news = [
            News::Connected { release: "0.1.0\n".into(), pid: 1, entries: 2 },
            News::Lost,
            News::Restarted { release: "0.1.0".into(), pid: 1 },
            News::Refreshed { who: who.clone(), generation: 2, expires_at: samples::at(60) },
            News::Failed { who: who.clone(), problem: problem.clone(), failures: 2 },
            News::Rejected { who: who.clone() },
            News::Forgotten { who: who.clone() },
            News::SignInNeeded { who: who.clone(), problem },
            News::SignInStarted { who: who.clone() },
            News::SignInSays { who: who.clone(), line: "\u{202e}x\r\n".into() },
            News::SignInEnded { who },
            News::Locked,
            News::Unlocked,
        ];
        for news in &news {
            let (_, text) = line(news, samples::now());
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
        assert_eq!(
            line(&news[3], samples::now()).1,
            "aws\\u{1b}[2J a\\nb: refreshed, generation 2, expires in 1 min"
        );
    }
}
