//! Borrows a credential; asks the person for trust if that is what stands in the way.

use crate::{context::Context, escape, failure::Failure, keys, output, prompt, wait};
use claviger::{
    client::Client,
    proto::v1::{AwsKeys, GetCredentialRequest, Hook, Lease, Secret, lease::Material},
    reason::{Problem, Reason},
    session::SessionContext,
    variables::{self, Use},
    wire,
};
use std::{env, io::IsTerminal as _, time::Duration};
use tokio::time::sleep;

/// Pauses before another try with the next daemon, when this one goes away without an answer.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(500)];

/// Borrows the credential of the session that the options describe.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow(context: &Context) -> Result<Lease, Failure> {
    borrow_for(context, &context.session()?).await
}

/// Borrows the credential of `session`.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow_for(context: &Context, session: &SessionContext) -> Result<Lease, Failure> {
    borrow_by(context, session, None).await
}

/// As [`borrow_for`]; `hook` is set if the caller is one.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow_by(
    context: &Context,
    session: &SessionContext,
    hook: Option<Hook>,
) -> Result<Lease, Failure> {
    let mut client = context.connect().await?;
    let (mut pauses, mut asked) = (&PAUSES[..], false);
    loop {
        let failure = match attempt(context, &mut client, session, hook.clone()).await {
            Ok(lease) => return Ok(lease),
            Err(failure) => failure,
        };
        match (failure.reason(), pauses) {
            (Some(Reason::WorkspaceUntrusted), _) if context.interactive && !asked => {
                asked = true;
                if !prompt::ask(context, &client, session).await? {
                    return Err(failure);
                }
            }
            (Some(Reason::ShuttingDown), [pause, rest @ ..]) => {
                pauses = rest;
                sleep(*pause).await;
                client = context.connect().await?;
            }
            _ => return Err(failure),
        }
    }
}

/// As [`borrow`], for verbs that print nothing but data: tells a person at the terminal what the lease warns of.
///
/// # Errors
/// As [`borrow`].
pub(crate) async fn borrow_and_warn(context: &Context) -> Result<Lease, Failure> {
    let lease = borrow(context).await?;
    warn(context, &lease);
    Ok(lease)
}

/// Tells a person at the terminal what a lease warns of.
pub(crate) fn warn(context: &Context, lease: &Lease) {
    let stale = lease
        .stale
        .then_some("the credential is still valid, but the last refresh failed or the API rejected it");
    let warnings: Vec<_> = stale.into_iter().chain(lease.warnings.iter().map(String::as_str)).collect();
    if !warnings.is_empty() && !context.options.quiet && std::io::stderr().is_terminal() {
        warnings
            .iter()
            .for_each(|warning| output::talk(&format!("claviger: warning: {}\n", escape::line(warning))));
    }
}

async fn attempt(
    context: &Context,
    client: &mut Client,
    session: &SessionContext,
    hook: Option<Hook>,
) -> Result<Lease, Failure> {
    let lender = client.clone();
    let min_validity = context.min_validity().map(wire::duration);
    let message = GetCredentialRequest { session: Some(session.to_proto()), min_validity, hook };
    wait::slow_answer(context, &lender, session, client.ask(message)).await
}

/// The secret of a lease, taken from the own environment where the lease says so.
///
/// # Errors
/// If the lease has neither, or names a variable that does not hold a secret.
pub(crate) fn secret(lease: &Lease) -> Result<Secret, Problem> {
    match &lease.material {
        Some(Material::Secret(secret)) => Ok(secret.clone()),
        Some(_) if keys::are_lent(lease) => {
            Err(Problem::new(Reason::MalformedRequest, "AWS keys are not one secret but several")
                .hint("`claviger aws` prints them"))
        }
        Some(Material::OwnVariable(name)) => own(name).map(|value| Secret { value }),
        Some(Material::AwsKeys(_)) => {
            Err(Problem::new(Reason::Bug, "the daemon does not say that AWS keys sign requests"))
        }
        None => Err(nothing()),
    }
}

/// The secrets of a lease, to be shown.
pub(crate) enum Shown {
    /// One.
    Secret(Secret),
    /// Keys that sign requests.
    Keys(AwsKeys),
}

/// The secrets of a lease, whatever their kind; `None` if it has none.
///
/// # Errors
/// As [`secret`].
pub(crate) fn shown(lease: &Lease) -> Result<Option<Shown>, Problem> {
    match lease.material {
        None => Ok(None),
        Some(_) if keys::are_lent(lease) => keys::of(lease).map(Shown::Keys).map(Some),
        Some(_) => secret(lease).map(Shown::Secret).map(Some),
    }
}

/// The problem of a lease without a credential.
pub(crate) fn nothing() -> Problem {
    Problem::new(Reason::NoCredential, "no credential, by configuration")
        .hint("`claviger explain` shows the setting that says so")
}

/// The value of a secret variable of this process.
///
/// # Errors
/// If it is not one that may hold a secret, not set, or not UTF-8.
pub(crate) fn own(name: &str) -> Result<String, Problem> {
    if variables::usage(name) != Some(Use::Secret) {
        return Err(Problem::new(
            Reason::Bug,
            "the daemon asks for a variable that is not on the list of secrets",
        ));
    }
    env::var(name).map_err(|error| match error {
        env::VarError::NotPresent => {
            Problem::new(Reason::Bug, format!("{name} is not set, but was a moment ago"))
        }
        env::VarError::NotUnicode(_) => {
            Problem::new(Reason::MalformedRequest, format!("{name} is not UTF-8"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{own, secret};
    use claviger::{
        proto::v1::{Lease, lease::Material},
        reason::Reason,
    };

    #[test]
    fn only_listed_secrets_are_filled_in() {
        for name in ["PATH", "HOME", "LD_PRELOAD", ""] {
            assert_eq!(own(name).expect_err(name).reason, Reason::Bug);
        }
        let lease = Lease { material: Some(Material::OwnVariable("PATH".into())), ..Default::default() };
        assert_eq!(secret(&lease).expect_err("refused").reason, Reason::Bug);
    }

    #[test]
    fn no_material_is_no_credential() {
        assert_eq!(secret(&Lease::default()).expect_err("refused").reason, Reason::NoCredential);
    }
}
