//! The seeds, on any compiler.

use claviger_fuzz::TARGETS;
use std::{fs, path::Path};

#[test]
fn every_target_passes_all_its_seeds() {
    for (name, target) in TARGETS {
        let mut seen = 0;
        for entry in fs::read_dir(Path::new("seeds").join(name)).expect("a directory of seeds") {
            let path = entry.expect("an entry").path();
            println!("{}", path.display()); // shown if it fails
            target(&fs::read(path).expect("a seed"));
            seen += 1;
        }
        assert!(seen >= 5, "{name} has {seen} seeds");
    }
}

#[test]
fn every_target_is_built_for_libfuzzer_and_every_seed_has_a_target() {
    let mut expected = TARGETS.map(|(name, _)| name.to_owned()).to_vec();
    expected.sort();
    for place in ["targets", "seeds"] {
        let names = fs::read_dir(place).expect("a directory").map(|entry| entry.expect("an entry").path());
        let mut names: Vec<_> =
            names.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(names, expected, "{place}");
    }
}
