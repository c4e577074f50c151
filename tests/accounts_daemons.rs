//! Two daemons share one list of accounts.

#![allow(clippy::disallowed_methods, reason = "tests prepare the world that the daemon looks at")]

mod support;

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};
use support::{
    CANARY, Daemon, Home,
    accounts::{list, save_at},
    binary, wait,
};

/// A second daemon on the same state; it ends with this value.
struct Second(Child, PathBuf);

impl Second {
    fn start(home: &Home) -> Self {
        let socket = home.path("run/second/claviger.sock");
        let mut command = home.claviger(&[]);
        let variables: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command = Command::new(binary("clavigerd"));
        command.env_clear().envs(variables).arg("--socket").arg(&socket);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("clavigerd runs");
        wait::until("the second daemon listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Self(child, socket)
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn two_daemons_that_change_the_list_at_once_lose_nothing() {
    let home = Home::new();
    home.write("home/.config/claviger/config.toml", "[daemon]\nstore = \"file\"\n");
    let _one: Daemon = home.daemon();
    let two = Second::start(&home);
    let socket = two.1.clone();
    thread::scope(|scope| {
        for (daemon, socket) in [home.socket(), socket].into_iter().enumerate() {
            let home = &home;
            scope.spawn(move || {
                for number in 0..15 {
                    let name = format!("account-{daemon}-{number}");
                    save_at(home, &socket, &name, &format!("{CANARY}{name}")).expect("saved");
                }
            });
        }
    });
    assert_eq!(list(&home).expect("a list").len(), 30);
}
