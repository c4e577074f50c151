//! Returns memory to the system after many connections or requests.

use std::time::Duration;

/// How long ended connections may take to free their memory.
const SETTLED: Duration = Duration::from_millis(100);

/// Returns the memory of ended connections to the system, once they have freed it. Runs on its own, because it takes
/// milliseconds.
pub fn give_back_soon() {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async {
            tokio::time::sleep(SETTLED).await;
            drop(tokio::task::spawn_blocking(claviger_system::give_back_memory).await);
        });
    }
}

/// Decides when memory is worth returning: the peak since it was last returned.
#[derive(Debug, Default)]
pub struct Tide(usize);

impl Tide {
    /// Records the current amount.
    pub fn rise(&mut self, to: usize) {
        self.0 = self.0.max(to);
    }

    /// Whether a quarter of a high peak is left.
    pub fn falls(&mut self, to: usize, high: usize) -> bool {
        let falls = self.0 >= high && to <= self.0 / 4;
        if falls {
            self.0 = to;
        }
        falls
    }
}

#[cfg(test)]
mod tests {
    use super::Tide;

    #[test]
    fn memory_is_worth_giving_back_when_most_is_gone() {
        let mut tide = Tide::default();
        [3, 80, 20].into_iter().for_each(|count| tide.rise(count));
        assert_eq!([30, 20, 19, 1].map(|left| tide.falls(left, 64)), [false, true, false, false]);
        tide.rise(63);
        assert!(!tide.falls(1, 64), "there were not many");
    }
}
