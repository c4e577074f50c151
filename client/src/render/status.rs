//! The state of the daemon and its cache for people.

use super::{facts, place, problem, table, time};
use crate::{escape, output::Style};
use claviger::proto::v1::{AuditLog, Counters, GetStatusResponse, SlotStatus};
use std::time::SystemTime;

const HEAD: [&str; 11] = [
    "SOURCE",
    "ACCOUNT",
    "STATE",
    "GENERATION",
    "EXPIRES",
    "REFRESH",
    "USED",
    "SERVED",
    "RUNS",
    "KEY",
    "CONFIGURED",
];

/// A summary, then one row per cache entry with its last problem below it.
pub(crate) fn render(status: &GetStatusResponse, now: SystemTime, style: Style) -> String {
    let mut text = head(status, now, style);
    text.push_str(&counters(status.counters.unwrap_or_default(), status.watchers));
    text.push_str(&status.audit.as_ref().map(|audit| of_audit(audit, now, style)).unwrap_or_default());
    if status.slots.is_empty() {
        text.push_str("nothing is cached\n");
        return text;
    }
    let rows: Vec<_> = status.slots.iter().map(|slot| row(slot, now)).collect();
    let mut lines = table::titled(HEAD, rows).into_iter();
    let head = lines.next().unwrap_or_default();
    text.push_str(&format!("\n{}\n", style.bold(&head)));
    for (line, slot) in lines.zip(&status.slots) {
        text.push_str(&format!("{line}\n"));
        if let Some(known) = slot.facts.as_ref().map(facts::line).filter(|known| !known.is_empty()) {
            text.push_str(&format!("  {}\n", style.dim(&known)));
        }
        text.push_str(&failure(slot, style));
    }
    text
}

/// One cache entry in a sentence.
pub(crate) fn sentence(slot: &SlotStatus, now: SystemTime) -> String {
    let at = |name: &str, instant: &Option<_>| {
        instant.as_ref().map(|at| format!(", {name} {}", time::relative(at, now))).unwrap_or_default()
    };
    let (expires, refresh) = (at("expires", &slot.expires_at), at("next refresh", &slot.refresh_at));
    format!(
        "{}: generation {}, {}{expires}{refresh}",
        escape::line(&slot.source),
        slot.generation,
        state(slot, now)
    )
}

fn head(status: &GetStatusResponse, now: SystemTime, style: Style) -> String {
    let version = status.version.clone().unwrap_or_default();
    let up = status.started_at.as_ref().and_then(claviger::wire::system_time);
    let up = up.and_then(|at| now.duration_since(at).ok()).map(|up| format!(", up {}", time::span(up)));
    let name = style.bold(&format!("clavigerd {}", escape::line(&version.release)));
    let mut text = format!("{name}, pid {}{}\n", status.pid, up.unwrap_or_default());
    if status.locked {
        text.push_str(&format!("{}\n", style.yellow("locked: nothing is lent before `claviger unlock`")));
    }
    text
}

fn counters(counters: Counters, watchers: u32) -> String {
    let Counters { requests, hits, waits, errors, runs, rejections } = counters;
    format!(
        "{requests} requests: {hits} from the cache, {waits} waited, {errors} failed; \
         {runs} commands run, {rejections} rejections reported, {watchers} watching\n"
    )
}

/// What is wrong with the audit log, if something is.
fn of_audit(audit: &AuditLog, now: SystemTime, style: Style) -> String {
    let lines = |count| if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
    let mut wrong = Vec::new();
    if audit.lost > 0 {
        let since = audit.lost_since.as_ref().map(|at| format!(" since {}", time::relative(at, now)));
        wrong.push(format!("{} lost{}", lines(audit.lost), since.unwrap_or_default()));
    }
    if !audit.trouble.is_empty() {
        let (why, wait) = (escape::line(&audit.trouble), lines(audit.waiting));
        wrong.push(format!("it cannot be written ({why}), {wait} waiting"));
    }
    if wrong.is_empty() { String::new() } else { style.red(&format!("audit: {}", wrong.join("; "))) + "\n" }
}

fn row(slot: &SlotStatus, now: SystemTime) -> [String; 11] {
    let at = |instant: &Option<_>| instant.as_ref().map_or_else(|| "-".into(), |at| time::relative(at, now));
    [
        escape::line(&slot.source),
        escape::line(&slot.account),
        state(slot, now).into(),
        slot.generation.to_string(),
        at(&slot.expires_at),
        at(&slot.refresh_at),
        at(&slot.last_used_at),
        slot.served.to_string(),
        slot.runs.to_string(),
        escape::line(&slot.key).chars().take(8).collect(),
        slot.location.as_ref().map_or_else(|| unplaced(slot).into(), place),
    ]
}

/// Where it stands that is in no file: an account was signed in to.
fn unplaced(slot: &SlotStatus) -> &'static str {
    match slot.source.as_str() {
        "oauth-login" | "saved-api-key" => "local store",
        _ => "environment",
    }
}

fn state(slot: &SlotStatus, now: SystemTime) -> &'static str {
    let expired = slot.expires_at.as_ref().is_some_and(|at| time::is_over(at, now));
    match slot {
        slot if slot.refreshing => "refreshing",
        slot if slot.generation == 0 && slot.last_problem.is_some() => "failed",
        slot if slot.generation == 0 => "empty",
        _ if expired => "expired",
        slot if slot.stale => "stale",
        _ => "fresh",
    }
}

/// Why the last attempt at an entry failed, if it did.
pub(crate) fn failure(slot: &SlotStatus, style: Style) -> String {
    let line = |last| format!("  {} {}{}\n", style.red("!"), problem(last), failures(slot));
    slot.last_problem.as_ref().map(line).unwrap_or_default()
}

fn failures(slot: &SlotStatus) -> String {
    match slot.failures {
        0 | 1 => String::new(),
        count => format!(" ({count} times in a row)"),
    }
}

#[cfg(test)]
mod tests {
    use super::{render, sentence};
    use crate::{output::Style, render::fixture};
    use claviger::proto::v1::{Counters, GetStatusResponse, SlotStatus, Version};

    fn status(slots: Vec<SlotStatus>) -> GetStatusResponse {
        GetStatusResponse {
            locked: false,
            version: Some(Version { release: "0.1.0".into(), protocol: 1 }),
            started_at: fixture::at(-7500),
            pid: 42,
            slots,
            counters: Some(Counters { requests: 15, hits: 12, waits: 2, errors: 1, runs: 3, rejections: 0 }),
            watchers: 1,
            audit: None,
        }
    }

    #[test]
    fn an_audit_log_with_losses_is_told() {
        let audit = |lost, trouble: &str| claviger::proto::v1::AuditLog {
            lost,
            lost_since: (lost > 0).then(|| fixture::at(-300)).flatten(),
            waiting: 7,
            trouble: trouble.into(),
            ..Default::default()
        };
        for (audit, line) in [
            (audit(0, ""), "nothing is cached\n"),
            (audit(1, ""), "audit: 1 line lost since 5 min ago\n"),
            (audit(0, "full\u{1b}"), "audit: it cannot be written (full\\u{1b}), 7 lines waiting\n"),
            (
                audit(12, "full"),
                "audit: 12 lines lost since 5 min ago; it cannot be written (full), 7 lines waiting\n",
            ),
        ] {
            let status = GetStatusResponse { audit: Some(audit), ..status(Vec::new()) };
            let text = render(&status, fixture::now(), Style::default());
            assert_eq!(text.lines().nth(2).map(|line| format!("{line}\n")).as_deref(), Some(line), "{text}");
        }
    }

    #[test]
    fn a_row_per_entry_and_its_problem_below() {
        let failed = SlotStatus {
            key: "ffee".into(),
            source: "api-key-helper".into(),
            last_problem: fixture::problem(
                "command-failed",
                "the command ended with status 1",
                "run it by hand",
            ),
            failures: 3,
            ..Default::default()
        };
        let facts = claviger::proto::v1::Facts { link: "profile".into(), ..Default::default() };
        let fresh = SlotStatus { facts: Some(facts), ..fixture::slot() };
        let expected = "\
clavigerd 0.1.0, pid 42, up 2 h 5 min
15 requests: 12 from the cache, 2 waited, 1 failed; 3 commands run, 0 rejections reported, 1 watching

SOURCE          STATE   GENERATION  EXPIRES        REFRESH   USED     SERVED  RUNS  KEY       CONFIGURED
api-key-helper  fresh   3           in 4 min 12 s  in 3 min  2 s ago  12      3     ab12cd34  /h/.claude/settings.json:3
  link profile
api-key-helper  failed  0           -              -         -        0       0     ffee      environment
  ! the command ended with status 1 (command-failed); run it by hand (3 times in a row)
";
        let text = render(&status(vec![fresh, failed]), fixture::now(), Style::default());
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_cache_says_so() {
        let text = render(&status(Vec::new()), fixture::now(), Style::default());
        assert!(text.ends_with("1 watching\nnothing is cached\n"), "{text}");
    }

    #[test]
    fn a_lock_and_accounts_are_told() {
        let mut slot = fixture::slot();
        (slot.source, slot.account) = ("oauth-login".into(), "work".into());
        let locked = GetStatusResponse { locked: true, ..status(vec![slot, fixture::slot()]) };
        let expected = "\
clavigerd 0.1.0, pid 42, up 2 h 5 min
locked: nothing is lent before `claviger unlock`
15 requests: 12 from the cache, 2 waited, 1 failed; 3 commands run, 0 rejections reported, 1 watching

SOURCE          ACCOUNT  STATE  GENERATION  EXPIRES        REFRESH   USED     SERVED  RUNS  KEY       CONFIGURED
oauth-login     work     fresh  3           in 4 min 12 s  in 3 min  2 s ago  12      3     ab12cd34  /h/.claude/settings.json:3
api-key-helper           fresh  3           in 4 min 12 s  in 3 min  2 s ago  12      3     ab12cd34  /h/.claude/settings.json:3
";
        assert_eq!(render(&locked, fixture::now(), Style::default()), expected);
    }

    #[test]
    fn states_are_told_apart() {
        let state = |change: fn(&mut SlotStatus)| {
            let mut slot = fixture::slot();
            change(&mut slot);
            super::state(&slot, fixture::now())
        };
        assert_eq!(state(|_| ()), "fresh");
        assert_eq!(state(|slot| slot.stale = true), "stale");
        assert_eq!(state(|slot| slot.expires_at = fixture::at(0)), "expired");
        assert_eq!(state(|slot| slot.refreshing = true), "refreshing");
        assert_eq!(state(|slot| slot.generation = 0), "empty");
    }

    #[test]
    fn a_sentence_for_one_entry() {
        assert_eq!(
            sentence(&fixture::slot(), fixture::now()),
            "api-key-helper: generation 3, fresh, expires in 4 min 12 s, next refresh in 3 min"
        );
    }
}
