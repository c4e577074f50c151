//! Events of a watched credential, one line each.

use super::{problem, time};
use crate::{text::escape, text::words};
use claviger::client::Lent;
use claviger::proto::v1::{HumanNeeded, Issued, Progress, watch_credential_response::Event};
use std::time::{Duration, SystemTime};

/// One line without its line feed. Without `secret`, the secret is hidden.
pub(crate) fn render(event: &Event, secret: Option<&Lent>, now: SystemTime) -> String {
    match event {
        Event::Issued(event) => issued(event, secret, now),
        Event::Progress(event) => progress(event),
        Event::Problem(event) => format!("problem: {}", problem(event)),
        Event::HumanNeeded(event) => human_needed(event),
    }
}

fn issued(event: &Issued, secret: Option<&Lent>, now: SystemTime) -> String {
    let Some(lease) = &event.lease else { return "issued".into() };
    let generation = match lease.generation {
        0 => String::new(),
        number => format!(", generation {number}"),
    };
    let expires = lease.expires_at.as_ref().map(|at| format!(", expires {}", time::relative(at, now)));
    let stale = if lease.stale { ", stale" } else { "" };
    let secret = secret.map(|secret| format!(", secret {}", super::lease::shown(secret)));
    format!(
        "issued ({}): {}{generation}{}{stale}{}",
        words::issued(event.reason()).replace('-', " "),
        escape::line(&lease.source),
        expires.unwrap_or_default(),
        secret.unwrap_or_default(),
    )
}

fn progress(event: &Progress) -> String {
    let source = escape::line(&event.source);
    let elapsed = event.elapsed.and_then(|of| Duration::try_from(of).ok()).unwrap_or_default();
    match event.line.as_str() {
        "" => format!("{source}: still running after {}", time::span(elapsed)),
        line => format!("{source}: {}", escape::line(line)),
    }
}

fn human_needed(event: &HumanNeeded) -> String {
    format!("a person is needed: {}", event.problem.as_ref().map(problem).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Lent, render};
    use crate::render::samples;
    use claviger::{
        proto::v1::{
            HumanNeeded, Issued, Progress, Secret, issued::Reason, watch_credential_response::Event,
        },
        remedy::Remedy,
        wire,
    };
    use std::time::Duration;

    fn line(event: &Event) -> String {
        render(event, None, samples::now())
    }

    #[test]
    fn every_event_is_one_line() {
        let issued =
            Event::Issued(Issued { lease: Some(samples::lease()), reason: Reason::SettingsChanged.into() });
        assert_eq!(
            line(&issued),
            "issued (settings changed): api-key-helper, generation 3, expires in 4 min 12 s, stale"
        );
        assert!(
            render(&issued, Some(&Lent::Secret(Secret { value: "canary".into() })), samples::now())
                .ends_with(", secret canary")
        );
        let elapsed = Some(wire::duration(Duration::from_secs(12)));
        let progress = |line: &str| {
            Event::Progress(Progress { source: "s".into(), line: line.into(), elapsed, attended: false })
        };
        assert_eq!(line(&progress("open\x1b https://x")), "s: open\\u{1b} https://x");
        assert_eq!(line(&progress("")), "s: still running after 12 s");
        let what = samples::helped("login-required", "not logged in", "", Remedy::login(Some("work")));
        assert_eq!(
            line(&Event::Problem(what.clone().expect("some"))),
            "problem: not logged in (login-required); run: claviger login work"
        );
        let needed = HumanNeeded { problem: what };
        assert_eq!(
            line(&Event::HumanNeeded(needed)),
            "a person is needed: not logged in (login-required); run: claviger login work"
        );
    }
}
