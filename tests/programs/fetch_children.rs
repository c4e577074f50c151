//! The children that fetch: what they are lent, how much they may take, and what is left when the daemon dies.

use claviger_tests::{
    CANARY,
    aws::Bedrock,
    google::{gcloud, vertex},
    mark, processes, secret,
    wait::until,
};
use std::{fs, process::Stdio, thread};

#[test]
fn a_secret_of_one_cloud_reaches_no_program_of_another() {
    let mut home = vertex();
    let script = gcloud(&mut home);
    let noted = format!("#!/bin/sh\nenv > '{}'\n", home.path("gcloud.env").display());
    let body = fs::read_to_string(&script).expect("a script").replace("#!/bin/sh\n", &noted);
    fs::write(&script, body).expect("file");
    home.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", &format!("{CANARY}container"));
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), secret("gcloud"));
    let environment = home.read("gcloud.env");
    assert!(environment.contains("CLAVIGER_FLIGHT="), "{environment}");
    assert!(!environment.contains(CANARY), "{environment}");
}

/// Most memory that a process which now fetches from AWS ever had, in KiB.
fn most_memory() -> u64 {
    let of = |pid: String| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let size = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
        line.contains("\0aws").then_some(size)
    };
    processes("clavigerd-fetch").into_iter().filter_map(of).max().unwrap_or_default()
}

#[test]
fn a_credential_process_that_prints_without_end_does_not_take_all_memory() {
    // Not quite without end, so that a broken version of this ends.
    let session = Bedrock::with_profile("credential_process = head -c 3000000000 /dev/zero");
    let _daemon = session.daemon();
    let asking = thread::scope(|scope| {
        let asking = scope.spawn(|| session.refused("command-output-invalid"));
        let mut most = 0;
        until("it is refused", || {
            most = most.max(most_memory());
            asking.is_finished()
        });
        assert!(most < 1024 * 1024, "it took {most} KiB");
        asking.join().expect("a problem")
    });
    assert!(asking.message.contains("too long"), "{asking:?}");
}

#[test]
fn nothing_of_a_fetch_outlives_a_daemon_that_is_killed() {
    let nap = mark::nap();
    let session = Bedrock::with_profile(&format!("credential_process = sleep {nap}"));
    let daemon = session.daemon();
    let mut client = session.home.claviger(&["--no-start", "get"]);
    client.envs(session.variables.iter().map(|(name, value)| (name, value)));
    let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("claviger runs");
    until("it runs", || !processes(&nap).is_empty());
    daemon.kill();
    until("it is gone", || processes(&nap).is_empty());
    drop(client.kill());
    client.wait().expect("wait");
}

#[test]
fn a_workspace_is_no_home_for_a_session_that_has_none() {
    let mut session = Bedrock::new();
    let ran = session.home.path("ran");
    let config = format!("[default]\ncredential_process = touch '{}'\n", ran.display());
    for below in ["work/.claude/~/.aws/config", "work/.claude/.aws/config"] {
        session.home.write(below, &config);
    }
    let workspace = session.home.path("work/.claude");
    session.set("CLAUDE_CONFIG_DIR", workspace.to_str().expect("UTF-8"));
    let _daemon = session.daemon();
    session.set("HOME", ".");
    session.refused("login-required");
    session.unset("HOME");
    session.refused("login-required");
    assert!(!ran.exists());
}

#[test]
fn clouds_that_do_not_answer_hold_up_no_helper() {
    let nap = mark::nap();
    let mut session = Bedrock::new();
    let helper = session.home.counting_helper("key", 0.0);
    session.home.user_settings(&helper, &[]);
    let profile = |n: u32| format!("[profile p{n}]\ncredential_process = sleep {nap}\n");
    session.config(&(0..8).map(profile).collect::<String>());
    let _daemon = session.daemon();
    let start = |n: u32| {
        session.set("AWS_PROFILE", format!("p{n}"));
        let mut client = session.home.claviger(&["--no-start", "get"]);
        client.envs(session.variables.iter().map(|(name, value)| (name, value)));
        client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("claviger runs")
    };
    let mut waiting: Vec<_> = (0..8).map(start).collect();
    // One workspace has half of the places.
    until("as many as may run hang", || processes(&nap).len() >= 4);
    let mut client = session.home.claviger(&["token"]).stdout(Stdio::null()).spawn().expect("claviger runs");
    until("the helper's key is there", || client.try_wait().expect("a child").is_some());
    assert_eq!(session.home.runs("key"), 1);
    for client in &mut waiting {
        drop(client.kill());
        client.wait().expect("wait");
    }
}
