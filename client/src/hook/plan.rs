//! What is about to be written, and the writing.

use super::{
    Draft, diff,
    file::Target,
    record::{Changed, Kind, Ledger, digest},
    undo::{Undone, undo},
};
use crate::failure::Failure;
use std::{fs, path::PathBuf};

/// A file and what it becomes.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    target: Target,
    /// What it is without the hook.
    pub(crate) undone: Undone,
    /// What it becomes.
    new: Option<String>,
    /// What of it may be shown.
    shown: Vec<String>,
    /// Directories to remove, if they are empty once it is gone.
    directories: Vec<PathBuf>,
}

/// Files as they would be without the hook of `tool`, in the order of `files`.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn begin(
    ledger: &Ledger,
    tool: &str,
    files: &[(PathBuf, Kind)],
) -> Result<Vec<(Step, Draft)>, Failure> {
    let known = ledger.changed(tool);
    let begin = |(path, kind): &(PathBuf, Kind)| {
        let step = step(path, known.iter().find(|changed| changed.path == *path), &[])?;
        let draft = Draft::new(path, *kind, step.undone.text.as_deref());
        Ok((step, draft))
    };
    files.iter().map(begin).collect()
}

/// The steps that lead to `drafts`, and what the record will say of them. Files that stay as they are without a hook have
/// no part in it.
pub(crate) fn finish(ledger: &Ledger, tool: &str, begun: Vec<(Step, Draft)>) -> (Vec<Step>, Vec<Changed>) {
    let known = ledger.changed(tool);
    let mut record = Vec::new();
    let steps = begun.into_iter().map(|(mut step, draft)| {
        let base = step.undone.text.clone();
        step.new = (draft.existed || !draft.splices.is_empty()).then_some(draft.text);
        step.shown.extend(shown(&draft.splices));
        if !draft.splices.is_empty() {
            let old = known.iter().find(|changed| changed.path == draft.path);
            let mut directories = step.target.missing();
            directories.extend(
                old.filter(|_| !draft.existed).map(|old| old.directories.clone()).unwrap_or_default(),
            );
            record.push(Changed {
                path: draft.path,
                kind: draft.kind,
                existed: draft.existed,
                directories,
                before: digest(base.as_deref()),
                after: digest(step.new.as_deref()),
                splices: draft.splices,
            });
        }
        step
    });
    (steps.collect(), record)
}

/// The steps that undo what the record says of `tool`, the last file first. What could not be taken back in one file is
/// left in the others, too: a command that is nowhere else would be lost.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn back(ledger: &Ledger, tool: &str) -> Result<Vec<Step>, Failure> {
    let known = ledger.changed(tool);
    let mut left = Vec::new();
    let mut steps = Vec::new();
    for changed in known.iter().rev() {
        let step = step(&changed.path, Some(changed), &left)?;
        left.extend(step.undone.left.iter().cloned());
        steps.push(step);
    }
    Ok(steps)
}

fn step(path: &std::path::Path, changed: Option<&Changed>, keep: &[String]) -> Result<Step, Failure> {
    let target = Target::read(path)?;
    let undone = match changed {
        Some(changed) => undo(changed, target.text.as_deref(), keep)?,
        None => Undone { text: target.text.clone(), ..Undone::default() },
    };
    let new = undone.text.clone();
    let shown = changed.map(|changed| shown(&changed.splices)).unwrap_or_default();
    let directories = changed.map(|changed| changed.directories.clone()).unwrap_or_default();
    Ok(Step { target, undone, new, shown, directories })
}

fn shown(splices: &[super::splice::Splice]) -> Vec<String> {
    splices.iter().flat_map(|splice| [splice.removed.clone(), splice.inserted.clone()]).collect()
}

// === impl Step ===

impl Step {
    /// Path of the file.
    pub(crate) fn name(&self) -> String {
        self.target.path.display().to_string()
    }

    /// Whether anything is to be done.
    pub(crate) fn is_change(&self) -> bool {
        self.new != self.target.text
    }

    /// The change as a person may see it.
    pub(crate) fn diff(&self) -> String {
        let shown: Vec<_> = self.shown.iter().map(String::as_str).collect();
        diff::render(&self.name(), self.target.text.as_deref(), self.new.as_deref(), &shown)
    }

    /// Whether it may be done.
    ///
    /// # Errors
    /// If the file is read-only or somebody else's, and nobody insists.
    pub(crate) fn check(&self, force: bool) -> Result<(), Failure> {
        if self.is_change() { self.target.check(force) } else { Ok(()) }
    }

    /// Does it.
    ///
    /// # Errors
    /// If the file has changed meanwhile, or the system refuses.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        if self.is_change() {
            self.target.write(self.new.as_deref())?;
        }
        if self.new.is_none() {
            // The deepest first; one with anything else in it stays.
            self.directories.iter().for_each(|directory| drop(fs::remove_dir(directory)));
        }
        Ok(())
    }
}
