//! Times as people write them: 90s, 30m, 8h or 7d.

use std::time::Duration;

/// Reads a time: a number and s, m, h or d, from one second to a year.
///
/// # Errors
/// A description of the fault.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time: use a number and s, m, h or d, as in 8h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let time = number.checked_mul(seconds).filter(|seconds| (1..=366 * 24 * 3600).contains(seconds));
    time.map(Duration::from_secs).ok_or_else(|| format!("{text} is not between one second and a year"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("8h", 28_800), ("7d", 604_800)] {
            assert_eq!(parse(text).map(|time| time.as_secs()), Ok(seconds), "{text}");
        }
        for wrong in ["", "8", "h", "-1h", "1.5h", "8 h", "8x", "0s", "367d", "99999999999999999999d", "8ä"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
