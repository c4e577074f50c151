//! The files of the clouds' own tools, read by those tools and by claviger: each file of `tests/clouds` is a user's machine, and
//! all of them must find the same identity there, or our documentation says why not.
//!
//! `cargo xtask test clouds --table` prints what came of each case. It takes root, for the network namespaces, and the tools.

mod case;
mod cloud;
mod machine;
mod tools;

use case::{Case, Expect, line, whole};
use claviger_tests::{
    is_root, skipped,
    stand_in::{Authority, Request},
};
use cloud::{Cloud, Tool};
use machine::{Machine, leave_the_network};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs, iter,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};
use tools::{Outcome, Workers};

/// How many seconds two programs may differ about an end: they do not run at the same time.
const TOLERANCE: i64 = 20;
/// How many cases are tried at the same time.
const THREADS: usize = 3;

#[test]
fn aws() {
    all(Cloud::Aws, 1);
}

#[test]
fn google() {
    all(Cloud::Google, 110);
}

#[test]
fn azure() {
    all(Cloud::Azure, 80);
}

/// A row of the table.
struct Row {
    name: String,
    /// Of claviger, then of the tools.
    outcomes: Vec<String>,
    /// Whether all found the same, or a sentence of the documentation for the difference.
    verdict: String,
    wrong: Vec<String>,
}

fn all(cloud: Cloud, at_least: usize) {
    if !is_root() {
        return skipped("root, for network namespaces");
    }
    for (what, is_there) in [
        ("Debian's awscli", Path::new("/usr/lib/python3/dist-packages/awscli").is_dir()),
        (
            "$CLAVIGER_TEST_VENV (`cargo xtask test` installs it)",
            std::env::var_os("CLAVIGER_TEST_VENV").is_some(),
        ),
        (
            "$CLAVIGER_TEST_NPM (`cargo xtask test` installs it)",
            std::env::var_os("CLAVIGER_TEST_NPM").is_some(),
        ),
    ] {
        if !is_there {
            return skipped(what);
        }
    }
    let (asked, paths) = (std::env::var("CLAVIGER_TEST_CASE").unwrap_or_default(), paths(cloud));
    let paths: Vec<_> = paths.into_iter().filter(|path| path.to_string_lossy().contains(&asked)).collect();
    assert!(paths.len() >= at_least || !asked.is_empty(), "only {} cases", paths.len());
    let (left, rows) = (Mutex::new(paths.iter()), Mutex::new(Vec::new()));
    let (authority, directory) = (Arc::new(Authority::new()), tempfile::tempdir().expect("directory"));
    let authorities = directory.path().join("authorities.pem");
    fs::write(&authorities, authority.pem()).expect("file");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                leave_the_network();
                let mut workers = Workers::new(cloud, authorities.clone());
                let next = || left.lock().expect("cases").next();
                for path in iter::from_fn(next) {
                    let row = try_case(cloud, path, &authority, &mut workers);
                    rows.lock().expect("rows").push(row);
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("rows");
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    if std::env::var_os("CLAVIGER_TEST_TABLE").is_some() {
        println!("{}", table(cloud, &rows));
    }
    let wrong: Vec<_> = rows.iter().filter(|row| !row.wrong.is_empty()).collect();
    let said: String =
        wrong.iter().map(|row| format!("\n{}: {}", row.name, row.wrong.join("\n    "))).collect();
    assert!(wrong.is_empty(), "{} of {} cases are wrong:{said}", wrong.len(), rows.len());
}

fn paths(cloud: Cloud) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clouds").join(cloud.name());
    let mut paths: Vec<_> =
        fs::read_dir(directory).expect("cases").map(|entry| entry.expect("a case").path()).collect();
    paths.sort();
    paths
}

fn try_case(cloud: Cloud, path: &Path, authority: &Arc<Authority>, workers: &mut Workers) -> Row {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a case");
    let case: Case = toml_edit::de::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!case.about.is_empty() && !case.source.is_empty(), "{name}: says neither what nor where");
    let machine = Machine::new(cloud, &case, authority);
    let (ours, said) = tools::claviger(cloud, &machine);
    let mut wrong = not_as_expected(&case.expect, &ours, &said);
    wrong.extend(not_asked(&case.expect, "claviger", &machine.servers.requests()));
    drop(machine);
    let (mut outcomes, mut verdict) = (vec![ours.short().to_owned()], "same".to_owned());
    for &tool in cloud.tools() {
        if let Some(why) = case.unknown.get(tool.name) {
            assert!(!why.is_empty(), "{name}: why does {} not know it?", tool.name);
            outcomes.push("–".to_owned());
            continue;
        }
        let machine = Machine::new(cloud, &case, authority);
        let theirs = workers.ask(tool, &machine);
        outcomes.push(theirs.short().to_owned());
        match (is_same(&ours, &theirs), case.differs.get(tool.name)) {
            (true, None) => wrong.extend(not_asked(&case.expect, tool.name, &machine.servers.requests())),
            (true, Some(_)) => wrong.push(format!("{} does the same", tool.name)),
            (false, Some(sentence)) => {
                verdict = format!("documented: {sentence}");
                wrong.extend(undocumented(sentence));
            }
            (false, None) => wrong.push(different(tool, &ours, &theirs)),
        }
    }
    if !wrong.is_empty() {
        verdict = "WRONG".to_owned();
    }
    Row { name, outcomes, verdict, wrong }
}

fn is_same(ours: &Outcome, theirs: &Outcome) -> bool {
    match (ours, theirs) {
        (Outcome::Found { identity, expires }, Outcome::Found { identity: other, expires: their_end }) => {
            let is_near = |(one, other): (&i64, &i64)| (one - other).abs() <= TOLERANCE;
            identity == other && expires.as_ref().zip(their_end.as_ref()).is_none_or(is_near)
        }
        (Outcome::Nothing { .. }, Outcome::Nothing { .. }) => true,
        _ => false,
    }
}

fn different(tool: Tool, ours: &Outcome, theirs: &Outcome) -> String {
    let cut = |outcome: &Outcome| format!("{outcome:?}").chars().take(400).collect::<String>();
    format!("{} differs: {}\n    ours: {}", tool.name, cut(theirs), cut(ours))
}

fn not_as_expected(expect: &Expect, ours: &Outcome, said: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    match ours {
        Outcome::Found { expires, .. } => {
            if expect.identity.as_deref() != Some(ours.short()) {
                wrong.push(format!("claviger found {}", ours.short()));
            }
            let left = expires.map(|at| at - i64::try_from(claviger_tests::seconds()).expect("a clock"));
            // Keys without an end get one from us.
            if let Some(end) = expect.expires
                && left.is_none_or(|left| (left - end).abs() > TOLERANCE)
            {
                wrong.push(format!("it ends in {left:?} s, not {end}"));
            }
        }
        Outcome::Nothing { why } => {
            if expect.error.is_none() || said["reason"].as_str() != expect.error.as_deref() {
                wrong.push(format!("claviger refused: {}", why.trim()));
            }
            let whole = said.to_string();
            let missing = expect.says.iter().filter(|part| !whole.contains(*part));
            wrong.extend(missing.map(|part| format!("claviger does not say {part:?}: {whole}")));
        }
    }
    wrong
}

fn not_asked(expect: &Expect, who: &str, requests: &[Request]) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines: Vec<_> = requests.iter().map(line).collect();
    if expect.requests.as_ref().is_some_and(|expected| *expected != lines) {
        wrong.push(format!("{who} asked {lines:?}"));
    }
    let all: String = requests.iter().map(|request| whole(request) + "\n").collect();
    let missing = expect.sent.iter().filter(|part| !all.contains(*part));
    wrong.extend(missing.map(|part| format!("{who} did not send {part:?} but {lines:?}")));
    wrong
}

/// Why a sentence is not in the documentation.
fn undocumented(sentence: &str) -> Option<String> {
    let (page, heading) = sentence.split_once('#')?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_heading = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let anchor = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        line.starts_with('#') && anchor.map(|c| if c == ' ' { '-' } else { c }).collect::<String>() == heading
    };
    (!text.lines().any(is_heading)).then(|| format!("no heading {sentence}"))
}

fn table(cloud: Cloud, rows: &[Row]) -> String {
    let names = iter::once("claviger").chain(cloud.tools().iter().map(|tool| tool.name));
    let mut table =
        format!("| {} case | {} | verdict |\n", cloud.name(), names.collect::<Vec<_>>().join(" | "));
    let mut counts = BTreeMap::<&str, usize>::new();
    for row in rows {
        let kind = row.verdict.split(':').next().unwrap_or_default();
        *counts.entry(kind).or_default() += 1;
        table += &format!("| {} | {} | {} |\n", row.name, row.outcomes.join(" | "), row.verdict);
    }
    table + &format!("{} cases: {counts:?}\n", rows.len())
}
