//! Memory of an idle daemon, and of each watching session.

use super::{
    Bench,
    daemon::{Measured, runtime},
    table::Table,
};
use crate::sh;
use claviger::{Changes, client::Client};
use std::time::Duration;

/// Watching sessions, each with its own connection, like separate processes.
const SESSIONS: usize = 1000;

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let idle = measured.resident()?;
    let sessions = bench.rounds(SESSIONS);
    let runtime = runtime()?;
    let open = runtime.block_on(open(&measured, sessions))?;
    let watched = measured.resident()?;
    let mut table = Table::new("Memory", &["what", "resident"]);
    table.row(["idle, one key".into(), format!("{:.1} MiB", idle as f64 / 1024.0)]);
    table.row([
        format!("{} idle watch streams, a connection each", open.len()),
        format!("{:.1} MiB", watched as f64 / 1024.0),
    ]);
    table.row([
        "per stream".into(),
        format!("{:.1} KiB", watched.saturating_sub(idle) as f64 / open.len() as f64),
    ]);
    drop(open);
    // Let the daemon notice that they are gone.
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs(2)).await });
    table.row(["after they have gone".into(), format!("{:.1} MiB", measured.resident()? as f64 / 1024.0)]);
    Ok(table)
}

/// Opens the streams, and waits for the first event of each.
async fn open(measured: &Measured, sessions: usize) -> sh::Result<Vec<(Client, Changes)>> {
    let session = measured.session()?;
    let mut open = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let mut client = measured.connect().await?;
        let mut watch = client.watch(&session).await.map_err(|problem| problem.to_string())?;
        watch.next().await.map_err(|problem| problem.to_string())?.ok_or("the daemon ended a stream")?;
        open.push((client, watch));
    }
    Ok(open)
}
