//! How long a session waits while thousands of hostile connections are open, and what they cost: each kind of them, and
//! all at once. The attackers are a separate process on one core, so that the daemon is measured and not the load of
//! the machine.

use super::{
    Bench,
    daemon::{Measured, runtime},
    stats::percentile,
    table::Table,
};
use crate::sh;
use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

#[path = "../../../tests/support/attacker.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the tests")]
mod attacker;
#[path = "../../../tests/support/frames.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the tests")]
mod frames;

use attacker::Attacker;

/// Hidden argument with which this program becomes the attackers.
pub(super) const ATTACK: &str = "--attack";
/// Connections that the attackers try to hold.
const CONNECTIONS: usize = 5000;
/// A call with a session, and so with settings.
const GET: &str = "/claviger.v1.CredentialService/GetCredential";
/// Attackers of every kind.
const ALL: &str = "all of them";
/// How long an attack of every kind is measured; one of a single kind takes a quarter of it.
const LASTS: Duration = Duration::from_secs(60);
/// Pause after the attack before the daemon's memory is measured.
const QUIET: Duration = Duration::from_secs(5);

/// The attackers; they end on drop.
struct Attackers(Child);

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let columns = ["attack", "sessions", "p50 ms", "p99 ms", "most ms", "MiB at most", "MiB afterwards"];
    let mut table = Table::new("A session under attack", &columns);
    let kinds = frames::burdens(GET);
    let kinds = kinds.iter().map(|(name, _)| Some(*name));
    for kind in std::iter::once(None).chain(kinds).chain([Some(ALL)]) {
        let lasts = if kind == Some(ALL) { LASTS } else { LASTS / 4 };
        table.row(under(bench, kind, if bench.quick { lasts / 6 } else { lasts })?);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    table.note(format!(
        "A session is a connection and one lease. The attackers hold {CONNECTIONS} connections on one core. Load average at the end: {}.",
        load.split(' ').next().unwrap_or_default()
    ));
    Ok(table)
}

/// The row of one attack, or of none, on a daemon of its own.
fn under(bench: &Bench, kind: Option<&str>, lasts: Duration) -> sh::Result<Vec<String>> {
    let measured = Measured::with_key(bench)?;
    let attackers = kind.map(|kind| Attackers::start(&measured.stage.socket(), kind)).transpose()?;
    let samples = wait_for_sessions(&measured, lasts)?;
    let most = measured.most_resident()?;
    drop(attackers);
    std::thread::sleep(QUIET);
    let times = [0.5, 0.99, 1.0].map(|share| percentile(&samples, share).unwrap_or_default());
    let memory = [most, measured.resident()?].map(|kib| kib as f64 / 1024.0);
    let named = [kind.unwrap_or("none").to_owned(), samples.len().to_string()];
    Ok(named.into_iter().chain(times.into_iter().chain(memory).map(|value| format!("{value:.1}"))).collect())
}

/// Milliseconds of consecutive sessions during this time, each with its own connection.
fn wait_for_sessions(measured: &Measured, lasts: Duration) -> sh::Result<Vec<f64>> {
    let (session, start) = (measured.session()?, Instant::now());
    let mut samples = Vec::new();
    runtime()?.block_on(async {
        while start.elapsed() < lasts {
            let asked = Instant::now();
            let mut client = measured.connect().await?;
            client.get(&session, None).await.map_err(|problem| problem.to_string())?;
            samples.push(asked.elapsed().as_secs_f64() * 1000.0);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(samples)
    })
}

impl Attackers {
    /// This program again, on the first core.
    fn start(socket: &Path, kind: &str) -> sh::Result<Self> {
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", "0"])
            .arg(env::current_exe()?)
            .args(["bench", ATTACK])
            .arg(socket)
            .arg(kind);
        Ok(Self(command.stdin(Stdio::null()).spawn()?))
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Opens connections of this kind, sends as much as possible, and replaces closed ones. It does not end.
pub(super) fn attack(socket: &Path, kind: &str) -> ! {
    let mut burdens = frames::burdens(GET);
    burdens.retain(|(name, _)| kind == ALL || kind == *name);
    let mut open: Vec<Option<Attacker>> = std::iter::repeat_with(|| None).take(CONNECTIONS).collect();
    loop {
        for (number, slot) in open.iter_mut().enumerate() {
            let bytes = &burdens[number % burdens.len()].1;
            let held = slot.take().or_else(|| Attacker::connect(socket).ok());
            *slot = held.and_then(|mut held| held.go_on(bytes).then_some(held));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
