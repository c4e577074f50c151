//! Files, sockets, services and daemons that are not as they should be.

use claviger_tests::{
    Home, binary,
    doctor::{Expected, Patient, SETTINGS, expect},
    is_root, signal, skipped, text,
};
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixListener,
    },
    process::Command,
};

const STATE: &str = "home/.local/state/claviger";
const CONFIG: &str = "home/.config/claviger/config.toml";
const OPEN: &str = "open-to-others";

fn mode(home: &Home, below: &str, mode: u32) {
    fs::set_permissions(home.path(below), fs::Permissions::from_mode(mode)).expect("mode");
}

/// A healthy home whose daemon runs.
fn running() -> Patient {
    let patient = Patient::new();
    patient.expect(&[]);
    patient
}

#[test]
fn what_others_can_read_or_change() {
    let cases: &[(&str, u32, &str)] = &[
        (STATE, 0o750, "warning"),
        (STATE, 0o770, "error"),
        ("home/.local/state/claviger/audit.jsonl", 0o644, "warning"),
        ("run/claviger", 0o755, "warning"),
        ("run/claviger/claviger.sock", 0o666, "error"),
        (CONFIG, 0o666, "warning"),
        ("home/.claude", 0o777, "error"),
        (SETTINGS, 0o646, "warning"),
        ("home/.aws/credentials", 0o644, "warning"),
        ("home/.claude/.credentials.json", 0o640, "warning"),
    ];
    let patient = running();
    patient.home.write(CONFIG, "");
    for file in ["home/.aws/credentials", "home/.claude/.credentials.json"] {
        patient.home.write(file, "");
        mode(&patient.home, file, 0o600);
    }
    patient.expect(&[]);
    for (below, bits, severity) in cases {
        let before = fs::metadata(patient.home.path(below)).expect("there").permissions().mode();
        mode(&patient.home, below, *bits);
        // The daemon says it of these, and what they said before still counts.
        let id = if [CONFIG, SETTINGS].contains(below) { "settings-kept" } else { OPEN };
        let mut expected = vec![(*severity, id, *below)];
        if *below == CONFIG {
            // What it says of logins is not used either.
            expected.insert(0, ("error", "settings-invalid", below));
        }
        patient.expect(&expected);
        mode(&patient.home, below, before & 0o7777);
    }
}

#[test]
fn what_belongs_to_somebody_else() {
    if !is_root() {
        return skipped("root, to give files away");
    }
    let patient = running();
    for (below, id) in [("home/.claude", "wrong-owner"), (STATE, "wrong-owner"), (SETTINGS, "settings-kept")]
    {
        chown(patient.home.path(below), Some(65534), None).expect("given away");
        let severity = if id == "settings-kept" { "warning" } else { "error" };
        patient.expect(&[(severity, id, below)]);
        chown(patient.home.path(below), Some(0), None).expect("taken back");
    }
}

#[test]
fn a_directory_in_the_place_of_a_file() {
    let patient = running();
    fs::create_dir(patient.home.path("home/.claude.json")).expect("directory");
    patient.expect(&[("error", "wrong-kind", "home/.claude.json")]);
}

#[test]
fn without_a_daemon_half_is_looked_at_and_none_is_started() {
    let patient = Patient::new();
    mode(&patient.home, SETTINGS, 0o666);
    let expected: &[Expected<'_>] = &[("note", "daemon-not-running", ""), ("error", OPEN, SETTINGS)];
    let diagnosis = expect(&patient.home, &["--no-start"], expected);
    assert_eq!(diagnosis["unchecked"].as_array().map(Vec::len), Some(4), "{diagnosis:#}");
    assert!(!patient.home.socket().exists());
    mode(&patient.home, SETTINGS, 0o600);
    expect(&patient.home, &["--no-start"], &[("note", "daemon-not-running", "")]);
}

#[test]
fn a_daemon_that_cannot_start_says_where() {
    let patient = Patient::new();
    patient.home.write("home/.config/claviger/config.toml", "[daemon]\nstore = \"floppy\"\n");
    let diagnosis = expect(
        &patient.home,
        &[],
        &[("error", "daemon-not-started", "home/.config/claviger/config.toml:2:9")],
    );
    let what = diagnosis["findings"][0]["what"].as_str().expect("a text");
    assert!(!what.contains("config.toml"), "the place is told once: {what}");
}

#[test]
fn a_daemon_that_hangs_is_given_up() {
    let patient = Patient::new();
    let daemon = patient.home.daemon();
    signal(daemon.pid(), "STOP");
    patient.expect(&[("error", "daemon-silent", "")]);
    signal(daemon.pid(), "CONT");
}

#[test]
fn somebody_else_on_the_socket() {
    let patient = Patient::new();
    fs::create_dir(patient.home.path("run/claviger")).expect("directory");
    mode(&patient.home, "run/claviger", 0o700);
    let listener = UnixListener::bind(patient.home.socket()).expect("a socket");
    mode(&patient.home, "run/claviger/claviger.sock", 0o600);
    let answers = std::thread::spawn(move || {
        use std::io::Write as _;
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a client");
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let output = patient.home.run(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    drop(std::os::unix::net::UnixStream::connect(patient.home.socket()));
    answers.join().expect("answered");
    fs::remove_file(patient.home.socket()).expect("removed");
}

#[test]
fn a_socket_that_nobody_should_use() {
    let mut patient = Patient::new();
    patient.home.set("CLAVIGER_SOCK", "claviger.sock");
    patient.expect(&[("error", "socket-unsafe", "claviger.sock")]);
}

#[test]
fn a_program_that_was_replaced_under_its_daemon() {
    let patient = Patient::new();
    for name in ["claviger", "clavigerd"] {
        patient.home.copy_program(name, name);
    }
    let doctor = |patient: &Patient| {
        let like = patient.home.claviger(&["doctor", "--json"]);
        let mut command = Command::new(patient.home.path("claviger"));
        command.args(["doctor", "--json"]).env_clear().current_dir(patient.home.path("work"));
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        text(&command.output().expect("runs").stdout)
    };
    assert!(!doctor(&patient).contains("daemon-replaced"));
    // The clock of files is a little behind, and the check looks at whole seconds.
    let replaced = || {
        patient.home.copy_program("clavigerd", "new");
        fs::rename(patient.home.path("new"), patient.home.path("clavigerd")).expect("replaced");
        doctor(&patient).contains("daemon-replaced")
    };
    claviger_tests::wait::until("it is told", replaced);
}

#[test]
fn services_that_start_another_program_or_are_of_another_release() {
    let patient = running();
    // A service manager that does not answer: files are written all the same.
    let systemctl = patient.home.script("bin/systemctl", "exit 1");
    let mut install = patient.home.claviger(&["daemon", "install"]);
    let path = format!("{}:/usr/bin:/bin", systemctl.parent().expect("a directory").display());
    install.env("PATH", path).output().expect("runs");
    patient.expect(&[]);
    let service = "home/.config/systemd/user/clavigerd.service";
    let ours = fs::read_to_string(patient.home.path(service)).expect("installed");
    let own = binary("clavigerd").display().to_string();
    let edited = [("warning", "service-outdated", service)];
    for (text, expected) in [
        (ours.clone(), &[][..]),
        (ours.replace(&own, "/no/such/clavigerd"), &[("error", "service-program-missing", service)]),
        (ours.replace(&own, "/bin/true"), &[("warning", "service-other-program", service)]),
        (ours.replace("UMask=0077", "UMask=0022"), &edited),
        (include_str!("../../systemd/clavigerd.service").replace("/usr/local/bin/clavigerd", &own), &edited),
    ] {
        patient.home.write(service, &text);
        patient.expect(expected);
    }
}

#[test]
fn what_service_install_has_written_is_of_this_release() {
    let patient = running();
    let install = |more: &[&str]| patient.home.run(&[&["daemon", "install"], more].concat());
    if !Command::new("systemctl").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skipped("no systemctl");
    }
    assert!(install(&[]).status.success());
    patient.expect(&[]);

    let service = "home/.config/systemd/user/clavigerd.service";
    let ours = fs::read_to_string(patient.home.path(service)).expect("written");
    patient.home.write(service, &(ours + "Nice=5\n"));
    let diagnosis = expect(&patient.home, &[], &[("warning", "service-outdated", service)]);
    // What the doctor says is what fixes it.
    let fix = diagnosis["findings"][0]["fix"].as_str().expect("a command");
    let words: Vec<_> = fix.strip_prefix("claviger ").expect("of ours").split(' ').collect();
    assert!(patient.home.run(&words).status.success(), "{fix}");
    patient.expect(&[]);
}
