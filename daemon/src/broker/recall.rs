//! Remembers who won for the sessions seen last, so that an unchanged session costs a comparison and not a walk.
//!
//! A walk is a pure function of the session, the snapshot of its settings files and the trust decisions. Only while
//! all three are the very same is its outcome used again.

use crate::{lock::lock, resolve::Winner, settings::Snapshot};
use claviger::session::SessionContext;
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

/// Working directories that are remembered; each with the session seen there last.
const MOST: usize = 256;

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Recall(Mutex<HashMap<PathBuf, Remembered>>);

#[derive(Debug)]
struct Remembered {
    inputs: Inputs,
    winner: Arc<Winner>,
}

/// What a walk is a function of.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    pub(super) session: Arc<SessionContext>,
    pub(super) snapshot: Arc<Snapshot>,
    /// Counts changes of trust decisions.
    pub(super) trust: u64,
}

impl Inputs {
    fn are(&self, other: &Self) -> bool {
        self.trust == other.trust
            && Arc::ptr_eq(&self.snapshot, &other.snapshot)
            && (Arc::ptr_eq(&self.session, &other.session) || self.session == other.session)
    }
}

impl Recall {
    pub(super) fn get(&self, inputs: &Inputs) -> Option<Arc<Winner>> {
        let memory = lock(&self.0);
        let remembered = memory.get(&inputs.session.cwd)?;
        remembered.inputs.are(inputs).then(|| remembered.winner.clone())
    }

    pub(super) fn put(&self, inputs: Inputs, winner: Arc<Winner>) {
        let mut memory = lock(&self.0);
        // Full means that hundreds of workspaces are in use; starting over costs each of them one walk.
        if memory.len() >= MOST {
            memory.clear();
        }
        memory.insert(inputs.session.cwd.clone(), Remembered { inputs, winner });
    }
}
