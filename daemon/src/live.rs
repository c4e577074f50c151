//! Locking, and values that change while the daemon runs.

use std::sync::{Arc, Mutex};

pub(crate) use claviger_private::lock;

/// A small shared value; all holders see its changes.
#[derive(Clone, Debug)]
pub struct Live<T>(Arc<Mutex<T>>);

impl<T: Copy> Live<T> {
    /// With this initial value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// The current value.
    pub fn get(&self) -> T {
        *lock(&self.0)
    }

    /// Changes the value; returns the previous one.
    pub fn set(&self, value: T) -> T {
        std::mem::replace(&mut *lock(&self.0), value)
    }
}
