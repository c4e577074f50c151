//! Chooses the connection to close when the limit is reached. Pure.
//!
//! A caller with many connections loses one of its own before another caller does. A session has one, so a process with
//! a thousand cannot displace it.

use std::{cmp::Reverse, time::Duration};
use tokio::time::Instant;

/// How long a connection without a call counts as about to make one.
const FRESH: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Its peer process. All processes that the kernel does not name count as one.
    pub(super) caller: Option<u32>,
    /// Order of opening.
    pub(super) number: u64,
}

/// Resources of a connection.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// Whether there has been a call.
    pub(super) has_called: bool,
    /// Calls that are being answered.
    pub(super) calls: usize,
    /// Bytes of its requests.
    pub(super) bytes: usize,
    /// When it was opened, or its last call ended.
    pub(super) since: Instant,
}

impl Holding {
    /// Whether it has no call and is not about to make one.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.calls == 0 && now.duration_since(self.since) >= FRESH
    }
}

/// Resources of a caller: its total of connections or bytes, and each connection with its number.
pub(super) type Caller<C> = (Option<u32>, usize, C);

/// From the caller with most connections: an idle one, else the oldest.
pub(super) fn most_connections<'a>(
    callers: impl Iterator<Item = Caller<impl Iterator<Item = (u64, &'a Holding)>>>,
    now: Instant,
) -> Option<Key> {
    worst(callers, |holding| holding.is_idle(now))
}

/// From the caller with most bytes: the connection with most of them.
pub(super) fn most_bytes<'a>(
    callers: impl Iterator<Item = Caller<impl Iterator<Item = (u64, &'a Holding)>>>,
) -> Option<Key> {
    worst(callers, |holding| holding.bytes)
}

/// From the caller with most: the connection with the largest `rank`, and the oldest of several.
fn worst<'a, R: Ord>(
    callers: impl Iterator<Item = Caller<impl Iterator<Item = (u64, &'a Holding)>>>,
    rank: impl Fn(&Holding) -> R,
) -> Option<Key> {
    let callers: Vec<_> = callers.collect();
    let most = callers.iter().map(|(_, sum, _)| *sum).max()?;
    let worst = callers.into_iter().filter(|(_, sum, _)| *sum == most);
    let keyed = worst.flat_map(|(caller, _, connections)| {
        connections.map(move |(number, holding)| (Key { caller, number }, holding))
    });
    keyed.max_by_key(|(key, holding)| (rank(holding), Reverse(key.number))).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::{Caller, FRESH, Holding, most_bytes, most_connections};
    use std::{collections::BTreeMap, iter};
    use tokio::time::Instant;

    /// Its caller, calls and bytes, and whether it is fresh.
    type Connection = (u32, usize, usize, bool);

    /// Connections of callers, numbered in this order.
    fn open(connections: &[Connection], now: Instant) -> BTreeMap<u32, BTreeMap<u64, Holding>> {
        let mut callers: BTreeMap<u32, BTreeMap<u64, Holding>> = BTreeMap::new();
        for (number, &(caller, calls, bytes, fresh)) in (0..).zip(connections) {
            let since = if fresh { now } else { now - FRESH };
            let holding = Holding { has_called: true, calls, bytes, since };
            callers.entry(caller).or_default().insert(number, holding);
        }
        callers
    }

    #[test]
    fn the_one_with_most_loses_one() {
        let now = Instant::now() + FRESH;
        let (old, new) = (false, true);
        let cases: [(&str, &[Connection], u64, u64); 6] = [
            ("one each: the idle one", &[(1, 1, 0, old), (2, 0, 0, old), (3, 1, 0, old)], 1, 0),
            ("about to call is not idle", &[(1, 1, 0, old), (2, 0, 0, new)], 0, 0),
            ("not the session's, though it is idle", &[(1, 0, 9, old), (2, 1, 5, old), (2, 1, 5, old)], 1, 1),
            ("of many the idle one", &[(2, 1, 0, old), (2, 0, 0, old), (1, 0, 0, old)], 1, 0),
            ("of the same the oldest", &[(2, 1, 1, old), (2, 1, 1, old), (2, 1, 1, old)], 0, 0),
            ("the largest of its own", &[(1, 1, 6, old), (2, 1, 3, old), (2, 1, 4, old)], 1, 2),
        ];
        for (name, connections, by_number, by_bytes) in cases {
            let callers = open(connections, now);
            let having = |sum: fn(&Holding) -> usize| {
                callers.iter().map(move |(caller, own)| {
                    let connections = own.iter().map(|(number, holding)| (*number, holding));
                    (Some(*caller), own.values().map(sum).sum(), connections)
                })
            };
            let by_connections = most_connections(having(|_| 1), now);
            assert_eq!(by_connections.map(|key| key.number), Some(by_number), "{name}");
            assert_eq!(
                most_bytes(having(|holding| holding.bytes)).map(|key| key.number),
                Some(by_bytes),
                "{name}"
            );
        }
        assert_eq!(most_bytes(iter::empty::<Caller<iter::Empty<_>>>()), None);
    }
}
