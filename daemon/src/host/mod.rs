//! The only door to the outside: clock, files, commands, memory.
//!
//! Everything else in the daemon is handed a [`Host`] and never asks std for the time, the environment, a file or a
//! process (`clippy.toml` sees to it).

pub mod clock;
pub mod command;
pub mod files;
pub mod memory;
pub mod system;

use clock::Clock;
use nix::unistd::Pid;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The outside world as the broker and the providers see it.
#[derive(Clone, Debug)]
pub struct Host {
    /// What time it is.
    pub clock: Clock,
    /// Process groups of the commands that run.
    running: Arc<Mutex<HashSet<i32>>>,
}

/// A command is known to run while this value lives.
#[derive(Debug)]
pub struct Running {
    group: i32,
    all: Arc<Mutex<HashSet<i32>>>,
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

    /// Whether process `pid` belongs to the group of a command that runs.
    pub fn is_inside_command(&self, pid: Option<u32>) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let group = || nix::unistd::getpgid(Some(Pid::from_raw(i32::try_from(pid?).ok()?))).ok();
        !running.is_empty() && group().is_some_and(|group| running.contains(&group.as_raw()))
    }

    pub(crate) fn note_running(&self, group: i32) -> Running {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
        Running { group, all: self.running.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.group);
    }
}
