//! Turns: a test that keeps the whole machine busy, and a test that measures how quick something is, do not run at the
//! same time. All others run beside each other.

use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

/// The turn of a test. It lasts as long as this value.
pub struct Turn {
    _guard: MutexGuard<'static, ()>,
}

/// Waits for the turn of this test. Take it first, so that it is given back last.
pub fn take() -> Turn {
    Turn { _guard: TURN.lock().unwrap_or_else(PoisonError::into_inner) }
}
