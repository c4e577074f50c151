//! Names for the rows of the table, which distinguish them for a person: the account, the profile, or the directory
//! that asked last; the key if even that is not enough.

use crate::text::escape;
use claviger::proto::v1::CacheEntry;
use std::path::{Component, Path};

/// Length of a shown key, enough to identify it.
pub(super) const KEY_LENGTH: usize = 8;

/// A name for each entry; no two entries of one source have the same. `None` for all if the source is enough: among
/// sessions that share an entry, the directory would be another one each time.
pub(super) fn of(entries: &[CacheEntry]) -> Vec<String> {
    let says_more = |entry: &CacheEntry| {
        let of_source = entries.iter().filter(|other| other.source == entry.source);
        !own(entry).is_empty() || of_source.count() > 1
    };
    if !entries.iter().any(says_more) {
        return vec![String::new(); entries.len()];
    }
    let named: Vec<_> = entries.iter().map(|entry| name(entry, entries)).collect();
    let is_alone = |at: usize| {
        let twin = |other: usize| named[other] == named[at] && entries[other].source == entries[at].source;
        (0..entries.len()).all(|other| other == at || !twin(other))
    };
    let one = |at: usize| match (named[at].is_empty(), is_alone(at)) {
        (true, _) => key(&entries[at]),
        (false, true) => named[at].clone(),
        (false, false) => format!("{} {}", named[at], key(&entries[at])),
    };
    (0..entries.len()).map(one).collect()
}

fn own(entry: &CacheEntry) -> &str {
    if entry.account.is_empty() { &entry.profile } else { &entry.account }
}

fn name(entry: &CacheEntry, entries: &[CacheEntry]) -> String {
    let (name, directory) = (own(entry), directory(entry, entries));
    let of_source = entries.iter().filter(|other| other.source == entry.source);
    let is_shared = of_source.filter(|other| own(other) == name).count() > 1;
    escape::line(&match (name.is_empty(), is_shared && !directory.is_empty()) {
        (true, _) => directory,
        (false, true) => format!("{name} in {directory}"),
        (false, false) => name.to_owned(),
    })
}

/// As much of the end of its directory as distinguishes it from the others.
fn directory(entry: &CacheEntry, entries: &[CacheEntry]) -> String {
    let whole = Path::new(&entry.directory);
    let parts = |path: &Path| path.components().count();
    let end = |path: &Path, length: usize| -> std::path::PathBuf {
        path.components().skip(parts(path).saturating_sub(length)).collect()
    };
    let others = || entries.iter().map(|other| Path::new(&other.directory)).filter(|other| *other != whole);
    let is_enough = |length: &usize| others().all(|other| end(other, *length) != end(whole, *length));
    let length = (1..=parts(whole)).find(is_enough).unwrap_or(parts(whole));
    match end(whole, length).components().next() {
        Some(Component::Normal(_)) | None => end(whole, length).display().to_string(),
        Some(_) => entry.directory.clone(),
    }
}

/// Enough of its key to identify it.
pub(crate) fn key(entry: &CacheEntry) -> String {
    escape::line(&entry.key).chars().take(KEY_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use claviger::proto::v1::CacheEntry;

    fn entry(account: &str, profile: &str, directory: &str) -> CacheEntry {
        CacheEntry {
            key: "ab12cd34ee".into(),
            source: "s".into(),
            account: account.into(),
            profile: profile.into(),
            directory: directory.into(),
            ..CacheEntry::default()
        }
    }

    #[test]
    fn no_two_rows_of_a_source_have_one_name() {
        for (entries, names) in [
            (
                vec![entry("", "", "/h/a/app"), entry("", "", "/h/b/app"), entry("", "", "/h/web")],
                vec!["a/app", "b/app", "web"],
            ),
            (
                vec![entry("work", "", "/h/a"), entry("", "dev", "/h/a"), entry("", "", "/h/a")],
                vec!["work", "dev", "a"],
            ),
            (vec![entry("", "dev", "/h/a"), entry("", "dev", "/h/b")], vec!["dev in a", "dev in b"]),
            (
                vec![entry("", "", "/h/a"), CacheEntry { key: "ffee".into(), ..entry("", "", "/h/a") }],
                vec!["a ab12cd34", "a ffee"],
            ),
            (vec![entry("", "", ""), entry("", "", "/")], vec!["ab12cd34", "/"]),
            (
                vec![entry("", "", "/a"), CacheEntry { source: "other".into(), ..entry("", "", "/b") }],
                vec!["", ""],
            ),
            (vec![entry("", "", "/app"), entry("", "", "/h/app")], vec!["/app", "h/app"]),
        ] {
            assert_eq!(of(&entries), names);
        }
    }
}
