//! Quotes text for POSIX shells.

/// `text` as one word that no shell interprets: in single quotes, inside which only the quote itself is special.
pub(crate) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::shell;
    use std::process::Command;

    #[test]
    fn single_quotes_are_taken_out_and_back() {
        assert_eq!(shell(""), "''");
        assert_eq!(shell("sk-ant-1"), "'sk-ant-1'");
        assert_eq!(shell("it's"), r"'it'\''s'");
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
