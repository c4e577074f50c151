//! Who may send by a gate: what has its placeholder and is of the same user; and who may look into the process that serves it.

use claviger_tests::{
    CANARY, Daemon, Home,
    gated::{Gated, servers},
    stand_in::{Response, StandIn},
    text, wait,
};
use serde_json::json;
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Output},
};

const STRANGER: u32 = 65534;
const KINDS: [&str; 2] = ["--gate=unix", "--gate=tcp"];

fn api() -> StandIn {
    StandIn::start(|_| Response::json(json!({"id": "msg_1"})))
}

fn configure(home: &Home, api: &StandIn) {
    let helper = home.script("key.sh", &format!("echo {CANARY}key"));
    home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", &api.url)]);
}

fn prepared(home: Home, api: &StandIn) -> (Home, Daemon) {
    configure(&home, api);
    let daemon = home.daemon();
    (home, daemon)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("metadata").permissions().mode() & 0o7777
}

/// What curl as `uid` gets from `gate`, for the holder of `placeholder`.
fn curl(gate: &Gated, placeholder: &str, uid: Option<u32>) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--data", "{}"]);
    curl.args(["--header", &format!("x-api-key: {placeholder}")]).current_dir("/");
    match gate.address.starts_with('/') {
        true => curl.args(["--unix-socket", &gate.address, "http://localhost/v1/messages"]),
        false => curl.arg(format!("http://{}/v1/messages", gate.address)),
    };
    if let Some(uid) = uid {
        curl.uid(uid).gid(uid);
    }
    curl.output().expect("curl runs")
}

#[test]
fn the_placeholder_of_another_gate_is_worth_nothing() {
    let api = api();
    let (home, _daemon) = prepared(Home::new(), &api);
    for kind in KINDS {
        let [one, other] = [Gated::open(&home, kind), Gated::open(&home, kind)];
        assert!(one.placeholder != other.placeholder && one.placeholder.len() > 70, "{}", one.placeholder);
        let said = text(&curl(&one, &other.placeholder, None).stdout);
        assert!(said.contains("credential of its own") && said.contains("authentication_error"), "{said}");
        assert!(!said.contains(&other.placeholder), "{said}");
        let before = api.requests().len();
        // It is no credential of the API's either, and changes with each gate.
        assert!(text(&curl(&one, &one.placeholder, None).stdout).contains("msg_1"));
        let past = one.placeholder.clone();
        drop(one);
        let fresh = Gated::open(&home, kind);
        assert!(text(&curl(&fresh, &past, None).stdout).contains("credential of its own"));
        assert_eq!(api.requests().len(), before + 1);
    }
    assert_eq!(api.requests().len(), KINDS.len());
}

#[test]
fn another_user_is_not_served_though_every_mode_was_opened_and_the_placeholder_is_known() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to become another user");
    }
    let api = api();
    let (home, _daemon) = prepared(Home::new(), &api);
    for kind in KINDS {
        let gate = Gated::open(&home, kind);
        if gate.address.starts_with('/') {
            for below in ["", "run", "run/claviger", "run/claviger/gate"] {
                fs::set_permissions(home.path(below), fs::Permissions::from_mode(0o755)).expect("mode");
            }
            fs::set_permissions(&gate.address, fs::Permissions::from_mode(0o666)).expect("mode");
        }
        // 52: nothing was answered; 55 and 56: the connection was ended. 7 is a connection that ended before curl had a look at it, and
        // also one that could not be made.
        wait::until("the connection is made and ended", || {
            let refused = curl(&gate, &gate.placeholder, Some(STRANGER));
            assert!(matches!(refused.status.code(), Some(7 | 52 | 55 | 56)), "{kind}: {refused:?}");
            assert!(refused.stdout.is_empty(), "{kind}: {refused:?}");
            refused.status.code() != Some(7)
        });
        // Its own user is, so it did listen.
        assert!(text(&curl(&gate, &gate.placeholder, None).stdout).contains("msg_1"), "{kind}");
    }
    assert_eq!(api.requests().len(), KINDS.len());
}

#[test]
fn the_sockets_are_their_users_alone_and_no_symlink_leads_them_elsewhere() {
    let api = api();
    let (home, _daemon) = prepared(Home::new(), &api);
    let directory = home.path("run/claviger/gate");
    let gate = Gated::open(&home, "--gate");
    assert_eq!((mode(&directory), mode(Path::new(&gate.address))), (0o700, 0o600));
    drop(gate);
    let refused = |part: &str| {
        let output = home.run(&["exec", "--gate", "--", "echo", "ran"]);
        let said = text(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(said.contains("the gate cannot be opened") && said.contains(part), "{said}");
    };
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o770)).expect("mode");
    refused("run/claviger/gate is no directory of this user alone");
    fs::remove_dir(&directory).expect("empty");
    fs::create_dir(home.path("run/elsewhere")).expect("directory");
    fs::set_permissions(home.path("run/elsewhere"), fs::Permissions::from_mode(0o700)).expect("mode");
    symlink(home.path("run/elsewhere"), &directory).expect("a symlink");
    refused("is no directory of this user alone");
    assert!(home.files("run/elsewhere").is_empty());
    fs::remove_file(&directory).expect("a symlink");
    home.write("run/claviger/gate", "a file");
    refused("is no directory of this user alone");
    fs::remove_file(&directory).expect("a file");
    drop(Gated::open(&home, "--gate"));
}

#[test]
fn a_path_that_no_socket_can_have_is_said_with_its_length() {
    let api = api();
    let mut home = Home::new();
    // The socket of the daemon still fits, by a few bytes.
    let base = home.path("run").display().to_string();
    let rest = 107 - base.len() - "//claviger/claviger.sock".len();
    let runtime = home.path("run").join("r".repeat(rest));
    fs::create_dir(&runtime).expect("directory");
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).expect("mode");
    home.set("XDG_RUNTIME_DIR", runtime.to_str().expect("UTF-8"));
    configure(&home, &api);
    // It is started on demand, for it is not where those of other tests are.
    let output = home.run(&["exec", "--gate", "--", "echo", "ran"]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let by_port = home.run(&["exec", "--gate=tcp", "--", "echo", "ran"]);
    home.ok(&["daemon", "stop"]);
    for part in ["/claviger/gate/", " bytes", "XDG_RUNTIME_DIR", "--gate=tcp"] {
        assert!(said.contains(part), "no {part}: {said}");
    }
    assert_eq!(text(&by_port.stdout), "ran\n");
}

#[test]
fn the_socket_of_a_gate_is_told_from_that_of_a_daemon() {
    let api = api();
    let (home, _daemon) = prepared(Home::new(), &api);
    let gate = Gated::open(&home, "--gate=unix");
    for verb in ["token", "status"] {
        let said = home.fails(8, &["--socket", &gate.address, verb]);
        assert!(said.contains("does not speak HTTP/2") && said.contains("or it is a gate"), "{said}");
    }
    let found = home.run(&["--socket", &gate.address, "doctor"]);
    let said = text(&found.stdout);
    assert!(found.status.code() == Some(4) && said.contains("socket-taken"), "{found:?}");
    assert!(!said.contains("fix:"), "it is not moved away: {said}");
    assert!(api.requests().is_empty());
}

#[test]
fn a_process_of_the_same_user_cannot_look_into_the_one_that_serves() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to be a user who is not");
    }
    let api = api();
    let (home, daemon) = prepared(Home::of(STRANGER), &api);
    let gate = Gated::open(&home, "--gate");
    assert!(text(&curl(&gate, &gate.placeholder, Some(STRANGER)).stdout).contains("msg_1"));
    let [server] = servers(&home)[..] else { panic!("one process serves") };
    for script in [
        "cat /proc/$1/environ",
        "cat /proc/$1/maps | grep .",
        "ls /proc/$1/fd/ | grep .",
        "readlink /proc/$1/exe",
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", &server.to_string()]).uid(STRANGER).gid(STRANGER).current_dir("/");
        let refused = shell.output().expect("sh runs");
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{script}: {refused:?}");
    }
    let limits = fs::read_to_string(format!("/proc/{server}/limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    let status = |pid: u32| fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let of_status = |pid: u32, name: &str| {
        let status = status(pid);
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
    };
    assert_eq!(of_status(server, "NoNewPrivs:"), "1");
    assert_eq!(of_status(server, "Umask:"), "0077");
    assert_eq!(of_status(server, "CoreDumping:"), of_status(daemon.pid(), "CoreDumping:"));
    // It has no secret in its command line, which everyone can read.
    let line = fs::read(format!("/proc/{server}/cmdline")).expect("a command line");
    assert!(!text(&line).contains("sk-"), "{}", text(&line));
}
