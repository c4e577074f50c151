//! Decides when memory is worth returning. Pure.

/// The peak since memory was last returned.
#[derive(Debug, Default)]
pub(super) struct Tide(usize);

impl Tide {
    /// Records the current amount.
    pub(super) fn rise(&mut self, to: usize) {
        self.0 = self.0.max(to);
    }

    /// Whether a quarter of a high peak is left.
    pub(super) fn falls(&mut self, to: usize, high: usize) -> bool {
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
