//! Metadata services in a black hole: packets go out and nothing comes back, as behind many a firewall. Every chain ends long
//! before its deadline, and says which variable to set.

use claviger_tests::{Daemon, Home, is_root, skipped, text};
use std::{path::Path, process::Command};

/// In a network namespace of its own everything that is not local is sent to the loopback device, which drops it.
const INTO_THE_VOID: &str = "ip link set lo up && ip route add default dev lo && exec \"$@\"";

fn daemon_in_the_void(home: &Home) -> Option<Daemon> {
    let works = Command::new("unshare").args(["--net", "sh", "-c", INTO_THE_VOID, "sh", "true"]).output();
    if !is_root() || !works.is_ok_and(|output| output.status.success()) {
        skipped("root, unshare and ip, to make a network namespace");
        return None;
    }
    Some(home.daemon_by(Path::new("/usr/bin/unshare"), &["--net", "sh", "-c", INTO_THE_VOID, "sh"]))
}

/// Nothing is configured, so every link of the chain is asked. The client gives up before the chain's own deadline.
fn ends_and_names(cloud: &[(&str, &str)], seconds: &str, variable: &str) {
    let mut home = Home::new();
    cloud.iter().for_each(|(name, value)| home.set(name, value));
    let Some(_daemon) = daemon_in_the_void(&home) else { return };
    let output = home.run(&["--timeout", seconds, "get"]);
    let stderr = text(&output.stderr);
    assert!(!output.status.success() && output.status.code() != Some(7), "{:?}: {stderr}", output.status);
    assert!(stderr.contains(variable), "{stderr}");
    // There is no login, and the doctor says what it costs to ask in vain.
    let expected = [("error", "login-required", ""), ("note", "metadata-unreachable", "")];
    let diagnosis = claviger_tests::doctor::expect(&home, &["--offline"], &expected);
    let fix = diagnosis["findings"][1]["fix"].as_str().expect("a command");
    assert!(fix.starts_with("export ") && fix.contains(variable), "{fix}");
}

#[test]
fn aws() {
    ends_and_names(&[("CLAUDE_CODE_USE_BEDROCK", "1")], "30", "AWS_EC2_METADATA_DISABLED");
}

#[test]
fn google() {
    let project = [("CLAUDE_CODE_USE_VERTEX", "1"), ("ANTHROPIC_VERTEX_PROJECT_ID", "p")];
    ends_and_names(&project, "20", "NO_GCE_CHECK");
}

#[test]
fn azure() {
    let resource = [("CLAUDE_CODE_USE_FOUNDRY", "1"), ("ANTHROPIC_FOUNDRY_RESOURCE", "r")];
    ends_and_names(&resource, "20", "AZURE_TOKEN_CREDENTIALS");
}
