//! How long a session waits while thousands of connections mean no good, and what they cost. The attackers are a process of
//! their own that has one core, so that what is measured is the daemon and not the lack of a machine.

use super::{
    Bench,
    daemon::{Measured, runtime},
    stats::percentile,
    table::Table,
};
use crate::sh;
use std::{
    env,
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

#[path = "../../../tests/support/frames.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the tests")]
mod frames;

/// Hidden argument with which this program becomes the attackers.
pub(super) const ATTACK: &str = "--attack";
/// Connections that the attackers hold, or try to.
const CONNECTIONS: usize = 5000;
/// A call that has a session, and with it settings.
const GET: &str = "/claviger.v1.CredentialService/GetCredential";
/// How long the attack is watched.
const LASTS: Duration = Duration::from_secs(60);
/// How long the daemon has, once it is over, until its memory is looked at: longer than an idle connection is kept.
const QUIET: Duration = Duration::from_secs(15);

/// The attackers; they end with this value.
struct Attackers(Child);

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let lasts = if bench.quick { LASTS / 6 } else { LASTS };
    let before = wait_for_sessions(&measured, lasts / 6)?;
    let attackers = Attackers::start(&measured.stage.socket())?;
    let during = wait_for_sessions(&measured, lasts)?;
    let most = measured.most_resident()?;
    drop(attackers);
    std::thread::sleep(QUIET);
    let [most, afterwards] =
        [most, measured.resident()?].map(|kib| format!("{:.1} MiB", kib as f64 / 1024.0));
    let mut table =
        Table::new("A session under attack", &["a connection and one lease", "p50 ms", "p99 ms", "most ms"]);
    for (name, samples) in [("before", &before), ("meanwhile", &during)] {
        let times = [0.5, 0.99, 1.0].map(|share| percentile(samples, share).unwrap_or_default());
        table.row(
            std::iter::once(format!("{name}, {} of them", samples.len()))
                .chain(times.map(|ms| format!("{ms:.1}"))),
        );
    }
    table.note(format!(
        "{CONNECTIONS} connections: silent, slow, half-open, reset, endless headers, first bytes of 4 MiB. Memory: {most} at most, {afterwards} afterwards."
    ));
    Ok(table)
}

/// Milliseconds of sessions that come one after the other for so long, each with a connection of its own.
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
    /// This program again, on the first core. It says when it has opened as many connections as it wants.
    fn start(socket: &Path) -> sh::Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(env::current_exe()?).args(["bench", ATTACK]).arg(socket);
        let mut attackers = Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        let mut stdout = attackers.0.stdout.take().ok_or("no stdout")?;
        stdout.read_exact(&mut [0])?;
        Ok(attackers)
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Opens connections of all kinds, sends on them what fits, and opens another where one was closed. It does not end.
pub(super) fn attack(socket: &Path) -> sh::Result {
    let burdens = frames::burdens(GET);
    let mut open: Vec<Option<(UnixStream, usize)>> =
        std::iter::repeat_with(|| None).take(CONNECTIONS).collect();
    for round in 0.. {
        for (number, slot) in open.iter_mut().enumerate() {
            let bytes = &burdens[number % burdens.len()].1;
            let held = slot.take().or_else(|| connect(socket));
            *slot = held.and_then(|(stream, sent)| go_on(stream, sent, bytes));
        }
        if round == 0 {
            println!("all are open");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Nothing while the queue of the daemon is full.
fn connect(socket: &Path) -> Option<(UnixStream, usize)> {
    let stream = UnixStream::connect(socket).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some((stream, 0))
}

/// Sends what fits; nothing is left of a connection that was closed.
fn go_on(mut stream: UnixStream, mut sent: usize, bytes: &[u8]) -> Option<(UnixStream, usize)> {
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return None,
        }
    }
    // What it answers is thrown away, so that it can go on.
    match stream.read(&mut [0; 16 * 1024]) {
        Ok(0) => None,
        Err(error) if error.kind() != ErrorKind::WouldBlock => None,
        _ => Some((stream, sent)),
    }
}
