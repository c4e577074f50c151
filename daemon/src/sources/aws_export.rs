//! `awsCredentialExport`: a command that prints AWS credentials. It always runs where it is set, and wins over the
//! chain. With `awsAuthRefresh`, its output is checked, and the sign-in runs before a second attempt.

pub mod output;

use super::{
    Ask, Binding, Bound, CredentialProvider, CredentialSource, Declined, Environment, Facts, HelperRun,
    Material, Provided, Providing, TRY,
    aws_chain::{self, SIGN_IN},
    sdk::{WITHOUT_EXPIRY, fetch},
    sign_in::{self, Attempt, with_sign_in},
};
use crate::auth_refresh::SignIn;
use crate::key::{COMMAND, DIRECTORY, Identity, SIGNER};
use crate::{
    host::command::{CommandError, CommandSpec, Program, Surroundings},
    settings::{Located, Lookup, Refresh},
    sources::View,
};
use claviger::{
    backend::Backend,
    credential::Scheme,
    reason::{Location, Problem, Reason},
    source,
};
use claviger_child::{Keys, MAX_ANSWER, Request};
use output::parse;
use std::{sync::Arc, time::Duration};

/// The source.
pub struct AwsExport;

const ID: &str = source::AWS_EXPORT;
/// Settings key of the command.
const KEY: &str = "awsCredentialExport";

/// The command, bound.
#[derive(Debug)]
struct Export {
    identity: Identity,
    spec: CommandSpec,
    /// Environment and deadline of the child that checks the keys with AWS.
    check: (Environment, Duration),
    sign_in: Option<SignIn>,
    refresh: Refresh,
    at: Location,
}

// === impl AwsExport ===

impl CredentialSource for AwsExport {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Bedrock
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        let command = match view.settings.command(KEY) {
            Lookup::Unset => return Binding::NotConfigured(format!("{KEY} is not set").into()),
            Lookup::Untrusted(command) => return Binding::Refused(view.untrusted(KEY, &command.at)),
            Lookup::Set(command) => command,
        };
        match export(view, command) {
            Ok(export) => Binding::Bound(Bound {
                scheme: Scheme::SigV4,
                at: Some(command.at.clone()),
                material: Material::Provided(Arc::new(export)),
            }),
            Err(problem) => Binding::Refused(problem),
        }
    }
}

fn export(view: &View<'_>, command: &Located<String>) -> Result<Export, Problem> {
    let environment = view.command_environment(&command.value);
    let sign_in = sign_in::bind(view, SIGN_IN)?;
    let (directory, deadline) = (view.directory_of(command.layer), aws_chain::timeout(view)?);
    let signer = sign_in.as_ref().map_or_else(String::new, |sign_in| sign_in.key.to_string());
    let directory_text = directory.to_str().unwrap_or_default();
    let inputs = [(COMMAND, command.value.as_str()), (DIRECTORY, directory_text), (SIGNER, &signer)];
    let identity = environment.identity(ID, inputs);
    let key = identity.key;
    let spec = CommandSpec {
        program: Program::Shell(command.value.clone()),
        environment: environment.own,
        surroundings: environment.surroundings,
        directory,
        deadline: view.limits.helper_timeout,
        max_output: MAX_ANSWER,
        flight: key.to_string(),
        attended: false,
    };
    let check = (view.sdk_environment(Backend::Bedrock, &[])?, deadline);
    let refresh = view.settings.refresh(KEY);
    Ok(Export { identity, spec, check, sign_in, refresh, at: command.at.clone() })
}

// === impl Export ===

impl CredentialProvider for Export {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn surroundings(&self) -> Option<&Surroundings> {
        Some(&self.spec.surroundings)
    }

    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a> {
        Box::pin(with_sign_in(ask, self.sign_in.as_ref(), self))
    }

    fn refresh(&self) -> Refresh {
        self.refresh
    }

    fn helper(&self) -> Option<HelperRun<'_>> {
        Some((&self.spec, |output| parse(output).map(|_| ())))
    }

    fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }
}

impl Attempt for Export {
    async fn attempt(&self, ask: &mut Ask<'_>) -> Result<Provided, Declined> {
        let output = ask.run(&self.spec).await.map_err(|error| self.failed(&error))?;
        let now = ask.host.clock.now();
        let (keys, expires_at) = parse(output.expose()).map_err(|what| self.unusable(&what))?;
        if expires_at.is_some_and(|at| at <= now) {
            return Err(self.expired());
        }
        if self.sign_in.is_some() {
            self.check(ask, &keys).await?;
        }
        let expires_at = Some(expires_at.unwrap_or(now + WITHOUT_EXPIRY));
        Ok(Provided { secret: keys.to_text(), expires_at, facts: Facts::default() })
    }
}

impl Export {
    /// Asks AWS for the owner of the keys. Only an explicit refusal counts: without a network they may be valid in any
    /// case.
    async fn check(&self, ask: &mut Ask<'_>, keys: &Keys) -> Result<(), Declined> {
        let (Environment { own, surroundings, .. }, deadline) = self.check.clone();
        let flight = self.identity.key.to_string();
        let spec =
            CommandSpec::fetch(Request::AwsCheck(keys.clone()), own, deadline, flight).within(surroundings);
        match fetch(ask, &spec, "").await {
            Ok(Err(declined)) if declined.sign_in_helps => {
                Err(Declined { problem: declined.problem.at(&self.at), ..declined })
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, error: &CommandError) -> Declined {
        // With a sign-in command, that is the next step.
        let transient = error.may_pass() && self.sign_in.is_none();
        let hint = if error.is_not_found() { self.spec.not_found() } else { TRY.to_owned() };
        let problem = Problem::new(error.reason(), format!("{KEY} failed: {error}"))
            .hint(hint)
            .remedy(error.remedy(&self.at))
            .at(&self.at);
        let sign_in_helps = error.said_no();
        Declined { transient, sign_in_helps, ..problem.into() }
    }

    fn unusable(&self, what: &str) -> Declined {
        let problem = Problem::new(
            Reason::CommandOutputInvalid,
            format!("{KEY} printed no usable credentials: {what}"),
        )
        .hint(
            "it must print only the output of `aws configure export-credentials --format process` or \
                    `aws sts assume-role`; messages belong on stderr",
        )
        .at(&self.at);
        problem.into()
    }

    fn expired(&self) -> Declined {
        let problem =
            Problem::new(Reason::LoginRequired, format!("{KEY} printed credentials that have expired"))
                .hint("sign in again; if they should be valid, check the clock of this machine")
                .at(&self.at);
        Declined { sign_in_helps: true, ..problem.into() }
    }
}
