use super::{render, sentence};
use crate::{
    output::{Glyphs, Layout, Style},
    render::samples,
};
use claviger::{
    proto::v1::{CacheEntry, Counters, Facts, GetStatusResponse, Version},
    reason::Location,
    remedy::Remedy,
};

fn status(entries: Vec<CacheEntry>) -> GetStatusResponse {
    let counters =
        Counters { requests: 15, hits: 12, waits: 2, failed: 1, runs: 3, refused: 1, ..Default::default() };
    GetStatusResponse {
        audit: None,
        locked: false,
        version: Some(Version { release: "0.1.0".into(), protocol: 1 }),
        started_at: samples::at(-7500),
        pid: 42,
        entries,
        counters: Some(counters),
        watchers: 1,
        shares: 0,
        sources: Vec::new(),
        gates: Vec::new(),
    }
}

fn failed() -> CacheEntry {
    CacheEntry {
        key: "ffee".into(),
        source: "api-key-helper".into(),
        directory: "/h/web".into(),
        last_problem: samples::helped(
            "command-failed",
            "the command ended with status 1",
            "look at it",
            Remedy::refresh(),
        ),
        failures: 3,
        ..Default::default()
    }
}

fn at(width: usize) -> Layout {
    Layout { width: Some(width), glyphs: Glyphs::Lines, ..Layout::default() }
}

#[test]
fn programs_get_every_column_and_no_bar() {
    let facts = Facts { link: "profile".into(), ..Default::default() };
    let fresh = CacheEntry { facts: Some(facts), ..samples::entry() };
    let expected = "\
clavigerd 0.1.0, pid 42, up 2 h 5 min
15 requests: 12 cached, 2 waited, 1 refused; 1 failed; 3 runs, 1 watching

FOR  SOURCE          LEFT        GEN  AGE   SESSIONS  STATE   NEXT      HITS  RUNS  CONFIGURED                  KEY
app  api-key-helper  4 min 12 s    3  48 s         2  fresh   in 3 min    12     3  /h/.claude/settings.json:3  ab12cd34
  link profile
web  api-key-helper  -             0  -            0  failed  -            0     0  environment                 ffee
  ! the command ended with status 1 (command-failed), 3 times in a row
    look at it
    run: claviger refresh
";
    let text = render(&status(vec![fresh, failed()]), samples::now(), Layout::default());
    assert_eq!(text, expected);
}

#[test]
fn eighty_columns_are_enough() {
    let mut entry = samples::entry();
    (entry.source, entry.account) = ("oauth-login".into(), "work".into());
    let expected = "\
clavigerd 0.1.0, pid 42, up 2 h 5 min
15 requests: 12 cached, 2 waited, 1 refused; 1 failed; 3 runs, 1 watching

FOR   SOURCE                  LEFT        GEN  AGE     SESSIONS  STATE
work  oauth-login     ━━━━━╸  4 min 12 s    3  48 s           2  fresh
web   api-key-helper          -             0  -              0  failed
  ! the command ended with status 1 (command-failed), 3 times in a row
    look at it
    run: claviger refresh
";
    assert_eq!(render(&status(vec![entry, failed()]), samples::now(), at(80)), expected);
}

#[test]
fn a_narrow_terminal_loses_columns_and_keeps_what_matters() {
    let mut wide = samples::entry();
    (wide.source, wide.account) = ("oauth-login".into(), "仕事".into());
    for (width, expected) in [
        (72, "FOR   SOURCE                  LEFT        GEN  SESSIONS  STATE"),
        (64, "FOR   SOURCE          LEFT        GEN  SESSIONS  STATE"),
        (50, "FOR   SOURCE          LEFT        STATE"),
        (38, "FOR   SOURCE      LEFT       STATE"),
        (24, "FOR   SOUR…  LEFT   STA…"),
    ] {
        let text = render(&status(vec![wide.clone(), failed()]), samples::now(), at(width));
        let text = crate::text::wrap::text(&text, width);
        let line = text.lines().find(|line| line.starts_with("FOR")).unwrap_or_default();
        assert_eq!(line, expected, "{width}");
        let fits = |line: &str| crate::render::table::columns(line) <= width;
        assert!(text.lines().skip(1).all(fits), "{width}: {text}");
    }
    let text = render(&status(vec![wide]), samples::now(), at(64));
    assert!(text.contains("仕事  oauth-login  ━"), "{text}");
}

#[test]
fn the_parts_of_the_requests_add_up() {
    let all =
        Counters { requests: 20, hits: 9, waits: 4, own: 3, refused: 2, failed: 5, runs: 1, rejections: 1 };
    assert_eq!(
        super::counters(all, 0),
        "20 requests: 9 cached, 4 waited, 3 with a secret of their own, 2 refused, 2 just arrived; 5 failed; 1 run, 1 rejected"
    );
}

#[test]
fn an_empty_cache_says_so() {
    let text = render(&status(Vec::new()), samples::now(), Layout::default());
    assert!(text.ends_with("1 watching\nnothing is cached\n"), "{text}");
}

#[test]
fn gates_stand_below_and_take_no_line_if_there_are_none() {
    let gated = |entries| GetStatusResponse { gates: vec![samples::gate()], ..status(entries) };
    let gates = "\nGATE  FOR  NOW  SENT  TOKENS  STATUS    ADDED  KEY\n\
        1a2b  app    2     7     9+3     200  0.08 ms  rotated in use\n";
    for entries in [vec![], vec![samples::entry()]] {
        let without = render(&status(entries.clone()), samples::now(), at(80));
        assert!(!without.contains("GATE"), "{without}");
        assert_eq!(render(&gated(entries), samples::now(), at(80)), without + gates);
    }
}

#[test]
fn a_lock_is_told_and_colours_only_where_they_are_seen() {
    let locked = GetStatusResponse { locked: true, ..status(vec![samples::entry(), failed()]) };
    let plain = render(&locked, samples::now(), at(80));
    assert!(plain.contains("\nlocked: nothing is lent until `claviger unlock`\n") && !plain.contains('\x1b'));
    let coloured = render(&locked, samples::now(), Layout { style: Style::coloured(), ..at(80) });
    assert!(coloured.contains("\x1b[32mfresh") && coloured.contains("\x1b[31mfailed"), "{coloured}");
    let mut stripped = String::new();
    let mut inside = false;
    for c in coloured.chars() {
        match c {
            '\x1b' => inside = true,
            'm' if inside => inside = false,
            c if !inside => stripped.push(c),
            _ => {}
        }
    }
    assert_eq!(stripped, plain, "colours move nothing");
}

#[test]
fn a_problem_says_what_helps() {
    let lines = |remedy: Remedy| {
        let problem = samples::helped("command-failed", "x", "look at it", remedy).unwrap_or_default();
        super::trouble(&problem, 2)
    };
    let at = Location { layer: "user".into(), file: "/h/s.json".into(), line: 3, column: 0 };
    for (remedy, last) in [
        (Remedy::login(Some("work")), "run: claviger login work"),
        (Remedy::refresh().within("/a b"), "run: claviger --cwd '/a b' refresh"),
        (Remedy::Edit(at), "edit: /h/s.json:3"),
        (Remedy::Administrator("allow it".into()), "ask your administrator to allow it"),
    ] {
        assert_eq!(lines(remedy), ["x (command-failed), 2 times in a row", "look at it", last]);
    }
    let unknown = samples::problem("from-the-future", "x", "see `claviger help`").unwrap_or_default();
    assert_eq!(super::trouble(&unknown, 1), ["x (unknown)", "see `claviger help`"]);
}

#[test]
fn states_are_told_apart() {
    let state = |change: fn(&mut CacheEntry)| {
        let mut entry = samples::entry();
        change(&mut entry);
        super::state(&entry, samples::now())
    };
    assert_eq!(state(|_| ()), "fresh");
    assert_eq!(state(|entry| entry.stale = true), "stale");
    assert_eq!(state(|entry| entry.expires_at = samples::at(0)), "expired");
    assert_eq!(state(|entry| entry.refreshing = true), "refreshing");
    assert_eq!(state(|entry| entry.generation = 0), "empty");
}

#[test]
fn a_sentence_for_one_entry() {
    assert_eq!(
        sentence(&samples::entry(), samples::now()),
        "api-key-helper: generation 3, fresh, expires in 4 min 12 s, next refresh in 3 min"
    );
}

#[test]
fn an_audit_log_with_losses_is_told() {
    let audit = |lost, trouble: &str| claviger::proto::v1::AuditLog {
        lost,
        lost_since: (lost > 0).then(|| samples::at(-300)).flatten(),
        waiting: 7,
        trouble: trouble.into(),
        ..Default::default()
    };
    for (audit, line) in [
        (audit(0, ""), ""),
        (audit(1, ""), "audit: 1 line lost since 5 min ago\n"),
        (audit(0, "full\u{1b}"), "audit: it cannot be written (full\\u{1b}), 7 lines waiting\n"),
        (
            audit(12, "full"),
            "audit: 12 lines lost since 5 min ago; it cannot be written (full), 7 lines waiting\n",
        ),
    ] {
        let status = GetStatusResponse { audit: Some(audit), ..status(Vec::new()) };
        let text = render(&status, samples::now(), Layout::default());
        assert!(text.ends_with(&format!("watching\n{line}nothing is cached\n")), "{text}");
    }
}
