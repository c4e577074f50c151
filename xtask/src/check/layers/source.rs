//! References of one file to other modules: its submodules, its imports, the paths in its code. Tests are left out.

/// A path of modules and names, as it is written: `["crate", "render", "Place"]`.
pub(super) type Path = Vec<String>;

/// References of a file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Source {
    /// The modules that have files of their own, each with the file that `#[path]` gives it.
    pub(super) children: Vec<(String, Option<String>)>,
    /// The imports.
    pub(super) imports: Vec<Import>,
    /// The paths elsewhere, with their lines.
    pub(super) paths: Vec<(usize, Path)>,
}

/// One name of a `use`.
#[derive(Debug, PartialEq)]
pub(super) struct Import {
    /// Its line.
    pub(super) line: usize,
    /// The name it has in the file; `*` for all names.
    pub(super) name: String,
    /// Its path.
    pub(super) path: Path,
}

/// A word, a literal's text, or a sign, with its line.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    line: usize,
    text: String,
}

/// Parses the text of a file.
pub(super) fn read(text: &str) -> Source {
    let tokens = tokens(text);
    let (mut source, mut at, mut file) = (Source::default(), 0, None);
    while at < tokens.len() {
        let word = |ahead: usize| tokens.get(at + ahead).map_or("", |token| &*token.text);
        match (word(0), word(1), word(2)) {
            ("#", "[", "cfg") if is_of_tests(&tokens[at..]) => at = end_of_item(&tokens, at),
            ("#", "[", "path") => {
                file = Some(word(4).trim_matches('"').to_owned());
                at += 6;
            }
            ("mod", name, ";") => {
                source.children.push((name.to_owned(), file.take()));
                at += 3;
            }
            // The capture list of a type: `impl Trait + use<'a>`.
            ("use", "<", _) => at += 1,
            ("use", ..) => {
                at += 1;
                tree(&tokens, &mut at, &Vec::new(), &mut source.imports);
            }
            _ if is_word(word(0)) => path(&tokens, &mut at, &mut source.paths),
            _ => at += 1,
        }
    }
    source
}

/// Whether the attribute that starts here keeps an item for tests.
fn is_of_tests(tokens: &[Token]) -> bool {
    let inside = tokens.iter().take_while(|token| token.text != "]");
    let words: Vec<&str> = inside.map(|token| &*token.text).collect();
    words.contains(&"test") && !words.contains(&"not")
}

/// The token after the item that starts at `at`, attributes included.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match &*token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" {
                    break;
                }
            }
            ";" | "," if depth == 0 => break,
            _ => {}
        }
    }
    at
}

/// The names of a `use`, from after the word on or from after a `::` inside it.
fn tree(tokens: &[Token], at: &mut usize, before: &Path, found: &mut Vec<Import>) {
    let mut path = before.clone();
    let mut line = 0;
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match &*token.text {
            "{" => {
                while tokens.get(*at).is_some_and(|token| token.text != "}") {
                    tree(tokens, at, &path, found);
                    *at += usize::from(tokens.get(*at).is_some_and(|token| token.text == ","));
                }
                *at += 1;
                return;
            }
            "," | "}" | ";" => {
                *at -= 1;
                break;
            }
            "::" => {}
            "as" => {
                let name = tokens.get(*at).map_or_else(String::new, |token| token.text.clone());
                *at += 1;
                found.push(Import { line, name, path });
                return;
            }
            "self" if !before.is_empty() => line = token.line,
            word => {
                line = token.line;
                path.push(word.to_owned());
            }
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    found.push(Import { line, name, path });
}

/// A path of two words or more; shorter ones name nothing of another module.
fn path(tokens: &[Token], at: &mut usize, found: &mut Vec<(usize, Path)>) {
    let line = tokens[*at].line;
    let mut path = vec![tokens[*at].text.clone()];
    *at += 1;
    while let [colons, word, ..] = &tokens[*at..] {
        if colons.text != "::" || !is_word(&word.text) {
            break;
        }
        path.push(word.text.clone());
        *at += 2;
    }
    if path.len() > 1 {
        found.push((line, path));
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The text without comments and without the content of literals.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while at < chars.len() {
        let end = at + length(&chars[at..]);
        let piece: String = chars[at..end].iter().collect();
        if !piece.starts_with(char::is_whitespace) && !piece.starts_with("//") && !piece.starts_with("/*") {
            found.push(Token { line, text: piece.clone() });
        }
        line += piece.matches('\n').count();
        at = end;
    }
    found
}

/// Length of the piece that starts here: a comment, a literal, a word, `::`, or one character.
fn length(chars: &[char]) -> usize {
    let next = |at: usize| chars.get(at).copied().unwrap_or('\0');
    match (chars[0], next(1)) {
        ('/', '/') => chars.iter().position(|c| *c == '\n').unwrap_or(chars.len()),
        ('/', '*') => until(chars, 2, &['*', '/']),
        ('r', '"' | '#') if is_raw(&chars[1..]) => raw(&chars[1..]) + 1,
        ('b' | 'c', 'r') if is_raw(&chars[2..]) => raw(&chars[2..]) + 2,
        ('"', _) => quoted(chars, '"'),
        ('b' | 'c', '"') => quoted(&chars[1..], '"') + 1,
        ('b', '\'') => quoted(&chars[1..], '\'') + 1,
        // A character, or else a lifetime.
        ('\'', '\\') => quoted(chars, '\''),
        ('\'', _) if next(2) == '\'' => 3,
        (':', ':') => 2,
        (first, _) if first.is_alphanumeric() || first == '_' => {
            chars.iter().position(|c| !c.is_alphanumeric() && *c != '_').unwrap_or(chars.len())
        }
        _ => 1,
    }
}

fn until(chars: &[char], from: usize, end: &[char]) -> usize {
    let found = chars[from..].windows(end.len()).position(|window| window == end);
    found.map_or(chars.len(), |found| from + found + end.len())
}

fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn is_raw(chars: &[char]) -> bool {
    chars.iter().find(|c| **c != '#') == Some(&'"')
}

fn raw(chars: &[char]) -> usize {
    let hashes = chars.iter().take_while(|c| **c == '#').count();
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    until(chars, hashes + 1, &end)
}
