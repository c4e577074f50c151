//! Planned changes of files, and their execution.

use super::{
    Draft, diff,
    file::Target,
    json::quoted,
    record::{Changed, Kind, Ledger, digest},
    toml::Toml,
    undo::{Moved, Undone, undo},
};
use crate::failure::Failure;
use claviger::hook::COMMANDS;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file and its new content.
#[derive(Clone, Debug)]
pub(crate) struct FileChange {
    target: Target,
    /// Its content without the hook.
    pub(crate) undone: Undone,
    /// Its new content.
    new: Option<String>,
    /// The parts of it that may be shown.
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
) -> Result<Vec<(FileChange, Draft)>, Failure> {
    let known = ledger.changed(tool);
    let moved = moved(known)?;
    let begin = |(path, kind): &(PathBuf, Kind)| {
        let step = step(path, known.iter().find(|changed| changed.path == *path), (&[], &moved))?;
        let draft = Draft::new(path, *kind, step.undone.text.as_deref());
        Ok((step, draft))
    };
    files.iter().map(begin).collect()
}

/// The steps that lead to `drafts`, and their record. Files that stay as they are without a hook are left out.
pub(crate) fn finish(
    ledger: &Ledger,
    tool: &str,
    begun: Vec<(FileChange, Draft)>,
) -> (Vec<FileChange>, Vec<Changed>) {
    let known = ledger.changed(tool);
    let mut record = Vec::new();
    let steps = begun.into_iter().map(|(mut step, draft)| {
        let base = step.undone.text.clone();
        let old = known.iter().find(|changed| changed.path == draft.path);
        step.new = (draft.existed || !draft.splices.is_empty()).then_some(draft.text);
        step.shown.extend(shown(&draft.splices));
        if let Some(old) = old.filter(|old| step.is_same(old.kind, draft.directory.as_deref())) {
            // A different position in the file is not a reason to write it.
            step.new = step.target.text.clone();
            record.push(Changed { after: digest(step.new.as_deref()), ..old.clone() });
        } else if !draft.splices.is_empty() {
            let mut directories = step.target.missing();
            directories.extend(
                old.filter(|old| !old.existed).map(|old| old.directories.clone()).unwrap_or_default(),
            );
            record.push(Changed {
                path: draft.path,
                kind: draft.kind,
                directory: draft.directory,
                existed: draft.existed && old.is_none_or(|old| old.existed),
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

/// The steps that undo the record of `tool`, the last file first. A change that cannot be undone in one file stays in
/// the others, too: otherwise the only copy of a command could be lost.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn back(ledger: &Ledger, tool: &str) -> Result<Vec<FileChange>, Failure> {
    let known = ledger.changed(tool);
    let moved = moved(known)?;
    let mut left = Vec::new();
    let mut steps = Vec::new();
    for changed in known.iter().rev() {
        let step = step(&changed.path, Some(changed), (&left, &moved))?;
        left.extend(step.undone.left.iter().cloned());
        steps.push(step);
    }
    Ok(steps)
}

/// The commands that moved into the configuration, in their current form: a person may have edited them.
fn moved(known: &[Changed]) -> Result<Moved, Failure> {
    let mut moved = Moved::new();
    for changed in known.iter().filter(|changed| changed.kind == Kind::Toml) {
        let (name, target) = (changed.path.to_string_lossy(), Target::read(&changed.path)?);
        let text = target.text.as_deref().unwrap_or_default();
        let toml = Toml { path: &name, text, directory: changed.directory.as_deref() };
        for key in
            changed.splices.iter().map(|splice| &splice.name).filter(|key| COMMANDS.contains(&key.as_str()))
        {
            moved.extend(toml.command(key)?.map(|command| (key.clone(), command)));
        }
    }
    Ok(moved)
}

fn step(
    path: &Path,
    changed: Option<&Changed>,
    (keep, moved): (&[String], &Moved),
) -> Result<FileChange, Failure> {
    let target = Target::read(path)?;
    let undone = match changed {
        Some(changed) => undo(changed, target.text.as_deref(), keep, moved)?,
        None => Undone { text: target.text.clone(), ..Undone::default() },
    };
    let new = undone.text.clone();
    let mut shown = changed.map(|changed| shown(&changed.splices)).unwrap_or_default();
    shown.extend(moved.values().map(|command| quoted(command)));
    let directories = changed.map(|changed| changed.directories.clone()).unwrap_or_default();
    Ok(FileChange { target, undone, new, shown, directories })
}

fn shown(splices: &[super::splice::Splice]) -> Vec<String> {
    splices.iter().flat_map(|splice| [splice.removed.clone(), splice.inserted.clone()]).collect()
}

// === impl Step ===

impl FileChange {
    /// Path of the file.
    pub(crate) fn name(&self) -> String {
        self.target.path.display().to_string()
    }

    /// Whether the part of the configuration for `directory` already has the wanted content.
    fn is_same(&self, kind: Kind, directory: Option<&str>) -> bool {
        let toml = |text| Toml { path: "", text, directory };
        let (Some(old), Some(new)) = (&self.target.text, &self.new) else { return false };
        kind == Kind::Toml && toml(new).says_the_same_as(&toml(old))
    }

    /// Records in `ledger` that this is done for `tool`.
    pub(crate) fn note(&self, ledger: &mut Ledger, tool: &str) {
        ledger.note(tool, &self.target.path, (self.target.text.as_deref(), self.new.as_deref()));
    }

    /// Whether there is anything to do.
    pub(crate) fn is_change(&self) -> bool {
        self.new != self.target.text
    }

    /// The change as shown to a person.
    pub(crate) fn diff(&self) -> String {
        let shown: Vec<_> = self.shown.iter().map(String::as_str).collect();
        diff::render(&self.name(), self.target.text.as_deref(), self.new.as_deref(), &shown)
    }

    /// Whether it may be done.
    ///
    /// # Errors
    /// If the file is read-only or another user's, and --force is not given.
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
            // The deepest first; directories that are not empty stay.
            self.directories.iter().for_each(|directory| drop(fs::remove_dir(directory)));
        }
        Ok(())
    }
}
