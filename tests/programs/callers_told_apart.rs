//! Who is near and who is not: the cookie, the configuration, and sockets that were named.

use crate::callers::{home, passed_on};
use claviger::{client::Client, client::request, proto::v1, wire};
use claviger_tests::{block_on, text};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

#[test]
fn the_configuration_says_what_foreign_callers_may_do() {
    for (value, token, status) in [("lend", 0, 0), ("inspect", 5, 0), ("refuse", 5, 5)] {
        let home = home();
        home.write("home/.config/claviger/config.toml", &format!("[daemon]\nforeign = \"{value}\"\n"));
        let _daemon = home.daemon();
        let socket = passed_on(&home).display().to_string();
        let code = |verb: &str| home.run(&["--socket", &socket, verb]).status.code();
        assert_eq!((code("token"), code("status")), (Some(token), Some(status)), "{value}");
        home.ok(&["token"]);
    }
    let home = home();
    home.write("home/.config/claviger/config.toml", "[daemon]\nforeign = \"all\"\n");
    assert!(home.fails(4, &["token"]).contains("config.toml:2:11"));
}

#[test]
fn a_configuration_that_others_can_write_says_nothing() {
    let home = home();
    let config = home.write("home/.config/claviger/config.toml", "[daemon]\nforeign = \"lend\"\n");
    let open = |mode| fs::set_permissions(&config, fs::Permissions::from_mode(mode)).expect("mode");
    let cure = format!("chmod go-w {}", config.display());
    open(0o646);
    let said = home.fails(4, &["token"]);
    assert!(said.contains("can be written by other users") && said.contains(&cure), "{said}");
    assert_eq!(home.runs("key"), 0);
    open(0o644);
    let _daemon = home.daemon();
    open(0o666);
    // A daemon that runs stays as it is; what it would sign in with is not taken from there either.
    for arguments in [&["daemon", "reload"][..], &["login"]] {
        let said = home.fails(4, arguments);
        assert!(said.contains(&cure), "{arguments:?}: {said}");
    }
    open(0o600);
    home.ok(&["daemon", "reload"]);
}

#[test]
fn a_cookie_that_is_gone_open_or_replaced_keeps_nobody_out_who_is_near() {
    let home = home();
    let _daemon = home.daemon();
    let path = claviger::cookie::path(&home.socket());
    let first = home.cookie();
    fs::remove_file(&path).expect("removed");
    home.ok(&["token"]);
    let second = home.cookie();
    assert_ne!(first, second);

    block_on(async {
        let mut client = Client::connect(&home.socket()).await.expect("it listens");
        let mut restart =
            tokio::process::Command::from(home.claviger(&["daemon", "restart", "--new-cookie"]));
        assert!(restart.status().await.expect("it runs").success());
        assert_ne!(home.cookie(), second);
        // Its connection is gone with the old cookie; it reads the new one.
        client.get(&home.session(), None).await.expect("a credential");
    });

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
    let said = home.fails(8, &["token"]);
    assert!(said.contains("0600") && said.contains(&format!("mv -- {}", path.display())), "{said}");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "0".repeat(64)).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
    // Who can write there is near.
    home.ok(&["token"]);
}

#[test]
fn a_stale_cookie_is_told_apart() {
    let home = home();
    let _daemon = home.daemon();
    block_on(async {
        let client = Client::connect(&passed_on(&home)).await.expect("it listens");
        let mut message = request(v1::GetVersionRequest {});
        message.metadata_mut().insert("claviger-cookie", "0".repeat(64).parse().expect("digits"));
        let status = client.inspect().get_version(message).await.expect_err("refused");
        assert_eq!(wire::from_status(&status).reason.as_str(), "stale-cookie");
    });
}

#[test]
fn nothing_is_started_in_the_place_of_a_socket_that_was_named() {
    let home = home();
    fs::create_dir(home.path("far")).expect("a directory");
    let dead = home.path("far/claviger.sock").display().to_string();
    let output = home.claviger(&["token"]).env("CLAVIGER_SOCK", &dead).output().expect("it runs");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(8), ""));
    assert!(text(&output.stderr).contains(&dead), "{}", text(&output.stderr));
    assert!(home.fails(8, &["--socket", &dead, "daemon", "start"]).contains(&dead));
    assert!(!Path::new(&dead).exists() && !home.socket().exists());
    assert_eq!(home.runs("key"), 0);
}

#[test]
fn an_agent_does_not_trust_and_a_lease_is_no_longer_than_allowed() {
    let mut home = home();
    home.write("home/.config/claviger/config.toml", "[daemon]\nmax_lease = \"1m\"\n");
    let _daemon = home.daemon();
    let seen: serde_json::Value =
        serde_json::from_str(&home.ok(&["--cwd", "../clone", "trust", "show", "--json"])).expect("JSON");
    let digest = seen["digest"].as_str().expect("a digest").to_owned();
    let grant = ["--cwd", "../clone", "trust", "grant", "--digest", &digest];
    home.set("CLAUDECODE", "1");
    assert!(home.fails(5, &grant).contains("agents_may_decide"));
    home.ok(&["--cwd", "../clone", "trust", "ignore", "--digest", &digest]);
    home.replace(
        "home/.config/claviger/config.toml",
        "[daemon]\nagents_may_decide = true\nmax_lease = \"1m\"\n",
    );
    home.ok(&["daemon", "reload"]);
    home.ok(&grant);

    let lease: serde_json::Value =
        serde_json::from_str(&home.ok(&["get", "--json", "--show-secret"])).expect("JSON");
    let seconds = |name: &str| lease[name].as_str().expect("a time").replace(['-', ':', 'T'], "");
    assert!(seconds("expires_at") < seconds("refresh_at"), "it would live for five minutes: {lease}");
    home.write("home/.config/claviger/config.toml", "[daemon]\nmax_lease = 15\n");
    assert!(home.fails(4, &["daemon", "reload"]).contains("config.toml:2:13"));
}
