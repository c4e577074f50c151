//! Thousands of connections that mean no good, and a session that asks for its credential meanwhile.

use claviger_tests::{
    CANARY, Daemon, Home,
    attacker::Attacker,
    block_on,
    frames::{burdens, greeting},
    raw::Raw,
    signal, text, turn, wait,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;

/// More than a daemon keeps.
const CONNECTIONS: usize = 1500;
/// So many of every kind together.
const ALL: usize = 5000;
/// What the daemon may have in memory at most, in KiB, and what it comes back to. The programs that tests run are not
/// optimised: what ships takes half of it.
const MOST: u64 = 96 * 1024;
const AFTERWARDS: u64 = 32 * 1024;
/// The same attack again takes no more.
const ROUNDS: usize = 2;
/// Open files of a daemon without connections.
const FEW_FILES: usize = 32;
/// A call that has a session, and with it settings.
const GET: &str = "/claviger.v1.CredentialService/GetCredential";

/// As many descriptors as there may be.
fn raise_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(16_384), hard).expect("raised");
}

/// What it has in memory (`VmRSS:`), or the most that it has had (`VmHWM:`), in KiB.
fn memory(daemon: &Daemon, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn home() -> (Home, Daemon) {
    raise_limit();
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let daemon = home.daemon();
    home.ok(&["token"]);
    (home, daemon)
}

/// A connection on which `bytes` were sent, as far as the daemon took them.
fn attack(home: &Home, bytes: &[u8]) -> Attacker {
    let mut attacker = Attacker::connect(&home.socket()).expect("it listens");
    // It may have been closed: as it should be.
    attacker.go_on(bytes);
    attacker
}

fn is_served(home: &Home) {
    for _ in 0..3 {
        assert!(home.ok(&["token"]).starts_with(CANARY));
    }
}

fn files(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("it runs").count()
}

fn has_recovered(daemon: &Daemon, name: &str) {
    wait::until(&format!("connections are gone after {name}"), || files(daemon) <= FEW_FILES);
    let peak = memory(daemon, "VmHWM:");
    assert!(peak <= MOST, "{name}: {peak} KiB");
    wait::until(&format!("memory comes back after {name}"), || memory(daemon, "VmRSS:") <= AFTERWARDS);
    println!("{name}: {peak} KiB at most, {} KiB afterwards", memory(daemon, "VmRSS:"));
}

/// Opens connections with the burden `name`, and looks that a session is served and that memory is bounded.
fn withstands(name: &str, count: usize) {
    let burden = burdens(GET).into_iter().find(|(known, _)| *known == name);
    let bytes = &burden.expect("a burden of this name").1;
    let (home, daemon) = home();
    for _ in 0..ROUNDS {
        let mut open: Vec<_> = (0..count).map(|_| attack(&home, bytes)).collect();
        is_served(&home);
        open.iter_mut().for_each(|attacker| {
            attacker.go_on(bytes);
        });
        is_served(&home);
        drop(open);
        has_recovered(&daemon, name);
    }
    is_served(&home);
    assert_eq!(home.runs("key"), 1);
    let warnings = home.read("daemon.log").lines().filter(|line| line.contains(" WARN ")).count();
    assert!(warnings <= 2, "{name}: {warnings} warnings");
}

#[test]
fn idle_connections_keep_nobody_out() {
    let _turn = turn::take();
    for name in ["silence", "half a preface", "a greeting"] {
        withstands(name, CONNECTIONS);
    }
}

#[test]
fn half_open_calls_keep_nobody_out() {
    let _turn = turn::take();
    for name in ["half of the headers", "no message"] {
        withstands(name, CONNECTIONS);
    }
}

/// As much of their messages as the daemon takes, on as many calls as it allows, by a client that keeps to all rules.
#[test]
fn messages_sent_by_halves_are_one_budget() {
    let _turn = turn::take();
    for connections in [4, 100] {
        let (home, daemon) = home();
        claviger_tests::block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                let raw = Raw::open(&home.socket()).await;
                open.push(
                    (0..200)
                        .map(|_| tokio::spawn(raw.clone().half(GET, 2 * 1024 * 1024)))
                        .collect::<Vec<_>>(),
                );
            }
            // Another process each time, while this one goes on sending.
            for _ in 0..20 {
                let output = tokio::process::Command::from(home.claviger(&["token"])).output().await;
                let output = output.expect("claviger runs");
                assert!(output.status.success(), "{}", text(&output.stderr));
            }
        });
        has_recovered(&daemon, "halves of messages");
        is_served(&home);
    }
}

#[test]
fn floods_of_frames_keep_nobody_out() {
    let _turn = turn::take();
    for name in ["headers without an end", "calls that are reset"] {
        withstands(name, 200);
    }
}

/// What a connection may send before the daemon has looked at it is in memory, too.
#[test]
fn beginnings_of_large_messages_are_read_by_portions() {
    let _turn = turn::take();
    withstands("the first bytes of 4 MiB", CONNECTIONS);
}

/// With `cargo xtask bench flood` the same says how long a session waits.
#[test]
fn five_thousand_connections_of_every_kind_keep_nobody_out() {
    let _turn = turn::take();
    let (home, daemon) = home();
    let burdens = burdens(GET);
    let mut open = Vec::with_capacity(ALL);
    for number in 0..ALL {
        let bytes = &burdens[number % burdens.len()].1;
        open.push((attack(&home, bytes), bytes));
        if number % 500 == 0 {
            is_served(&home);
        }
    }
    open.iter_mut().for_each(|(attacker, bytes)| {
        attacker.go_on(bytes);
    });
    is_served(&home);
    drop(open);
    has_recovered(&daemon, "everything at once");
    is_served(&home);
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn few_descriptors_are_enough() {
    let _turn = turn::take();
    raise_limit();
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let daemon = home.daemon_by("/bin/sh".as_ref(), &["-c", "ulimit -n 256 && exec \"$0\" \"$@\""]);
    let open: Vec<_> = (0..CONNECTIONS).map(|_| attack(&home, &greeting())).collect();
    is_served(&home);
    assert_eq!(home.runs("key"), 1);
    assert!(files(&daemon) <= 230, "{}", files(&daemon));
    drop(open);
    is_served(&home);
}

#[test]
fn as_many_connections_as_the_system_allows_may_wait() {
    let _turn = turn::take();
    let (home, daemon) = home();
    let allowed = fs::read_to_string("/proc/sys/net/core/somaxconn").expect("a number");
    let waiting = CONNECTIONS.min(allowed.trim().parse().expect("a number"));
    // As while another program takes over: nothing is accepted.
    signal(daemon.pid(), "STOP");
    let open = block_on(async {
        let mut open = Vec::with_capacity(waiting);
        for number in 0..waiting {
            let connected = tokio::net::UnixStream::connect(home.socket()).await;
            open.push(connected.unwrap_or_else(|error| panic!("{number}: {error}")));
        }
        open
    });
    signal(daemon.pid(), "CONT");
    drop(open);
    is_served(&home);
}
