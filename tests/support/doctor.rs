//! What `claviger doctor` is asked in tests: a home, and everything that it may find there.

use super::{
    CANARY, Home,
    stand_in::{Response, StandIn},
    text,
};
use serde_json::Value;
use std::{path::Path, process::Output};

/// A healthy home, and the endpoint that its sessions use.
pub struct Patient {
    pub home: Home,
    pub endpoint: StandIn,
}

/// Severity, id and place of a finding: a path below the home's directory with line and column, or nothing.
pub type Expected<'a> = (&'a str, &'a str, &'a str);

pub const SETTINGS: &str = "home/.claude/settings.json";

impl Patient {
    pub fn new() -> Self {
        Self::with(StandIn::start(|_| Response::new(200, "{}")))
    }

    pub fn with(endpoint: StandIn) -> Self {
        let home = Home::new();
        let patient = Self { home, endpoint };
        patient.settings(&[]);
        patient
    }

    /// The user's settings: a helper that works, on line 3, and the endpoint; with further variables.
    pub fn settings(&self, more: &[(&str, &str)]) {
        let helper = format!("echo {CANARY}helper");
        let env = [&[("ANTHROPIC_BASE_URL", self.endpoint.url.as_str())], more].concat();
        self.home.user_settings(Path::new(&helper), &env);
    }

    pub fn expect(&self, expected: &[Expected<'_>]) {
        expect(&self.home, &[], expected);
    }
}

/// Runs the doctor, compares everything it found, and returns the whole diagnosis.
#[track_caller]
pub fn expect(home: &Home, arguments: &[&str], expected: &[Expected<'_>]) -> Value {
    let output = home.run(&[&["doctor", "--json"], arguments].concat());
    let diagnosis = read(&output);
    let mut found: Vec<_> = findings(home, &diagnosis);
    found.sort();
    let mut wanted: Vec<_> =
        expected.iter().map(|(severity, id, place)| format!("{severity} {id} {place}")).collect();
    wanted.sort();
    assert_eq!(found, wanted, "{diagnosis:#}");
    assert_eq!(output.status.code(), Some(code(expected)), "{diagnosis:#}");
    told_to_people(home, arguments, expected);
    diagnosis
}

/// What people read names the same, and no secret.
#[track_caller]
fn told_to_people(home: &Home, arguments: &[&str], expected: &[Expected<'_>]) {
    let output = home.run(&[&["--doctor"], arguments].concat());
    let (shown, talk) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code(expected)), "{shown}{talk}");
    assert!(!shown.contains(CANARY) && talk.is_empty(), "{shown}{talk}");
    for (severity, id, _) in expected {
        let is_told = |line: &str| line.starts_with(severity) && line.ends_with(&format!("[{id}]"));
        assert!(shown.lines().any(is_told), "{severity} {id} is not in:\n{shown}");
    }
    assert_eq!(shown.contains("nothing is wrong"), expected.is_empty(), "{shown}");
}

/// 4 with errors, 9 with warnings, else 0.
fn code(expected: &[Expected<'_>]) -> i32 {
    let has = |wanted: &str| expected.iter().any(|(severity, ..)| *severity == wanted);
    if has("error") {
        4
    } else if has("warning") {
        9
    } else {
        0
    }
}

#[track_caller]
fn read(output: &Output) -> Value {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(!stdout.contains(CANARY) && !stderr.contains(CANARY), "{stdout}{stderr}");
    assert_eq!(stderr, "", "{stdout}");
    serde_json::from_str(&stdout).expect("one JSON value")
}

/// Every finding in a line, once its form has been checked.
fn findings(home: &Home, diagnosis: &Value) -> Vec<String> {
    let line = |finding: &Value| {
        let word = |name: &str| finding[name].as_str().unwrap_or_default();
        assert!(["error", "warning", "note"].contains(&word("severity")), "{finding}");
        assert!(["what", "cause"].iter().all(|name| !word(name).is_empty()), "{finding}");
        assert!(!word("fix").is_empty(), "{finding}");
        format!("{} {} {}", word("severity"), word("id"), place(home, &finding["location"]))
    };
    diagnosis["findings"].as_array().expect("a list").iter().map(line).collect()
}

fn place(home: &Home, at: &Value) -> String {
    let file = at["file"].as_str().unwrap_or_default();
    let root = format!("{}/", home.path("").display().to_string().trim_end_matches('/'));
    let file = file.strip_prefix(&root).unwrap_or(file);
    match (at["line"].as_u64().unwrap_or(0), at["column"].as_u64().unwrap_or(0)) {
        (0, _) => file.to_owned(),
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}
