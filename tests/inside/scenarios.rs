//! Who wins, as scenario files: each file of `tests/cases` is one session with its settings files and what must come
//! of it. Pure: nothing is read but the cases, nothing is run.

mod case;
mod compare;
use case::Case;
use claviger_tests::CANARY;
use clavigerd::resolve::Resolution;
use compare::compare;
use std::{fs, path::Path};

/// Fewer would mean that the walk over the files went wrong.
const AT_LEAST: usize = 250;

fn cases(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("tests/cases").flatten() {
        match entry.path() {
            path if path.is_dir() => cases(&path, found),
            path if path.extension().is_some_and(|end| end == "toml") => {
                found.push(path.display().to_string())
            }
            path => panic!("{} is not a case", path.display()),
        }
    }
}

/// Whatever is printed, logged or sent about a resolution: no secret of the case is in it.
fn leaks(got: &Resolution) -> Option<String> {
    let mut texts =
        vec![format!("{got:?}"), got.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")];
    texts.extend(got.steps.iter().map(|step| format!("{}: {} {:?}", step.source, step.why, step.at)));
    texts.extend(got.winner.as_ref().err().map(|problem| format!("{problem} {problem:?}")));
    texts.into_iter().find(|text| text.contains(CANARY)).map(|text| format!("a secret leaks: {text}"))
}

#[test]
fn every_case_comes_out_as_written() {
    let mut paths = Vec::new();
    cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases"), &mut paths);
    paths.sort();
    assert!(paths.len() >= AT_LEAST, "only {} cases", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).expect("a case");
        let case: Case = toml_edit::de::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(!case.docs.is_empty() && !case.source.is_empty(), "{path}: says neither what nor where");
        let got = case.resolve();
        let wrong = compare(&case, &got).into_iter().chain(leaks(&got));
        failures.extend(wrong.map(|what| format!("{path} ({}): {what}", case.docs)));
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), paths.len(), failures.join("\n"));
}
