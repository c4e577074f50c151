//! One calling session.

use super::{
    environment::{Taken, Unlisted, unique, without_secrets},
    explicit::{ExplicitSettings, explicit},
    rules::{check_chosen, check_lent, check_path, check_present, check_text, check_value, malformed},
};
use crate::{
    backend::Backend,
    passed::Passed,
    proto::v1,
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    variables,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Most variables of a whole environment: many times those of a heavily used shell.
const MAX_ENVIRONMENT: usize = 4096;
/// Most variables in one request. The list in [`variables`] is far shorter.
pub const MAX_VARIABLES: usize = 256;

/// Kind of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionMode {
    /// An ordinary terminal session.
    #[default]
    Standard,
    /// Keys from the session's environment are ignored.
    Homespace,
    /// Hermetic: `ANTHROPIC_API_KEY` and explicitly passed settings only.
    Bare,
    /// Remote container or desktop host: OAuth login only.
    Managed,
}

/// One calling session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionContext {
    /// Absolute working directory.
    pub cwd: PathBuf,
    /// Allow-listed, non-secret environment.
    pub variables: BTreeMap<String, String>,
    /// Names of secret variables the session has; the values stay there.
    pub present: BTreeSet<String>,
    /// Secrets that a cloud's SDK needs to sign in for the session ([`variables::Use::Lent`]; AWS keys only where
    /// `GOOGLE_APPLICATION_CREDENTIALS` is set, whose file can sign with them), secrets that commands need, and the
    /// variables in `passed`, each of which may be a secret.
    pub lent: BTreeMap<String, Secret<String>>,
    /// The list by which unlisted variables were chosen; `None`: none were chosen.
    pub passed: Option<Passed>,
    /// Whether it keeps its description although the list of passed variables has changed: the session of a share.
    pub settled: bool,
    /// The rest of the environment. It stays in this process, except what [`SessionContext::to_proto_with`] takes from
    /// it.
    pub unlisted: Unlisted,
    /// Variables chosen on the command line of a tool; they override settings files and environment. Empty means unset.
    pub chosen: BTreeMap<String, String>,
    /// Settings passed with `--settings`.
    pub explicit: Option<ExplicitSettings>,
    /// Backend whose credential is wanted; `None`: the one that the session's settings select.
    pub backend: Option<Backend>,
    /// Mode of this session.
    pub mode: SessionMode,
    /// Whether a person at a terminal can answer questions.
    pub interactive: bool,
    /// Set when the caller runs inside a command of the daemon.
    pub inside_flight: Option<String>,
    /// Whether the caller is a tool that reads the workspace's settings files itself, and so has the variables that
    /// they set.
    pub reads_workspace: bool,
    /// Whether a tool runs the caller as its `apiKeyHelper`, which cannot return a credential of a cloud.
    pub key_helper: bool,
}

// === impl SessionMode ===

impl SessionMode {
    /// Name for people and for `--mode`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Homespace => "homespace",
            Self::Bare => "bare",
            Self::Managed => "managed",
        }
    }

    /// Encoded.
    pub fn to_proto(self) -> v1::SessionMode {
        match self {
            Self::Standard => v1::SessionMode::Standard,
            Self::Homespace => v1::SessionMode::Homespace,
            Self::Bare => v1::SessionMode::Bare,
            Self::Managed => v1::SessionMode::Managed,
        }
    }

    /// The mode that an environment selects: `CLAUDE_CODE_SIMPLE` is bare; `CLAUDE_CODE_REMOTE` and
    /// `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` are managed, which wins (`spec/behaviour.md` A2, A6).
    fn from_environment(set: impl Fn(&str) -> bool) -> Self {
        if set("CLAUDE_CODE_REMOTE") || set("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST") {
            Self::Managed
        } else if set("CLAUDE_CODE_SIMPLE") {
            Self::Bare
        } else {
            Self::Standard
        }
    }

    fn from_proto(mode: i32) -> Result<Self, Problem> {
        match v1::SessionMode::try_from(mode) {
            Ok(v1::SessionMode::Unspecified | v1::SessionMode::Standard) => Ok(Self::Standard),
            Ok(v1::SessionMode::Homespace) => Ok(Self::Homespace),
            Ok(v1::SessionMode::Bare) => Ok(Self::Bare),
            Ok(v1::SessionMode::Managed) => Ok(Self::Managed),
            Err(_) => Err(malformed(format!("unknown session mode {mode}"))
                .hint("the client is newer than the daemon")
                .remedy(Remedy::restart_daemon())),
        }
    }
}

// === impl SessionContext ===

impl SessionContext {
    /// The session of a process with working directory `cwd` and `environment`. Variables that are not on the list are
    /// left out, and so are the entries of `PATH` that [`super::left_out`] returns.
    ///
    /// # Errors
    /// `malformed-request` if `cwd` is not an absolute UTF-8 path without control characters, or a variable is set
    /// twice, else as [`super::check_variable`]; `limits` for too many variables of helpers.
    pub fn new(
        cwd: PathBuf,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problem> {
        check_path(&cwd)?;
        let (environment, twice) = unique(environment)?;
        let Taken { variables, present, lent } = Taken::of(&environment)?;
        let text = |name: &str| environment.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str());
        let mode = SessionMode::from_environment(|name| text(name).is_some_and(variables::is_true));
        let (inside_flight, reads_workspace) =
            (text(variables::INSIDE_FLIGHT).map(str::to_owned), is_inside_tool(text));
        Ok(Self {
            cwd,
            variables,
            present,
            lent,
            passed: None,
            settled: false,
            unlisted: Unlisted::of(environment, twice),
            chosen: BTreeMap::new(),
            explicit: None,
            backend: None,
            mode,
            interactive: false,
            inside_flight,
            reads_workspace,
            key_helper: false,
        })
    }

    /// The session that another process described, to be described again in its place: the variables that the user's
    /// commands get are chosen anew from what that process sent.
    ///
    /// # Errors
    /// As [`SessionContext::from_proto`].
    pub fn of_another(message: Option<v1::SessionContext>) -> Result<Self, Problem> {
        let session = Self::from_proto(message)?;
        let is_listed = |name: &String| variables::usage(name).is_some();
        let (lent, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
            session.lent.into_iter().partition(|(name, _)| is_listed(name));
        let other = other.into_iter().map(|(name, value)| (name.into(), value.expose().clone().into()));
        Ok(Self { lent, unlisted: Unlisted::of(other.collect(), BTreeSet::new()), passed: None, ..session })
    }

    /// Encoded.
    pub fn to_proto(&self) -> v1::SessionContext {
        let (explicit_settings_name, explicit_settings) =
            self.explicit.clone().map_or_else(Default::default, |explicit| (explicit.name, explicit.content));
        v1::SessionContext {
            working_directory: self.cwd.to_string_lossy().into_owned(),
            variables: self.variables.clone(),
            present: self.present.iter().cloned().collect(),
            chosen: self.chosen.clone(),
            explicit_settings,
            explicit_settings_name,
            mode: self.mode.to_proto().into(),
            interactive: self.interactive,
            inside_flight: self.inside_flight.clone().unwrap_or_default(),
            reads_workspace: self.reads_workspace,
            key_helper: self.key_helper,
            backend: self.backend.map_or(v1::Backend::Unspecified, Backend::to_proto).into(),
            lent: self.lent.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect(),
            passed: self.passed.as_ref().map(|passed| v1::Passed { names: passed.entries().to_vec() }),
            environment: BTreeMap::new(),
        }
    }

    /// The same, with the variables of the environment that are in `passed`.
    ///
    /// # Errors
    /// As [`super::check_variable`], for the first that cannot be passed on; `limits` for too many.
    pub fn to_proto_with(&self, passed: &Passed) -> Result<v1::SessionContext, Problem> {
        let mut message = self.to_proto();
        message.lent.extend(self.unlisted.chosen(passed)?);
        message.passed = Some(v1::Passed { names: passed.entries().to_vec() });
        Ok(message)
    }

    /// Decodes and checks a client's message.
    ///
    /// # Errors
    /// `malformed-request` for a message that no well-behaved client sends, `limits` for one that is too large.
    pub fn from_proto(message: Option<v1::SessionContext>) -> Result<Self, Problem> {
        let mut message = message.ok_or_else(|| malformed("the request has no session"))?;
        if !message.environment.is_empty() {
            message = Self::chosen_of_environment(message)?;
        }
        let counts =
            [message.variables.len(), message.present.len(), message.lent.len(), message.chosen.len()];
        if counts.into_iter().any(|count| count > MAX_VARIABLES) {
            return Err(Problem::new(
                Reason::Limits,
                format!("more than {MAX_VARIABLES} variables in one request"),
            )
            .hint("send only the variables that src/variables.rs lists"));
        }
        for (name, value) in &message.variables {
            check_value(name, value)?;
        }
        for name in &message.present {
            check_present(name)?;
        }
        let passed = message.passed.map(|passed| Passed::new(passed.names));
        if passed.as_ref().is_some_and(|passed| !passed.is_bounded()) {
            return Err(malformed(
                "the request has an entry that pass_environment cannot have, or too many of them",
            ));
        }
        for (name, value) in &message.lent {
            check_lent(name, value, passed.as_ref())?;
        }
        for (name, value) in &message.chosen {
            check_chosen(name, value)?;
        }
        check_text("explicit_settings_name", &message.explicit_settings_name)?;
        check_text("inside_flight", &message.inside_flight)?;
        let cwd = PathBuf::from(message.working_directory);
        check_path(&cwd)?;
        Ok(Self {
            cwd,
            variables: message.variables,
            present: message.present.into_iter().collect(),
            lent: message.lent.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
            passed,
            settled: false,
            unlisted: Unlisted::default(),
            chosen: message.chosen,
            explicit: explicit(message.explicit_settings_name, message.explicit_settings)?,
            backend: Backend::from_proto(message.backend)?,
            mode: SessionMode::from_proto(message.mode)?,
            interactive: message.interactive,
            inside_flight: Some(message.inside_flight).filter(|id| !id.is_empty()),
            reads_workspace: message.reads_workspace,
            key_helper: message.key_helper,
        })
    }

    /// A message with a whole environment, as a client sends it that has the list: what the environment says of the session is said in the
    /// other fields, unless the caller said it there.
    fn chosen_of_environment(mut message: v1::SessionContext) -> Result<v1::SessionContext, Problem> {
        let mut environment = std::mem::take(&mut message.environment);
        if environment.len() > MAX_ENVIRONMENT {
            let message = format!("more than {MAX_ENVIRONMENT} variables in one environment");
            return Err(Problem::new(Reason::Limits, message));
        }
        if !(message.variables.is_empty() && message.present.is_empty() && message.lent.is_empty()) {
            return Err(malformed("the request has a whole environment, and variables chosen from one")
                .hint("send `environment`, or else `variables`, `present` and `lent`"));
        }
        without_secrets(&mut environment)?;
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        let session = Self::new(PathBuf::from(&message.working_directory), environment)?;
        let passed = message.passed.take().map(|passed| Passed::new(passed.names));
        let described = match &passed {
            Some(passed) => session.to_proto_with(passed)?,
            None => session.to_proto(),
        };
        if message.mode == i32::from(v1::SessionMode::Unspecified) {
            message.mode = described.mode;
        }
        if message.inside_flight.is_empty() {
            message.inside_flight = described.inside_flight;
        }
        message.reads_workspace |= described.reads_workspace;
        let v1::SessionContext { variables, present, lent, passed, .. } = described;
        Ok(v1::SessionContext { variables, present, lent, passed, ..message })
    }

    /// Whether it equals `message`, so that the message need not be checked and decoded again. Always `false` with
    /// secrets or explicit settings.
    pub fn is_said_by(&self, message: &v1::SessionContext) -> bool {
        let v1::SessionContext {
            working_directory,
            variables,
            present,
            chosen,
            explicit_settings,
            explicit_settings_name,
            mode,
            interactive,
            inside_flight,
            backend,
            lent,
            reads_workspace,
            key_helper,
            passed,
            environment,
        } = message;
        self.explicit.is_none()
            && self.lent.is_empty()
            && [explicit_settings.len(), explicit_settings_name.len(), lent.len(), environment.len()]
                == [0; 4]
            && self.cwd.as_os_str() == working_directory.as_str()
            && self.variables == *variables
            && self.present.iter().eq(present)
            && self.chosen == *chosen
            && self.mode.to_proto() as i32 == *mode
            && self.backend.map_or(v1::Backend::Unspecified, Backend::to_proto) as i32 == *backend
            && self.interactive == *interactive
            && self.inside_flight.as_deref().unwrap_or_default() == inside_flight
            && self.reads_workspace == *reads_workspace
            && self.key_helper == *key_helper
            && self.passed.as_ref().map(Passed::entries)
                == passed.as_ref().map(|passed| passed.names.as_slice())
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that holds an absolute path.
    pub fn directory(&self, name: &str) -> Option<&Path> {
        self.variable(name).map(Path::new).filter(|path| path.is_absolute())
    }

    /// The directory of the user's settings: `$CLAUDE_CONFIG_DIR`, else `~/.claude`.
    pub fn config_directory(&self) -> Option<PathBuf> {
        let below_home = || self.directory("HOME").map(|home| home.join(".claude"));
        self.directory("CLAUDE_CONFIG_DIR").map(PathBuf::from).or_else(below_home)
    }
}

/// Whether Claude Code started this process: it sets its own variables for its shells and helpers.
fn is_inside_tool<'a>(text: impl Fn(&str) -> Option<&'a str>) -> bool {
    let is_set = |name: &str| text(name).is_some_and(|value| !value.is_empty());
    is_set("CLAUDECODE")
        || is_set("CLAUDE_CODE_ENTRYPOINT")
        || text("AI_AGENT").is_some_and(|agent| agent.starts_with("claude"))
}

#[cfg(test)]
mod tests;
