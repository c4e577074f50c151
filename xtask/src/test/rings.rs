//! Rings of tests (tests/README.md): which test program, and which of its tests, belong to which.

use crate::sh;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Modules of `inside` that are ring 2.
const DECISIONS: [&str; 2] = ["scenarios", "broker_time"];

/// A program of tests that cargo built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Directory of its package, where it runs.
    pub(super) directory: PathBuf,
    pub(super) executable: PathBuf,
}

impl Program {
    /// A test program, if this line of cargo's JSON describes one.
    pub(super) fn of(line: &str) -> Option<Self> {
        let field = |name: &str| {
            let start = line.find(&format!("\"{name}\":\""))? + name.len() + 4;
            let rest = line.get(start..)?;
            Some(PathBuf::from(rest.get(..rest.find('"')?)?))
        };
        // A target that can be tested has that word, too.
        let is_test = line.split_once("\"profile\":")?.1.contains("\"test\":true}");
        let directory = field("manifest_path")?.parent()?.to_owned();
        is_test.then_some(Self { directory, executable: field("executable")? })
    }

    /// Its name without what cargo adds.
    pub(super) fn name(&self) -> &str {
        let stem = self.executable.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        stem.rsplit_once('-').map_or(stem, |(name, _)| name)
    }

    /// Arguments that pick its tests of these rings; `None` if it has none.
    pub(super) fn arguments(&self, rings: &[u8], main_of_inside: &str) -> Option<Vec<String>> {
        let wants = |ring: u8| rings.contains(&ring);
        let modules =
            || main_of_inside.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        let skip = |is_skipped: &dyn Fn(&str) -> bool| {
            let skipped = modules().filter(|name| is_skipped(name));
            skipped.flat_map(|name| ["--skip".to_owned(), format!("{name}::")]).collect()
        };
        match self.name() {
            "inside" => match (wants(2), wants(3)) {
                (true, true) => Some(Vec::new()),
                (true, false) => Some(skip(&|name| !DECISIONS.contains(&name))),
                (false, true) => Some(skip(&|name| DECISIONS.contains(&name))),
                (false, false) => None,
            },
            "programs" | "documentation" => wants(4).then(Vec::new),
            _ => wants(1).then(Vec::new),
        }
    }
}

/// The list of modules of `inside`.
pub(super) fn main_of_inside() -> sh::Result<String> {
    Ok(fs::read_to_string(sh::root().join(Path::new("tests/inside/main.rs")))?)
}

#[cfg(test)]
mod tests {
    use super::Program;

    const MAIN: &str = "//! x\n\nmod api;\nmod broker_time;\nmod scenarios;\n";

    fn program(name: &str) -> Program {
        Program { directory: "/w".into(), executable: format!("/w/target/debug/deps/{name}-0123").into() }
    }

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let line = r#"{"reason":"compiler-artifact","package_id":"x","manifest_path":"/w/Cargo.toml","target":{"kind":["test"],"name":"inside","test":true},"profile":{"opt_level":"0","test":true},"features":[],"filenames":["/w/target/debug/deps/inside-0123"],"executable":"/w/target/debug/deps/inside-0123","fresh":true}"#;
        let found = Program::of(line).expect("a program");
        assert_eq!((found.name(), &found), ("inside", &program("inside")));
        assert_eq!(
            Program::of(&line.replace(r#""test":true},"features""#, r#""test":false},"features""#)),
            None
        );
        assert_eq!(Program::of(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn a_ring_picks_programs_and_modules() {
        let picked = |name: &str, rings: &[u8]| program(name).arguments(rings, MAIN);
        assert_eq!(picked("clavigerd", &[1]), Some(vec![]));
        assert_eq!(picked("clavigerd", &[2, 3, 4]), None);
        assert_eq!(picked("inside", &[2, 3]), Some(vec![]));
        assert_eq!(picked("inside", &[2]), Some(vec!["--skip".into(), "api::".into()]));
        let others = ["--skip", "broker_time::", "--skip", "scenarios::"].map(str::to_owned);
        assert_eq!(picked("inside", &[3]), Some(others.to_vec()));
        assert_eq!(picked("inside", &[1, 4]), None);
        assert_eq!(picked("programs", &[4]), Some(vec![]));
    }
}
