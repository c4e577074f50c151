//! What a daemon answers: secrets of leases, problems, events.

use super::{CANARY, wait::BOUND};
use claviger::{
    client::Watch,
    proto::v1::{self, watch_credential_response::Event},
    reason::{Problem, Reason},
    wire,
};
use tokio::time::timeout;
use tonic::{Response, Status};

/// The secret of a lease.
pub fn secret(lease: &v1::Lease) -> &str {
    match &lease.material {
        Some(v1::lease::Material::Secret(secret)) => &secret.value,
        other => panic!("no secret but {other:?}"),
    }
}

/// The problem of a call that must fail, which shows no secret.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Problem {
    let status = answer.expect_err("must be refused");
    assert!(!format!("{status:?}").contains(CANARY), "{status:?}");
    let problem = wire::from_status(&status);
    assert_ne!(problem.reason, Reason::Bug, "{status:?}");
    problem
}

/// The next event of a watch, in time.
pub async fn next(watch: &mut Watch) -> Event {
    let event = timeout(BOUND, watch.next()).await.expect("an event in time");
    event.expect("no error").expect("the stream goes on")
}

/// The next event, which must be a new credential.
pub async fn issued(watch: &mut Watch) -> (v1::issued::Reason, v1::Lease) {
    loop {
        match next(watch).await {
            Event::Issued(issued) => return (issued.reason(), issued.lease.expect("a lease")),
            Event::Progress(_) => {}
            other => panic!("{other:?} instead of a credential"),
        }
    }
}
