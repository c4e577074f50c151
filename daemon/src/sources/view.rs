//! What sources bind against: a session with its settings, and the environments that commands and SDKs get. Pure.

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

/// The facts that sources bind against.
#[derive(Debug)]
pub struct View<'a> {
    /// The session.
    pub session: &'a SessionContext,
    /// Its settings.
    pub settings: &'a Settings,
    /// The accounts of the local store.
    pub accounts: &'a Index,
    /// The login policies that gate its backend.
    pub policy: &'a Policy,
    /// Who receives the request.
    pub backend: Backend,
    /// What its terminal has for commands.
    pub terminal: &'a Terminal,
    /// Where requests go.
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

    /// Where commands of the user run: the directory of the user's settings.
    pub fn config_directory(&self) -> PathBuf {
        self.session.config_directory().unwrap_or_else(|| "/".into())
    }

    /// Where a command of `layer` runs: in the workspace if it comes from there, which takes trust; else in the directory
    /// of the user's settings.
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

    /// The environment of the SDK of `cloud`: as a command's, without what other clouds' SDKs read (but for those in
    /// `also`). It holds no secret that is lent: see [`View::lent`].
    ///
    /// # Errors
    /// `workspace-untrusted` if an undecided workspace sets a variable that the SDK reads: it would choose who signs in.
    pub fn sdk_environment(&self, cloud: Backend, also: &[Backend]) -> Result<Environment, Problem> {
        let reads = |other: Backend| other == cloud || also.contains(&other);
        let chain = self.terminal.chain();
        let mut environment = Environment::of(self.session, self.settings, self.terminal, chain);
        let own = &mut environment.own;
        own.retain(|name, _| !matches!(variables::usage(name), Some(Use::Sdk(other)) if !reads(other)));
        // What the daemon alone reads is in the request: chosen by a verb or exported, it is one and the same.
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

    /// The secrets that the SDK of `cloud` signs in with. They go to its child, and to no command.
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
    /// All that the command's identity depends on.
    pub own: BTreeMap<String, String>,
    /// What the session that starts it lends besides.
    pub surroundings: Surroundings,
    /// The files that its words mean, in the order of `PATH`.
    files: Vec<String>,
    /// Which directories the session's are.
    directories: [(&'static str, String); 2],
    /// Where its variables lead that go through symlinks.
    leads: BTreeMap<String, String>,
}

// Variables can be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.own.keys()).finish()
    }
}

/// Variables of settings that say how long something is used or waited for. No command gets them: a change would be another
/// identity, and the same credential.
const TIMES: [&str; 3] =
    ["API_TIMEOUT_MS", "CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS"];

// === impl Environment ===

impl Environment {
    /// What the list lets through of the session's variables, then the `env` blocks of trusted settings, and the `PATH` of
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
            // A static key of the settings is for the session, not for the commands it runs.
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
            [("where HOME leads", place(home)), ("where CLAUDE_CONFIG_DIR leads", place(config))];
        let files = programs.files.clone();
        Self { own, surroundings: Surroundings(lent), files, directories, leads: terminal.leads.clone() }
    }

    /// Name and value of all that the identity depends on.
    pub fn inputs(&self) -> impl Iterator<Item = (Cow<'static, str>, &str)> {
        let variables = self.own.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.as_str()));
        let files = self.files.iter().enumerate();
        let files = files.map(|(at, file)| (format!("program {}", at + 1).into(), file.as_str()));
        let directories = self.directories.iter().map(|(name, place)| ((*name).into(), place.as_str()));
        let leads = self.leads.iter().filter(|(name, _)| self.own.contains_key(*name));
        let leads = leads.map(|(name, path)| (format!("where {name} leads").into(), path.as_str()));
        variables.chain(files).chain(directories).chain(leads)
    }

    /// The identity of what `source` makes of `own` in this environment.
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
