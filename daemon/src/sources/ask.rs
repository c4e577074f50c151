//! What a provider is given to obtain a credential: the door to the outside, and who is asking.

use super::Turns;
use crate::{
    accounts::{Accounts, Store},
    auth_refresh::AuthRefreshes,
    busy::BusyServers,
    demand::{Demand, SharedDemand},
    host::{
        Host,
        command::{self, CommandError, CommandSpec, Program},
    },
    settings::Whose,
};
use claviger::{reason::Said, secret::Secret};
use std::sync::Arc;
use tokio::time::timeout;

/// What a provider is given.
pub struct Ask<'a> {
    /// Clock and processes.
    pub host: &'a Host,
    /// Turns of what runs.
    pub turns: &'a Turns,
    /// The workspace of the session that asks.
    pub whose: Whose,
    /// The commands that sign a person in.
    pub auth_refreshes: &'a Arc<AuthRefreshes>,
    /// Servers that want to be left alone.
    pub busy: &'a BusyServers,
    /// The list of accounts.
    pub accounts: &'a Arc<Accounts>,
    /// Where their secrets are.
    pub store: &'a Store,
    /// Generation of the stored record whose secret is in use, and is not good enough any more.
    pub held: Option<u64>,
    /// Whether the API rejected that one.
    pub rejected: bool,
    /// Whether a command of this refresh has come back to us: then no person can help.
    pub recursed: &'a (dyn Fn() -> bool + Send + Sync),
    /// Who is asking.
    pub demand: &'a SharedDemand,
    /// Whether a command was ended because no session waited for it any more.
    pub is_abandoned: bool,
    /// The last lines of the command that ran last.
    pub said: Said,
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

// === impl Ask ===

impl Ask<'_> {
    /// Runs a command that needs no person, when its turn has come. One of a settings file ends soon after the last session that
    /// waited for it has left.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run(&mut self, spec: &CommandSpec) -> Result<Secret<Vec<u8>>, CommandError> {
        if let Program::Fetch(_) = spec.program {
            return self.run_in_turn(spec).await;
        }
        let demand = self.demand;
        let ended = tokio::select! {
            ended = self.run_in_turn(spec) => Some(ended),
            () = demand.abandoned() => None,
        };
        self.is_abandoned = ended.is_none();
        ended.unwrap_or(Err(CommandError::Abandoned))
    }

    async fn run_in_turn(&mut self, spec: &CommandSpec) -> Result<Secret<Vec<u8>>, CommandError> {
        let turn = timeout(spec.deadline, self.turns.of(spec).take(self.whose)).await;
        let Ok(_place) = turn else { return Err(CommandError::Queued(spec.deadline)) };
        let on_line = |text: String| (self.on_line)(Line { text: text.into(), attended: false });
        let unattended;
        let spec = match self.demand.get() {
            Demand::Background => {
                unattended = spec.clone().within(spec.surroundings.unattended());
                &unattended
            }
            Demand::Session | Demand::Person => spec,
        };
        let (output, said) = command::run_telling(self.host, spec, on_line).await;
        self.said = said;
        output
    }
}
