//! HTTP headers that accompany a credential.

use crate::reason::{Problem, Reason};

/// A header to send; the value may be a secret.
pub type Header = (String, String);

/// Parses headers in the form of `ANTHROPIC_CUSTOM_HEADERS`: one `Name: Value` per line. Errors name the variable and
/// the position, never the content: gateway tokens are kept there.
///
/// # Errors
/// `malformed-request` if a line has no name, no colon, or a character that HTTP forbids.
pub fn parse(text: &str, variable: &str) -> Result<Vec<Header>, Problem> {
    let mut headers = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim_matches([' ', '\t']).is_empty() {
            continue;
        }
        let fault = |(column, what): (usize, &str)| {
            let message = format!("{variable}, line {}, column {}: {what}", index + 1, column + 1);
            Problem::new(Reason::MalformedRequest, message).hint("write one `Name: Value` per line")
        };
        headers.push(parse_line(line).map_err(fault)?);
    }
    Ok(headers)
}

/// Checks a header that is already split into name and value.
///
/// # Errors
/// `malformed-request`, which names neither name nor value.
pub fn check(name: &str, value: &str) -> Result<(), Problem> {
    let valid = !name.is_empty() && name.chars().all(is_name) && value.chars().all(is_value);
    match valid {
        true => Ok(()),
        false => Err(Problem::new(Reason::MalformedRequest, "a header has a character that HTTP forbids")),
    }
}

/// Headers in the form of the variable.
pub fn join(headers: &[Header]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

// Errors are the column and the fault.
fn parse_line(line: &str) -> Result<Header, (usize, &'static str)> {
    let colon = line.chars().position(|c| c == ':').ok_or((line.chars().count(), "a colon is missing"))?;
    if colon == 0 {
        return Err((0, "a name is missing"));
    }
    let name: String = line.chars().take(colon).collect();
    if let Some(column) = name.chars().position(|c| !is_name(c)) {
        return Err((column, "not a character of a header name"));
    }
    let value: String = line.chars().skip(colon + 1).collect();
    if let Some(column) = value.chars().position(|c| !is_value(c)) {
        return Err((colon + 1 + column, "not a character of a header value"));
    }
    Ok((name, value.trim_matches([' ', '\t']).to_owned()))
}

// "token" of RFC 9110, 5.6.2.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

// Printable ASCII and blanks; other bytes are permitted only in theory.
fn is_value(c: char) -> bool {
    matches!(c, ' '..='~' | '\t')
}

#[cfg(test)]
mod tests {
    use super::{check, join, parse};

    #[test]
    fn one_header_per_line() {
        let headers = parse("X-A: 1\r\n\n  \nx-b:two: three \n", "V").expect("valid");
        assert_eq!(headers, [("X-A".into(), "1".into()), ("x-b".into(), "two: three".into())]);
        assert_eq!(join(&headers), "X-A: 1\nx-b: two: three");
        assert_eq!(parse("", "V"), Ok(Vec::new()));
    }

    #[test]
    fn errors_name_the_position_and_nothing_else() {
        for (text, place) in [
            ("canary", "V, line 1, column 7: a colon is missing"),
            ("X-A: 1\n: canary", "V, line 2, column 1: a name is missing"),
            ("X canary: 1", "V, line 1, column 2: not a character of a header name"),
            (" X-A: 1", "V, line 1, column 1: not a character of a header name"),
            ("X-A: can\u{0}ary", "V, line 1, column 9: not a character of a header value"),
            ("X-A: can\rary", "V, line 1, column 9: not a character of a header value"),
            ("X-A: é", "V, line 1, column 6: not a character of a header value"),
        ] {
            let problem = parse(text, "V").expect_err(text);
            assert_eq!(problem.message, place);
            assert!(!format!("{problem:?}").contains("canary"));
        }
    }

    #[test]
    fn a_header_cannot_smuggle_another() {
        assert!(check("x-a", "1").is_ok());
        for (name, value) in [("", "1"), ("x a", "1"), ("x\n", "1"), ("x-a", "1\r\nx-b: 2"), ("x-a", "1\n")] {
            assert!(check(name, value).is_err(), "{name:?}: {value:?}");
        }
    }
}
