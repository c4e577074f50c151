//! A thousand sessions at once: first with nothing cached, then with a key.

use super::{
    Bench,
    daemon::{LASTING, Measured, runtime},
    stats::percentile,
    table::Table,
};
use crate::{sh, stage::Pace};
use claviger::{client::Client, session::SessionContext};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, task::JoinSet};

const SESSIONS: usize = 1000;
/// Long enough that all of them ask while it runs.
const HELPER: Duration = Duration::from_secs(2);

/// What became of one herd.
struct Herd {
    answers: Vec<f64>,
    generations: HashSet<(String, u64)>,
    took: Duration,
}

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::empty(bench, Pace { helper: HELPER, ..LASTING })?;
    let session = measured.session()?;
    let runtime = runtime()?;
    let mut clients = Vec::new();
    for _ in 0..bench.rounds(SESSIONS) {
        clients.push(runtime.block_on(measured.connect())?);
    }
    let title = format!("A herd of {} sessions, a connection each", clients.len());
    let mut table =
        Table::new(&title, &["cache", "helper runs", "generations", "all answered after", "slowest 1 %"]);
    for (name, runs_before) in [("empty; the helper takes 2 s", 0), ("filled", 1)] {
        let herd = let_loose(&runtime, &clients, &session)?;
        let slow = percentile(&herd.answers, 0.99).unwrap_or_default();
        let runs = measured.helper.runs() - runs_before;
        let [all, slow] = [herd.took.as_secs_f64() * 1000.0, slow].map(|ms| format!("{ms:.0} ms"));
        table.row([name.into(), runs.to_string(), herd.generations.len().to_string(), all, slow]);
    }
    Ok(table)
}

fn let_loose(runtime: &Runtime, clients: &[Client], session: &SessionContext) -> sh::Result<Herd> {
    runtime.block_on(async {
        let mut asking = JoinSet::new();
        let start = Instant::now();
        for client in clients {
            let (mut client, session) = (client.clone(), session.clone());
            asking
                .spawn(async move { client.get(&session, None).await.map(|lease| (lease, start.elapsed())) });
        }
        let mut herd = Herd { answers: Vec::new(), generations: HashSet::new(), took: Duration::ZERO };
        while let Some(answer) = asking.join_next().await {
            let (lease, after) = answer?.map_err(|problem| problem.to_string())?;
            herd.generations.insert((lease.key.clone(), lease.generation));
            herd.answers.push(after.as_secs_f64() * 1000.0);
        }
        herd.took = start.elapsed();
        Ok(herd)
    })
}
