//! Who may go while a request runs: the daemon, the program of the gate's own kind that is replaced, the credential. And what a client
//! sees when its own gate goes.

use claviger_tests::{
    CANARY, Home, binary,
    by_hand::{Api, passes},
    gated::{Gated, home, servers},
    signal, wait,
};
use std::process::Command;

/// A request of the same session, which is answered with 200.
fn asks(gate: &Gated, api: &Api) {
    let mut client = gate.ask("content-length: 1\r\n");
    client.say("x");
    api.answer(200);
    assert_eq!(client.answer().0, 200);
}

#[test]
fn a_stream_outlives_restart_upgrade_lock_and_death_of_the_daemon() {
    let api = Api::start();
    let home = home(&api.url);
    let mut daemon = Some(home.daemon_copy());
    let gate = Gated::open(&home, "--gate");
    let (mut client, mut upstream) = api.stream(&gate);
    passes(&mut upstream, &mut client, "first");
    for event in ["restart", "upgrade", "lock", "unlock", "kill", "reload"] {
        match event {
            "restart" => drop(home.ok(&["daemon", "restart"])),
            "upgrade" => {
                home.replace_daemon(b"another build");
                let over = || home.read("daemon.log").matches("another program takes over").count() == 2;
                wait::until("the new one runs", || home.run(&["token"]).status.success() && over());
            }
            "kill" => {
                daemon.take().into_iter().for_each(claviger_tests::Daemon::kill);
                passes(&mut upstream, &mut client, "without a daemon");
                daemon = Some(home.daemon_of_copy());
            }
            "reload" => drop(home.ok(&["daemon", "reload"])),
            verb => drop(home.ok(&[verb])),
        }
        passes(&mut upstream, &mut client, event);
        if event != "lock" {
            asks(&gate, &api);
        }
    }
    upstream.say("0\r\n\r\n");
    assert_eq!(client.until("0\r\n\r\n"), "0\r\n\r\n");
    assert_eq!(servers(&home).len(), 1, "one program, from the beginning on");
}

/// The programs of the release before this one.
fn install_older(home: &Home) {
    home.replace_daemon(b"");
    let (ours, older) = (claviger::RELEASE, "0.0.9");
    assert_eq!(ours.len(), older.len(), "no byte moves");
    for name in ["clavigerd-fetch", "clavigerd-gate", "clavigerd"] {
        // The loop of a debug build takes seconds for such a file.
        let mut sed = Command::new("sed");
        sed.arg(format!("s/{}/{older}/g", ours.replace('.', "\\."))).arg(binary(name)).env("LC_ALL", "C");
        home.replace_program(name, &sed.output().expect("sed runs").stdout);
    }
}

#[test]
fn a_gate_of_another_release_finishes_its_streams_while_the_next_one_serves() {
    for kind in ["--gate=unix", "--gate=tcp"] {
        let api = Api::start();
        let home = home(&api.url);
        install_older(&home);
        let _daemon = home.daemon_of_copy();
        let gate = Gated::open(&home, kind);
        let (mut client, mut upstream) = api.stream(&gate);
        let old = servers(&home);
        assert_eq!(old.len(), 1);
        home.replace_daemon(b"");
        home.ok(&["daemon", "restart"]);
        wait::until("the next one runs", || servers(&home).len() == 2);
        wait::until("it serves the same address", || is_served(&gate));
        passes(&mut upstream, &mut client, "of the old one");
        upstream.say("0\r\n\r\n");
        client.until("0\r\n\r\n");
        drop((client, upstream));
        wait::until("the old one has ended", || !servers(&home).contains(&old[0]));
        asks(&gate, &api);
    }
}

/// Whether a program listens: it answers what is for another host itself.
fn is_served(gate: &Gated) -> bool {
    let client = gate.try_connect();
    client.is_some_and(|mut client| {
        client.try_say("GET / HTTP/1.1\r\nhost: elsewhere\r\n\r\n") && client.try_head().is_some()
    })
}

#[test]
fn a_gate_that_is_killed_breaks_its_bodies_and_the_next_one_has_its_address() {
    for kind in ["--gate=unix", "--gate=tcp"] {
        let api = Api::start();
        let home = home(&api.url);
        let _daemon = home.daemon();
        let gate = Gated::open(&home, kind);
        let (mut client, mut upstream) = api.stream(&gate);
        passes(&mut upstream, &mut client, "first");
        let old = servers(&home);
        signal(old[0], "KILL");
        assert_eq!((client.rest(), upstream.rest()), (String::new(), String::new()), "no last chunk");
        wait::until("the next one serves", || is_served(&gate));
        assert!(!servers(&home).contains(&old[0]));
        asks(&gate, &api);
    }
}

/// A stream goes on through 45 rotations, and no request of others shows a 401: the API takes the newest key only.
#[test]
fn keys_rotate_under_running_requests_and_no_client_sees_it() {
    const ROTATIONS: usize = 45;
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let (mut client, mut upstream) = api.stream(&gate);
    let newest = || format!("x-api-key: {CANARY}key-{}\r\n", home.runs("key"));
    let (mut sent, mut rejected) = (0, 0);
    for rotation in 0..ROTATIONS {
        let ask = || {
            let mut client = gate.ask("content-length: 1\r\n");
            client.say("x");
            client
        };
        // Some come with the key before this one.
        let mut clients = vec![ask(), ask()];
        let mut waiting = vec![api.asked(), api.asked()];
        home.ok(&["refresh"]);
        clients.push(ask());
        sent += clients.len();
        let mut answered = 0;
        while answered < clients.len() {
            let (mut upstream, head) = waiting.pop().unwrap_or_else(|| api.asked());
            upstream.take(1);
            let is_newest = head.contains(&newest());
            let status = if is_newest { 200 } else { 401 };
            upstream.say(format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
            answered += usize::from(is_newest);
            rejected += usize::from(!is_newest);
        }
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().0, 200));
        passes(&mut upstream, &mut client, &format!("{rotation}"));
    }
    assert_eq!(home.runs("key"), ROTATIONS + 1);
    assert!(sent == 3 * ROTATIONS && rejected >= 2 * ROTATIONS, "{rejected} of {sent} were sent once more");
}
