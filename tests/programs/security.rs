//! Who may talk to the daemon, and who may look into it: only its user, and into it not even they.

use claviger::{proto::v1::SessionContext, wire};
use claviger_tests::raw::Raw;
use claviger_tests::{CANARY, Home, binary, text, wait};
use std::{
    env, fs,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const STRANGER: u32 = 65534;
/// Set for a test that runs itself again as another user: the socket to try.
const PROBE: &str = "CLAVIGER_TEST_PROBE";

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("metadata").permissions().mode() & 0o7777
}

fn open_to_all(home: &Home) {
    for (below, mode) in [("", 0o755), ("run", 0o755), ("run/claviger", 0o755), ("work", 0o755)] {
        fs::set_permissions(home.path(below), fs::Permissions::from_mode(mode)).expect("mode");
    }
    fs::set_permissions(home.socket(), fs::Permissions::from_mode(0o666)).expect("mode");
}

#[test]
fn another_users_client_is_refused_though_every_mode_was_opened_by_hand() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to become another user");
    }
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    open_to_all(&home);
    for verb in [&["token"][..], &["status"], &["explain"], &["get", "--watch"]] {
        let output = home
            .claviger(&[&["--no-start"], verb].concat())
            .uid(STRANGER)
            .gid(STRANGER)
            .output()
            .expect("claviger runs");
        let stderr = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(5 | 8)), "{verb:?}: {:?} {stderr}", output.status);
        assert!(stderr.contains("not safe to use") && stderr.contains("uid 0"), "{verb:?}: {stderr}");
        assert_eq!(text(&output.stdout), "", "{verb:?}");
    }
}

/// Runs itself again as another user, which then calls the daemon without asking who it is.
#[test]
fn another_users_process_is_refused_by_the_daemon_itself() {
    if let Some(socket) = env::var_os(PROBE) {
        return claviger_tests::block_on(probe(Path::new(&socket)));
    }
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to become another user");
    }
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    open_to_all(&home);
    let mut again = Command::new(env::current_exe().expect("own path"));
    let (_, module) = module_path!().split_once("::").expect("a module of the executable");
    let test = format!("{module}::another_users_process_is_refused_by_the_daemon_itself");
    again.args(["--exact", &test, "--nocapture"]);
    again.env(PROBE, home.socket()).current_dir("/").uid(STRANGER).gid(STRANGER);
    let output = again.output().expect("it runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success() && said.matches("refused: peer-rejected").count() == 2, "{said}");
    let log = home.read("daemon.log");
    assert!(log.contains("another user") && log.contains("65534"), "{log}");
    let audit = || home.read("home/.local/state/claviger/audit.jsonl");
    wait::until("it is in the audit log", || {
        audit().contains("\"event\":\"peer\",\"decision\":\"peer-rejected\"")
            && audit().contains("\"uid\":65534")
    });
    assert_eq!(home.status()["counters"]["requests"], 1, "it got past the door");
    // The same calls by the daemon's own user are answered.
    assert!(claviger_tests::block_on(async { Raw::open(&home.socket()).await.status().await }).is_ok());
}

async fn probe(socket: &Path) {
    assert_eq!(nix::unistd::Uid::effective().as_raw(), STRANGER);
    let raw = Raw::open(socket).await;
    let session = SessionContext { working_directory: "/".into(), ..Default::default() };
    let (status, get) = (raw.status().await.map(drop), raw.get(session).await.map(drop));
    for answer in [status, get] {
        let problem = wire::from_status(&answer.expect_err("an answer to another user"));
        println!("refused: {}", problem.reason);
    }
}

/// What `sh -c SCRIPT sh PID` gets to see as the user of the daemon.
fn look(script: &str, pid: u32) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", &pid.to_string()]).uid(STRANGER).gid(STRANGER).current_dir("/");
    shell.output().expect("sh runs")
}

#[test]
fn a_process_of_the_same_user_cannot_look_into_the_daemon() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to be a user who is not");
    }
    let home = Home::of(STRANGER);
    home.user_settings(&home.script("key.sh", &format!("echo {CANARY}key")), &[]);
    let daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"));
    let mut open = Command::new("sleep").arg("60").uid(STRANGER).gid(STRANGER).spawn().expect("sleep runs");
    for script in [
        "cat /proc/$1/environ",
        "dd if=/proc/$1/mem of=/dev/null bs=1 count=1 skip=$((0x$(head -c 12 /proc/$1/maps)))",
        "cat /proc/$1/maps | grep .",
        "ls /proc/$1/fd/ | grep .",
        "readlink /proc/$1/exe",
        "readlink /proc/$1/cwd",
    ] {
        let refused = look(script, daemon.pid());
        assert!(!refused.status.success(), "{script}: {}", text(&refused.stdout));
        assert_eq!(text(&refused.stdout), "", "{script}");
        // The same look at a process that hides nothing succeeds, so it is a real one.
        assert!(look(script, open.id()).status.success(), "{script} finds nothing anywhere");
    }
    open.kill().and_then(|()| open.wait()).expect("kill");
}

#[test]
fn a_crash_leaves_no_core() {
    for name in ["ABRT", "QUIT", "TRAP"] {
        let home = Home::new();
        home.user_settings(&home.script("key.sh", &format!("echo {CANARY}key")), &[]);
        // Started by a shell that wants cores. The signal counts, even where the tests run in the background of a shell.
        let default = format!("--default-signal={name}");
        let wants_cores = "ulimit -c unlimited; umask 0; exec \"$0\" \"$@\"";
        let daemon = home.daemon_by(Path::new("/usr/bin/env"), &[&default, "/bin/sh", "-c", wants_cores]);
        home.ok(&["token"]);
        let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).expect("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
        assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
        let ended = daemon.end(name);
        assert!(ended.signal().is_some() && !ended.core_dumped(), "{name}: {ended:?}");
        let cores: Vec<PathBuf> = home.files("").into_iter().filter(|path| is_core(path)).collect();
        assert!(cores.is_empty(), "{cores:?}");
    }
}

fn is_core(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))
}

#[test]
fn everything_the_daemon_makes_is_its_users_alone() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home.write("work/.claude/settings.json", r#"{"env": {"A": "b"}}"#);
    let daemon = home.daemon_by(Path::new("/bin/sh"), &["-c", "umask 0; exec \"$0\" \"$@\""]);
    home.grant(&[]);
    home.ok(&["token"]);
    private(&home);
    daemon.terminate();
    // Started on demand it has a log of its own.
    let mut shell = Command::new("sh");
    let client = home.claviger(&[]);
    shell.args(["-c", "umask 0; exec \"$0\" token"]).arg(binary("claviger")).stdout(Stdio::null());
    shell.env_clear().envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(shell.current_dir(home.path("work")).status().expect("sh runs").success());
    assert!(home.path("home/.local/state/claviger/clavigerd.log").exists());
    private(&home);
}

fn private(home: &Home) {
    assert_eq!(mode(&home.path("run/claviger")), 0o700);
    assert_eq!(mode(&home.path("home/.local/state/claviger")), 0o700);
    // The audit log is written by a thread of its own.
    let files = || [home.files("run/claviger"), home.files("home/.local/state/claviger")].concat();
    wait::until("socket, lock, trust store and audit log are there", || files().len() >= 4);
    let files = files();
    assert!(files.iter().any(|path| fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())));
    for path in files {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
