//! `claviger doctor`: problems here, their causes and remedies.
//!
//! [`gather`] collects the facts, each with a deadline; the checks judge them without effects; [`text`] and [`json`]
//! show both. A new check is one function in [`checks`] and one line in [`CHECKS`]; a new finding is one line in
//! [`finding::IDS`] and one in docs/troubleshooting.md.

mod checks;
pub(crate) mod facts;
pub(crate) mod finding;
pub(crate) mod gather;
pub(crate) mod json;
mod progress;
pub(crate) mod text;

use claviger::remedy::Remedy;
use facts::Facts;
pub(crate) use finding::{Finding, Severity};

/// Judges facts.
type Check = fn(&Facts) -> Vec<Finding>;

/// Every check, in the order in which findings are printed.
const CHECKS: [Check; 14] = [
    checks::daemon::check,
    checks::settings::check,
    checks::credential::check,
    checks::accounts::check,
    checks::gates::check,
    checks::programs::check,
    checks::conflicts::check,
    checks::aws::check,
    checks::google::check,
    checks::azure::check,
    checks::network::check,
    checks::endpoint::check,
    checks::places::check,
    checks::service::check,
];

/// All findings, the worst first.
pub(crate) fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut found: Vec<Finding> = CHECKS.iter().flat_map(|check| check(facts)).collect();
    let missing: Vec<_> = found.iter().filter(|one| one.id == "command-missing").map(Finding::line).collect();
    // One finding is the cause of the other.
    found.retain(|one| one.id != "command-failed" || !missing.contains(&one.line()));
    found.sort_by_key(|one| one.severity);
    found.into_iter().map(|one| of_session(one, facts)).collect()
}

/// The finding with a remedy for the checked session: its directory, and its socket.
fn of_session(finding: Finding, facts: &Facts) -> Finding {
    let of_session = |remedy: Remedy| remedy.within(&facts.directory).over(facts.socket.as_deref());
    Finding { remedy: finding.remedy.map(of_session), ..finding }
}
