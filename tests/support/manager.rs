//! A real `systemd --user` of an ordinary user, with our units in it.

use super::{Home, binary, namespaces};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A file of the repository.
pub fn repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}

/// A home with the units as they are installed, and the drop-ins beside.
pub fn home() -> Home {
    let home = Home::new();
    let program = home.path("home/bin/clavigerd").display().to_string();
    for name in ["clavigerd.socket", "clavigerd.service"] {
        let unit = fs::read_to_string(repository("systemd").join(name)).expect("unit");
        home.write(
            &format!("home/.config/systemd/user/{name}"),
            &unit.replace("/usr/local/bin/clavigerd", &program),
        );
    }
    for name in ["setgid-helpers.conf", "strict.conf"] {
        fs::copy(repository("systemd").join(name), home.path(format!("home/{name}"))).expect("drop-in");
    }
    home
}

/// Runs a script of tests/support/systemd under a manager, and gives what it saw.
pub fn observe(home: &Home, script: &str, managed: Option<&Path>) -> BTreeMap<String, String> {
    let script = repository("tests/support/systemd").join(script);
    let programs = binary("claviger");
    let mut arguments = vec![script.as_path(), programs.parent().expect("directory")];
    arguments.extend(managed);
    let arguments: Vec<_> = arguments.into_iter().map(Path::as_os_str).collect();
    namespaces::observe(home, "systemd.sh", &arguments)
}
