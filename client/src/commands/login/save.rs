//! Saves a secret that the user already has.

use super::{
    arguments::Arguments,
    events::{named, tell},
};
use crate::{ask::hidden, daemon::wait, failure::Failure, session::context::Context};
use claviger::{
    client::{request, unwrap},
    credential::is_oauth_token,
    proto::v1::{Account, AccountKind, SaveSecretRequest, StorePlace},
};

/// Name of an account that is a key or token, unless another one is given.
const DEFAULT: &str = "default";

/// Asks for the secret, and saves it.
///
/// # Errors
/// If none was given, or the daemon's problem.
pub(super) async fn run(
    context: &Context,
    arguments: Arguments,
    kind: AccountKind,
    what: &str,
) -> Result<Account, Failure> {
    let session = context.session()?;
    let secret = hidden::ask(what).await?;
    let way = way(kind, secret.expose())
        .or_else(|| unusual(kind, secret.expose(), arguments.audience.as_deref().unwrap_or_default()));
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
    tell(context, answer.notices.into_iter().chain(way.map(str::to_owned)).collect())?;
    named(answer.account)
}

/// A remark about a value that is no API key of Anthropic's by its looks. Never a refusal: only the API decides.
fn unusual(kind: AccountKind, secret: &str, audience: &str) -> Option<&'static str> {
    let is_odd = kind == AccountKind::ApiKey && audience.is_empty() && !secret.starts_with("sk-");
    is_odd.then_some("it does not begin with `sk-`, as the API keys of Anthropic do; it is saved as it is")
}

/// How a token of Anthropic's reaches Claude Code: not through its hook.
fn way(kind: AccountKind, secret: &str) -> Option<&'static str> {
    match kind {
        _ if !is_oauth_token(secret) => None,
        AccountKind::ApiKey => {
            Some("this is a token of `claude setup-token`, not an API key: use `claviger login --token`")
        }
        AccountKind::Token | AccountKind::Oauth | AccountKind::Unspecified => Some(
            "the hook of Claude Code cannot carry a token of `claude setup-token`, because Claude Code sends \
             a helper's output as an API key; `claviger exec -- claude` starts it with \
             CLAUDE_CODE_OAUTH_TOKEN, and `eval \"$(claviger env)\"` sets that in a shell",
        ),
    }
}
