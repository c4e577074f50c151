//! A diagnosis.

use super::{
    facts::{Daemon, Facts, Unchecked},
    finding,
};
use crate::{
    json::{Location, Remedy, form, own_location, remedy, text},
    text::words,
};
use claviger::proto::v1::ExplainResponse;

form! {
    /// Findings, omitted checks, and the winning credential.
    fn doctor(facts: &Facts, found: &[finding::Finding]) -> Diagnosis {
        winner: Option<String> = explained(facts).and_then(|explained| text(&explained.winner)),
        backend: Option<String> = explained(facts).map(|explained| words::backend(explained.backend())),
        origin: Option<String> = explained(facts).and_then(|explained| text(&explained.origin)),
        findings: Vec<Finding> = found.iter().map(finding).collect(),
        unchecked: Vec<Omitted> = facts.unchecked.iter().map(omitted).collect(),
        /// The command that lists the daemon's API.
        grpcurl: Option<String> = match &facts.daemon {
            Daemon::Running(running) => text(&running.grpcurl),
            _ => None,
        },
    }

    /// A check that was not made.
    fn omitted(one: &Unchecked) -> Omitted {
        what: String = one.what.to_string(),
        why: String = one.why.to_string(),
    }

    /// A finding; docs/troubleshooting.md explains each id.
    fn finding(finding: &finding::Finding) -> Finding {
        severity: &'static str = finding.severity.word(),
        id: &'static str = finding.id,
        what: String = finding.what.clone(),
        location: Option<Location> = finding.place.as_ref().map(own_location),
        cause: Option<String> = text(&finding.cause),
        /// The remedy as a sentence.
        fix: Option<String> = finding.fix(),
        remedy: Option<Remedy> = finding.remedy.as_ref().map(remedy),
    }
}

fn explained(facts: &Facts) -> Option<&ExplainResponse> {
    facts.explained.as_ref().and_then(|explained| explained.as_ref().ok())
}
