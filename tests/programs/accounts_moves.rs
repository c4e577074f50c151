//! Secrets that are moved into a real gnome-keyring and out of it.

use claviger::{proto::v1::StorePlace, reason::Reason};
use claviger_tests::{
    Home,
    accounts::{SEALED, after_restart, fresh_token, list, relocate, save, sealed, token},
    keyring::Keyring,
    processes, secret,
};
use std::{fs, process::Command, thread, time::Duration};

#[test]
fn a_move_leaves_nothing_behind_and_a_move_that_fails_changes_nothing() {
    let _turn = claviger_tests::turn::take();
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let mut daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::File).expect("saved");
    for (place, in_files) in [(StorePlace::Keyring, 0), (StorePlace::Keyring, 0), (StorePlace::File, 1)] {
        let moved = relocate(&home, place).expect("moved");
        assert_eq!((moved[0].place(), sealed(&home).len()), (place, in_files));
        assert_eq!(keyring.items().contains(&secret("one")), place == StorePlace::Keyring);
        drop(daemon);
        assert_eq!(fresh_token(&home).expect("a token"), secret("one"));
        daemon = home.daemon();
    }
    keyring.lock();
    let before = fs::read(&sealed(&home)[0]).expect("a file");
    assert_eq!(relocate(&home, StorePlace::Keyring).expect_err("locked").reason, Reason::KeyringLocked);
    assert_eq!(list(&home).expect("a list")[0].place(), StorePlace::File);
    assert_eq!(fs::read(&sealed(&home)[0]).expect("a file"), before);
    keyring.restart(true);
    relocate(&home, StorePlace::Keyring).expect("moved");
    keyring.lock();
    assert_eq!(relocate(&home, StorePlace::File).expect_err("locked").reason, Reason::KeyringLocked);
    assert_eq!((list(&home).expect("a list")[0].place(), sealed(&home).len()), (StorePlace::Keyring, 0));
    keyring.restart(true);
    assert_eq!(after_restart(&home, daemon), secret("one"));
}

#[test]
fn a_move_that_is_killed_at_any_instant_loses_nothing() {
    let _turn = claviger_tests::turn::take();
    let mut home = Home::new();
    let Some(keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::File).expect("saved");
    let directory = home.path(SEALED).display().to_string();
    let mut killed = 0;
    for round in 0..60_u64 {
        let place = if round % 2 == 0 { StorePlace::Keyring } else { StorePlace::File };
        thread::scope(|scope| {
            let moving = scope.spawn(|| relocate(&home, place));
            claviger_tests::wait::until("a child runs", || {
                moving.is_finished() || !processes(&directory).is_empty()
            });
            thread::park_timeout(Duration::from_millis(round / 2 * 2));
            // It may have ended by itself.
            processes(&directory)
                .iter()
                .for_each(|pid| drop(Command::new("kill").args(["-9", pid]).output()));
            killed += usize::from(moving.join().expect("a thread").is_err());
        });
        home.ok(&["refresh"]);
        assert_eq!(token(&home).expect("a token"), secret("one"), "round {round}");
    }
    assert!(killed > 10, "only {killed} were killed");
    relocate(&home, StorePlace::File).expect("moved");
    assert_eq!((keyring.items().as_str(), sealed(&home).len()), ("", 1));
    relocate(&home, StorePlace::Keyring).expect("moved");
    assert_eq!(sealed(&home), [""; 0]);
    assert_eq!(after_restart(&home, daemon), secret("one"));
}
