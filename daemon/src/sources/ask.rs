//! What a provider is given to obtain a credential: the door to the outside, and who is asking.

use crate::{
    broker::auth_refresh::AuthRefreshes,
    host::{
        Host,
        command::{self, CommandError, CommandSpec},
    },
};
use claviger::secret::Secret;
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::SeqCst},
};
use tokio::{sync::Semaphore, time::timeout};

/// What a provider is given.
pub struct Ask<'a> {
    /// Clock and processes.
    pub host: &'a Host,
    /// As many permits as commands may run at once. Those that talk to a person take none: they wait for a person.
    pub commands: &'a Semaphore,
    /// The commands that sign a person in.
    pub auth_refreshes: &'a Arc<AuthRefreshes>,
    /// Who is asking.
    pub demand: &'a SharedDemand,
    /// Takes what running commands say.
    pub on_line: &'a mut (dyn FnMut(Line) + Send),
}

/// A line of a running command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Without control characters.
    pub text: Arc<str>,
    /// Whether the command talks to a person.
    pub attended: bool,
}

/// Who is asking for a credential. It decides whether a person may be troubled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// Nobody: it is refreshed ahead of expiry.
    Background,
    /// A session waits for it.
    Session,
    /// A person asked for a refresh, past any pause.
    Person,
}

/// The highest demand for one refresh; it can rise while the refresh is under way.
#[derive(Clone, Debug)]
pub struct SharedDemand(Arc<AtomicU8>);

// === impl Ask ===

impl Ask<'_> {
    /// Runs a command that needs nobody, when its turn has come.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run(&mut self, spec: &CommandSpec) -> Result<Secret<Vec<u8>>, CommandError> {
        let turn = timeout(spec.deadline, self.commands.acquire()).await;
        let Ok(_permit) = turn else { return Err(CommandError::Queued(spec.deadline)) };
        let on_line = |text: String| (self.on_line)(Line { text: text.into(), attended: false });
        command::run(self.host, spec, on_line).await
    }
}

// === impl SharedDemand ===

impl SharedDemand {
    /// Of a refresh that starts.
    pub fn new(demand: Demand) -> Self {
        Self(Arc::new(AtomicU8::new(demand as u8)))
    }

    /// Somebody joins.
    pub fn raise(&self, demand: Demand) {
        self.0.fetch_max(demand as u8, SeqCst);
    }

    /// The highest so far.
    pub fn get(&self) -> Demand {
        match self.0.load(SeqCst) {
            0 => Demand::Background,
            1 => Demand::Session,
            _ => Demand::Person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, SharedDemand};

    #[test]
    fn demand_only_rises() {
        let demand = SharedDemand::new(Demand::Background);
        demand.raise(Demand::Session);
        assert_eq!(demand.get(), Demand::Session);
        demand.raise(Demand::Person);
        demand.raise(Demand::Background);
        assert_eq!(demand.get(), Demand::Person);
    }
}
