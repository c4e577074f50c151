//! The device flow: a code that is typed in on another device (RFC 8628).

use super::flow::{Authorization, Plan, tell};
use crate::oauth::{NoAnswer, Reply, is_in_trouble, required};
use claviger::reason::Reason;
use claviger_child::{
    Declined,
    account::{Code, Event, Flow},
};
use oauth2::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponse, DeviceCodeErrorResponseType, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse,
};
use std::time::Duration;
use tokio::time::sleep;

/// Shortest pause between two requests to the server, whatever it permits.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause that is accepted: a person could have signed in many times meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Signs in.
pub(super) async fn run(plan: &Plan) -> Result<Authorization, Declined> {
    let endpoint = required(&plan.metadata.device_authorization_endpoint, "device_authorization_endpoint")?;
    let endpoint = DeviceAuthorizationUrl::new(endpoint.to_owned())
        .map_err(|_| Declined::new(Reason::SettingsInvalid, "device_authorization_endpoint is not a URL"))?;
    let protocol = plan.server.protocol()?.set_device_authorization_url(endpoint);
    let send = |request| plan.server.send(request);
    let scopes = plan.registration.scopes.iter().cloned().map(Scope::new);
    let started = protocol.exchange_device_code().add_scopes(scopes).request_async(&send).await;
    let code: StandardDeviceAuthorizationResponse =
        started.map_err(|error| plan.server.failure("the device login", error).trouble())?;
    if code.interval() > LONGEST_PAUSE {
        return Err(Declined::new(
            Reason::SourceUnavailable,
            "the authorization server requires too long pauses (interval)",
        )
        .hint("ask the operator of the server"));
    }
    let complete = code.verification_uri_complete().map(|uri| uri.secret().clone());
    if [Some(code.verification_uri().as_str()), complete.as_deref()]
        .into_iter()
        .flatten()
        .any(|uri| !is_page(uri))
    {
        return Err(Declined::new(
            Reason::SourceUnavailable,
            "the address for typing the code in is not a web page",
        )
        .hint("ask the operator of the server"));
    }
    // The code's own lifetime, within the daemon's limit.
    let life = code.expires_in().min(Flow::Device.patience());
    tell(&Event::Code(Code {
        verification_uri: code.verification_uri().to_string(),
        verification_uri_complete: complete,
        user_code: code.user_code().secret().clone(),
        expires_in_seconds: life.as_secs(),
    }))?;
    // A server's problem may end while the code is still valid: it is asked again, as after no answer.
    let poll = async |request| match send(request).await {
        Ok(answer) if is_in_trouble(answer.status()) => Err(NoAnswer::passing()),
        answered => answered,
    };
    let pause = |told: Duration| sleep(told.max(SHORTEST_PAUSE));
    let polled = protocol.exchange_device_access_token(&code).request_async(&poll, pause, Some(life)).await;
    let granted = polled.map(Reply::granted).map_err(|error| failure(plan, error))?;
    Ok(Authorization { granted, nonce: None })
}

/// Terminals turn addresses into links, and some programs open addresses from the client's JSON.
fn is_page(uri: &str) -> bool {
    ["https://", "http://"].into_iter().any(|scheme| uri.starts_with(scheme))
}

fn failure(plan: &Plan, error: RequestTokenError<NoAnswer, DeviceCodeErrorResponse>) -> Declined {
    let error = match error {
        RequestTokenError::ServerResponse(refusal) => match refusal.error() {
            DeviceCodeErrorResponseType::AccessDenied => {
                return Declined::new(Reason::UpstreamDenied, "the login was refused: access_denied")
                    .hint("the sign-in was refused; log in again to allow it");
            }
            DeviceCodeErrorResponseType::ExpiredToken => {
                return Declined::new(Reason::SourceTimeout, "the code was not typed in before it expired")
                    .hint("log in again");
            }
            other => {
                let code = oauth2::basic::BasicErrorResponseType::Extension(other.as_ref().to_owned());
                RequestTokenError::ServerResponse(oauth2::basic::BasicErrorResponse::new(code, None, None))
            }
        },
        RequestTokenError::Request(error) => RequestTokenError::Request(error),
        RequestTokenError::Parse(error, body) => RequestTokenError::Parse(error, body),
        RequestTokenError::Other(what) => RequestTokenError::Other(what),
    };
    plan.server.failure("the device login", error).trouble()
}
