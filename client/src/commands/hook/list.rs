//! `claviger hook list`: installed hooks, read from the files.

use super::tools;
use crate::{
    failure::Failure,
    hook::{
        claude::{Found, HOOKS, is_outdated},
        cloud::{Cloud, Variables},
        diff,
        file::Target,
        ini,
        json::Json,
        program,
        record::{Kind, Ledger},
        toml::Toml,
    },
    output,
    session::{context::Context, user::settings},
    text::escape,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// A hook that was found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FoundHook {
    tool: &'static str,
    file: String,
    line: u32,
    setting: String,
    command: String,
    /// The command behind it, which claviger runs.
    behind: Option<String>,
    /// The standing gate to which the settings lead.
    gate: Option<String>,
    present: bool,
    /// Whether installing again would change it, because the settings have changed.
    outdated: bool,
}

/// Prints them.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn run(context: &Context, ledger: &Ledger) -> Result<(), Failure> {
    let mut hooks = Vec::new();
    let of_kind = |kind| ledger.records.hooks.values().flatten().filter(move |changed| changed.kind == kind);
    let paths = |kind, own: Option<PathBuf>| {
        own.into_iter().chain(of_kind(kind).map(|changed| changed.path.clone())).collect::<BTreeSet<_>>()
    };
    for path in paths(Kind::Json, settings()) {
        hooks.extend(claude(&path)?);
    }
    for path in paths(Kind::Ini, tools::aws_config()) {
        hooks.extend(aws(&path)?);
    }
    for changed in of_kind(Kind::Whole) {
        hooks.extend(google(&changed.path)?);
    }
    match context.options.json {
        true => output::json(&hooks)?,
        false if hooks.is_empty() => output::show("no tool has a hook that leads to claviger\n")?,
        false => output::show(&hooks.iter().map(FoundHook::text).collect::<String>())?,
    }
    Ok(())
}

fn claude(path: &Path) -> Result<Vec<FoundHook>, Failure> {
    let (name, text) = (path.display().to_string(), Target::read(path)?.text.unwrap_or_default());
    let json = Json { path: &name, text: &text };
    let config = tools::config("config.toml").ok_or_else(tools::no_home)?;
    let (config, text) = (config.display().to_string(), Target::read(&config)?.text.unwrap_or_default());
    let toml = |directory| Toml { path: &config, text: &text, directory };
    let mut hooks = Vec::new();
    let mut found = [Found { hook: None, behind: false }; HOOKS.len()];
    for ((key, _), stands) in HOOKS.into_iter().zip(&mut found) {
        let command = json.command(key)?;
        let directory = path.parent().and_then(Path::to_str);
        let behind = toml(directory).command(key)?.or(toml(None).command(key)?);
        *stands = Found {
            hook: command.as_ref().map(|found| claviger::hook::is_hook(&found.command)),
            behind: behind.is_some(),
        };
        let hook = command.and_then(|found| FoundHook::of("claude", &name, found.line, key, found.command));
        hooks
            .extend(hook.map(|hook| FoundHook { behind: behind.as_deref().map(diff::without_keys), ..hook }));
    }
    let environment = json.environment()?;
    let outdated = is_outdated(Cloud::of(&environment, &Variables::new()).as_ref(), &found);
    let gate = environment.get(claviger::hook::GATE).cloned();
    hooks.iter_mut().for_each(|hook| (hook.outdated, hook.gate) = (outdated, gate.clone()));
    Ok(hooks)
}

fn aws(path: &Path) -> Result<Vec<FoundHook>, Failure> {
    let (name, text) = (path.display().to_string(), Target::read(path)?.text.unwrap_or_default());
    let sections = ini::sections(&text, false);
    let hook = |section: &ini::Section| {
        let setting = section.get(ini::PROCESS)?;
        FoundHook::of("aws", &name, setting.line, &section.profile, setting.value.clone())
    };
    Ok(sections.iter().filter_map(hook).collect())
}

fn google(path: &Path) -> Result<Option<FoundHook>, Failure> {
    let Some(text) = Target::read(path)?.text else { return Ok(None) };
    let file: Value = serde_json::from_str(&text).unwrap_or_default();
    let command = file["credential_source"]["executable"]["command"].as_str().unwrap_or_default();
    let line = text.lines().position(|line| line.contains("\"command\"")).unwrap_or_default() + 1;
    let line = u32::try_from(line).unwrap_or_default();
    Ok(FoundHook::of("google", &path.display().to_string(), line, "executable", command.to_owned()))
}

impl FoundHook {
    /// `None` if the command is not claviger.
    fn of(tool: &'static str, file: &str, line: u32, setting: &str, command: String) -> Option<Self> {
        let present = program::is_there(&claviger::hook::program(&command)?);
        Some(Self {
            tool,
            file: file.to_owned(),
            line,
            setting: setting.to_owned(),
            command,
            behind: None,
            gate: None,
            present,
            outdated: false,
        })
    }

    fn text(&self) -> String {
        let Self { tool, file, line, setting, command, .. } = self;
        let behind = self.behind.iter().map(|behind| format!("  (runs {behind})")).collect::<String>();
        let gate = self.gate.iter().map(|name| format!("  (through the gate {name})")).collect::<String>();
        let shown = escape::line(&format!("{tool}  {file}:{line}  {setting}  {command}{behind}{gate}"));
        let missing = if self.present { "" } else { "  (there is no such program)" };
        let outdated = match self.outdated {
            true => "  (does not match the settings any more: `claviger hook install claude`)",
            false => "",
        };
        format!("{shown}{missing}{outdated}\n")
    }
}
