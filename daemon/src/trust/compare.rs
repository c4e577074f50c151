//! Compares a workspace's requests with those shown at the last decision.

use super::store::Record;
use crate::settings::{Item, Subject};
use claviger::reason::Location;

/// How an item compares with the last decision about its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Same as then.
    None,
    /// Was not there.
    Added,
    /// Had another value.
    Modified,
    /// Was there and is gone.
    Removed,
}

/// The items of `subject`, then those that are gone since `previous`; with the earlier value for those that are
/// modified or gone.
pub fn compare(subject: &Subject, previous: Option<&Record>) -> Vec<(Item, Change, Option<String>)> {
    let mut left: Vec<_> = previous.map(|record| record.items.iter().collect()).unwrap_or_default();
    // Files of two layers may set the same name, so equal items are paired first.
    let unchanged: Vec<bool> = subject
        .items
        .iter()
        .map(|item| {
            take(&mut left, |old| old.name == item.name && old.fingerprint == item.fingerprint).is_some()
        })
        .collect();
    let mut compared = Vec::new();
    for (item, unchanged) in subject.items.iter().zip(unchanged) {
        let before = if unchanged { None } else { take(&mut left, |old| old.name == item.name) };
        compared.push(match before {
            _ if unchanged => (item.clone(), Change::None, None),
            Some(before) => (item.clone(), Change::Modified, Some(before.value.clone())),
            None => (item.clone(), Change::Added, None),
        });
    }
    for old in left {
        let (name, fingerprint, command) = (old.name.clone(), old.fingerprint.clone(), old.command);
        let at = Location::default();
        let item = Item { name, value: String::new(), fingerprint, command, whole: true, at };
        compared.push((item, Change::Removed, Some(old.value.clone())));
    }
    compared
}

fn take<T>(items: &mut Vec<T>, matches: impl Fn(&T) -> bool) -> Option<T> {
    items.iter().position(matches).map(|index| items.remove(index))
}
