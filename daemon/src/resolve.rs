//! Who wins: from a session and its settings to the source that provides its credential, and why every other source
//! does not. Pure.

use crate::{
    config::Limits,
    endpoint::{
        self, Endpoint, Extras,
        cloud::{self, Place},
    },
    settings::{
        Layer, POLICIES, Settings,
        effective::{effective, untrusted},
    },
    sources::{Binding, Bound, CHAIN},
};
use claviger::{
    backend::{Backend, CLOUDS},
    reason::{Location, Problem, Reason},
    session::{SessionContext, SessionMode},
    variables::{self, Use, is_true},
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The facts that sources bind against.
#[derive(Debug)]
pub struct View<'a> {
    /// The session.
    pub session: &'a SessionContext,
    /// Its settings.
    pub settings: &'a Settings,
    /// Who receives the request.
    pub backend: Backend,
    /// Where requests go.
    pub endpoint: &'a Endpoint,
    /// Region and project, for clouds.
    pub place: &'a Place,
    /// Deadlines.
    pub limits: &'a Limits,
}

/// What became of one source, or of one link of an SDK's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It provides the credential.
    Chosen,
    /// Nothing configures it.
    NotConfigured,
    /// Configured, but ruled out by the session's mode.
    Ignored,
    /// Configured, but a source before it won.
    Outranked,
    /// It stopped the walk.
    Refused,
}

/// One source of the walk.
#[derive(Debug)]
pub struct Step {
    /// The source's id.
    pub source: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub why: Cow<'static, str>,
    /// Where it is configured.
    pub at: Option<Location>,
}

/// The winner of a walk.
#[derive(Debug)]
pub struct Winner {
    /// The source's id.
    pub source: &'static str,
    /// Who receives the request.
    pub backend: Backend,
    /// What it is bound to.
    pub bound: Bound,
    /// Where the credential may be sent.
    pub endpoint: Endpoint,
    /// Region and project, for clouds.
    pub place: Place,
    /// What goes along.
    pub extras: Extras,
    /// What looks wrong but stops nothing.
    pub warnings: Vec<String>,
}

/// The outcome of a walk.
#[derive(Debug)]
pub struct Resolution {
    /// Who receives the request.
    pub backend: Backend,
    /// The winner, or why there is none.
    pub winner: Result<Winner, Problem>,
    /// Every source that was looked at.
    pub steps: Vec<Step>,
    /// What looks wrong but stops nothing.
    pub warnings: Vec<String>,
}

/// Walks the chain up to the winner.
#[must_use]
pub fn resolve(session: &SessionContext, settings: &Settings, limits: &Limits) -> Resolution {
    walk(session, settings, limits, false)
}

/// Walks the whole chain, for explanations: past the winner, to show what it outranks.
#[must_use]
pub fn explain(session: &SessionContext, settings: &Settings, limits: &Limits) -> Resolution {
    walk(session, settings, limits, true)
}

fn walk(session: &SessionContext, settings: &Settings, limits: &Limits, to_the_end: bool) -> Resolution {
    let mut resolution = Resolution {
        backend: Backend::Anthropic,
        winner: Err(Problem::new(Reason::Bug, "the walk did not end")),
        steps: Vec::new(),
        warnings: Vec::new(),
    };
    resolution.winner = steps(session, settings, limits, to_the_end, &mut resolution);
    resolution
}

fn steps(
    session: &SessionContext,
    settings: &Settings,
    limits: &Limits,
    to_the_end: bool,
    out: &mut Resolution,
) -> Result<Winner, Problem> {
    if session.mode == SessionMode::Managed {
        return Err(Problem::new(Reason::LoginRequired, "managed sessions use an OAuth login only, and there is none")
            .hint("local keys, helpers and settings are ignored here on purpose; start the session outside its host to use them"));
    }
    if let Some(problem) = settings.broken() {
        return Err(problem.clone());
    }
    out.warnings
        .extend(settings.kept().map(|problem| format!("{problem}; what the file said before still counts")));
    let extras = endpoint::extras(session, settings)?;
    out.backend = backend(session, settings, &mut out.warnings)?;
    match out.backend {
        Backend::Anthropic => policy(settings)?,
        cloud => skipped(session, settings, cloud)?,
    }
    let (endpoint, place) = cloud::of(out.backend, session, settings, &mut out.warnings)?;
    out.warnings.extend(endpoint.warning());
    let view = View { session, settings, backend: out.backend, endpoint: &endpoint, place: &place, limits };
    let (source, bound) = chain(&view, to_the_end, &mut out.steps)?;
    let (backend, warnings) = (out.backend, out.warnings.clone());
    Ok(Winner { source, backend, bound, endpoint, place, extras, warnings })
}

fn chain(view: &View<'_>, to_the_end: bool, steps: &mut Vec<Step>) -> Result<(&'static str, Bound), Problem> {
    let mut ended: Option<Result<(&'static str, Bound), Problem>> = None;
    for source in CHAIN.iter().filter(|source| source.backend() == view.backend) {
        let mut push =
            |outcome, why: Cow<'static, str>, at| steps.push(Step { source: source.id(), outcome, why, at });
        match (source.bind(view), &ended) {
            (Binding::NotConfigured(why), _) => push(Outcome::NotConfigured, why, None),
            (Binding::Ignored(why), _) => push(Outcome::Ignored, why, None),
            (Binding::Bound(bound), None) => {
                push(Outcome::Chosen, "first in the chain that is configured".into(), bound.at.clone());
                ended = Some(Ok((source.id(), bound)));
            }
            (Binding::Refused(problem), None) => {
                push(Outcome::Refused, problem.message.clone().into(), problem.location.clone());
                ended = Some(Err(problem));
            }
            (Binding::Bound(bound), Some(_)) => {
                push(Outcome::Outranked, "a source before it comes first".into(), bound.at)
            }
            (Binding::Refused(problem), Some(_)) => {
                push(Outcome::Outranked, "a source before it comes first".into(), problem.location);
            }
        }
        if ended.is_some() && !to_the_end {
            break;
        }
    }
    ended.unwrap_or_else(|| Err(nothing_configured(view, steps)))
}

fn nothing_configured(view: &View<'_>, steps: &[Step]) -> Problem {
    let hint = match view.session.mode {
        SessionMode::Bare => {
            "set ANTHROPIC_API_KEY, or pass --settings with an apiKeyHelper; a bare session reads nothing else"
        }
        _ if view.session.directory("HOME").is_none() => {
            "HOME is not set to an absolute path, so the user's settings are not found"
        }
        _ => {
            "set apiKeyHelper in ~/.claude/settings.json, or ANTHROPIC_API_KEY; `claviger explain` shows the whole walk"
        }
    };
    let mut problem =
        Problem::new(Reason::NoCredential, "nothing provides a credential for this session").hint(hint);
    problem.trail = steps.iter().map(|step| format!("{}: {}", step.source, step.why)).collect();
    problem
}

/// The first cloud that is switched on, in fixed order; a settings file's `env` overrides the session's own.
fn backend(
    session: &SessionContext,
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<Backend, Problem> {
    if let Some(wanted) = session.backend {
        return Ok(wanted);
    }
    let mut enabled = Vec::new();
    for (backend, variable, _) in CLOUDS {
        if switched_on(session, settings, variable)? {
            enabled.push(backend);
        }
    }
    if let [first, _, ..] = enabled[..] {
        let names: Vec<_> = enabled.iter().map(|backend| backend.name()).collect();
        warnings.push(format!("{} are all enabled; {} comes first", names.join(" and "), first.name()));
    }
    Ok(enabled.first().copied().unwrap_or(Backend::Anthropic))
}

/// Whether the session leaves the authentication of its cloud to a gateway. A tool that asks for a cloud's credential
/// does not.
fn skipped(session: &SessionContext, settings: &Settings, backend: Backend) -> Result<(), Problem> {
    let Some((_, _, skip)) = CLOUDS.into_iter().find(|(cloud, ..)| *cloud == backend) else { return Ok(()) };
    if session.backend.is_some() || !switched_on(session, settings, skip)? {
        return Ok(());
    }
    let message = format!("no credential, by configuration: {skip} is set");
    Err(Problem::new(Reason::NoCredential, message)
        .hint("the gateway in front of the provider adds the credential; unset the variable to change that"))
}

fn switched_on(session: &SessionContext, settings: &Settings, variable: &str) -> Result<bool, Problem> {
    Ok(effective(session, settings, variable)?.is_some_and(|(value, _)| is_true(value)))
}

/// Login policies gate every session on the Anthropic backend; keys and helpers are blocked while one is set, whatever
/// its value (`spec/behaviour.md` A2, `forceLoginMethod`).
fn policy(settings: &Settings) -> Result<(), Problem> {
    match POLICIES.iter().find_map(|key| Some((key, settings.policy(key)?))) {
        None => Ok(()),
        Some((key, policy)) => {
            Err(Problem::new(Reason::PolicyBlocked, format!("{key} allows an OAuth login only"))
                .hint("your organisation's managed settings decide this; ask whoever maintains them")
                .at(&policy.at))
        }
    }
}

// === impl View ===

impl<'a> View<'a> {
    /// See [`effective`].
    ///
    /// # Errors
    /// `workspace-untrusted`.
    pub fn variable(&self, name: &str) -> Result<Option<(&'a str, Option<&'a Location>)>, Problem> {
        effective(self.session, self.settings, name)
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

    /// The whole environment of a command: what the list lets through of the session's, then the `env` blocks of
    /// trusted settings, and a `PATH` without relative directories.
    pub fn command_environment(&self) -> BTreeMap<String, String> {
        let for_commands =
            |name: &str| matches!(variables::usage(name), Some(Use::Command | Use::Sdk(_)));
        let session = self.session.variables.iter().filter(|(name, _)| for_commands(name));
        let mut environment: BTreeMap<String, String> =
            session.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in self.settings.environment() {
            // A static key of the settings is for the session, not for the commands it runs.
            if !matches!(variables::usage(name), Some(Use::Secret | Use::Lent(_))) {
                environment.insert(name.to_owned(), value.to_owned());
            }
        }
        let path = environment.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
        let absolute: Vec<_> = path.split(':').filter(|directory| directory.starts_with('/')).collect();
        let path = absolute.join(":");
        environment.insert("PATH".into(), path);
        self.anchor_paths(&mut environment);
        environment
    }

    /// The whole environment of the SDK of `cloud`: as a command's, without what other clouds' SDKs read (but for
    /// those in `also`), and with the secrets it signs in with.
    ///
    /// # Errors
    /// `workspace-untrusted` if an undecided workspace sets a variable that the SDK reads: it would choose who signs in.
    pub fn sdk_environment(
        &self,
        cloud: Backend,
        also: &[Backend],
    ) -> Result<BTreeMap<String, String>, Problem> {
        let reads = |other: Backend| other == cloud || also.contains(&other);
        let mut environment = self.command_environment();
        environment.retain(|name, _| !matches!(variables::usage(name), Some(Use::Sdk(other)) if !reads(other)));
        for &(name, usage) in variables::VARIABLES {
            let value = match usage {
                Use::Sdk(other) if reads(other) => self.variable(name)?.map(|(text, _)| text.to_owned()),
                Use::Lent(other) if reads(other) => self.lent(name)?,
                _ => continue,
            };
            match value {
                Some(value) => environment.insert(name.to_owned(), value),
                None => environment.remove(name),
            };
        }
        self.anchor_paths(&mut environment);
        Ok(environment)
    }

    fn lent(&self, name: &str) -> Result<Option<String>, Problem> {
        let own = self.session.lent.get(name).map(|secret| secret.expose().clone());
        Ok(self.variable(name)?.map(|(text, _)| text.to_owned()).or(own))
    }

    /// A path relative to the session's directory means that directory, wherever a command runs.
    fn anchor_paths(&self, environment: &mut BTreeMap<String, String>) {
        for name in variables::PATHS {
            let Some(value) = environment.get_mut(name) else { continue };
            let home = value.strip_prefix("~/").and_then(|rest| Some(self.session.directory("HOME")?.join(rest)));
            let anchored = home.unwrap_or_else(|| self.session.cwd.join(Path::new(value.as_str())));
            if let Some(text) = anchored.to_str().filter(|_| !value.is_empty()) {
                *value = text.to_owned();
            }
        }
    }
}
