//! A provider whose work is done by a cloud's SDK in a `clavigerd fetch` child with exactly its session's environment.
//!
//! SDKs read environment, home and working directory of their process. In the daemon, one session would be answered with
//! another's identity; in a child of its own that cannot happen, and a hang is a kill.

use super::{
    Ask, Binding, Bound, CredentialProvider, Facts, Link, Material, ProvideError, Provided, Providing,
    cloud_file::CloudFile,
    sign_in::{Attempt, Refusal, with_sign_in},
};
use crate::auth_refresh::SignIn;
use crate::key::SourceKey;
use crate::{
    endpoint::cloud::{is_label, is_project},
    fetch::answer::{Answer, Found, MAX_ANSWER, Outcome},
    host::command::{CommandError, CommandSpec, Program},
    resolve,
    sources::View,
};
use claviger::{
    backend::Backend,
    credential::{MAX_SECRET_LEN, Scheme},
    reason::{Problem, Reason},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// How long a credential that says nothing of its expiry is good for (`spec/behaviour.md` A7, "AWS cache").
pub(super) const WITHOUT_EXPIRY: Duration = Duration::from_secs(3600);
/// Where SDKs run: where nobody but root can leave a file. Without HOME, the one of AWS looks for its files here.
pub(super) const FETCH_DIRECTORY: &str = "/";

/// An SDK's chain, bound.
#[derive(Debug)]
pub(super) struct Sdk {
    pub(super) key: SourceKey,
    pub(super) spec: CommandSpec,
    /// What a person is told when the chain ends at its deadline.
    pub(super) slow: &'static str,
    /// What a person is told when there is no command that signs in.
    pub(super) by_hand: &'static str,
    /// What a person is told when the chain leads back to claviger.
    pub(super) loops: &'static str,
    pub(super) sign_in: Option<SignIn>,
    pub(super) files: Vec<PathBuf>,
}

/// How to run one SDK's chain.
pub(super) struct Chain<'a> {
    /// The source's id.
    pub(super) id: &'static str,
    /// Whose SDK.
    pub(super) cloud: Backend,
    /// Other clouds whose variables it reads too.
    pub(super) also: &'a [Backend],
    /// Arguments of `clavigerd fetch`.
    pub(super) arguments: Vec<String>,
    /// When to give up.
    pub(super) deadline: Duration,
    pub(super) slow: &'static str,
    pub(super) by_hand: &'static str,
    pub(super) loops: &'static str,
    pub(super) sign_in: Option<SignIn>,
    /// Files that say who signs in.
    pub(super) files: &'a [CloudFile],
}

impl Sdk {
    /// Binds a chain to a session.
    ///
    /// # Errors
    /// `workspace-untrusted`.
    pub(super) fn bind(view: &View<'_>, chain: Chain<'_>) -> Result<Self, Problem> {
        let environment = view.sdk_environment(chain.cloud, chain.also)?;
        let signer = chain.sign_in.as_ref().map_or_else(String::new, |sign_in| sign_in.key.to_string());
        let variables = environment.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let arguments = chain.arguments.iter().map(String::as_str);
        let key = SourceKey::of(chain.id, [signer.as_str()].into_iter().chain(arguments).chain(variables));
        let value = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let files = chain.files.iter().filter_map(|file| file.path(value)).collect();
        let spec = CommandSpec {
            program: Program::Fetch(chain.arguments),
            environment,
            directory: FETCH_DIRECTORY.into(),
            deadline: chain.deadline,
            max_output: MAX_ANSWER,
            flight: key.to_string(),
            attended: false,
            input: None,
            lasting: false,
        };
        let Chain { slow, by_hand, loops, sign_in, .. } = chain;
        Ok(Self { key, spec, slow, by_hand, loops, sign_in, files })
    }
}

/// What a source of a chain would do.
pub(super) fn binding(scheme: Scheme, sdk: Result<Sdk, Problem>) -> Binding {
    match sdk {
        Ok(sdk) => Binding::Bound(Bound {
            scheme,
            at: sdk.sign_in.as_ref().map(|sign_in| sign_in.at.clone()),
            material: Material::Provided(Arc::new(sdk)),
        }),
        Err(problem) => Binding::Refused(problem),
    }
}

impl CredentialProvider for Sdk {
    fn key(&self) -> SourceKey {
        self.key
    }

    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a> {
        Box::pin(with_sign_in(ask, self.sign_in.as_ref(), self))
    }

    fn recursion_hint(&self) -> &'static str {
        self.loops
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }
}

impl Attempt for Sdk {
    async fn attempt(&self, ask: &mut Ask<'_>) -> Result<Provided, Refusal> {
        let answer =
            fetch(ask, &self.spec, self.slow).await.map_err(|error| Refusal { error, mendable: false })?;
        match answer.outcome {
            Outcome::Found(found) => provided(ask, found, answer.links),
            Outcome::Trouble(trouble) => {
                let mendable = trouble.mendable;
                let transient =
                    trouble.reason == Reason::SourceUnavailable.as_str() && trouble.retry_after.is_none();
                let mut problem = trouble.problem();
                if mendable && self.sign_in.is_none() {
                    problem.hint.get_or_insert_with(|| self.by_hand.to_owned());
                }
                problem.trail =
                    answer.links.iter().map(|link| format!("{}: {}", link.name, link.why)).collect();
                let facts = Box::new(Facts { links: answer.links, ..Facts::default() });
                let error = ProvideError { facts, transient, ..ProvideError::lasting(problem) };
                Err(Refusal { error, mendable })
            }
        }
    }
}

fn provided(ask: &Ask<'_>, found: Found, links: Vec<Link>) -> Result<Provided, Refusal> {
    if found.secret.expose().len() > MAX_SECRET_LEN || found.secret.expose().is_empty() {
        let problem =
            Problem::new(Reason::Bug, "the SDK's child answered with an empty or oversized credential");
        return Err(Refusal { error: ProvideError::lasting(problem), mendable: false });
    }
    let expires_at = found.expires_at().or(Some(ask.host.clock.now() + WITHOUT_EXPIRY));
    let chosen = links.iter().find(|link| link.outcome == resolve::Outcome::Chosen);
    let facts = Facts {
        link: chosen.map(|link| link.name.clone()),
        // They become part of a host name, a path or a header.
        region: found.region.filter(|region| is_label(region)),
        project: found.project.filter(|project| is_project(project)),
        quota_project: found.quota_project.filter(|project| is_project(project)),
        account: found.account.filter(|account| is_name(account)),
        links,
        stored: None,
        issued_at: None,
    };
    Ok(Provided { secret: found.secret, expires_at, facts })
}

/// Whether an account's name can be shown: whoever provides the credential says it.
fn is_name(account: &str) -> bool {
    account.len() <= 320 && account.chars().all(|c| !c.is_control())
}

/// Runs a `clavigerd fetch` child and reads its answer.
pub(super) async fn fetch(ask: &mut Ask<'_>, spec: &CommandSpec, slow: &str) -> Result<Answer, ProvideError> {
    let output = ask.run(spec).await.map_err(|error| failed(&error, slow))?;
    serde_json::from_slice(output.expose()).map_err(|error| {
        // Category and place only: the text is a credential, or part of one.
        tracing::error!(
            line = error.line(),
            column = error.column(),
            "the answer of a fetch child is malformed"
        );
        ProvideError::lasting(Problem::new(Reason::Bug, "the answer of a fetch child is malformed"))
    })
}

fn failed(error: &CommandError, slow: &str) -> ProvideError {
    let (reason, transient) = match error {
        CommandError::Deadline(_) => (Reason::SourceTimeout, false),
        CommandError::Queued(_) | CommandError::NotStarted(_) => (Reason::SourceUnavailable, false),
        CommandError::Signal(_) => (Reason::SourceUnavailable, true),
        CommandError::Exit(_) => (Reason::Bug, false),
    };
    let problem = Problem::new(reason, format!("looking for the credential failed: {error}"));
    let problem = match error {
        CommandError::Deadline(_) => problem.hint(slow),
        _ => problem,
    };
    ProvideError { transient, ..ProvideError::lasting(problem) }
}
