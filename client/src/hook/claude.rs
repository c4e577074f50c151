//! Claude Code: its `apiKeyHelper` and `awsCredentialExport` become hooks, and the real commands move into the part of claviger's
//! own configuration that is for this configuration directory. Pure.

use super::{Draft, Outcome, json::Json, toml::Toml};
use claviger::{backend::ANTHROPIC_BASE_URL, hook::is_hook, reason::Problem};

/// The settings that can be hooks, and what claviger is run with there.
pub(crate) const HOOKS: [(&str, &str); 2] =
    [("apiKeyHelper", "token --hook"), ("awsCredentialExport", "aws --format export")];

/// Where the key of a helper may be sent beside Anthropic: the key of the configuration.
const AUDIENCE: &str = "audience";

/// Changes the configuration and the settings so that `program` is the hook. `seen` is the base URL of the environment, which
/// the helper's key went to so far.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub(crate) fn draft(
    config: &mut Draft,
    settings: &mut Draft,
    program: &str,
    seen: Option<&str>,
) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    let mut found = Vec::new();
    for (key, arguments) in HOOKS {
        let here = Json { path: &settings.name(), text: &settings.text }.command(key)?;
        let behind = toml(config, true).command(key)?.or(toml(config, false).command(key)?);
        if here.is_some() || behind.is_some() {
            found.push((key, arguments, here.map(|found| found.command)));
        }
    }
    if found.is_empty() {
        let [(key, arguments), _] = HOOKS;
        found.push((key, arguments, None));
        outcome.notes.push(format!(
            "no command stands behind the hook yet: sign in with `claviger login`, or set {key} in {} of {}",
            toml(config, true).header(),
            config.name()
        ));
    }
    for (key, arguments, command) in found {
        if let Some(real) = command.filter(|command| !is_hook(command)) {
            let change = toml(config, true).set(key, &real)?;
            config.add(change);
        }
        let change = Json { path: &settings.name(), text: &settings.text }
            .set(key, &format!("{program} {arguments}"))?;
        settings.add(change);
    }
    if let Some(origin) = seen.and_then(origin) {
        match toml(config, true).lists(AUDIENCE, origin)? {
            _ if toml(config, false).lists(AUDIENCE, origin)? == Some(true) => {}
            Some(true) => {}
            None => {
                let change = toml(config, true).set(AUDIENCE, origin)?;
                config.add(change);
            }
            Some(false) => outcome.notes.push(format!(
                "ANTHROPIC_BASE_URL leads to {origin}: add that to {AUDIENCE} in {} of {}, if a helper's key may go there",
                toml(config, true).header(),
                config.name()
            )),
        }
    }
    Ok(outcome)
}

/// The part of the configuration that is for the directory of the settings (`own`), or what counts for all of them.
fn toml(config: &Draft, own: bool) -> Toml<'_> {
    let directory = config.directory.as_deref().filter(|_| own);
    Toml { path: config.path.to_str().unwrap_or("config.toml"), text: &config.text, directory }
}

/// The origin of a base URL that is not Anthropic's own. The daemon looks at it once more.
fn origin(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |end| start + end);
    let origin = &url[..end];
    let is_plain = origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte));
    (is_plain && end > start && origin != ANTHROPIC_BASE_URL).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::{Draft, draft, origin};
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
    fn the_base_url_that_is_seen_becomes_the_audience() {
        let drafted = |text: &str| {
            let mut config = Draft::new(Path::new("/c.toml"), Kind::Toml, Some(text));
            let mut settings =
                Draft::new(Path::new("/s.json"), Kind::Json, Some("{\"apiKeyHelper\": \"get key\"}"));
            let seen = Some("https://gw.example/v1");
            let outcome = draft(&mut config, &mut settings, "claviger", seen).expect("valid");
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
