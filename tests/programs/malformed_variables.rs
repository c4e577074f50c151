//! A variable with a character too many, as from a file with the line ends of Windows: nothing is lent in its place.

use claviger::variables::VARIABLES;
use claviger_tests::{CANARY, Home, terminal::Terminal, text};
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

/// A home where every backend finds another identity's credential if the variables name none.
fn tempting() -> Home {
    let home = Home::new();
    home.user_settings(&home.script("key.sh", &format!("echo {CANARY}helper")), &[]);
    home.write(
        "home/.aws/credentials",
        &format!("[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = {CANARY}default\n"),
    );
    home.write("home/.config/gcloud/application_default_credentials.json", "{}");
    home
}

#[track_caller]
fn refused(home: &Home, verb: &[&str], name: &str, value: &OsStr) {
    let mut command = home.claviger(&[&["--json"], verb].concat());
    let output = command.env(name, value).output().expect("claviger runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{verb:?} {name}={value:?}: {stderr}");
    // The answer of an executable source is an object on stdout, whatever it says.
    let stdout = text(&output.stdout);
    assert!(verb == ["gcp"] || stdout.is_empty(), "{verb:?} {name}={value:?}: {stdout}");
    assert!(!stdout.contains(CANARY) && !stderr.contains(CANARY), "{name}: {stdout}{stderr}");
    let error: Value = serde_json::from_str::<Value>(&stderr)
        .unwrap_or_else(|_| panic!("{name}={value:?}: {stderr}"))["error"]
        .clone();
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with(&format!("{name} ")), "{name}={value:?}: {message}");
    assert_eq!(error["remedy"]["argv"][0], "unset", "{name}: {error}");
}

#[test]
fn no_other_identity_is_lent_for_a_name_with_a_carriage_return() {
    let home = tempting();
    let _daemon = home.daemon();
    for (verb, name, value) in [
        ("aws", "AWS_PROFILE", "work\r"),
        ("aws", "AWS_CONFIG_FILE", "/other\r"),
        ("aws", "AWS_SHARED_CREDENTIALS_FILE", "/other\n"),
        ("azure", "AZURE_CLIENT_SECRET", "sk-canary-cs\r"),
        ("azure", "AZURE_CLIENT_ID", "id\r"),
        ("gcp", "GOOGLE_APPLICATION_CREDENTIALS", "x.json\n"),
        ("get", "CLAVIGER_ACCOUNT", "work\r"),
        ("get", "ANTHROPIC_API_KEY", "sk-canary-mine\r"),
        ("get", "CLAUDE_CODE_USE_BEDROCK", "1\r"),
        ("get", "CLAUDE_CONFIG_DIR", "/elsewhere\u{7f}"),
        ("get", "ANTHROPIC_CUSTOM_HEADERS", "X-A: sk-canary-a\r\nX-B: b"),
    ] {
        refused(&home, &[verb], name, OsStr::new(value));
    }
    assert_eq!(home.runs("key"), 0);
    let output = home.claviger(&["token"]).env("ANTHROPIC_CUSTOM_HEADERS", "X-A: a\nX-B: b").output();
    assert!(output.expect("claviger runs").status.success(), "several headers are several lines");
}

#[test]
fn so_it_is_with_every_variable_that_is_known() {
    let home = tempting();
    let _daemon = home.daemon();
    // One is a list, one leads to the daemon, and the loader has its own words about the third.
    let is_judged = |name: &str| !["PATH", "XDG_RUNTIME_DIR", "LD_PRELOAD"].contains(&name);
    let long = OsString::from("x".repeat(40_000));
    let values = [OsStr::from_bytes(b"caf\xe9"), OsStr::new("a\x1b[2Kb"), &long];
    for (name, _) in VARIABLES.iter().filter(|(name, _)| is_judged(name)) {
        values.iter().for_each(|value| refused(&home, &["get"], name, value));
    }
}

#[test]
fn settings_that_say_so_are_refused_as_well() {
    let home = tempting();
    let _daemon = home.daemon();
    home.user_settings(&home.path("key.sh"), &[("AWS_PROFILE", "work\r")]);
    let stderr = home.fails(4, &["--json", "aws"]);
    assert!(stderr.contains("settings-invalid") && stderr.contains("env.AWS_PROFILE"), "{stderr}");
}

#[test]
fn what_cannot_be_used_of_path_is_left_out_and_told() {
    let mut home = tempting();
    let _daemon = home.daemon();
    let path = OsStr::from_bytes(b"/opt/caf\xe9/bin:/usr/bin:/mnt/c/Tools\r:/bin");
    let output = home.claviger(&["token"]).env("PATH", path).output().expect("claviger runs");
    assert_eq!(text(&output.stdout), format!("{CANARY}helper\n"), "{}", text(&output.stderr));
    home.set("PATH", "/usr/bin:/mnt/c/Tools\r:/bin");
    let terminal = Terminal::start(&home, &["token"]);
    terminal.shows("/mnt/c/Tools");
    terminal.shows("is left out");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn the_doctor_names_it_and_goes_on() {
    let home = tempting();
    let _daemon = home.daemon();
    let mut command = home.claviger(&["--json", "doctor"]);
    let output = command.env("AWS_PROFILE", "work\r").env("AZURE_CLIENT_SECRET", "sk-canary\r").output();
    let found: Value = serde_json::from_str(&text(&output.expect("claviger runs").stdout)).expect("JSON");
    let findings = found["findings"].as_array().expect("findings");
    let of = |name: &str| {
        let is_it = |finding: &&Value| finding["what"].as_str().is_some_and(|what| what.starts_with(name));
        findings.iter().filter(|finding| finding["id"] == "variable-malformed").find(is_it)
    };
    assert!(of("AWS_PROFILE").is_some() && of("AZURE_CLIENT_SECRET").is_some(), "{found}");
    assert!(!found.to_string().contains("sk-canary"));
}
