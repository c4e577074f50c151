//! Standing gates: a tool's settings lead to them, so every daemon opens them. What each may lend is recorded when it is installed, in
//! a private file of the state directory, without a secret.

use crate::{host::files, resolve::Winner, session_text};
use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    session::{ACCOUNT, SessionContext},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Name of the file.
pub const FILE: &str = "gates.json";
/// Version of the format that this code writes and reads.
const VERSION: u32 = 1;
/// Largest file, in bytes.
const MAX_FILE: usize = 1024 * 1024;
/// How long to wait for another machine that is writing the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The recorded gates.
#[derive(Debug)]
pub struct StandingGates {
    path: PathBuf,
}

/// A standing gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The session whose credential it lends, without secrets.
    #[serde(with = "session_text")]
    session: Option<Arc<SessionContext>>,
    /// Source id of its credential.
    source: String,
    /// The account of the local store.
    account: Option<String>,
    /// Identity of that account: another of the same name is not lent.
    account_id: Option<String>,
    /// `scheme://host[:port]` that its requests go to.
    origin: String,
    /// When it was installed.
    pub since: SystemTime,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    version: u32,
    gates: BTreeMap<String, Standing>,
}

// === impl StandingGates ===

impl StandingGates {
    /// Those of the file at `path`, which need not exist.
    pub fn of(path: PathBuf) -> Self {
        Self { path }
    }

    /// All, by name. The file is read each time: another daemon with the same home may have written it.
    ///
    /// # Errors
    /// `settings-invalid` if the file is not exclusively ours, damaged, or of a newer release.
    pub fn all(&self) -> Result<BTreeMap<String, Standing>, Problem> {
        read(&self.path)
    }

    /// The one of this name.
    ///
    /// # Errors
    /// As [`StandingGates::all`].
    pub fn find(&self, name: &str) -> Result<Option<Standing>, Problem> {
        Ok(self.all()?.remove(name))
    }

    /// Records one, in the place of another of its name.
    ///
    /// # Errors
    /// As [`StandingGates::all`]; the system's error if the file cannot be written.
    pub fn set(&self, name: &str, standing: Standing) -> Result<(), Problem> {
        self.change(|gates| drop(gates.insert(name.to_owned(), standing)))
    }

    /// Removes the one of this name. False if there is none.
    ///
    /// # Errors
    /// As [`StandingGates::set`].
    pub fn remove(&self, name: &str) -> Result<bool, Problem> {
        match self.find(name)? {
            None => Ok(false),
            Some(_) => self.change(|gates| gates.remove(name).is_some()),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Standing>) -> T) -> Result<T, Problem> {
        let _lock = files::FileLock::take(&self.path.with_extension("lock"), LOCK_WAIT)?;
        let mut gates = read(&self.path)?;
        let done = change(&mut gates);
        if gates.is_empty() {
            files::remove_private(&self.path)?;
            return Ok(done);
        }
        let text = serde_json::to_vec_pretty(&File { version: VERSION, gates });
        let text =
            text.map_err(|error| Problem::new(Reason::Bug, format!("a gate has no JSON text: {error}")))?;
        files::write_private(&self.path, &text)?;
        Ok(done)
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Standing>, Problem> {
    let Some(bytes) = files::read_private(path, MAX_FILE)? else { return Ok(BTreeMap::new()) };
    let file = serde_json::from_slice::<File>(&bytes).ok().filter(|file| file.version == VERSION);
    file.map(|file| file.gates).ok_or_else(|| {
        Problem::new(Reason::SettingsInvalid, "it is not in the format of this release")
            .remedy(Remedy::move_away(path))
            .at(&Location::of_file(path))
    })
}

// === impl Standing ===

impl Standing {
    /// A gate for the credential that `winner` provides to `session`.
    pub fn of(session: &SessionContext, winner: &Winner, since: SystemTime) -> Self {
        let account = winner.provider().and_then(|provider| provider.account());
        let name = account.map(|account| account.name.clone());
        let mut session = session.clone();
        // The current account may be another one tomorrow.
        session.chosen.extend(name.iter().map(|name| (ACCOUNT.to_owned(), name.clone())));
        Self {
            session: Some(Arc::new(session)),
            source: winner.source.to_owned(),
            account: name,
            account_id: account.map(|account| account.id().to_owned()),
            origin: winner.endpoint.origin.clone(),
            since,
        }
    }

    /// Its session; `None` if this release does not understand it.
    pub fn session(&self) -> Option<Arc<SessionContext>> {
        self.session.clone()
    }

    /// Why the credential of `winner` is not lent through the gate `name`: the settings now lead elsewhere.
    pub fn refuses(&self, name: &str, winner: &Winner) -> Option<Problem> {
        let account = winner.provider().and_then(|provider| provider.account());
        let is_same = winner.source == self.source
            && winner.endpoint.origin == self.origin
            && account.map(|account| account.id()) == self.account_id.as_deref();
        let what = self.account.as_deref().unwrap_or(&self.source);
        (!is_same).then(|| {
            let message = format!(
                "the gate {name} was installed for {what} at {}, and the settings now lead to another credential or API",
                self.origin
            );
            Problem::new(Reason::PolicyBlocked, message)
                .remedy(Remedy::install_gate(self.account.as_deref()))
        })
    }
}

/// The part of `session` that can be recorded: no directory, no secret, no URL with a password in it.
pub fn lasting(session: &SessionContext) -> SessionContext {
    let has_password = |value: &str| value.contains("://") && value.contains('@');
    let variables = session.variables.iter().filter(|(_, value)| !has_password(value));
    SessionContext {
        cwd: "/".into(),
        variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
        present: Default::default(),
        lent: Default::default(),
        explicit: None,
        interactive: false,
        inside_flight: None,
        reads_workspace: false,
        key_helper: false,
        settled: true,
        ..session.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, StandingGates, lasting};
    use claviger::{reason::Reason, session::SessionContext};
    use std::{ffi::OsString, os::unix::fs::PermissionsExt as _};

    #[test]
    fn what_is_recorded_has_no_secret_and_no_directory() {
        let variables = [
            ("HOME", "/home/me"),
            ("ANTHROPIC_API_KEY", "sk-ant-secret"),
            ("VAULT_TOKEN", "hvs.secret"),
            ("HTTPS_PROXY", "http://me:secret@proxy:8080"),
            ("HTTP_PROXY", "http://proxy:8080"),
        ];
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let session = SessionContext::new("/work/repository".into(), variables).expect("a session");
        // Its Debug form has no values.
        let recorded = prost::Message::encode_to_vec(&lasting(&session).to_proto());
        let text = String::from_utf8_lossy(&recorded);
        assert!(!text.contains("secret") && !text.contains("repository"), "{text}");
        assert!(text.contains("/home/me") && text.contains("http://proxy:8080"), "{text}");
    }

    #[test]
    fn a_damaged_file_is_reported_and_stays() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join(FILE);
        let gates = StandingGates::of(path.clone());
        assert!(gates.all().expect("none").is_empty() && !gates.remove("claude").expect("none"));
        assert!(!path.exists(), "nothing is written for nothing");
        std::fs::write(&path, "{").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("mode");
        assert_eq!(gates.remove("claude").expect_err("damaged").reason, Reason::SettingsInvalid);
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "{");
    }
}
