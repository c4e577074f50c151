//! Settings files, in both formats.

use crate::{check_message, check_problem, choice};
use claviger::reason::{Location, Problem};
use clavigerd::settings::{Content, Layer, Located, harmless, parse};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const FILE: &str = "/h/settings";

/// A settings file: a first line `toml` is that of a file in TOML, and anything else is JSON.
pub fn settings(input: &[u8]) {
    match choice(input) {
        (b"toml", text) => check(Layer::Config, parse::toml(Layer::Config, FILE, text), text),
        _ => [Layer::User, Layer::Project].into_iter().for_each(|layer| json(layer, input)),
    }
}

fn json(layer: Layer, text: &[u8]) {
    let parsed = parse::json(layer, FILE, text);
    if let Ok(content) = &parsed {
        agrees(content, text);
    }
    check(layer, parsed, text);
}

fn check(layer: Layer, parsed: Result<Content, Problem>, text: &[u8]) {
    match parsed {
        Ok(content) => accepted(layer, &content, text),
        Err(problem) => refused(&problem, text),
    }
}

/// What is accepted stands where it says, can stand in an environment, and means the same when it is written again.
fn accepted(layer: Layer, content: &Content, text: &[u8]) {
    let commands = content.commands.values().chain(content.hooks.values());
    for command in commands.chain(content.env.values()).chain(&content.harmless) {
        located(&command.at, text);
        assert!(!command.value.contains('\0'));
    }
    for at in content.policies.values().map(|demand| &demand.at) {
        located(at, text);
    }
    assert!(content.hooks.values().all(|hook| parse::is_hook(&hook.value)));
    // What a project calls a hook may do more, and is a command then.
    let is_hook = |command: &Located<String>| parse::is_hook(&command.value);
    assert!(layer.is_workspace() || !content.commands.values().any(is_hook));
    assert!(content.env.keys().all(|name| claviger::variables::is_name(name)));
    assert!(content.harmless.iter().all(|name| harmless::check(&name.value).is_ok()));
    assert!(!format!("{content:?}").contains(&format!("\"{}", crate::CANARY)), "Debug shows a value");

    let written = json!({"env": values(&content.env)});
    let mut written = written.as_object().cloned().unwrap_or_default();
    for (key, command) in content.commands.iter().chain(&content.hooks) {
        written.insert((*key).to_owned(), Value::String(command.value.clone()));
    }
    let again = parse::json(layer, FILE, Value::Object(written).to_string().as_bytes());
    let again = again.unwrap_or_else(|problem| panic!("what was accepted is refused: {problem}"));
    assert_eq!(values(&content.env), values(&again.env));
    assert_eq!(plain(&content.commands), plain(&again.commands));
    assert_eq!(plain(&content.hooks), plain(&again.hooks));
}

/// Another parser reads the same values.
fn agrees(content: &Content, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    // It cannot hold every number, which says nothing.
    let Ok(theirs) = serde_json::from_slice::<Map<String, Value>>(text) else { return };
    for (key, command) in content.commands.iter().chain(&content.hooks) {
        assert_eq!(theirs.get(*key).and_then(Value::as_str), Some(command.value.as_str()));
    }
    for (name, value) in &content.env {
        match theirs.get("env").and_then(|env| env.get(name)) {
            Some(Value::String(text)) => assert_eq!(*text, value.value),
            Some(Value::Bool(_) | Value::Number(_)) => {}
            other => panic!("a value for {name}, which is {other:?}"),
        }
    }
}

/// A problem names a place in the file and no value. The name of a variable is what it may repeat.
fn refused(problem: &Problem, text: &[u8]) {
    if let Some(at) = &problem.location {
        located(at, text);
    }
    let words = problem.message.split(' ').filter(|word| !word.starts_with("env."));
    check_message(&words.collect::<Vec<_>>().join(" "));
    if !problem.message.contains("env.") {
        check_problem(problem);
    }
}

fn located(at: &Location, text: &[u8]) {
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line = text.split(|byte| *byte == b'\n').nth(at.line as usize - 1);
    let line = line.unwrap_or_else(|| panic!("line {} of {lines}", at.line));
    assert!(at.column >= 1 && at.column as usize <= line.len() + 1, "{at} of {line:?}");
    assert_eq!(at.file, FILE);
}

fn values(env: &BTreeMap<String, Located<String>>) -> BTreeMap<&str, &str> {
    env.iter().map(|(name, value)| (name.as_str(), value.value.as_str())).collect()
}

fn plain<'a>(commands: &'a BTreeMap<&'static str, Located<String>>) -> Vec<(&'static str, &'a str)> {
    commands.iter().map(|(key, command)| (*key, command.value.as_str())).collect()
}
