//! The one refresh in progress of an entry, and the number of all of them.

use super::stock::Fetched;
use crate::{
    demand::{Demand, SharedDemand, Waits},
    life::announced,
    resolve::Winner,
    tried::TryOrigin,
};
use claviger::{reason::Problem, session::SessionContext};
use std::sync::Arc;
use tokio::{
    sync::{OnceCell, watch},
    time::Instant,
};

type FlightResult = Result<Fetched, Problem>;

/// A refresh in progress, as its entry sees it.
#[derive(Debug)]
pub(super) struct Flight {
    /// `None` while it is in progress.
    outcome: watch::Receiver<Option<FlightResult>>,
    /// The waiters. A person is only disturbed on their behalf.
    demand: SharedDemand,
    /// Surroundings of its commands.
    place: TryOrigin,
    /// The request it was begun for.
    begun: Demand,
    rechecked: Rechecked,
}

/// The first resolution that was repeated after a flight. All other waiters use its result: it looks at files and
/// programs.
pub(super) type Rechecked = Arc<OnceCell<Recheck>>;

/// A resolution.
#[derive(Debug)]
pub(super) struct Recheck {
    pub(super) session: Arc<SessionContext>,
    /// When it began.
    pub(super) at: Instant,
    pub(super) outcome: Result<Arc<Winner>, Problem>,
}

/// A refresh in progress, as its task sees it.
#[derive(Debug)]
pub(super) struct Pilot {
    outcome: watch::Sender<Option<FlightResult>>,
    demand: SharedDemand,
}

/// A waiter on a flight; dropping it stops waiting.
#[derive(Debug)]
pub(super) struct Seat {
    outcome: watch::Receiver<Option<FlightResult>>,
    place: TryOrigin,
    rechecked: Rechecked,
    _waits: Waits,
}

/// Refreshes in progress.
#[derive(Debug, Default)]
pub(super) struct Flights(watch::Sender<usize>);

/// Counts as a refresh in progress while it lives.
#[derive(Debug)]
pub(super) struct Flying(watch::Sender<usize>);

// === impl Flight ===

impl Flight {
    /// A new flight from `place`, for a request of `begun`; with the demand of its waiters.
    pub(super) fn new(place: TryOrigin, begun: Demand, demand: SharedDemand) -> (Self, Pilot) {
        let (sender, outcome) = watch::channel(None);
        let rechecked = Rechecked::default();
        (Self { outcome, demand: demand.clone(), place, begun, rechecked }, Pilot { outcome: sender, demand })
    }

    /// Adds a waiter.
    pub(super) fn seat(&self, demand: Demand) -> Seat {
        let (outcome, rechecked) = (self.outcome.clone(), self.rechecked.clone());
        Seat { outcome, place: self.place, rechecked, _waits: self.demand.join(demand) }
    }

    /// Its surroundings, and the request it was begun for.
    pub(super) fn origin(&self) -> (TryOrigin, Demand) {
        (self.place, self.begun)
    }
}

// === impl Pilot ===

impl Pilot {
    /// The waiters.
    pub(super) fn demand(&self) -> &SharedDemand {
        &self.demand
    }

    /// Sends the result to all waiters.
    pub(super) fn announce(self, outcome: FlightResult) {
        self.outcome.send_replace(Some(outcome));
    }
}

// === impl Seat ===

impl Seat {
    /// Surroundings of the flight.
    pub(super) fn place(&self) -> TryOrigin {
        self.place
    }

    /// The resolution after the flight, if it was made.
    pub(super) fn rechecked(&self) -> Rechecked {
        self.rechecked.clone()
    }

    /// Waits for the end of the flight.
    pub(super) async fn outcome(mut self) -> FlightResult {
        announced(&mut self.outcome).await
    }
}

// === impl Flights ===

impl Flights {
    /// Counts one more flight until the value is dropped.
    pub(super) fn start(&self) -> Flying {
        self.0.send_modify(|flying| *flying += 1);
        Flying(self.0.clone())
    }

    /// Resolves when no refresh is in progress.
    pub(super) async fn landed(&self) {
        drop(self.0.subscribe().wait_for(|flying| *flying == 0).await);
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        self.0.send_modify(|flying| *flying -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Flight, Flights};
    use crate::demand::{Demand, SharedDemand};
    use claviger::reason::{Problem, Reason};
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn all_who_wait_get_the_outcome_and_raise_the_demand_while_they_do() {
        let (flight, pilot) = Flight::new(0, Demand::Session, SharedDemand::default());
        let (one, other) = (flight.seat(Demand::Session), flight.seat(Demand::Person));
        assert_eq!(pilot.demand().get(), Demand::Person);
        drop(other);
        assert_eq!(pilot.demand().get(), Demand::Session);
        let problem = Problem::new(Reason::CommandFailed, "x");
        pilot.announce(Err(problem.clone()));
        assert_eq!(one.outcome().await.err(), Some(problem));
    }

    #[tokio::test]
    async fn the_last_one_to_land_is_waited_for() {
        let flights = Flights::default();
        let (one, other) = (flights.start(), flights.start());
        drop(one);
        assert!(timeout(Duration::ZERO, flights.landed()).await.is_err());
        drop(other);
        flights.landed().await;
    }
}
