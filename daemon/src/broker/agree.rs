//! Decisions of other machines, and of containers with the same home. All daemons of a state directory agree about
//! trust, accounts and `claviger lock`, because each looks at the files before it decides.

use super::Broker;
use crate::host::files::{self, DEADLINE};
use claviger::reason::{Problem, Reason};
use tokio::{task::spawn_blocking, time::timeout};

impl Broker {
    /// Takes over decisions of other daemons with the same state.
    ///
    /// # Errors
    /// `source-timeout` if the state directory does not answer: its decisions are unknown then.
    pub async fn agree(&self) -> Result<(), Problem> {
        if !self.looks.are_due() {
            return Ok(());
        }
        let look = {
            let (trust, accounts) = (self.resolver.trust.clone(), self.resolver.accounts.clone());
            let (mark, seen) = self.cache.lockdown().mark_file();
            move || {
                trust.look_again();
                accounts.look_again();
                (!files::stamp(&mark).is_absent(), seen)
            }
        };
        let (is_marked, seen) = match self.looks.may_hang() {
            false => look(),
            // Boxed: a request should not reserve memory for a rare step.
            true => match Box::pin(timeout(DEADLINE, spawn_blocking(look))).await {
                Ok(Ok(looked)) => looked,
                _ => return Err(silent(&self.store.directory)),
            },
        };
        self.follow_mark(is_marked, seen);
        Ok(())
    }
}

fn silent(state: &std::path::Path) -> Problem {
    Problem::new(Reason::SourceTimeout, "the state directory does not answer")
        .hint(format!("check the mount that holds {}", state.display()))
}
