//! Commands and hooks whose program does not exist, and hooks that do not match the settings any more.

use crate::{
    doctor::{
        facts::{Facts, Program, Setting},
        finding::Finding,
    },
    hook::{
        claude::{Found, HOOKS, is_outdated},
        cloud::{Cloud, Variables},
    },
};
use claviger::remedy::Remedy;

/// Longest name of a program without a path that is shown.
const LONGEST_NAME: usize = 32;

/// Checks every program that settings name.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    facts.programs.iter().filter(|program| !program.found).map(missing).chain(outdated(facts)).collect()
}

/// As `claviger hook list` reports it, for the user's own settings.
fn outdated(facts: &Facts) -> Option<Finding> {
    let own = || facts.settings.iter().filter(|setting| setting.at.layer == "user");
    let variable =
        |setting: &Setting| Some((setting.name.strip_prefix("env.")?.to_owned(), setting.text.clone()?));
    let cloud = Cloud::of(&own().filter_map(variable).collect(), &Variables::new());
    let found = HOOKS.map(|(key, _)| {
        let here = own().find(|setting| setting.name == key);
        let is_behind = |setting: &&Setting| setting.name == key && !setting.hook;
        Found { hook: here.map(|setting| setting.hook), behind: facts.settings.iter().any(|s| is_behind(&s)) }
    });
    let at = own().find(|setting| setting.hook).map(|setting| &setting.at);
    is_outdated(cloud.as_ref(), &found).then(|| {
        Finding::warning("hook-outdated", "the hooks of Claude Code do not match its settings any more")
            .at(at)
            .because("a cloud was enabled, or a command was added, after they were installed")
            .helped(Remedy::claviger(&["hook", "install", "claude", "--yes"]))
    })
}

fn missing(program: &Program) -> Finding {
    let Program { name, word, at, hook, elsewhere, .. } = program;
    let is_path = word.contains('/');
    // The key itself may be in place of a command.
    let may_be_secret = !is_path && (word.starts_with("sk-") || word.len() > LONGEST_NAME);
    let shown = if may_be_secret { "a program with a name like a key (not shown)" } else { word };
    let finding = match hook {
        true => {
            Finding::error("hook-missing", format!("{name} runs claviger as {word}, which does not exist"))
        }
        false => Finding::error("command-missing", format!("{name} runs {shown}, which does not exist")),
    };
    let cause = match (is_path, elsewhere) {
        (true, _) => "there is no such program, or it is not executable".to_owned(),
        (false, None) => "it is in none of the directories searched for this session".to_owned(),
        (false, Some(directory)) => format!(
            "claviger does not search {}, where it is: others can write there, or it belongs to a project \
                that is not trusted",
            directory.display()
        ),
    };
    // Installing it again changes the user's own settings, and no others.
    let is_ours = *hook && at.layer == "user" && HOOKS.iter().any(|(key, _)| key == name);
    let remedy = match is_ours {
        true => Some(Remedy::claviger(&["hook", "install", "claude", "--yes"])),
        false => Remedy::edit(at),
    };
    finding.at(at).because(cause).helped(remedy)
}
