//! The gcloud command as the last resort, with its login.
//!
//! gcp_auth can run it too, but it blocks, sets no deadline, and assumes that every token is valid for an hour. gcloud
//! itself knows the expiry: it returns one token until that expires.

use super::{
    Declined, Links, Provided,
    program::{self, Failure},
    session::quota_project,
    token::Token,
    universe, variable,
};
use crate::{tool, turn};
use aws_smithy_types::{DateTime, date_time::Format};
use claviger::{reason::Reason, remedy::Remedy, secret::Secret};
use claviger_child::{cloud_file::GCLOUD_FILE, is_token};
use serde::Deserialize;
use serde_json::Value;
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// Time limit. It starts an interpreter, and asks Google for a fresh token.
const DEADLINE: Duration = Duration::from_secs(20);
/// Lifetime of a token without an expiry from gcloud: one that was put into a file for it.
const UNKNOWN: Duration = Duration::from_secs(300);
const LINK: &str = "gcloud";
const HINT: &str = "run it by hand to see why";
/// Its messages if no account is signed in, or not any more: it names the command that helps, or reports that it cannot
/// ask for a proof.
const SIGNED_OUT: [&str; 4] =
    ["auth login", "config set account", "auth application-default login", "Reauthentication"];
/// Arguments.
const FORMAT: &str = "--format=json(credential.access_token,credential.token_expiry,configuration.properties.core.universe_domain)";
/// The command.
const BY_HAND: [&str; 3] = ["gcloud", "auth", "print-access-token"];

/// Output of gcloud.
#[derive(Deserialize)]
struct Printed {
    credential: Credential,
    #[serde(default)]
    configuration: Value,
}

#[derive(Deserialize)]
struct Credential {
    access_token: String,
    token_expiry: Option<String>,
}

/// A token of gcloud's active account; `None` if there is no gcloud, or it was never used.
pub(super) async fn ask(links: &mut Links) -> Option<Result<Provided, Declined>> {
    // Without a name server or a network it would take many seconds to report that it has no login.
    let directory = directory().filter(|directory| directory.is_dir());
    let Some(directory) = directory else {
        links.pass(LINK, "gcloud has no files here, so no login");
        return None;
    };
    let _turn = turn::of(&directory).await.ok();
    let arguments = ["config", "config-helper", "--quiet", FORMAT].map(str::to_owned);
    let output = match run(&arguments).await {
        Ok(output) => output,
        Err(Failure::Absent) => {
            links.pass(LINK, "there is no gcloud in PATH");
            return None;
        }
        Err(failure) => return Some(Err(failed(&failure))),
    };
    Some(match token(&output, SystemTime::now()) {
        Some((token, theirs)) => universe::check("gcloud's active configuration", theirs.as_deref())
            .map(|()| token.provided(quota_project())),
        None => Err(Declined::new(Reason::CommandOutputInvalid, "the output of gcloud is not one token")
            .hint(HINT)
            .remedy(Remedy::run(&BY_HAND))),
    })
}

/// Runs it, and again if its database is in use.
async fn run(arguments: &[String]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut attempt = 1;
    loop {
        match program::run("gcloud", arguments, &[], DEADLINE).await {
            Err(Failure::Exit(_, said)) if tool::is_busy(&said, attempt).await => attempt += 1,
            ended => {
                if let Err(Failure::Exit(_, said)) = &ended {
                    tool::pass_on(said);
                }
                return ended;
            }
        }
    }
}

/// Directory of gcloud's accounts and of the credentials of applications.
fn directory() -> Option<PathBuf> {
    GCLOUD_FILE.place(variable)
}

/// The token in gcloud's output, if there is one that is still valid, and its universe, if set.
fn token(output: &[u8], now: SystemTime) -> Option<(Token, Option<String>)> {
    let Printed { credential: Credential { access_token, token_expiry }, configuration } =
        serde_json::from_slice(output).ok()?;
    let universe = configuration.pointer("/properties/core/universe_domain").and_then(Value::as_str);
    let secret = Secret::new(access_token);
    let expires_at = match token_expiry {
        Some(text) => SystemTime::try_from(DateTime::from_str(&text, Format::DateTime).ok()?).ok()?,
        None => now + UNKNOWN,
    };
    let is_good = is_token(secret.expose()) && expires_at > now;
    is_good.then(|| (Token { secret, expires_at: Some(expires_at) }, universe.map(str::to_owned)))
}

fn failed(failure: &Failure) -> Declined {
    match failure {
        Failure::Exit(Some(code), said)
            if tool::wants_sign_in(&String::from_utf8_lossy(said), &SIGNED_OUT) =>
        {
            Declined::sign_in(format!("gcloud has no token (exit code {code})"))
        }
        Failure::Exit(Some(code), _) => {
            let message = format!("gcloud has no token (exit code {code})");
            Declined::new(Reason::CommandFailed, message).hint(HINT).remedy(Remedy::run(&BY_HAND))
        }
        Failure::Slow => {
            let message = format!("gcloud did not print a token within {} s", DEADLINE.as_secs());
            Declined::new(Reason::SourceTimeout, message).hint(HINT).remedy(Remedy::run(&BY_HAND))
        }
        Failure::TooMuch => {
            Declined::new(Reason::CommandOutputInvalid, "the output of gcloud is not one token")
                .hint(HINT)
                .remedy(Remedy::run(&BY_HAND))
        }
        Failure::Absent | Failure::NotStarted(_) | Failure::Exit(None, _) => {
            Declined::new(Reason::CommandFailed, "gcloud could not be run")
                .hint(HINT)
                .remedy(Remedy::run(&BY_HAND))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, token};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_token_comes_with_its_expiry() {
        let now = UNIX_EPOCH + Duration::from_secs(1_769_860_000);
        let read = |text: &str| token(text.as_bytes(), now).map(|(token, _)| token.expires_at);
        let with =
            |expiry: &str| format!(r#"{{"credential": {{"access_token": "t", "token_expiry": {expiry}}}}}"#);
        let at = UNIX_EPOCH + Duration::from_secs(1_769_860_800);
        assert_eq!(read(&with("\"2026-01-31T12:00:00Z\"")), Some(Some(at)));
        assert_eq!(read(&with("null")), Some(Some(now + UNKNOWN)));
        for bad in [with("\"2026-01-31T11:00:00Z\""), with("\"soon\""), with("7"), "t".into(), "{}".into()] {
            assert_eq!(read(&bad), None, "{bad}");
        }
        let universe = |configuration: &str| {
            let text =
                format!(r#"{{"credential": {{"access_token": "t"}}, "configuration": {configuration}}}"#);
            token(text.as_bytes(), now).expect("a token").1
        };
        let set = r#"{"properties": {"core": {"universe_domain": "example.goog"}}}"#;
        assert_eq!(universe(set).as_deref(), Some("example.goog"));
        assert_eq!((universe("null"), universe(r#"{"properties": {}}"#)), (None, None));
    }
}
