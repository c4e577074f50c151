//! During a sign-in: what waiting sessions are told, and `claviger pending` and `cancel`.

use claviger_tests::{
    Home,
    cloud::{bedrock, container, credentials, json_of},
    skipped,
    stand_in::Response,
    text,
    tmux::Tmux,
    wait,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
    time::{Duration, SystemTime},
};

const URL: &str =
    "https://device.sso.example/start?user_code=ABCD-EFGH&state=0123456789012345678901234567890123456789";

/// `awsAuthRefresh` that tells where to sign in and ends when the file `go` is there.
fn sign_in(home: &Home) {
    sign_in_and(home, "while ! test -e \"$go\"; do sleep 0.02; done");
}

/// The same with another end.
fn sign_in_and(home: &Home, end: &str) {
    let (runs, go) = (home.path("sign-in.runs"), home.path("go"));
    let body = format!(
        "go='{}'; echo run >> '{}'\nprintf 'open \\033[1mthis\\033[0m:\\n{URL}\\n'\n{end}",
        go.display(),
        runs.display()
    );
    let script = home.script("sign-in.sh", &body);
    home.replace("home/.claude/settings.json", &json!({ "awsAuthRefresh": script }).to_string());
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.claviger(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
}

#[test]
fn everybody_who_waits_sees_where_to_sign_in_and_pending_shows_it() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::new(403, ""));
    sign_in(&home);
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["pending"]), "nothing waits for a person\n");
    let waiting: Vec<_> = (0..3).map(|_| start(&home, &["aws"])).collect();
    wait::until("the command has said where to sign in", || {
        let lines = &json_of(&home, &["pending", "--json"])["pending"][0]["lines"];
        lines.as_array().is_some_and(|lines| lines.iter().any(|line| line == URL))
    });
    let late = start(&home, &["get"]);
    let quiet = start(&home, &["-q", "aws", "--format", "export"]);
    let shown = home.ok(&["pending"]);
    assert!(
        shown.starts_with("awsAuthRefresh is running") && shown.contains(&format!("  | {URL}\n")),
        "{shown}"
    );
    assert!(shown.contains("settings.json:1") && shown.contains("claviger pending --cancel "), "{shown}");
    wait::until("the late ones wait too", || home.status()["counters"]["requests"] == 5);
    fs::write(home.path("go"), "").expect("written");
    for child in waiting.into_iter().chain([late]) {
        let output = child.wait_with_output().expect("output");
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches(URL).count(), 1, "each line once: {said}");
        assert!(said.lines().all(|line| line.contains(": ")) && !said.contains('\x1b'), "{said:?}");
        assert!(!text(&output.stdout).contains(URL), "stdout is data only");
    }
    let output = quiet.wait_with_output().expect("output");
    assert_eq!(text(&output.stderr), "");
    let export: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(export["Credentials"]["AccessKeyId"], "AKIA1");
    assert_eq!(home.runs("sign-in"), 1);
}

#[test]
fn a_command_that_nobody_needs_any_more_is_cancelled_by_its_short_id() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::new(403, ""));
    sign_in(&home);
    let _daemon = home.daemon();
    assert!(home.fails(1, &["pending", "--cancel"]).contains("claviger pending"));
    let waiting = start(&home, &["aws"]);
    wait::until("the command runs", || home.ok(&["pending"]).contains(URL));
    let shown = home.ok(&["pending"]);
    let id = shown
        .split("claviger pending --cancel ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("an id");
    assert_eq!(id.len(), 8, "{shown}");
    home.fails(1, &["pending", "--cancel", "no-such-id"]);
    assert_eq!(home.ok(&["pending", "--cancel", id]), "1 command was cancelled\n");
    let output = waiting.wait_with_output().expect("output");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty() && text(&output.stderr).contains("was cancelled"));
    home.fails(1, &["pending", "--cancel"]);
}

/// Overnight no session waits, so no sign-in starts; the first session in the morning must see the page while it waits.
#[test]
fn a_sign_in_that_was_put_off_is_told_at_once_when_a_session_asks() {
    let mut home = bedrock();
    let _service = container(&mut home, |asked| match asked {
        0 => {
            let soon = SystemTime::now() + Duration::from_secs(3);
            Response::json(credentials(&claviger::wire::timestamp(soon).to_string()))
        }
        _ => Response::new(403, ""),
    });
    sign_in(&home);
    let _daemon = home.daemon();
    home.ok(&["aws"]);
    wait::until("the refresh ahead was put off", || {
        json_of(&home, &["pending", "--json"])["pending"][0]["problem"]["reason"] == "login-required"
    });
    let shown = home.ok(&["pending"]);
    assert!(
        shown.contains("aws-chain needs a person")
            && shown.contains(&format!("claviger --cwd {} refresh", home.path("work").display())),
        "{shown}"
    );
    assert_eq!(home.runs("sign-in"), 0, "no session waited");
    wait::until("the credentials are over", || home.ok(&["status"]).contains("expired"));
    let mut waiting = start(&home, &["aws"]);
    let mut lines = BufReader::new(waiting.stderr.take().expect("stderr")).lines().map_while(Result::ok);
    // The command waits for `go`: it is read while it runs, or never.
    assert!(lines.any(|line| line.contains(URL)), "the page is told while it can be used");
    fs::write(home.path("go"), "").expect("written");
    let mut data = String::new();
    waiting.stdout.take().expect("stdout").read_to_string(&mut data).expect("read");
    assert!(waiting.wait().expect("ended").success());
    assert!(data.contains("AKIA1"), "{data}");
}

#[test]
fn the_last_words_of_a_command_come_before_the_data() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::new(403, ""));
    sign_in_and(&home, ": > \"$go\"; echo welcome");
    let _daemon = home.daemon();
    let output = home.run(&["aws"]);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains(URL) && said.contains(": welcome\n"), "{said}");
}

#[test]
fn what_several_entries_lack_is_asked_for_once() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::new(403, ""));
    let _daemon = home.daemon();
    for timeout in ["1000", "2000", "3000"] {
        home.set("CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS", timeout);
        home.set("AWS_ROLE_SESSION_NAME", timeout);
        home.fails(4, &["get"]);
    }
    assert_eq!(home.status()["entries"].as_array().expect("entries").len(), 3);
    assert_eq!(json_of(&home, &["pending", "--json"])["pending"].as_array().expect("a list").len(), 1);
}

#[test]
fn a_wait_for_a_sign_in_says_how_long_and_what_ctrl_c_does() {
    let mut home = Home::new();
    for (name, value) in
        [("CLAUDE_CODE_USE_VERTEX", "1"), ("ANTHROPIC_VERTEX_PROJECT_ID", "p"), ("NO_GCE_CHECK", "true")]
    {
        home.set(name, value);
    }
    let login = home.script("login.sh", "echo open https://sign.example/in; exec sleep 100");
    home.write("home/.claude/settings.json", &serde_json::json!({ "gcpAuthRefresh": login }).to_string());
    let _daemon = home.daemon();
    let Some(tmux) = Tmux::start(&home, (80, 24), &["token"]) else { return skipped("tmux") };
    tmux.shows("open https://sign.example/in");
    tmux.shows("waiting for you to sign in (link above), ");
    tmux.shows(" s left, Ctrl-C gives up");
    tmux.press(&["C-c"]);
    tmux.shows("claviger: the sign-in goes on for ");
    tmux.ended(130);
    assert!(home.ok(&["pending"]).contains("https://sign.example/in"));
    assert_eq!(home.ok(&["pending", "--cancel"]), "1 command was cancelled\n");
}
