//! A provider that runs a cloud's SDK in a `clavigerd-fetch` child with exactly its session's environment.
//!
//! SDKs read environment, home and working directory of their process. Inside the daemon, one session could get
//! another's identity. A separate child rules that out, and can be killed if it hangs.

use super::{
    Ask, Binding, Bound, CredentialProvider, Facts, Material, Provided, Providing,
    sign_in::{Attempt, with_sign_in},
};
use crate::auth_refresh::SignIn;
use crate::demand::Demand;
use crate::key::{Identity, REQUEST, SIGNER};
use crate::{
    endpoint::cloud::is_project,
    host::command::{CommandError, CommandSpec, Surroundings},
    sources::View,
};
use claviger::{
    backend::Backend,
    credential::{MAX_SECRET_LEN, Scheme},
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
};
use claviger_child::{Busy, Declined, Request, cloud_file::CloudFile, is_label};
use std::{borrow::Cow, path::PathBuf, sync::Arc, time::Duration};

/// Lifetime of a credential without an expiry (`spec/behaviour.md` A7, "AWS cache").
pub(super) const WITHOUT_EXPIRY: Duration = Duration::from_secs(3600);
/// An SDK's chain, bound.
#[derive(Debug)]
pub(super) struct Sdk {
    pub(super) identity: Identity,
    pub(super) spec: CommandSpec,
    /// Hint if the chain exceeds its deadline.
    pub(super) slow: &'static str,
    /// Hint if there is no sign-in command.
    pub(super) by_hand: ByHand,
    /// Hint if the chain leads back to claviger.
    pub(super) loops: &'static str,
    pub(super) sign_in: Option<SignIn>,
    pub(super) files: Vec<PathBuf>,
    pub(super) awaited: Vec<PathBuf>,
}

/// How a person signs in if no command is configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByHand {
    /// The command of the cloud's own tool.
    pub(super) argv: &'static [&'static str],
    /// Alternatives.
    pub(super) words: &'static str,
}

/// How to run one SDK's chain.
pub(super) struct Chain<'a> {
    /// The source's id.
    pub(super) id: &'static str,
    /// The cloud of the SDK.
    pub(super) cloud: Backend,
    /// Other clouds whose variables it also reads.
    pub(super) also: &'a [Backend],
    /// The request to its child.
    pub(super) request: Request,
    /// Time limit.
    pub(super) deadline: Duration,
    pub(super) slow: &'static str,
    pub(super) by_hand: ByHand,
    pub(super) loops: &'static str,
    pub(super) sign_in: Option<SignIn>,
    /// Files that determine the identity.
    pub(super) files: &'a [CloudFile],
    /// Files whose change may help after a failure.
    pub(super) awaited: &'a [CloudFile],
}

impl Sdk {
    /// Binds a chain to a session.
    ///
    /// # Errors
    /// `workspace-untrusted`.
    pub(super) fn bind(view: &View<'_>, chain: Chain<'_>) -> Result<Self, Problem> {
        let environment = view.sdk_environment(chain.cloud, chain.also)?;
        let signer = chain.sign_in.as_ref().map_or_else(String::new, |sign_in| sign_in.key.to_string());
        // These types always have a JSON text.
        let request = Secret::new(serde_json::to_string(&chain.request).unwrap_or_default());
        let inputs = [(SIGNER, signer.as_str()), (REQUEST, request.expose())];
        let identity = environment.identity(chain.id, inputs);
        let value = |name: &str| environment.own.get(name).filter(|value| !value.is_empty()).cloned();
        let paths = |files: &[CloudFile]| files.iter().filter_map(|file| file.path(value)).collect();
        let (files, awaited) = (paths(chain.files), paths(chain.awaited));
        let flight = identity.key.to_string();
        let spec = CommandSpec::fetch(chain.request, environment.own, chain.deadline, flight)
            .within(environment.surroundings);
        let Chain { slow, by_hand, loops, sign_in, .. } = chain;
        Ok(Self { identity, spec, slow, by_hand, loops, sign_in, files, awaited })
    }
}

/// The offer of a source with a chain.
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
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn surroundings(&self) -> Option<&Surroundings> {
        Some(&self.spec.surroundings)
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

    fn awaited(&self) -> &[PathBuf] {
        &self.awaited
    }

    fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }
}

impl Attempt for Sdk {
    async fn attempt(&self, ask: &mut Ask<'_>) -> Result<Provided, Declined> {
        match fetch(ask, &self.spec, self.slow).await {
            Ok(Ok(provided)) => checked(ask, provided),
            Ok(Err(declined)) => Err(self.refused(declined)),
            Err(unanswered) => Err(unanswered),
        }
    }
}

impl Sdk {
    fn refused(&self, declined: Declined) -> Declined {
        let Declined { mut problem, sign_in_helps, kept_in, links, .. } = declined;
        let transient = problem.reason == Reason::SourceUnavailable && problem.retry_after.is_none();
        if sign_in_helps && self.sign_in.is_none() {
            problem.hint.get_or_insert_with(|| self.by_hand.words.to_owned());
            problem.remedy.get_or_insert_with(|| Remedy::run(self.by_hand.argv));
        }
        problem.trail = links.iter().map(|link| format!("{}: {}", link.name, link.why)).collect();
        Declined { sign_in_helps, transient, kept_in, links, ..problem.into() }
    }
}

/// A credential whose details can be shown, and can become part of a host name, a path or a header.
fn checked(ask: &Ask<'_>, provided: Provided) -> Result<Provided, Declined> {
    let Provided { secret, expires_at, facts } = provided;
    if secret.expose().len() > MAX_SECRET_LEN || secret.expose().is_empty() {
        let problem =
            Problem::new(Reason::Bug, "the SDK's child answered with an empty or oversized credential");
        return Err(problem.into());
    }
    let facts = Facts {
        region: facts.region.filter(|region| is_label(region)),
        project: facts.project.filter(|project| is_project(project)),
        quota_project: facts.quota_project.filter(|project| is_project(project)),
        account: facts.account.filter(|account| is_name(account)),
        ..facts
    };
    Ok(Provided { secret, expires_at: expires_at.or(Some(ask.host.clock.now() + WITHOUT_EXPIRY)), facts })
}

/// Whether an account's name can be shown: it comes from the credential's provider.
fn is_name(account: &str) -> bool {
    account.len() <= 320 && account.chars().all(|c| !c.is_control())
}

/// Runs a fetch child, and reads its answer. The error is for a child that did not answer.
pub(super) async fn fetch(
    ask: &mut Ask<'_>,
    spec: &CommandSpec,
    slow: &str,
) -> Result<Result<Provided, Declined>, Declined> {
    // A person who insists ignores any backoff.
    let busy = match ask.demand.get() {
        Demand::Person => Busy::new(),
        Demand::Background | Demand::Session => ask.busy.at(ask.host.clock.now()),
    };
    let spec = if busy.is_empty() { Cow::Borrowed(spec) } else { Cow::Owned(spec.clone().sparing(busy)) };
    let output = ask.run(&spec).await.map_err(|error| failed(&error, slow))?;
    let answer = serde_json::from_slice(output.expose()).map_err(|error| {
        // Only category and position: the text is a credential, or part of one.
        tracing::error!(
            line = error.line(),
            column = error.column(),
            "the answer of a fetch child is malformed"
        );
        Declined::new(Reason::Bug, "the answer of a fetch child is malformed")
    })?;
    if let Err(Declined { busy: Some(server), problem, .. }) = &answer {
        ask.busy.note(server, ask.host.clock.now(), problem.retry_after.unwrap_or_default());
    }
    Ok(answer)
}

fn failed(error: &CommandError, slow: &str) -> Declined {
    let problem = error.of_fetch("looking for the credential failed");
    let problem = match error {
        CommandError::Deadline(_) => problem.hint(slow),
        _ => problem,
    };
    Declined { transient: matches!(error, CommandError::Signal(_)), ..problem.into() }
}
