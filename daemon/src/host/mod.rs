//! The only door to the outside: clock, files, commands, memory.
//!
//! Everything else in the daemon is handed a [`Host`] and never asks std for the time, the environment, a file or a
//! process (`clippy.toml` sees to it).

pub mod clock;
pub mod command;
pub mod files;
pub mod memory;
pub mod system;

use crate::lock::lock;
use clock::Clock;
use nix::unistd::Pid;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// The outside world as the broker and the providers see it.
#[derive(Clone, Debug)]
pub struct Host {
    /// What time it is.
    pub clock: Clock,
    /// Process groups of the commands that run, and the flight of each.
    running: Arc<Mutex<HashMap<i32, String>>>,
}

/// A command is known to run while this value lives.
#[derive(Debug)]
pub struct Running {
    group: i32,
    all: Arc<Mutex<HashMap<i32, String>>>,
}

impl Host {
    /// The real world.
    pub fn real() -> Self {
        Self::new(Clock::Real)
    }

    /// The real world, with another clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, running: Arc::default() }
    }

    /// The flight of the running command to whose process group `pid` belongs.
    pub fn command_of(&self, pid: Option<u32>) -> Option<String> {
        let running = lock(&self.running);
        if running.is_empty() {
            return None;
        }
        let group = nix::unistd::getpgid(Some(Pid::from_raw(i32::try_from(pid?).ok()?))).ok()?;
        running.get(&group.as_raw()).cloned()
    }

    pub(crate) fn note_running(&self, group: i32, flight: &str) -> Running {
        let mut running = lock(&self.running);
        running.insert(group, flight.to_owned());
        Running { group, all: self.running.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.group);
    }
}
