//! Splits words like Python's `shlex.split`, which AWS's own tools use for names of profiles and commands. Pure.

use std::borrow::Cow;

/// Where one word ends and the next begins.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// The words of `text`; `None` if a quote or a backslash is unmatched. Quotes of both kinds keep words together. A
/// backslash escapes the next character; in `'…'` it is literal, and in `"…"` it is literal except before `"` and `\`.
pub(super) fn split(text: &str) -> Option<Vec<Cow<'_, str>>> {
    if !text.contains(['"', '\'', '\\']) {
        return Some(text.split(SPACE).filter(|word| !word.is_empty()).map(Cow::Borrowed).collect());
    }
    let (mut words, mut chars) = (Vec::new(), text.chars());
    let mut word: Option<String> = None;
    while let Some(char) = chars.next() {
        match char {
            char if SPACE.contains(&char) => words.extend(word.take().map(Cow::Owned)),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        char => word.push(char),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            char @ ('"' | '\\') => word.push(char),
                            char => word.extend(['\\', char]),
                        },
                        char => word.push(char),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word.map(Cow::Owned));
    Some(words)
}

/// Text of a configuration, safe to show.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_those_of_python() {
        let cases: [(&str, Option<&[&str]>); 15] = [
            ("", Some(&[])),
            ("profile  work\t", Some(&["profile", "work"])),
            ("profile \"my work\"", Some(&["profile", "my work"])),
            ("profile 'my work'", Some(&["profile", "my work"])),
            ("profile my\\ work", Some(&["profile", "my work"])),
            ("profile \"\"", Some(&["profile", ""])),
            ("a'b'\"c\"d", Some(&["abcd"])),
            (r#""a\"b\\c\d$""#, Some(&[r#"a"b\c\d$"#])),
            (r"'a\b'", Some(&[r"a\b"])),
            ("# a", Some(&["#", "a"])),
            ("é\u{a0}è ü", Some(&["é\u{a0}è", "ü"])),
            ("a\u{c}b", Some(&["a\u{c}b"])),
            ("profile \"work", None),
            ("it's", None),
            ("work\\", None),
        ];
        for (text, expected) in cases {
            let words = split(text);
            assert_eq!(
                words.as_deref().map(|words| words.iter().map(|word| &**word).collect::<Vec<_>>()),
                expected.map(<[_]>::to_vec),
                "{text}"
            );
        }
    }
}
