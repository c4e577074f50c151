//! Quotes text for shells.

/// `text` as one word that no shell interprets: in single quotes, inside which only the quote itself is special.
pub(crate) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same for fish, where a backslash is special in them, too.
pub(crate) fn fish(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// The same for PowerShell, for which four typographic quotes are single quotes as well. A quote is doubled.
pub(crate) fn powershell(text: &str) -> String {
    let is_quote = |c| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
    let letter = |c| std::iter::repeat_n(c, if is_quote(c) { 2 } else { 1 });
    format!("'{}'", text.chars().flat_map(letter).collect::<String>())
}

/// The same for Nushell, whose double quotes use the escapes of JSON, except for a code point as `\u{…}`.
pub(crate) fn nu(text: &str) -> String {
    let letter = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{{{:x}}}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{fish, nu, powershell, shell};
    use std::process::Command;

    #[test]
    fn single_quotes_are_taken_out_and_back() {
        assert_eq!(shell(""), "''");
        assert_eq!(shell("sk-ant-1"), "'sk-ant-1'");
        assert_eq!(shell("it's"), r"'it'\''s'");
    }

    #[test]
    fn other_shells_have_rules_of_their_own() {
        let text = "it's \\ \"$x\" \u{2019}\n";
        assert_eq!(fish(text), "'it\\'s \\\\ \"$x\" \u{2019}\n'");
        assert_eq!(powershell(text), "'it''s \\ \"$x\" \u{2019}\u{2019}\n'");
        assert_eq!(nu(text), "\"it's \\\\ \\\"$x\\\" \u{2019}\\u{a}\"");
    }

    #[test]
    fn a_real_shell_reads_back_what_was_quoted() {
        for text in
            ["", "'", "''", "$(touch /tmp/x)`id`", "a\nb\n", "\\", "\"$HOME\" !! # ;", "-n", "é\u{202e}"]
        {
            let script = format!("v={}; printf %s \"$v\"", shell(text));
            let output = Command::new("/bin/sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), text);
        }
    }
}
