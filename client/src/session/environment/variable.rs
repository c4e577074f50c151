//! Variables to set and to remove.

use claviger::Secret;
use std::process::Command;

/// Variable of the headers that accompany the credential.
pub(super) const HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";

/// A variable to set, or to remove if it has no value.
pub(crate) type Variable = (&'static str, Option<Secret>);
/// A variable to set.
pub(super) type Set = (&'static str, Secret);

/// `set`, and the removal of every other variable of `owned` that the environment has.
pub(crate) fn complete(
    set: Vec<Set>,
    owned: impl IntoIterator<Item = &'static str>,
    is_set: impl Fn(&str) -> bool,
) -> Vec<Variable> {
    let stays = |name: &&str| !set.iter().any(|(set, _)| set == name);
    let removed: Vec<_> = owned.into_iter().filter(stays).filter(|name| is_set(name)).collect();
    let set = set.into_iter().map(|(name, value)| (name, Some(value)));
    set.chain(removed.into_iter().map(|name| (name, None))).collect()
}

/// Sets and removes `variables` for `command`.
pub(crate) fn give(command: &mut Command, variables: &[Variable]) {
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value.expose()),
            None => command.env_remove(name),
        };
    }
}

/// A variable of this process; what is not UTF-8 in it is replaced.
pub(crate) fn own(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Text for a variable.
pub(crate) fn text(value: impl Into<String>) -> Secret {
    Secret::new(value.into())
}
