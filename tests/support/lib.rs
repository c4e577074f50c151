//! Shared by all tests: homes of their own, daemons, and stand-ins for other programs and servers.

pub mod accounts;
pub mod ai_cli;
pub mod answers;
pub mod attacker;
pub mod audit;
pub mod aws;
pub mod aws_sign_in;
pub mod by_hand;
pub mod cloud;
pub mod cure;
mod daemon;
pub mod desktop;
pub mod disk;
pub mod doctor;
pub mod far;
pub mod foundry;
pub mod frames;
pub mod gated;
pub mod google;
mod home;
pub mod hook;
pub mod issuer;
pub mod keyring;
pub mod login;
pub mod manager;
pub mod mark;
pub mod memory;
pub mod messages;
pub mod namespaces;
pub mod op;
pub mod provider;
pub mod raw;
pub mod schema;
pub mod sshd;
pub mod stand_in;
pub mod tap;
pub mod terminal;
pub mod tmux;
pub mod tool;
pub mod turn;
pub mod wait;
pub mod walk;
pub mod watch;

pub use daemon::Daemon;
pub use home::Home;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// Every secret a test hands out starts with this. None may appear in a log, an audit line, a status or an error.
pub const CANARY: &str = "sk-canary-";

/// A secret in a form that tells where it comes from.
pub fn secret(what: &str) -> String {
    format!("{CANARY}{what}")
}

/// Runs a future to its end and closes its connections: a daemon that stops waits for open ones.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(future)
}

/// A settings file.
pub fn settings(helper: &Path, env: &[(&str, &str)]) -> String {
    let env: serde_json::Map<_, _> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    serde_json::to_string_pretty(&serde_json::json!({ "apiKeyHelper": helper, "env": env })).expect("JSON")
}

/// A binary of this workspace, built for this test run.
pub fn binary(name: &str) -> PathBuf {
    let path = programs().join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build` first, or `cargo xtask test`", path.display());
    path
}

/// Where the programs are: as `cargo xtask test` says, else one above the directory of the test's own executable.
fn programs() -> PathBuf {
    let beside = || {
        let path = std::env::current_exe().expect("own path");
        path.ancestors().nth(2).expect("target directory").to_owned()
    };
    std::env::var_os("CLAVIGER_TEST_PROGRAMS").map_or_else(beside, PathBuf::from)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Seconds since 1970.
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

pub fn signal(pid: u32, name: &str) {
    let status =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill runs");
    assert!(status.success(), "kill -{name} {pid}");
}

/// Processes whose command line has `part` as an argument. Ended processes that were not waited for have none.
pub fn processes(part: &str) -> BTreeSet<String> {
    let of = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let matches = line.split(|byte| *byte == 0).any(|word| word == part.as_bytes());
        matches.then(|| entry.file_name().to_string_lossy().into_owned())
    };
    fs::read_dir("/proc").expect("/proc").flatten().filter_map(of).collect()
}

/// How many times longer than usual the tests go on that try something again and again: `CLAVIGER_SOAK`.
pub fn soak() -> usize {
    std::env::var("CLAVIGER_SOAK").map_or(1, |factor| factor.parse().expect("a number in CLAVIGER_SOAK"))
}

/// Says loudly that something was not tested; an error where everything must be (CI is root and has it all).
pub fn skipped(needs: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI may not skip: needs {needs}");
    let _ = writeln!(std::io::stderr(), "skipped: needs {needs}");
}

pub fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}
