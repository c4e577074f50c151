//! Words that others choose: cookies, names, headers, sections of an INI file, and what a person is shown.

use crate::{check_problem, choice, escape, quote};
use claviger::{cookie, headers, session::check_path, variables};
use claviger_child::{account::check_name, is_label, is_token};
use clavigerd::caller::has_profile;
use std::path::Path;

/// A text; its first line is a name where one is needed.
pub fn words(input: &[u8]) {
    if let Some(digits) = cookie::parse(input) {
        assert!(digits.len() == cookie::COOKIE_LENGTH && input.starts_with(digits.as_bytes()));
        assert!(digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    shown(text);
    header(text);
    name(text);
    let (name, ini) = choice(input);
    if let (Ok(name), Ok(ini)) = (std::str::from_utf8(name), std::str::from_utf8(ini))
        && has_profile(ini, name)
    {
        assert!(ini.contains(name) && !name.contains(['\n', ']']));
    }
}

/// What a person sees stays on its line, does nothing, and means one thing.
fn shown(text: &str) {
    let line = escape::line(text);
    assert!(!line.chars().any(char::is_control));
    assert_eq!(escape::line(&line), line);
    let lines = escape::lines(text, "  ");
    assert!(!lines.chars().any(|c| c != '\n' && c.is_control()));
    assert!(lines.lines().skip(1).all(|line| line.starts_with("  ")));
    let exact = escape::exact(text);
    match escape::is_exact(text) {
        true => assert_eq!(exact, text),
        false => assert_eq!(spelled_back(&exact).as_deref(), Some(text), "{exact:?}"),
    }
    assert!(escape::is_exact(&exact));
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    if let Some(value) = read(text) {
        for written in [value.to_string(), format!("{value:#}")] {
            let json = escape::json(&written);
            assert!(!json.chars().any(|c| c != '\n' && c.is_control()));
            // Not `value`: a long number may be another one when it is read again.
            assert_eq!(read(&json), read(&written));
        }
    }
    if !text.contains('\0') {
        assert_eq!(shlex::split(&quote::shell(text)), Some(vec![text.to_owned()]));
    }
}

/// The text that was spelled out.
fn spelled_back(exact: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = exact.chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => match rest.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let number: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    char::from_u32(u32::from_str_radix(&number, 16).ok()?)?
                }
                _ => return None,
            },
            c => c,
        });
    }
    Some(text)
}

/// No header brings another one.
fn header(text: &str) {
    match headers::parse(text, "V") {
        Ok(parsed) => {
            assert!(parsed.iter().all(|(name, value)| headers::check(name, value).is_ok()));
            assert!(!parsed.iter().any(|(name, value)| (name.clone() + value).contains(['\r', '\n', '\0'])));
            assert_eq!(headers::parse(&headers::join(&parsed), "V").as_ref(), Ok(&parsed));
        }
        Err(problem) => check_problem(&problem),
    }
}

/// Names cannot leave their directory, tokens their header, labels their domain.
fn name(text: &str) {
    match check_name(text) {
        Ok(()) => {
            assert!(!text.contains(['/', '\0', '\n', ' ']) && !text.starts_with(['.', '-']));
            assert!((1..=64).contains(&text.len()));
        }
        Err(problem) => check_problem(&problem),
    }
    assert!(!is_token(text) || text.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!is_label(text) || !text.contains(['.', '/', '@', ':']));
    assert!(!variables::is_name(text) || !text.contains(['=', '\0']) && !text.is_empty());
    if let Err(problem) = check_path(Path::new(text)) {
        check_problem(&problem);
    }
}
