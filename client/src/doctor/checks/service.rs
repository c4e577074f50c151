//! What a service manager would start. That there is nothing is fine: the client starts a daemon by itself.

use super::daemon::quoted;
use crate::{
    doctor::{
        facts::{Facts, Unit},
        finding::Finding,
    },
    service::units::State,
};
use claviger::reason::Location;

/// Judges the files of systemd or launchd.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    facts.units.iter().filter_map(judge).collect()
}

fn judge(unit: &Unit) -> Option<Finding> {
    let at = Location { file: unit.path.display().to_string(), ..Location::default() };
    let finding = match (&unit.program, &unit.other) {
        (Some(program), _) if !unit.program_exists => Finding::error(
            "service-program-missing",
            format!("it starts {}, which is not there", program.display()),
        )
        .because("the service manager holds the socket and cannot start a daemon"),
        (Some(program), Some(other)) => {
            let what = format!("it starts {}, this client {}", program.display(), quoted(other));
            Finding::warning("service-other-program", what)
                .because("two installations; which daemon runs depends on who starts it")
        }
        _ if unit.state == State::Current => return None,
        _ => Finding::warning("service-outdated", "it is not the one of this release")
            .because("it was edited, or left behind by another release; a drop-in keeps your own changes"),
    };
    let mend = match unit.state {
        State::Foreign => "claviger service install --force",
        _ => "claviger service install",
    };
    Some(finding.at(&at).mend(mend))
}
