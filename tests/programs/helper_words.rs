//! What a failing helper says reaches the person, and no secret with it; how it runs can be tried; a key with white space
//! around it is a key.

use crate::callers::passed_on;
use claviger_tests::{CANARY, Home, far::Far, text, wait};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

/// A helper that prints a key, shows it with `set -x`, and fails for a reason that it tells.
fn failing(home: &Home) {
    let body = format!(
        "echo run >> '{}'\nset -x\nKEY=swordfish\necho $KEY\necho '{CANARY}word' >&2\n\
         set +x\nprintf 'not signed in:\\033[31m run op signin\\n' >&2\nexit 3",
        home.path("key.runs").display()
    );
    home.user_settings(&home.script("key.sh", &body), &[]);
}

fn has_the_words_and_no_secret(shown: &str, where_: &str) {
    assert!(shown.contains("run op signin"), "{where_}: {shown}");
    assert!(!shown.contains("swordfish") && !shown.contains(CANARY), "{where_}: {shown}");
    assert!(!shown.contains('\x1b'), "{where_}: {shown}");
}

#[test]
fn the_last_words_of_a_failing_helper_reach_the_person_without_its_secrets() {
    let home = Home::new();
    failing(&home);
    let daemon = home.daemon();
    for arguments in
        [&["token"][..], &["token", "--hook"], &["--json", "get"], &["exec", "true"], &["refresh"]]
    {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(6), "{arguments:?}");
        has_the_words_and_no_secret(&text(&output.stderr), &format!("{arguments:?}"));
    }
    for arguments in [&["status"][..], &["--json", "status"], &["explain"]] {
        has_the_words_and_no_secret(&home.ok(arguments), &format!("{arguments:?}"));
    }
    has_the_words_and_no_secret(&text(&home.run(&["doctor", "--offline"]).stdout), "doctor");
    assert!(daemon.terminate().success());
    for file in home.files("") {
        let content = text(&std::fs::read(&file).unwrap_or_default());
        let is_ours = file.ends_with("key.sh");
        assert!(is_ours || !content.contains("op signin"), "{} has the words", file.display());
    }
}

#[test]
fn a_trial_runs_the_helper_as_the_daemon_does_and_changes_nothing() {
    let mut home = Home::new();
    home.set("NOT_LISTED", "1");
    home.user_settings(&home.counting_helper("key", 0.0), &[("LISTED", "1")]);
    let _daemon = home.daemon();
    let tried: Value = serde_json::from_str(&home.ok(&["--json", "explain", "--try"])).expect("JSON");
    let trial = &tried["trial"];
    assert_eq!((&trial["exit_code"], &trial["unusable"]), (&Value::from(0), &Value::Null), "{trial}");
    let names: Vec<&str> =
        trial["variables"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert!(
        names.contains(&"LISTED") && names.contains(&"HOME") && !names.contains(&"NOT_LISTED"),
        "{names:?}"
    );
    assert_eq!(home.runs("key"), 1);
    assert!(home.status()["entries"].as_array().is_some_and(Vec::is_empty), "nothing is cached");
    let shown = home.ok(&["explain", "--try"]);
    assert!(
        shown.contains("a credential") && shown.contains("exit code 0") && !shown.contains(CANARY),
        "{shown}"
    );
    failing(&home);
    let shown = home.ok(&["explain", "--try"]);
    has_the_words_and_no_secret(&shown, "a trial");
    assert!(shown.contains("exit code 3"), "{shown}");
    home.user_settings(&home.script("json.sh", &format!("echo '{{\"key\":\"{CANARY}\"}}'")), &[]);
    let shown = home.ok(&["explain", "--try"]);
    assert!(shown.contains("no credential: it is JSON") && shown.contains("jq -r"), "{shown}");
    assert!(home.ok(&["explain"]).contains("api-key-helper"));
    assert_eq!(home.runs("key"), 3, "it runs for a trial only");
}

#[test]
fn white_space_around_a_key_is_left_out_with_a_warning() {
    for output in [r"\r\n", r"\n\n", r" \n", r"\t\r\n\r\n"] {
        let home = Home::new();
        home.user_settings(&home.script("key.sh", &format!("printf '{CANARY}key{output}'")), &[]);
        let _daemon = home.daemon();
        assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"), "{output}");
        let lease: Value = serde_json::from_str(&home.ok(&["get", "--json"])).expect("JSON");
        let warning = &lease["warnings"][0];
        assert!(warning["text"].as_str().is_some_and(|text| text.contains("white space")), "{output}");
        assert_eq!(
            (&warning["kind"], &warning["remedy"]["kind"]),
            (&"output-trimmed".into(), &"edit".into())
        );
        wait::until("the doctor says so", || {
            text(&home.run(&["doctor", "--offline"]).stdout).contains("output-trimmed")
        });
    }
}

/// Through a bind mount, from a namespace and through a share.
#[test]
fn callers_without_the_cookie_never_see_what_a_helper_says() {
    let home = Home::new();
    failing(&home);
    let _daemon = home.daemon();
    home.fails(6, &["token"]);
    let is_clean = |shown: &str, where_: &str| {
        for word in ["signin", "not signed in", "swordfish", CANARY] {
            assert!(!shown.contains(word), "{where_}: {shown}");
        }
    };
    let verbs = [
        &["token"][..],
        &["get"],
        &["get", "--json"],
        &["get", "--headers"],
        &["exec", "true"],
        &["status"],
        &["status", "--json"],
        &["explain"],
        &["explain", "--json"],
        &["explain", "--try"],
        &["refresh"],
        &["pending"],
        &["doctor", "--offline"],
    ];
    let shared = home.ok(&["share", "box"]);
    for socket in [passed_on(&home).display().to_string(), shared.trim_end().to_owned()] {
        for arguments in verbs {
            let output = home.run(&[&["--socket", &socket], arguments].concat());
            is_clean(&(text(&output.stdout) + &text(&output.stderr)), &format!("{socket}: {arguments:?}"));
        }
        let stream = fs::File::create(home.path("stream")).expect("a file");
        let mut watch = home.claviger(&["--socket", &socket, "get", "--watch", "--json"]);
        let mut watch = watch.stdout(stream).stderr(Stdio::null()).spawn().expect("claviger runs");
        wait::until("the stream says something, or has ended", || {
            !home.read("stream").is_empty() || watch.try_wait().expect("status").is_some()
        });
        watch.kill().and_then(|()| watch.wait()).expect("it ends");
        is_clean(&home.read("stream"), "a stream");
    }
    let Some(far) = Far::new(&home, &home.socket()) else { return };
    is_clean(&far.fails(6, &["token"]), "far");
    is_clean(&far.ok(&["status"]), "far");
}

#[test]
fn a_program_that_is_not_found_is_told_with_the_directories_that_were_searched() {
    let mut home = Home::new();
    home.user_settings("sh -c no-such-tool-here".as_ref(), &[]);
    let _daemon = home.daemon();
    let told = home.fails(6, &["token"]);
    assert!(told.contains("it is not in ") && told.contains("/usr/bin") && told.contains("`path`"), "{told}");
    // The doctor looks where the daemon does: not in a directory that others can write.
    let tool = home.script("open/some-tool", &format!("echo {CANARY}key"));
    let directory = tool.parent().expect("a directory");
    home.set("PATH", &format!("{}:/usr/bin:/bin", directory.display()));
    home.user_settings("some-tool".as_ref(), &[]);
    let found = || text(&home.run(&["doctor", "--offline"]).stdout);
    assert!(!found().contains("command-missing"), "{}", found());
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).expect("mode");
    // A look at the directories counts for a second.
    wait::until("it is not found any more", || home.run(&["token"]).status.code() == Some(6));
    let told = home.fails(6, &["token"]);
    assert!(told.contains("it is not in ") && !told.contains(&directory.display().to_string()), "{told}");
    let shown = found();
    assert!(shown.contains("command-missing") && shown.contains(&directory.display().to_string()), "{shown}");
}
