//! The gcloud command as the last resort: whoever is signed in with it.
//!
//! gcp_auth can run it too, but it blocks, sets no deadline, and asks gcloud a second time for a project that is not used.

use super::{
    Found, Links, Trouble, found,
    program::{self, Failure},
    quota_project,
    token::Token,
};
use claviger::{credential::MAX_SECRET_LEN, reason::Reason, secret::Secret};
use std::time::Duration;

/// How long it may take. It starts an interpreter, and asks Google for a fresh token.
const DEADLINE: Duration = Duration::from_secs(20);
const LINK: &str = "gcloud";
const HINT: &str = "run `gcloud auth print-access-token` by hand to see why";

/// A token of gcloud's active account; `None` if there is no gcloud. It says nothing of the expiry.
pub(super) async fn ask(links: &mut Links) -> Option<Result<Found, Trouble>> {
    let arguments = ["auth", "print-access-token", "--quiet"].map(str::to_owned);
    let output = match program::run("gcloud", &arguments, &[], DEADLINE).await {
        Ok(output) => output,
        Err(Failure::Absent) => {
            links.pass(LINK, "there is no gcloud in PATH");
            return None;
        }
        Err(failure) => return Some(Err(failed(&failure))),
    };
    let text = std::str::from_utf8(&output).unwrap_or_default().trim();
    let is_token =
        !text.is_empty() && text.len() <= MAX_SECRET_LEN && text.bytes().all(|byte| byte.is_ascii_graphic());
    Some(match is_token {
        true => Ok(found(Token { secret: Secret::new(text.to_owned()), expires_at: None }, quota_project())),
        false => {
            Err(Trouble::new(Reason::CommandOutputInvalid, "what gcloud printed is not one token").hint(HINT))
        }
    })
}

fn failed(failure: &Failure) -> Trouble {
    match failure {
        Failure::Exit(Some(code)) => Trouble::sign_in(format!("gcloud has no token (exit code {code})")),
        Failure::Slow => {
            let message = format!("gcloud gave no token within {} s", DEADLINE.as_secs());
            Trouble::new(Reason::SourceTimeout, message).hint(HINT)
        }
        Failure::TooMuch => {
            Trouble::new(Reason::CommandOutputInvalid, "what gcloud printed is not one token").hint(HINT)
        }
        Failure::Absent | Failure::NotStarted(_) | Failure::Exit(None) => {
            Trouble::new(Reason::CommandFailed, "gcloud could not be run").hint(HINT)
        }
    }
}
