//! Azure AI Foundry: an access token or an API key.

use super::variable::{Set, text};
use claviger::{Lease, Problem, Scheme};

const TOKEN: &str = "ANTHROPIC_FOUNDRY_AUTH_TOKEN";
const KEY: &str = "ANTHROPIC_FOUNDRY_API_KEY";
const RESOURCE: &str = "ANTHROPIC_FOUNDRY_RESOURCE";
const BASE_URL: &str = "ANTHROPIC_FOUNDRY_BASE_URL";
/// Other variables that determine identity or endpoint: a token overrides a key, and resource and base URL together are
/// an error (`spec/behaviour.md` A2, "Foundry").
pub(super) const OWNED: [&str; 4] = [TOKEN, KEY, RESOURCE, BASE_URL];

pub(super) fn set(lease: &Lease) -> Result<Vec<Set>, Problem> {
    let mut set = vec![("CLAUDE_CODE_USE_FOUNDRY", text("1"))];
    if lease.material.is_some() {
        let name = if lease.scheme == Scheme::Bearer { TOKEN } else { KEY };
        set.push((name, lease.secret()?));
    }
    match (lease.project.as_str(), lease.base_url.as_str()) {
        ("", "") => {}
        ("", url) => set.push((BASE_URL, text(url))),
        (resource, _) => set.push((RESOURCE, text(resource))),
    }
    Ok(set)
}
