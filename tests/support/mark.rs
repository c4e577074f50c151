//! Numbers by which a process is known among all of the machine.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// How long to `sleep`, in seconds: a day and a fraction that no other test has.
pub fn nap() -> String {
    format!("86400.{}{:03}", std::process::id(), NEXT.fetch_add(1, Relaxed))
}
