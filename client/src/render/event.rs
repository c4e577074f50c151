//! Events of a watched credential, one line each.

use super::{problem, time};
use crate::text::escape;
use claviger::{Change, Lease, Material, Problem, Progress, Why, wire};
use std::time::SystemTime;

/// One line without its line feed. Without `secret`, the secret is hidden.
pub(crate) fn render(change: &Change, secret: Option<&Material>, now: SystemTime) -> String {
    let told = |what: &Problem| problem(&wire::problem(what, now));
    match change {
        Change::Lease(lease, why) => issued(lease, *why, secret, now),
        Change::Progress(progress) => running(progress),
        Change::Problem(what) => format!("problem: {}", told(what)),
        Change::PersonNeeded(what) => format!("a person is needed: {}", told(what)),
    }
}

fn issued(lease: &Lease, why: Why, secret: Option<&Material>, now: SystemTime) -> String {
    let generation = match lease.generation {
        0 => String::new(),
        number => format!(", generation {number}"),
    };
    let expires =
        lease.expires_at.map(|at| format!(", expires {}", time::relative(&wire::timestamp(at), now)));
    let stale = if lease.stale { ", stale" } else { "" };
    let secret = secret.map(|secret| format!(", secret {}", super::lease::shown(secret)));
    format!(
        "issued ({}): {}{generation}{}{stale}{}",
        why.name().replace('-', " "),
        escape::line(&lease.source),
        expires.unwrap_or_default(),
        secret.unwrap_or_default(),
    )
}

fn running(progress: &Progress) -> String {
    let source = escape::line(&progress.source);
    match progress.line.as_str() {
        "" => format!("{source}: still running after {}", time::span(progress.elapsed)),
        line => format!("{source}: {}", escape::line(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::render::samples;
    use claviger::{Change, Material, Problem, Progress, Reason, Remedy, Why};
    use std::time::Duration;

    fn line(change: &Change) -> String {
        render(change, None, samples::now())
    }

    #[test]
    fn every_event_is_one_line() {
        let issued = Change::Lease(Box::new(samples::lease()), Why::SettingsChanged);
        assert_eq!(
            line(&issued),
            "issued (settings changed): api-key-helper, generation 3, expires in 4 min 12 s, stale"
        );
        assert!(
            render(&issued, Some(&Material::Secret("canary".into())), samples::now())
                .ends_with(", secret canary")
        );
        let elapsed = Duration::from_secs(12);
        let progress = |line: &str| {
            Change::Progress(Progress { source: "s".into(), line: line.into(), elapsed, attended: false })
        };
        assert_eq!(line(&progress("open\x1b https://x")), "s: open\\u{1b} https://x");
        assert_eq!(line(&progress("")), "s: still running after 12 s");
        let what = Problem::new(Reason::LoginRequired, "not logged in").remedy(Remedy::login(Some("work")));
        let told = "not logged in (login-required); run: claviger login work";
        assert_eq!(line(&Change::Problem(what.clone())), format!("problem: {told}"));
        assert_eq!(line(&Change::PersonNeeded(what)), format!("a person is needed: {told}"));
    }
}
