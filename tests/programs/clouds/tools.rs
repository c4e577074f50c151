//! Runs the tools and claviger on a machine.

use super::{
    cloud::{Cloud, Interpreter, Tool},
    machine::Machine,
};
use claviger_tests::text;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Found {
        /// The token, or all of a key.
        identity: String,
        /// Seconds since 1970.
        expires: Option<i64>,
    },
    Nothing {
        /// Why, in the program's words.
        why: String,
    },
}

/// Processes that have loaded the tools, so that a case does not wait for that.
pub(super) struct Workers {
    cloud: Cloud,
    authorities: PathBuf,
    running: BTreeMap<Interpreter, Worker>,
}

struct Worker {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

// === impl Outcome ===

impl Outcome {
    fn of(answer: &Value) -> Self {
        match (answer["identity"].as_str(), answer["error"].as_str()) {
            (Some(identity), None) => {
                Self::Found { identity: identity.to_owned(), expires: answer["expires"].as_i64() }
            }
            (_, why) => Self::Nothing { why: why.unwrap_or("it says nothing").to_owned() },
        }
    }

    /// For a column of the table.
    pub(super) fn short(&self) -> &str {
        match self {
            Outcome::Found { identity, .. } => identity.split(' ').next().unwrap_or_default(),
            Outcome::Nothing { .. } => "none",
        }
    }
}

// === impl Workers ===

impl Workers {
    pub(super) fn new(cloud: Cloud, authorities: PathBuf) -> Self {
        Self { cloud, authorities, running: BTreeMap::new() }
    }

    /// What `tool` makes of a machine.
    pub(super) fn ask(&mut self, tool: Tool, machine: &Machine) -> Outcome {
        let (cloud, authorities) = (self.cloud, &self.authorities);
        let worker = self
            .running
            .entry(tool.runs_in)
            .or_insert_with(|| Worker::start(tool.runs_in, &cloud.words(tool.runs_in), authorities));
        let mut environment = machine.variables.clone();
        environment.insert("HOME".to_owned(), machine.home.path("home").display().to_string());
        let question = json!({"tool": tool.word, "cwd": machine.home.path("work"), "env": environment});
        Outcome::of(&worker.ask(&question))
    }
}

// === impl Worker ===

impl Worker {
    fn start(interpreter: Interpreter, words: &[&str], authorities: &Path) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
        let (python, installed) =
            (tests.join("python/clouds.py"), |name| std::env::var_os(name).unwrap_or_default());
        let (program, script) = match interpreter {
            Interpreter::Venv => (PathBuf::from(installed("CLAVIGER_TEST_VENV")).join("bin/python"), python),
            Interpreter::System => ("/usr/bin/python3".into(), python),
            Interpreter::Node => ("node".into(), tests.join("npm/clouds.mjs")),
        };
        let mut command = Command::new(program);
        command.arg(script).args(words).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("CLAVIGER_TEST_NPM", installed("CLAVIGER_TEST_NPM"));
        command.env("NODE_EXTRA_CA_CERTS", authorities).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::null()).spawn().expect("the interpreter runs");
        let stdin = process.stdin.take().expect("stdin");
        let stdout = BufReader::new(process.stdout.take().expect("stdout"));
        Self { process, stdin, stdout }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.stdin, "{question}").expect("the worker listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the worker answers");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("JSON, not {line:?}, for {question}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What claviger makes of a machine; a problem is its JSON.
pub(super) fn claviger(cloud: Cloud, machine: &Machine) -> (Outcome, Value) {
    let _daemon = machine.home.daemon();
    let output = machine.home.run(&["get", "--json", "--show-secret"]);
    if !output.status.success() {
        let stderr = text(&output.stderr);
        let problem = stderr.find('{').and_then(|start| serde_json::from_str::<Value>(&stderr[start..]).ok());
        let problem = problem.map_or(json!(stderr), |problem| problem["error"].clone());
        let why = format!("{}: {}", problem["reason"], problem["message"]);
        return (Outcome::Nothing { why }, problem);
    }
    let lease: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let identity = match cloud {
        Cloud::Aws => {
            let parts = ["access_key_id", "secret_access_key", "session_token"];
            let part = |name: &str| lease["aws_keys"][name].as_str().unwrap_or_default().to_owned();
            parts.map(part).join(" ").trim_end().to_owned()
        }
        Cloud::Google | Cloud::Azure => lease["secret"].as_str().unwrap_or_default().to_owned(),
    };
    let expires = lease["expires_at"].as_str().and_then(|at| {
        let format = aws_smithy_types::date_time::Format::DateTime;
        aws_smithy_types::DateTime::from_str(at, format).ok().map(|at| at.secs())
    });
    (Outcome::Found { identity, expires }, lease)
}
