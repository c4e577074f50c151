use super::{nested, read};

/// Sections and settings as `[section] name=value`, or the line that is wrong.
fn shown(text: &str) -> String {
    let sections = match read(text) {
        Ok(sections) => sections,
        Err(broken) => return format!("line {}", broken.line),
    };
    let of = |(at, name): (usize, &str)| {
        let settings = sections.settings(at).map(|(name, value)| format!(" {name}={value:?}"));
        format!("[{name}]{}", settings.collect::<String>())
    };
    sections.names().enumerate().map(of).collect::<Vec<_>>().join(" ")
}

#[test]
fn files_are_read_as_aws_reads_them() {
    for (text, expected) in [
        ("", ""),
        ("# nothing\n\n; at all\n", ""),
        ("[a]\nb = c\n", "[a] b=\"c\""),
        ("[a]\nb=c\nd:e = f\ng : h", "[a] b=\"c\" d=\"e = f\" g=\"h\""),
        ("[a]\r\nb = c\r\n[d]\re = f", "[a] b=\"c\" [d] e=\"f\""),
        // Indented and with tabs, also comments and headers.
        ("  [a]\n\tb = c\n\te = f\n  # g\n [h]\n i = j", "[a] b=\"c\" e=\"f\" [h] i=\"j\""),
        ("[a]\n  b = c\n  d = e\n", "[a] b=\"c\" d=\"e\""),
        // Usual indentation of the settings of one profile.
        ("[a]\nb = c\n  d = e\n", "[a] b=\"c\\nd = e\""),
        ("[a]\nb = c\n\n   d\n\n", "[a] b=\"c\\n\\nd\""),
        ("[a]\nb = c\n  # d\n  e\n", "[a] b=\"c\\ne\""),
        ("[a]\nb =\n  c = d\n  e = f\ng = h", "[a] b=\"\\nc = d\\ne = f\" g=\"h\""),
        ("[a]\nb =\n\n\nc = d", "[a] b=\"\" c=\"d\""),
        // Text after the header, or after a value.
        ("[a] # b\nc = d # e\n[f]x]\n", "[a] c=\"d # e\" [f]x]"),
        ("[ a ]\n[\"a b\"]\n[]]", "[ a ] [\"a b\"] []]"),
        ("[a]\nName = Value\nÉ = 1\n", "[a] name=\"Value\" é=\"1\""),
        ("[a]\nb =\n", "[a] b=\"\""),
        ("[a]\n\u{a0}\u{1c}b\u{2003}=\u{3000}c\u{85}\n", "[a] b=\"c\""),
        // In all sections without their own value, also those before it.
        ("[a]\nb = 1\n[DEFAULT]\nb = 2\nc = 3\n[d]\n", "[a] b=\"1\" b=\"2\" c=\"3\" [d] b=\"2\" c=\"3\""),
        ("[DEFAULT]\na = 1\n[DEFAULT]\nb = 2\n[c]\n", "[c] a=\"1\" b=\"2\""),
        // No section has it.
        ("[DEFAULT]\nb =\n  c\n[a]\nb = d\n", "[a] b=\"d\" b=\"\\nc\""),
        ("[a]\nb = \0\n", "[a] b=\"\\0\""),
    ] {
        assert_eq!(shown(text), expected, "{text:?}");
    }
}

#[test]
fn what_aws_does_not_read_is_refused_by_line() {
    for (text, line, part) in [
        ("a = b", 1, "before the first"),
        ("\u{feff}[a]\nb = c", 1, "byte order mark"),
        ("\u{feff}# a\n[a]", 1, "byte order mark"),
        ("[a\nb = c", 1, "before the first"),
        ("[a]\n[]\n", 2, "no `=`"),
        ("[a]\nb = c\r\nd\n", 3, "no `=`"),
        ("[a]\n = b\n", 2, "without a name"),
        ("[a]\n[b]\n[a]\n", 3, "for the second time"),
        ("[a]\nb = 1\nB : 2\n", 3, "again in its section"),
        ("[DEFAULT]\nb = 1\n[a]\n[DEFAULT]\nb = 2\n", 5, "again in its section"),
        ("[a]\nb =\n  c\n", 2, "not settings"),
        ("[a]\nb = \n  c = d\n  e\n[f]\n", 2, "not settings"),
        ("[a]\nb = 1\n[DEFAULT]\nb =\n  c\n[d]\n", 4, "not settings"),
        ("[a]\nb = c\n[d]\ncanary\n", 4, "no `=`"),
    ] {
        let broken = read(text).expect_err(text);
        assert_eq!(broken.line, line, "{text:?}");
        assert!(
            broken.to_string().contains(part) && !broken.to_string().contains("canary"),
            "{text:?}: {broken}"
        );
    }
}

#[test]
fn settings_below_settings() {
    assert_eq!(nested("\na = b\n\n c=d=e \u{2028}f=\n"), Some(vec![("a", "b"), ("c", "d=e"), ("f", "")]));
    assert_eq!(nested("\na : b"), None);
}

/// The cost of a hostile file is proportional to its length.
#[test]
fn long_files_are_read_in_one_go() {
    let many: String = (0..100_000).map(|number| format!("k{number} = v\n")).collect();
    let (settings, lines) = (format!("[a]\n{many}"), format!("[a]\nb = c\n{}", "  d\n".repeat(500_000)));
    let sections: String = (0..100_000).map(|number| format!("[{number}]\n")).collect();
    for (text, expected) in [(settings, 1), (lines, 1), (sections, 100_000)] {
        assert_eq!(read(&text).expect("a file").names().count(), expected);
    }
}
