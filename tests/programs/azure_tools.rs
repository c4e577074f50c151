//! `az` on a person's machine: many sessions at once, and failures that are no sign-in.

use claviger_tests::{
    foundry::{Foundry, az},
    text,
};
use std::{fs, process::Stdio};

const MANY: usize = 30;

/// A body for `az` that fails as the real one does while another one runs, and notes that.
fn exclusive(foundry: &Foundry, body: &str) -> String {
    let (busy, clash) = (foundry.home.path("busy"), foundry.home.path("clash"));
    format!(
        "mkdir {busy} || {{ echo >> {clash}; echo 'sqlite3.OperationalError: database is locked' >&2; exit 1; }}\n\
         sleep 0.1\nrmdir {busy}\n{body}",
        busy = busy.display(),
        clash = clash.display(),
    )
}

#[test]
fn az_runs_once_at_a_time_in_a_configuration_directory() {
    let _turn = claviger_tests::turn::take();
    let foundry = Foundry::new();
    foundry.shim("az", &exclusive(&foundry, &az("sk-canary-az")));
    fs::create_dir_all(foundry.home.path("home/.azure")).expect("directory");
    let _daemon = foundry.home.daemon();
    let session = |number: usize| {
        let mut command = foundry.claviger(&["token"]);
        // A key of its own, and a terminal of its own.
        command.env("CLAVIGER_AZURE_SCOPE", format!("https://scope-{number}.example/.default"));
        command.env("SSH_AUTH_SOCK", foundry.home.path(format!("agent-{number}")));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
    };
    for session in (0..MANY).map(session).collect::<Vec<_>>() {
        let output = session.wait_with_output().expect("it ends");
        assert_eq!(text(&output.stdout).trim(), "sk-canary-az", "{}", text(&output.stderr));
    }
    assert_eq!(foundry.home.read("clash"), "", "two ran at once");
    assert_eq!(foundry.home.status()["entries"].as_array().map(Vec::len), Some(MANY));
}

#[test]
fn a_tool_that_fails_is_quoted_and_nobody_is_sent_to_sign_in() {
    let mut foundry = Foundry::new();
    let _daemon = foundry.home.daemon();
    for (at, (said, signed_out)) in [
        ("sqlite3.OperationalError: database is locked", false),
        ("ModuleNotFoundError: No module named 'azure.cli'", false),
        ("Max retries exceeded with url: /common", false),
        ("Please run 'az login' to setup account.", true),
    ]
    .into_iter()
    .enumerate()
    {
        foundry.shim("az", &format!("cat >&2 <<'END'\nTraceback:\n{said} sk-canary-x\nEND\nexit 1"));
        foundry.set("USER", &format!("C.{at}"));
        let output = foundry.claviger(&["token"]).output().expect("claviger runs");
        let stderr = text(&output.stderr);
        assert!(!output.status.success(), "{stderr}");
        assert!(stderr.contains(said) && stderr.contains("Traceback:"), "{stderr}");
        assert!(!stderr.contains("sk-canary-x"), "{stderr}");
        let told = ["nobody is logged in", "hint: sign in", "az ended with exit code 1"];
        assert_eq!(
            told.map(|words| stderr.contains(words)),
            [signed_out, signed_out, !signed_out],
            "{stderr}"
        );
    }
}
