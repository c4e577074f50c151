//! Requests: the session in them, from near and from foreign callers.

use crate::{CANARY, check_problem};
use claviger::{
    proto::v1,
    reason::{Problem, Reason},
    session::{NAMES, Names, SessionContext},
    wire,
};
use clavigerd::caller;
use prost::Message;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A message on the wire. Any of the API is made of these.
pub fn requests(input: &[u8]) {
    if let Ok(message) = v1::SessionContext::decode(input) {
        near(&message);
        foreign(&message);
    }
    if let Ok(message) = v1::Problem::decode(input) {
        problem(&message);
    }
    // One field after another, so that a request that holds a session holds the very same one.
    if let Ok(message) = v1::GetCredentialRequest::decode(input) {
        if let Some(session) = &message.session {
            near(session);
            foreign(session);
        }
        if let Some(validity) = message.min_validity {
            drop(Duration::try_from(validity));
        }
    }
}

fn near(message: &v1::SessionContext) {
    let session = match SessionContext::from_proto(Some(message.clone())) {
        Ok(session) => session,
        Err(problem) => return refused(&problem),
    };
    let texts = session.variables.values().chain(session.chosen.values()).chain(&session.inside_flight);
    let lent = session.lent.values().map(|secret| secret.expose());
    assert!(session.cwd.is_absolute());
    assert!(texts.chain(lent).all(|text| !text.chars().any(char::is_control)));
    assert!(session.present.iter().all(|name| !session.variables.contains_key(name)));
    // Names are no secrets.
    assert!(!format!("{:?}", session.lent.values()).contains(CANARY));
    // Its name is a path, which is shown.
    if let Some(explicit) = session.explicit.as_ref().filter(|explicit| !explicit.name.contains(CANARY)) {
        assert!(!format!("{explicit:?}").contains(CANARY));
    }

    let written = session.to_proto();
    let again = SessionContext::from_proto(Some(written.clone()));
    assert_eq!(again.as_ref(), Ok(&session));
    // What it is said by is exactly what would be decoded to it.
    let is_plain = session.lent.is_empty() && session.explicit.is_none();
    assert_eq!(session.is_said_by(&written), is_plain);
    if session.is_said_by(message) {
        assert_eq!(*message, written);
    }
    drop(Names::of(&session).map(|names| names.to_proto()));
}

fn foreign(message: &v1::SessionContext) {
    let names = match Names::from_proto(Some(message.clone())) {
        Ok(names) => names,
        Err(problem) => return refused(&problem),
    };
    assert!(names.chosen.keys().all(|name| NAMES.contains(&name.as_str())));
    assert!(names.chosen.values().all(|value| !value.is_empty()));
    assert_eq!(Names::from_proto(Some(names.to_proto())).as_ref(), Ok(&names));
    let session = caller::session(Path::new("/h"), names.clone()).expect("a home");
    assert_eq!(SessionContext::from_proto(Some(session.to_proto())).as_ref(), Ok(&session));
    assert_eq!(Names::of(&session), Ok(names));
}

fn refused(problem: &Problem) {
    use Reason::{ForeignCaller, Limits, MalformedRequest};
    assert!([ForeignCaller, Limits, MalformedRequest].contains(&problem.reason), "{problem}");
    check_problem(problem);
    let veiled = caller::veiled(problem);
    assert_eq!((veiled.reason, veiled.location), (problem.reason, None));
}

/// A problem that a daemon of another release sent.
fn problem(message: &v1::Problem) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let problem = wire::from_problem(message, now);
    let again = wire::from_problem(&wire::problem(&problem, now), now);
    assert_eq!((again.reason, &again.message), (problem.reason, &problem.message));
    drop(problem.for_session("/w").advice());
    let status = wire::to_status(&again);
    assert_eq!(wire::from_status(&status).reason, again.reason);
}
