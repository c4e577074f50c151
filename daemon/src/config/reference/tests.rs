//! The tables say what the parsers take, no more and no less.

use super::{GROUPS, Key, keys, page};
use crate::{
    accounts::registration::{self, Registration},
    config::{Config, Daemon},
    settings::{COMMANDS, Content, Layer, POLICIES, parse},
};
use claviger::variables::VARIABLES;
use serde::{
    Deserialize,
    de::{self, Deserializer, Visitor},
    forward_to_deserialize_any,
};
use std::{collections::BTreeSet, fs, path::Path};

/// The fields that a struct asks a deserializer for. The error carries them.
struct Fields;

#[derive(Debug)]
struct Asked(&'static [&'static str]);

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Fields {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: for<'a> Deserialize<'a>>() -> BTreeSet<&'static str> {
    match T::deserialize(Fields) {
        Ok(_) => BTreeSet::new(),
        Err(Asked(fields)) => fields.iter().copied().collect(),
    }
}

fn names(rows: &[Key]) -> BTreeSet<&'static str> {
    rows.iter().map(|row| row.name).collect()
}

fn content(table: &str, row: &Key) -> Content {
    let text = format!("[{table}]\n{} = {}\n", row.name, row.example);
    parse::toml(Layer::Config, "c.toml", text.as_bytes()).expect(row.name)
}

#[test]
fn every_field_of_a_section_has_a_row_and_every_row_a_field() {
    assert_eq!(fields::<Daemon>(), names(&keys::daemon()));
    assert_eq!(fields::<Registration>(), names(&keys::oauth()));
    let settings = COMMANDS
        .into_iter()
        .chain(POLICIES)
        .chain(["env", "audience", "path", "pass_environment", "refresh", "directory"])
        .collect();
    assert_eq!(names(&keys::settings()), settings);
}

#[test]
fn every_example_is_read_and_changes_something() {
    for row in keys::daemon() {
        let text = format!("[daemon]\n{} = {}\n", row.name, row.example);
        assert_ne!(Config::parse("c.toml", &text).expect(row.name), Config::default(), "{}", row.name);
    }
    for row in keys::settings() {
        assert_ne!(content("settings", &row), Content::default(), "{}", row.name);
    }
    for row in keys::trust() {
        assert_ne!(content("trust", &row), Content::default(), "{}", row.name);
    }
    for table in ["account.work", "source.api-key-helper"] {
        assert_ne!(content(table, &keys::confirm()), Content::default(), "{table}");
    }
}

#[test]
fn every_example_of_a_login_is_read() {
    let required = ["client_id", "audience", "issuer"];
    let rows = keys::oauth();
    let line = |row: &Key| format!("{} = {}\n", row.name, row.example);
    let base: String = rows.iter().filter(|row| required.contains(&row.name)).map(line).collect();
    for row in rows.iter().filter(|row| !required.contains(&row.name)) {
        let text = format!("[oauth.x]\n{base}{}", line(row));
        let section = registration::parse("c.toml", &text).expect(row.name).remove("x");
        let plain = registration::parse("c.toml", &format!("[oauth.x]\n{base}")).expect("valid").remove("x");
        assert_ne!(section, plain, "{}", row.name);
    }
}

#[test]
fn every_variable_of_a_session_has_one_row() {
    let rows: Vec<&str> = GROUPS.iter().flat_map(|group| group.rows).map(|row| row.0).collect();
    let once: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(once.len(), rows.len(), "a variable has two rows");
    for (name, _) in VARIABLES {
        assert!(once.contains(name), "{name} has no row in config/reference/variables.rs");
    }
}

/// Variables that programs read for themselves, by what the code has in quotes.
#[test]
fn every_variable_of_the_programs_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let page = page();
    for place in ["src", "client/src", "daemon/src"] {
        walk(&root.join(place), &mut |text| {
            for name in text.split('"').filter(|word| is_ours(word)) {
                assert!(
                    page.contains(&format!("`{name}`")),
                    "{name} has no row in config/reference/variables.rs"
                );
            }
            for name in text.split("env::var").skip(1).filter_map(argument) {
                assert!(
                    page.contains(&format!("`{name}`")),
                    "{name} has no row in config/reference/variables.rs"
                );
            }
        });
    }
}

fn is_ours(word: &str) -> bool {
    word.strip_prefix("CLAVIGER_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    })
}

/// The name in `("NAME")` or `_os("NAME")`.
fn argument(text: &str) -> Option<&str> {
    let name = text.trim_start_matches("_os").strip_prefix("(\"")?;
    name.split('"').next().filter(|name| !name.starts_with("CARGO_"))
}

fn walk(directory: &Path, look: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            look(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn the_page_is_the_one_in_docs() {
    const FILE: &str = include_str!("../../../../docs/configuration.md");
    assert!(page() == FILE, "docs/configuration.md is not what the code says: `cargo xtask docs`");
}
