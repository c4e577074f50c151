//! When a credential is due for a refresh. The daemon plans with it, and a child applies the same rule to a stored
//! token, so that no token is due as soon as it is returned.

use std::time::{Duration, SystemTime};

/// Most of a credential's life that is given up by refreshing it ahead (`spec/behaviour.md` A7, "AWS cache").
const MAX_MARGIN: Duration = Duration::from_secs(300);

/// When to refresh a credential: early enough that no session waits, late enough not to waste it. A fifth of the lifetime
/// before expiry, five minutes at most, or twice the time the last refresh took, whichever is more; plus up to half of that
/// as jitter so that entries do not fall due together; never in the first half of the lifetime.
pub fn refresh_at(fetched: SystemTime, expires: SystemTime, took: Duration, jitter: f64) -> SystemTime {
    let lifetime = expires.duration_since(fetched).unwrap_or_default();
    let margin = (lifetime / 5).min(MAX_MARGIN).max(took * 2);
    expires - margin.mul_f64(1.0 + 0.5 * jitter).min(lifetime / 2)
}
