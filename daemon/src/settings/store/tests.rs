//! The store on a real filesystem: `tests/` covers what is read, this module what is cached and for how long.

use super::{Key, SettingsStore, explicit};
use crate::{
    live::lock,
    settings::{
        Layer,
        cache::{MAX_BYTES, MAX_SNAPSHOTS},
        test_home::{TestHome, USER, helper_of},
    },
};
use claviger::reason::Reason;
use std::{
    fs,
    sync::{Arc, mpsc},
    time::Duration,
};

mod files;
mod places;

#[tokio::test]
async fn nothing_changed_is_the_same_snapshot() {
    let house = TestHome::new();
    house.helper(USER, "a");
    let first = house.snapshot().await;
    assert!(Arc::ptr_eq(&first, &house.snapshot().await));
    house.helper(USER, "a");
    assert!(Arc::ptr_eq(&first, &house.snapshot().await), "rewritten with the same content");
    house.helper(USER, "b");
    assert!(!Arc::ptr_eq(&first, &house.snapshot().await));
}

#[tokio::test]
async fn many_sessions_at_once_agree_and_the_cache_stays_small() {
    let house = TestHome::new();
    house.helper(USER, "u");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (store, session) = (Arc::clone(&house.store), house.session());
        calls.spawn(async move { store.snapshot(&session).await.expect("a snapshot") });
    }
    let snapshots = calls.join_all().await;
    assert!(snapshots.iter().all(|snapshot| snapshot.files == snapshots[0].files));
    for n in 0..MAX_SNAPSHOTS + 20 {
        let cwd = format!("home/work/{n}");
        fs::create_dir(house.path(&cwd)).expect("created");
        let session = house.session_with(&cwd, &[("HOME", &house.path("home"))]);
        house.store.snapshot(&session).await.expect("a snapshot");
    }
    assert_eq!(lock(&house.store.cache).local().len(), MAX_SNAPSHOTS);
}

#[tokio::test]
async fn large_files_are_bounded_together_and_leave_with_their_directories() {
    let house = TestHome::new();
    let snapshot = async |number: usize| {
        let cwd = format!("home/large/{number}");
        let env: String = (0..64).map(|name| format!(r#""N{name}":"{}","#, "x".repeat(16_000))).collect();
        house.write(&format!("{cwd}/.claude/settings.json"), format!(r#"{{"env":{{{env}"END":""}}}}"#));
        let session = house.session_with(&cwd, &[("HOME", &house.path("home"))]);
        house.store.snapshot(&session).await.expect("a snapshot")
    };
    for number in 0..40 {
        assert!(snapshot(number).await.size() > 1_000_000);
        assert!(lock(&house.store.cache).size() <= MAX_BYTES);
        assert!(house.store.memory.size() <= super::MAX_BYTES);
    }
    assert!(lock(&house.store.cache).local().len() > 5);
    fs::remove_dir_all(house.path("home/large")).expect("removed");
    house.snapshot().await;
    assert_eq!(lock(&house.store.cache).local(), [Key::of(&house.session())]);
}

#[tokio::test]
async fn a_hanging_filesystem_is_named_in_time_and_delays_no_other_session() {
    let house = TestHome::new();
    let roots = house.store.roots.clone();
    let store = Arc::new(SettingsStore::with_deadline(roots, Duration::from_millis(50)));
    let key = Key::of(&house.session_with("home", &[]));
    let (release, hang) = mpsc::channel::<()>();
    let hung = {
        let store = Arc::clone(&store);
        let look = {
            let (store, key) = (Arc::clone(&store), key.clone());
            move |progress: &super::Progress| {
                let outcome = store.look(&key, progress);
                let _ = hang.recv();
                outcome
            }
        };
        store.join_or_start(&key, look).expect("started")
    };
    let problem = store.loaded(&key).await.expect_err("hangs");
    assert_eq!(problem.reason, Reason::SourceTimeout);
    assert!(store.snapshot(&house.session()).await.is_ok());
    let again = store.load(&key).await.expect_err("still hangs");
    assert!(again.hint.expect("a hint").contains(house.base.to_str().expect("text")));
    assert_eq!(lock(&store.loads).started, 2, "no second thread may be lost to the same mount");
    release.send(()).expect("waiting");
    let mut outcome = hung.outcome.clone();
    outcome.wait_for(Option::is_some).await.expect("released");
    assert!(store.loaded(&key).await.is_ok());
}

#[test]
fn explicit_settings_are_parsed_from_their_bytes() {
    let house = TestHome::new();
    let mut session = house.session();
    assert_eq!(explicit(&session), Ok(None));
    session.explicit =
        claviger::session::explicit("x.json".into(), b"{\"apiKeyHelper\":\"e\"}".to_vec()).expect("small");
    let file = explicit(&session).expect("valid").expect("some");
    assert_eq!((file.layer, helper_of(&file)), (Layer::Explicit, "e".to_owned()));
    session.explicit = claviger::session::explicit("x.json".into(), b"{\n5}".to_vec()).expect("small");
    let problem = explicit(&session).expect_err("broken");
    assert_eq!(problem.reason, Reason::SettingsInvalid);
    assert!(problem.to_string().starts_with("x.json:2:1: "), "{problem}");
}
