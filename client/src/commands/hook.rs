//! `claviger hook`: lets a tool borrow through its own hook, and undoes that.

mod arguments;
mod list;
#[cfg(test)]
pub(crate) use list::FoundHook;
mod standing;
mod tools;
mod trial;

pub(crate) use arguments::Verb;

use crate::{
    ask::person,
    failure::Failure,
    hook::{
        Guidance, claude,
        plan::FileChange,
        record::{Changed, Ledger},
    },
    json, output,
    session::{context::Context, user::user_file},
    text::escape,
};
use arguments::How;
use std::path::PathBuf;
use tools::{Tool, no_home};

/// Runs the verb. Needs the daemon only to try the command behind a hook.
///
/// # Errors
/// If a file cannot be read or written, or the hook would not work.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Install(arguments) => {
            let (tool, how) = Tool::installed(context, arguments)?;
            let mut ledger = Ledger::open(&state()?, how.may_write(context))?;
            let (steps, record, mut outcome) = tool.plan(&ledger)?;
            let done = confirm(context, &steps, how, tool.has_gate())?;
            if done {
                let was_gated = claude::is_gated(ledger.changed(&tool.id()));
                // Before the settings lead there.
                tool.open(context).await?;
                steps.iter().for_each(|step| step.note(&mut ledger, &tool.id()));
                remember(&mut ledger, &tool.id(), record)?;
                steps.iter().try_for_each(FileChange::write)?;
                if was_gated && tool.is_plain() {
                    standing::remove(context).await?;
                }
            }
            drop(ledger);
            if done && steps.iter().any(FileChange::is_change) {
                outcome.notes.extend(trial::note(context, &outcome.behind).await);
            }
            tell(context, &tool.id(), &steps, &outcome, how, done && tool.has_gate())
        }
        Verb::Remove(arguments) => {
            let (tool, how) = Tool::removed(arguments)?;
            let mut ledger = Ledger::open(&state()?, how.may_write(context))?;
            let (steps, outcome) = tool.back(&ledger)?;
            if confirm(context, &steps, how, false)? {
                steps.iter().try_for_each(FileChange::write)?;
                steps.iter().for_each(|step| step.note(&mut ledger, &tool.id()));
                if claude::is_gated(ledger.changed(&tool.id()))
                    || tool.is_plain() && standing::may_be(&state()?)
                {
                    // Before the record is gone: if this fails, it can be tried again.
                    standing::remove(context).await?;
                }
                ledger.forget(&tool.id());
                ledger.save()?;
            }
            tell(context, &tool.id(), &steps, &outcome, how, false)
        }
        Verb::List => list::run(context, &Ledger::open(&state()?, false)?),
    }
}

fn state() -> Result<PathBuf, Failure> {
    user_file("XDG_STATE_HOME", "claviger", ".local/state").ok_or_else(no_home)
}

fn remember(ledger: &mut Ledger, tool: &str, record: Vec<Changed>) -> Result<(), Failure> {
    ledger.forget(tool);
    if !record.is_empty() {
        ledger.records.hooks.insert(tool.to_owned(), record);
    }
    ledger.save()
}

/// Whether to write, after the person has seen the changes. `renews`: without a change, a gate is recorded for this session anew.
fn confirm(context: &Context, steps: &[FileChange], how: How, renews: bool) -> Result<bool, Failure> {
    steps.iter().try_for_each(|step| step.check(how.force || how.dry_run))?;
    let changes: Vec<_> = steps.iter().filter(|step| step.is_change()).collect();
    let question = match (changes.is_empty(), renews) {
        _ if how.dry_run => return Ok(false),
        (true, false) => return Ok(how.may_write(context)),
        (true, true) => {
            "the files stay as they are; have the gate lend the credential that this session has now?"
        }
        (false, _) => "\napply these changes?",
    };
    match () {
        () if how.yes => Ok(true),
        () if !context.interactive => {
            let hint = "see the changes with --dry-run, then add --yes";
            Err(Failure::usage("cannot ask for confirmation: this is not a terminal", hint))
        }
        () => {
            changes.iter().for_each(|step| output::talk_as_is(&step.diff()));
            match person::confirm(question) {
                true => Ok(true),
                false => Err(Failure::gave_up()),
            }
        }
    }
}

fn tell(
    context: &Context,
    tool: &str,
    steps: &[FileChange],
    outcome: &Guidance,
    how: How,
    renewed: bool,
) -> Result<(), Failure> {
    let changes: Vec<_> = steps.iter().filter(|step| step.is_change()).collect();
    let notes = outcome.notes.iter().cloned().chain(steps.iter().flat_map(notes)).collect::<Vec<_>>();
    if context.options.json {
        let file = |step: &&FileChange| json::file_diff(step.name(), step.diff());
        let changes = changes.iter().map(file).collect();
        let Guidance { variables, next, .. } = outcome;
        return Ok(output::json(&json::hook_changed(tool, how.dry_run, changes, notes, variables, next))?);
    }
    // A person who was asked has seen the changes already.
    let unseen = changes.iter().filter(|_| how.dry_run || how.yes);
    output::data(&unseen.map(|step| step.diff()).collect::<String>())?;
    let mut text = String::from(match (changes.is_empty(), how.dry_run) {
        (true, _) if renewed => "the gate was renewed, and no file has changed\n",
        (true, _) => "nothing to change\n",
        (false, true) => "nothing was changed: this was a dry run\n",
        (false, false) => "done\n",
    });
    notes.iter().for_each(|note| text.push_str(&format!("note: {}\n", escape::line(note))));
    if !outcome.variables.is_empty() {
        text.push_str("set these where the tool runs:\n");
    }
    for (name, value) in &outcome.variables {
        text.push_str(&format!("    export {name}={}\n", escape::line(&crate::text::quote::shell(value))));
    }
    if let (false, Some(next)) = (how.dry_run, &outcome.next) {
        text.push_str(&format!("next: {}\n", escape::line(next)));
    }
    Ok(output::show(&text)?)
}

/// Differences between a file and its record.
fn notes(step: &FileChange) -> Vec<String> {
    let name = step.name();
    let edited = step
        .undone
        .edited
        .then(|| format!("{name} was edited since: only claviger's own additions are removed, and a command returns in its \
            current form"));
    let left = step.undone.left.iter().map(|what| {
        format!(
            "{what} in {name} does not belong to claviger any more, and was left unchanged, as was the \
                command behind it"
        )
    });
    edited.into_iter().chain(left).collect()
}
