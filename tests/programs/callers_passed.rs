//! A connection that is passed on: to a process of another user, and by a process that has ended.

use claviger::{proto::v1::SessionContext, wire};
use claviger_tests::{Home, raw::Raw, text, wait};
use std::{
    env,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Command, Stdio},
};

const STRANGER: u32 = 65534;
/// Set for a test that runs itself again: what it is to do then.
const ROLE: &str = "CLAVIGER_TEST_ROLE";
/// The socket, for such a test.
const SOCKET: &str = "CLAVIGER_TEST_SOCKET";

/// This executable, with nothing but `test` to run.
fn again(test: &str, role: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("own path"));
    let (_, module) = module_path!().split_once("::").expect("a module of the executable");
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]).env(ROLE, role).current_dir("/");
    command
}

/// Calls on the connection that is stdin, and prints what comes of it.
fn call() {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().expect("a connection");
    claviger_tests::block_on(async {
        let raw = Raw::on(UnixStream::from(stdin)).await;
        let session = SessionContext { working_directory: "/".into(), ..Default::default() };
        for answer in [raw.status().await.map(drop), raw.get(session).await.map(drop)] {
            println!("refused: {}", wire::from_status(&answer.expect_err("an answer")).reason);
        }
    });
}

fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

#[test]
fn a_process_of_another_user_gets_nothing_on_our_connection() {
    if env::var_os(ROLE).is_some() {
        return call();
    }
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to become another user");
    }
    let home = home();
    let _daemon = home.daemon();
    let connection = UnixStream::connect(home.socket()).expect("a connection");
    let mut command = again("a_process_of_another_user_gets_nothing_on_our_connection", "call");
    command.uid(STRANGER).gid(STRANGER).stdin(OwnedFd::from(connection.try_clone().expect("a connection")));
    let output = command.output().expect("it runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success() && said.matches("refused: peer-rejected").count() == 2, "{said}");
    assert_eq!(home.status()["counters"]["requests"], 0, "it got past the door");
    // The same by our own user is answered, as is every connection that no other user touched.
    let answer = claviger_tests::block_on(async {
        let again = UnixStream::connect(home.socket()).expect("a connection");
        Raw::on(again).await.status().await
    });
    assert!(answer.is_ok(), "{answer:?}");
}

#[expect(clippy::zombie_processes, reason = "the heir is to outlive the process that starts it")]
#[test]
fn a_connection_ends_with_the_process_that_opened_it() {
    const TEST: &str = "a_connection_ends_with_the_process_that_opened_it";
    match env::var(ROLE).as_deref() {
        Ok("connect") => {
            let connection =
                UnixStream::connect(env::var_os(SOCKET).expect("a socket")).expect("a connection");
            let mut heir = again(TEST, "call");
            heir.stdin(OwnedFd::from(connection)).spawn().expect("it runs");
            return;
        }
        Ok(_) => {
            let parent = std::os::unix::process::parent_id();
            wait::until("the process that connected is gone", || {
                std::os::unix::process::parent_id() != parent || parent == 1
            });
            return call();
        }
        Err(_) => {}
    }
    let home = home();
    let _daemon = home.daemon();
    let mut command = again(TEST, "connect");
    // The pipe is open until the last of them has ended.
    let output = command.env(SOCKET, home.socket()).stdin(Stdio::null()).output().expect("it runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.matches("refused: peer-unknown").count() == 2, "{said}");
    assert_eq!(home.status()["counters"]["requests"], 0, "it got past the door");
}
