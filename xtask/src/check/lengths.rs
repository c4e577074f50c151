//! Long files are hard to read. Tests do not count: neither the module that ends a file nor a file of tests.

use super::Outcome;
use crate::sh;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// More lines than this are listed.
const LONG: usize = 300;
/// More lines than this fail.
const TOO_LONG: usize = 500;

const PLACES: &[&str] = &["src", "daemon/src", "client/src", "xtask/src"];

pub(super) fn check() -> sh::Result<Outcome> {
    let root = sh::root();
    let mut files = Vec::new();
    for place in PLACES {
        collect(&root.join(place), &mut files)?;
    }
    let mut long = Vec::new();
    for file in files {
        let lines = code_lines(&fs::read_to_string(&file)?);
        if lines > LONG {
            long.push((lines, file.strip_prefix(&root).unwrap_or(&file).display().to_string()));
        }
    }
    long.sort();
    long.reverse();
    Ok(verdict(&long))
}

fn verdict(long: &[(usize, String)]) -> Outcome {
    let text = |(lines, file): &(usize, String)| {
        let limit = if *lines > TOO_LONG { TOO_LONG } else { LONG };
        format!("{file}: {lines} lines without its tests, more than {limit}")
    };
    let list = long.iter().map(text).collect();
    match long.first() {
        None => Outcome::Passed,
        Some((most, _)) if *most > TOO_LONG => Outcome::Failed(list),
        Some(_) => Outcome::Warned(list),
    }
}

/// Lines up to the test module that ends a file.
fn code_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let starts_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {");
    lines.windows(2).position(starts_tests).unwrap_or(lines.len())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> sh::Result {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "tests" {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Outcome, code_lines, verdict};

    #[test]
    fn the_test_module_is_not_counted() {
        assert_eq!(code_lines("fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(code_lines("#[cfg(test)]\nfn helper() {}\nfn a() {}\n"), 3);
    }

    #[test]
    fn long_warns_and_too_long_fails() {
        assert!(matches!(verdict(&[]), Outcome::Passed));
        assert!(matches!(verdict(&[(301, "a".into())]), Outcome::Warned(_)));
        assert!(matches!(verdict(&[(501, "a".into()), (301, "b".into())]), Outcome::Failed(_)));
    }
}
