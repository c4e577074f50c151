//! How many commands and children run at once, and for whom.

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

/// How many more children of the local store may run at once than commands. They take little, and mostly wait for servers.
const LENDINGS: usize = 8;

/// Turns of what runs. A command that talks to a person takes none: it waits for a person.
#[derive(Debug)]
pub struct Turns {
    /// As many places as commands may run at once.
    commands: Capacity,
    /// As many as `fetch` children may: servers that do not answer hold up no command.
    fetches: Capacity,
    /// As many as children of the local store may: one account whose server does not answer holds up no other.
    lendings: Capacity,
}

/// Places of one kind. Sessions of one workspace take half of them at most, and the other half is for workspaces that have none: what
/// hangs in one workspace holds up no other.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Mutex<Room>>);

/// A place that is taken, as long as this lives.
#[derive(Debug)]
#[must_use = "a place that is not kept is free"]
pub struct Turn {
    places: Capacity,
    whose: Whose,
}

/// Who has places, and who waits for one.
#[derive(Debug, Default)]
struct Room {
    all: usize,
    taken: HashMap<Whose, usize>,
    waiting: VecDeque<(Whose, oneshot::Sender<Turn>)>,
}

// === impl Turns ===

impl Turns {
    /// As many as `commands` allows.
    pub fn new(commands: usize) -> Self {
        let turns = Self {
            commands: Capacity(Arc::default()),
            fetches: Capacity(Arc::default()),
            lendings: Capacity(Arc::default()),
        };
        turns.resize(commands);
        turns
    }

    /// Those of the kind that `spec` is of.
    pub fn of(&self, spec: &CommandSpec) -> &Capacity {
        match &spec.program {
            Program::Shell(_) => &self.commands,
            Program::Fetch(_) if spec.program.lasts() => &self.lendings,
            Program::Fetch(_) => &self.fetches,
        }
    }

    /// Allows `commands` commands from now on. What runs goes on.
    pub fn resize(&self, commands: usize) {
        for (places, many) in [(&self.commands, 1), (&self.fetches, 1), (&self.lendings, LENDINGS)] {
            lock(&places.0).all = commands.saturating_mul(many);
            places.hand_out();
        }
    }
}

// === impl Places ===

impl Capacity {
    /// Waits for a place for a session of the workspace `whose`. Those of one workspace get theirs in the order in which they ask.
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
            // The room keeps the other end until it has sent a place.
            Err(_) => std::future::pending().await,
        }
    }

    fn place(&self, room: &mut Room, whose: Whose) -> Turn {
        *room.taken.entry(whose).or_default() += 1;
        Turn { places: self.clone(), whose }
    }

    /// Gives free places to those who wait.
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
            // The place of one that does not wait any more comes back, and is handed out again.
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
    /// Whether a session of `whose` can have a place now.
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
