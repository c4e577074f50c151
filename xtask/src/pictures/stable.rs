//! Writes over what would differ from run to run, width for width: a picture changes only when the program does.

/// The home that the temporary one stands for; as long as `/tmp/` and four letters.
const HOME: &str = "/home/ada";

/// `text` with the same home, process ids, times of day, keys and short times at every run.
pub(super) fn stable(text: &str, home: &str) -> String {
    let text = text.replace(home, HOME);
    text.lines().map(|line| stable_line(line) + "\n").collect()
}

fn stable_line(line: &str) -> String {
    let mut text = numbers_after(line, "pid ", "4242");
    text = numbers_after(&text, ", up ", "2");
    text = clock(&text);
    text = digest(&text);
    text = planned(&text);
    milliseconds(&text)
}

/// Digits right behind `mark` become `instead`.
fn numbers_after(line: &str, mark: &str, instead: &str) -> String {
    let Some((before, after)) = line.split_once(mark) else { return line.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() == after.len() { line.to_owned() } else { format!("{before}{mark}{instead}{rest}") }
}

/// The time of day at the start of a line of the log.
fn clock(line: &str) -> String {
    let bytes = line.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_clock = |at: usize| {
        [0, 1, 3, 4, 6, 7].iter().all(|offset| digit(at + offset))
            && bytes.get(at + 2) == Some(&b':')
            && bytes.get(at + 5) == Some(&b':')
    };
    match (0..bytes.len()).find(|at| is_clock(*at)) {
        Some(at) => format!("{}10:42:07{}", &line[..at], &line[at + 8..]),
        None => line.to_owned(),
    }
}

/// A word of eight hexadecimal digits.
fn digest(line: &str) -> String {
    let is_key = |word: &str| {
        word.len() == 8
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    line.split(' ').map(|word| if is_key(word) { "3f9c51da" } else { word }).collect::<Vec<_>>().join(" ")
}

/// When the next refresh is planned: that is jittered, so that not everybody comes at once.
fn planned(line: &str) -> String {
    for mark in ["next refresh in ", "refresh     "] {
        if let Some((before, after)) = line.split_once(mark)
            && after.contains(" min")
        {
            let escape = after
                .find("in ")
                .map_or("", |at| if mark.starts_with("refresh") { &after[..at] } else { "" });
            let planned = if mark.starts_with("refresh") { "in 18 min" } else { "18 min" };
            return format!("{before}{mark}{escape}{planned}");
        }
    }
    line.to_owned()
}

fn milliseconds(line: &str) -> String {
    let Some((before, _)) = line.split_once("took: ") else { return line.to_owned() };
    format!("{before}took: settings 0.21 ms, resolve 0.02 ms")
}

#[cfg(test)]
mod tests {
    use super::stable;

    #[test]
    fn what_differs_from_run_to_run_does_not_show() {
        for (line, expected) in [
            ("clavigerd 0.1.0, pid 77123, up 14 s", "clavigerd 0.1.0, pid 4242, up 2 s"),
            ("17:03:59 x", "10:42:07 x"),
            ("key  a51da27a", "key  3f9c51da"),
            ("fresh, next refresh in 45 min 3 s", "fresh, next refresh in 18 min"),
            ("refresh     in 45 min 3 s", "refresh     in 18 min"),
            ("took: settings 9.21 ms", "took: settings 0.21 ms, resolve 0.02 ms"),
            ("/tmp/abcd/shop", "/home/ada/shop"),
            ("2 requests: 1 from the cache", "2 requests: 1 from the cache"),
        ] {
            assert_eq!(stable(line, "/tmp/abcd"), format!("{expected}\n"));
        }
    }
}
