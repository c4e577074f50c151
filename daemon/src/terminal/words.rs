//! The words of a command that can be programs. Pure.

use std::collections::BTreeSet;

/// Most words of one command that are looked for.
const MOST: usize = 64;

/// The words of `text` without a slash, wherever they stand: `$(which op)` names two.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let whole = shlex::split(text).unwrap_or_default();
    let pieces = text.split(|c: char| c.is_whitespace() || "'\"`;|&<>(){}$=,:\\".contains(c));
    let can_be_program = |word: &str| {
        !word.is_empty()
            && !word.starts_with(['-', '.'])
            && !word.contains(['/', '\0', '\n'])
            && word.len() < 256
    };
    let words = whole.iter().map(String::as_str).chain(pieces).filter(|word| can_be_program(word));
    words.take(2 * MOST).map(str::to_owned).collect::<BTreeSet<_>>().into_iter().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn programs_are_found_wherever_they_stand() {
        for (text, program) in [
            ("vault kv get -field=key secret/x", "vault"),
            ("exec op read op://x/y", "op"),
            ("A=1 key", "key"),
            ("$(which op) read x", "op"),
            ("echo `key`", "key"),
            ("sh -c 'key; true'", "key"),
            ("true|key", "key"),
            ("'my key'", "my key"),
            ("echo 'unbalanced key", "key"),
        ] {
            assert!(words(text).contains(program), "{text}: {:?}", words(text));
        }
        assert!(words("./key.sh ~/bin/key /usr/bin/key --key .key").is_empty());
        assert!(words(&"w ".repeat(100_000)).len() <= 64);
    }
}
