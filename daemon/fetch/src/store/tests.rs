use super::{Reason, Record, Storage, Store, StoreChoice, VERSION};
use claviger::secret::Secret;
use claviger_child::{
    Text,
    account::{self, Kind},
};
use std::fs;

fn record(login: &str, generation: u64, secret: &str) -> Record {
    Record {
        version: VERSION,
        login: login.into(),
        generation,
        kind: Kind::Oauth,
        secret: Some(Text(Secret::new(secret.into()))),
        issued_at_ms: 0,
        expires_at_ms: None,
        refresh: None,
        quarantine: None,
    }
}

#[test]
fn the_writing_of_another_process_is_not_overwritten() {
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = account::Record { account: "a".into(), directory: directory.path().into(), seal: None };
    let Ok(store) = Store::new(&arguments) else { panic!("a store") };
    let room = || store.make_room(StoreChoice::File).expect("room");
    for (login, generation, replaced) in
        [("l", 7, true), ("l", 6, true), ("l", 8, false), ("other", 7, false), ("other", 1, false)]
    {
        store.write(&record(login, generation, "theirs"), room()).expect("written");
        let outcome = store.replace(Storage::File, ("l".into(), 7), &record("l", 8, "ours"), room());
        assert_eq!(outcome.is_ok(), replaced, "{login} {generation}");
        let refused = outcome.err().map(|declined| declined.problem.reason);
        assert_eq!(refused, (!replaced).then_some(Reason::SourceUnavailable));
        let found = store.read(Storage::File).expect("read").expect("a record").record;
        let found = found.secret.expect("a secret");
        assert_eq!(found.0.expose(), if replaced { "ours" } else { "theirs" }, "{login} {generation}");
    }
}

#[test]
fn what_a_killed_writer_left_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = account::Record { account: "a".into(), directory: directory.path().into(), seal: None };
    let Ok(store) = Store::new(&arguments) else { panic!("a store") };
    let left = directory.path().join(".a.account.new");
    for generation in 1..3 {
        // As after a kill between the two: it is neither filled nor given back.
        std::mem::forget(store.make_room(StoreChoice::File).expect("room"));
        assert!(fs::symlink_metadata(&left).is_ok());
        let room = store.make_room(StoreChoice::File).expect("room");
        store.write(&record("l", generation, "ours"), room).expect("written");
        assert!(fs::symlink_metadata(&left).is_err());
        let found = store.read(Storage::File).expect("read").expect("a record").record;
        assert_eq!(found.generation, generation);
    }
}
