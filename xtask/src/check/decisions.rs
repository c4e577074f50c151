//! The decisions of ARCHITECTURE.md have one number each, in order.

use super::Outcome;
use crate::sh;
use std::fs;

pub(super) fn check() -> sh::Result<Outcome> {
    let text = fs::read_to_string(sh::root().join("ARCHITECTURE.md"))?;
    Ok(super::faults(misnumbered(&text)))
}

/// Decisions whose number is not that of the one before and one.
fn misnumbered(text: &str) -> Vec<String> {
    let decisions = text.split("\n## Decisions\n").nth(1).unwrap_or_default();
    let heads = decisions.lines().filter_map(|line| line.split_once(". **"));
    let numbers = heads.map(|(number, _)| number).filter(|number| !number.contains(' '));
    let is_wrong = |(at, number): &(usize, &str)| *number != (at + 1).to_string();
    let fault = |(at, number): (usize, &str)| format!("decision {number} should be {}", at + 1);
    numbers.enumerate().filter(is_wrong).map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::misnumbered;

    #[test]
    fn a_number_that_is_missing_twice_there_or_a_letter_is_found() {
        let text = |numbers: [&str; 3]| {
            let list: String =
                numbers.map(|number| format!("{number}. **A.** Why.\n    And. **B**\n")).concat();
            format!("1. Life.\n\n## Decisions\n\n{list}")
        };
        assert!(misnumbered(&text(["1", "2", "3"])).is_empty());
        for wrong in [["1", "2", "2"], ["1", "3", "4"], ["1", "N", "3"]] {
            assert!(!misnumbered(&text(wrong)).is_empty(), "{wrong:?}");
        }
    }
}
