//! The program that fetches is a file of its own: it can be replaced, removed or of another release at any moment, and no
//! session is given an error for it.

use claviger::{client::Client, session::SessionContext};
use claviger_child::FETCH_PROGRAM;
use claviger_tests::{
    Home,
    aws::{Bedrock, instant, printed},
    binary, block_on, text, wait,
};
use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

/// Sessions that fetch at the same time.
const SESSIONS: usize = 4;
/// Fetches of all of them.
const FETCHES: usize = 1_000;
/// Least number of handovers meanwhile.
const UPGRADES: usize = 5;

/// A session whose credentials come from a `credential_process`, so from a child.
fn session() -> Bedrock {
    let session = Bedrock::with_profile("");
    let keys = session.home.write("keys.json", &printed("AKIA1", Some(&instant(3600))));
    session.config(&format!("[profile dev]\ncredential_process = cat {}\n", keys.display()));
    session
}

/// The session in a region of its own: another key of the cache, so another child.
fn in_region(session: &Bedrock, number: usize) -> SessionContext {
    let region = ("AWS_REGION".to_owned(), format!("region-{number}"));
    let variables = session.variables.iter().cloned().chain([region]);
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    SessionContext::new(session.home.path("work"), variables).expect("a session")
}

fn fetch(session: &Bedrock, number: usize) {
    let context = in_region(session, number);
    let lease = block_on(async {
        let mut client = Client::connect(&session.home.socket()).await.expect("the daemon listens");
        client.get(&context, None).await
    });
    let lease = lease.unwrap_or_else(|problem| panic!("fetch {number}: {problem:?}"));
    assert_eq!(claviger_tests::aws::keys(&lease).0, "AKIA1");
}

/// The program of another release, which differs in the line that names it.
fn other_release() -> Vec<u8> {
    let line = format!("{FETCH_PROGRAM} {}\n", claviger::RELEASE);
    let other = line.replace(|c: char| c.is_ascii_digit(), "9");
    let mut program = fs::read(binary(FETCH_PROGRAM)).expect("the program");
    let at = program.windows(line.len()).position(|window| window == line.as_bytes()).expect("its release");
    program[at..at + line.len()].copy_from_slice(other.as_bytes());
    program
}

fn took_over(home: &Home) -> usize {
    home.read("daemon.log").matches("another program takes over").count()
}

#[test]
fn a_thousand_fetches_while_one_file_after_the_other_is_replaced_have_no_error() {
    let session = session();
    let _daemon = session.home.daemon_copy();
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let fetching: Vec<_> = (0..SESSIONS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, SeqCst);
                        let enough = number >= FETCHES && took_over(&session.home) >= UPGRADES;
                        if enough || over.load(SeqCst) {
                            return;
                        }
                        fetch(&session, number);
                    }
                })
            })
            .collect();
        let mut build = 0_u32;
        while fetching.iter().any(|session| !session.is_finished()) {
            build += 1;
            // As dpkg does: unpacked beside, renamed over, the one that fetches first, and other files between the two.
            session.home.replace_daemon(&build.to_le_bytes());
            let fetched = next.load(SeqCst);
            wait::until("sessions go on", || {
                next.load(SeqCst) >= fetched + 20 || fetching.iter().all(|session| session.is_finished())
            });
        }
        over.store(true, SeqCst);
        fetching.into_iter().for_each(|session| session.join().expect("no error"));
    });
    assert!(next.load(SeqCst) > FETCHES && took_over(&session.home) >= UPGRADES);
}

#[test]
fn a_program_that_is_removed_or_overwritten_changes_nothing() {
    let session = session();
    let _daemon = session.home.daemon_copy();
    fetch(&session, 1);
    session.home.replace_program(FETCH_PROGRAM, b"not a program");
    fetch(&session, 2);
    fs::remove_file(session.home.path("bin").join(FETCH_PROGRAM)).expect("removed");
    fetch(&session, 3);
}

#[test]
fn a_pair_of_two_releases_does_not_take_over() {
    let session = session();
    let home = &session.home;
    let _daemon = home.daemon_copy();
    fetch(&session, 1);
    home.replace_program(FETCH_PROGRAM, &other_release());
    let said = home.fails(6, &["daemon", "restart"]);
    assert!(said.contains("cannot take over") && said.contains("is release 9.9.9"), "{said}");
    fs::remove_file(home.path("bin").join(FETCH_PROGRAM)).expect("removed");
    let said = home.fails(6, &["daemon", "restart"]);
    assert!(said.contains("clavigerd-fetch cannot be run"), "{said}");
    fetch(&session, 2);
    assert_eq!(took_over(home), 0);
    // The other file arrives while the successor waits for it.
    thread::scope(|scope| {
        let restart = scope.spawn(|| home.ok(&["daemon", "restart"]));
        wait::until("the successor looks", || !claviger_tests::processes("check").is_empty());
        home.replace_program(FETCH_PROGRAM, &fs::read(binary(FETCH_PROGRAM)).expect("the program"));
        restart.join().expect("it took over");
    });
    fetch(&session, 3);
    assert_eq!(took_over(home), 1);
}

#[test]
fn a_missing_program_is_named_and_one_of_another_release_refuses() {
    let session = session();
    let home = &session.home;
    home.replace_daemon(b"");
    fs::remove_file(home.path("bin").join(FETCH_PROGRAM)).expect("removed");
    let _daemon = home.daemon_of_copy();
    let problem = session.refused("source-unavailable");
    assert!(problem.message.contains("bin/clavigerd-fetch is missing"), "{problem:?}");
    home.replace_program(FETCH_PROGRAM, &other_release());
    let said = text(&session.run(&["refresh"]).stderr);
    assert!(
        said.contains("beside it is release 9.9.9") && said.contains("claviger daemon restart"),
        "{said}"
    );
    // Of a daemon that opened the wrong file, a restart takes the right one.
    home.replace_program(FETCH_PROGRAM, &fs::read(binary(FETCH_PROGRAM)).expect("the program"));
    home.ok(&["daemon", "restart"]);
    let refreshed = session.run(&["refresh"]);
    assert!(refreshed.status.success(), "{}", text(&refreshed.stderr));
}
