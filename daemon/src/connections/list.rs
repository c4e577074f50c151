//! The list of open connections.

use super::choice::{self, Holding};
use crate::{host::memory, lock::lock, logs::Rarely};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Waker},
};
use tokio::time::Instant;

/// So many connections leave memory behind that is worth giving back.
const MANY: usize = 64;
/// So do requests of so many bytes.
const MUCH: usize = 4 * 1024 * 1024;

/// What all connections may hold together.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections.
    pub connections: usize,
    /// Bytes of the requests that have not been answered yet, be they complete or not.
    pub bytes: usize,
}

/// All open connections.
#[derive(Debug)]
pub struct Connections {
    bounds: Bounds,
    open: Mutex<Open>,
    warned: Rarely,
}

#[derive(Debug, Default)]
pub(super) struct Open {
    entries: BTreeMap<u64, Entry>,
    /// What all of them hold.
    pub(super) bytes: usize,
    last: u64,
    /// Of connections, and of bytes.
    tides: (Tide, Tide),
}

/// The most that there was since memory was given back.
#[derive(Debug, Default)]
struct Tide(usize);

#[derive(Debug)]
struct Entry {
    holding: Holding,
    /// Of the task that serves it.
    waker: Option<Waker>,
}

/// One connection; its end takes it off the list.
#[derive(Debug)]
pub struct Link {
    connections: Arc<Connections>,
    number: u64,
}

/// How a connection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A call is being answered.
    Busy,
    /// No call, since then.
    Idle(Instant),
    /// It has to be closed: others need the room.
    Over,
}

// === impl Connections ===

impl Connections {
    /// None yet.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, open: Mutex::default(), warned: Rarely::default() })
    }

    /// Makes room for a connection of the process `caller`.
    pub fn open(self: &Arc<Self>, caller: Option<u32>) -> Arc<Link> {
        let mut open = self.lock();
        while open.entries.len() >= self.bounds.connections
            && self.close_one(&mut open, Open::most_connections)
        {}
        open.last += 1;
        let (number, since) = (open.last, Instant::now());
        let holding = Holding { caller, has_called: false, calls: 0, bytes: 0, since };
        open.entries.insert(number, Entry { holding, waker: None });
        let count = open.entries.len();
        open.tides.0.rise(count);
        Arc::new(Link { connections: self.clone(), number })
    }

    /// Closes one, to have its descriptors back; `false` if there is none.
    pub fn make_room(&self) -> bool {
        self.close_one(&mut self.lock(), Open::most_connections)
    }

    /// Closes those that have never had a call, and are not about to: there is no answer on its way.
    pub fn close_unused(&self) {
        let (now, mut open) = (Instant::now(), self.lock());
        let unused = open.holdings().filter(|(_, holding)| !holding.has_called && holding.is_idle(now));
        for number in unused.map(|(number, _)| number).collect::<Vec<_>>() {
            open.close(number);
        }
    }

    fn close_one(&self, open: &mut Open, choose: impl Fn(&Open) -> Option<u64>) -> bool {
        let Some(number) = choose(open) else { return false };
        let (pid, connections, bytes) = (open.close(number), open.entries.len(), open.bytes);
        match self.warned.is_due() {
            true => tracing::warn!(pid, connections, bytes, "a connection is closed: others need the room"),
            false => tracing::debug!(pid, connections, bytes, "a connection is closed: others need the room"),
        }
        true
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

// === impl Open ===

impl Open {
    fn holdings(&self) -> impl Iterator<Item = (u64, &Holding)> {
        self.entries.iter().map(|(number, entry)| (*number, &entry.holding))
    }

    fn most_connections(&self) -> Option<u64> {
        choice::most_connections(self.holdings(), Instant::now())
    }

    fn most_bytes(&self) -> Option<u64> {
        choice::most_bytes(self.holdings())
    }

    /// Takes it off the list, which its task notices; returns whose it was.
    fn close(&mut self, number: u64) -> Option<u32> {
        let Entry { holding, waker } = self.entries.remove(&number)?;
        self.bytes -= holding.bytes;
        waker.into_iter().for_each(Waker::wake);
        holding.caller
    }
}

impl Open {
    /// Gives memory back when most of what there was is gone: it would stay with this process for as long as something small
    /// lies behind it.
    fn give_back(&mut self) {
        let (connections, bytes) = &mut self.tides;
        let have_fallen = [connections.falls(self.entries.len(), MANY), bytes.falls(self.bytes, MUCH)];
        if have_fallen.contains(&true) {
            memory::give_back_soon();
        }
    }
}

// === impl Tide ===

impl Tide {
    fn rise(&mut self, to: usize) {
        self.0 = self.0.max(to);
    }

    /// Whether a quarter of it is left, once it was high.
    fn falls(&mut self, to: usize, high: usize) -> bool {
        let falls = self.0 >= high && to <= self.0 / 4;
        if falls {
            self.0 = to;
        }
        falls
    }
}

// === impl Link ===

impl Link {
    /// How it is used now. The task of `cx` is woken when it becomes idle, or has to be closed.
    pub fn usage(&self, cx: &Context<'_>) -> Usage {
        let mut open = self.connections.lock();
        let Some(Entry { holding, waker }) = open.entries.get_mut(&self.number) else { return Usage::Over };
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        if holding.calls > 0 { Usage::Busy } else { Usage::Idle(holding.since) }
    }

    /// Notes that a call begins to be answered.
    pub(super) fn begin(&self) {
        if let Some(entry) = self.connections.lock().entries.get_mut(&self.number) {
            entry.holding.calls += 1;
        }
    }

    /// Notes that a call that had begun is over.
    pub(super) fn end(&self) {
        let mut open = self.connections.lock();
        let Some(Entry { holding, waker }) = open.entries.get_mut(&self.number) else { return };
        holding.calls -= 1;
        if holding.calls == 0 {
            holding.since = Instant::now();
            waker.iter().for_each(Waker::wake_by_ref);
        }
    }

    /// Counts bytes that it holds from now on, and closes the connections that are too much; `false` if it is one of them.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let mut open = self.connections.lock();
        if let Some(entry) = open.entries.get_mut(&self.number) {
            entry.holding.has_called = true;
            entry.holding.bytes += bytes;
            open.bytes += bytes;
        }
        let held = open.bytes;
        open.tides.1.rise(held);
        while open.bytes > self.connections.bounds.bytes
            && self.connections.close_one(&mut open, Open::most_bytes)
        {}
        open.entries.contains_key(&self.number)
    }

    /// Gives bytes back.
    pub(super) fn release(&self, bytes: usize) {
        let mut open = self.connections.lock();
        if let Some(entry) = open.entries.get_mut(&self.number) {
            entry.holding.bytes -= bytes;
            open.bytes -= bytes;
        }
        open.give_back();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        if let Some(entry) = open.entries.remove(&self.number) {
            open.bytes -= entry.holding.bytes;
        }
        open.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::Tide;

    #[test]
    fn memory_is_worth_giving_back_when_most_is_gone() {
        let mut tide = Tide::default();
        [3, 80, 20].into_iter().for_each(|count| tide.rise(count));
        assert_eq!([30, 20, 19, 1].map(|left| tide.falls(left, 64)), [false, true, false, false]);
        tide.rise(63);
        assert!(!tide.falls(1, 64), "there were not many");
    }
}
