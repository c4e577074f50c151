//! Homes with a daemon, a clock, a file or a service that is wrong.

use crate::doctor_layouts::{CONFIG, healthy, sick};
use claviger_tests::{
    Home, binary,
    cure::Sick,
    doctor::Patient,
    is_root, signal, skipped,
    stand_in::{Response, StandIn},
    text, wait,
};
use std::{
    fs,
    io::Write as _,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixListener,
    },
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

pub(crate) fn not_started() -> Option<Sick> {
    let sick = healthy();
    sick.home.write(CONFIG, "[daemon]\nstore = \"floppy\"\n");
    Some(sick.edited("floppy", "file"))
}

pub(crate) fn stopped() -> Option<Sick> {
    let sick = healthy();
    let daemon = sick.home.daemon();
    signal(daemon.pid(), "STOP");
    Some(sick.beside(daemon))
}

/// A daemon whose program is another since.
pub(crate) fn replaced() -> Option<Sick> {
    let sick = healthy();
    // Otherwise it changes to the new program by itself, perhaps before it is looked at.
    sick.home.write("home/.config/claviger/config.toml", "[daemon]\nfollow_program = false\n");
    for name in ["claviger", "clavigerd", "clavigerd-fetch", "clavigerd-gate"] {
        sick.home.copy_program(name, name);
    }
    let client = sick.home.path("claviger");
    let doctor = || {
        let like = sick.home.claviger(&[]);
        let mut command = Command::new(&client);
        command.args(["doctor", "--json", "--offline"]).env_clear().current_dir(sick.home.path("work"));
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        text(&command.output().expect("runs").stdout)
    };
    doctor();
    // The clock of files is a little behind, and the check looks at whole seconds.
    wait::until("it is told", || {
        sick.home.copy_program("clavigerd", "new");
        fs::rename(sick.home.path("new"), sick.home.path("clavigerd")).expect("replaced");
        doctor().contains("daemon-replaced")
    });
    Some(sick.by(client))
}

/// Something else on the socket.
pub(crate) fn stranger() -> Option<Sick> {
    let sick = healthy();
    fs::create_dir(sick.home.path("run/claviger")).expect("directory");
    mode(&sick.home, "run/claviger", 0o700);
    let listener = UnixListener::bind(sick.home.socket()).expect("a socket");
    mode(&sick.home, "run/claviger/claviger.sock", 0o600);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    Some(sick)
}

fn mode(home: &Home, below: &str, mode: u32) {
    fs::set_permissions(home.path(below), fs::Permissions::from_mode(mode)).expect("mode");
}

/// A clock that is right as soon as it is set. The machine's own is left alone.
pub(crate) fn clock() -> Option<Sick> {
    let is_set = Arc::new(AtomicBool::new(false));
    let set = is_set.clone();
    let mut patient = Patient::with(StandIn::start(move |_| match set.load(SeqCst) {
        true => Response::new(200, ""),
        false => Response::new(200, "").header("date", "Fri, 31 Jan 2200 12:00:00 GMT"),
    }));
    let sudo = patient.home.script("bin/sudo", "test \"$*\" = 'timedatectl set-ntp true'");
    let directory = sudo.parent().expect("a directory").display().to_string();
    patient.home.set("PATH", &format!("{directory}:/usr/bin:/bin"));
    Some(sick(patient).meanwhile(move |_| is_set.store(true, SeqCst)))
}

pub(crate) fn open() -> Option<Sick> {
    let sick = healthy();
    sick.home.write("home/.aws/config", "");
    mode(&sick.home, "home/.aws/config", 0o646);
    Some(sick)
}

/// A directory of the configuration in which others can remove it.
pub(crate) fn open_config() -> Option<Sick> {
    let sick = healthy();
    sick.home.write("home/.config/claviger/config.toml", "");
    mode(&sick.home, "home/.config/claviger", 0o777);
    Some(sick)
}

/// A directory of the socket that others can put another into, since the daemon started.
pub(crate) fn open_runtime() -> Option<Sick> {
    let sick = healthy();
    let daemon = sick.home.daemon();
    mode(&sick.home, "run/claviger", 0o777);
    Some(sick.beside(daemon))
}

/// A session whose configuration is elsewhere than the daemon's.
pub(crate) fn other_config() -> Option<Sick> {
    let mut sick = healthy();
    let daemon = sick.home.daemon();
    sick.home.set("XDG_CONFIG_HOME", "/nowhere");
    Some(sick.beside(daemon))
}

pub(crate) fn given_away() -> Option<Sick> {
    if !is_root() {
        skipped("root, to give files away");
        return None;
    }
    let sick = healthy();
    let file = sick.home.write("home/.aws/credentials", "");
    mode(&sick.home, "home/.aws/credentials", 0o600);
    chown(file, Some(65534), None).expect("given away");
    Some(sick)
}

pub(crate) fn directory() -> Option<Sick> {
    let sick = healthy();
    fs::create_dir(sick.home.path("home/.claude.json")).expect("directory");
    Some(sick)
}

/// A unit that is not as it was installed.
pub(crate) fn service(change: fn(&str, &str) -> String) -> Option<Sick> {
    if !Command::new("systemctl").arg("--version").output().is_ok_and(|output| output.status.success()) {
        skipped("systemctl");
        return None;
    }
    let sick = healthy();
    sick.home.ok(&["daemon", "install"]);
    let unit = "home/.config/systemd/user/clavigerd.service";
    let own = binary("clavigerd").display().to_string();
    let text = change(&sick.home.read(unit), &own);
    sick.home.write(unit, &text);
    Some(sick)
}
