//! Waits for conditions, with a bound.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Generous, because a full machine is slow: it only matters when a test fails.
pub const BOUND: Duration = Duration::from_secs(60);

/// Fails if what began at `start` was held up by what never ends. How quick something is, a busy machine cannot tell.
#[track_caller]
pub fn not_held_up(start: Instant) {
    let took = start.elapsed();
    assert!(took < BOUND, "{took:?}");
}

/// Waits until `condition` holds; fails if it does not in a long time.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(BOUND, condition), "waited {} s until {what}", BOUND.as_secs());
}

/// Whether `condition` comes to hold within `bound`.
pub fn holds_within(bound: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + bound;
    while Instant::now() < end {
        if condition() {
            return true;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    condition()
}
