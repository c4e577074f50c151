//! The daemon's own configuration: `[daemon]` of `~/.config/claviger/config.toml`.
//!
//! `[settings]` of the same file is a settings layer and is read by [`crate::settings`].

#[cfg(test)]
mod reference;

use crate::{
    host::{
        bus::SessionBus,
        files::{self, Owner},
    },
    settings::{Layer, Own, parse},
};
use claviger::reason::{Location, Problem, Reason};
pub use claviger_child::account::StoreChoice;
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use toml_edit::{Document, DocumentMut, Table};

/// Most older parts of the audit log: each is renamed when a new one begins.
const MOST_PARTS: usize = 100;
/// Attempts of one refresh (`spec/behaviour.md` A7).
const ATTEMPTS: u32 = 3;
/// Most desktop notifications an hour.
const NOTIFICATIONS: usize = 6;

/// Paths of the daemon.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The socket.
    pub socket: PathBuf,
    /// The user's home directory.
    pub home: PathBuf,
    /// `config.toml`.
    pub config: PathBuf,
    /// The files that the daemon's environment names, even if others are in use.
    pub own: Own,
    /// Directory of trust store, accounts, audit log and log file.
    pub state: PathBuf,
    /// Directory of the managed settings.
    pub managed: PathBuf,
    /// The administrator's `config.toml`.
    pub system: PathBuf,
    /// The session bus, on which the keyring answers.
    pub bus: SessionBus,
    /// Key of the service manager that seals the file store.
    pub seal: Option<PathBuf>,
}

/// Bounds that protect the daemon and its user. Times are wall-clock durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time limit of a helper. The client's own limit is undocumented (`spec/behaviour.md`, "Unverified"); two minutes
    /// leave a person time to unlock a password manager.
    pub helper_timeout: Duration,
    /// A credential that was not asked for this long is no longer refreshed ahead of expiry.
    pub idle: Duration,
    /// Most cache entries (as many as the AWS SDK keeps identities).
    pub entries: usize,
    /// Most commands at once.
    pub commands: usize,
    /// Attempts of one refresh (`spec/behaviour.md` A7).
    pub attempts: u32,
    /// Size of one part of the audit log, in bytes.
    pub audit_part: u64,
    /// Older parts of the audit log that are kept.
    pub audit_parts: usize,
    /// Most desktop notifications an hour; 0: none.
    pub notifications: usize,
    /// Permissions of callers without the cookie.
    pub foreign: Foreign,
    /// Longest validity that a lease claims.
    pub max_lease: Option<Duration>,
    /// Whether agents may decide about trust.
    pub agents_may_decide: bool,
    /// Whether the daemon hands over by itself when its program file was replaced.
    pub follow_program: bool,
}

/// Permissions of foreign callers (`[daemon] foreign`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Foreign {
    /// Inspect, and borrow by name.
    #[default]
    Lend,
    /// Inspect.
    Inspect,
    /// Nothing.
    Refuse,
}

/// `[daemon]`, as written. docs/configuration.md and claviger.toml(5) show these comments and defaults as the
/// description of the keys.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct Daemon {
    /// How long a helper that prints a credential may run, in seconds. Then its process group is killed.
    #[cfg_attr(test, schemars(range(min = 1)))]
    helper_timeout_seconds: u32,
    /// A credential that no session has asked for this long is no longer refreshed ahead of its expiry.
    #[cfg_attr(test, schemars(range(min = 1)))]
    idle_seconds: u32,
    /// Most cache entries. If there is no room, the unused one that was asked for longest ago goes.
    #[cfg_attr(test, schemars(range(min = 1)))]
    max_entries: u16,
    /// Most commands at once; others wait their turn. Sessions of one workspace have half of them at most.
    #[cfg_attr(test, schemars(range(min = 1)))]
    max_commands: u16,
    /// Log filter: `info` (the default), `debug`, `clavigerd=trace`, …. No level logs a secret.
    log: Option<String>,
    /// Where secrets of new accounts are kept ([anthropic.md](anthropic.md#where-secrets-are-kept)).
    store: StoreChoice,
    /// Size of one part of the [audit log](audit.md), in KiB.
    #[cfg_attr(test, schemars(range(min = 1)))]
    audit_kib: u32,
    /// How many older parts of the audit log are kept.
    #[cfg_attr(test, schemars(range(min = 1, max = MOST_PARTS)))]
    audit_parts: u16,
    /// Whether there are [desktop notifications](notifications.md).
    notifications: bool,
    /// Permissions of callers that do not send the [cookie](callers.md): inspect and borrow by name, inspect only, or
    /// none.
    foreign: Foreign,
    /// How long a lease claims to be valid at most, as `15m`. Its holder asks again then.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    max_lease: Option<Time>,
    /// Whether `claviger trust grant` works inside an AI agent (`CLAUDECODE` or `AI_AGENT` is set). A speed bump, no wall: an agent
    /// can unset a variable.
    agents_may_decide: bool,
    /// Whether the daemon goes over to a program that was put in the place of its own. `claviger daemon restart` does so anyway.
    follow_program: bool,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            helper_timeout_seconds: 120,
            idle_seconds: 15 * 60,
            max_entries: 64,
            max_commands: 8,
            log: None,
            store: StoreChoice::default(),
            audit_kib: 4096,
            audit_parts: 4,
            notifications: true,
            foreign: Foreign::default(),
            max_lease: None,
            agents_may_decide: false,
            follow_program: true,
        }
    }
}

/// A time such as `"15m"`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Time(Duration);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        claviger::time::parse(&text).map(Self)
    }
}

/// The whole file, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "daemon")]
    _daemon: Daemon,
    #[serde(default, rename = "settings")]
    _settings: serde::de::IgnoredAny,
    /// Read by [`crate::settings`], because it takes effect at once.
    #[serde(default, rename = "trust")]
    _trust: serde::de::IgnoredAny,
    /// Read by [`crate::accounts::registration`] at a login.
    #[serde(default, rename = "oauth")]
    _oauth: serde::de::IgnoredAny,
    /// Required confirmations; read by [`crate::settings`], because they take effect at once.
    #[serde(default, rename = "account")]
    _account: serde::de::IgnoredAny,
    #[serde(default, rename = "source")]
    _source: serde::de::IgnoredAny,
    /// Keys of the administrator's file that win over the user's.
    #[serde(default)]
    locked: Option<Vec<String>>,
}

/// Content of `[daemon]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Bounds.
    pub limits: Limits,
    /// Log filter, if a file sets one, and where.
    pub log: Option<(String, Location)>,
    /// Where secrets of the local store are kept.
    pub store: StoreChoice,
}

impl Default for Limits {
    fn default() -> Self {
        Daemon::default().limits()
    }
}

impl Daemon {
    fn limits(&self) -> Limits {
        let seconds = |seconds: u32| Duration::from_secs(seconds.max(1).into());
        let count = |count: u16| usize::from(count.max(1));
        Limits {
            helper_timeout: seconds(self.helper_timeout_seconds),
            idle: seconds(self.idle_seconds),
            entries: count(self.max_entries),
            commands: count(self.max_commands),
            attempts: ATTEMPTS,
            audit_part: u64::from(self.audit_kib.max(1)) * 1024,
            audit_parts: count(self.audit_parts).min(MOST_PARTS),
            notifications: if self.notifications { NOTIFICATIONS } else { 0 },
            foreign: self.foreign,
            max_lease: self.max_lease.as_ref().map(|Time(time)| *time),
            agents_may_decide: self.agents_may_decide,
            follow_program: self.follow_program,
        }
    }
}

impl Config {
    /// Reads the user's file `user`, and below it the administrator's `system`, whose owner has to be `uid`.
    ///
    /// # Errors
    /// `settings-invalid` with file, line and column.
    pub fn read(user: &Path, system: &Path, uid: u32) -> Result<Self, Problem> {
        let name = |path: &Path| path.display().to_string();
        let below = text(system, Owner::Managed(uid))?;
        Self::parse((&name(user), &read(user)?), (&name(system), &below))
    }

    /// Reads the texts of both files, each with its path.
    fn parse(user: (&str, &str), system: (&str, &str)) -> Result<Self, Problem> {
        let locked = check(user, system)?;
        let (mut merged, mut log_at) = (Table::new(), Location::default());
        for (path, text) in [system, user] {
            let document = document(path, text)?;
            let daemon = document.get("daemon").and_then(|daemon| daemon.as_table_like());
            for (key, value) in daemon.into_iter().flat_map(|daemon| daemon.iter()) {
                if path == user.0 && locked.iter().any(|locked| locked.strip_prefix("daemon.") == Some(key)) {
                    continue;
                }
                if key == "log" {
                    log_at = location(path, text, value.span().map_or(0, |span| span.start));
                }
                merged.insert(key, value.clone());
            }
        }
        let daemon: Daemon = toml_edit::de::from_document(DocumentMut::from(merged))
            .map_err(|error| invalid(user.0, user.1, &error))?;
        let (limits, store) = (daemon.limits(), daemon.store);
        Ok(Self { limits, log: daemon.log.map(|log| (log, log_at)), store })
    }
}

fn document<'a>(path: &str, text: &'a str) -> Result<Document<&'a str>, Problem> {
    Document::parse(text).map_err(|error| invalid(path, text, &error.into()))
}

/// Checks each file by itself; the keys that the administrator's locks.
fn check(user: (&str, &str), system: (&str, &str)) -> Result<Vec<String>, Problem> {
    let file = |(path, text): (&str, &str)| {
        toml_edit::de::from_str::<File>(text).map_err(|error| invalid(path, text, &error))
    };
    if file(user)?.locked.is_some() {
        let at = document(user.0, user.1)?.get("locked").and_then(|locked| locked.span());
        return Err(Problem::new(Reason::SettingsInvalid, parse::ONLY_THERE)
            .hint(parse::ADMINISTRATORS_HINT)
            .at(&location(user.0, user.1, at.map_or(0, |at| at.start))));
    }
    file(system).map_err(parse::not_the_users)?;
    let content = parse::administrators(Layer::Config, system.0, system.1.as_bytes())?;
    Ok(content.locked.into_iter().map(|locked| locked.value).collect())
}

/// The text of `config.toml`; nothing if there is no such file.
///
/// # Errors
/// `settings-invalid` if it cannot be read, or other users can write it: as for its `[settings]`.
pub fn read(path: &Path) -> Result<String, Problem> {
    text(path, Owner::User)
}

fn text(path: &Path, owner: Owner) -> Result<String, Problem> {
    let bytes = files::read_settings(path, owner).bytes?.unwrap_or_default();
    String::from_utf8(bytes)
        .map_err(|_| Problem::new(Reason::SettingsInvalid, "it is not UTF-8").at(&Location::of_file(path)))
}

/// The problem of a log filter at `at` that is none.
pub fn invalid_log(at: &Location, why: &str) -> Problem {
    Problem::new(Reason::SettingsInvalid, format!("log is not a log filter: {why}"))
        .hint("write for example info, debug or clavigerd=trace")
        .at(at)
}

/// Position of byte `offset` in the file's text.
pub fn location(path: &str, text: &str, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Location {
        layer: "config".into(),
        file: path.into(),
        line: u32::try_from(line).unwrap_or(0),
        column: u32::try_from(column).unwrap_or(0),
    }
}

/// The problem of an invalid file.
pub fn invalid(path: &str, text: &str, error: &toml_edit::de::Error) -> Problem {
    let at = location(path, text, error.span().map_or(0, |span| span.start));
    // The message quotes keys of the file at most; values of [settings] are not interpreted here.
    let message = error.message().lines().next().unwrap_or("it is not valid TOML").to_owned();
    Problem::new(Reason::SettingsInvalid, message)
        .hint("docs/configuration.md lists what each section can hold")
        .at(&at)
}

#[cfg(test)]
mod tests {
    use super::{Config, Foreign, StoreChoice};
    use std::time::Duration;

    #[test]
    fn empty_means_defaults() {
        assert_eq!(Config::parse(("c", ""), ("s", "")).expect("valid"), Config::default());
    }

    #[test]
    fn what_is_set_counts_and_settings_are_left_alone() {
        let text = "[daemon]\nidle_seconds = 7\nlog = \"debug\"\n[settings]\napiKeyHelper = \"x\"\n[settings.env]\nA = \"b\"\n";
        let config = Config::parse(("c", text), ("s", "")).expect("valid");
        assert_eq!(
            (config.limits.idle, config.log.map(|(log, _)| log)),
            (Duration::from_secs(7), Some("debug".into()))
        );
    }

    #[test]
    fn the_administrators_values_are_below_the_users_unless_they_are_locked() {
        let system = "locked = [\"daemon.foreign\", \"daemon.store\"]\n[daemon]\nforeign = \"refuse\"\nidle_seconds = 9\nmax_entries = 7\n";
        let user = "[daemon]\nforeign = \"lend\"\nstore = \"file\"\nidle_seconds = 5\n\nlog = \"x\"\n";
        let config = Config::parse(("u", user), ("s", system)).expect("valid");
        assert_eq!((config.limits.foreign, config.store), (Foreign::Refuse, StoreChoice::default()));
        assert_eq!((config.limits.idle.as_secs(), config.limits.entries), (5, 7));
        let log = config.log.map(|(log, at)| (log, at.file, at.line, at.column));
        assert_eq!(log, Some(("x".into(), "u".into(), 6, 7)));
    }

    #[test]
    fn mistakes_of_the_administrator_are_located() {
        for (system, line) in [
            ("locked = [\n\"daemon.foreign\",\n\"daemon.x\"]", 3),
            ("locked = [\"settings.env\"]", 1),
            ("\nlocked = 1", 2),
            ("[daemon]\nidle = 1", 2),
            ("[settings]\n\npass_environment = [\"A\"]", 3),
            ("\n[oauth.x]\nissuer = \"y\"", 2),
            ("[daemon", 1),
        ] {
            let problem = Config::parse(("u", ""), ("s", system)).expect_err(system);
            let at = problem.location.expect("a place");
            assert_eq!((at.file.as_str(), at.line), ("s", line), "{system}");
        }
        let user = Config::parse(("u", "locked = []"), ("s", "")).expect_err("refused");
        assert_eq!(user.location.map(|at| (at.file, at.line)), Some(("u".into(), 1)));
    }

    #[test]
    fn every_key_of_the_daemon_can_be_locked() {
        let schema = serde_json::to_value(schemars::schema_for!(super::Daemon)).expect("JSON");
        let mut keys: Vec<_> = schema["properties"].as_object().expect("keys").keys().cloned().collect();
        let mut known = crate::settings::parse::DAEMON_KEYS.to_vec();
        keys.sort();
        known.sort_unstable();
        assert_eq!(keys, known);
    }

    #[test]
    fn the_audit_log_is_bounded_and_notifications_can_be_off() {
        let text = "[daemon]\naudit_kib = 16\naudit_parts = 1000\nnotifications = false\n";
        let limits = Config::parse(("c", text), ("s", "")).expect("valid").limits;
        assert_eq!((limits.audit_part, limits.audit_parts, limits.notifications), (16 * 1024, 100, 0));
        let limits = Config::parse(("c", "[daemon]\naudit_parts = 0\nnotifications = true\n"), ("s", ""))
            .expect("valid")
            .limits;
        assert_eq!((limits.audit_parts, limits.notifications), (1, 6));
    }

    #[test]
    fn mistakes_are_located() {
        for (text, line) in
            [("[daemon]\nidle = 7\n", 2), ("[daemon\n", 1), ("[daemon]\n\nidle_seconds = \"x\"\n", 3)]
        {
            let problem = Config::parse(("c.toml", text), ("s", "")).expect_err("must be refused");
            assert_eq!(problem.location.map(|at| at.line), Some(line), "{text:?}");
        }
    }
}
