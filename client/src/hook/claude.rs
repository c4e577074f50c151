//! Claude Code: its `apiKeyHelper` and `awsCredentialExport` become hooks, and the real commands move into the part of
//! claviger's own configuration for this configuration directory. Pure.

use super::{
    Draft, Guidance,
    cloud::{Cloud, Variables},
    json::{Json, VARIABLE},
    record::Changed,
    toml::Toml,
};
use claviger::{
    backend::{ANTHROPIC_BASE_URL, Backend},
    hook::{GATE, GATE_BASE_URL, GATE_SOCKET, is_hook},
    reason::Problem,
};

/// The setting for a key, which no cloud uses.
const KEY: &str = "apiKeyHelper";
/// The settings that can be hooks, and the arguments of claviger there.
pub(crate) const HOOKS: [(&str, &str); 2] =
    [(KEY, "token --hook"), ("awsCredentialExport", "aws --format export")];

/// The configuration key for origins besides Anthropic that a helper's key may be sent to.
const AUDIENCE: &str = "audience";

/// The standing gate for the sessions of a configuration directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    /// Its name.
    pub(crate) name: String,
    /// Path of its socket.
    pub(crate) socket: String,
}

/// Changes the settings so that the tool sends its requests to `gate`. A base URL that they had moves into the configuration, by which the
/// gate gets its credential.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub(crate) fn lead_to(gate: &Gate, config: &mut Draft, settings: &mut Draft) -> Result<(), Problem> {
    let base_url = Backend::Anthropic.base_url_variable();
    let of_file = Json { path: &settings.name(), text: &settings.text }.environment()?;
    if let Some(url) = of_file.get(base_url) {
        let change = toml(config, true).set(&format!("{VARIABLE}{base_url}"), url)?;
        config.add(change);
    }
    for (name, value) in [(base_url, GATE_BASE_URL), (GATE_SOCKET, &gate.socket), (GATE, &gate.name)] {
        let change = Json { path: &settings.name(), text: &settings.text }.set_variable(name, value)?;
        settings.add(change);
    }
    Ok(())
}

/// Whether `changed` leads to a standing gate.
pub(crate) fn is_gated(changed: &[Changed]) -> bool {
    let mut names = changed.iter().flat_map(|changed| &changed.splices).map(|splice| splice.name.as_str());
    names.any(|name| name.strip_prefix(VARIABLE) == Some(GATE_SOCKET))
}

/// Changes the configuration and the settings so that `program` is the hook. `own` are the variables of this process:
/// its base URL is where the helper's key has been sent so far. An `installed` hook stays where only those variables
/// select a cloud.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub(crate) fn draft(
    config: &mut Draft,
    settings: &mut Draft,
    program: &str,
    (own, installed): (&Variables, bool),
) -> Result<Guidance, Problem> {
    let mut outcome = Guidance::default();
    let mut found = Vec::new();
    let of_file = Json { path: &settings.name(), text: &settings.text }.environment()?;
    let cloud = Cloud::of(&of_file, own);
    // Only a gateway in front of a cloud receives a key.
    let keyless = cloud.as_ref().filter(|cloud| !cloud.skipped && (cloud.of_file || !installed));
    for (key, arguments) in HOOKS {
        let here = Json { path: &settings.name(), text: &settings.text }.command(key)?;
        let behind = toml(config, true).command(key)?.or(toml(config, false).command(key)?);
        let fits = key != KEY || keyless.is_none();
        match here {
            Some(here) if !fits && behind.is_none() && is_hook(&here.command) => outcome.notes.push(format!(
                "{key} in {}:{} is claviger with no command behind it, and `hook install` did not write it: remove it",
                settings.name(),
                here.line
            )),
            None if behind.is_none() || !fits => {}
            here => found.push((key, arguments, here.map(|here| here.command))),
        }
    }
    match keyless {
        _ if !found.is_empty() => {}
        Some(cloud) => outcome.notes.push(cloud.note()),
        None => {
            let [(key, arguments), _] = HOOKS;
            found.push((key, arguments, None));
            outcome.notes.push(format!(
                "the hook has no command behind it yet: sign in with `claviger login`, or set {key} in {} of {}",
                toml(config, true).header(),
                config.name()
            ));
        }
    }
    let sends_key = found.iter().any(|(key, ..)| *key == KEY);
    for (key, arguments, command) in found {
        if let Some(real) = command.filter(|command| !is_hook(command)) {
            let change = toml(config, true).set(key, &real)?;
            config.add(change);
        }
        let behind = toml(config, true).command(key)?.or(toml(config, false).command(key)?);
        outcome.behind.extend(behind.map(|behind| (key, behind)));
        let change = Json { path: &settings.name(), text: &settings.text }
            .set(key, &format!("{program} {arguments}"))?;
        settings.add(change);
    }
    let variable = match &cloud {
        Some(cloud) if cloud.skipped => cloud.backend.unwrap_or(Backend::Anthropic),
        _ => Backend::Anthropic,
    }
    .base_url_variable();
    let seen = own.get(variable).filter(|_| sends_key && !of_file.contains_key(variable));
    if let Some(origin) = seen.and_then(|url| origin(url)) {
        match toml(config, true).lists(AUDIENCE, origin)? {
            _ if toml(config, false).lists(AUDIENCE, origin)? == Some(true) => {}
            Some(true) => {}
            None => {
                let change = toml(config, true).set(AUDIENCE, origin)?;
                config.add(change);
            }
            Some(false) => outcome.notes.push(format!(
                "{variable} leads to {origin}: add that to {AUDIENCE} in {} of {}, if a helper's key may be sent there",
                toml(config, true).header(),
                config.name()
            )),
        }
    }
    Ok(outcome)
}

/// State of one of [`HOOKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whether the command in the settings is claviger; `None` if there is no command.
    pub(crate) hook: Option<bool>,
    /// Whether there is a command behind it.
    pub(crate) behind: bool,
}

/// Whether installing again would change existing hooks: the settings have gained a command, or enable `cloud`, since.
/// `found` is the state of each of [`HOOKS`].
pub(crate) fn is_outdated(cloud: Option<&Cloud>, found: &[Found; HOOKS.len()]) -> bool {
    let is_hooked = found.iter().any(|found| found.hook == Some(true));
    let is_new = found.iter().any(|found| found.hook == Some(false));
    let is_keyless = cloud.is_some_and(|cloud| !cloud.skipped);
    is_hooked && (is_new || (is_keyless && found[0] == Found { hook: Some(true), behind: false }))
}

/// The part of the configuration for the directory of the settings (`own`), or the part for all directories.
fn toml(config: &Draft, own: bool) -> Toml<'_> {
    let directory = config.directory.as_deref().filter(|_| own);
    Toml { path: config.path.to_str().unwrap_or("config.toml"), text: &config.text, directory }
}

/// The origin of a base URL that is not Anthropic's own. The daemon checks it again.
fn origin(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |end| start + end);
    let origin = &url[..end];
    let is_plain = origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte));
    (is_plain && end > start && origin != ANTHROPIC_BASE_URL).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::{Cloud, Draft, Found, draft, is_outdated, origin};
    use crate::hook::record::Kind;
    use std::path::Path;

    #[test]
    fn origins_of_gateways() {
        for (url, expected) in [
            ("https://gw.example/anthropic", Some("https://gw.example")),
            ("http://[::1]:4000", Some("http://[::1]:4000")),
            ("https://api.anthropic.com/", None),
            ("https://user@gw.example", None),
            ("gw.example", None),
            ("https://", None),
        ] {
            assert_eq!(origin(url), expected, "{url}");
        }
    }

    #[test]
    fn hooks_that_do_not_fit_any_more() {
        let cloud = |skipped| Cloud { variable: "V".into(), backend: None, of_file: true, skipped };
        let found = |hook, behind| Found { hook, behind };
        let (hook, command, none) = (found(Some(true), false), found(Some(false), false), found(None, false));
        let behind = found(Some(true), true);
        for (cloud, pair, expected) in [
            (None, [hook, none], false),
            (Some(cloud(false)), [hook, none], true),
            (Some(cloud(false)), [behind, none], false),
            (Some(cloud(true)), [hook, none], false),
            (Some(cloud(false)), [none, hook], false),
            (None, [hook, command], true),
            (None, [command, none], false),
        ] {
            assert_eq!(is_outdated(cloud.as_ref(), &pair), expected, "{cloud:?} {pair:?}");
        }
    }

    #[test]
    fn the_base_url_that_is_seen_becomes_the_audience() {
        let drafted = |text: &str| {
            let mut config = Draft::new(Path::new("/c.toml"), Kind::Toml, Some(text));
            let mut settings =
                Draft::new(Path::new("/s.json"), Kind::Json, Some("{\"apiKeyHelper\": \"get key\"}"));
            let own = [("ANTHROPIC_BASE_URL".to_owned(), "https://gw.example/v1".to_owned())].into();
            let outcome = draft(&mut config, &mut settings, "claviger", (&own, false)).expect("valid");
            (config.text, outcome.notes)
        };
        let (text, notes) = drafted("");
        assert_eq!(text, "[settings]\naudience = \"https://gw.example\"\napiKeyHelper = \"get key\"\n");
        assert_eq!(notes, Vec::<String>::new());
        let own = "[settings]\naudience = ['https://gw.example']\n";
        assert!(drafted(own).0.contains("audience = ['https://gw.example']") && drafted(own).1.is_empty());
        let (text, notes) = drafted("[settings]\naudience = ['https://other.example']\n");
        assert!(!text.contains("gw.example") && notes[0].contains("https://gw.example"), "{text} {notes:?}");
    }
}
