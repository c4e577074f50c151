//! Keys of AWS that the API turns down: a tool that runs `claviger aws` again gets others, and a storm of tools one run.

use claviger_tests::{Home, aws::instant, binary};
use serde_json::json;
use std::{
    process::{Child, Stdio},
    time::Duration,
};

/// A script that prints other keys each time it runs.
fn source(home: &Home, name: &str, nested: bool) -> String {
    let keys = json!({ "Version": 1, "AccessKeyId": "AKIANUMBER", "SecretAccessKey": "s", "SessionToken": "t",
        "Expiration": instant(3600) });
    let keys = if nested { json!({ "Credentials": keys }) } else { keys }.to_string();
    let runs = home.path(format!("{name}.runs"));
    let text = format!(
        "echo run >> '{0}'; sleep 0.2; echo '{keys}' | sed \"s/NUMBER/$(wc -l < '{0}')/\"",
        runs.display()
    );
    home.script(&format!("{name}.sh"), &text).display().to_string()
}

/// A tool: one process that runs `script`, where `$AWS` is claviger's command.
fn tool(home: &Home, name: &str, command: &str, script: &str) -> Child {
    let environment = home.claviger(&[]);
    let variables =
        environment.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let file = home.script(
        &format!("{name}.sh"),
        &script.replace("AWS", &format!("'{}' {command}", binary("claviger").display())),
    );
    let mut shell = std::process::Command::new("/bin/sh");
    shell.arg(file).env_clear().envs(variables).current_dir(home.path("work"));
    shell.stdout(Stdio::piped()).spawn().expect("sh runs")
}

fn said(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn homes() -> [(Home, &'static str); 2] {
    let mut export = Home::new();
    let command = source(&export, "keys", true);
    export.user_settings(std::path::Path::new("true"), &[]);
    export.replace("home/.claude/settings.json", &json!({ "awsCredentialExport": command }).to_string());
    let mut process = Home::new();
    let command = source(&process, "keys", false);
    process.write(
        "home/.aws/config",
        &format!("[profile work]\nregion = eu-west-1\ncredential_process = {command}\n"),
    );
    for home in [&mut export, &mut process] {
        home.set("AWS_EC2_METADATA_DISABLED", "true");
    }
    [(export, "aws --format export"), (process, "aws --profile work")]
}

#[test]
fn keys_that_are_turned_down_are_replaced_at_once() {
    for (home, command) in homes() {
        let _daemon = home.daemon();
        // Several at the start, then a request that is answered with 403.
        let said = said(tool(&home, "tool", command, "AWS & AWS & AWS; wait; AWS\nsleep 0.4\nAWS"));
        assert_eq!(said.matches("\"AKIA1\"").count(), 4, "{said}");
        assert_eq!(said.matches("\"AKIA2\"").count(), 1, "{said}");
        assert_eq!(home.runs("keys"), 2);
    }
}

#[test]
fn a_storm_of_tools_is_one_run() {
    for (home, command) in homes() {
        let _daemon = home.daemon();
        let ready = home.path("go").display().to_string();
        let script = format!("AWS\nuntil [ -e '{ready}' ]; do sleep 0.05; done\nAWS; AWS; AWS");
        let tools: Vec<_> =
            (0..12).map(|number| tool(&home, &format!("tool-{number}"), command, &script)).collect();
        claviger_tests::wait::until("all have their keys", || {
            home.status()["counters"]["requests"].as_u64() == Some(12)
        });
        std::thread::park_timeout(Duration::from_millis(500));
        home.write("go", "");
        for tool in tools {
            let said = said(tool);
            assert_eq!(
                (said.matches("\"AKIA1\"").count(), said.matches("\"AKIA2\"").count()),
                (1, 3),
                "{said}"
            );
        }
        assert_eq!(home.runs("keys"), 2, "one run for all of them");
    }
}

/// A person at a terminal, a script that wants variables: neither is a tool with a cache.
#[test]
fn other_forms_hint_at_nothing() {
    let [_, (home, command)] = homes();
    let _daemon = home.daemon();
    said(tool(&home, "tool", &format!("{command} --format env"), "AWS\nsleep 0.5\nAWS\nsleep 0.5\nAWS"));
    assert_eq!(home.runs("keys"), 1);
}

/// A profile that leads back to claviger is a mistake in a file, and no person who signs in can help.
#[test]
fn a_chain_that_leads_back_signs_nobody_in() {
    let mut home = Home::new();
    let program = binary("claviger").display().to_string();
    home.write(
        "home/.aws/config",
        &format!("[profile claviger]\nregion = eu-west-1\ncredential_process = {program} aws\n"),
    );
    let settings = json!({ "awsAuthRefresh": format!("echo run >> '{}'", home.path("login.runs").display()),
        "env": { "CLAUDE_CODE_USE_BEDROCK": "1" } });
    home.replace("home/.claude/settings.json", &settings.to_string());
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home.set("AWS_PROFILE", "claviger");
    let _daemon = home.daemon();
    let stderr = home.fails(6, &["aws"]);
    assert!(stderr.contains("name another one"), "{stderr}");
    assert!(!home.path("login.runs").exists(), "{stderr}");
}
