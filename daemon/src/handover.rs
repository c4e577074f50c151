//! Handover to another program: on request, or because the program file was replaced.
//!
//! The process stays, and with it the socket: a caller that connects meanwhile waits in its queue. Earlier requests are
//! answered first, refreshes in progress finish, and the cache is passed on (`broker/kept.rs`), so no command runs
//! again.

use crate::{broker::Broker, host::successor::Program, live::lock};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// How long the daemon waits, still serving, for a moment without any refresh. After that, requests for credentials
/// wait for the last refresh.
const QUIET: Duration = Duration::from_secs(15);
/// Shortest time between two checks of the program file.
const LOOK: Duration = Duration::from_secs(1);
/// Shortest service before a handover by itself: a file that seems to change at every check (some file systems renumber
/// inodes) would otherwise replace the daemon endlessly.
const SETTLED: Duration = Duration::from_secs(3);

/// Decides about handovers.
#[derive(Debug)]
pub struct Handover {
    /// `None`: there is no program to hand over to.
    program: Option<Mutex<Program>>,
    /// Held while a handover is being prepared.
    turn: Semaphore,
    begun: watch::Sender<bool>,
}

/// Why there is no handover.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The path of its own program is unknown.
    #[error("this daemon does not know its own program file")]
    Unknown,
    /// A sign-in is in progress. It takes minutes, and could not be continued.
    #[error("a sign-in is in progress and would have to start over")]
    SigningIn,
    /// The installed program could not take over.
    #[error("{0} cannot take over: {1}")]
    Unfit(String, String),
}

// === impl Handover ===

impl Handover {
    /// A handover to the program at the path of `program`.
    pub fn new(program: Option<Program>) -> Arc<Self> {
        Arc::new(Self {
            program: program.map(Mutex::new),
            turn: Semaphore::new(1),
            begun: watch::Sender::default(),
        })
    }

    /// Hands over as soon as nothing is lost: no sign-in is in progress, the program can take over, and no refresh is
    /// in progress (waiting `QUIET` at most). Concurrent callers share the result. `told` ends once the person was
    /// notified, which no other program would do.
    ///
    /// # Errors
    /// Why there is no handover.
    pub async fn begin(
        &self,
        broker: &Broker,
        is_signing_in: impl Fn() -> bool,
        told: impl Future<Output = ()>,
    ) -> Result<(), Refusal> {
        let program = self.program.as_ref().map(|program| lock(program).clone()).ok_or(Refusal::Unknown)?;
        let _turn = tokio::select! {
            biased;
            () = self.begun() => return Ok(()),
            turn = self.turn.acquire() => turn,
        };
        let no_sign_in = || match is_signing_in() {
            false => Ok(()),
            true => Err(Refusal::SigningIn),
        };
        no_sign_in()?;
        let unfit = |why| Refusal::Unfit(program.path().display().to_string(), why);
        program.check().await.map_err(unfit)?;
        // An endless refresh must not block an update.
        drop(timeout(QUIET, broker.landed()).await);
        no_sign_in()?;
        told.await;
        no_sign_in()?;
        tracing::info!(program = %program.path().display(), "another program takes over");
        self.begun.send_replace(true);
        Ok(())
    }

    /// Resolves when the handover has begun.
    pub async fn begun(&self) {
        drop(self.begun.subscribe().wait_for(|begun| *begun).await);
    }

    /// Checks the program file at each `arrival` of a connection, and hands over when it was replaced.
    pub async fn follow<T: Future<Output = ()>>(
        &self,
        broker: &Broker,
        is_signing_in: impl Fn() -> bool,
        tell: impl Fn() -> T,
        arrival: &Notify,
    ) -> Infallible {
        let Some(program) = &self.program else { return pending().await };
        sleep(SETTLED).await;
        loop {
            arrival.notified().await;
            if !broker.limits().follow_program {
                continue;
            }
            let known = lock(program).clone();
            // A home on a network can delay this task, but no session.
            if spawn_blocking(move || known.is_replaced()).await.unwrap_or_default() {
                match self.begin(broker, &is_signing_in, tell()).await {
                    Ok(()) => return pending().await,
                    Err(Refusal::SigningIn) => {}
                    Err(refusal) => {
                        tracing::warn!(%refusal, "the program was replaced, but this one continues");
                        lock(program).look_again();
                    }
                }
            }
            sleep(LOOK).await;
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (reason, hint, remedy) = match &refusal {
            Refusal::Unknown => (
                Reason::MalformedRequest,
                "stop it; the next call starts another",
                Some(Remedy::stop_daemon()),
            ),
            Refusal::SigningIn => (
                Reason::SourceUnavailable,
                "try again after it has ended, or cancel it",
                Some(Remedy::claviger(&["pending", "--cancel"])),
            ),
            Refusal::Unfit(..) => (
                Reason::CommandFailed,
                "install claviger again, or correct its configuration; the daemon continues unchanged",
                None,
            ),
        };
        Self::new(reason, refusal.to_string()).hint(hint).remedy(remedy)
    }
}
