//! Context of a provider: access to the outside, and the caller.

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

/// Context of a provider.
pub struct Ask<'a> {
    /// Clock and processes.
    pub host: &'a Host,
    /// Slots for running commands.
    pub turns: &'a Turns,
    /// The workspace of the session that asks.
    pub whose: Whose,
    /// The sign-in commands.
    pub auth_refreshes: &'a Arc<AuthRefreshes>,
    /// Servers that asked for a pause.
    pub busy: &'a BusyServers,
    /// The list of accounts.
    pub accounts: &'a Arc<Accounts>,
    /// The local store of their secrets.
    pub store: &'a Store,
    /// Generation of the stored record in use, which is not good enough any more.
    pub held: Option<u64>,
    /// Whether the API rejected it.
    pub rejected: bool,
    /// Whether a command of this refresh asked the daemon: then no person can help.
    pub recursed: &'a (dyn Fn() -> bool + Send + Sync),
    /// The demand.
    pub demand: &'a SharedDemand,
    /// Whether a command was ended because no session waited for it any more.
    pub is_abandoned: bool,
    /// The last lines of the most recent command.
    pub said: Said,
    /// Receives the output of running commands.
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
    /// Runs a command that needs no person, when a slot is free. A command of a settings file ends soon after the last
    /// session that waited for it has left.
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
