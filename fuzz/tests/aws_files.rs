//! AWS's files, made up: botocore must read the same profiles from them, or refuse the same files.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Profiles with their settings; those below a setting have its name and a dot before their own.
type Profiles = BTreeMap<String, BTreeMap<String, String>>;

/// How many pairs of files.
const PAIRS: usize = 2000;

/// Reads pairs of files from stdin, and says what botocore makes of each; `null` is a refusal.
const BOTOCORE: &str = r#"
import json, os, sys, tempfile
from botocore.configloader import load_config, raw_config_parse
from botocore.exceptions import ConfigParseError

def flat(values):
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({name + "." + below: text for below, text in value.items()})
        else:
            found[name] = value
    return found

def read(config, credentials):
    try:
        profiles = load_config(config)["profiles"]
        for name, values in raw_config_parse(credentials).items():
            profiles.setdefault(name, {}).update(values)
    except ConfigParseError:
        return None
    return {name: flat(values) for name, values in profiles.items()}

with tempfile.TemporaryDirectory() as place:
    paths = [os.path.join(place, name) for name in ("config", "credentials")]
    for pair in json.load(sys.stdin):
        for path, text in zip(paths, pair):
            with open(path, "wb") as file:
                file.write(text.encode())
        print(json.dumps(read(*paths)))
"#;

/// Numbers that are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % count as u64).expect("small")
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        if self.below(60) == 0 {
            text.push_str(self.one_of(&["\u{feff}", "a = b\n", "[a\n", "\n", "# c\n"]));
        }
        for _ in 0..self.below(6) {
            let name = self.one_of(&[
                "default",
                "profile default",
                "profile a",
                "profile 'a'",
                "profile \"my work\"",
                "profile my\\ work",
                "profile é",
                "profile",
                "profile a b",
                "profiles c",
                "profile 'd",
                " profile e",
                "profile\tf",
                "DEFAULT",
                "a",
                "my work",
                "sso-session s",
                "services t",
                "x]y",
                "profile \"q\\\"\\\\\\z\"",
                "profile \u{a0}g",
                "preview",
                "profile 'h'i",
                "profile \"\"",
            ]);
            let (before, after) = (
                self.one_of(&["", "", "", " ", "\t"]),
                self.one_of(&["", "", "", " # c", " x", " ]", "\u{1c}"]),
            );
            text.push_str(&format!("{before}[{name}]{after}{}", self.end()));
            let indent = self.one_of(&["", "", "", "  ", "\t", "\u{a0}"]);
            for number in 0..self.below(6) {
                self.line(&mut text, indent, number);
            }
        }
        text
    }

    fn line(&mut self, text: &mut String, indent: &str, number: usize) {
        let end = self.end();
        let value = self.one_of(&[
            "v",
            "",
            "a = b",
            "é: x",
            "v # no comment",
            "\u{85}v\u{2028}w",
            "\0",
            " w ",
            "'q",
            "v\u{1d}w\u{c}x",
        ]);
        let between = self.one_of(&["=", " = ", ":", " : ", "\t=\t", "\u{2003}=\u{1f}"]);
        let name = self.one_of(&["key", "Key", "É", "role arn", "k.l", "\u{212a}", "İ"]);
        let number = if self.below(40) == 0 { 0 } else { number };
        match self.below(12) {
            0 => text.push_str(&format!("{indent}{}comment{end}", self.one_of(&["#", ";", " # "]))),
            1 => text.push_str(&format!("{}{end}", self.one_of(&["", " ", "\t\t", "\u{3000}"]))),
            2 => text.push_str(&format!("{indent}  {value}{end}")),
            3 => text.push_str(&format!("{indent}  {name}{number}{between}{value}{end}")),
            4 => {
                text.push_str(&format!("{indent}{name}{number}{between}{end}"));
                for _ in 0..self.below(4) {
                    let below = self.one_of(&[
                        "a = b",
                        "a=c",
                        "C = d",
                        "  e =",
                        "a\u{85}b = c",
                        "#f = g",
                        "",
                        "h == i",
                    ]);
                    let below = if self.below(30) == 0 { "none" } else { below };
                    text.push_str(&format!("{indent}   {below}{end}"));
                }
            }
            5 if self.below(20) == 0 => {
                text.push_str(&format!("{indent}{}{end}", self.one_of(&["none", "= v", "[]", ":", "[x"])))
            }
            _ => text.push_str(&format!("{indent}{name}{number}{between}{value}{end}")),
        }
    }

    fn end(&mut self) -> &'static str {
        ["\n", "\n", "\n", "\n", "\r\n", "\r"][self.below(6)]
    }
}

fn ours(config: &str, credentials: &str) -> Option<Profiles> {
    let profiles = clavigerd_fetch::fuzz::aws_profiles(config, credentials).ok()?;
    Some(profiles.into_iter().map(|(name, settings)| (name, settings.into_iter().collect())).collect())
}

#[test]
fn botocore_reads_the_same() {
    let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "CI may not skip this");
        eprintln!("skipped: needs botocore ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)");
        return;
    };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let pairs: Vec<[String; 2]> = (0..PAIRS).map(|_| [dice.text(), dice.text()]).collect();
    let mut python = Command::new(venv.join("bin/python"));
    let python = python.args(["-X", "utf8", "-c", BOTOCORE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().expect("Python runs");
    let asked = serde_json::to_vec(&pairs).expect("JSON");
    python.stdin.take().expect("a pipe").write_all(&asked).expect("written");
    let output = python.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(said.lines().count(), PAIRS);
    let mut read = 0;
    for ([config, credentials], line) in pairs.iter().zip(said.lines()) {
        let theirs: Option<Profiles> = serde_json::from_str(line).expect("JSON");
        assert_eq!(ours(config, credentials), theirs, "{config:?} {credentials:?}");
        read += usize::from(theirs.is_some_and(|profiles| !profiles.is_empty()));
    }
    assert!(
        (PAIRS / 4..PAIRS * 9 / 10).contains(&read),
        "{read} of {PAIRS} were read: a test needs some of both"
    );
}
