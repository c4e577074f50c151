//! Runs a helper exactly as for a session, without changing the cache.

use super::Broker;
use crate::{
    host::command::{CommandError, run_telling},
    resolve::Winner,
};
use claviger::reason::Said;
use std::time::Duration;
use tokio::time::Instant;

/// Result of a helper.
#[derive(Debug)]
pub struct Trial {
    /// Its duration.
    pub took: Duration,
    /// How it ended, and the fault of its output.
    pub outcome: Result<Result<(), String>, CommandError>,
    /// Its last lines on stderr.
    pub said: Said,
}

impl Broker {
    /// Runs the helper behind `winner`, if it is one, when its turn has come.
    pub async fn try_out(&self, winner: &Winner) -> Option<Trial> {
        let (spec, judge) = winner.provider()?.helper()?;
        let _place = self.turns.of(spec).take(winner.whose).await;
        let started = Instant::now();
        let (output, said) = run_telling(&self.host, spec, |_| ()).await;
        let outcome = output.map(|output| judge(output.expose()));
        Some(Trial { took: started.elapsed(), outcome, said })
    }
}
