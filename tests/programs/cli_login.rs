//! `claviger login` on the real binaries: what a person is told and asked while they sign in.

use claviger_tests::{Home, provider::Provider, signal, terminal::Terminal, text, wait};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStderr, Stdio},
};

const CONFIG: &str = "home/.config/claviger/config.toml";
const PASTE: &str = "paste the address the browser ended at, or the code it shows: ";

/// A home that can sign in to `work`.
fn signing_in(options: Value) -> Option<(Home, Provider)> {
    let home = Home::new();
    let provider = Provider::start(&home, options)?;
    home.write(CONFIG, &provider.section("work", ""));
    Some((home, provider))
}

/// A client whose stdin is open.
fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.claviger(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("claviger runs")
}

/// The first line of stderr that has `part`.
fn line_with(lines: &mut BufReader<ChildStderr>, part: &str) -> String {
    let mut lines = lines.lines().map_while(Result::ok);
    lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part:?}")).trim().to_owned()
}

/// The address on a screen, which begins with `start`.
fn address(screen: &str, start: &str) -> String {
    screen.split_whitespace().find(|word| word.starts_with(start)).expect("an address").to_owned()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_login_tells_its_address_and_ends_with_the_account() {
    let Some((mut home, provider)) = signing_in(json!({})) else { return };
    provider.browser(&mut home);
    let _daemon = home.daemon();
    let output = home.run(&["login"]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    let shown = "signed in to work as person@example.com; for https://api.anthropic.com only, kept in a sealed file\n";
    assert_eq!(said, shown, "{told}");
    assert!(told.contains(&format!("\n  {}/auth?", provider.issuer)), "{told}");
    let output = home.run(&["login", "--json"]);
    let events: Vec<_> = text(&output.stdout).lines().map(json_of).collect();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(events[0]["event"], "url");
    let last = &events[events.len() - 1];
    assert_eq!((&last["event"], &last["account"]["name"]), (&json!("signed-in"), &json!("work")));
    assert_eq!(last["account"], json_of(&home.ok(&["accounts", "--json"]))["accounts"][0]);
    let listed = home.ok(&["accounts"]);
    assert!(
        listed.contains("work  first, here  oauth  person@example.com  https://api.anthropic.com  file"),
        "{listed}"
    );
}

#[test]
fn what_is_pasted_through_a_pipe_signs_in_after_wrong_tries() {
    let Some((home, provider)) = signing_in(json!({})) else { return };
    let _daemon = home.daemon();
    let mut login = start(&home, &["login", "--no-browser"]);
    let mut told = BufReader::new(login.stderr.take().expect("stderr"));
    let url = line_with(&mut told, "/auth?");
    let mut keys = login.stdin.take().expect("stdin");
    writeln!(keys, "\nhttp://127.0.0.1/callback?code=x&state=y").expect("written");
    line_with(&mut told, "paste the whole address");
    let ended = provider.visit(&["--stay", &url]);
    writeln!(keys, "{}", ended["url"].as_str().expect("an address")).expect("written");
    // stdin stays open: its end is not waited for.
    let status = login.wait().expect("ended");
    drop(keys);
    assert!(status.success());
    assert!(home.ok(&["token"]).len() > 20);
}

#[test]
fn over_ssh_the_address_is_asked_for_and_the_redirect_works_meanwhile() {
    let Some((mut home, provider)) = signing_in(json!({})) else { return };
    provider.browser(&mut home);
    home.set("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    let _daemon = home.daemon();
    for pastes in [true, false] {
        let mut login = Terminal::start(&home, &["login"]);
        login.shows(PASTE);
        let url = address(&login.screen(), &provider.issuer);
        if pastes {
            login.types("nonsense\n");
            wait::until("it asks again", || login.screen().matches(PASTE).count() == 2);
            let ended = provider.visit(&["--stay", &url]);
            login.types(&format!("{}\n", ended["url"].as_str().expect("an address")));
        } else {
            provider.visit(&[&url]);
        }
        let (code, said, screen) = login.end();
        assert_eq!(code, Some(0), "{screen}");
        assert!(said.starts_with("signed in to work"), "{said}");
        // There is no keyring, which is said on a line of its own; no question follows.
        assert!(screen.contains("\nclaviger: there is no keyring here"), "{screen:?}");
        assert_eq!(screen.matches(PASTE).count(), if pastes { 2 } else { 1 }, "{screen:?}");
    }
    assert!(!home.path("browser.out").exists(), "no browser was opened");
}

#[test]
fn a_code_comes_with_its_addresses() {
    let Some((home, provider)) = signing_in(json!({})) else { return };
    let _daemon = home.daemon();
    let mut login = start(&home, &["login", "mine", "--registration", "work", "--device"]);
    let mut told = BufReader::new(login.stderr.take().expect("stderr"));
    let code = line_with(&mut told, "type in the code ");
    let complete = line_with(&mut told, "user_code=");
    assert!(complete.ends_with(code.rsplit(' ').next().expect("a code")), "{code}: {complete}");
    provider.visit(&[&complete]);
    let output = login.wait_with_output().expect("output");
    assert!(text(&output.stdout).starts_with("signed in to mine"), "{}", text(&output.stdout));
}

#[test]
fn a_refusal_in_the_middle_is_an_error_like_any_other() {
    let Some((mut home, provider)) = signing_in(json!({"deny": true})) else { return };
    provider.browser(&mut home);
    let _daemon = home.daemon();
    let told = home.fails(5, &["login"]);
    assert!(told.contains("claviger: the login was refused: access_denied\nhint: "), "{told}");
    let output = home.run(&["login", "--json"]);
    let error = &json_of(&text(&output.stderr))["error"];
    assert_eq!((&error["reason"], output.status.code()), (&json!("upstream-denied"), Some(5)));
    assert!(error["hint"].is_string());
    let listed = home.ok(&["accounts"]);
    assert!(listed.starts_with("there is no account") && listed.contains("claviger login work"), "{listed}");
}

#[test]
fn whoever_gives_up_leaves_no_login_behind() {
    let Some((home, provider)) = signing_in(json!({})) else { return };
    let _daemon = home.daemon();
    let children =
        || claviger_tests::processes(&home.path("home/.local/state/claviger/accounts").display().to_string());
    let mut login = start(&home, &["login"]);
    line_with(&mut BufReader::new(login.stderr.take().expect("stderr")), &provider.issuer);
    assert_eq!(children().len(), 1);
    signal(login.id(), "INT");
    assert_eq!(login.wait().expect("ended").code(), Some(130));
    wait::until("the child is gone", || children().is_empty());
    home.fails(7, &["login", "--timeout", "1"]);
    wait::until("the child is gone", || children().is_empty());
    assert!(home.ok(&["accounts"]).starts_with("there is no account"));
}
