//! Taking a lock, and values that change while the daemon runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lock on what `mutex` guards, even if a thread panicked while it held it: one request that meets a bug must not
/// fail all that come after it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

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
