//! The words of a command line, in any position. Pure.

/// Everything that can be a word of `text`: as a shell splits it, then also between all special characters, so that
/// `$(which op)` has two. Some appear twice, and some are empty.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let pieces = text.split(|c: char| c.is_whitespace() || "'\"`;|&<>(){}$=,:\\".contains(c));
    shlex::split(text).unwrap_or_default().into_iter().chain(pieces.map(str::to_owned))
}
