//! The API explains itself: everything in `proto/` has a comment. And inspection cannot reach a secret type.

use super::{Outcome, faults};
use crate::sh;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const SECRETS: &str = "claviger/v1/credentials.proto";
const INSPECT: &str = "claviger/v1/inspect.proto";

pub(super) fn check() -> sh::Result<Outcome> {
    let base = sh::root().join("proto");
    let mut files = BTreeMap::new();
    read(&base, &base, &mut files)?;
    if !files.contains_key(INSPECT) || !files.contains_key(SECRETS) {
        return Ok(Outcome::Failed(vec![format!(
            "{INSPECT} or {SECRETS} is missing: this check must be adapted"
        )]));
    }
    let mut found: Vec<String> = files
        .iter()
        .flat_map(|(name, text)| {
            uncommented(text)
                .into_iter()
                .map(move |(line, what)| format!("proto/{name}:{line}: no comment on `{what}`"))
        })
        .collect();
    if reaches(&files, INSPECT, SECRETS) {
        found.push(format!("{INSPECT} imports {SECRETS}, where the secret types are"));
    }
    Ok(faults(found))
}

fn read(base: &Path, directory: &Path, files: &mut BTreeMap<String, String>) -> sh::Result {
    for entry in fs::read_dir(directory)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            read(base, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            let name = path.strip_prefix(base)?.to_string_lossy().into_owned();
            files.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// Declarations without a comment line above, as (line, text). Works on one declaration per line.
fn uncommented(text: &str) -> Vec<(usize, String)> {
    let mut previous = "";
    let mut found = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if is_declaration(line) && !previous.starts_with("//") {
            found.push((number + 1, line.trim_end_matches(['{', ' ']).to_owned()));
        }
        previous = line;
    }
    found
}

/// Services, rpcs, messages, enums, oneofs, fields and enum values.
fn is_declaration(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    match first {
        "service" | "rpc" | "message" | "enum" | "oneof" => true,
        "syntax" | "package" | "import" | "option" | "reserved" | "//" => false,
        _ => !line.starts_with("//") && line.ends_with(';') && line.contains(" = "),
    }
}

/// Whether `from` imports `to`, directly or through others.
fn reaches(files: &BTreeMap<String, String>, from: &str, to: &str) -> bool {
    let imports = files.get(from).into_iter().flat_map(|text| text.lines()).filter_map(import);
    imports.into_iter().any(|name| name == to || (name != from && reaches(files, name, to)))
}

fn import(line: &str) -> Option<&str> {
    line.trim().strip_prefix("import ")?.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::{reaches, uncommented};
    use std::collections::BTreeMap;

    #[test]
    fn everything_without_a_comment_is_found() {
        let text = "syntax = \"proto3\";\n// A.\nmessage A {\n  string b = 1;\n  // C.\n  string c = 2;\n}\nenum D {\n  // Not stated.\n  D_UNSPECIFIED = 0;\n}\n";
        let found = uncommented(text);
        assert_eq!(found, [(4, "string b = 1;".to_owned()), (8, "enum D".to_owned())]);
    }

    #[test]
    fn imports_are_followed() {
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let files =
            BTreeMap::from([file("a", "import \"b\";"), file("b", "import public \"c\";"), file("c", "")]);
        assert!(reaches(&files, "a", "c") && reaches(&files, "a", "b") && !reaches(&files, "c", "a"));
    }
}
