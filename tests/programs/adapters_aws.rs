//! Unmodified boto3 and AWS CLI that get their keys from `claviger aws`.

use claviger_tests::{
    CANARY, Home, binary,
    stand_in::{Response, StandIn},
    text, tool, wait,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

/// A home whose default profile runs `claviger aws`, which asks the profile `work`. That runs a script: it counts its runs
/// and prints keys that are named after them and live until `expiration` (an argument of `date`).
fn home(seconds: f32, expiration: &str) -> Home {
    let mut home = Home::new();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    // Without a locale Python picks one and hands it on: then its sessions would differ from those of the shell.
    home.set("LANG", "C.UTF-8");
    let runs = home.path("source.runs");
    let body = format!(
        "echo run >> '{runs}'; n=$(wc -l < '{runs}'); sleep {seconds}\n\
         printf '{{\"Version\": 1, \"AccessKeyId\": \"AKIA%s\", \"SecretAccessKey\": \"{CANARY}s\", \
         \"SessionToken\": \"{CANARY}t\", \"Expiration\": \"%s\"}}' \"$n\" \"$(date -u -d '{expiration}' +%Y-%m-%dT%H:%M:%SZ)\"",
        runs = runs.display()
    );
    let (source, claviger) = (home.script("source.sh", &body), binary("claviger"));
    let config = format!(
        "[default]\nregion = eu-west-1\ncredential_process = {} aws --profile work\n\n[profile work]\ncredential_process = {}\n",
        claviger.display(),
        source.display()
    );
    home.write("home/.aws/config", &config);
    home
}

/// boto3 in a process that is told when to look.
struct Boto3 {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Boto3 {
    /// As many sessions, ready to ask.
    fn start(home: &Home, venv: &Path, sessions: &str) -> Self {
        let mut command = tool::python(home, venv, &[&tool::adapters(), "boto3", sessions], &[]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python runs");
        let stdin = child.stdin.take().expect("stdin");
        let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut boto3 = Self { child, stdin, lines };
        assert_eq!(boto3.read(), "ready");
        boto3
    }

    fn ask(&mut self) {
        self.stdin.write_all(b"go\n").expect("written");
    }

    fn read(&mut self) -> Value {
        let line = self.lines.next().expect("a line").expect("UTF-8");
        serde_json::from_str(&line).expect("JSON")
    }

    fn keys(&mut self) -> Value {
        self.ask();
        self.read()
    }
}

impl Drop for Boto3 {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn many_at_once_cause_one_run_of_the_source() {
    let Some(venv) = tool::venv("boto3") else { return };
    let home = home(1.0, "2099-01-01");
    let _daemon = home.daemon();
    let mut boto3 = Boto3::start(&home, &venv, "5");
    boto3.ask();
    let outputs = home.herd(50, &["aws", "--profile", "work"]);
    for output in outputs {
        let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&printed["AccessKeyId"], &printed["Version"]), (&json!("AKIA1"), &json!(1)));
        assert_eq!(printed["Expiration"], "2099-01-01T00:00:00Z");
    }
    assert_eq!(boto3.read(), json!(["AKIA1", "AKIA1", "AKIA1", "AKIA1", "AKIA1"]));
    assert_eq!(home.runs("source"), 1);
}

/// Fifty sessions of boto3 ask each time, for what is left is less than it wants. The keys are replaced while they do: on
/// request, and once more at most, for a session that asks again at once may have been turned away with them.
#[test]
fn fifty_at_once_see_a_rotation_with_one_run_each() {
    let Some(venv) = tool::venv("boto3") else { return };
    let _turn = claviger_tests::turn::take();
    let home = home(1.0, "300 seconds");
    let _daemon = home.daemon();
    let mut boto3 = Boto3::start(&home, &venv, "50");
    boto3.keys();
    let before = home.runs("source");
    boto3.ask();
    let mut refresh = home.claviger(&["refresh"]);
    refresh.env("CLAUDE_CODE_USE_BEDROCK", "1").env("AWS_PROFILE", "work");
    assert!(refresh.output().expect("claviger runs").status.success());
    assert_eq!(boto3.read().as_array().map(Vec::len), Some(50));
    wait::until("all have the newest keys", || {
        boto3.keys() == Value::from(vec![format!("AKIA{}", home.runs("source")); 50])
    });
    assert!((1..=2).contains(&before) && (2..=3).contains(&home.runs("source")), "{before}");
}

/// Whatever is left of five seconds is less than what boto3 wants (ten minutes): it asks again each time, and takes it.
#[test]
fn boto3_sees_the_rotation() {
    let Some(venv) = tool::venv("boto3") else { return };
    let home = home(0.0, "5 seconds");
    let _daemon = home.daemon();
    let mut boto3 = Boto3::start(&home, &venv, "1");
    assert_eq!(boto3.keys(), json!(["AKIA1"]));
    assert_eq!(boto3.keys(), json!(["AKIA1"]), "it is cached, however often boto3 asks");
    let mut seen = BTreeSet::new();
    wait::until("boto3 has seen three generations", || {
        seen.insert(boto3.keys().to_string());
        seen.len() >= 3
    });
    assert!(home.runs("source") < 10, "{} runs", home.runs("source"));
}

#[test]
fn the_aws_cli_signs_with_the_keys() {
    let Some(venv) = tool::venv("awscli") else { return };
    let answer = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let service = StandIn::start(move |_| Response::new(200, answer).header("content-type", "text/xml"));
    let home = home(0.0, "2099-01-01");
    let _daemon = home.daemon();
    let arguments = ["-m", "awscli", "sts", "get-caller-identity", "--output", "json"];
    let told = tool::json(tool::python(&home, &venv, &arguments, &[("AWS_ENDPOINT_URL_STS", &service.url)]));
    assert_eq!(told["Account"], "123456789012");
    let requests = service.requests();
    let request = requests.first().expect("a request");
    assert!(request.header("authorization").contains("Credential=AKIA1/"), "{request:?}");
    assert_eq!(request.header("x-amz-security-token"), format!("{CANARY}t"));
    assert_eq!(home.runs("source"), 1);
}

#[test]
fn a_shell_and_a_command_get_the_keys_too() {
    let Some(venv) = tool::venv("boto3") else { return };
    let mut home = home(0.0, "2099-01-01");
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home.set("AWS_PROFILE", "work");
    let _daemon = home.daemon();
    let python = venv.join("bin/python");
    let script = "import boto3; s = boto3.Session(); k = s.get_credentials(); print(k.method, k.access_key, s.profile_name)";
    let ours = ["exec", "--", python.to_str().expect("UTF-8"), "-c", script];
    assert_eq!(home.ok(&ours), "env AKIA1 default\n", "the profile is gone, its keys are there");
    let lines = home.write("lines", &home.ok(&["aws", "--format", "env"]));
    let mut shell = std::process::Command::new("sh");
    let evaluated =
        shell.args(["-c", &format!(". {}; echo $AWS_ACCESS_KEY_ID:$AWS_PROFILE", lines.display())]);
    assert_eq!(text(&evaluated.env("AWS_PROFILE", "work").output().expect("sh runs").stdout), "AKIA1:\n");
    assert_eq!(home.runs("source"), 1);
}
