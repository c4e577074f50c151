//! Another program goes on in the place of this one: on request, or because the file we were started from was replaced.
//!
//! The process stays, and with it the socket: a caller that connects meanwhile waits in its queue. What was asked before is
//! answered first, refreshes in progress end, and the cache goes along (`broker/kept.rs`), so no command runs again.

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

/// How long we wait, serving, for a moment without any refresh. After that, who asks for a credential has to wait for the
/// last of them.
const QUIET: Duration = Duration::from_secs(15);
/// Shortest time between two looks at the program's file.
const LOOK: Duration = Duration::from_secs(1);
/// How long a daemon serves before it lets another go on by itself: a file that seems to change at every look (some file
/// systems number them anew) would otherwise replace it without a pause.
const SETTLED: Duration = Duration::from_secs(3);

/// Whether and when another program goes on.
#[derive(Debug)]
pub struct Handover {
    /// `None`: there is nothing to go on with.
    program: Option<Mutex<Program>>,
    /// Taken while a handover is in preparation.
    turn: Semaphore,
    begun: watch::Sender<bool>,
}

/// Why this daemon goes on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It does not know its own program.
    #[error("this daemon does not know which program it was started from")]
    Unknown,
    /// A sign-in is in progress. That lasts for minutes, and could not be taken up again.
    #[error("a sign-in is in progress and would have to start over")]
    SigningIn,
    /// What lies there could not go on.
    #[error("{0} cannot take over: {1}")]
    Unfit(String, String),
}

// === impl Handover ===

impl Handover {
    /// To the program that lies where `program` says.
    pub fn new(program: Option<Program>) -> Arc<Self> {
        Arc::new(Self {
            program: program.map(Mutex::new),
            turn: Semaphore::new(1),
            begun: watch::Sender::default(),
        })
    }

    /// Begins as soon as nothing is lost by it: no sign-in is in progress, the program can go on, and no refresh is in progress (but
    /// that for `QUIET` only). A caller that asks meanwhile shares the outcome. `told` ends once the person was told, which no other
    /// program would do.
    ///
    /// # Errors
    /// Why this daemon goes on.
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
        // An endless refresh must not stand in the way of an update.
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

    /// Looks at the program's file at each `arrival` of a connection, and begins when another lies there.
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
                        tracing::warn!(%refusal, "the program was replaced, but this one goes on");
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
                "try again once it has ended, or end it",
                Some(Remedy::claviger(&["pending", "--cancel"])),
            ),
            Refusal::Unfit(..) => (
                Reason::CommandFailed,
                "install claviger again, or correct its configuration; the daemon goes on as it is",
                None,
            ),
        };
        Self::new(reason, refusal.to_string()).hint(hint).remedy(remedy)
    }
}
