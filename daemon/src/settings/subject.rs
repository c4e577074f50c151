//! What trust is given to: a workspace and exactly what its files ask for; and what was decided about it.

use super::{
    File, Located, Workspace,
    harmless::{harmless_of, is_harmless},
};
use claviger::{
    reason::Location,
    variables::{self, Use},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Shown instead of a value that is a secret.
pub const SECRET: &str = "(secret)";
/// Longest text shown for a variable, in characters: as much as a command can have. Commands are always shown whole.
const MAX_SHOWN: usize = 16 * 1024;

/// What has been decided about a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing, or nothing about exactly these items.
    Undecided,
    /// Use what the workspace configures.
    Trusted,
    /// Leave the workspace's files out.
    Ignored,
}

/// A workspace and what its files ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Canonical path of the workspace's root.
    pub root: PathBuf,
    /// Device of the root.
    pub device: u64,
    /// Inode of the root.
    pub inode: u64,
    /// Hex SHA-256 over root, device, inode, and layer, name and value of each item.
    pub digest: String,
    /// What the files ask for.
    pub items: Vec<Item>,
}

/// One thing a workspace's files ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Settings key: "apiKeyHelper", "env.ANTHROPIC_BASE_URL", …
    pub name: String,
    /// Its value as it can be shown: without secrets, and without anything that could move a terminal's cursor.
    pub value: String,
    /// Hex SHA-256 over root, layer, name and the real value.
    pub fingerprint: String,
    /// Whether the value is a command that would be run.
    pub command: bool,
    /// Where it stands.
    pub at: Location,
}

/// A digest over fields, each preceded by its length so that none can pose as another's end.
struct Fields(Sha256);

// === impl Subject ===

impl Subject {
    /// What the workspace layers of `files` ask for; `None` if that is nothing. Harmless variables ask for nothing.
    pub fn of(workspace: &Workspace, files: &[File]) -> Option<Self> {
        let mut fields = Fields::new("claviger trust subject 1");
        fields.path(&workspace.root);
        fields.add(&workspace.device.to_be_bytes());
        fields.add(&workspace.inode.to_be_bytes());
        let mut items = Vec::new();
        let harmless = harmless_of(files);
        for file in files.iter().filter(|file| file.layer.is_workspace()) {
            for (name, value) in &file.content.commands {
                items.push(item(
                    workspace,
                    (*name).to_owned(),
                    value,
                    shown(&value.value, usize::MAX),
                    true,
                    &mut fields,
                ));
            }
            let asked = file.content.env.iter().filter(|(name, _)| !is_harmless(name, harmless));
            for (variable, value) in asked {
                let text =
                    if is_secret(variable) { SECRET.to_owned() } else { shown(&value.value, MAX_SHOWN) };
                items.push(item(workspace, format!("env.{variable}"), value, text, false, &mut fields));
            }
        }
        let Workspace { root, device, inode } = workspace.clone();
        (!items.is_empty()).then(|| Self { root, device, inode, digest: fields.hex(), items })
    }
}

fn item(
    workspace: &Workspace,
    name: String,
    value: &Located<String>,
    shown: String,
    command: bool,
    subject: &mut Fields,
) -> Item {
    let mut own = Fields::new("claviger trust item 1");
    own.path(&workspace.root);
    for fields in [&mut own, subject] {
        fields.add(value.layer.name().as_bytes());
        fields.add(name.as_bytes());
        fields.add(value.value.as_bytes());
    }
    Item { name, value: shown, fingerprint: own.hex(), command, at: value.at.clone() }
}

// Beyond the list: a variable that is named like a secret is one, and decisions are kept on disk.
fn is_secret(variable: &str) -> bool {
    const ENDINGS: [&str; 7] = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSPHRASE", "_PASSWD", "_PAT"];
    let variable = variable.to_ascii_uppercase();
    matches!(variables::usage(&variable), Some(Use::Secret | Use::Lent(_)))
        || ENDINGS.iter().any(|ending| variable.ends_with(ending))
        || variable.starts_with("AWS_BEARER_TOKEN_")
}

// A value comes from a repository and ends up on a terminal where a person decides: no escape sequences, no line
// breaks, and no characters that turn the direction of the text or have no width.
fn shown(value: &str, max: usize) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars().take(max) {
        if character.is_control() || is_deceptive(character) {
            text.extend(character.escape_unicode());
        } else {
            text.push(character);
        }
    }
    match value.chars().count().saturating_sub(max) {
        0 => text,
        more => format!("{text} … and {more} more characters"),
    }
}

fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

// === impl Fields ===

impl Fields {
    fn new(domain: &str) -> Self {
        let mut fields = Self(Sha256::new());
        fields.add(domain.as_bytes());
        fields
    }

    fn add(&mut self, field: &[u8]) {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    fn path(&mut self, path: &Path) {
        self.add(path.as_os_str().as_encoded_bytes());
    }

    fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SHOWN, Subject};
    use crate::settings::{File, FileState, Layer, Workspace, parse};
    use std::{path::PathBuf, sync::Arc};

    fn workspace() -> Workspace {
        Workspace { root: PathBuf::from("/w"), device: 1, inode: 2 }
    }

    fn file(layer: Layer, text: &str) -> File {
        let content = Arc::new(parse::json(layer, "/w/.claude/s.json", text.as_bytes()).expect("valid"));
        File { layer, path: "/w/.claude/s.json".into(), state: FileState::Loaded, content }
    }

    fn digest(workspace: &Workspace, files: &[(Layer, &str)]) -> String {
        let files: Vec<_> = files.iter().map(|(layer, text)| file(*layer, text)).collect();
        Subject::of(workspace, &files).expect("items").digest
    }

    #[test]
    fn items_are_commands_and_variables_of_the_workspace_only() {
        let files = [
            file(Layer::Managed, r#"{"apiKeyHelper":"m"}"#),
            file(Layer::Local, r#"{"apiKeyHelper":"claviger token","awsAuthRefresh":"l"}"#),
            file(
                Layer::Project,
                r#"{"apiKeyHelper":"p","env":{"UNLISTED":"1","PATH":"/x"},"forceLoginMethod":"c"}"#,
            ),
            file(Layer::User, r#"{"apiKeyHelper":"u"}"#),
        ];
        let subject = Subject::of(&workspace(), &files).expect("items");
        let items: Vec<_> = subject
            .items
            .iter()
            .map(|item| (item.name.as_str(), item.value.as_str(), item.command))
            .collect();
        let expected = [
            ("awsAuthRefresh", "l", true),
            ("apiKeyHelper", "p", true),
            ("env.PATH", "/x", false),
            ("env.UNLISTED", "1", false),
        ];
        assert_eq!(items, expected);
        assert_eq!(subject.items[1].at.to_string(), "/w/.claude/s.json:1:2");
    }

    #[test]
    fn nothing_asked_for_is_no_subject() {
        let harmless = [file(Layer::Project, r#"{"apiKeyHelper":"claviger token","forceLoginMethod":"c"}"#)];
        assert_eq!(Subject::of(&workspace(), &harmless), None);
        assert_eq!(Subject::of(&workspace(), &[file(Layer::User, r#"{"apiKeyHelper":"u"}"#)]), None);
    }

    #[test]
    fn any_difference_is_another_digest() {
        let text = r#"{"apiKeyHelper":"get ab","env":{"A":"bc","TOKEN":"x"}}"#;
        let same = digest(&workspace(), &[(Layer::Project, text)]);
        assert_eq!(same, digest(&workspace(), &[(Layer::Project, &format!("  {text}\n"))]));
        assert_eq!(same.len(), 64);
        for other in [
            r#"{"apiKeyHelper":"get ac","env":{"A":"bc","TOKEN":"x"}}"#,
            r#"{"apiKeyHelper":"get ab ","env":{"A":"bc","TOKEN":"x"}}"#,
            r#"{"apiKeyHelper":"get ab","env":{"A":"bc","TOKEN":"y"}}"#,
            r#"{"apiKeyHelper":"get ab","env":{"Ab":"c","TOKEN":"x"}}"#,
            r#"{"apiKeyHelper":"get ab","env":{"A":"bc"}}"#,
            r#"{"awsAuthRefresh":"get ab","env":{"A":"bc","TOKEN":"x"}}"#,
        ] {
            assert_ne!(same, digest(&workspace(), &[(Layer::Project, other)]), "{other}");
        }
        assert_ne!(same, digest(&workspace(), &[(Layer::Local, text)]));
        assert_ne!(
            same,
            digest(&workspace(), &[(Layer::Project, text), (Layer::Local, r#"{"apiKeyHelper":"x"}"#)])
        );
        for moved in [
            Workspace { root: PathBuf::from("/w2"), ..workspace() },
            Workspace { device: 9, ..workspace() },
            Workspace { inode: 9, ..workspace() },
        ] {
            assert_ne!(same, digest(&moved, &[(Layer::Project, text)]));
        }
    }

    #[test]
    fn secrets_are_not_shown_but_count() {
        for name in ["ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"]
        {
            let one = file(Layer::Project, &format!(r#"{{"env":{{"{name}":"canary"}}}}"#));
            let two = file(Layer::Project, &format!(r#"{{"env":{{"{name}":"canarx"}}}}"#));
            let [one, two] = [one, two].map(|file| Subject::of(&workspace(), &[file]).expect("items"));
            assert!(!format!("{one:?}").contains("canary"), "{name}");
            assert_eq!(one.items[0].value, two.items[0].value);
            assert_ne!(one.items[0].fingerprint, two.items[0].fingerprint);
            assert_ne!(one.digest, two.digest);
        }
    }

    #[test]
    fn shown_text_cannot_deceive() {
        let text = "{\"apiKeyHelper\":\"a\\u001b[2K\\r\\nb\\u202ec\",\"env\":{\"LONG\":\"".to_owned()
            + &"é".repeat(MAX_SHOWN + 1000)
            + "\"}}";
        let subject = Subject::of(&workspace(), &[file(Layer::Project, &text)]).expect("items");
        assert_eq!(subject.items[0].value, "a\\u{1b}[2K\\u{d}\\u{a}b\\u{202e}c");
        assert!(subject.items[1].value.ends_with("é … and 1000 more characters"));
    }
}
