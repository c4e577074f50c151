//! A thousand sessions at once: alternately with an empty cache, as after a key's expiry, and with a cached key.

use super::{
    Bench,
    daemon::{LASTING, Measured, runtime},
    stats::{percentile, ratios},
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

const ROUNDS: usize = 5;

/// Result of one herd.
struct Herd {
    answers: Vec<f64>,
    generations: HashSet<(String, u64)>,
    /// Milliseconds until all have an answer.
    took: f64,
}

/// Herds with the same state of the cache.
#[derive(Default)]
struct Kind {
    herds: Vec<Herd>,
    /// Helper runs of each.
    runs: Vec<usize>,
}

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::empty(bench, Pace { helper: HELPER, ..LASTING })?;
    let session = measured.session()?;
    let runtime = runtime()?;
    let mut clients = Vec::new();
    for _ in 0..bench.rounds(SESSIONS) {
        clients.push(runtime.block_on(measured.connect())?);
    }
    let mut kinds = [Kind::default(), Kind::default()];
    for _ in 0..bench.rounds(ROUNDS) {
        for kind in &mut kinds {
            let before = measured.helper.runs();
            kind.herds.push(let_loose(&runtime, &clients, &session)?);
            kind.runs.push(measured.helper.runs() - before);
        }
        // Dropped credentials have to be fetched again, like expired ones.
        for verb in ["lock", "unlock"] {
            sh::stdout(&mut measured.stage.command(&measured.stage.project(), &[verb]))?;
        }
    }
    Ok(table(clients.len(), &kinds))
}

fn table(sessions: usize, kinds: &[Kind; 2]) -> Table {
    let title = format!("A herd of {sessions} sessions, a connection each");
    let mut table =
        Table::new(&title, &["cache", "helper runs", "generations", "all answered after", "slowest 1 %"]);
    for (name, kind) in ["empty; the helper takes 2 s", "filled"].iter().zip(kinds) {
        let most = |counts: &mut dyn Iterator<Item = usize>| counts.max().unwrap_or_default().to_string();
        let median = |samples: Vec<f64>| percentile(&samples, 0.5).unwrap_or_default();
        let all = median(kind.herds.iter().map(|herd| herd.took).collect());
        let slow = median(kind.herds.iter().filter_map(|herd| percentile(&herd.answers, 0.99)).collect());
        table.row([
            (*name).to_owned(),
            most(&mut kind.runs.iter().copied()),
            most(&mut kind.herds.iter().map(|herd| herd.generations.len())),
            format!("{all:.0} ms"),
            format!("{slow:.0} ms"),
        ]);
    }
    let took = |kind: &Kind, less: f64| kind.herds.iter().map(|herd| herd.took - less).collect::<Vec<_>>();
    let helper = HELPER.as_secs_f64() * 1000.0;
    if let Some(ratio) = ratios(&took(&kinds[0], helper), &took(&kinds[1], 0.0)) {
        table.note(format!("Empty, less the helper's time, ÷ filled, round by round: {ratio}."));
    }
    table.note(format!("{} rounds in turns; times are medians, counts the highest.", kinds[0].herds.len()));
    table
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
        let mut herd = Herd { answers: Vec::new(), generations: HashSet::new(), took: 0.0 };
        while let Some(answer) = asking.join_next().await {
            let (lease, after) = answer?.map_err(|problem| problem.to_string())?;
            herd.generations.insert((lease.key.clone(), lease.generation));
            herd.answers.push(after.as_secs_f64() * 1000.0);
        }
        herd.took = start.elapsed().as_secs_f64() * 1000.0;
        Ok(herd)
    })
}
