//! Sessions of a stand-in for an AI CLI, `tests/python/ai_cli.py`.

use super::{Home, tool};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

/// A session: a process of its own.
pub struct Session {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Session {
    /// A session that is about to run its helper; [`Session::read`] waits until it has.
    pub fn start(home: &Home, venv: &Path, url: &str, variables: &[(&str, &str)]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/ai_cli.py");
        let mut command = tool::python(home, venv, &["-S", script, url], variables);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python runs");
        let stdin = child.stdin.take().expect("stdin");
        let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        Self { child, stdin, lines }
    }

    /// Begins a request.
    pub fn go(&mut self) {
        self.stdin.write_all(b"go\n").expect("written");
    }

    /// What came of it.
    pub fn read(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("a line").expect("UTF-8")).expect("JSON")
    }

    /// A request and what came of it.
    pub fn request(&mut self) -> Value {
        self.go();
        self.read()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
