//! `claviger daemon`: without a user manager, and under a real `systemd --user`.

use claviger_tests::{CANARY, Home, namespaces};
use std::{fs, path::PathBuf};

/// Copies of both programs in a directory of the home, as another installation has them.
fn copies(home: &Home, below: &str) -> PathBuf {
    let directory = home.path(below);
    fs::create_dir_all(&directory).expect("directory");
    for name in ["claviger", "clavigerd"] {
        home.copy_program(name, &format!("{below}/{name}"));
    }
    directory
}

#[test]
fn the_service_is_installed_taken_over_and_uninstalled() {
    if !namespaces::available() {
        return;
    }
    let home = Home::new();
    home.user_settings(&home.script("helper.sh", &format!("echo {CANARY}service")), &[]);
    let (here, other, odd) = (copies(&home, "here"), copies(&home, "other"), copies(&home, "o%d"));
    let seen =
        namespaces::observe(&home, "service.sh", &[here.as_os_str(), other.as_os_str(), odd.as_os_str()]);
    let token = format!("{CANARY}service");
    let program = |directory: &PathBuf| directory.join("clavigerd").display().to_string();
    let units = home.path("home/.config/systemd/user").display().to_string();
    namespaces::expect(
        &seen,
        &[
            ("odd_code", "1"),
            ("odd_left", "nothing"),
            ("alone_status", "4"),
            ("alone_dry_left", "nothing"),
            ("alone_install", "1"),
            ("alone_link", &format!("{units}/clavigerd.socket")),
            ("alone_again", "nothing to do"),
            ("alone_uninstall", "0"),
            ("alone_left", "nothing"),
            ("token_on_demand", &token),
            ("first_by", "client"),
            (
                "dry",
                "would stop clavigerd with pid PID|would run systemctl --user enable --now clavigerd.socket",
            ),
            ("install_code", "0"),
            ("first_alive", "1"),
            ("asleep", "None"),
            ("token_of_unit", &token),
            ("started_by", "manager"),
            ("same_pid", "yes"),
            ("program", &program(&here)),
            ("status", "0"),
            ("again", "nothing to do"),
        ],
    );
    namespaces::expect(
        &seen,
        &[
            ("outdated", "4"),
            ("other_code", "0"),
            ("token_of_other", &token),
            ("other_program", &program(&other)),
            ("back", "1"),
            ("token_of_back", &token),
            ("back_program", &program(&here)),
            ("edited_status", "4"),
            ("edited_install", "1"),
            ("edited_uninstall", "1"),
            ("edited_stays", "# mine"),
            ("socket_off", "inactive"),
            ("forced", "0"),
            ("drop_in", "[Service]|Environment=KEPT=1"),
            ("left", "nothing"),
            ("uninstall_again", "nothing to do"),
            ("token_at_last", &token),
        ],
    );
}

#[test]
fn where_there_is_no_systemd_nothing_is_written() {
    let mut home = Home::new();
    home.set("PATH", &home.path("work").display().to_string());
    let before = home.files("home");
    assert!(home.fails(1, &["daemon", "install"]).contains("nothing has to be installed"));
    assert_eq!(home.files("home"), before);
}
