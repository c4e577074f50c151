//! The documentation of `config.toml` is generated from the types that read it: the tables of docs/configuration.md,
//! the JSON schema docs/schemas/config.json and the manual page claviger.toml(5). `cargo xtask docs` writes them anew;
//! these tests fail if they are not current, and if the variables on that page are not those of the code.

use super::{Config, Daemon};
use crate::{
    accounts::registration::{self, Registration},
    settings::{COMMANDS, Confirm, Layer, POLICIES, Refresh, parse},
};
use clap_mangen::roff::{Roff, bold, roman};
use claviger::variables::{Use, VARIABLES, usage};
use expect_test::expect_file;
use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const PAGE: &str = include_str!("../../../docs/configuration.md");
/// Every key that has an effect there, with a value that is not its default.
const EXAMPLE: &str = include_str!("../../../docs/examples/config.toml");
/// A file of an administrator.
const ETC: &str = include_str!("../../../docs/examples/etc-config.toml");

/// `~/.config/claviger/config.toml`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its form counts")]
struct File {
    /// The daemon itself.
    daemon: Option<Daemon>,
    /// Keys that a settings.json can have, and keys that only this file can have.
    settings: Option<Settings>,
    /// Which variables a project may set without being asked about.
    trust: Option<Trust>,
    /// When a person is asked before this account is lent.
    account: Option<BTreeMap<String, Confirmation>>,
    /// When a person is asked before this source is lent.
    source: Option<BTreeMap<String, Confirmation>>,
    /// Where `claviger login NAME` signs in.
    oauth: Option<BTreeMap<String, Registration>>,
}

/// `[settings]`: keys of a settings.json, and some of its own.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "only its form counts")]
struct Settings {
    /// Prints the API key of the Anthropic backend: one line of printable ASCII, 16,384 characters at most. It is run by `/bin/sh -c`.
    api_key_helper: Option<String>,
    /// Signs in to AWS. Runs only while a session waits and AWS turns the credentials down; 180 s.
    aws_auth_refresh: Option<String>,
    /// Prints AWS keys as JSON; comes before the AWS chain.
    aws_credential_export: Option<String>,
    /// Signs in to Google Cloud, as `awsAuthRefresh` does to AWS; 180 s.
    gcp_auth_refresh: Option<String>,
    /// Environment variables of sessions, 1024 at most. Values are text, numbers or booleans. Names that begin with
    /// `CLAVIGER_` are left out, except those below.
    env: Option<BTreeMap<String, Value>>,
    /// `[settings]` of `config.toml` only: origins that the key of `apiKeyHelper` may be sent to, besides `https://api.anthropic.com`
    /// and an `ANTHROPIC_BASE_URL` of your settings ([anthropic.md](anthropic.md#where-a-helpers-key-may-go)).
    audience: Option<Texts>,
    /// `[settings]` of `config.toml` only: when `apiKeyHelper` and `awsCredentialExport` run. `ahead`, the default, is once for each
    /// use, before the credential expires; `on-demand` is never before a session asks.
    refresh: Option<BTreeMap<String, Refresh>>,
    /// `[settings]` of `config.toml` only: `[settings.directory."PATH"]` holds commands, `env`, `audience` and `refresh` for sessions whose
    /// configuration directory (`CLAUDE_CONFIG_DIR`, else `~/.claude`) is that one. They come before those of `[settings]`;
    /// `claviger hook install claude` writes them.
    directory: Option<BTreeMap<String, Settings>>,
    /// `[settings]` of `config.toml` only: directories where commands find programs, before the places of the system. They do not get the
    /// `PATH` of a session.
    path: Option<Vec<String>>,
    /// `[settings]` of `config.toml` only: variables of a session that its commands get besides those of the list below, by name or
    /// beginning as in `MYCORP_*` ([helpers.md](helpers.md#more-variables)). Sessions that differ in one share nothing.
    #[schemars(rename = "pass_environment")]
    pass_environment: Option<Vec<String>>,
    /// Managed settings only, without effect in any other file: logins of this method, and nothing else, are lent: `claudeai`, `console`
    /// or `gateway` ([anthropic.md](anthropic.md#login-policies)).
    force_login_method: Option<String>,
    /// Managed settings only, without effect in any other file: logins of these organisations (UUIDs), and nothing else, are lent. Lists
    /// of several files add up.
    #[schemars(rename = "forceLoginOrgUUID")]
    force_login_org_uuid: Option<Texts>,
}

/// `[trust]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its form counts")]
struct Trust {
    /// More variables that a project may set, by name or beginning as in `MYAPP_*`. None that claviger, a loader, an interpreter or a
    /// cloud reads.
    harmless: Option<Vec<String>>,
}

/// `[account.NAME]` and `[source.ID]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its form counts")]
struct Confirmation {
    /// When a person is asked: never (the default), once for each terminal (or process that has none), or for each loan.
    confirm: Option<Confirm>,
}

/// A text, or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its form counts")]
enum Texts {
    One(String),
    More(Vec<String>),
}

/// The tables of the page, by the name that its comments have for them, with their schemas.
fn tables() -> Vec<(&'static str, Value)> {
    vec![
        ("[daemon]", schema_for!(Daemon).to_value()),
        ("[settings]", schema_for!(Settings).to_value()),
        ("[trust]", schema_for!(Trust).to_value()),
        ("[account.NAME] and [source.ID]", schema_for!(Confirmation).to_value()),
        ("[oauth.NAME]", schema_for!(Registration).to_value()),
    ]
}

fn keys(schema: &Value) -> &Map<String, Value> {
    schema["properties"].as_object().expect("properties")
}

/// The purpose of a key, in one line.
fn meaning(key: &Value) -> String {
    key["description"].as_str().expect("a doc comment").replace('\n', " ")
}

/// The values that this schema permits, in words.
fn kind(root: &Value, key: &Value) -> String {
    if let Some(name) = key["$ref"].as_str() {
        let definition = &root["$defs"][name.rsplit('/').next().unwrap_or_default()];
        return if definition.is_null() { "table".to_owned() } else { kind(root, definition) };
    }
    if let Some(any) = key["anyOf"].as_array().or(key["oneOf"].as_array()) {
        let one = |one: &Value| match one["const"].as_str() {
            Some(word) => format!("`\"{word}\"`"),
            None => kind(root, one),
        };
        return any.iter().filter(|one| one["type"] != "null").map(one).collect::<Vec<_>>().join(" or ");
    }
    let name = key["type"].as_str().or(key["type"][0].as_str()).unwrap_or("text, number or boolean");
    match name {
        "string" => "text".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => format!("list of {}", kind(root, &key["items"])),
        "object" => format!("table of {}", kind(root, &key["additionalProperties"])),
        "integer" => match &key["maximum"] {
            Value::Number(most) if *most != u32::from(u16::MAX).into() => {
                format!("whole number, 1 to {most}")
            }
            _ => "whole number, 1 or more".to_owned(),
        },
        other => other.to_owned(),
    }
}

/// The default of a key.
fn default(schema: &Value, name: &str, key: &Value) -> String {
    let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    match &key["default"] {
        _ if required => "**required**".to_owned(),
        Value::Null => String::new(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Object(table) if table.is_empty() => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

fn table(schema: &Value) -> String {
    let row = |(name, key): (&String, &Value)| {
        format!("| `{name}` | {} | {} | {} |\n", kind(schema, key), default(schema, name, key), meaning(key))
    };
    let rows: String = keys(schema).iter().map(row).collect();
    format!("| key | value | default | what it does |\n|---|---|---|---|\n{rows}")
}

/// The page with its tables made anew: each follows a comment with its name, and ends with an empty line.
fn page() -> String {
    tables().iter().fold(PAGE.to_owned(), |page, (name, schema)| {
        let mark = format!("<!-- {name}: made by `cargo xtask docs` -->\n");
        let (before, after) = page.split_once(&mark).expect(name);
        let (_, rest) = after.split_once("\n\n").expect("an empty line");
        format!("{before}{mark}{}\n{rest}", table(schema))
    })
}

/// claviger.toml(5).
fn manual() -> String {
    // Links lead from page to page of the documentation, which is not here.
    let plain = |text: &str| {
        let mut text = text.replace('`', "");
        while let Some(middle) = text.find("](") {
            let (start, end) = (text[..middle].rfind('['), text[middle..].find(')'));
            let (start, end) = (start.expect("a link"), middle + end.expect("its end"));
            text = format!("{}{}{}", &text[..start], &text[start + 1..middle], &text[end + 1..]);
        }
        text
    };
    let mut roff = Roff::new();
    roff.control("TH", ["claviger.toml", "5", "", "claviger", "Claviger"]);
    roff.control("SH", ["NAME"]).text([roman("claviger.toml - configuration of clavigerd and claviger")]);
    roff.control("SH", ["SYNOPSIS"]).text([roman("~/.config/claviger/config.toml")]);
    for (name, schema) in tables() {
        roff.control("SH", [name]);
        for (name, key) in keys(&schema) {
            let rest = format!(
                " ({}) {}",
                kind(&schema, key).replace('`', ""),
                default(&schema, name, key).replace(['`', '*'], "")
            );
            roff.control("TP", [])
                .text([bold(name), roman(rest.trim_end())])
                .text([roman(plain(&meaning(key)))]);
        }
    }
    roff.control("SH", ["EXAMPLES"]).text([roman(
        "/usr/share/doc/claviger/examples/config.toml, /usr/share/doc/claviger/examples/etc-config.toml",
    )]);
    roff.control("SH", ["SEE ALSO"]).text([
        bold("claviger"),
        roman("(1), "),
        bold("clavigerd"),
        roman("(1)"),
    ]);
    roff.render()
}

#[test]
fn page_schema_and_manual_are_what_the_types_say() {
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md")].assert_eq(&page());
    let schema = serde_json::to_string_pretty(&schema_for!(File)).expect("JSON");
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas/config.json")]
        .assert_eq(&(schema + "\n"));
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/man/claviger.toml.5")].assert_eq(&manual());
}

#[test]
fn settings_have_the_keys_that_are_read() {
    let own = ["env", "audience", "path", "pass_environment", "refresh", "directory"];
    let read: BTreeSet<&str> = COMMANDS.into_iter().chain(POLICIES).chain(own).collect();
    let schema = schema_for!(Settings).to_value();
    assert_eq!(keys(&schema).keys().map(String::as_str).collect::<BTreeSet<_>>(), read);
}

/// The example without one line, which gives `key` of a table its value.
fn without(key: &str) -> String {
    let is_other = |line: &&str| !line.starts_with(&format!("{key} = "));
    EXAMPLE.split_inclusive('\n').filter(is_other).collect()
}

#[test]
fn every_line_of_the_example_is_read_and_changes_something() {
    let content = |text: &str| parse::toml(Layer::Config, "c.toml", text.as_bytes()).expect("valid");
    let config = |text: &str| Config::parse(("c.toml", text), ("s.toml", "")).expect("valid");
    let login = |text: &str| registration::parse("c.toml", text).ok();
    let all = |text: &str| (config(text), content(text), login(text));
    assert!(login(EXAMPLE).is_some());
    for (name, schema) in tables() {
        for key in keys(&schema).keys().filter(|key| !POLICIES.contains(&key.as_str())) {
            let text = without(key);
            assert_ne!(text, EXAMPLE, "{name} {key} is not in docs/examples/config.toml");
            assert_ne!(all(&text), all(EXAMPLE), "{name} {key}");
        }
    }
    assert_eq!(content(EXAMPLE).policies.len(), 0, "they have no effect there");
}

#[test]
fn every_line_of_the_administrators_example_is_read_and_changes_something() {
    let both = |text: &str| {
        let content = parse::administrators(Layer::Config, "s.toml", text.as_bytes());
        (Config::parse(("c.toml", ""), ("s.toml", text)), content)
    };
    let (config, content) = both(ETC);
    assert!(config.is_ok(), "{config:?}");
    assert!(content.is_ok_and(|content| content.locked.len() > 3));
    let lines = ETC.split_inclusive('\n').filter(|line| line.contains(" = ") && !line.starts_with('#'));
    for line in lines {
        let (config, content) = both(&ETC.replace(line, "#\n"));
        assert!(content.is_err() || (config, content) != both(ETC), "{line}");
    }
}

#[test]
fn the_parser_knows_every_section_of_the_schema() {
    let sections: BTreeSet<String> = keys(&schema_for!(File).to_value()).keys().cloned().collect();
    assert_eq!(sections, parse::TABLES.map(str::to_owned).into());
}

/// The rows of variables on the page: name, and where its value goes.
fn variables() -> Vec<(&'static str, &'static str)> {
    let rows = PAGE.split_once("\n## Environment variables\n").expect("a section").1.lines();
    let cells = rows.filter_map(|row| row.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    cells.map(|(name, rest)| (name, rest.rsplit("| ").next().unwrap_or_default().trim())).collect()
}

#[test]
fn every_variable_of_a_session_has_one_row_that_says_where_it_goes() {
    let rows = variables();
    let once: BTreeMap<&str, &str> = rows.iter().copied().collect();
    assert_eq!(once.len(), rows.len(), "a variable has two rows");
    for (name, _) in VARIABLES {
        assert!(once.contains_key(name), "{name} has no row in docs/configuration.md");
    }
    for (name, goes) in once {
        let said = match usage(name) {
            Some(Use::Secret) => "stays",
            Some(Use::Setting) => "daemon",
            Some(Use::Command | Use::Surrounding | Use::Sdk(_)) => "commands",
            Some(Use::Handed) => "commands, secretly",
            Some(Use::Lent(_)) => "sign-in",
            None => "",
        };
        assert_eq!(goes, said, "{name}");
    }
}

/// Variables that programs read for themselves, by what the code has in quotes.
#[test]
fn every_variable_of_the_programs_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    for place in ["src", "client/src", "daemon/src"] {
        walk(&root.join(place), &mut |text| {
            for name in text.split('"').filter(|word| is_ours(word)) {
                assert!(PAGE.contains(&format!("`{name}`")), "{name} has no row in docs/configuration.md");
            }
            for name in text.split("env::var").skip(1).filter_map(argument) {
                assert!(PAGE.contains(&format!("`{name}`")), "{name} has no row in docs/configuration.md");
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
