//! Permitted destinations of a helper's key: Anthropic, a base URL set by a permitted file, and those that the user
//! allows. A base URL that only the session's environment has can come from any program. Pure.

use crate::{endpoint::Endpoint, settings::Layer, sources::View};
use claviger::{
    backend::{ANTHROPIC_BASE_URL, Backend},
    reason::{Problem, Reason},
    remedy::Remedy,
};

/// Why the key must not be sent to the session's endpoint; `None` if it may.
pub(super) fn refuses(view: &View<'_>) -> Option<Problem> {
    let allowed = match allowed(view) {
        Ok(allowed) => allowed,
        Err(problem) => return Some(problem),
    };
    let origin = &view.endpoint.origin;
    // Values of an undecided workspace never get here.
    let is_of_a_file = view.endpoint.at.is_some();
    if is_of_a_file || origin == ANTHROPIC_BASE_URL || allowed.contains(origin) {
        return None;
    }
    let message = format!(
        "the session's environment sends requests to {origin}, where the key of apiKeyHelper may not be sent"
    );
    let problem = Problem::new(Reason::PolicyBlocked, message).hint(format!(
        "if this is a gateway that you use, allow it once; otherwise unset {}",
        view.endpoint.variable.unwrap_or(Backend::Anthropic.base_url_variable())
    ));
    Some(match view.settings.snapshot.files.iter().find(|file| file.layer == Layer::Config) {
        Some(config) => problem.remedy(Remedy::write(&config.path, "settings", &line(&allowed, origin))),
        None => problem,
    })
}

/// The origins in `audience` of the user's configuration, whichever layers count in this session.
fn allowed(view: &View<'_>) -> Result<Vec<String>, Problem> {
    let files = view.settings.snapshot.files.iter().filter(|file| file.layer == Layer::Config);
    let entries = files.flat_map(|file| &file.content.audience);
    entries
        .map(|entry| {
            Endpoint::parse(&entry.value, None).map(|endpoint| endpoint.origin).map_err(|why| {
                Problem::new(
                    Reason::SettingsInvalid,
                    format!("an entry of audience is not a usable URL: {why}"),
                )
                .hint("write for example audience = [\"https://gateway.example.com\"]")
                .at(&entry.at)
            })
        })
        .collect()
}

fn line(allowed: &[String], origin: &str) -> String {
    let entries = allowed.iter().map(String::as_str).chain([origin]);
    format!("audience = [{}]", entries.map(|entry| format!("\"{entry}\"")).collect::<Vec<_>>().join(", "))
}
