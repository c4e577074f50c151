//! Handing the credential on: to a command, a shell, a pipe; and what of it stays with the session.

use claviger_tests::{
    CANARY, Home,
    aws::{instant, printed},
    block_on,
    issuer::Issuer,
    text,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

fn working() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

#[test]
fn a_command_gets_the_credential_and_nothing_that_contradicts_it() {
    let mut home = working();
    let _daemon = home.daemon();
    home.user_settings(
        &home.counting_helper("key", 0.0),
        &[
            ("ANTHROPIC_BASE_URL", "https://gw.example"),
            ("ANTHROPIC_CUSTOM_HEADERS", "X-A: 1\nX-B: 2"),
            ("API_TIMEOUT_MS", "5000"),
        ],
    );
    for leftover in ["CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR", "ANTHROPIC_BASE_URL"] {
        home.set(leftover, "leftover");
    }
    let seen = home.ok(&["exec", "env"]);
    for line in [
        "ANTHROPIC_API_KEY=sk-canary-key-1",
        "ANTHROPIC_BASE_URL=https://gw.example",
        "ANTHROPIC_CUSTOM_HEADERS=X-A: 1",
        "X-B: 2",
        "API_TIMEOUT_MS=5000",
    ] {
        assert!(seen.lines().any(|found| found == line), "no {line} in {seen}");
    }
    assert!(!seen.contains("leftover") && !seen.contains("CLAVIGER_"), "{seen}");
}

#[test]
fn a_descriptor_keeps_the_key_out_of_the_environment() {
    let home = working();
    let _daemon = home.daemon();
    let script = "tr '\\0' '\\n' < /proc/self/environ | grep -c canary; tr '\\0' '\\n' < /proc/self/cmdline | grep -c sk-
        cat /dev/fd/$CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR";
    assert_eq!(home.ok(&["exec", "--fd", "--", "sh", "-c", script]), "0\n0\nsk-canary-key-1");
    let bearer = r#"{"env": {"ANTHROPIC_AUTH_TOKEN": "sk-canary-b"}}"#;
    let stderr = home.fails(2, &["--settings", bearer, "exec", "--fd", "true"]);
    assert!(stderr.contains("not an API key") && !stderr.contains(CANARY), "{stderr}");
}

#[test]
fn the_command_replaces_the_client() {
    let home = working();
    let _daemon = home.daemon();
    assert_eq!(home.run(&["exec", "--", "sh", "-c", "exit 42"]).status.code(), Some(42));
    assert_eq!(home.run(&["exec", "--", "sh", "-c", "kill -TERM $$"]).status.signal(), Some(15));
    assert_eq!(home.ok(&["exec", "echo", "--json", "-q", "--"]), "--json -q --\n");
    home.fails(127, &["exec", "no-such-command"]);
    home.fails(127, &["exec", "/no/such/command"]);
    home.fails(126, &["exec", "/etc/passwd"]);
    home.fails(126, &["exec", "/etc"]);
    home.fails(3, &["--bare", "exec", "true"]);
    let child = home.claviger(&["exec", "sh", "-c", "echo $$"]).stdout(Stdio::piped()).spawn().expect("runs");
    let pid = child.id();
    assert_eq!(text(&child.wait_with_output().expect("output").stdout), format!("{pid}\n"));
}

#[test]
fn a_command_has_the_core_limit_and_signals_of_its_caller() {
    let home = working();
    let _daemon = home.daemon();
    let script = "ulimit -c; grep -E 'SigIgn|SigBlk' /proc/self/status";
    let direct = Command::new("sh").args(["-c", script]).output().expect("sh runs");
    assert_eq!(home.ok(&["exec", "sh", "-c", script]), text(&direct.stdout));
}

#[test]
fn shell_lines_can_be_evaluated_whatever_the_secret() {
    let mut home = Home::new();
    let nasty = "sk-canary-'\"$(id>pwned)`id>pwned`\\\\';&|*";
    home.write("nasty", nasty);
    home.user_settings(&home.script("key.sh", &format!("cat '{}'", home.path("nasty").display())), &[]);
    let _daemon = home.daemon();
    home.set("ANTHROPIC_AUTH_TOKEN", "");
    // The token would win over the key.
    let shows = "printf '%s' \"$ANTHROPIC_API_KEY$ANTHROPIC_AUTH_TOKEN\"";
    for (program, shell, reads) in [
        ("sh", "bash", "."),
        ("bash", "bash", "."),
        ("zsh", "zsh", "."),
        ("fish", "fish", "source"),
        ("pwsh", "powershell", "."),
        ("nu", "nu", "source"),
    ] {
        let lines = home.write(&format!("lines.{program}"), &home.ok(&["env", "--shell", shell]));
        let shows = match program {
            "pwsh" => "[Console]::Write(\"$env:ANTHROPIC_API_KEY$env:ANTHROPIC_AUTH_TOKEN\")",
            "nu" => "print -n $env.ANTHROPIC_API_KEY ($env.ANTHROPIC_AUTH_TOKEN? | default '')",
            _ => shows,
        };
        let mut command = Command::new(program);
        command.args(["-c", &format!("{reads} {}; {shows}", lines.display())]);
        command.env("HOME", home.path("home")).env("ANTHROPIC_AUTH_TOKEN", "it wins");
        match command.current_dir(home.path("work")).output() {
            Ok(output) => assert_eq!(text(&output.stdout), nasty, "{program}: {}", text(&output.stderr)),
            // The project's tests install no PowerShell and no Nushell: their quotes are tested beside the code.
            Err(_) if matches!(program, "pwsh" | "nu") => {}
            Err(_) => claviger_tests::skipped(program),
        }
        assert!(!home.path("work/pwned").exists(), "{program}");
    }
    // Without --shell, it is that of $SHELL.
    home.set("SHELL", "/usr/bin/fish");
    assert!(home.ok(&["env"]).contains("set -e ANTHROPIC_AUTH_TOKEN\n"));
}

#[test]
fn secrets_of_the_session_are_filled_in_by_the_client_and_never_reach_the_daemon() {
    let mut home = Home::new();
    let daemon = home.daemon();
    home.set("ANTHROPIC_API_KEY", "sk-canary-own");
    home.set("ANTHROPIC_CUSTOM_HEADERS", "X-Gateway: sk-canary-header\nX-B: 2");
    assert_eq!(home.ok(&["token"]), "sk-canary-own\n");
    assert_eq!(
        home.ok(&["get", "--headers"]),
        "x-api-key: sk-canary-own\nX-Gateway: sk-canary-header\nX-B: 2\n"
    );
    assert!(!home.ok(&["get"]).contains(CANARY));
    let seen = home.ok(&["exec", "env"]);
    assert!(
        seen.contains("ANTHROPIC_API_KEY=sk-canary-own\n") && seen.contains("X-Gateway: sk-canary-header\n")
    );
    // Root may look even into a process that hides: no page of the daemon has the secret.
    if claviger_tests::is_root() {
        assert!(!memory_has(daemon.pid(), b"sk-canary-"), "the daemon has seen a secret of the session");
    }
    home.set("ANTHROPIC_AUTH_TOKEN", "sk-canary-token");
    assert_eq!(home.ok(&["token"]), "sk-canary-token\n");
    home.set("ANTHROPIC_CUSTOM_HEADERS", "X-A: 1\nsk-canary-broken");
    let stderr = home.fails(2, &["get", "--headers"]);
    assert!(stderr.contains("line 2") && !stderr.contains(CANARY), "{stderr}");
    assert_eq!(home.ok(&["token"]), "sk-canary-token\n");
}

/// Whether readable, writable memory of a process has `wanted`.
fn memory_has(pid: u32, wanted: &[u8]) -> bool {
    use std::os::unix::fs::FileExt as _;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("root reads memory");
    let ranges = maps.lines().filter(|line| line.contains(" rw")).filter_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    });
    let mut checked = 0;
    let found = ranges.into_iter().any(|(start, end)| {
        let mut page = vec![0; usize::try_from(end - start).expect("a size")];
        match memory.read_exact_at(&mut page, start) {
            Ok(()) => {
                checked += page.len();
                page.windows(wanted.len()).any(|window| window == wanted)
            }
            Err(_) => false,
        }
    });
    assert!(checked > 100_000, "only {checked} bytes could be read");
    found
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let home = working();
    let _daemon = home.daemon();
    for verb in ["token", "get", "explain", "status", "get --watch"] {
        let mut command = home.claviger(&verb.split(' ').collect::<Vec<_>>());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs");
        drop(child.stdout.take());
        if verb == "get --watch" {
            // It notices at its next event.
            claviger_tests::wait::until("the watch ends", || {
                home.ok(&["refresh"]);
                child.try_wait().expect("wait").is_some()
            });
        }
        let output = child.wait_with_output().expect("output");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{verb}");
    }
    let full = fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let output = home.claviger(&["token"]).stdout(full).stderr(Stdio::piped()).output().expect("runs");
    assert_eq!(output.status.code(), Some(1), "a full disk is one");
    assert!(text(&output.stderr).contains("stdout"), "{}", text(&output.stderr));
}

#[test]
fn a_closed_stderr_breaks_nothing() {
    let home = working();
    let _daemon = home.daemon();
    let line = format!("exec {} \"$@\" 2>&- <&-", claviger_tests::binary("claviger").display());
    let mut shell = Command::new("sh");
    shell.env_clear().env("HOME", home.path("home")).env("XDG_RUNTIME_DIR", home.path("run"));
    let output =
        shell.current_dir(home.path("work")).args(["-c", &line, "sh", "token"]).output().expect("sh runs");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "sk-canary-key-1\n"));
}

#[test]
fn a_slow_helper_is_announced_after_ten_seconds() {
    let home = Home::new();
    let (go, helper) = (home.path("go"), home.counting_helper("key", 0.0));
    let held = format!("until [ -e '{}' ]; do sleep 0.05; done; exec '{}'", go.display(), helper.display());
    home.user_settings(&home.script("held.sh", &held), &[]);
    let _daemon = home.daemon();
    let spawn = |arguments: &[&str]| {
        let mut command = home.claviger(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
    };
    let start = Instant::now();
    let (mut talking, quiet) = (spawn(&["token"]), spawn(&["--quiet", "token"]));
    let mut stderr = talking.stderr.take().expect("stderr");
    let mut first = [0; 1];
    stderr.read_exact(&mut first).expect("a notice");
    let noticed = start.elapsed();
    assert!(noticed >= Duration::from_millis(9900), "{noticed:?}");
    home.write("go", "");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    assert!(rest.contains("api-key-helper") && rest.contains("settings.json:2"), "{rest}");
    assert_eq!(text(&talking.wait_with_output().expect("output").stdout), "sk-canary-key-1\n");
    let quiet = quiet.wait_with_output().expect("output");
    assert_eq!((text(&quiet.stdout).as_str(), text(&quiet.stderr).as_str()), ("sk-canary-key-1\n", ""));
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn what_is_kept_by_a_command_or_a_shell_says_when_it_expires() {
    let mut cloud = Home::new();
    cloud.set("CLAUDE_CODE_USE_BEDROCK", "1");
    let expiry = instant(1200);
    let export = cloud.script("export.sh", &format!("echo '{}'", printed("AKIAKEPT", Some(&expiry))));
    cloud.write("home/.claude/settings.json", &json!({"awsCredentialExport": export}).to_string());
    let _daemon = cloud.daemon();
    let stderr = |home: &Home, arguments: &[&str]| text(&home.run(arguments).stderr);
    for verb in [&["exec", "true"][..], &["env"]] {
        let told = stderr(&cloud, verb);
        let seconds =
            |text: &str| text.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned();
        assert!(told.contains(&format!("expires at {}", seconds(&expiry))), "{told}");
        assert!(told.contains("programs that run with it do not get a new one"), "{told}");
        assert_eq!(stderr(&cloud, &[&["--quiet"], verb].concat()), "");
    }
    // Neither what asks for each, nor a key of which only the age is known.
    assert_eq!(stderr(&cloud, &["aws"]), "");
    let home = working();
    let _daemon = home.daemon();
    assert_eq!(stderr(&home, &["exec", "true"]), "");
    assert_eq!(stderr(&home, &["env"]), "");
}

#[test]
fn a_login_that_is_kept_by_a_command_says_when_it_expires() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    block_on(issuer.sign_in(&home)).expect("signed in");
    let lease: Value = serde_json::from_str(&home.ok(&["--json", "get"])).expect("JSON");
    let expiry = lease["expires_at"].as_str().expect("it expires");
    let told = text(&home.run(&["exec", "true"]).stderr);
    assert!(told.contains(&format!("expires at {}", &expiry[..19])), "{told} {expiry}");
}
