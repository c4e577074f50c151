//! The files of the audit log: rotated under load, on a disk that is full, after a kill, and followed meanwhile.

use claviger_tests::{
    Home,
    audit::{field, lines, until_noted, with_helper},
    disk::Disk,
    signal, text, wait,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};

const STATE: &str = "home/.local/state/claviger";
const LOG: &str = "home/.local/state/claviger/audit.jsonl";
const CONFIG: &str = "home/.config/claviger/config.toml";

/// A `claviger audit --follow --json`; ends with this value.
struct Follow {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Follow {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.claviger(&["--no-start", "audit", "--follow", "--json"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("claviger runs");
        let (output, lines) =
            (BufReader::new(child.stdout.take().expect("a pipe")), Arc::new(Mutex::default()));
        let found: Arc<Mutex<Vec<Value>>> = lines.clone();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                found.lock().expect("lock").push(serde_json::from_str(&line).expect("a line of JSON"));
            }
        });
        Self { child, lines }
    }

    fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("lock").clone()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `count` clients in directories of their own, ten at once.
fn herd(home: &Home, count: usize) -> BTreeSet<String> {
    let directories: BTreeSet<String> = (0..count)
        .map(|number| {
            let path = home.path(format!("work/{number}"));
            fs::create_dir_all(&path).expect("a directory");
            path.display().to_string()
        })
        .collect();
    let all: Vec<&String> = directories.iter().collect();
    thread::scope(|scope| {
        for part in all.chunks(count.div_ceil(10)) {
            scope.spawn(move || {
                part.iter().for_each(|directory| drop(home.ok(&["--cwd", directory, "token"])))
            });
        }
    });
    directories
}

fn directories(lines: &[Value]) -> BTreeSet<String> {
    lines.iter().filter(|line| line["event"] == "get").map(|line| field(line, "cwd").to_owned()).collect()
}

#[test]
fn no_line_is_lost_or_torn_while_the_log_is_rotated_under_load() {
    let home = with_helper();
    home.write(CONFIG, "[daemon]\naudit_kib = 8\naudit_parts = 60\n");
    let daemon = home.daemon();
    // The daemon of another machine writes the same files.
    let second = home.path("run/second.sock");
    let Some(_second) = home.other_machine(second.to_str().expect("UTF-8")) else { return };
    let follow = Follow::start(&home, &["--limit", "1000"]);
    let mut wanted = herd(&home, 150);
    let socket = second.display().to_string();
    for number in 0..30 {
        let directory = home.path(format!("work/{number}/below"));
        fs::create_dir_all(&directory).expect("a directory");
        let directory = directory.display().to_string();
        home.ok(&["--socket", &socket, "--cwd", &directory, "token"]);
        wanted.insert(directory);
    }
    daemon.terminate();
    // A restart is nothing that a follower notices.
    let daemon = home.daemon();
    let last = home.path("work/last");
    fs::create_dir_all(&last).expect("a directory");
    let last = last.display().to_string();
    home.ok(&["--cwd", &last, "token"]);
    wanted.insert(last);
    wait::until("everything is followed", || directories(&follow.lines()).is_superset(&wanted));
    drop(daemon);
    let all = lines(&home, &[]);
    assert_eq!(directories(&all), wanted);
    assert_eq!(all.iter().filter(|line| line["event"] == "get").count(), wanted.len(), "each of them once");
    let gets: Vec<_> = follow.lines().into_iter().filter(|line| line["event"] == "get").collect();
    assert_eq!(gets.len(), wanted.len(), "each of them once");
    let parts: Vec<PathBuf> = home
        .files(STATE)
        .into_iter()
        .filter(|path| path.display().to_string().contains("audit.jsonl"))
        .collect();
    assert!(parts.len() > 3, "{parts:?}");
    for path in parts {
        let found = fs::metadata(&path).expect("metadata");
        assert_eq!((found.permissions().mode() & 0o777, found.len() <= 8 * 1024), (0o600, true), "{path:?}");
    }
}

#[test]
fn equal_fetches_are_counted_and_none_roll_a_decision_away() {
    let home = with_helper();
    home.write(CONFIG, "[daemon]\naudit_kib = 4\naudit_parts = 1\n");
    let daemon = home.daemon();
    home.ok(&["lock"]);
    home.ok(&["unlock"]);
    let mut session = home.session();
    claviger_tests::block_on(async {
        let mut client = claviger::client::Client::connect(&home.socket()).await.expect("a daemon");
        for number in 0..40 {
            session.cwd = home.path(format!("work/{number}"));
            fs::create_dir(&session.cwd).expect("a directory");
            for _ in 0..25 {
                client.get(&session, None).await.expect("a credential");
            }
        }
    });
    drop(daemon);
    let all = lines(&home, &[]);
    let times: Vec<_> = all.iter().map(|line| field(line, "time").to_owned()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let gets: Vec<_> = all.iter().filter(|line| line["event"] == "get").collect();
    assert!(gets.len() < 40, "the first of them were rolled away: {}", gets.len());
    // Written when the daemon ended: one line for all that were equal.
    let last = gets.iter().rfind(|line| line["count"].is_u64()).expect("a count");
    assert_eq!(
        (last["count"].as_u64(), last["pid"].is_null(), last["since"].is_string()),
        (Some(24), true, true)
    );
    for (event, decision) in
        [("daemon", "started"), ("lock", "locked"), ("unlock", "unlocked"), ("daemon", "stopped")]
    {
        let found = all.iter().filter(|line| line["event"] == event && line["decision"] == decision);
        assert_eq!(found.count(), 1, "{event} {decision} in {all:?}");
    }
    assert!(home.ok(&["audit"]).contains("24 since"));
}

#[test]
fn a_kill_costs_what_was_just_noted_and_breaks_nothing() {
    let home = with_helper();
    let daemon = home.daemon();
    home.ok(&["token"]);
    until_noted(&home, "get", "lent");
    daemon.kill();
    // As a crash in the middle of a write would leave it.
    let torn = home.read(LOG) + "{\"time\":1,\"event\":\"get\",\"deci";
    home.write(LOG, &torn);
    let output = home.run(&["--no-start", "audit", "--json"]);
    assert!(text(&output.stderr).contains("1 broken line was skipped"), "{}", text(&output.stderr));
    let _daemon = home.daemon();
    home.ok(&["token"]);
    wait::until("both are there", || lines(&home, &["--event", "get"]).len() == 2);
    let output = home.run(&["audit", "--json"]);
    assert!(text(&output.stderr).contains("1 broken line was skipped"), "{}", text(&output.stderr));
    // Two starts and one end: that is how a kill looks.
    assert_eq!(lines(&home, &["--event", "daemon"]).len(), 2);
}

#[test]
fn a_full_disk_stops_no_request_and_what_it_cost_is_said() {
    let home = with_helper();
    let Some(disk) = Disk::mount(&home.path(STATE), 4) else { return };
    let _daemon = home.daemon();
    home.ok(&["token"]);
    until_noted(&home, "get", "lent");
    disk.fill();
    // Long directories fill what is left of the last block, and then the memory that lines may wait in.
    let long = home.path(format!("work/{}", ["d".repeat(200).as_str(); 15].join("/")));
    let mut session = home.session();
    let asked = claviger_tests::block_on(async {
        let mut client = claviger::client::Client::connect(&home.socket()).await.expect("a daemon");
        for number in 0..600 {
            // Equal lines would be counted.
            session.cwd = long.join(number.to_string());
            fs::create_dir_all(&session.cwd).expect("a directory");
            client.get(&session, None).await.expect("a full disk stops no request");
        }
        600
    });
    let audit = || home.status()["audit"].clone();
    wait::until("lines are lost, and that is known", || {
        audit()["lost"].as_u64().is_some_and(|lost| lost > 0) && audit()["trouble"].is_string()
    });
    let status = home.ok(&["status"]);
    assert!(status.contains("lines lost since") && status.contains("No space left"), "{status}");
    assert!(home.read("daemon.log").contains("the audit log cannot be written"));
    disk.fix();
    // More than one line, if there was room for some in between.
    let told = || lines(&home, &["--event", "lost"]);
    let sum = || told().iter().filter_map(|line| line["count"].as_u64()).sum::<u64>();
    let lost = || audit()["lost"].as_u64().unwrap_or_default();
    wait::until("the audit log says so itself", || sum() > 0 && sum() == lost());
    assert!(told().iter().all(|line| line["since"].is_string()), "{:?}", told());
    wait::until("everything is written", || audit()["trouble"].is_null());
    let gets = lines(&home, &["--event", "get"]).len() as u64;
    assert_eq!(gets + lost(), asked + 1, "each line is there or counted");
    // Nothing was cut off, and nothing is glued together.
    let output = home.run(&["audit"]);
    assert_eq!(text(&output.stderr), "");
    assert!(home.read("daemon.log").contains("the audit log is written again"));
}

#[test]
fn a_symlink_in_its_place_is_not_followed() {
    let home = with_helper();
    let target = home.write("target", "precious\n");
    fs::create_dir_all(home.path(STATE)).expect("a directory");
    fs::set_permissions(home.path(STATE), fs::Permissions::from_mode(0o700)).expect("mode");
    symlink(&target, home.path(LOG)).expect("a symlink");
    let _daemon = home.daemon();
    home.ok(&["token"]);
    wait::until("that is said", || home.status()["audit"]["trouble"].is_string());
    assert_eq!(home.read("target"), "precious\n");
    fs::remove_file(home.path(LOG)).expect("removed");
    until_noted(&home, "get", "lent");
}

#[test]
fn the_follower_ends_with_its_terminal() {
    let home = with_helper();
    let mut follow = Follow::start(&home, &[]);
    let _daemon = home.daemon();
    wait::until("a file that appears is followed", || {
        follow.lines().iter().any(|line| line["decision"] == "started")
    });
    signal(follow.child.id(), "INT");
    assert_eq!(follow.child.wait().expect("wait").code(), Some(130));
}
