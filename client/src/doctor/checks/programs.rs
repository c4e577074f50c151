//! Commands and hooks whose program is not there.

use crate::doctor::{
    facts::{Facts, Program},
    finding::{Finding, edit},
};

/// Judges every program that settings name.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    facts.programs.iter().filter(|program| !program.found).map(missing).collect()
}

fn missing(program: &Program) -> Finding {
    let Program { name, word, at, hook, .. } = program;
    let finding = match hook {
        true => Finding::error("hook-missing", format!("{name} runs claviger as {word}, which is not there")),
        false => Finding::error("command-missing", format!("{name} runs {word}, which is not there")),
    };
    let cause = match word.contains('/') {
        true => "there is no such program, or it may not be run",
        false => "no directory of this session's PATH has it",
    };
    let mend = match (hook, word.contains('/')) {
        (true, _) => "cargo xtask install".to_owned(),
        (false, true) => edit(at),
        (false, false) => format!("command -v {} || {}", crate::quote::shell(word), edit(at)),
    };
    finding.at(at).because(cause).mend(mend)
}
