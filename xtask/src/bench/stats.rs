//! Statistics of samples. Pure.

use std::fmt;

/// Median and extremes of a list of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// The summary of `samples`; `None` if there are none.
pub(super) fn summary(samples: &[f64]) -> Option<Summary> {
    let sorted = sorted(samples);
    Some(Summary { median: middle(&sorted)?, min: *sorted.first()?, max: *sorted.last()? })
}

/// Median ratio of `theirs` to `ours`, round by round: noise that affects both sides of a round cancels out.
pub(super) fn ratios(ours: &[f64], theirs: &[f64]) -> Option<Summary> {
    let pairs: Vec<f64> =
        ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0).map(|(a, b)| a / b).collect();
    summary(&pairs)
}

/// The sample that `share` (0 to 1) of all samples do not exceed.
pub(super) fn percentile(samples: &[f64], share: f64) -> Option<f64> {
    let sorted = sorted(samples);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[half - 1] + upper) / 2.0 })
}

// === impl Summary ===

impl Summary {
    /// Format for counts.
    pub(super) fn whole(&self) -> String {
        format!("{:.0} ({:.0}–{:.0})", self.median, self.min, self.max)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::{Summary, percentile, ratios, summary};

    #[test]
    fn median_of_odd_and_even_lists() {
        assert_eq!(summary(&[3.0, 1.0, 2.0]), Some(Summary { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(summary(&[4.0, 1.0, 2.0, 3.0]).map(|summary| summary.median), Some(2.5));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // One slow round of the machine hits both: the ratio stays 2.
        assert_eq!(
            ratios(&[2.0, 20.0, 4.0], &[1.0, 10.0, 2.0]),
            Some(Summary { median: 2.0, min: 2.0, max: 2.0 })
        );
        assert_eq!(ratios(&[1.0], &[0.0]), None);
    }

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&samples, 0.5), Some(50.0));
        assert_eq!(percentile(&samples, 0.99), Some(99.0));
        assert_eq!(percentile(&samples, 1.0), Some(100.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
