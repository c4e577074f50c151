//! Tools of Google: a credentials file whose executable is claviger, and the variables that point there. Pure.

use super::{Draft, Guidance, splice::Splice};
use claviger::reason::{Problem, Reason};
use serde_json::json;
use std::path::Path;

/// The token exchange endpoint, unless another is named.
pub(crate) const TOKEN_URL: &str = "https://sts.googleapis.com/v1/token";
/// How long libraries wait for claviger, in milliseconds: the longest they permit.
const PATIENCE: u32 = 120_000;

/// Content of the file.
#[derive(Clone, Debug)]
pub(crate) struct Pool<'a> {
    /// The workforce or workload pool and its provider.
    pub(crate) audience: &'a str,
    /// The token exchange endpoint.
    pub(crate) token_url: &'a str,
    /// The credentials that claviger itself signs in with.
    pub(crate) credentials: Option<&'a Path>,
}

/// Creates the whole file.
///
/// # Errors
/// `malformed-request` if a library could not run this program.
pub(crate) fn draft(file: &mut Draft, pool: &Pool<'_>, program: &str) -> Result<Guidance, Problem> {
    let mut command = format!("{program} gcp");
    if let Some(path) = pool.credentials {
        command.push_str(&format!(" --credentials {}", path.display()));
    }
    // Go's library splits at blanks and does not support quotes.
    if command.split(' ').count() != if pool.credentials.is_some() { 4 } else { 2 }
        || command.contains(['"', '\''])
    {
        let message = "libraries of Google run no program whose path or argument has blanks or quotes";
        return Err(Problem::new(Reason::MalformedRequest, message).hint("use a symlink with a plain path"));
    }
    let content = json!({
        "type": "external_account",
        "audience": pool.audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_url": pool.token_url,
        "credential_source": { "executable": { "command": command, "timeout_millis": PATIENCE } },
    });
    let inserted = format!("{content:#}\n");
    let name = file.name();
    if !file.text.is_empty() && file.text != inserted {
        return Err(Problem::new(
            Reason::SettingsInvalid,
            format!("{name} exists already and is not claviger's"),
        )
        .hint("name another file with --file"));
    }
    if file.text.is_empty() {
        file.add(Some(Splice { name: name.clone(), at: 0, removed: String::new(), inserted }));
    }
    let mut outcome = Guidance::default();
    outcome.variables.push(("GOOGLE_APPLICATION_CREDENTIALS".into(), name));
    outcome.variables.push(("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES".into(), "1".into()));
    outcome.notes.push(
        "whether Google's token service accepts an access token depends on the configuration of the pool"
            .into(),
    );
    Ok(outcome)
}
