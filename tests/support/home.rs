//! A home of its own for every test: real files, real binaries, nothing of the machine's user.
//!
//! Whatever a test leaves behind is scanned for canary secrets when the home is dropped.

use super::{CANARY, Daemon, binary, is_root, schema, settings, skipped, text};
use claviger::session::SessionContext;
use std::{
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

/// The state directory.
const STATE: &str = "home/.local/state/claviger";

/// A home with everything below one temporary directory.
pub struct Home {
    root: TempDir,
    env: Vec<(String, String)>,
    user: Option<u32>,
}

impl Home {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("claviger-").tempdir().expect("temporary directory");
        let home = Self { root, env: Vec::new(), user: None };
        for directory in ["home/.claude", "home/.config/claviger", "run", "work"] {
            fs::create_dir_all(home.path(directory)).expect("directory");
        }
        fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o700)).expect("mode");
        home
    }

    /// A home that belongs to `uid`, whom everything started from it runs as. Needs root.
    pub fn of(uid: u32) -> Self {
        let mut home = Self::new();
        home.user = Some(uid);
        let mut chown = Command::new("chown");
        let status = chown.arg("-R").arg(uid.to_string()).arg(home.path("")).status().expect("chown runs");
        assert!(status.success());
        home
    }

    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(below)
    }

    pub fn write(&self, below: &str, text: &str) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::write(&path, text).expect("file");
        path
    }

    /// Replaces a file as editors do: a new one, renamed over the old.
    pub fn replace(&self, below: &str, text: &str) {
        let fresh = self.write(&format!("{below}.new"), text);
        fs::rename(fresh, self.path(below)).expect("rename");
    }

    pub fn read(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap_or_default()
    }

    /// An executable script.
    pub fn script(&self, below: &str, body: &str) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        install(&path, format!("#!/bin/sh\n{body}\n").as_bytes());
        path
    }

    /// A helper that notes each run as a line of `runs` and prints a fresh canary.
    pub fn counting_helper(&self, name: &str, seconds: f32) -> PathBuf {
        let runs = self.path(format!("{name}.runs"));
        let body = format!(
            "echo run >> '{runs}'\nsleep {seconds}\necho {CANARY}{name}-$(wc -l < '{runs}')",
            runs = runs.display()
        );
        self.script(&format!("{name}.sh"), &body)
    }

    /// How often a counting helper ran.
    pub fn runs(&self, name: &str) -> usize {
        self.read(&format!("{name}.runs")).lines().count()
    }

    /// `~/.claude/settings.json` with `helper` as apiKeyHelper and `env` as its env block.
    pub fn user_settings(&self, helper: &Path, env: &[(&str, &str)]) {
        self.replace("home/.claude/settings.json", &settings(helper, env));
    }

    /// Adds a variable to everything started from here on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.into(), value.into()));
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/claviger/claviger.sock")
    }

    /// What near callers send.
    pub fn cookie(&self) -> String {
        fs::read_to_string(claviger::cookie::path(&self.socket())).expect("a cookie").trim_end().to_owned()
    }

    /// A program of a session in this home.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.path("work")).stdin(Stdio::null());
        command.env("HOME", self.path("home")).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("XDG_RUNTIME_DIR", self.path("run")).env("USER", "tester");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(uid) = self.user {
            command.uid(uid).gid(uid);
        }
        command
    }

    /// The session of whatever is started here, for the client library.
    pub fn session(&self) -> SessionContext {
        let command = self.command(Path::new("/bin/true"));
        let variables = command.get_envs().filter_map(|(name, value)| Some((name.into(), value?.into())));
        SessionContext::new(self.path("work"), variables).expect("a session")
    }

    pub fn claviger(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&binary("claviger"));
        command.args(arguments);
        command
    }

    /// Runs the client to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.claviger(arguments).output().expect("claviger runs");
        schema::check(arguments, &output);
        output
    }

    /// Runs the client and returns its stdout, which must be a success.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "claviger {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Trusts what the workspace of `session` asks for, as a script does: by the digest of what it has seen.
    pub fn grant(&self, session: &[&str]) {
        self.ok(&[session, &["trust", "grant", "--digest", &self.digest(session)]].concat());
    }

    /// The digest of what the workspace of `session` asks for.
    pub fn digest(&self, session: &[&str]) -> String {
        let seen = self.ok(&[session, &["trust", "show", "--json"]].concat());
        let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
        seen["digest"].as_str().expect("a digest").to_owned()
    }

    /// Runs the client, which must end with `code`, and returns its stderr.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "claviger {arguments:?}: {stderr}");
        assert_eq!(text(&output.stdout), "", "stdout is for data");
        stderr
    }

    /// A daemon in the foreground, logging everything to `daemon.log`.
    pub fn daemon(&self) -> Daemon {
        Daemon::start(self.command(&binary("clavigerd")), &self.path("daemon.log"), &self.socket())
    }

    /// A daemon that `program` runs: its path and arguments follow `arguments`.
    pub fn daemon_by(&self, program: &Path, arguments: &[&str]) -> Daemon {
        let mut command = self.command(program);
        command.args(arguments).arg(binary("clavigerd"));
        Daemon::start(command, &self.path("daemon.log"), &self.socket())
    }

    /// A daemon from a copy of its program, which can be replaced.
    pub fn daemon_copy(&self) -> Daemon {
        self.replace_daemon(b"");
        self.daemon_of_copy()
    }

    /// The same from the copies that are there.
    pub fn daemon_of_copy(&self) -> Daemon {
        let program = self.path("bin/clavigerd");
        Daemon::start(self.command(&program), &self.path("daemon.log"), &self.socket())
    }

    /// Puts another file in the place of that copy, as installers do. Programs do not mind what is `appended`.
    pub fn replace_daemon(&self, appended: &[u8]) {
        fs::create_dir_all(self.path("bin")).expect("directory");
        // As installers do: those that the daemon runs come first.
        for name in ["clavigerd-fetch", "clavigerd-gate", "clavigerd"] {
            self.replace_program(
                name,
                &[fs::read(binary(name)).expect("read").as_slice(), appended].concat(),
            );
        }
    }

    /// Copies one of our programs to `to`, a path in this home, as another installation has it.
    pub fn copy_program(&self, name: &str, to: &str) {
        install(&self.path(to), &fs::read(binary(name)).expect("the program"));
    }

    /// Puts `content` in the place of one of those programs.
    pub fn replace_program(&self, name: &str, content: &[u8]) {
        let fresh = self.path(format!("bin/{name}.new"));
        install(&fresh, content);
        fs::rename(fresh, self.path(format!("bin/{name}"))).expect("rename");
    }

    /// The daemon of another machine that shares this home: it sees the same state, but not the seat of this machine. It
    /// listens on `socket`. `None` without root, who can make it so.
    pub fn other_machine(&self, socket: &str) -> Option<Daemon> {
        if !is_root() {
            skipped("root");
            return None;
        }
        let seat = self.seat();
        fs::create_dir_all(&seat).expect("directory");
        fs::set_permissions(self.path(STATE), fs::Permissions::from_mode(0o700)).expect("mode");
        let mut command = self.command(Path::new("/usr/bin/unshare"));
        command.args(["--mount", "sh", "-c", "mount -t tmpfs -o mode=700 tmpfs \"$0\" && exec \"$@\""]);
        command.arg(seat).arg(binary("clavigerd")).args(["--socket", socket]);
        Some(Daemon::start(command, &self.path("daemon.log"), Path::new(socket)))
    }

    /// What the state directory has for this machine alone.
    pub fn seat(&self) -> PathBuf {
        self.path(STATE).join("run")
    }

    /// All files below.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        files_below(self.path(below))
    }

    /// Status as JSON.
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.ok(&["status", "--json"])).expect("status is JSON")
    }

    /// Starts `count` clients at once and returns what each printed.
    pub fn herd(&self, count: usize, arguments: &[&str]) -> Vec<Output> {
        let children: Vec<Child> = (0..count)
            .map(|_| {
                let mut command = self.claviger(arguments);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
            })
            .collect();
        let outputs =
            children.into_iter().map(|child| thread::spawn(|| child.wait_with_output().expect("output")));
        outputs.collect::<Vec<_>>().into_iter().map(|output| output.join().expect("thread")).collect()
    }

    /// Fails if a canary is in any file the daemon or a client wrote, helpers' own files aside.
    pub fn scan(&self) {
        let written = ["daemon.log", STATE];
        for path in written.iter().map(|below| self.path(below)).flat_map(files_below) {
            let content = fs::read(&path).unwrap_or_default();
            let found = content.windows(CANARY.len()).position(|window| window == CANARY.as_bytes());
            assert!(found.is_none(), "a secret leaked into {} at byte {found:?}", path.display());
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A daemon that a client started on demand must not outlive its test.
        for socket in [self.socket(), self.seat().join("claviger.sock")] {
            if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
                // Where it is, whatever the test has set.
                let socket = socket.display().to_string();
                let stopped = self.run(&["--socket", &socket, "--no-start", "daemon", "stop"]);
                assert!(stopped.status.success() || thread::panicking(), "{}", text(&stopped.stderr));
            }
        }
        if !thread::panicking() {
            self.scan();
        }
    }
}

/// Writes a program. Another process does it: what a test beside this one starts meanwhile would inherit the open file,
/// and a file that is open for writing cannot be executed.
fn install(path: &Path, content: &[u8]) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
    let mut install = install.spawn().expect("install runs");
    install.stdin.take().expect("a pipe").write_all(content).expect("written");
    assert!(install.wait().expect("wait").success(), "{}", path.display());
}

fn files_below(path: PathBuf) -> Vec<PathBuf> {
    match fs::read_dir(&path) {
        Ok(entries) => entries.flatten().flat_map(|entry| files_below(entry.path())).collect(),
        Err(_) => vec![path],
    }
}
