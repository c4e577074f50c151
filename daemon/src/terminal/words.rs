//! The words of a command that can be programs. Pure.

use crate::words;
use std::collections::BTreeSet;

/// Most words of one command that are looked for.
const MOST: usize = 64;

/// The words of `text` without a slash.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let can_be_program = |word: &String| {
        !word.is_empty()
            && !word.starts_with(['-', '.'])
            && !word.contains(['/', '\0', '\n'])
            && word.len() < 256
    };
    let words = words::words(text).filter(can_be_program);
    words.take(2 * MOST).collect::<BTreeSet<_>>().into_iter().take(MOST).collect()
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
