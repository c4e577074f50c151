//! A file of cases that no `main.rs` lists would never run.

use std::{collections::BTreeSet, fs, path::Path};

const EXECUTABLES: [&str; 3] = ["inside", "programs", "documentation"];

/// Modules that `main` declares.
fn declared(main: &str) -> BTreeSet<String> {
    let name = |line: &str| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned());
    main.lines().filter_map(name).collect()
}

/// Modules that lie beside the `main.rs` of `directory`.
fn present(directory: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(directory).expect("the directory").map(|entry| entry.expect("an entry").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let names = sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    names.filter(|name| name != "main").collect()
}

#[test]
fn every_file_of_cases_is_listed() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in EXECUTABLES {
        let directory = tests.join(name);
        let main = fs::read_to_string(directory.join("main.rs")).expect("main.rs");
        assert_eq!(declared(&main), present(&directory), "tests/{name}/main.rs lists what lies beside it");
    }
}

#[test]
fn a_missing_line_is_noticed() {
    assert_eq!(declared("//! x\n\nmod one;\nmod two;\n"), BTreeSet::from(["one".into(), "two".into()]));
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("main.rs"), "").expect("a file");
    fs::write(directory.path().join("forgotten.rs"), "").expect("a file");
    assert_eq!(present(directory.path()), BTreeSet::from(["forgotten".into()]));
}
