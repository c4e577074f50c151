//! Every verb that prints prose or a table, on real terminals of 60, 80 and 120 columns: no word is broken, and no line is longer
//! than the terminal, but for a word that is.

use claviger::source;
use claviger_tests::{Daemon, Home, settings, skipped, text, tmux::Tmux};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

const WIDTHS: [u16; 3] = [60, 80, 120];
/// More rows than any screen has here.
const ROWS: u16 = 400;
/// The directory of the home, and the verb.
const SCREENS: &[(&str, &[&str])] = &[
    ("work", &["get"]),
    ("work", &["explain"]),
    ("work", &["doctor", "--offline"]),
    ("work", &["audit"]),
    ("work", &["status"]),
    ("work", &["pending"]),
    ("work", &["accounts"]),
    ("work", &["share", "list"]),
    ("work", &["gate", "list"]),
    ("work", &["trust", "list"]),
    ("work", &["refresh"]),
    ("work", &["hook", "list"]),
    ("work", &["hook", "uninstall", "claude", "--dry-run"]),
    ("work", &["daemon", "status"]),
    ("work", &["logout"]),
    ("work", &["use", "nothing-that-there-is"]),
    ("work", &["login"]),
    ("work", &["tokn"]),
    ("work", &["watch"]),
    ("work", &["--help"]),
    ("clone", &["token", "--quiet"]),
    ("clone", &["explain"]),
    ("clone", &["doctor", "--offline"]),
    ("clone", &["trust", "show"]),
    ("broken", &["token"]),
    ("broken", &["refresh"]),
];

/// Two trusted projects with helpers of their own, a clone that is not trusted, and a helper that fails.
fn home() -> (Home, Daemon) {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let daemon = home.daemon();
    for name in ["one", "two"] {
        project(&home, name, &home.counting_helper(name, 0.0));
        home.grant(&["--cwd", &path(&home, name)]);
        home.ok(&["--cwd", &path(&home, name), "token"]);
    }
    project(&home, "clone", &home.counting_helper("clone", 0.0));
    project(
        &home,
        "broken",
        &home.script(
            "broken.sh",
            "echo one word after another, so many that it takes a second line >&2; exit 3",
        ),
    );
    home.grant(&["--cwd", &path(&home, "broken")]);
    home.ok(&["token"]);
    let failed = home.claviger(&["--cwd", &path(&home, "broken"), "token"]).output().expect("it runs");
    assert!(!failed.status.success());
    (home, daemon)
}

fn path(home: &Home, name: &str) -> String {
    home.path(name).display().to_string()
}

fn project(home: &Home, name: &str, helper: &Path) {
    home.write(&format!("{name}/.claude/settings.json"), &settings(helper, &[]));
    let git = Command::new("git").args(["init", "-q"]).arg(home.path(name)).status().expect("git runs");
    assert!(git.success());
}

/// What `claviger ARGUMENTS` shows on a terminal of `width`: its lines, not those of the terminal. `None` where tmux is missing.
fn shown(home: &Home, directory: &str, arguments: &[&str], width: u16) -> Option<Vec<String>> {
    let directory = path(home, directory);
    let whole = [&["--cwd", &directory], arguments].concat();
    let tmux = Tmux::of(home, (width, ROWS), &home.claviger(&whole))?;
    tmux.shows("icanon");
    let screen = tmux.lines();
    let (shown, _) = screen.rsplit_once("\nended with ").expect("it ended");
    Some(shown.lines().skip(1).map(|line| line.trim_end().to_owned()).collect())
}

/// The words that a program reads.
fn words(home: &Home, directory: &str, arguments: &[&str]) -> BTreeSet<String> {
    let mut command = home.claviger(&[&["--cwd", &path(home, directory)], arguments].concat());
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let all = text(&output.stdout) + &text(&output.stderr);
    all.split_whitespace().map(str::to_owned).collect()
}

/// A line of one word may be longer: an address, a path. What a shell reads goes on behind a backslash.
fn fits(line: &str, width: u16) -> bool {
    line.chars().count() <= width.into() || !line.trim().trim_end_matches(" \\").contains(' ')
}

/// Times pass, bars are not for programs, and cells of a table are cut where they show so.
fn may_differ(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit() || "━╸─…".contains(c)) || word == "\\" || word == "s"
}

/// What precedes a line of a command: the whole name of its source.
fn names_a_source(word: &str) -> bool {
    word.strip_suffix(':').is_some_and(|name| source::ALL.contains(&name))
}

#[test]
fn text_fits_every_terminal_and_breaks_no_word() {
    let (home, _daemon) = home();
    let mut wrong = Vec::new();
    for (directory, arguments) in SCREENS {
        let mut all = Vec::new();
        let before = words(&home, directory, arguments);
        for width in WIDTHS {
            let Some(lines) = shown(&home, directory, arguments, width) else { return skipped("tmux") };
            assert!(lines.iter().any(|line| !line.is_empty()), "{arguments:?} shows nothing");
            let long = lines.iter().filter(|line| !fits(line, width));
            wrong.extend(long.map(|line| format!("{width} {directory} {arguments:?}: too long: {line}")));
            all.extend(lines);
        }
        // What is told in between, as of a pause, is told before or after; output of a helper is shown on a terminal only.
        let known = &before | &words(&home, directory, arguments);
        let broken = all.iter().flat_map(|line| line.split_whitespace());
        let broken =
            broken.filter(|word| !known.contains(*word) && !may_differ(word) && !names_a_source(word));
        wrong.extend(broken.map(|word| format!("{directory} {arguments:?}: broken: {word}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_of_one_source_are_told_apart_at_eighty_columns() {
    let (home, _daemon) = home();
    let Some(lines) = shown(&home, "work", &["status"], 80) else { return skipped("tmux") };
    let titles = lines.iter().find(|line| line.contains("SOURCE")).expect("a table");
    assert!(titles.starts_with("FOR ") && titles.contains("STATE"), "{lines:#?}");
    let names = lines.iter().filter(|line| line.contains("  api-key-helper  "));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(
        names.iter().copied().collect::<BTreeSet<_>>(),
        ["broken", "one", "two", "work"].into(),
        "{lines:#?}"
    );
    assert_eq!(names.len(), 4, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains(" requests: ")).count(), 1);
}
