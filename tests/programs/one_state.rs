//! One daemon for a state directory: whatever environment a session has, it finds that one, and machines that share the state
//! agree.

use claviger_tests::{CANARY, Home, processes, text, wait};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

/// The client without the variable that a login sets.
fn without_runtime(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.claviger(arguments);
    command.env_remove("XDG_RUNTIME_DIR");
    command
}

/// The client of a session with another runtime directory.
fn elsewhere(home: &Home, arguments: &[&str]) -> Command {
    fs::create_dir_all(home.path("run2")).expect("directory");
    let mut command = home.claviger(arguments);
    command.env("XDG_RUNTIME_DIR", home.path("run2"));
    command
}

fn ok(mut command: Command) -> String {
    let output = command.output().expect("claviger runs");
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn failed(mut command: Command, code: i32) -> String {
    let Output { status, stderr, .. } = command.output().expect("claviger runs");
    assert_eq!(status.code(), Some(code), "{command:?}: {}", text(&stderr));
    text(&stderr)
}

fn daemons(home: &Home) -> usize {
    let sockets =
        [home.socket(), home.seat().join("claviger.sock"), home.path("run2/claviger/claviger.sock")];
    sockets.iter().map(|socket| processes(socket.to_str().expect("path")).len()).sum()
}

#[test]
fn sessions_with_another_environment_find_the_same_daemon() {
    let home = home();
    let daemon = home.daemon();
    let gone = home.path("run-gone");
    let mut lost = home.claviger(&["token"]);
    lost.env("XDG_RUNTIME_DIR", &gone);
    for session in
        [home.claviger(&["token"]), without_runtime(&home, &["token"]), elsewhere(&home, &["token"]), lost]
    {
        assert!(ok(session).starts_with(CANARY));
    }
    // What one of them decides holds for all.
    ok(without_runtime(&home, &["lock"]));
    for said in [home.fails(4, &["token"]), failed(elsewhere(&home, &["token"]), 4)] {
        assert!(said.contains("locked"), "{said}");
    }
    ok(elsewhere(&home, &["unlock"]));
    assert_eq!(home.status()["pid"], daemon.pid());
    let status: serde_json::Value =
        serde_json::from_str(&ok(without_runtime(&home, &["status", "--json"]))).expect("JSON");
    assert_eq!(status["pid"], daemon.pid());
    ok(without_runtime(&home, &["daemon", "stop"]));
    wait::until("it has ended", || !home.socket().exists());
}

#[test]
fn a_daemon_that_a_session_without_runtime_directory_starts_is_every_sessions() {
    let home = home();
    let token = ok(without_runtime(&home, &["token"]));
    assert_eq!(token, format!("{CANARY}key-1\n"));
    let socket = home.seat().join("claviger.sock");
    assert!(socket.exists(), "it lies with the state");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&home.seat()), mode(&socket), mode(&home.seat().join("cookie"))), (0o700, 0o600, 0o600));
    assert!(home.ok(&["token"]).starts_with(CANARY));
    assert!(ok(elsewhere(&home, &["token"])).starts_with(CANARY));
    assert_eq!(daemons(&home), 1);
    home.ok(&["daemon", "stop"]);
    wait::until("it has ended", || !socket.exists());
}

#[test]
fn clients_of_all_environments_at_once_start_one_daemon() {
    let home = home();
    let started = |kind: usize| match kind % 3 {
        0 => home.claviger(&["token"]),
        1 => without_runtime(&home, &["token"]),
        _ => elsewhere(&home, &["token"]),
    };
    std::thread::scope(|scope| {
        for kind in 0..30 {
            scope.spawn(move || assert!(ok(started(kind)).starts_with(CANARY)));
        }
    });
    assert_eq!(daemons(&home), 1);
    ok(without_runtime(&home, &["daemon", "stop"]));
    wait::until("it has ended", || daemons(&home) == 0);
}

#[test]
fn a_second_daemon_is_refused_with_pid_and_remedy() {
    let home = home();
    let first = home.daemon();
    let socket = home.path("run/second/claviger.sock");
    for arguments in
        [&["daemon", "run"][..], &["daemon", "run", "--", "--socket", socket.to_str().expect("path")]]
    {
        let said = failed(home.claviger(arguments), 1);
        for word in [&format!("pid {}", first.pid()), "claviger daemon stop", ".local/state/claviger"] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
    // Its socket cannot be seen from here, and it does not look for it: a client says which process is in the way.
    claviger_tests::signal(first.pid(), "STOP");
    fs::remove_file(home.socket()).expect("removed");
    let said = home.fails(8, &["token"]);
    claviger_tests::signal(first.pid(), "CONT");
    assert!(said.contains(&format!("kill {}", first.pid())), "{said}");
    // Now it looks.
    wait::until("it listens again", || home.socket().exists());
    home.ok(&["token"]);
    assert_eq!(home.status()["pid"], first.pid());
}

#[test]
fn a_lock_file_that_is_not_ours_leads_nowhere() {
    let home = home();
    let daemon = home.daemon();
    let lock = home.seat().join("claviger.lock");
    assert_eq!(fs::metadata(&lock).expect("a lock").permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).expect("mode");
    let said = failed(elsewhere(&home, &["--no-start", "token"]), 8);
    assert!(said.contains("no daemon answers"), "{said}");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).expect("mode");
    ok(elsewhere(&home, &["--no-start", "token"]));
    drop(daemon);
}

#[test]
fn the_daemon_listens_again_when_its_socket_goes() {
    let home = home();
    let daemon = home.daemon();
    let token = home.ok(&["token"]);
    // Removed, moved away, replaced, and with its directory and cookie.
    let (socket, run) = (home.socket(), home.path("run/claviger"));
    type Lose<'a> = Box<dyn Fn() + 'a>;
    let lose: [(&str, Lose<'_>); 4] = [
        ("removed", Box::new(|| fs::remove_file(&socket).expect("removed"))),
        ("moved", Box::new(|| fs::rename(&socket, run.join("x")).expect("moved"))),
        ("its directory", Box::new(|| fs::rename(&run, home.path("gone")).expect("moved"))),
        (
            "the runtime directory",
            Box::new(|| fs::rename(home.path("run"), home.path("gone too")).expect("moved")),
        ),
    ];
    for (what, lose) in lose {
        lose();
        assert_eq!(home.ok(&["token"]), token, "{what}");
        wait::until(what, || home.status()["pid"] == daemon.pid());
        assert_eq!(home.runs("key"), 1, "{what}");
    }
    assert!(daemon.terminate().success());
    assert!(!home.socket().exists(), "it leaves no socket");
}

#[test]
fn after_a_logout_the_daemon_is_with_the_state() {
    let home = home();
    let daemon = home.daemon();
    let token = home.ok(&["token"]);
    // No directory can be made again there.
    fs::rename(home.path("run"), home.path("gone")).expect("moved");
    fs::write(home.path("run"), "").expect("a file");
    fs::remove_dir_all(home.path("gone")).expect("removed");
    wait::until("it listens with the state", || home.seat().join("claviger.sock").exists());
    assert_eq!(home.ok(&["token"]), token);
    assert_eq!(home.status()["pid"], daemon.pid());
    assert_eq!(home.runs("key"), 1);
    // Who logs in again finds it, too.
    fs::remove_file(home.path("run")).expect("removed");
    fs::create_dir(home.path("run")).expect("made");
    assert_eq!(home.ok(&["token"]), token);
    home.ok(&["daemon", "stop"]);
    drop(daemon);
}

#[test]
fn another_machine_with_the_same_state_agrees() {
    let home = home();
    let _one = home.daemon();
    let socket = home.path("run/second/claviger.sock").display().to_string();
    let Some(_two) = home.other_machine(&socket) else { return };
    let named = socket.as_str();
    fn over<'a>(socket: &'a str, words: &[&'a str]) -> Vec<&'a str> {
        [&["--socket", socket][..], words].concat()
    }
    let other = |words: &[&'static str]| over(named, words);
    home.ok(&["token"]);
    home.ok(&other(&["token"]));
    // The lock.
    home.ok(&["lock"]);
    assert!(home.fails(4, &other(&["token"])).contains("locked"));
    home.ok(&other(&["unlock"]));
    home.ok(&["token"]);
    home.ok(&other(&["lock"]));
    assert!(home.fails(4, &["token"]).contains("locked"));
    home.ok(&["unlock"]);
    home.ok(&other(&["token"]));
    // Trust: what one revokes does not come back with what the other writes.
    let first = home.path("work/first");
    let second = home.path("work/second");
    for place in [&first, &second] {
        fs::create_dir_all(place.join(".git")).expect("a repository");
        fs::create_dir_all(place.join(".claude")).expect("settings");
        let helper = home.script("project.sh", &format!("echo {CANARY}project"));
        fs::write(place.join(".claude/settings.json"), claviger_tests::settings(&helper, &[]))
            .expect("written");
    }
    let (first, second) = (first.display().to_string(), second.display().to_string());
    home.grant(&["--cwd", &first]);
    assert_eq!(home.ok(&["--socket", named, "--cwd", &first, "token"]), format!("{CANARY}project\n"));
    home.ok(&["trust", "revoke", &first]);
    assert!(home.fails(4, &["--socket", named, "--cwd", &first, "token"]).contains("trust"));
    home.grant(&["--socket", named, "--cwd", &second]);
    assert_eq!(home.ok(&["--cwd", &second, "token"]), format!("{CANARY}project\n"));
    assert!(home.fails(4, &["--cwd", &first, "token"]).contains("trust"), "a revoked decision came back");
}

#[test]
fn a_watch_does_not_start_a_daemon_that_was_stopped() {
    let home = home();
    let seen = home.path("watch.err");
    let mut watch = home.claviger(&["get", "--watch"]);
    watch.stdout(fs::File::create(home.path("watch.out")).expect("a file"));
    let mut watch = watch.stderr(fs::File::create(&seen).expect("a file")).spawn().expect("claviger runs");
    wait::until("it is told", || home.read("watch.out").contains("api-key-helper"));
    home.ok(&["daemon", "stop"]);
    wait::until("it is lost", || home.read("watch.err").contains("went away"));
    // Longer than its longest pause.
    let started = wait::holds_within(std::time::Duration::from_secs(3), || home.socket().exists());
    assert!(!started, "it started a daemon: {}", home.read("watch.err"));
    // The next one that a session starts is followed.
    let before = home.read("watch.out").lines().count();
    home.ok(&["token"]);
    wait::until("it is told again", || home.read("watch.out").lines().count() > before);
    watch.kill().expect("kill");
    watch.wait().expect("wait");
}

#[test]
fn a_broken_configuration_is_found_while_the_old_daemon_runs() {
    let home = home();
    let _daemon = home.daemon();
    home.write("home/.config/claviger/config.toml", "[daemon]\nforeign = \"refuse\"\nidle = 7\n");
    let said = home.run(&["doctor", "--offline"]);
    let text = text(&said.stdout);
    assert_eq!(said.status.code(), Some(4), "{text}");
    assert!(text.contains("config.toml:3") && text.contains("the next one does not start"), "{text}");
    home.ok(&["token"]);
    let said = failed(home.claviger(&["daemon", "run"]), 4);
    assert!(said.contains("config.toml:3"), "{said}");
}
