//! Import cycles among the rooms of each folder.

use super::house::{House, Taking};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

/// Name of a folder's own file among its rooms.
const OWN: &str = "(itself)";

/// Rooms of one folder that import one another.
#[derive(Debug, PartialEq)]
pub(super) struct Circle {
    /// The folder.
    folder: String,
    /// All rooms that lie in it.
    rooms: Vec<String>,
    /// The shortest cycle.
    way: Vec<String>,
}

/// The rooms of a folder: which imports which, and the first place of each import.
type Rooms = BTreeMap<String, BTreeMap<String, String>>;

/// All cycles of a crate.
pub(super) fn all(house: &House) -> Vec<Circle> {
    let mut folders: BTreeMap<String, Rooms> = BTreeMap::new();
    for Taking { from, to, seen } in house.takings() {
        let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
        let room = |of: &[String]| of.get(shared).map_or(OWN, String::as_str).to_owned();
        let folder = [std::slice::from_ref(&house.place), &from[..shared]].concat().join("/");
        let takes = folders.entry(folder).or_default().entry(room(&from)).or_default();
        takes.entry(room(&to)).or_insert(seen);
    }
    folders.iter().flat_map(|(folder, rooms)| of_folder(folder, rooms)).collect()
}

fn of_folder(folder: &str, rooms: &Rooms) -> Vec<Circle> {
    let (mut found, mut done) = (Vec::new(), BTreeSet::new());
    for room in rooms.keys() {
        let tied: Vec<String> = rooms
            .keys()
            .filter(|other| {
                *other == room || (way(rooms, room, other).is_some() && way(rooms, other, room).is_some())
            })
            .cloned()
            .collect();
        if tied.len() > 1 && done.insert(tied.clone()) {
            let ways = tied.iter().filter_map(|room| way(rooms, room, room));
            let way = ways.min_by_key(Vec::len).unwrap_or_default();
            found.push(Circle { folder: folder.to_owned(), rooms: tied, way });
        }
    }
    found
}

/// The shortest path of imports from one room to another, or back to itself.
fn way(rooms: &Rooms, from: &str, to: &str) -> Option<Vec<String>> {
    let mut waiting = VecDeque::from([(from, Vec::new())]);
    let mut seen = BTreeSet::new();
    while let Some((room, way)) = waiting.pop_front() {
        for (next, taking) in rooms.get(room).into_iter().flatten() {
            let way: Vec<String> = way.iter().cloned().chain([taking.clone()]).collect();
            if next == to {
                return Some(way);
            }
            if seen.insert(next) {
                waiting.push_back((next, way));
            }
        }
    }
    None
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, rooms, way } = self;
        write!(f, "{folder}: a circle of {} rooms ({})", rooms.len(), rooms.join(", "))?;
        way.iter().try_for_each(|taking| write!(f, "\n          {taking}"))
    }
}
