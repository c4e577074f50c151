//! Keeps a secret that somebody has already.

use super::{
    arguments::Arguments,
    events::{named, tell},
};
use crate::{context::Context, failure::Failure, hidden, wait};
use claviger::{
    client::{request, unwrap},
    proto::v1::{Account, AccountKind, SaveSecretRequest, StorePlace},
};

/// Name of an account that is a key or token, unless another one is given.
const DEFAULT: &str = "default";

/// Asks for the secret, and keeps it.
///
/// # Errors
/// If there is none, or the daemon's.
pub(super) async fn run(
    context: &Context,
    arguments: Arguments,
    kind: AccountKind,
    what: &str,
) -> Result<Account, Failure> {
    let session = context.session()?;
    let secret = hidden::ask(what).await?;
    let client = context.connect().await?;
    let message = SaveSecretRequest {
        session: Some(client.describe(&session)?),
        name: arguments.name.unwrap_or_else(|| DEFAULT.to_owned()),
        kind: kind.into(),
        secret: Some(secret),
        audience: arguments.audience.unwrap_or_default(),
        place: arguments.store.map_or(StorePlace::Unspecified, StorePlace::from).into(),
    };
    let mut service = client.accounts();
    let saved = async { unwrap(service.save_secret(request(message)).await) };
    let answer = wait::answer(context, saved).await?;
    tell(context, answer.notices)?;
    named(answer.account)
}
