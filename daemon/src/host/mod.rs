//! The only access to the outside: clock, files, commands, memory.
//!
//! All other code in the daemon gets a [`Host`] and never uses std for the time, the environment, a file or a process
//! (`clippy.toml` enforces that).

pub mod audit_file;
pub mod bus;
pub mod clock;
pub mod command;
pub mod files;
pub mod memory;
pub mod process;
pub mod program;
pub mod successor;
pub mod system;
#[cfg(target_os = "linux")]
mod transit;
pub mod vanish;

use crate::live::lock;
use clock::Clock;
use nix::unistd::Pid;
use program::{ChildProgram, Programs};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// The outside world as the broker and the providers see it.
#[derive(Clone, Debug)]
pub struct Host {
    /// The clock.
    pub clock: Clock,
    /// The program that fetches.
    pub fetch: Arc<ChildProgram>,
    /// The program that serves gates.
    pub gate: Arc<ChildProgram>,
    /// Process groups of running commands, and the flight of each.
    running: Arc<Mutex<HashMap<i32, String>>>,
    /// Number of them that must not be interrupted.
    lasting: Arc<watch::Sender<usize>>,
}

/// A running command; it counts as running until this is dropped.
#[derive(Debug)]
pub struct Running {
    group: i32,
    all: Arc<Mutex<HashMap<i32, String>>>,
    lasting: Option<Arc<watch::Sender<usize>>>,
}

impl Host {
    /// The real world, with this clock and these programs.
    pub fn new(clock: Clock, programs: Programs) -> Self {
        let (running, lasting) = (Arc::default(), Arc::new(watch::Sender::new(0)));
        let Programs { fetch, gate } = programs;
        Self { clock, fetch: Arc::new(fetch), gate: Arc::new(gate), running, lasting }
    }

    /// The flight of the running command whose process group contains `pid`.
    pub fn command_of(&self, pid: Option<u32>) -> Option<String> {
        let running = lock(&self.running);
        if running.is_empty() {
            return None;
        }
        let group = nix::unistd::getpgid(Some(Pid::from_raw(i32::try_from(pid?).ok()?))).ok()?;
        running.get(&group.as_raw()).cloned()
    }

    /// Resolves when no uninterruptible command runs any more.
    pub async fn lasting_ended(&self) {
        let mut lasting = self.lasting.subscribe();
        drop(lasting.wait_for(|count| *count == 0).await);
    }

    /// Counts a process group as a command of ours until the guard is dropped.
    pub(crate) fn note_running(&self, group: i32, flight: &str, lasting: bool) -> Running {
        let mut running = lock(&self.running);
        running.insert(group, flight.to_owned());
        let lasting = lasting.then(|| self.lasting.clone());
        lasting.iter().for_each(|lasting| lasting.send_modify(|count| *count += 1));
        Running { group, all: self.running.clone(), lasting }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.group);
        self.lasting.iter().for_each(|lasting| lasting.send_modify(|count| *count -= 1));
    }
}
