//! Commands and hooks whose program is not there.

use crate::{
    doctor::{
        facts::{Facts, Program},
        finding::Finding,
    },
    hook::claude::HOOKS,
};
use claviger::remedy::Remedy;

/// Longest name of a program without a path that is shown.
const LONGEST_NAME: usize = 32;

/// Judges every program that settings name.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    facts.programs.iter().filter(|program| !program.found).map(missing).collect()
}

fn missing(program: &Program) -> Finding {
    let Program { name, word, at, hook, .. } = program;
    let is_path = word.contains('/');
    // Somebody may have put the key itself where a command belongs.
    let may_be_secret = !is_path && (word.starts_with("sk-") || word.len() > LONGEST_NAME);
    let shown = if may_be_secret { "a program with a name like a key (not shown)" } else { word };
    let finding = match hook {
        true => Finding::error("hook-missing", format!("{name} runs claviger as {word}, which is not there")),
        false => Finding::error("command-missing", format!("{name} runs {shown}, which is not there")),
    };
    let cause = match is_path {
        true => "there is no such program, or it may not be run",
        false => "no directory of this session's PATH has it",
    };
    // Installing it again changes the user's own settings, and no others.
    let is_ours = *hook && at.layer == "user" && HOOKS.iter().any(|(key, _)| key == name);
    let remedy = match is_ours {
        true => Some(Remedy::claviger(&["hook", "install", "claude", "--yes"])),
        false => Remedy::edit(at),
    };
    finding.at(at).because(cause).helped(remedy)
}
