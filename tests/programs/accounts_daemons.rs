//! The daemons of two machines share one list of accounts.

use claviger_tests::{
    CANARY, Home,
    accounts::{list, save_at},
};
use std::thread;

#[test]
fn two_daemons_that_change_the_list_at_once_lose_nothing() {
    let home = Home::new();
    home.write("home/.config/claviger/config.toml", "[daemon]\nstore = \"file\"\n");
    let _one = home.daemon();
    let socket = home.path("run/second/claviger.sock");
    let Some(_two) = home.other_machine(socket.to_str().expect("UTF-8")) else { return };
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
