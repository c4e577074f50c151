//! Taking a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock on what `mutex` guards, even if a thread panicked while it held it: one request that meets a bug must not
/// fail all that come after it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
