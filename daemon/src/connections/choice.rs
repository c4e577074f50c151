//! Which connection is closed when there is no room left. Pure.
//!
//! A caller with many connections loses one of its own before anybody else does: a session has one, so it is safe from a
//! process with a thousand of them.

use std::{cmp::Reverse, collections::HashMap, time::Duration};
use tokio::time::Instant;

/// How long a connection without a call counts as one that is about to make one.
const FRESH: Duration = Duration::from_secs(1);

/// What a connection holds.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// The process at its other end. Those that the kernel does not name count as one.
    pub(super) caller: Option<u32>,
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
    /// Whether it has no call, and is not about to make one.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.calls == 0 && now.duration_since(self.since) >= FRESH
    }
}

/// Of the caller with most connections: an idle one, if there is any, else the oldest.
pub(super) fn most_connections<'a>(
    open: impl Iterator<Item = (u64, &'a Holding)>,
    now: Instant,
) -> Option<u64> {
    worst(open, |_| 1, |holding| usize::from(holding.is_idle(now)))
}

/// Of the caller that holds most bytes: the one with most of them.
pub(super) fn most_bytes<'a>(open: impl Iterator<Item = (u64, &'a Holding)>) -> Option<u64> {
    worst(open, |holding| holding.bytes, |holding| holding.bytes)
}

/// Of the caller for whom the sum of `weight` is largest: the connection with the largest `rank`, and the oldest of several.
fn worst<'a>(
    open: impl Iterator<Item = (u64, &'a Holding)>,
    weight: impl Fn(&Holding) -> usize,
    rank: impl Fn(&Holding) -> usize,
) -> Option<u64> {
    let open: Vec<_> = open.collect();
    let mut weights: HashMap<Option<u32>, usize> = HashMap::new();
    for (_, holding) in &open {
        *weights.entry(holding.caller).or_default() += weight(holding);
    }
    let worst = open
        .iter()
        .max_by_key(|(number, holding)| (weights[&holding.caller], rank(holding), Reverse(*number)));
    worst.map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::{FRESH, Holding, most_bytes, most_connections};
    use tokio::time::Instant;

    /// Its caller, calls and bytes, and whether it is fresh.
    type Connection = (u32, usize, usize, bool);

    /// Connections, numbered in this order.
    fn open(connections: &[Connection], now: Instant) -> Vec<Holding> {
        let holding = |&(caller, calls, bytes, fresh): &Connection| Holding {
            caller: Some(caller),
            has_called: true,
            calls,
            bytes,
            since: if fresh { now } else { now - FRESH },
        };
        connections.iter().map(holding).collect()
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
            let holdings = open(connections, now);
            let numbered = || (0..).zip(&holdings);
            assert_eq!(most_connections(numbered(), now), Some(by_number), "{name}");
            assert_eq!(most_bytes(numbered()), Some(by_bytes), "{name}");
        }
        assert_eq!(most_bytes(std::iter::empty()), None);
    }
}
