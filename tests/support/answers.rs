//! What a daemon answers: secrets of leases, problems, events.

use super::{CANARY, wait::BOUND};
use claviger::{Change, Changes, Lease, Material, Problem, Reason, Why, wire};
use std::time::SystemTime;
use tokio::time::timeout;
use tonic::{Response, Status};

/// The secret of a lease.
pub fn secret(lease: &Lease) -> &str {
    match &lease.material {
        Some(Material::Secret(secret)) => secret.expose(),
        other => panic!("no secret but {other:?}"),
    }
}

/// An instant in seconds since the epoch.
#[track_caller]
pub fn seconds(at: Option<SystemTime>) -> i64 {
    wire::timestamp(at.expect("an instant")).seconds
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
pub async fn next(watch: &mut Changes) -> Change {
    let event = timeout(BOUND, watch.next()).await.expect("an event in time");
    event.expect("no error").expect("the stream goes on")
}

/// The next event, which must be a new credential.
pub async fn issued(watch: &mut Changes) -> (Why, Lease) {
    loop {
        match next(watch).await {
            Change::Lease(lease, why) => return (why, *lease),
            Change::Progress(_) => {}
            other => panic!("{other:?} instead of a credential"),
        }
    }
}
