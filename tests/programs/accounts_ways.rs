//! Ways to sign in: the person's own browser, what can be pasted, and how long a code is waited for.

use claviger_tests::{
    Home,
    issuer::{CODE, Issuer, device, refusal, target},
    stand_in::Response,
    text, wait,
};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Stdio},
};

fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.claviger(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("claviger runs")
}

/// The address that a login tells on stderr.
fn address(login: &mut Child) -> String {
    let told = BufReader::new(login.stderr.take().expect("stderr"));
    let mut lines = told.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("/auth?")).expect("an address");
    std::thread::spawn(move || lines.for_each(drop));
    line.trim().to_owned()
}

#[test]
fn the_browser_that_is_named_is_run_and_the_next_if_it_fails() {
    let issuer = Issuer::start();
    let mut home = issuer.home("");
    let fails = home.script("fails", "exit 3");
    let mine = home.script("mine", &format!("printf '%s\\n' \"$@\" > {}", home.path("opened").display()));
    home.set("BROWSER", &format!("{}:{} --new %s", fails.display(), mine.display()));
    let _daemon = home.daemon();
    let mut login = start(&home, &["login"]);
    let url = address(&mut login);
    wait::until("it is opened", || home.path("opened").exists() && home.read("opened").ends_with('\n'));
    assert_eq!(home.read("opened"), format!("--new\n{url}\n"));
    login.kill().expect("kill");
    login.wait().expect("wait");
}

#[test]
fn what_the_browser_ended_at_can_be_pasted_at_any_time() {
    for what in ["address", "query", "code"] {
        let issuer = Issuer::start();
        let mut home = issuer.home("");
        // One that is opened, and shows the person nothing that comes back.
        home.set("BROWSER", "true");
        let _daemon = home.daemon();
        let mut login = start(&home, &["login"]);
        let url = address(&mut login);
        let (to, state) = target(&url);
        let query = format!("?code={CODE}-of-some-length&state={state}&iss={}", issuer.server.url);
        let pasted = match what {
            "address" => format!("{to}{query}"),
            "query" => query,
            _ => format!("{CODE}-of-some-length"),
        };
        let mut keys = login.stdin.take().expect("stdin");
        writeln!(keys, "no idea\n{pasted}").expect("written");
        let output = login.wait_with_output().expect("output");
        assert!(text(&output.stdout).starts_with("signed in to work"), "{what}");
        let sent = issuer.server.requests().pop().expect("a request").field("code");
        assert_eq!(sent.as_deref(), Some(&*format!("{CODE}-of-some-length")), "{what}");
        drop(keys);
    }
}

#[test]
fn a_device_is_waited_for_as_long_as_the_server_says() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    issuer.answers(refusal(400, "authorization_pending"));
    let mut short = device();
    short["expires_in"] = json!(2);
    issuer.starts_devices_with(Response::json(short));
    let said = home.fails(7, &["login", "--device"]);
    assert!(said.contains("the code was not typed in before it expired"), "{said}");
    let mut long = device();
    long["expires_in"] = json!(1800);
    issuer.starts_devices_with(Response::json(long));
    let mut login = start(&home, &["login", "--device", "--json"]);
    let mut event = String::new();
    BufReader::new(login.stdout.as_mut().expect("stdout")).read_line(&mut event).expect("a line");
    assert!(event.contains("\"expires_in_seconds\":1800"), "{event}");
    login.kill().expect("kill");
    login.wait().expect("wait");
}

#[test]
fn the_login_before_is_revoked_where_that_is_asked_for() {
    for asked in [false, true] {
        let issuer = Issuer::start();
        issuer.publishes(json!({ "revocation_endpoint": format!("{}/revoke", issuer.server.url) }));
        let home = issuer.home(&format!("revoke_replaced = {asked}"));
        let _daemon = home.daemon();
        for _ in 0..2 {
            claviger_tests::block_on(issuer.sign_in(&home)).expect("signed in");
        }
        let revoked: Vec<_> =
            issuer.server.requests().into_iter().filter(|it| it.path == "/revoke").collect();
        assert_eq!(revoked.len(), usize::from(asked));
        for request in revoked {
            assert_eq!(request.field("token").as_deref(), Some("sk-canary-refresh-first"));
        }
    }
}
