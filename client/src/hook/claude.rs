//! Claude Code: its `apiKeyHelper` and `awsCredentialExport` become hooks, and the real commands move into claviger's own
//! configuration. Pure.

use super::{Draft, Outcome, json::Json, toml::Toml};
use claviger::{hook::is_hook, reason::Problem};

/// The settings that can be hooks, and what claviger is run with there.
pub(crate) const HOOKS: [(&str, &str); 2] =
    [("apiKeyHelper", "token --hook"), ("awsCredentialExport", "aws --format export")];

/// Changes the configuration and the settings so that `program` is the hook.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub(crate) fn draft(config: &mut Draft, settings: &mut Draft, program: &str) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    let mut found = Vec::new();
    for (key, arguments) in HOOKS {
        let here = Json { path: &settings.name(), text: &settings.text }.command(key)?;
        let behind = Toml { path: &config.name(), text: &config.text }.command(key)?;
        if here.is_some() || behind.is_some() {
            found.push((key, arguments, here.map(|found| found.command)));
        }
    }
    if found.is_empty() {
        let [(key, arguments), _] = HOOKS;
        found.push((key, arguments, None));
        outcome.notes.push(format!(
            "no command stands behind the hook yet: sign in with `claviger login`, or set {key} in [settings] of {}",
            config.name()
        ));
    }
    for (key, arguments, command) in found {
        if let Some(real) = command.filter(|command| !is_hook(command)) {
            let change = Toml { path: &config.name(), text: &config.text }.set(key, &real)?;
            config.add(change);
        }
        let change = Json { path: &settings.name(), text: &settings.text }
            .set(key, &format!("{program} {arguments}"))?;
        settings.add(change);
    }
    Ok(outcome)
}
