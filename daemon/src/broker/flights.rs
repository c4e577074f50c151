//! The one refresh in progress for an entry, and how many there are in all.

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

/// A refresh in progress, as its entry knows it.
#[derive(Debug)]
pub(super) struct Flight {
    /// `None` while it is under way.
    outcome: watch::Receiver<Option<FlightResult>>,
    /// Who waits. A person is troubled only for those who do.
    demand: SharedDemand,
    /// From where it is made.
    place: TryOrigin,
    /// For whom it was begun.
    begun: Demand,
    walked: Walked,
}

/// The first walk that was made again after a flight. All others wait for it: it looks at files and programs.
pub(super) type Walked = Arc<OnceCell<Walk>>;

/// A walk.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) session: Arc<SessionContext>,
    /// When it began.
    pub(super) at: Instant,
    pub(super) outcome: Result<Arc<Winner>, Problem>,
}

/// A refresh in progress, as the task knows it that makes it.
#[derive(Debug)]
pub(super) struct Pilot {
    outcome: watch::Sender<Option<FlightResult>>,
    demand: SharedDemand,
}

/// A place among those who wait for a flight. A session that gives it up does not wait any more.
#[derive(Debug)]
pub(super) struct Seat {
    outcome: watch::Receiver<Option<FlightResult>>,
    place: TryOrigin,
    walked: Walked,
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
    /// One that begins, from `place`, for a request of `begun`; with that of those who wait.
    pub(super) fn new(place: TryOrigin, begun: Demand, demand: SharedDemand) -> (Self, Pilot) {
        let (sender, outcome) = watch::channel(None);
        let walked = Walked::default();
        (Self { outcome, demand: demand.clone(), place, begun, walked }, Pilot { outcome: sender, demand })
    }

    /// A place in it.
    pub(super) fn seat(&self, demand: Demand) -> Seat {
        let (outcome, walked) = (self.outcome.clone(), self.walked.clone());
        Seat { outcome, place: self.place, walked, _waits: self.demand.join(demand) }
    }

    /// From where it is made, and for whom it was begun.
    pub(super) fn origin(&self) -> (TryOrigin, Demand) {
        (self.place, self.begun)
    }
}

// === impl Pilot ===

impl Pilot {
    /// Who waits.
    pub(super) fn demand(&self) -> &SharedDemand {
        &self.demand
    }

    /// Tells all who wait what came of it.
    pub(super) fn announce(self, outcome: FlightResult) {
        self.outcome.send_replace(Some(outcome));
    }
}

// === impl Seat ===

impl Seat {
    /// From where the flight is made.
    pub(super) fn place(&self) -> TryOrigin {
        self.place
    }

    /// The walk after the flight, once it was made.
    pub(super) fn walked(&self) -> Walked {
        self.walked.clone()
    }

    /// Waits for the end of the flight.
    pub(super) async fn outcome(mut self) -> FlightResult {
        announced(&mut self.outcome).await
    }
}

// === impl Flights ===

impl Flights {
    /// One more, for as long as the answer lives.
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
