//! An open `claviger get --watch`, and when each of its lines arrived.

use super::{Home, wait::BOUND};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

/// A running `claviger get --watch --json`; ends with this value.
pub struct Watch {
    child: Child,
    lines: Receiver<(Instant, Value)>,
}

impl Watch {
    /// Starts watching for the session that `options` describe.
    pub fn start(home: &Home, options: &[&str]) -> Self {
        let mut command = home.claviger(options);
        command
            .args(["--json", "get", "--watch", "--show-secret"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("claviger runs");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("a line of JSON");
                if sender.send((Instant::now(), event)).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The first event from here on that `fits`, and when it arrived.
    #[track_caller]
    pub fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> (Instant, Value) {
        let end = Instant::now() + BOUND;
        let mut seen = Vec::new();
        while let Ok((at, event)) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if fits(&event) {
                return (at, event);
            }
            seen.push(event);
        }
        panic!("no event {what}, only {seen:?}");
    }

    /// Waits for the credential `secret`, and says when it arrived.
    #[track_caller]
    pub fn issued(&self, secret: &str) -> Instant {
        self.until(secret, |event| event["event"] == "issued" && event["lease"]["secret"] == secret).0
    }

    /// Waits for a problem with `reason`, told as event `kind`, and says when it arrived.
    #[track_caller]
    pub fn told(&self, kind: &str, reason: &str) -> Instant {
        self.until(reason, |event| event["event"] == kind && event["problem"]["reason"] == reason).0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
