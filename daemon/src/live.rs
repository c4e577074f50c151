//! Taking a lock, and values that change while the daemon runs.

use std::sync::{Arc, Mutex};

pub(crate) use claviger_private::lock;

/// A small value that all who hold it see change.
#[derive(Clone, Debug)]
pub struct Live<T>(Arc<Mutex<T>>);

impl<T: Copy> Live<T> {
    /// With this value for now.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// The value as it is now.
    pub fn get(&self) -> T {
        *lock(&self.0)
    }

    /// Changes the value; returns what it was.
    pub fn set(&self, value: T) -> T {
        std::mem::replace(&mut *lock(&self.0), value)
    }
}
