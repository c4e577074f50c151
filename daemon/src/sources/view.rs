//! Input of binding: a session with its settings, and the environments of commands and SDKs. Pure.

use crate::{
    accounts::Index,
    config::Limits,
    endpoint::Endpoint,
    host::command::Surroundings,
    key::Identity,
    policy::Policy,
    settings::{
        Directories, Layer, Settings,
        effective::{effective, milliseconds, untrusted},
    },
    terminal::{Programs, Terminal},
};
use claviger::{
    backend::Backend,
    reason::{Location, Problem},
    secret::Secret,
    session::SessionContext,
    variables::{self, Use},
};
use claviger_child::{Lent, Text};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Facts for binding sources.
#[derive(Debug)]
pub struct View<'a> {
    /// The session.
    pub session: &'a SessionContext,
    /// Its settings.
    pub settings: &'a Settings,
    /// The accounts of the local store.
    pub accounts: &'a Index,
    /// The login policies that apply to its backend.
    pub policy: &'a Policy,
    /// The receiver of the request.
    pub backend: Backend,
    /// Facts about its terminal for commands.
    pub terminal: &'a Terminal,
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Deadlines.
    pub limits: &'a Limits,
}

impl<'a> View<'a> {
    /// See [`effective`].
    ///
    /// # Errors
    /// `workspace-untrusted`.
    pub fn variable(&self, name: &str) -> Result<Option<(&'a str, Option<&'a Location>)>, Problem> {
        effective(self.session, self.settings, name)
    }

    /// See [`milliseconds`].
    ///
    /// # Errors
    /// `workspace-untrusted`, or `settings-invalid`.
    pub fn milliseconds(&self, name: &str, least: u64, example: &str) -> Result<Option<Duration>, Problem> {
        milliseconds(self.session, self.settings, name, least, example)
    }

    /// See [`untrusted`].
    pub fn untrusted(&self, name: &str, at: &Location) -> Problem {
        untrusted(self.settings, name, at)
    }

    /// Working directory of the user's commands: the directory of the user's settings.
    pub fn config_directory(&self) -> PathBuf {
        self.session.config_directory().unwrap_or_else(|| "/".into())
    }

    /// Working directory of a command of `layer`: the workspace if it comes from there, which needs trust; else the
    /// directory of the user's settings.
    pub fn directory_of(&self, layer: Layer) -> PathBuf {
        match layer.is_workspace() {
            true => self.settings.snapshot.workspace.root.clone(),
            false => self.config_directory(),
        }
    }

    /// The environment of the command `text`.
    pub fn command_environment(&self, text: &str) -> Environment {
        Environment::of(self.session, self.settings, self.terminal, self.terminal.programs(text))
    }

    /// The environment of the SDK of `cloud`: like a command's, without variables of other clouds' SDKs (except those
    /// in `also`). It contains no lent secret: see [`View::lent`].
    ///
    /// # Errors
    /// `workspace-untrusted` if an undecided workspace sets a variable that the SDK reads: it would choose the
    /// identity.
    pub fn sdk_environment(&self, cloud: Backend, also: &[Backend]) -> Result<Environment, Problem> {
        let reads = |other: Backend| other == cloud || also.contains(&other);
        let chain = self.terminal.chain();
        let mut environment = Environment::of(self.session, self.settings, self.terminal, chain);
        let own = &mut environment.own;
        own.retain(|name, _| !matches!(variables::usage(name), Some(Use::Sdk(other)) if !reads(other)));
        // Variables that only the daemon reads are in the request, so that it does not matter whether a verb or the
        // environment sets them.
        own.retain(|name, _| !name.starts_with("CLAVIGER_"));
        for &(name, usage) in variables::VARIABLES {
            if !matches!(usage, Use::Sdk(other) if reads(other)) {
                continue;
            }
            match self.variable(name)? {
                Some((value, _)) => own.insert(name.to_owned(), value.to_owned()),
                None => own.remove(name),
            };
        }
        anchor_paths(self.session, own);
        Ok(environment)
    }

    /// The secrets that the SDK of `cloud` signs in with. They are passed to its child, and to no command.
    ///
    /// # Errors
    /// As [`View::sdk_environment`].
    pub fn lent(&self, cloud: Backend) -> Result<Lent, Problem> {
        let of_cloud = variables::VARIABLES.iter().filter(|(_, usage)| *usage == Use::Lent(cloud));
        self.lent_of(of_cloud.map(|(name, _)| *name))
    }

    /// Those of these variables that the session lends, or its settings have.
    ///
    /// # Errors
    /// As [`View::sdk_environment`].
    pub fn lent_of(&self, names: impl Iterator<Item = &'static str>) -> Result<Lent, Problem> {
        let mut lent = Lent::new();
        for name in names {
            let of_settings = self.variable(name)?.map(|(text, _)| Secret::new(text.to_owned()));
            if let Some(secret) = of_settings.or_else(|| self.session.lent.get(name).cloned()) {
                lent.insert(name.to_owned(), Text(secret));
            }
        }
        Ok(lent)
    }
}

/// The environment of a command.
#[derive(Clone, Default)]
pub struct Environment {
    /// Everything that the command's identity depends on.
    pub own: BTreeMap<String, String>,
    /// The part lent by the session that starts it.
    pub surroundings: Surroundings,
    /// The files of its words, in the order of `PATH`.
    files: Vec<String>,
    /// Identity of the session's directories.
    directories: [(&'static str, String); 2],
    /// Targets of its variables that contain symlinks.
    leads: BTreeMap<String, String>,
}

// Variables can be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.own.keys()).finish()
    }
}

/// Variables of settings that limit how long something is used or waited for. No command gets them: a change would make
/// another identity of the same credential.
const TIMES: [&str; 3] =
    ["API_TIMEOUT_MS", "CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS"];

// === impl Environment ===

impl Environment {
    /// The session's variables that the list permits, then the `env` blocks of trusted settings, and the `PATH` of
    /// `programs`.
    pub fn of(
        session: &SessionContext,
        settings: &Settings,
        terminal: &Terminal,
        programs: &Programs,
    ) -> Self {
        let for_commands = |name: &str| matches!(variables::usage(name), Some(Use::Command | Use::Sdk(_)));
        let own = session.variables.iter().filter(|(name, _)| for_commands(name)).chain(&terminal.kept);
        let mut own: BTreeMap<String, String> =
            own.map(|(name, value)| (name.clone(), value.clone())).collect();
        let reaches_commands =
            |name: &str| variables::usage(name) == Some(Use::Handed) || settings.passes(name);
        let handed = session.lent.iter().filter(|(name, _)| reaches_commands(name));
        own.extend(handed.map(|(name, secret)| (name.clone(), secret.expose().clone())));
        let mut lent = terminal.lent.clone();
        for (name, value) in settings.environment() {
            // A static key of the settings is for the session, not for its commands.
            if !matches!(variables::usage(name), Some(Use::Secret | Use::Lent(_))) && !TIMES.contains(&name) {
                lent.remove(name);
                own.insert(name.to_owned(), value.to_owned());
            }
        }
        own.insert("PATH".into(), programs.path.clone());
        anchor_paths(session, &mut own);
        let Directories { home, config } = settings.snapshot.directories;
        let place = |place: Option<(u64, u64)>| {
            place.map_or_else(String::new, |(device, inode)| format!("{device}:{inode}"))
        };
        let directories =
            [("where HOME leads", place(home)), ("the directory of the settings", place(config))];
        let files = programs.files.clone();
        Self { own, surroundings: Surroundings(lent), files, directories, leads: terminal.leads.clone() }
    }

    /// Name and value of everything that the identity depends on.
    pub fn inputs(&self) -> impl Iterator<Item = (Cow<'static, str>, &str)> {
        let variables = self.own.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.as_str()));
        let files = self.files.iter().enumerate();
        let files = files.map(|(at, file)| (format!("program {}", at + 1).into(), file.as_str()));
        let directories = self.directories.iter().map(|(name, place)| ((*name).into(), place.as_str()));
        let leads = self.leads.iter().filter(|(name, _)| self.own.contains_key(*name));
        let leads = leads.map(|(name, path)| (format!("where {name} leads").into(), path.as_str()));
        variables.chain(files).chain(directories).chain(leads)
    }

    /// The identity of `source` with the inputs `own` in this environment.
    pub fn identity<const N: usize>(&self, source: &str, own: [(&'static str, &str); N]) -> Identity {
        let own = own.map(|(name, value)| (name.into(), value)).into_iter();
        Identity::of(source, own.chain(self.inputs()))
    }

    /// All of it.
    pub fn whole(self) -> BTreeMap<String, String> {
        let Self { own, surroundings: Surroundings(mut whole), .. } = self;
        whole.extend(own);
        whole
    }
}

/// A path relative to the session's directory means that directory, wherever a command runs.
fn anchor_paths(session: &SessionContext, environment: &mut BTreeMap<String, String>) {
    for name in variables::PATHS {
        let Some(value) = environment.get_mut(name) else { continue };
        let home = value.strip_prefix("~/").and_then(|rest| Some(session.directory("HOME")?.join(rest)));
        let anchored = home.unwrap_or_else(|| session.cwd.join(Path::new(value.as_str())));
        if let Some(text) = anchored.to_str().filter(|_| !value.is_empty()) {
            *value = text.to_owned();
        }
    }
}
