//! Slots for concurrent commands and children, shared fairly.

use crate::{
    host::command::{CommandSpec, Program},
    live::lock,
    settings::Whose,
};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;

/// How many more children of the local store may run at once than commands. They need little, and mostly wait for
/// servers.
const LENDINGS: usize = 8;

/// Slots for running processes. An interactive command takes none: it waits for a person.
#[derive(Debug)]
pub struct Turns {
    /// Slots for commands.
    commands: Capacity,
    /// Slots for `fetch` children: servers that do not answer delay no command.
    fetches: Capacity,
    /// Slots for children of the local store: one account whose server does not answer delays no other.
    lendings: Capacity,
}

/// Slots of one kind. Sessions of one workspace get half of them at most, and the other half is for workspaces without
/// any: commands that hang in one workspace delay no other.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Mutex<Room>>);

/// A slot; dropping it frees it.
#[derive(Debug)]
#[must_use = "a slot that is dropped is free"]
pub struct Turn {
    places: Capacity,
    whose: Whose,
}

/// Holders and waiters.
#[derive(Debug, Default)]
struct Room {
    all: usize,
    taken: HashMap<Whose, usize>,
    waiting: VecDeque<(Whose, oneshot::Sender<Turn>)>,
}

// === impl Turns ===

impl Turns {
    /// With as many slots as `commands` allows.
    pub fn new(commands: usize) -> Self {
        let turns = Self {
            commands: Capacity(Arc::default()),
            fetches: Capacity(Arc::default()),
            lendings: Capacity(Arc::default()),
        };
        turns.resize(commands);
        turns
    }

    /// The slots for `spec`.
    pub fn of(&self, spec: &CommandSpec) -> &Capacity {
        match &spec.program {
            Program::Shell(_) => &self.commands,
            Program::Fetch(_) if spec.program.lasts() => &self.lendings,
            Program::Fetch(_) => &self.fetches,
        }
    }

    /// Allows `commands` commands from now on. Running ones continue.
    pub fn resize(&self, commands: usize) {
        for (places, many) in [(&self.commands, 1), (&self.fetches, 1), (&self.lendings, LENDINGS)] {
            lock(&places.0).all = commands.saturating_mul(many);
            places.hand_out();
        }
    }
}

// === impl Places ===

impl Capacity {
    /// Waits for a slot for a session of the workspace `whose`. Sessions of one workspace get slots in the order of
    /// their requests.
    pub async fn take(&self, whose: Whose) -> Turn {
        let turn = {
            let mut room = lock(&self.0);
            if room.has_one_for(whose) {
                return self.place(&mut room, whose);
            }
            let (sender, turn) = oneshot::channel();
            room.waiting.retain(|(_, waits)| !waits.is_closed());
            room.waiting.push_back((whose, sender));
            turn
        };
        match turn.await {
            Ok(place) => place,
            // The sender is kept until it has sent a slot.
            Err(_) => std::future::pending().await,
        }
    }

    fn place(&self, room: &mut Room, whose: Whose) -> Turn {
        *room.taken.entry(whose).or_default() += 1;
        Turn { places: self.clone(), whose }
    }

    /// Gives free slots to waiters.
    fn hand_out(&self) {
        let mut handed = Vec::new();
        {
            let mut room = lock(&self.0);
            for (whose, waits) in mem::take(&mut room.waiting) {
                match room.has_one_for(whose) {
                    true => handed.push((waits, self.place(&mut room, whose))),
                    false => room.waiting.push_back((whose, waits)),
                }
            }
        }
        for (waits, place) in handed {
            // The slot of a waiter that has left is returned, and assigned again.
            drop(waits.send(place));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut room = lock(&self.places.0);
            if let Some(count) = room.taken.get_mut(&self.whose) {
                *count = count.saturating_sub(1);
            }
            room.taken.retain(|_, count| *count > 0);
        }
        self.places.hand_out();
    }
}

// === impl Room ===

impl Room {
    /// Whether a session of `whose` can have a slot now.
    fn has_one_for(&self, whose: Whose) -> bool {
        let for_all = if self.taken.contains_key(&whose) { (self.all / 2).max(1) } else { self.all };
        self.taken.values().sum::<usize>() < for_all
    }
}

#[cfg(test)]
mod tests {
    use super::{Capacity, Room, Turn};
    use std::{sync::Arc, time::Duration};
    use tokio::time::timeout;

    fn places(all: usize) -> Capacity {
        Capacity(Arc::new(Room { all, ..Room::default() }.into()))
    }

    async fn at_once(places: &Capacity, whose: u64) -> Option<Turn> {
        timeout(Duration::ZERO, places.take((0, whose))).await.ok()
    }

    /// How many places each workspace gets that asks for 20, one after the other.
    async fn shares(all: usize, workspaces: u64) -> Vec<usize> {
        let places = places(all);
        let mut taken = Vec::new();
        let mut shares = Vec::new();
        for whose in 0..workspaces {
            let before = taken.len();
            for _ in 0..20 {
                taken.extend(at_once(&places, whose).await);
            }
            shares.push(taken.len() - before);
        }
        shares
    }

    #[tokio::test]
    async fn one_workspace_has_half_and_the_others_are_for_those_that_have_none() {
        for (all, workspaces, expected) in [
            (8, 1, &[4][..]),
            (8, 5, &[4, 1, 1, 1, 1]),
            (8, 6, &[4, 1, 1, 1, 1, 0]),
            (3, 3, &[1, 1, 1]),
            (1, 2, &[1, 0]),
        ] {
            assert_eq!(shares(all, workspaces).await, expected, "{all} places");
        }
    }

    #[tokio::test]
    async fn a_place_that_comes_back_goes_to_the_first_who_can_have_it() {
        let places = places(2);
        let (one, other) = (at_once(&places, 1).await, at_once(&places, 2).await);
        assert!(one.is_some() && other.is_some() && at_once(&places, 3).await.is_none(), "that one has left");
        let third = tokio::spawn({
            let places = places.clone();
            async move { places.take((0, 1)).await }
        });
        let fourth = tokio::spawn({
            let places = places.clone();
            async move { places.take((0, 4)).await }
        });
        tokio::task::yield_now().await;
        drop(other);
        let fourth = fourth.await.expect("a place");
        assert!(!third.is_finished(), "its workspace has one");
        drop((one, fourth));
        drop(third.await.expect("a place"));
        assert_eq!(places.0.lock().expect("lock").taken.len(), 0);
    }

    #[tokio::test]
    async fn more_places_are_handed_out_at_once_and_fewer_as_they_come_back() {
        let places = places(1);
        let one = at_once(&places, 1).await;
        let waits = tokio::spawn({
            let places = places.clone();
            async move { places.take((0, 2)).await }
        });
        tokio::task::yield_now().await;
        places.0.lock().expect("lock").all = 2;
        places.hand_out();
        let other = waits.await.expect("a place");
        places.0.lock().expect("lock").all = 1;
        drop(one);
        assert!(at_once(&places, 3).await.is_none());
        drop(other);
        assert!(at_once(&places, 3).await.is_some());
    }
}
