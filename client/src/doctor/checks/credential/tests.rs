use super::check;
use crate::doctor::facts::{Credential, Facts as Known, Lent};
use claviger::{
    proto::v1::{CacheEntry, ExplainResponse, Facts, Step, step::Outcome},
    reason::{Problem, Reason},
    remedy::Remedy,
};
use std::time::{Duration, SystemTime};

fn ids(facts: &Known) -> Vec<&'static str> {
    check(facts).into_iter().map(|finding| finding.id).collect()
}

fn lent(expires_in: i64, stale: bool) -> Known {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let away = Duration::from_secs(expires_in.unsigned_abs());
    let expires = if expires_in < 0 { now - away } else { now + away };
    let lent = Lent { stale, expires_at: Some(expires), now: Some(now), ..Lent::default() };
    Known { credential: Some(Credential::Lent(lent)), ..Known::default() }
}

#[test]
fn a_credential_lasts_or_not() {
    assert_eq!(ids(&lent(60, false)), [""; 0]);
    assert_eq!(ids(&lent(60, true)), ["refresh-failing"]);
    assert_eq!(ids(&lent(-1, false)), ["credential-expired"]);
}

#[test]
fn every_reason_is_told_with_what_helps() {
    for reason in claviger::reason::REASONS {
        let problem = Problem::new(reason, "m").for_session("/w");
        let found =
            check(&Known { credential: Some(Credential::Failed(problem.clone())), ..Known::default() });
        assert_eq!(found.len(), 1);
        assert!(found[0].id == reason.as_str() && !found[0].cause.is_empty());
        // No question is open that `claviger confirm` could answer: the doctor asks none.
        let helps = match reason {
            Reason::NotConfirmed => None,
            // Never a recommendation to trust.
            Reason::WorkspaceUntrusted => Some(Remedy::claviger(&["trust", "ignore"])),
            _ => problem.helps(),
        };
        assert_eq!(found[0].remedy, helps);
    }
}

#[test]
fn what_the_daemon_says_helps_comes_first() {
    let problem = Problem::new(Reason::LoginRequired, "m").remedy(Remedy::login(Some("work")));
    let found = check(&Known { credential: Some(Credential::Failed(problem)), ..Known::default() });
    assert_eq!(found[0].fix().as_deref(), Some("claviger login work"));
}

#[test]
fn a_metadata_server_is_told_of_only_if_it_was_asked_in_vain() {
    let asked = |source: &str, outcome: Outcome, why: &str| {
        let link = Step { source: source.into(), outcome: outcome.into(), why: why.into(), location: None };
        let entry = CacheEntry {
            facts: Some(Facts { links: vec![link], ..Facts::default() }),
            ..CacheEntry::default()
        };
        let explained = ExplainResponse { entry: Some(entry), ..ExplainResponse::default() };
        ids(&Known { explained: Some(Ok(explained)), ..lent(60, false) })
    };
    assert_eq!(asked("imds", Outcome::Unanswered, "no metadata service answers"), ["metadata-unreachable"]);
    assert_eq!(asked("metadata", Outcome::Unanswered, "x cannot be reached"), ["metadata-unreachable"]);
    for (outcome, why) in [
        (Outcome::Chosen, "it answered"),
        (Outcome::Ignored, "NO_GCE_CHECK is set"),
        (Outcome::NotConfigured, "incomplete: IDENTITY_HEADER is not set"),
        (Outcome::NotConfigured, "IMDS disabled by AWS_EC2_METADATA_DISABLED env var"),
    ] {
        assert_eq!(asked("imds", outcome, why), [""; 0], "{why}");
    }
    assert_eq!(asked("profile", Outcome::Unanswered, "no credentials"), [""; 0]);
}
