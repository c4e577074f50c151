//! The words of a command line, wherever they stand. Pure.

/// All that can be a word of `text`: as a shell splits it, then between any of its signs, so that `$(which op)` has two. Some
/// come twice, and some are empty.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let pieces = text.split(|c: char| c.is_whitespace() || "'\"`;|&<>(){}$=,:\\".contains(c));
    shlex::split(text).unwrap_or_default().into_iter().chain(pieces.map(str::to_owned))
}
