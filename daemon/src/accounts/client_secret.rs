//! The secret of the OAuth client itself, for a registration that has one. It is kept only in the configured place.

use super::{
    Account, Kind, Store,
    registration::{self, Registration},
};
use crate::{
    host::{
        Host,
        command::{self, CommandSpec, Program, Surroundings},
        files,
    },
    key::SourceKey,
};
use claviger::{
    reason::{Location, Problem, Reason},
    secret::Secret,
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Longest client secret, in bytes.
const MAX_LEN: usize = 4096;
/// Time limit of a command that prints a client secret: a person may have to unlock a password manager.
const DEADLINE: Duration = Duration::from_secs(60);

impl Store {
    /// The client secret that an account's tokens are refreshed and revoked with; `None` if it has none.
    ///
    /// # Errors
    /// The problem of the file or the command, or of unreadable registrations.
    pub async fn client_secret(
        &self,
        host: &Host,
        account: &Account,
        environment: &BTreeMap<String, String>,
    ) -> Result<Option<Secret<String>>, Problem> {
        let Some(name) = account.registration.as_ref().filter(|_| account.kind == Kind::Oauth) else {
            return Ok(None);
        };
        // A section that does not exist any more had no secret, or the server reports that it is missing; a section of
        // another server has none for this account.
        let registration =
            self.registrations()?.remove(name).filter(|of| registration::signed_in(of, account));
        let Some(registration) = registration else { return Ok(None) };
        of_registration(host, &registration, environment).await
    }
}

/// The client secret of a registration, from its configured place; `None` if it has none. `environment` is that of the
/// session's commands.
///
/// # Errors
/// The problem of the file or the command. Neither is quoted.
pub(super) async fn of_registration(
    host: &Host,
    registration: &Registration,
    environment: &BTreeMap<String, String>,
) -> Result<Option<Secret<String>>, Problem> {
    let bytes = match (&registration.client_secret_file, &registration.client_secret_command) {
        (Some(path), _) => from_file(path, environment)?,
        (None, Some(line)) => from_command(host, line, environment).await?,
        (None, None) => return Ok(None),
    };
    let text = std::str::from_utf8(bytes.expose()).unwrap_or_default().trim_end();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(Reason::CommandOutputInvalid, "the client secret is not one word of ASCII")
            .hint("check client_secret_file or client_secret_command"));
    }
    Ok(Some(Secret::new(text.to_owned())))
}

fn from_file(path: &str, environment: &BTreeMap<String, String>) -> Result<Secret<Vec<u8>>, Problem> {
    let home = environment.get("HOME").map_or("/", String::as_str);
    let path = match path.strip_prefix("~/") {
        Some(rest) => PathBuf::from(home).join(rest),
        None => PathBuf::from(path),
    };
    let absent = || {
        Problem::new(Reason::SettingsInvalid, "the file of the client secret does not exist")
            .hint("write an absolute path, or one that starts with ~/")
            .at(&Location::of_file(&path))
    };
    files::read_private(&path, MAX_LEN)?.map(Secret::new).ok_or_else(absent)
}

async fn from_command(
    host: &Host,
    line: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Secret<Vec<u8>>, Problem> {
    let spec = CommandSpec {
        program: Program::Shell(line.to_owned()),
        environment: environment.clone(),
        surroundings: Surroundings::default(),
        directory: "/".into(),
        deadline: DEADLINE,
        max_output: MAX_LEN,
        flight: SourceKey::of("client-secret", [line]).to_string(),
        attended: false,
    };
    command::run(host, &spec, |_| {}).await.map_err(|error| {
        Problem::new(error.reason(), format!("client_secret_command failed: {error}"))
            .hint("run it by hand; it must print only the secret")
    })
}
