//! Secrets in a real gnome-keyring: open, locked, never opened, absent, silent, and while it is moved into and out of it.

use claviger::{proto::v1::StorePlace, reason::Reason};
use claviger_tests::{
    Home,
    accounts::{after_restart, fresh_token, list, log_out, save, sealed, server, sign_in_config, token},
    is_root,
    keyring::Keyring,
    processes, secret, skipped, text, wait,
};
use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::{fs::symlink, net::UnixListener, process::CommandExt as _},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

const STATE: &str = "home/.local/state/claviger/accounts";
const CONFIG: &str = "home/.config/claviger/config.toml";
const STRICT: &str = "[daemon]\nstore = \"keyring\"\n";

#[test]
fn a_key_survives_the_daemon_in_the_keyring_and_leaves_with_its_account() {
    let mut home = Home::new();
    let Some(keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    let saved = save(&home, "work", &secret("one"), StorePlace::Unspecified).expect("saved");
    assert_eq!(saved.place(), StorePlace::Keyring);
    assert_eq!(token(&home).expect("a token"), secret("one"));
    daemon.kill();
    assert_eq!(fresh_token(&home).expect("a token"), secret("one"));
    let _daemon = home.daemon();
    save(&home, "work", &secret("two"), StorePlace::Unspecified).expect("saved");
    save(&home, "work.probe", &secret("three"), StorePlace::Unspecified).expect("saved");
    let items = keyring.items();
    assert!(items.contains("label = Claviger: work\n") && items.contains(&secret("two")), "{items}");
    assert!(!items.contains(&secret("one")) && items.contains(&secret("three")), "{items}");
    assert_eq!(sealed(&home), [""; 0]);
    log_out(&home, "work").expect("out");
    log_out(&home, "work.probe").expect("out");
    assert_eq!(keyring.items(), "");
}

#[test]
fn a_daemon_that_cron_started_finds_the_keyring_of_a_later_login() {
    let mut home = Home::new();
    home.write(CONFIG, STRICT);
    let daemon = home.daemon();
    let refused = save(&home, "work", &secret("one"), StorePlace::Unspecified).expect_err("no keyring");
    assert_eq!(refused.reason, Reason::SourceUnavailable, "{refused}");
    let Some(keyring) = Keyring::unlocked(&mut home) else { return };
    symlink("session-bus", home.path("run/bus")).expect("where a login has it");
    let saved = save(&home, "work", &secret("one"), StorePlace::Unspecified).expect("saved");
    assert_eq!(saved.place(), StorePlace::Keyring);
    assert!(keyring.items().contains(&secret("one")));
    assert_eq!(token(&home).expect("a token"), secret("one"));
    drop(daemon);
    // The bus that the variable of an old session names is gone with that.
    home.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/gone/bus");
    let _daemon = home.daemon();
    assert_eq!(token(&home).expect("a token"), secret("one"));
}

/// A bus of another user, with nothing behind it but what it hears.
const LISTENS: &str = "
import socket, sys
bus = socket.socket(socket.AF_UNIX)
bus.bind('\\0' + sys.argv[1])
bus.listen()
print(flush=True)
while True: print(bus.accept()[0].recv(99), flush=True)";

#[test]
fn a_keyring_that_others_could_stand_behind_is_given_nothing() {
    let mut home = Home::new();
    fs::create_dir_all(home.path("clone/.git")).expect("directory");
    let fake = UnixListener::bind(home.path("clone/bus")).expect("a bus");
    fake.set_nonblocking(true).expect("a socket");
    let address = format!("unix:path={}", home.path("clone/bus").display());
    home.set("DBUS_SESSION_BUS_ADDRESS", &address);
    let kept = |home: &Home, key: &str| {
        // The session that comes first starts the daemon.
        home.ok(&["daemon", "start"]);
        let saved = save(home, "work", &secret(key), StorePlace::Unspecified).expect("saved");
        assert_eq!((saved.place(), token(home).expect("a token")), (StorePlace::File, secret(key)));
        home.ok(&["daemon", "stop"]);
    };
    kept(&home, "one");
    assert_eq!(fake.accept().expect_err("no caller").kind(), ErrorKind::WouldBlock);
    if !is_root() {
        return skipped("root: to become another user");
    }
    let name = home.path("bus").display().to_string();
    let mut theirs = Command::new("python3");
    theirs.args(["-c", LISTENS, &name]).current_dir("/").uid(65534).gid(65534).stdout(Stdio::piped());
    let mut theirs = theirs.spawn().expect("python3 runs");
    let mut heard = BufReader::new(theirs.stdout.take().expect("stdout"));
    let mut line = String::new();
    heard.read_line(&mut line).expect("it listens");
    home.set("DBUS_SESSION_BUS_ADDRESS", &format!("unix:abstract={name}"));
    kept(&home, "two");
    theirs.kill().expect("kill");
    theirs.wait().expect("wait");
    line.clear();
    heard.read_to_string(&mut line).expect("what it heard");
    assert!(line.lines().all(|heard| heard == "b''"), "{line}");
}

#[test]
fn a_locked_keyring_is_said_and_nobody_is_prompted() {
    let mut home = Home::new();
    home.write(CONFIG, STRICT);
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::Unspecified).expect("saved");
    drop(daemon);
    keyring.lock();
    let daemon = home.daemon();
    let heard = keyring.heard(&home.path("heard"), || {
        let locked = token(&home).expect_err("locked");
        assert_eq!(locked.reason, Reason::KeyringLocked, "{locked}");
        assert!(locked.advice().is_some_and(|hint| hint.contains("unlock")));
        let locked = save(&home, "new", &secret("new"), StorePlace::Unspecified);
        assert_eq!(locked.expect_err("locked").reason, Reason::KeyringLocked);
    });
    assert!(heard.contains("SearchItems"), "{heard}");
    assert!(!heard.contains("Unlock") && !heard.contains("Prompt"), "{heard}");
    let listed = list(&home).expect("a list");
    assert_eq!((listed.len(), listed[0].problem.is_none()), (1, true), "{listed:?}");
    drop(daemon);
    keyring.restart(true);
    assert_eq!(fresh_token(&home).expect("a token"), secret("one"));
}

#[test]
fn a_keyring_that_lost_its_items_is_no_logout() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::Unspecified).expect("saved");
    drop(daemon);
    keyring.lose();
    for open in [false, true] {
        keyring.restart(open);
        let _daemon = home.daemon();
        let locked = token(&home).expect_err("locked");
        assert_eq!(locked.reason, Reason::KeyringLocked, "{locked}");
        let listed = list(&home).expect("a list");
        assert_eq!((listed.len(), listed[0].problem.is_none()), (1, true), "{listed:?}");
    }
}

#[test]
fn without_a_keyring_there_are_files_unless_it_was_asked_for() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::absent(&mut home) else { return };
    for is_there in ["no service", "no bus"] {
        let daemon = home.daemon();
        let saved =
            save(&home, "work", &secret(is_there.replace(' ', "-").as_str()), StorePlace::Unspecified);
        assert_eq!(saved.expect("saved").place(), StorePlace::File, "{is_there}");
        assert_eq!(after_restart(&home, daemon), secret(is_there.replace(' ', "-").as_str()));
        let _daemon = home.daemon();
        let refused = save(&home, "work", &secret("x"), StorePlace::Keyring).expect_err(is_there);
        assert_eq!(refused.reason, Reason::SourceUnavailable, "{refused}");
        assert!(refused.advice().is_some_and(|hint| hint.contains("store = \"file\"")));
        home.set("DBUS_SESSION_BUS_ADDRESS", "");
    }
    keyring.end();
}

/// What is told on stderr when `claviger login --api-key work` keeps a key.
fn told(home: &Home, further: &[&str]) -> String {
    let mut command = home.claviger(&["login", "--api-key", "work"]);
    let command = command.args(further).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("claviger runs");
    child.stdin.take().expect("stdin").write_all(secret("told").as_bytes()).expect("written");
    let output = child.wait_with_output().expect("output");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stderr) + &text(&output.stdout)
}

#[test]
fn who_is_kept_in_a_file_for_want_of_a_keyring_is_told_so() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::absent(&mut home) else { return };
    let _daemon = home.daemon();
    let kept = "the secret is saved in a sealed file. `claviger accounts move --to keyring work` moves it";
    let is_told = |said: &str, why: &str| {
        assert!(said.contains(&format!("claviger: {why}: {kept}")), "{said}");
        assert_eq!(said.matches("sealed file").count(), 2, "once, and with the outcome: {said}");
    };
    is_told(&told(&home, &[]), "there is no keyring here");
    assert!(!told(&home, &["--quiet"]).contains("claviger:"));
    let events = told(&home, &["--json"]);
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&"notice".into(), &"signed-in".into()));
    // Who asked for a file, or got the keyring, has nothing to learn.
    assert!(!told(&home, &["--store", "file"]).contains("claviger:"));
    keyring.restart(true);
    assert!(!told(&home, &[]).contains("claviger:"));
    assert!(home.ok(&["accounts", "move", "--to", "file", "work"]).contains("work"));
    keyring.lock();
    is_told(&told(&home, &[]), "the keyring is locked");
    keyring.restart(true);
    assert!(home.ok(&["accounts", "move", "--to", "keyring", "work"]).contains("keyring"));
    keyring.hang();
    is_told(&told(&home, &[]), "the keyring did not answer within 2 s");
}

#[test]
fn the_hint_of_a_missing_keyring_works_to_the_letter() {
    let mut home = Home::new();
    home.write(CONFIG, STRICT);
    let Some(_keyring) = Keyring::absent(&mut home) else { return };
    let daemon = home.daemon();
    let refused = save(&home, "work", &secret("one"), StorePlace::Unspecified).expect_err("no keyring");
    let hint = refused.hint.expect("a hint");
    assert!(hint.contains("`claviger login --store file`"), "{hint}");
    assert!(told(&home, &["--store", "file"]).contains("saved work"));
    assert!(hint.contains("`claviger daemon stop`"), "{hint}");
    home.write(CONFIG, "[daemon]\nstore = \"file\"\n");
    drop(daemon);
    let _daemon = home.daemon();
    assert!(told(&home, &[]).contains("saved work"));
}

#[test]
fn a_keyring_that_never_answers_is_not_waited_for() {
    let mut home = Home::new();
    let Some(keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    save(&home, "kept", &secret("kept"), StorePlace::Unspecified).expect("saved");
    drop(daemon);
    keyring.hang();
    let _daemon = home.daemon();
    let late = token(&home).expect_err("silent");
    assert!(late.reason == Reason::SourceTimeout && late.message.contains("within 2 s"), "{late}");
    let late = save(&home, "work", &secret("one"), StorePlace::Keyring).expect_err("silent");
    assert!(late.reason == Reason::SourceTimeout && late.message.contains("within 2 s"), "{late}");
    let saved = save(&home, "work", &secret("one"), StorePlace::Unspecified).expect("saved");
    assert_eq!(saved.place(), StorePlace::File);
    home.set("CLAVIGER_ACCOUNT", "work");
    assert_eq!(token(&home).expect("a token"), secret("one"));
    // What hangs has ended with the child that asked.
    assert!(processes(&home.path(STATE).display().to_string()).is_empty());
}

#[test]
fn what_a_keyring_cannot_take_waits_in_a_file_and_returns() {
    let _turn = claviger_tests::turn::take();
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let (locks, lock) = (Arc::new(AtomicBool::new(true)), keyring.locker());
    let locked = locks.clone();
    let server = server(move || {
        if locked.load(SeqCst) {
            lock();
        }
    });
    home.write(CONFIG, &sign_in_config(&server, "keyring"));
    let mut daemon = home.daemon();
    home.ok(&["login", "--device"]);
    assert_eq!((token(&home).expect("a token"), sealed(&home).len()), (secret("access-1"), 0));
    // It is locked between the question to the server and its answer.
    for (number, waits) in [(2, 1), (3, 1)] {
        let access = secret(&format!("access-{number}"));
        token(&home).expect("a token");
        home.ok(&["refresh"]);
        assert_eq!((token(&home).expect("a token"), sealed(&home).len()), (access.clone(), waits));
        drop(daemon);
        assert_eq!(fresh_token(&home).expect("a token"), access);
        daemon = home.daemon();
        if number == 2 {
            // Older than what is in the file, and no use.
            keyring.restart(true);
            drop(daemon);
            assert_eq!(fresh_token(&home).expect("a token"), access);
            daemon = home.daemon();
        }
    }
    keyring.restart(true);
    locks.store(false, SeqCst);
    token(&home).expect("a token");
    // A keyring that is slow, as on a busy machine, has it after the next refresh.
    wait::until("it is in the keyring", || {
        home.run(&["refresh"]);
        sealed(&home).is_empty()
    });
    let access = token(&home).expect("a token");
    assert_ne!(access, secret("access-3"));
    assert_eq!((after_restart(&home, daemon), sealed(&home).len()), (access.clone(), 0));
    assert!(keyring.items().contains(&access));
}

#[test]
fn an_item_that_is_damaged_or_newer_is_said() {
    let mut home = Home::new();
    let Some(keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::Keyring).expect("saved");
    drop(daemon);
    for (item, says) in [("", "damaged"), ("{\"version\":1", "damaged"), ("{\"version\":2}", "newer")] {
        keyring.put("work", item);
        let problem = fresh_token(&home).expect_err("refused");
        assert_eq!(problem.reason, Reason::SettingsInvalid, "{problem}");
        assert!(problem.to_string().contains(says), "{problem}");
    }
    let _daemon = home.daemon();
    save(&home, "work", &secret("two"), StorePlace::Keyring).expect("saved");
    assert_eq!(token(&home).expect("a token"), secret("two"));
}
