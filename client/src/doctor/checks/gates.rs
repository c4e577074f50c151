//! The standing gate: the settings of a tool lead there, so the tool reaches nothing while it is not open.

use crate::doctor::{facts::Facts, finding::Finding};
use claviger::remedy::Remedy;

/// Checks it.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let finding = facts.closed_gate.as_ref().map(|(name, problem)| {
        Finding::error("gate-closed", format!("the standing gate {name} is not open: {}", problem.message))
            .at(&problem.location)
            .because("the settings of Claude Code lead there, so it reaches nothing")
            .helped(problem.helps().unwrap_or_else(|| Remedy::install_gate(None)))
    });
    finding.into_iter().collect()
}
