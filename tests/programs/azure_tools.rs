//! `az` on a person's machine: many sessions at once, and failures that are no sign-in.

use claviger_tests::{
    foundry::{Foundry, assert_problem, az, azd},
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
        let told = ["not logged in", "hint: sign in", "az ended with exit code 1"];
        assert_eq!(
            told.map(|words| stderr.contains(words)),
            [signed_out, signed_out, !signed_out],
            "{stderr}"
        );
    }
}

/// What `az` before 2.54 prints, as Debian 12 has it: Python's local time, whose zone nothing says.
fn old_az(seconds: u64) -> String {
    let python = format!(
        "import datetime; print(datetime.datetime.fromtimestamp({seconds}).strftime('%Y-%m-%d %H:%M:%S.%f'))"
    );
    format!(
        "at=$(python3 -c \"{python}\")\n\
         printf '{{\"accessToken\": \"sk-canary-old\", \"expiresOn\": \"%s\", \"tenant\": \"t-1\", \"tokenType\": \"Bearer\"}}' \"$at\""
    )
}

#[test]
fn an_az_that_prints_local_time_only_is_read_in_its_own_zone() {
    let mut foundry = Foundry::new();
    let _daemon = foundry.home.daemon();
    let zones = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        ":Asia/Tokyo",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+0330>-3:30",
        "",
        "Nowhere/At_All",
    ];
    // In winter, in summer, and in the first of two equal hours of Berlin.
    let times = [
        (2_000_000_000, "2033-05-18T03:33:20Z"),
        (1_988_150_400, "2033-01-01T00:00:00Z"),
        (2_014_244_100, "2033-10-30T00:15:00Z"),
    ];
    for (at, zone) in zones.into_iter().enumerate() {
        for (seconds, expected) in times {
            foundry.shim("az", &old_az(seconds));
            foundry.set("USER", &format!("C.{at}-{seconds}"));
            foundry.set("TZ", zone);
            let lease = foundry.lease();
            assert_eq!(lease["expires_at"], expected, "{zone}");
        }
    }
    assert_eq!(foundry.facts().account, "t-1");
}

#[test]
fn az_reaches_the_service_of_its_managed_identity_and_sees_no_other_secret() {
    let mut foundry = Foundry::new();
    foundry.set("AZURE_TOKEN_CREDENTIALS", "dev");
    let values = [
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:9/id"),
        ("IDENTITY_HEADER", "sk-canary-header"),
        ("MSI_ENDPOINT", "http://127.0.0.1:9/msi"),
        ("MSI_SECRET", "sk-canary-msi"),
    ];
    for (name, value) in values {
        foundry.set(name, value);
    }
    foundry.set("AZURE_CLIENT_SECRET", "sk-canary-client");
    let seen = foundry.home.path("seen");
    let note = format!("env > {}", seen.display());
    let _daemon = foundry.home.daemon();
    for (tool, body) in [("az", az("sk-canary-az")), ("azd", azd("sk-canary-azd"))] {
        foundry.shim(tool, &format!("{note}\n{body}"));
        foundry.set("USER", tool);
        assert_eq!(foundry.token(), format!("sk-canary-{tool}"));
        let environment = foundry.home.read("seen");
        for (name, value) in values {
            assert!(environment.lines().any(|line| line == format!("{name}={value}")), "{tool}: {name}");
        }
        assert!(!environment.contains("sk-canary-client"), "{tool}");
        fs::remove_file(foundry.home.path(format!("bin/{tool}"))).expect("removed");
        // What a test's home is searched for at its end.
        fs::remove_file(&seen).expect("removed");
    }
}

#[test]
fn hostile_output_of_a_tool_is_no_token() {
    let mut foundry = Foundry::new();
    foundry.set("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential");
    let _daemon = foundry.home.daemon();
    for (at, body) in [
        "printf '{\"accessToken\":\"sk-canary-x\",\"expires_on\":20'",
        "printf '\\377\\376{\\0\"\\0'",
        "printf '{\"accessToken\":\"sk-canary-\\0x\",\"expires_on\":2000000000}'",
        "printf '{\"accessToken\":[\"sk-canary-x\"],\"expires_on\":2000000000}'",
        "printf '{\"accessToken\":\"sk-canary-x\",\"expires_on\":true,\"expiresOn\":7}'",
        "head -c 5000 /dev/zero | tr '\\0' '['",
        "head -c 200000 /dev/zero | tr '\\0' ' '",
    ]
    .into_iter()
    .enumerate()
    {
        foundry.shim("az", body);
        foundry.set("USER", &format!("C.{at}"));
        assert_problem(&foundry.problem(), "command-output-invalid", "az printed no token with its expiry");
    }
}
