//! The seeds, on any compiler.

use claviger::{
    proto::v1,
    session::{Names, SessionContext},
};
use claviger_child::{Call, Declined, Provided};
use claviger_fuzz::TARGETS;
use clavigerd::{broker::kept::Kept, inherited};
use clavigerd_gate::head;
use prost::Message as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What lies in a directory, in the order of the names.
fn entries(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).expect("a directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn seed(path: &str) -> Vec<u8> {
    fs::read(Path::new("seeds").join(path)).expect("a seed")
}

#[test]
fn every_target_passes_all_its_seeds() {
    for (name, target) in TARGETS {
        let paths = entries(&Path::new("seeds").join(name));
        assert!(paths.len() >= 5, "{name} has {} seeds", paths.len());
        for path in paths {
            println!("{}", path.display()); // shown if it fails
            target(&fs::read(path).expect("a seed"));
        }
    }
}

#[test]
fn every_target_is_built_for_libfuzzer_and_every_seed_has_a_target() {
    let mut expected = TARGETS.map(|(name, _)| name.to_owned());
    expected.sort();
    for place in ["targets", "seeds"] {
        let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        let names: Vec<String> = entries(Path::new(place)).iter().map(name).collect();
        assert_eq!(names, expected, "{place}");
    }
}

/// A seed that is refused at its first byte leads nowhere.
#[test]
fn seeds_that_should_be_understood_are() {
    for name in ["kept.json", "kept-failure.json"] {
        drop(Kept::read(&seed(&format!("messages/{name}"))).expect(name));
    }
    let legacy = inherited::parse(&seed("messages/inherited")).expect("read");
    assert_eq!((legacy.shares.len(), legacy.kept.len()), (1, 1));
    let is_call = |path: &PathBuf| path.to_string_lossy().contains("call-");
    for path in entries(Path::new("seeds/messages")).iter().filter(|path| is_call(path)) {
        let call = serde_json::from_slice::<Call>(&fs::read(path).expect("a seed"));
        assert!(call.is_ok(), "{}", path.display());
    }
    for name in ["provided.json", "declined.json"] {
        let seed = seed(&format!("messages/{name}"));
        drop(serde_json::from_slice::<Result<Provided, Declined>>(&seed).expect(name));
    }
    let session = |name: &str| v1::SessionContext::decode(&*seed(&format!("requests/{name}"))).expect(name);
    for name in ["near", "lent", "explicit"] {
        SessionContext::from_proto(Some(session(name))).expect(name);
    }
    Names::from_proto(Some(session("foreign"))).expect("names");
    for name in ["get", "length", "chunks", "both-credentials"] {
        let seed = seed(&format!("gates/{name}"));
        let end = head::end(&seed[1..]).expect(name);
        head::check(&seed[1..=end]).expect(name);
    }
}
