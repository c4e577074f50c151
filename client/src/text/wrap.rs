//! Text for people in lines that fit a terminal: broken between words, continued under the last column or further in.

use std::borrow::Cow;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, core::display_width};

/// Indentation of a continued line of plain prose.
const FURTHER: usize = 2;
/// Before a command that can be pasted.
const COMMAND: &str = "run: ";
/// Stands for a space that no line breaks at. The text itself is escaped before, and has none.
const STAYS: char = '\u{a0}';

/// `text` with every line wider than `width` broken. A single longer word stays whole: it may be an address. So does
/// text between backquotes, if it fits on a line. A command of several lines can still be pasted.
pub(crate) fn text(text: &str, width: usize) -> String {
    text.split('\n').map(|one| line(one, width).join("\n")).collect::<Vec<_>>().join("\n")
}

/// The lines of one line.
pub(crate) fn line(line: &str, width: usize) -> Vec<String> {
    if display_width(line) <= width {
        return vec![line.to_owned()];
    }
    let indent = indent(line, width);
    let is_command = line.trim_start().starts_with(COMMAND);
    // Room for the backslash at the end of each line.
    let room = if is_command { width.saturating_sub(2) } else { width };
    let (text, ahead) = (kept_whole(line, room - indent, is_command), " ".repeat(indent));
    let options = Options::new(room)
        .subsequent_indent(&ahead)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let mut lines: Vec<_> = textwrap::wrap(&text, options).iter().map(|it| it.replace(STAYS, " ")).collect();
    // The blank at the end of a question separates it from the answer.
    let blank = &line[line.trim_end_matches(' ').len()..];
    lines.iter_mut().last().into_iter().for_each(|last| last.push_str(blank));
    let last = lines.len().saturating_sub(1);
    let end = |(at, line): (usize, String)| if is_command && at < last { line + " \\" } else { line };
    lines.into_iter().enumerate().map(end).collect()
}

/// Indentation of a continued line: under its last column if that begins on the left, as in a table that ends with
/// prose.
fn indent(line: &str, width: usize) -> usize {
    let start = line.len() - line.trim_start_matches(' ').len();
    let gaps = line[start..].match_indices("  ").map(|(at, _)| start + at);
    let columns = gaps.map(|at| at + line[at..].len() - line[at..].trim_start_matches(' ').len());
    let column = columns.map(|at| display_width(&line[..at])).filter(|column| *column <= width / 2).last();
    column.unwrap_or(start + FURTHER).min(width / 2)
}

/// With the spaces marked that no line breaks at: between backquotes, and in a command between quotes.
fn kept_whole(line: &str, room: usize, is_command: bool) -> Cow<'_, str> {
    let quote = if is_command { '\'' } else { '`' };
    if !line.contains(quote) {
        return Cow::Borrowed(line);
    }
    let parts = line.split(quote).enumerate().map(|(at, part)| match at % 2 == 1 {
        true if is_command || display_width(part) + 3 <= room => part.replace(' ', &STAYS.to_string()),
        _ => part.to_owned(),
    });
    Cow::Owned(parts.collect::<Vec<_>>().join(&quote.to_string()))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn lines_break_between_words_and_go_on_where_they_belong() {
        for (line, width, expected) in [
            ("one two three", 13, "one two three"),
            ("one two three", 9, "one two\n  three"),
            ("  one two three\nfour", 9, "  one two\n    three\nfour"),
            ("name   a long text here", 16, "name   a long\n       text here"),
            ("a  b  c and d", 9, "a  b  c\n   and d"),
            ("see https://an.example/address now", 12, "see\n  https://an.example/address\n  now"),
            ("run `claviger get` now", 17, "run\n  `claviger get`\n  now"),
            ("an `abc def ghi jkl mno` end", 12, "an `abc def\n  ghi jkl\n  mno` end"),
            ("  run: claviger --cwd '/a b' refresh", 24, "  run: claviger --cwd \\\n    '/a b' refresh"),
            ("\x1b[31mone two three\x1b[0m", 9, "\x1b[31mone two\n  three\x1b[0m"),
            ("鍵鍵 鍵鍵 鍵", 9, "鍵鍵 鍵鍵\n  鍵"),
            ("Continue? [y/N]: ", 12, "Continue?\n  [y/N]: "),
            ("", 4, ""),
            ("a b", 0, "a\nb"),
        ] {
            assert_eq!(text(line, width), expected, "{width}: {line}");
        }
    }
}
