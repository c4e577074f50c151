//! What a provider is given to obtain a credential: the door to the outside, and who is asking.

use crate::{
    accounts::{Accounts, Store},
    broker::auth_refresh::AuthRefreshes,
    host::{
        Host,
        command::{self, CommandError, CommandSpec, Program},
    },
};
use claviger::secret::Secret;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::{sync::Semaphore, time::timeout};

/// What a provider is given.
pub struct Ask<'a> {
    /// Clock and processes.
    pub host: &'a Host,
    /// As many permits as commands may run at once. Those that talk to a person take none: they wait for a person.
    pub commands: &'a Semaphore,
    /// As many as `fetch` children may: servers that do not answer hold up no command.
    pub fetches: &'a Semaphore,
    /// As many as children of the local store may: one account whose server does not answer holds up no other.
    pub lendings: &'a Semaphore,
    /// The commands that sign a person in.
    pub auth_refreshes: &'a Arc<AuthRefreshes>,
    /// The list of accounts.
    pub accounts: &'a Arc<Accounts>,
    /// Where their secrets are.
    pub store: &'a Store,
    /// Generation of the stored record whose secret is in use, and is not good enough any more.
    pub held: Option<u64>,
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

/// The demand of whoever waits for one refresh now; it can rise and fall while the refresh is under way.
#[derive(Clone, Debug, Default)]
pub struct SharedDemand(Arc<[AtomicUsize; 2]>);

/// One who waits for a refresh, until this is dropped.
#[derive(Debug)]
#[must_use = "who does not keep it does not wait"]
pub struct Waits {
    refresh: SharedDemand,
    demand: Demand,
}

// === impl Ask ===

impl Ask<'_> {
    /// Runs a command that needs nobody, when its turn has come.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run(&mut self, spec: &CommandSpec) -> Result<Secret<Vec<u8>>, CommandError> {
        let turns = match spec.program {
            Program::Shell(_) => self.commands,
            Program::Fetch(_) if spec.lasting => self.lendings,
            Program::Fetch(_) => self.fetches,
        };
        let turn = timeout(spec.deadline, turns.acquire()).await;
        let Ok(_permit) = turn else { return Err(CommandError::Queued(spec.deadline)) };
        let on_line = |text: String| (self.on_line)(Line { text: text.into(), attended: false });
        command::run(self.host, spec, on_line).await
    }
}

// === impl SharedDemand ===

impl SharedDemand {
    /// Somebody waits from now on.
    pub fn join(&self, demand: Demand) -> Waits {
        let waits = Waits { refresh: self.clone(), demand };
        if let Some(count) = waits.count() {
            count.fetch_add(1, SeqCst);
        }
        waits
    }

    /// The highest of those who wait.
    pub fn get(&self) -> Demand {
        match self.0.each_ref().map(|count| count.load(SeqCst)) {
            [0, 0] => Demand::Background,
            [_, 0] => Demand::Session,
            _ => Demand::Person,
        }
    }
}

// === impl Waits ===

impl Waits {
    fn count(&self) -> Option<&AtomicUsize> {
        let [sessions, persons] = &*self.refresh.0;
        match self.demand {
            Demand::Background => None,
            Demand::Session => Some(sessions),
            Demand::Person => Some(persons),
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(count) = self.count() {
            count.fetch_sub(1, SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, SharedDemand};

    #[test]
    fn demand_is_that_of_whoever_waits() {
        let demand = SharedDemand::default();
        let background = demand.join(Demand::Background);
        assert_eq!(demand.get(), Demand::Background);
        let sessions = [Demand::Session; 2].map(|session| demand.join(session));
        let person = demand.join(Demand::Person);
        drop(background);
        assert_eq!(demand.get(), Demand::Person);
        drop(person);
        assert_eq!(demand.get(), Demand::Session);
        drop(sessions);
        assert_eq!(demand.get(), Demand::Background);
    }
}
