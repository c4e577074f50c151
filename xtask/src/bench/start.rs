//! Time from the start of a daemon to its first answer.

use super::{Bench, daemon::runtime, stats::summary, table::Table};
use crate::{sh, stage::Stage};
use claviger::{client, proto::v1};
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let stage = Stage::new(bench.programs.clone())?;
    let rounds = bench.rounds(50);
    let (mut ready, mut answered) = (Vec::new(), Vec::new());
    // The first start reads the program from disk.
    for round in 0..=rounds {
        let start = Instant::now();
        let mut daemon = spawn(bench, &stage)?;
        let waited = wait_until_ready(&mut daemon).map(|()| start.elapsed());
        // The runtime is dropped at once: otherwise the daemon would wait for an open connection.
        let answer = runtime()?.block_on(ask(&stage)).map(|()| start.elapsed());
        stop(&stage, &mut daemon)?;
        if round > 0 {
            ready.push(milliseconds(waited?));
            answered.push(milliseconds(answer?));
        }
    }
    let mut table = Table::new("Start of the daemon", &["until", "ms: median (min–max)"]);
    for (what, samples) in [("it reports that it listens", &ready), ("it has answered GetVersion", &answered)]
    {
        table.row([what.into(), summary(samples).map_or_else(|| "–".into(), |summary| summary.to_string())]);
    }
    table.note(format!("{rounds} starts."));
    Ok(table)
}

fn spawn(bench: &Bench, stage: &Stage) -> sh::Result<Child> {
    let mut command = Command::new(bench.programs.join("clavigerd"));
    command.arg("--on-demand").arg("--socket").arg(stage.socket());
    command.env_clear().envs(stage.environment()).current_dir("/");
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
}

fn wait_until_ready(daemon: &mut Child) -> sh::Result {
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    if line.trim() == "ready" { Ok(()) } else { Err("the daemon did not get ready".into()) }
}

async fn ask(stage: &Stage) -> sh::Result {
    let client = client::Client::connect(&stage.socket()).await?;
    client.inspect().get_version(client::request(v1::GetVersionRequest {})).await?;
    Ok(())
}

fn stop(stage: &Stage, daemon: &mut Child) -> sh::Result {
    drop(stage.claviger(&stage.project(), &["--no-start", "daemon", "stop"])?);
    match sh::wait_for(Duration::from_secs(5), || daemon.try_wait().ok().flatten()) {
        Some(_) => Ok(()),
        None => {
            daemon.kill()?;
            daemon.wait()?;
            Err("the daemon did not stop".into())
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
