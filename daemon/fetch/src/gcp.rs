//! Google's Application Default Credentials: the first configured link returns the token or ends the chain.
//!
//! The order is that of Google's libraries: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's own file,
//! the metadata server. The gcloud command comes last: a sign-in with it is not necessarily meant for applications. The
//! requests are those of google-auth for Python, which the tests compare with.

mod aws;
pub(crate) mod executable;
mod external;
pub(crate) mod file;
mod gcloud;
mod impersonated;
pub(crate) mod kind;
mod metadata;
mod program;
pub(crate) mod service_account;
mod session;
mod subject;
pub(crate) mod token;
mod universe;
pub(crate) mod url;
mod user;

use super::{answer::Fetched, environment::variable, http, links::Links};
use claviger_child::{
    Declined, Provided,
    cloud_file::{GCLOUD_FILE, GOOGLE_FILE},
};
use file::Fields;
use metadata::Asked;
pub(super) use session::Session;
use std::path::Path;
use token::SCOPE;

/// Longest name of an account that is passed on.
const MAX_ACCOUNT: usize = 254;

/// A token of the first link that is configured.
pub(super) async fn fetch(session: Session<'_>) -> Fetched {
    let mut links = Links::default();
    let own = GCLOUD_FILE.path(variable);
    match GOOGLE_FILE.path(variable) {
        None => links.pass("credentials-file", "GOOGLE_APPLICATION_CREDENTIALS is not set"),
        // As in Google's libraries: gcloud itself then handles a missing file.
        path if path == own => {
            links.pass("credentials-file", "GOOGLE_APPLICATION_CREDENTIALS names gcloud's file")
        }
        Some(path) => {
            let found = from_file(&path, session, true).await;
            return settle(links, "credentials-file", &path.display().to_string(), found);
        }
    }
    match own {
        None => links.pass("gcloud-adc", "neither CLOUDSDK_CONFIG nor HOME is set"),
        Some(path) if file::is_absent(&path) => {
            links.pass("gcloud-adc", format!("there is no {}", path.display()))
        }
        Some(path) => {
            let found = from_file(&path, session, false).await;
            return settle(links, "gcloud-adc", &path.display().to_string(), found);
        }
    }
    let nothing = match metadata::ask(&mut links).await {
        Asked::Answered(found) => return settle(links, "metadata", "it answered", found),
        Asked::Elsewhere => Declined::sign_in("there are no Application Default Credentials"),
        Asked::Page(page) => page,
    };
    if let Some(found) = gcloud::ask(&mut links).await {
        return settle(links, "gcloud", "it is signed in", found);
    }
    links.end(nothing)
}

fn settle(links: Links, name: &str, why: &str, found: Result<Provided, Declined>) -> Fetched {
    match found {
        Ok(found) => links.found(name, why, found),
        Err(trouble) => links.refused(name, trouble),
    }
}

/// Content of a credentials file. Its project counts only if the session named the file itself (`spec/behaviour.md` A2,
/// "Vertex project precedence").
async fn from_file(path: &Path, session: Session<'_>, names_project: bool) -> Result<Provided, Declined> {
    let content = file::read_json(path)?;
    let fields = Fields::of(path, &content);
    let token = kind::token(&fields, &[SCOPE], session, 0).await?;
    let project =
        fields.optional("project_id")?.filter(|_| names_project && kind::is_service_account(&fields));
    let quota_project = session::quota_project().or(fields.optional("quota_project_id")?.map(str::to_owned));
    let account = kind::account(&fields)?.filter(|name| is_account(name));
    let mut provided = token.provided(quota_project);
    provided.facts.project = project.map(str::to_owned);
    provided.facts.account = account;
    Ok(provided)
}

fn is_account(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_ACCOUNT && name.bytes().all(|byte| byte.is_ascii_graphic())
}
