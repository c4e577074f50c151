//! The daemon that a service manager would start. Without one, the client starts a daemon by itself.

use crate::{
    doctor::{
        facts::{Facts, Unit},
        finding::Finding,
    },
    service::units::State,
};
use claviger::{reason::Location, remedy::Remedy};

/// Checks the files of systemd or launchd.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    facts.units.iter().filter_map(judge).chain(given_up(facts)).collect()
}

fn given_up(facts: &Facts) -> Option<Finding> {
    let what = "systemd has given up on the daemon after too many starts";
    facts.units_failed.then(|| {
        Finding::error("service-failed", what)
            .because(
                "it starts none until that is reset; `systemctl --user status clavigerd` shows its last lines",
            )
            .helped(Remedy::claviger(&["daemon", "install"]))
    })
}

fn judge(unit: &Unit) -> Option<Finding> {
    let at = Location { file: unit.path.display().to_string(), ..Location::default() };
    let finding = match (&unit.program, &unit.other) {
        (Some(program), _) if !unit.program_exists => Finding::error(
            "service-program-missing",
            format!("it starts {}, which does not exist", program.display()),
        )
        .because("the service manager holds the socket and cannot start a daemon"),
        (Some(program), Some(other)) => {
            let what = format!("it starts {}, this client {}", program.display(), other.display());
            Finding::warning("service-other-program", what)
                .because("two installations; the starter decides which daemon runs")
        }
        _ => match unit.state {
            State::Current => return None,
            State::Outdated | State::Absent => outdated("another release left it behind"),
            State::Foreign => outdated("it was edited; your own changes belong in a drop-in"),
        },
    };
    let install: &[&str] = match unit.state {
        // An edited file is replaced only with --force.
        State::Foreign => &["daemon", "install", "--force"],
        _ => &["daemon", "install"],
    };
    Some(finding.at(&at).helped(Remedy::claviger(install)))
}

fn outdated(why: &str) -> Finding {
    Finding::warning("service-outdated", "it is not the one of this release").because(why)
}
