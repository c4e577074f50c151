//! The refresh of an entry, from the first request to its result.

use super::{Arrival, Entry, place_of};
use crate::{
    broker::{
        flights::{Flight, Pilot, Seat},
        slot::Cause,
        stock::{Awaited, Fetched},
        talk::Progress,
    },
    demand::{Demand, SharedDemand},
    host::files::Stamp,
    key::SourceKey,
    settings::{Refresh, Whose},
};
use claviger::reason::{Problem, Reason};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

impl Entry {
    /// Joins the refresh in progress, or begins one and returns pilot, binding and cause for its task. A new one serves
    /// `waiting`.
    pub(in crate::broker) fn board(
        &mut self,
        cause: Cause,
        demand: Demand,
        waiting: SharedDemand,
    ) -> (Seat, Option<(Pilot, Cause)>) {
        if let Some(flight) = &self.flight {
            return (flight.seat(demand), None);
        }
        let (flight, pilot) = Flight::new(place_of(self.provider()), demand, waiting);
        let seat = flight.seat(demand);
        self.flight = Some(flight);
        // One refresh per use, whatever its result.
        self.lead.is_used &= (cause, demand) != (Cause::Due, Demand::Background);
        let cause = if self.state().current.is_none() { Cause::Initial } else { cause };
        self.bump();
        (seat, Some((pilot, cause)))
    }

    /// Records another run of the command. Returns the generation of the stored record in use, whether the API rejected
    /// it, and the workspace of the run.
    pub(in crate::broker) fn run(&mut self) -> (Option<u64>, bool, Whose) {
        self.tally.runs += 1;
        self.recursed = false;
        (self.stock.held(), self.state().rejected, self.lead.whose)
    }

    /// Ends the refresh in progress without a result, because no session waits for it any more.
    pub(in crate::broker) fn abandon(&mut self) -> Problem {
        self.flight = None;
        self.talk.end();
        self.bump();
        Problem::new(Reason::Cancelled, "it was ended, since no session waited for it any more")
            .hint("try again")
    }

    /// Forwards a line of the running command.
    pub(in crate::broker) fn say(&mut self, progress: Progress) {
        self.talk.say(progress);
    }

    /// Records that the running command asked the daemon for a credential.
    pub(in crate::broker) fn recurse(&mut self) {
        self.recursed = true;
    }

    /// Whether it did.
    pub(in crate::broker) fn is_recursed(&self) -> bool {
        self.recursed
    }

    /// Records the stamp of the provider's files after a refresh.
    pub(in crate::broker) fn note_files(&mut self, stamps: Vec<Stamp>) {
        self.stock.note_files(stamps);
    }

    /// The files that a failed refresh waits for.
    pub(in crate::broker) fn awaited(&self) -> Vec<PathBuf> {
        self.stock.awaited()
    }

    /// Records their stamp.
    pub(in crate::broker) fn await_files(&mut self, awaited: Vec<Awaited>) {
        self.stock.await_files(awaited);
    }

    /// Ends the refresh in progress.
    pub(in crate::broker) fn land(
        &mut self,
        key: SourceKey,
        arrival: Arrival,
        (now, took): (SystemTime, Duration),
        cause: Cause,
    ) -> Result<Fetched, Problem> {
        let (place, begun) = self.flight.take().map(|flight| flight.origin()).unwrap_or_default();
        self.talk.end();
        let jitter = fastrand::f64();
        let outcome = match arrival {
            Ok(brought) => {
                self.report_recovery(key);
                self.audience.recovered();
                // A command that may talk to a person is not run again for a result it has just given.
                let is_patient = self.provider().refresh() == Refresh::Ahead;
                self.stock.succeed(now, brought, took, cause, (is_patient, jitter))
            }
            Err(declined) => {
                let problem = declined.problem.clone();
                self.audience.failed();
                self.stock.fail((now, took), declined, jitter, (place, begun == Demand::Person));
                self.report_failure(key, &problem);
                Err(problem)
            }
        };
        self.bump();
        outcome
    }

    fn report_failure(&self, key: SourceKey, problem: &Problem) {
        let failures = self.state().failure.as_ref().map_or(0, |failure| failure.count);
        let (source, reason) = (self.source(), problem.reason.as_str());
        // The sentence names file and line; by construction it holds no command and no output.
        match failures {
            1 => tracing::warn!(%key, source, reason, %problem, "refresh failed"),
            _ => tracing::debug!(%key, source, reason, failures, "refresh failed again"),
        }
    }

    fn report_recovery(&self, key: SourceKey) {
        let source = self.source();
        match &self.state().failure {
            Some(failure) => tracing::info!(%key, source, failures = failure.count, "refresh works again"),
            None => tracing::debug!(%key, source, "refreshed"),
        }
    }
}
