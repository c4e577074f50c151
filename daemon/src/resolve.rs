//! Resolves a session to the source of its credential, and records why the others were skipped. Pure.

mod key_helper;
mod named;
mod switches;
mod winner;

pub use crate::sources::Outcome;
pub use winner::Winner;

use crate::{
    accounts::Index,
    config::Limits,
    endpoint::{
        self,
        cloud::{self, CloudTarget},
    },
    policy::{self, Policy},
    settings::{COMMANDS, Confirm, Decision, Lookup, Settings},
    sources::{
        Binding, Bound, CredentialSource, Material, View, api_key_helper,
        chain::{self, CHAIN},
    },
    terminal::{self, Terminal},
    trust::gate,
};
use claviger::{
    backend::Backend,
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    session::{SessionContext, SessionMode},
    source::API_KEY_HELPER,
    variables::{self, Use},
    warning::{Kind, Warning},
};
use named::{Named, named, not_beside_a_cloud};
use std::borrow::Cow;
use switches::{backend, skipped};

/// One source of a resolution.
#[derive(Debug)]
pub struct Step {
    /// The source's id.
    pub source: &'static str,
    /// Its result.
    pub outcome: Outcome,
    /// The reason.
    pub why: Cow<'static, str>,
    /// Where it is configured.
    pub at: Option<Location>,
}

/// The result of a resolution.
#[derive(Debug)]
pub struct Resolution {
    /// The receiver of the request.
    pub backend: Backend,
    /// The winner, or why there is none.
    pub winner: Result<Winner, Problem>,
    /// Every source that was considered.
    pub steps: Vec<Step>,
    /// Likely mistakes that block nothing.
    pub warnings: Vec<Warning>,
}

/// Inputs of a resolution.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The session.
    pub session: &'a SessionContext,
    /// Its settings.
    pub settings: &'a Settings,
    /// The accounts of the local store.
    pub accounts: &'a Index,
    /// Facts about the session's terminal for commands.
    pub terminal: &'a Terminal,
    /// Limits.
    pub limits: &'a Limits,
}

/// Resolves, up to the winner.
#[must_use]
pub fn resolve(given: &Given<'_>) -> Resolution {
    search(given, false)
}

/// Resolves the whole chain, for explanations: past the winner, to show what it outranks.
#[must_use]
pub fn explain(given: &Given<'_>) -> Resolution {
    search(given, true)
}

/// What to look for in the session's terminal before resolution.
#[must_use]
pub fn question(session: &SessionContext, settings: &Settings) -> terminal::Question {
    let set = |name: &str| match settings.variable(name) {
        Lookup::Set(value) => Some(value.value.as_str()),
        _ => None,
    };
    let value = |name: &str| set(name).or_else(|| session.variable(name)).map(str::to_owned);
    let command = |key: &&str| match settings.command(key) {
        Lookup::Set(command) => Some(command.value.clone()),
        _ => None,
    };
    let is_surrounding = |name: &str| variables::usage(name) == Some(Use::Surrounding);
    let surroundings = session.variables.iter().filter(|(name, _)| is_surrounding(name));
    // The two directories are compared by more than their paths (`settings::Directories`).
    let is_path = |(name, value): &(&str, &str)| {
        value.starts_with('/')
            && !["HOME", "CLAUDE_CONFIG_DIR"].contains(name)
            && matches!(variables::usage(name), Some(Use::Command | Use::Sdk(_)))
    };
    let of_session = session.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let paths = of_session
        .filter(is_path)
        .chain(settings.environment().into_iter().filter(|(_, value)| value.starts_with('/')));
    // A session in the home itself, or above it, has no workspace that could be distinguished from the user's own
    // files.
    let (root, home) = (&settings.snapshot.workspace.root, session.directory("HOME"));
    let is_closed = settings.decision != Decision::Trusted && home.is_none_or(|home| !home.starts_with(root));
    let backend = backend(session, settings, &mut Vec::new()).unwrap_or(Backend::Anthropic);
    terminal::Question {
        home: home.map(Into::into),
        path: value("PATH").unwrap_or_default(),
        more: settings.path(home).collect(),
        closed: is_closed.then(|| root.clone()),
        commands: COMMANDS.iter().filter_map(command).collect(),
        chain: chain::programs(backend, value),
        surroundings: surroundings.map(|(name, value)| (name.clone(), value.clone())).collect(),
        paths: paths.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

fn search(given: &Given<'_>, to_the_end: bool) -> Resolution {
    let mut resolution = Resolution {
        backend: Backend::Anthropic,
        winner: Err(Problem::new(Reason::Bug, "the chain of sources has no end")),
        steps: Vec::new(),
        warnings: Vec::new(),
    };
    resolution.winner = steps(given, to_the_end, &mut resolution);
    resolution
}

fn steps(given: &Given<'_>, to_the_end: bool, out: &mut Resolution) -> Result<Winner, Problem> {
    let Given { session, settings, accounts, terminal, limits } = *given;
    if let Some(problem) = settings.broken() {
        return Err(problem);
    }
    if let Some(problem) = gate::ignored(session, settings) {
        return Err(problem);
    }
    let kept = |problem: &Problem| {
        Warning::new(Kind::SettingsKept, format!("{problem}; its previous content is used"))
            .about(&[], problem.location.as_ref())
    };
    let overruled = settings.overruled().into_iter().map(|(key, at, locked)| {
        Warning::new(Kind::Overruled, format!("{key} at {at} has no effect: {locked} locks it"))
            .about(&[], Some(at))
    });
    out.warnings.extend(settings.kept().map(kept).chain(policy::ineffective(settings)).chain(overruled));
    let extras = endpoint::extras(session, settings)?;
    let named = named(session, settings, accounts)?;
    let selected = backend(session, settings, &mut out.warnings)?;
    let beside = Some(selected).filter(|cloud| key_helper::is_beside(*cloud, session));
    out.backend = beside.map_or(selected, |_| Backend::Anthropic);
    if let Some(named) = named.filter(|_| session.backend.is_none()) {
        not_beside_a_cloud(named, selected, session, settings)?;
    }
    skipped(session, settings, out.backend)?;
    // Clouds and their own credentials are exempt (`spec/behaviour.md` A2, `forceLoginMethod`).
    let policy = match selected {
        Backend::Anthropic => Policy::of(settings),
        _ => Policy::default(),
    };
    let (endpoint, target) = match beside {
        Some(cloud) => (key_helper::endpoint(cloud, session, settings)?, CloudTarget::default()),
        None => cloud::of(selected, session, settings, &mut out.warnings)?,
    };
    out.warnings.extend(endpoint.warning());
    let view = View {
        session,
        settings,
        accounts,
        policy: &policy,
        backend: out.backend,
        terminal,
        endpoint: &endpoint,
        limits,
    };
    let (source, bound) = in_order(&view, (named, beside), to_the_end, &mut out.steps)?;
    let (backend, warnings) = (out.backend, out.warnings.clone());
    // Keys of AWS contain the time that a tool keeps them.
    let hook_ttl = api_key_helper::ttl(&view).ok().filter(|_| backend != Backend::Bedrock);
    let workspace = &settings.snapshot.workspace;
    let mut winner = Winner {
        source,
        backend,
        whose: (workspace.device, workspace.inode),
        bound,
        endpoint,
        target,
        extras,
        hook_ttl,
        confirm: Confirm::Never,
        warnings,
    };
    if winner.is_lent() {
        winner.confirm = settings.confirm(source, winner.account())?;
    }
    Ok(winner)
}

fn in_order(
    view: &View<'_>,
    (named, beside): (Option<Named<'_>>, Option<Backend>),
    to_the_end: bool,
    steps: &mut Vec<Step>,
) -> Result<(&'static str, Bound), Problem> {
    let mut ended: Option<Result<(&'static str, Bound), Problem>> = None;
    // A managed session ignores credentials of clouds like any other, and explanations show that.
    let is_of = |source: &&&dyn CredentialSource| {
        source.backend() == view.backend || view.session.mode == SessionMode::Managed
    };
    let answers = |source: &&&dyn CredentialSource| beside.is_none() || source.id() == API_KEY_HELPER;
    for source in CHAIN.iter().filter(is_of).filter(answers) {
        let mut push =
            |outcome, why: Cow<'static, str>, at| steps.push(Step { source: source.id(), outcome, why, at });
        let binding = match bind(*source, view) {
            Binding::Bound(bound) => match named.filter(|_| view.backend == Backend::Anthropic) {
                Some(named) if !bound.is_of(named.name) => {
                    Binding::Refused(named.outranked(source.id(), &bound))
                }
                _ => Binding::Bound(bound),
            },
            binding => binding,
        };
        match (binding, &ended) {
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
    ended.unwrap_or_else(|| {
        Err(beside.map_or_else(|| nothing_configured(view, steps), key_helper::nothing_behind))
    })
}

/// The offer of a source, restricted by mode, policy and trust.
fn bind(source: &dyn CredentialSource, view: &View<'_>) -> Binding {
    if view.session.mode == SessionMode::Managed && !source.is_login() {
        return Binding::Ignored("managed sessions ignore everything but an OAuth login".into());
    }
    match (source.bind(view), view.policy.blocks()) {
        (Binding::Bound(_), Some(problem)) if !source.is_login() => Binding::Refused(problem),
        // A session already has the credentials of its own environment.
        (Binding::Bound(bound), _) if !matches!(bound.material, Material::OwnVariable(_)) => {
            gate::undecided(view.settings).map_or(Binding::Bound(bound), Binding::Refused)
        }
        (binding, _) => binding,
    }
}

fn nothing_configured(view: &View<'_>, steps: &[Step]) -> Problem {
    let mode = view.session.mode;
    let policy = view.policy.wants_login(mode != SessionMode::Bare);
    let mut problem = policy.unwrap_or_else(|| nothing_in(view));
    // In a managed session all but one source would have the same reason.
    let tells = |step: &&Step| mode != SessionMode::Managed || step.outcome != Outcome::Ignored;
    let told = steps.iter().filter(tells);
    problem.trail = told.map(|step| format!("{}: {}", step.source, step.why)).collect();
    problem
}

fn nothing_in(view: &View<'_>) -> Problem {
    let nothing = Problem::new(Reason::NoCredential, "nothing provides a credential for this session");
    let hint = match view.session.mode {
        SessionMode::Managed => {
            return Problem::new(
                Reason::LoginRequired,
                "managed sessions use an OAuth login only, and there is none",
            )
            .hint("local keys, helpers and settings are deliberately ignored here");
        }
        SessionMode::Bare => {
            "set ANTHROPIC_API_KEY, or pass --settings with an apiKeyHelper; a bare session reads nothing else"
        }
        _ if view.session.directory("HOME").is_none() => {
            "HOME is not set to an absolute path, so the user's settings are not found"
        }
        _ => {
            return nothing.remedy(Remedy::keep_key(None)).hint(
                "set apiKeyHelper in ~/.claude/settings.json, or ANTHROPIC_API_KEY, or save a login or a key",
            );
        }
    };
    nothing.hint(hint)
}
