//! The list of open connections.

use super::choice::{self, Holding, Key};
use crate::{live::lock, logs::Rarely};
use claviger_private::{Tide, give_back_soon};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Waker},
};
use tokio::time::Instant;

/// After so many connections, unused memory is worth returning.
const MANY: usize = 64;
/// The same for requests of so many bytes.
const MUCH: usize = 4 * 1024 * 1024;

/// Limits for all connections together.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections.
    pub connections: usize,
    /// Bytes of unanswered requests, complete or not.
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
    callers: BTreeMap<Option<u32>, Caller>,
    /// Their number.
    count: usize,
    /// Resources of all of them.
    pub(super) bytes: usize,
    last: u64,
    /// Peaks of connections and of bytes.
    tides: (Tide, Tide),
}

/// Resources of a process.
#[derive(Debug, Default)]
struct Caller {
    entries: BTreeMap<u64, Entry>,
    /// Connections that wait for their turn: until then they cost almost nothing.
    waiting: BTreeSet<u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    holding: Holding,
    /// Waker of its task.
    waker: Option<Waker>,
}

/// One connection; dropping it removes it from the list.
#[derive(Debug)]
pub struct Link {
    connections: Arc<Connections>,
    key: Key,
}

/// Use of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A call is being answered.
    Busy,
    /// No call since that instant.
    Idle(Instant),
    /// It must be closed: others need the resources.
    Over,
}

// === impl Connections ===

impl Connections {
    /// None yet.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, open: Mutex::default(), warned: Rarely::default() })
    }

    /// Makes room for a connection of the process `caller`, which then waits for its turn.
    pub fn open(self: &Arc<Self>, caller: Option<u32>) -> Arc<Link> {
        let mut open = self.lock();
        let choose = |open: &Open| open.overtaken(caller).or_else(|| open.most_connections());
        while open.count >= self.bounds.connections && self.close_one(&mut open, choose) {}
        open.last += 1;
        let (key, since) = (Key { caller, number: open.last }, Instant::now());
        let holding = Holding { has_called: false, calls: 0, bytes: 0, since };
        let own = open.callers.entry(caller).or_default();
        own.entries.insert(key.number, Entry { holding, waker: None });
        own.waiting.insert(key.number);
        open.count += 1;
        let count = open.count;
        open.tides.0.rise(count);
        Arc::new(Link { connections: self.clone(), key })
    }

    /// Closes one, to free its descriptors; `false` if there is none.
    pub fn make_room(&self) -> bool {
        self.close_one(&mut self.lock(), Open::most_connections)
    }

    /// Closes those that have never had a call and are not about to: no answer is pending there.
    pub fn close_unused(&self) {
        let (now, mut open) = (Instant::now(), self.lock());
        let all = open.callers.iter().flat_map(|(caller, own)| {
            own.holdings().map(|(number, holding)| (Key { caller: *caller, number }, holding))
        });
        let unused = all.filter(|(_, holding)| !holding.has_called && holding.is_idle(now));
        for key in unused.map(|(key, _)| key).collect::<Vec<_>>() {
            open.close(key);
        }
    }

    fn close_one(&self, open: &mut Open, choose: impl Fn(&Open) -> Option<Key>) -> bool {
        let Some(key) = choose(open) else { return false };
        open.close(key);
        let (pid, connections, bytes) = (key.caller, open.count, open.bytes);
        match self.warned.is_due() {
            true => {
                tracing::warn!(pid, connections, bytes, "a connection is closed: others need its resources")
            }
            false => {
                tracing::debug!(pid, connections, bytes, "a connection is closed: others need its resources")
            }
        }
        true
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

// === impl Open ===

impl Open {
    /// The connection that `caller` loses for another one, if it has most of them: the first that still waits. There is
    /// no search, so that a flood of connections costs little more than the kernel's work.
    fn overtaken(&self, caller: Option<u32>) -> Option<Key> {
        let own = self.callers.get(&caller)?;
        let number = *own.waiting.first()?;
        let has_most = self.callers.values().all(|other| other.entries.len() <= own.entries.len());
        has_most.then_some(Key { caller, number })
    }

    fn most_connections(&self) -> Option<Key> {
        let callers = self.callers.iter().map(|(caller, own)| (*caller, own.entries.len(), own.holdings()));
        choice::most_connections(callers, Instant::now())
    }

    fn most_bytes(&self) -> Option<Key> {
        choice::most_bytes(self.callers.iter().map(|(caller, own)| (*caller, own.bytes, own.holdings())))
    }

    fn get(&mut self, key: Key) -> Option<&mut Entry> {
        self.callers.get_mut(&key.caller)?.entries.get_mut(&key.number)
    }

    /// Removes it from the list, which its task notices.
    fn close(&mut self, key: Key) {
        self.remove(key).into_iter().for_each(Waker::wake);
    }

    /// Removes it from the list; returns the waker of its task.
    fn remove(&mut self, key: Key) -> Option<Waker> {
        let own = self.callers.get_mut(&key.caller)?;
        let Entry { holding, waker } = own.entries.remove(&key.number)?;
        own.waiting.remove(&key.number);
        own.bytes -= holding.bytes;
        if own.entries.is_empty() {
            self.callers.remove(&key.caller);
        }
        self.bytes -= holding.bytes;
        self.count -= 1;
        waker
    }

    /// Counts bytes of it, if it is still listed.
    fn hold(&mut self, key: Key, bytes: usize) {
        let Some(own) = self.callers.get_mut(&key.caller) else { return };
        let Some(entry) = own.entries.get_mut(&key.number) else { return };
        entry.holding.has_called = true;
        entry.holding.bytes += bytes;
        own.bytes += bytes;
        self.bytes += bytes;
    }

    /// Frees the same bytes.
    fn release(&mut self, key: Key, bytes: usize) {
        let Some(own) = self.callers.get_mut(&key.caller) else { return };
        let Some(entry) = own.entries.get_mut(&key.number) else { return };
        entry.holding.bytes -= bytes;
        own.bytes -= bytes;
        self.bytes -= bytes;
    }
}

impl Caller {
    fn holdings(&self) -> impl Iterator<Item = (u64, &Holding)> {
        self.entries.iter().map(|(number, entry)| (*number, &entry.holding))
    }
}

impl Open {
    /// Returns memory to the system when most of it is unused: otherwise one small allocation at its end would keep all
    /// of it in this process.
    fn give_back(&mut self) {
        let (connections, bytes) = &mut self.tides;
        let have_fallen = [connections.falls(self.count, MANY), bytes.falls(self.bytes, MUCH)];
        if have_fallen.contains(&true) {
            give_back_soon();
        }
    }
}

// === impl Link ===

impl Link {
    /// Records that its turn has come; `false` if it was closed before.
    pub fn serve(&self) -> bool {
        let mut open = self.connections.lock();
        open.callers.get_mut(&self.key.caller).is_some_and(|own| own.waiting.remove(&self.key.number))
    }

    /// Whether it is still listed.
    pub fn is_open(&self) -> bool {
        self.connections.lock().get(self.key).is_some()
    }

    /// Its current use. The task of `cx` is woken when it becomes idle, or must be closed.
    pub fn usage(&self, cx: &Context<'_>) -> Usage {
        let mut open = self.connections.lock();
        let Some(Entry { holding, waker }) = open.get(self.key) else { return Usage::Over };
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        if holding.calls > 0 { Usage::Busy } else { Usage::Idle(holding.since) }
    }

    /// Records the beginning of a call.
    pub(super) fn begin(&self) {
        if let Some(entry) = self.connections.lock().get(self.key) {
            entry.holding.calls += 1;
        }
    }

    /// Records the end of a call.
    pub(super) fn end(&self) {
        let mut open = self.connections.lock();
        let Some(Entry { holding, waker }) = open.get(self.key) else { return };
        holding.calls -= 1;
        if holding.calls == 0 {
            holding.since = Instant::now();
            waker.iter().for_each(Waker::wake_by_ref);
        }
    }

    /// Counts bytes that it uses from now on, and closes connections over the limit; `false` if it is one of them.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let mut open = self.connections.lock();
        open.hold(self.key, bytes);
        let held = open.bytes;
        open.tides.1.rise(held);
        while open.bytes > self.connections.bounds.bytes
            && self.connections.close_one(&mut open, Open::most_bytes)
        {}
        open.get(self.key).is_some()
    }

    /// Frees bytes.
    pub(super) fn release(&self, bytes: usize) {
        let mut open = self.connections.lock();
        open.release(self.key, bytes);
        open.give_back();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        drop(open.remove(self.key));
        open.give_back();
    }
}
