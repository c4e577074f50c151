//! `claviger login`: signs a person in, or keeps a key, for all sessions.

mod arguments;
mod browser;
mod events;
mod flow;
mod save;

pub(crate) use arguments::{Arguments, Storage};

use crate::{failure::Failure, output, render, session::context::Context};
use claviger::proto::v1::{AccountKind, login_response::Event};
use events::line;

/// Below the short help.
pub(crate) const SHORT: &str = "`claviger login --help` shows how to configure where to sign in.";

/// Below the long help.
pub(crate) const HELP: &str = "\
No client id of Anthropic is built in, and none will be: signing in to claude.ai is reserved for
Anthropic's own clients. Sign in to an authorization server of your own or of your organisation, whose
token your API or gateway accepts, or keep an API key (--api-key) or a long-lived token (--token).

The server is configured in ~/.config/claviger/config.toml; `claviger login work` uses this section:

    [oauth.work]
    issuer = \"https://login.example.com\"          # its metadata names the endpoints
    client_id = \"claviger\"                        # registered there, as a native (public) client
    scopes = [\"openid\", \"email\", \"offline_access\"]
    audience = \"https://gateway.example.com\"      # the only API the token is sent to
    # redirect_uri = \"http://127.0.0.1/callback\"  # as registered; the port is chosen at each login
    # without issuer: authorization_endpoint, token_endpoint, and if there are such
    # device_authorization_endpoint and revocation_endpoint
    # client_secret_file = \"~/secret\"             # or client_secret_command, for a client that has one
    # method = \"gateway\"                          # what it counts as for forceLoginMethod
    # organization_claim = \"org_id\"               # for forceLoginOrgUUID

    [oauth.work.authorization_parameters]         # more for the authorization request, if need be
    prompt = \"consent\"

With --json, each event is one line of JSON on stdout, and stderr stays empty:

    {\"event\":\"url\",\"url\":…}
    {\"event\": \"code\", \"user_code\": …, \"verification_uri\": …, \"verification_uri_complete\": …, \"expires_in_seconds\": …}
    {\"event\":\"notice\",\"notice\":…}
    {\"event\":\"signed-in\",\"account\":{…}}         (the last one; the account is as in `claviger accounts --json`)

Examples:
    claviger login                        # the only [oauth.NAME] section, in the browser
    claviger login work --device          # no browser on this machine
    claviger login work --no-browser      # ... and a server that knows no codes
    op read op://private/key | claviger login --api-key";

/// Signs in, or saves a secret.
///
/// # Errors
/// The daemon's problem, or `cancelled` after Ctrl-C.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    check(&arguments)?;
    let account = match (arguments.api_key, arguments.token) {
        (true, _) => save::run(context, arguments, AccountKind::ApiKey, "API key").await?,
        (_, true) => save::run(context, arguments, AccountKind::Token, "token").await?,
        _ => flow::run(context, &arguments).await?,
    };
    match context.options.json {
        true => return line(&Event::SignedIn(account)),
        false => output::show(&render::account::signed_in(&account))?,
    }
    match context.options.quiet {
        true => Ok(()),
        false => super::use_account::tell_what_comes_first(context, &account).await,
    }
}

fn check(arguments: &Arguments) -> Result<(), Failure> {
    // `--api-key` takes no value, so a word after it is read as the name.
    if arguments.name.as_deref().is_some_and(|name| name.starts_with("sk-")) {
        return Err(Failure::usage(
            "the name of the account looks like a secret, and arguments are visible to every process",
            "revoke it; `claviger login --api-key` without it asks for the key, or reads it from stdin",
        ));
    }
    if arguments.audience.is_some() && !arguments.api_key && !arguments.token {
        return Err(Failure::usage(
            "--audience goes with --api-key or --token only",
            "for a login, `audience` is set in its [oauth.NAME] section",
        ));
    }
    Ok(())
}
