//! Starting, stopping and dying: of clients, of helpers, of the daemon.

use claviger_tests::{CANARY, Home, processes, text, wait};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{DirBuilderExt as _, symlink},
    process::Stdio,
    time::Instant,
};

#[test]
fn a_hundred_clients_without_daemon_start_one() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.2), &[]);
    let outputs = home.herd(100, &["token"]);
    let tokens: BTreeSet<_> = outputs.iter().map(|output| text(&output.stdout)).collect();
    let errors: BTreeSet<_> = outputs.iter().map(|output| text(&output.stderr)).collect();
    assert_eq!(tokens.len(), 1, "{errors:?}");
    assert_eq!(home.runs("key"), 1);
    let daemons = processes(home.socket().to_str().expect("path"));
    assert_eq!(daemons.len(), 1, "{daemons:?}");
    home.ok(&["daemon", "stop"]);
    wait::until("the daemon is gone", || processes(home.socket().to_str().expect("path")).is_empty());
    assert!(!home.socket().exists(), "it leaves no socket");
}

#[test]
fn a_lock_that_is_a_fifo_or_a_symlink_is_an_error_and_no_wait() {
    for lock in ["start.lock", "claviger.lock"] {
        let home = Home::new();
        home.user_settings(&home.counting_helper("key", 0.0), &[]);
        let path = match lock {
            "start.lock" => home.socket().with_file_name(lock),
            _ => home.seat().join(lock),
        };
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(path.parent().expect("directory"))
            .expect("made");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        let begin = Instant::now();
        home.fails(8, &["token"]);
        fs::remove_file(&path).expect("removed");
        symlink(home.path("elsewhere"), &path).expect("a symlink");
        home.fails(8, &["token"]);
        wait::not_held_up(begin);
        assert!(!home.path("elsewhere").exists(), "{lock}: it was followed");
    }
}

#[test]
fn killing_the_client_that_started_the_run_leaves_the_run() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 1.0), &[]);
    let _daemon = home.daemon();
    let mut first = home.claviger(&["token"]).stdout(Stdio::null()).spawn().expect("claviger runs");
    wait::until("the helper runs", || home.runs("key") == 1);
    first.kill().expect("kill");
    first.wait().expect("wait");
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-1\n"));
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn killing_all_clients_leaves_the_run() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 1.0), &[]);
    let _daemon = home.daemon();
    let spawn = |_| home.claviger(&["token"]).stdout(Stdio::null()).spawn().expect("claviger runs");
    let mut clients: Vec<_> = (0..20).map(spawn).collect();
    wait::until("the helper runs", || home.runs("key") == 1);
    for client in &mut clients {
        client.kill().expect("kill");
        client.wait().expect("wait");
    }
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-1\n"));
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn killing_the_daemon_in_mid_run_wedges_nothing() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 1.0), &[]);
    let daemon = home.daemon();
    let waiting = home
        .claviger(&["token"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("claviger runs");
    wait::until("the helper runs", || home.runs("key") == 1);
    daemon.kill();
    // The dead daemon's socket and lock file are still there. A session that waited starts a new daemon all the same.
    let output = waiting.wait_with_output().expect("output");
    assert_eq!(text(&output.stdout), format!("{CANARY}key-2\n"), "{}", text(&output.stderr));
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-2\n"));
}

#[test]
fn a_second_daemon_refuses_and_leaves_the_first_alone() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let first = home.daemon();
    let second = home.run(&["daemon", "run"]);
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("another daemon"), "{}", text(&second.stderr));
    home.ok(&["token"]);
    assert_eq!(home.status()["pid"], first.pid());
    assert!(first.terminate().success());
    assert!(!home.socket().exists());
}

#[test]
fn stopping_ends_open_streams_and_waiting_requests() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 30.0), &[]);
    let daemon = home.daemon();
    let waiting = home
        .claviger(&["--no-start", "token"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("claviger runs");
    wait::until("the helper runs", || home.runs("key") == 1);
    assert!(daemon.terminate().success());
    let output = waiting.wait_with_output().expect("output");
    assert_eq!(output.status.code(), Some(8), "{}", text(&output.stderr));
    // The helper goes with the daemon.
    let helper = home.path("key.sh").display().to_string();
    wait::until("the helper is gone", || processes(&helper).is_empty());
}

#[test]
fn a_foreign_file_in_place_of_the_socket_is_left_alone() {
    let home = Home::new();
    home.write("run/claviger/claviger.sock", "precious");
    fs::set_permissions(home.path("run/claviger"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("mode");
    let stderr = home.fails(8, &["token"]);
    assert!(stderr.contains("claviger.sock"), "{stderr}");
    assert_eq!(home.read("run/claviger/claviger.sock"), "precious");
    fs::remove_file(home.socket()).expect("remove");
}

#[test]
fn a_planted_runtime_directory_is_refused() {
    let home = Home::new();
    fs::create_dir(home.path("elsewhere")).expect("directory");
    std::os::unix::fs::symlink(home.path("elsewhere"), home.path("run/claviger")).expect("symlink");
    let stderr = home.fails(8, &["token"]);
    assert!(stderr.contains("not safe"), "{stderr}");
    assert_eq!(fs::read_dir(home.path("elsewhere")).expect("directory").count(), 0);
}

#[test]
fn a_lock_that_a_dying_daemon_lets_go_late_fails_no_call() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    fs::DirBuilder::new().mode(0o700).recursive(true).create(home.seat()).expect("a directory");
    let lock = fs::File::create(home.seat().join("claviger.lock")).expect("a file");
    lock.lock().expect("locked");
    std::thread::scope(|scope| {
        let session = scope.spawn(|| home.run(&["token"]));
        // Until a daemon has given up once: then the lock goes.
        let log = home.path("home/.local/state/claviger/clavigerd.log");
        let daemons = || processes(home.socket().to_str().expect("path"));
        wait::until("a daemon was started", || log.exists() || session.is_finished());
        wait::until("it has given up", || daemons().is_empty() || session.is_finished());
        assert!(!session.is_finished());
        drop(lock);
        let output = session.join().expect("no panic");
        assert!(output.status.success(), "{}", text(&output.stderr));
    });
}
