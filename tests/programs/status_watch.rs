//! `claviger status --watch` in a real terminal, with a real daemon and a real helper; and without a terminal.

use claviger_tests::{CANARY, Home, signal, skipped, tmux::Tmux, wait::BOUND};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

const WATCH: [&str; 2] = ["status", "--watch"];

/// A home whose helper has run once.
fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

fn watch(home: &Home, size: (u16, u16)) -> Option<Tmux> {
    let tmux = Tmux::start(home, size, &WATCH);
    if tmux.is_none() {
        skipped("tmux");
    }
    tmux
}

#[test]
fn the_table_is_live_and_keys_do_what_they_say() {
    let home = home();
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let Some(tmux) = watch(&home, (80, 24)) else { return };
    let row =
        |screen: &str| screen.lines().find(|line| line.starts_with("> ")).unwrap_or_default().to_owned();
    let generation = |screen: &str| row(screen).split("  ").find_map(|cell| cell.trim().parse::<u64>().ok());
    tmux.shows("> api-key-helper");
    assert!(row(&tmux.screen()).contains("fresh") && tmux.screen().contains("holds 1 credential"));
    for (key, part) in [("r", "refreshed, generation 2"), ("r", "refreshed, generation 3")] {
        tmux.press(&[key]);
        tmux.shows(part);
    }
    assert_eq!((home.runs("key"), generation(&tmux.screen())), (3, Some(3)));
    // Another session is seen at once: there is no polling.
    home.ok(&["--cwd", "/", "refresh"]);
    tmux.shows("refreshed, generation 4");
    home.ok(&["--cwd", "/", "token"]);
    tmux.shows("used        now, from /");
    tmux.shows_that("two sessions", |screen| row(screen).ends_with("2  fresh"));
    tmux.press(&["e"]);
    tmux.shows("api-key-helper wins");
    tmux.press(&["q"]);
    tmux.shows_that("the table", |screen| screen.contains("events") && !screen.contains("wins"));
    tmux.press(&["?"]);
    tmux.shows("ignoring any backoff");
    tmux.press(&["Escape"]);
    tmux.shows_that("the table", |screen| {
        screen.contains(" details ") && !screen.contains("ignoring any backoff")
    });
    assert!(!tmux.screen().contains(CANARY), "{}", tmux.screen());
    tmux.press(&["q"]);
    tmux.restored(0);
}

#[test]
fn a_helper_that_fails_is_told_with_what_mends_it() {
    let home = home();
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let Some(tmux) = watch(&home, (80, 24)) else { return };
    tmux.shows("> api-key-helper");
    home.script("key.sh", "exit 3");
    tmux.press(&["r"]);
    tmux.shows("run: claviger --cwd ");
    tmux.shows_that("the event", |screen| screen.contains("api-key-helper: failed: "));
    assert!(tmux.screen().contains("stale"), "{}", tmux.screen());
    home.counting_helper("key", 0.0);
    tmux.press(&["r"]);
    tmux.shows("refreshed, generation 2");
    tmux.shows_that("no problem", |screen| !screen.contains("run: claviger"));
    home.ok(&["refresh", "--rejected", "401"]);
    tmux.shows("rejected by the API");
    tmux.shows("refreshed, generation 3");
    home.ok(&["lock"]);
    tmux.shows("locked: nothing is lent");
    home.ok(&["unlock"]);
    tmux.shows("unlocked");
}

#[test]
fn it_outlives_the_daemon() {
    let home = home();
    let daemon = home.daemon();
    home.ok(&["token"]);
    let Some(tmux) = watch(&home, (80, 24)) else { return };
    tmux.shows("> api-key-helper");
    daemon.terminate();
    tmux.shows("the daemon is gone; waiting for another");
    let daemon = home.daemon();
    tmux.shows(&format!("daemon restarted: clavigerd {}, pid {}", claviger::RELEASE, daemon.pid()));
    tmux.shows("nothing is cached");
    home.ok(&["token"]);
    tmux.shows("> api-key-helper");
    tmux.press(&["q"]);
    tmux.restored(0);
}

#[test]
fn every_size_shows_something_useful() {
    let home = home();
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let Some(tmux) = watch(&home, (20, 5)) else { return };
    tmux.shows("> api-");
    assert!(tmux.screen().lines().all(|line| line.chars().count() <= 20), "{}", tmux.screen());
    for (size, part) in
        [((100, 30), "configured"), ((30, 6), "LEFT"), ((200, 50), "CONFIGURED"), ((80, 24), "AGE")]
    {
        tmux.resize(size.0, size.1);
        tmux.shows(part);
        tmux.shows_that("the chosen row", |screen| screen.lines().any(|line| line.starts_with("> api-")));
    }
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let home = home();
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let ends: [(&str, u8); 4] = [("C-c", 130), ("TERM", 143), ("INT", 130), ("HUP", 129)];
    for (how, code) in ends {
        let Some(tmux) = watch(&home, (80, 24)) else { return };
        tmux.shows("> api-key-helper");
        match how {
            "C-c" => tmux.press(&[how]),
            name => signal(tmux.pid(), name),
        }
        tmux.restored(code);
    }
}

/// A watch that is read by a program.
struct Lines {
    child: Child,
    lines: Receiver<String>,
}

impl Lines {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut child = home.claviger(arguments).stdout(Stdio::piped()).spawn().expect("claviger runs");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    #[track_caller]
    fn next(&self) -> String {
        let line = self.lines.recv_timeout(BOUND).expect("a line in time");
        assert!(!line.contains(CANARY) && !line.contains('\x1b'), "{line}");
        line
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn programs_read_a_line_for_each_event() {
    let home = home();
    let daemon = home.daemon();
    home.ok(&["token"]);
    let (json, plain) = (Lines::start(&home, &["status", "--watch", "--json"]), Lines::start(&home, &WATCH));
    let event = |line: String| serde_json::from_str::<Value>(&line).expect("a line of JSON");
    let first = event(json.next());
    assert_eq!((&first["event"], &first["entries"]), (&"connected".into(), &1.into()), "{first}");
    assert!(plain.next().ends_with("holds 1 credential"));
    home.ok(&["refresh"]);
    let second = event(json.next());
    assert_eq!((&second["event"], &second["generation"]), (&"refreshed".into(), &2.into()), "{second}");
    assert!(second["at"].is_string() && second["source"] == "api-key-helper", "{second}");
    assert!(plain.next().contains(" api-key-helper: refreshed, generation 2, expires in "));
    home.script("key.sh", "exit 3");
    home.fails(6, &["refresh"]);
    let third = event(json.next());
    assert_eq!((&third["event"], &third["problem"]["reason"]), (&"failed".into(), &"command-failed".into()));
    assert!(plain.next().contains("failed: "));
    daemon.terminate();
    assert_eq!(event(json.next())["event"], "lost");
    let daemon = home.daemon();
    let back = event(json.next());
    assert_eq!((&back["event"], &back["pid"]), (&"restarted".into(), &daemon.pid().into()), "{back}");
    home.fails(8, &["--socket", "/nowhere", "status", "--watch"]);
}

#[test]
fn colours_are_a_choice() {
    let home = home();
    let _daemon = home.daemon();
    home.ok(&["token"]);
    assert!(!home.ok(&["status"]).contains('\x1b'));
    assert!(home.ok(&["status", "--color", "always"]).contains("\x1b[32mfresh"));
    let Some(tmux) = Tmux::start(&home, (64, 20), &["status"]) else { return skipped("tmux") };
    tmux.shows("api-key-helper");
    assert!(tmux.screen().lines().any(|line| line.contains("━━━")), "{}", tmux.screen());
    assert!(tmux.screen().lines().all(|line| line.chars().count() <= 64), "{}", tmux.screen());
}
