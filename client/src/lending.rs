//! Borrows a credential; asks the person for trust if that is what stands in the way.

use crate::{context::Context, failure::Failure, prompt, wait};
use claviger::{
    client::Client,
    proto::v1::{Lease, Secret, lease::Material},
    reason::{Problem, Reason},
    session::SessionContext,
    variables::{self, Use},
};
use std::env;

/// Borrows the credential of the session that the options describe.
///
/// # Errors
/// Why there is none.
pub(crate) async fn borrow(context: &Context) -> Result<Lease, Failure> {
    let session = context.session()?;
    let mut client = context.connect().await?;
    let first = attempt(context, &mut client, &session).await;
    match &first {
        Err(Failure::Problem(problem))
            if problem.reason == Reason::WorkspaceUntrusted && context.interactive =>
        {
            match prompt::ask(context, &client, &session).await? {
                true => attempt(context, &mut client, &session).await,
                false => first,
            }
        }
        Err(Failure::Problem(problem))
            if problem.reason == Reason::ShuttingDown && !context.options.no_start =>
        {
            client = context.connect().await?;
            attempt(context, &mut client, &session).await
        }
        _ => first,
    }
}

async fn attempt(context: &Context, client: &mut Client, session: &SessionContext) -> Result<Lease, Failure> {
    let lender = client.clone();
    wait::slow_answer(context, &lender, session, client.get(session, context.min_validity())).await
}

/// The secret of a lease, taken from the own environment where the lease says so.
///
/// # Errors
/// If the lease has neither, or names a variable that does not hold a secret.
pub(crate) fn secret(lease: &Lease) -> Result<Secret, Problem> {
    match &lease.material {
        Some(Material::Secret(secret)) => Ok(secret.clone()),
        Some(Material::OwnVariable(name)) => own(name).map(|value| Secret { value }),
        None => Err(Problem::new(Reason::NoCredential, "no credential, by configuration")
            .hint("`claviger explain` shows the setting that says so")),
    }
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
