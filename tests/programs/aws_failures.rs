//! What is wrong with a session's AWS configuration is named; no other identity takes its place.

use claviger_tests::{
    CANARY,
    aws::{Bedrock, instant, printed, role_keys},
    stand_in::{Response, StandIn},
    text, wait,
};
use serde_json::json;
use std::{fs, thread, time::Instant};

/// A session that would get a container's credentials if its profile were passed over.
fn with_another_identity(config: &[u8]) -> (Bedrock, StandIn) {
    let service = StandIn::start(|_| role_keys(3600));
    let mut session = Bedrock::with_profile("");
    fs::write(session.home.path("home/.aws/config"), config).expect("a file");
    session.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/creds", service.url));
    (session, service)
}

#[track_caller]
fn refuses(config: &[u8], reason: &str, parts: &[&str]) {
    let (session, service) = with_another_identity(config);
    let _daemon = session.daemon();
    let problem = session.refused(reason);
    let shown = format!("{} {:?}", problem.message, problem.advice());
    assert!(parts.iter().all(|part| shown.contains(part)), "{parts:?} in {shown}");
    assert_eq!(service.requests().len(), 0, "another identity was asked: {shown}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let file = ["/home/.aws/config"];
    refuses(b"[profile dev\ncanary", "settings-invalid", &["/home/.aws/config on line 1"]);
    refuses(b"[profile dev]\nregion = x\nsk-canary-\n", "settings-invalid", &["on line 3"]);
    refuses(b"[profile dev]\nregion = \xff\xfe", "settings-invalid", &["UTF-8", file[0]]);
    refuses(&b"# ten megabytes\n".repeat(655_360), "settings-invalid", &["larger than", file[0]]);
    refuses(b"[profile other]\nregion = eu-west-1", "settings-invalid", &["AWS_PROFILE", "dev"]);
}

#[test]
fn files_that_are_no_files_are_named() {
    let (session, service) = with_another_identity(b"");
    let path = session.home.path("home/.aws/config");
    fs::remove_file(&path).expect("removed");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let _daemon = session.daemon();
    assert!(session.refused("settings-invalid").message.contains("is not a file"));
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a directory");
    assert!(session.refused("settings-invalid").message.contains("is not a file"));
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn profiles_that_make_no_sense_are_named() {
    let profile = |lines: &str| format!("[profile dev]\n{lines}\n").into_bytes();
    let role = "role_arn = arn:aws:iam::123456789012:role/r\n";
    for (lines, parts) in [
        (format!("{role}source_profile = gone"), vec!["gone"]),
        (format!("{role}source_profile = dev"), vec!["dev"]),
        (format!("{role}credential_source = Somewhere"), vec!["Somewhere"]),
        (format!("{role}credential_source = Environment"), vec!["credential_source"]),
        (role.to_owned(), vec!["source_profile"]),
        ("aws_access_key_id = AKIA".into(), vec!["aws_secret_access_key"]),
        (format!("aws_secret_access_key = {CANARY}"), vec!["aws_access_key_id"]),
        ("sso_session = gone\nsso_account_id = 1\nsso_role_name = r".into(), vec!["gone"]),
        ("sso_session = gone".into(), vec!["gone"]),
        (
            "sso_start_url = https://a.example\nsso_account_id = 1\nsso_role_name = r".into(),
            vec!["sso_region"],
        ),
        (format!("{role}web_identity_token_file = /nonexistent"), vec!["token file"]),
        ("region = evil.example/\ncredential_process = true".into(), vec!["region"]),
    ] {
        refuses(&profile(&lines), "settings-invalid", &parts);
    }
}

#[test]
fn a_loop_of_profiles_is_an_error() {
    let role = "role_arn = arn:aws:iam::123456789012:role/r\n";
    let config =
        format!("[profile dev]\n{role}source_profile = b\n[profile b]\n{role}source_profile = dev\n");
    refuses(config.as_bytes(), "settings-invalid", &["infinite loop"]);
}

#[test]
fn half_a_web_identity_is_an_error() {
    let (mut session, service) = with_another_identity(b"");
    session.unset("AWS_PROFILE");
    session.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
    let _daemon = session.daemon();
    assert!(session.refused("settings-invalid").hint.expect("a hint").contains("AWS_ROLE_ARN"));
    session.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
    assert!(session.refused("settings-invalid").message.contains("AWS_WEB_IDENTITY_TOKEN_FILE"));
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_credential_process_that_fails_is_told_apart_from_one_that_prints_rubbish() {
    let (out, instant) = (printed("AKIA", None), instant(-5));
    let expired = printed("AKIA", Some(&instant));
    for (body, reason, part) in [
        (format!("echo {CANARY}; echo {CANARY} >&2; exit 3"), "login-required", "exit code 3"),
        ("kill -9 $$".into(), "login-required", "exit code 137"),
        ("exec /nonexistent".into(), "command-failed", "127"),
        (format!("echo {CANARY}"), "command-output-invalid", "printed"),
        (String::new(), "command-output-invalid", "printed"),
        (format!("echo Hello; echo '{out}'"), "command-output-invalid", "printed"),
        (format!("echo '{}'", &out[..out.len() - 9]), "command-output-invalid", "printed"),
        (format!("echo '{out}' | tr A '\\377'"), "command-output-invalid", "printed"),
        (format!("echo '{}'", out.replace(":1", ":2")), "command-output-invalid", "printed"),
        (format!("echo '{}'", out.replace(":1", ":\"1\"")), "command-output-invalid", "printed"),
        (format!("echo '{}'", out.replace("AKIA", "")), "command-output-invalid", "AccessKeyId"),
        (format!("echo '{expired}'"), "login-required", "expired"),
    ] {
        let session = Bedrock::with_profile("");
        let process = session.home.script("process.sh", &body);
        session.config(&format!("[profile dev]\ncredential_process = {}\n", process.display()));
        let _daemon = session.daemon();
        let problem = session.refused(reason);
        assert!(problem.message.contains(part), "{body}: {problem:?}");
    }
}

#[test]
fn servers_say_later_or_no() {
    let answers = [
        (429, "source-unavailable", Some(120)),
        (503, "source-unavailable", Some(120)),
        (403, "login-required", None),
        (200, "source-unavailable", None),
    ];
    // Side by side: some are asked again and again.
    thread::scope(|scope| {
        for (status, reason, retry_after) in answers {
            scope.spawn(move || {
                let service =
                    StandIn::start(move |_| Response::new(status, CANARY).header("retry-after", "120"));
                let mut session = Bedrock::new();
                session.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/creds", service.url));
                let _daemon = session.daemon();
                let problem = session.refused(reason);
                let seconds = problem.retry_after.map(|delay| delay.as_secs());
                let is_as_said =
                    |expected: u64| seconds.is_some_and(|got| (expected - 20..=expected).contains(&got));
                assert!(retry_after.is_none_or(is_as_said), "{status}: {seconds:?} s");
            });
        }
    });
}

#[test]
fn nothing_configured_tells_how_to_sign_in() {
    let session = Bedrock::new();
    let _daemon = session.daemon();
    let problem = session.refused("login-required");
    assert!(problem.advice().expect("advice").contains("aws sso login"));
    let links = ["environment", "profile", "web-identity", "container", "imds"];
    assert!(
        problem.trail.iter().zip(links).all(|(line, link)| line.starts_with(link)),
        "{:?}",
        problem.trail
    );
    assert_eq!(problem.trail.len(), links.len());
}

#[test]
fn the_deadline_ends_the_chain_and_everything_it_started() {
    let mut session = Bedrock::with_profile("");
    let mark = session.home.path("mark").display().to_string();
    // The shell waits for a child of its own, which has the mark in its command line.
    let process =
        session.home.script("process.sh", &format!("touch '{mark}'\nsh -c 'sleep 300; true' '{mark}'\ntrue"));
    session.config(&format!("[profile dev]\ncredential_process = {}\n", process.display()));
    session.set("CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS", "1500");
    let _daemon = session.daemon();
    let started = Instant::now();
    let output = session.run(&["get"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    wait::not_held_up(started);
    assert!(session.home.path("mark").exists(), "it ran");
    assert!(text(&output.stderr).contains("AWS_EC2_METADATA_DISABLED=true"), "{}", text(&output.stderr));
    wait::until("no grandchild is left", || claviger_tests::processes(&mark).is_empty());
}

/// A debug build maps three times as much code; the figure of a release build is the promise.
#[test]
fn a_fetch_needs_little_memory() {
    let most: u64 = if cfg!(debug_assertions) { 48 } else { 16 };
    let session = Bedrock::with_profile("");
    // It runs when the SDK has done all its work but for reading these lines.
    let helper = session.noting_helper();
    session.config(&format!("[profile dev]\ncredential_process = {}\n", helper.display()));
    let peak = session.peak();
    assert!(peak < most * 1024, "{peak} KiB");
}

#[test]
fn what_cannot_be_opened_is_named() {
    let (mut session, service) = with_another_identity(b"");
    let _daemon = session.daemon();
    // Not even root can open this; what does not exist is another matter.
    session.set("AWS_CONFIG_FILE", "/dev/null/config");
    let problem = session.refused("settings-invalid");
    assert!(problem.message.contains("/dev/null/config cannot be read"), "{problem}");
    session.unset("AWS_CONFIG_FILE");
    session.unset("AWS_PROFILE");
    session.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent");
    assert!(session.refused("settings-invalid").message.contains("token file"));
    let token = session.home.write("token", &format!("{CANARY}\n"));
    session.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().expect("UTF-8"));
    assert!(session.refused("settings-invalid").hint.expect("a hint").contains("line break"));
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn files_that_do_not_exist_are_no_files() {
    let mut session = Bedrock::new();
    session.set("AWS_CONFIG_FILE", "/nonexistent");
    session.set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let _daemon = session.daemon();
    session.refused("login-required");
}

#[test]
fn what_the_settings_of_an_untrusted_project_say_runs_nothing() {
    let session = Bedrock::with_profile("");
    let process =
        session.home.script("process.sh", &format!("touch '{}'", session.home.path("ran").display()));
    session.config(&format!(
        "[profile dev]\ncredential_process = true\n[profile evil]\ncredential_process = {}\n",
        process.display()
    ));
    session.home.write("work/.claude/settings.json", &json!({"env": {"AWS_PROFILE": "evil"}}).to_string());
    let _daemon = session.daemon();
    session.refused("workspace-untrusted");
    assert!(!session.home.path("ran").exists());
}
