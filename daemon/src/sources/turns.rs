//! How many commands and children run at once.

use crate::host::command::{CommandSpec, Program};
use std::{cmp::Ordering, sync::Arc};
use tokio::sync::Semaphore;

/// How many more children of the local store may run at once than commands. They take little, and mostly wait for servers.
const LENDINGS: usize = 8;

/// Turns of what runs. A command that talks to a person takes none: it waits for a person.
#[derive(Debug)]
pub struct Turns {
    /// As many permits as commands may run at once.
    commands: Arc<Semaphore>,
    /// As many as `fetch` children may: servers that do not answer hold up no command.
    fetches: Arc<Semaphore>,
    /// As many as children of the local store may: one account whose server does not answer holds up no other.
    lendings: Arc<Semaphore>,
}

impl Turns {
    /// As many as `commands` allows.
    pub fn new(commands: usize) -> Self {
        let turns = |many| Arc::new(Semaphore::new(commands.saturating_mul(many)));
        Self { commands: turns(1), fetches: turns(1), lendings: turns(LENDINGS) }
    }

    /// Those of the kind that `spec` is of.
    pub fn of(&self, spec: &CommandSpec) -> &Semaphore {
        match &spec.program {
            Program::Shell(_) => &self.commands,
            Program::Fetch(request) if request.lasts() => &self.lendings,
            Program::Fetch(_) => &self.fetches,
        }
    }

    /// Allows `after` commands instead of `before`.
    pub fn resize(&self, before: usize, after: usize) {
        for (turns, many) in [(&self.commands, 1), (&self.fetches, 1), (&self.lendings, LENDINGS)] {
            resize(turns, before.saturating_mul(many), after.saturating_mul(many));
        }
    }
}

/// Turns that are in use are taken away when they come back, before any other command that waits gets them.
fn resize(turns: &Arc<Semaphore>, before: usize, after: usize) {
    match after.cmp(&before) {
        Ordering::Equal => {}
        Ordering::Greater => turns.add_permits(after - before),
        Ordering::Less => {
            let turns = turns.clone();
            tokio::spawn(async move {
                for _ in after..before {
                    let Ok(turn) = turns.acquire().await else { return };
                    turn.forget();
                }
            });
        }
    }
}
