//! Checks that the documentation names only existing commands: parses each `claviger …` in README.md and docs/.

use super::Cli;
use clap::{Parser as _, error::ErrorKind};
use std::{fs, path::Path};

/// A command line in a page.
#[derive(Debug, PartialEq)]
struct Line {
    text: String,
    /// In running text a verb may appear without its required arguments.
    is_inline: bool,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace")
}

fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<_> = fs::read_dir(root().join("docs"))
        .expect("docs")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "md"));
    paths.extend(["README.md", "SECURITY.md"].map(|name| root().join(name)));
    let read =
        |path: &std::path::PathBuf| (path.display().to_string(), fs::read_to_string(path).expect("a page"));
    paths.iter().map(read).collect()
}

/// Every command line of a page, from code blocks and backquotes.
fn lines(page: &str) -> Vec<Line> {
    let (mut found, mut is_fenced, mut may_indent) = (Vec::new(), false, true);
    for line in page.lines() {
        // An indented block starts after an empty line; elsewhere, an indented line continues a paragraph.
        let is_indented = may_indent && line.starts_with("    ");
        may_indent = is_indented || line.is_empty();
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || is_indented {
            commands(line, false, &mut found);
        } else {
            line.split('`').skip(1).step_by(2).for_each(|code| commands(code, true, &mut found));
        }
    }
    found
}

/// The commands in a piece of code: from the word `claviger` to the end of the command.
fn commands(code: &str, is_inline: bool, found: &mut Vec<Line>) {
    let code = code.replace("\\|", "|");
    let code = code.split("# ").next().unwrap_or_default();
    for (at, _) in code.match_indices("claviger ") {
        let is_word = code[..at].chars().last().is_none_or(|last| " (\"'={".contains(last));
        let before = code[..at].split_whitespace().last().unwrap_or_default();
        if is_word && !before.starts_with("--") && before != "man" {
            let text = until_the_end(&code[at..]).trim_end_matches([',', '.', ':']);
            found.push(Line { text: text.to_owned(), is_inline });
        }
    }
}

/// A command ends with a pipe, a comment, a quote that was not opened in it, or a gap before an explanation.
fn until_the_end(text: &str) -> &str {
    let (mut quotes, mut end) = (0, text.len());
    for (at, letter) in text.char_indices() {
        let rest = &text[at..];
        let is_gap = ["   ", " # ", " | ", " && ", " >", " …"].iter().any(|gap| rest.starts_with(gap));
        let is_closing = letter == '"' && quotes % 2 == 0 && !text[..at].ends_with(' ');
        if is_gap || is_closing || matches!(letter, ';' | ')' | '…') {
            end = at;
            break;
        }
        quotes += usize::from(letter == '"');
    }
    text[..end].trim_end()
}

/// The command lines that `[X]` and `a|b` expand to.
fn spelled_out(text: &str) -> Vec<Vec<String>> {
    let after = |part: &'_ str| part.split_once(']').map_or(part.len(), |(inside, _)| inside.len() + 1);
    let short: String = text
        .split('[')
        .enumerate()
        .map(|(at, part)| if at == 0 { part } else { &part[after(part)..] })
        .collect();
    let mut lines = Vec::new();
    for line in [text.replace(['[', ']'], ""), short] {
        let choices: Vec<Vec<&str>> = words(&line).map(|word| word.split('|').collect()).collect();
        for at in 0..choices.iter().map(Vec::len).max().unwrap_or(1) {
            lines.push(choices.iter().map(|words| plain(words[at.min(words.len() - 1)])).collect());
        }
    }
    lines.dedup();
    lines
}

/// A word without its quotes; a placeholder is replaced by a real value.
fn plain(word: &str) -> String {
    match word.trim_matches(['"', '\'']) {
        "VERB" => "status".into(),
        "TOOL" => "claude".into(),
        "$@" => "--json".into(),
        word => word.into(),
    }
}

/// Splits into words; quotes stay around them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    line.split(move |letter: char| {
        match quote {
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(open) if open == letter => quote = None,
            _ => {}
        }
        quote.is_none() && letter == ' '
    })
    .filter(|word| !word.is_empty())
}

fn refusal(line: &Line, words: &[String]) -> Option<ErrorKind> {
    let error = Cli::try_parse_from(words).err()?.kind();
    let is_incomplete = matches!(
        error,
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let is_fine = matches!(error, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
        || (line.is_inline && is_incomplete);
    (!is_fine).then_some(error)
}

#[test]
fn every_command_in_the_documentation_is_one() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, page) in pages() {
        for line in lines(&page) {
            for words in spelled_out(&line.text) {
                count += 1;
                wrong.extend(
                    refusal(&line, &words).map(|error| format!("{path}: {}: {error:?}", words.join(" "))),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} commands were found: are they still written as they were?");
}

#[test]
fn commands_are_found_where_people_see_them() {
    let page = "Say `claviger status | jq .` or `claviger`.\n\n    $ A=b claviger token   what it does\n    { \"x\": \"claviger aws\" }\n    man claviger token\n    --profile claviger --from x\n    claviger audit --since \"a b\" | wc\n";
    let found: Vec<_> = lines(page).into_iter().map(|line| line.text).collect();
    assert_eq!(
        found,
        ["claviger status", "claviger token", "claviger aws", "claviger audit --since \"a b\""]
    );
    let spelled = |text| spelled_out(text).into_iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert_eq!(spelled("claviger use [NAME]"), ["claviger use NAME", "claviger use"]);
    assert_eq!(spelled("claviger hook a|b")[..2], ["claviger hook a", "claviger hook b"]);
    assert!(Cli::try_parse_from(["claviger", "nonsense"]).is_err());
}
