//! Row of a cache entry in a table, for any width of terminal.

use super::{
    names::{self, KEY_LENGTH, key},
    state::state,
};
use crate::{
    output::Glyphs,
    render::{
        bar::{self, Left},
        columns::Column,
        place, time,
    },
    text::escape,
};
use claviger::{proto::v1::CacheEntry, source::STORED, wire};
use std::time::{Duration, SystemTime};

/// Number of columns.
pub(crate) const COLUMNS: usize = 13;
/// Column of the bar.
pub(crate) const BAR: usize = 2;
/// Column of the remaining time.
pub(crate) const LEFT: usize = 3;
/// Column of the state.
pub(crate) const STATE: usize = 7;

/// The columns, in the order they are shown.
pub(crate) const TITLES: [Column; COLUMNS] = [
    column("FOR", 0, false, 0),
    column("SOURCE", 0, false, 0),
    column("", 5, false, bar::WIDTH),
    column("LEFT", 0, false, 10),
    column("GEN", 4, true, 3),
    column("AGE", 6, false, 6),
    column("SESSIONS", 3, true, 8),
    column("STATE", 0, false, 10),
    column("NEXT", 10, false, 14),
    column("HITS", 11, true, 4),
    column("RUNS", 12, true, 4),
    column("CONFIGURED", 13, false, 0),
    column("KEY", 9, false, KEY_LENGTH),
];

const fn column(title: &'static str, rank: u8, right: bool, least: usize) -> Column {
    Column { title, rank, right, least }
}

/// A row for each entry; without a bar for programs.
pub(crate) fn rows(
    entries: &[CacheEntry],
    now: SystemTime,
    glyphs: Option<Glyphs>,
) -> Vec<[String; COLUMNS]> {
    let names = names::of(entries);
    entries.iter().zip(names).map(|(entry, name)| row(entry, name, now, glyphs)).collect()
}

fn row(entry: &CacheEntry, name: String, now: SystemTime, glyphs: Option<Glyphs>) -> [String; COLUMNS] {
    let left = Left::of(entry, now);
    let bar = glyphs.map(|glyphs| left.bar(glyphs)).map(|(left, gone)| left + &gone);
    [
        name,
        escape::line(&entry.source),
        bar.unwrap_or_default(),
        left.words(),
        entry.generation.to_string(),
        age(entry, now),
        entry.sessions.to_string(),
        state(entry, now).into(),
        entry.refresh_at.as_ref().map_or_else(|| "-".into(), |at| time::relative(at, now)),
        entry.hits.to_string(),
        entry.runs.to_string(),
        configured(entry),
        key(entry),
    ]
}

/// Where it is configured. An account is configured in no file: it comes from a sign-in.
pub(crate) fn configured(entry: &CacheEntry) -> String {
    let unplaced = match entry.source.as_str() {
        source if STORED.contains(&source) => "local store",
        _ => "environment",
    };
    entry.location.as_ref().map_or_else(|| unplaced.into(), place)
}

/// Age of the credential in its largest unit: "4 min".
fn age(entry: &CacheEntry, now: SystemTime) -> String {
    let Some(at) = entry.fetched_at.as_ref().and_then(wire::system_time) else { return "-".into() };
    let age = now.duration_since(at).unwrap_or_default().as_secs();
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| age >= *unit).unwrap_or(1);
    time::span(Duration::from_secs(age / unit * unit))
}
