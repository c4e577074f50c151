//! gRPC clients that are not ours: Python's grpcio, and `buf curl`. Both learn the API by reflection.

use claviger_tests::{CANARY, Home, skipped, text, wait};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const SERVICES: [&str; 5] = [
    "claviger.v1.ControlService",
    "claviger.v1.CredentialService",
    "claviger.v1.InspectService",
    "claviger.v1.TrustService",
    "grpc.health.v1.Health",
];

/// A home with a helper that prints another key each time.
fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

/// What `cargo xtask test` installed; `None`, and said so, without it.
fn installed(variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skipped(&format!("{what} (${variable}; `cargo xtask test` installs it)"));
    }
    path
}

/// A client that is kept from everything it has no need of.
fn foreign(home: &Home, program: &Path) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("HOME", home.path("foreign")).env("PATH", path).current_dir(home.path("work"));
    command
}

fn output(mut command: Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {} {}", text(&output.stderr), text(&output.stdout));
    text(&output.stdout)
}

#[test]
fn python_learns_the_api_by_reflection_and_sees_a_rotation() {
    let Some(venv) = installed("CLAVIGER_TEST_VENV", "Python with grpcio") else { return };
    let home = home();
    let _daemon = home.daemon();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/interop.py");
    let mut command = foreign(&home, &venv.join("bin/python"));
    command.arg(script).arg(home.socket()).arg(home.path("work")).arg(home.path("home"));
    command.arg(claviger::cookie::path(&home.socket()));
    let seen: Value = serde_json::from_str(&output(command)).expect("JSON");
    let services = seen["services"].as_array().expect("a list");
    assert!(SERVICES.iter().all(|service| services.contains(&json!(service))), "{services:?}");
    assert_eq!(seen["explain"]["winner"], "api-key-helper");
    assert!(!seen["explain"].to_string().contains(CANARY) && !seen["status"].to_string().contains(CANARY));
    assert_eq!(seen["credential"]["lease"]["secret"]["value"], "sk-canary-key-1");
    let rotation = seen["rotation"].as_array().expect("a list");
    let of = |index: usize| (&rotation[index]["reason"], &rotation[index]["lease"]["secret"]["value"]);
    assert_eq!(of(0), (&json!("REASON_INITIAL"), &json!("sk-canary-key-1")));
    assert_eq!(of(1), (&json!("REASON_REFRESHED"), &json!("sk-canary-key-2")));
    assert_eq!(seen["status"]["entries"][0]["generation"], "2");
    assert_eq!((&seen["health"], &seen["refusal"]), (&json!(1), &json!("INVALID_ARGUMENT")));
    assert_eq!(home.runs("key"), 2);
}

/// `buf curl` on the daemon's socket.
struct Buf {
    program: PathBuf,
    session: String,
}

impl Buf {
    fn curl(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = foreign(home, &self.program);
        command.args(["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--unix-socket"]);
        command
            .arg(home.socket())
            .arg("--header")
            .arg(format!("claviger-cookie: {}", home.cookie()))
            .args(arguments);
        command
    }

    fn call(&self, home: &Home, method: &str, data: &str) -> Value {
        let url = format!("http://localhost/claviger.v1.{method}");
        serde_json::from_str(&output(self.curl(home, &["--data", data, &url]))).expect("JSON")
    }
}

/// A process group that ends with this value: npm's `buf` is a script that starts the real one.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It fails when the group has ended already.
        let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
        drop(self.0.wait());
    }
}

#[test]
fn buf_curl_lists_calls_and_follows() {
    let Some(npm) = installed("CLAVIGER_TEST_NPM", "buf") else { return };
    let program = npm.join("node_modules/.bin/buf");
    let home = home();
    let _daemon = home.daemon();
    let variables = json!({ "HOME": home.path("home"), "PATH": "/usr/bin:/bin" });
    let session = json!({ "session": { "workingDirectory": home.path("work"), "variables": variables } });
    let buf = Buf { program, session: session.to_string() };

    for reflection in ["grpc-v1", "grpc-v1alpha"] {
        let arguments = ["--list-methods", "--reflect-protocol", reflection, "http://localhost"];
        let methods = output(buf.curl(&home, &arguments));
        for service in SERVICES {
            assert!(methods.contains(&format!("{service}/")), "{reflection}: no {service} in {methods}");
        }
    }
    let explained = buf.call(&home, "InspectService/Explain", &buf.session);
    assert_eq!(explained["winner"], "api-key-helper");
    let lent = buf.call(&home, "CredentialService/GetCredential", &buf.session);
    assert_eq!(lent["lease"]["secret"]["value"], "sk-canary-key-1");
    let status = buf.call(&home, "InspectService/GetStatus", "{}");
    assert_eq!(status["entries"][0]["generation"], "1");
    assert!(!format!("{explained} {status}").contains(CANARY));

    let url = "http://localhost/claviger.v1.CredentialService/WatchCredential";
    let mut watch = buf.curl(&home, &["--data", &buf.session, url]);
    let mut watch =
        Ends(watch.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("buf runs"));
    let mut lines = BufReader::new(watch.0.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let mut until = |word: &str| lines.by_ref().find(|line| line.contains(word)).expect(word);
    until("sk-canary-key-1");
    let refreshed = buf.call(&home, "InspectService/Refresh", &buf.session);
    assert_eq!(refreshed["entry"]["generation"], "2");
    until("sk-canary-key-2");
    until("REASON_REFRESHED");
    drop(watch);
    wait::until("the stream is forgotten", || home.status()["watchers"] == 0);
}

#[test]
fn buf_shows_a_refusal_with_its_reason() {
    let Some(npm) = installed("CLAVIGER_TEST_NPM", "buf") else { return };
    let program = npm.join("node_modules/.bin/buf");
    let home = home();
    let _daemon = home.daemon();
    let buf = Buf { program, session: "{\"session\": {\"workingDirectory\": \"work\"}}".into() };
    let url = "http://localhost/claviger.v1.CredentialService/GetCredential";
    let refused = buf.curl(&home, &["--data", &buf.session, url]).output().expect("it runs");
    let said = text(&refused.stderr);
    assert!(!refused.status.success());
    assert!(said.contains("invalid_argument") && said.contains("google.rpc.ErrorInfo"), "{said}");
    assert_eq!(home.runs("key"), 0);
}
