//! The client alone, without any daemon.

use std::{
    fs,
    process::{Command, Output},
};

const VERBS: &[&str] = &[
    "token",
    "get",
    "env",
    "exec",
    "aws",
    "gcp",
    "azure",
    "explain",
    "doctor",
    "status",
    "audit",
    "pending",
    "refresh",
    "trust",
    "gate",
    "daemon",
    "completions",
];

/// Runs the client in a home where no daemon listens.
fn claviger(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("temporary directory");
    let run = home.path().join("run");
    fs::create_dir(&run).expect("directory");
    let mut command = Command::new(claviger_tests::binary("claviger"));
    command.args(arguments).env_clear().env("HOME", home.path()).env("XDG_RUNTIME_DIR", &run);
    let output = command.current_dir(home.path()).output().expect("claviger runs");
    assert!(!run.join("claviger").exists(), "{arguments:?} must not prepare to start a daemon");
    output
}

#[test]
fn help_lists_every_verb() {
    let output = claviger(&["--help"]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    for verb in VERBS {
        assert!(
            help.lines().any(|line| line.starts_with("  ") && line.split_whitespace().next() == Some(verb)),
            "{verb} is not in:\n{help}"
        );
    }
    assert!(help.lines().count() <= 50, "{help}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_talk_goes_to_stderr() {
    for arguments in [&["tokn"][..], &["token", "--nonsense"], &["refresh", "--key", "a"], &[]] {
        let output = claviger(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn without_a_daemon_and_not_allowed_to_start_one_it_is_exit_code_8() {
    for verb in ["token", "get", "env", "explain", "refresh", "status"] {
        let output = claviger(&["--no-start", verb]);
        assert_eq!(output.status.code(), Some(8), "{verb}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{verb}: {output:?}");
    }
}
