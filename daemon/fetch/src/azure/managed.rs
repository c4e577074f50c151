//! The link "managed-identity": the identity that Azure gives to this machine or app.
//!
//! Most services have their address in the environment, and then no other identity is used instead. The metadata
//! service of virtual machines (IMDS) has not: it is tried, and anything except its own explicit answer means that this
//! is not such a machine.

mod arc;
mod endpoint;
mod token;

use super::{
    Declined,
    failure::trouble,
    link_result::LinkResult,
    principal::CLIENT,
    wire::{Last, Reply, Wire},
};
use crate::environment::{lent, variable};
use azure_core::http::{
    Method, Request, Url,
    headers::{HeaderName, HeaderValue},
};
use claviger::reason::Reason;
use claviger_child::{Lent, Provided};
use endpoint::{IdentityEndpoint, Service};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};

/// Variables with secrets that a service requires.
pub(super) const HEADERS: [&str; 2] = [endpoint::HEADER, endpoint::SECRET];
/// The metadata service (Azure documentation, "Azure Instance Metadata Service").
const IMDS: &str = "http://169.254.169.254";
/// Its path for tokens.
const IMDS_TOKEN: &str = "/metadata/identity/oauth2/token";
/// Time limit for accepting a connection. It is one hop away; elsewhere packets to it are lost without an answer.
const IMDS_CONNECT: Duration = Duration::from_secs(1);
/// Variable of Azure Machine Learning: the identity of the compute itself.
const DEFAULT_CLIENT: &str = "DEFAULT_IDENTITY_CLIENT_ID";
const NO_IDENTITY: &str = "no such identity is assigned to this machine";

/// Asks for the identity of this machine.
pub(super) async fn ask(scope: &str, secrets: &Lent) -> LinkResult {
    // Of a secret only its presence counts.
    let found = endpoint::of(|name| variable(name).or_else(|| lent(secrets, name).map(|_| String::new())));
    let (service, variable, url) = match found {
        IdentityEndpoint::Imds => return imds(scope).await,
        IdentityEndpoint::Incomplete => {
            return LinkResult::Passed(format!("incomplete: {} is not set", endpoint::HEADER));
        }
        IdentityEndpoint::Named { service, variable, url } => (service, variable, url),
        IdentityEndpoint::ServiceFabric => {
            let message = "managed identities of Azure Service Fabric are not supported";
            return LinkResult::Refused(Declined::new(Reason::SettingsInvalid, message).hint(CHOOSE));
        }
    };
    match endpoint(service, variable, &url) {
        Ok(url) => named(service, &url, scope, secrets).await.into(),
        Err(trouble) => LinkResult::Refused(trouble),
    }
}

const CHOOSE: &str = "set AZURE_TOKEN_CREDENTIALS to what to use instead, for example AzureCliCredential";

/// The address in a service's variable.
fn endpoint(service: Service, variable: &str, url: &str) -> Result<Url, Declined> {
    let path = if service == Service::PodIdentity { IMDS_TOKEN } else { "" };
    let url = Url::parse(&format!("{}{path}", if path.is_empty() { url } else { url.trim_end_matches('/') }));
    let url = url.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        Declined::new(Reason::SettingsInvalid, format!("{variable} is not an http address"))
            .hint(format!("{} sets it; elsewhere unset it", service.name()))
    })
}

/// Asks a service named in the environment.
async fn named(service: Service, url: &Url, scope: &str, secrets: &Lent) -> Result<Provided, Declined> {
    let client = variable(CLIENT);
    if service == Service::CloudShell && client.is_some() {
        let message = format!("{CLIENT} is set, and Azure Cloud Shell has the identity of its person only");
        return Err(Declined::new(Reason::SettingsInvalid, message).hint(format!("unset {CLIENT}")));
    }
    let wire = Wire::inward()?;
    let whom = format!("the managed identity service of {}", service.name());
    let mut request = request(service, url, scope, client.as_deref(), secrets);
    let failed = |last: Last| match &last {
        Last::Reply(Reply { status: 400, .. }) => trouble(&whom, &last)
            .hint(format!("check {CLIENT}: {NO_IDENTITY}; or choose a link with AZURE_TOKEN_CREDENTIALS")),
        _ => trouble(&whom, &last),
    };
    let mut answered = wire.exchange(&request).await.map_err(failed)?;
    if service == Service::Arc {
        answered = match answered {
            (Reply { status: 401, .. }, _, Some(challenge)) => {
                let key = arc::key(&challenge)?;
                request.insert_header("authorization", HeaderValue::from(format!("Basic {}", *key)));
                wire.exchange(&request).await.map_err(failed)?
            }
            // An answer without its challenge is not from Arc.
            (reply, ..) if reply.status == 200 => return Err(arc::unchallenged()),
            other => other,
        };
    }
    let (reply, value, _) = answered;
    let token = (reply.status == 200).then(|| token::of(&value)).flatten();
    let token = token.ok_or_else(|| failed(Last::Reply(reply)))?;
    match client {
        Some(client) if service == Service::Arc => arc::confirm(&value, &client).map(|()| token),
        _ => Ok(token),
    }
}

/// The request to a service (Azure documentation: "How to use managed identities for App Service and Azure Functions",
/// "REST endpoint reference"; "Authenticate against Azure resources with Azure Arc-enabled servers"; `msal-node` for
/// the others).
fn request(service: Service, url: &Url, scope: &str, client: Option<&str>, secrets: &Lent) -> Request {
    // Its version 1 has resources instead of scopes: "https://x//.default" is "https://x/", with the slash.
    let resource = scope.strip_suffix("/.default").unwrap_or(scope);
    let (version, client_name, secret) = match service {
        Service::App => ("2019-08-01", "client_id", Some(("x-identity-header", endpoint::HEADER))),
        Service::Arc => ("2020-06-01", "client_id", None),
        Service::MachineLearning => ("2017-09-01", "clientid", Some(("secret", endpoint::SECRET))),
        Service::PodIdentity => ("2018-02-01", "client_id", None),
        Service::CloudShell => return cloud_shell(url, resource),
    };
    let default = (service == Service::MachineLearning).then(|| variable(DEFAULT_CLIENT)).flatten();
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", resource);
    if let Some(client) = client.or(default.as_deref()) {
        url.query_pairs_mut().append_pair(client_name, client);
    }
    let mut request = Request::new(url, Method::Get);
    request.insert_header("metadata", "true");
    if let Some((header, value)) = secret.and_then(|(header, name)| Some((header, lent(secrets, name)?))) {
        request.insert_header(HeaderName::from_static(header), HeaderValue::from(value.to_owned()));
    }
    request
}

fn cloud_shell(url: &Url, resource: &str) -> Request {
    let mut form = url.clone();
    form.set_query(None);
    form.query_pairs_mut().append_pair("resource", resource);
    let mut request = Request::new(url.clone(), Method::Post);
    request.insert_header("metadata", "true");
    request.insert_header("content-type", "application/x-www-form-urlencoded");
    request.set_body(form.query().unwrap_or_default().to_owned());
    request
}

/// Asks the metadata service of virtual machines, when nothing shows whether there is one.
async fn imds(scope: &str) -> LinkResult {
    let address = IMDS.trim_start_matches("http://");
    let connected = timeout(IMDS_CONNECT, TcpStream::connect((address, 80))).await;
    // Closes the connection, so that a service that accepts one at a time is free for the next.
    if !connected.is_ok_and(|stream| stream.is_ok()) {
        let why = "no metadata service of Azure answers; AZURE_TOKEN_CREDENTIALS=dev skips it";
        return LinkResult::Unanswered(why.to_owned());
    }
    let (url, wire) =
        match endpoint(Service::PodIdentity, "", IMDS).and_then(|url| Ok((url, Wire::inward()?))) {
            Ok(found) => found,
            Err(trouble) => return LinkResult::Refused(trouble),
        };
    let client = variable(CLIENT);
    let request = request(Service::PodIdentity, &url, scope, client.as_deref(), &Lent::new());
    match wire.exchange(&request).await {
        Ok((reply, value, _)) => judge(&reply, token::of(&value)),
        // It asked for a pause, or its answer is unusable.
        Err(Last::Reply(reply)) => judge(&reply, None),
        Err(_) => LinkResult::Passed(NO_SERVICE.to_owned()),
    }
}

const NO_SERVICE: &str = "the server that answers is not a metadata service of Azure";

/// Meaning of an answer from the metadata service's address. Azure's libraries continue after any answer that is not a
/// token. Here its explicit refusal, and a rate limit, are final: another identity must not replace it temporarily.
fn judge(reply: &Reply, token: Option<Provided>) -> LinkResult {
    let is_busy = matches!(reply.status, 429 | 503) && reply.retry_after.is_some();
    let is_no = matches!(reply.status, 401 | 403 | 429) && reply.is_json && !reply.says_unreachable;
    match (reply.status, token) {
        (200, Some(token)) => LinkResult::Provided(token),
        (400, _) => LinkResult::Passed(NO_IDENTITY.to_owned()),
        _ if is_no || is_busy => {
            LinkResult::Refused(trouble("the metadata service of Azure", &Last::Reply(reply.clone())))
        }
        (500.., _) if reply.is_json => LinkResult::Passed(format!(
            "the metadata service of Azure has a problem of its own: status {}",
            reply.status
        )),
        _ => LinkResult::Passed(NO_SERVICE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkResult, Reply, Service, endpoint, judge};
    use std::time::Duration;

    #[test]
    fn endpoints() {
        let of = |service, url| endpoint(service, "X", url).map(|url| url.to_string()).ok();
        let app = |url| of(Service::App, url);
        assert_eq!(
            app("http://127.0.0.1:41741/msi/token").as_deref(),
            Some("http://127.0.0.1:41741/msi/token")
        );
        assert_eq!([app("127.0.0.1:41741"), app("file:///x"), app("")], [None, None, None]);
        let pod = |url| of(Service::PodIdentity, url).unwrap_or_default();
        for host in ["http://127.0.0.1:1", "http://127.0.0.1:1/"] {
            assert_eq!(pod(host), "http://127.0.0.1:1/metadata/identity/oauth2/token");
        }
    }

    #[test]
    fn only_a_clear_answer_of_the_metadata_service_ends_the_walk() {
        let step = |status, is_json, says_unreachable| match judge(
            &Reply { status, is_json, says_unreachable, ..Reply::default() },
            None,
        ) {
            LinkResult::Refused(_) => "refused",
            LinkResult::Passed(_) => "passed",
            _ => "other",
        };
        for status in [401, 403, 429] {
            assert_eq!(step(status, true, false), "refused", "{status}");
            assert_eq!([step(status, false, false), step(status, true, true)], ["passed", "passed"]);
        }
        for status in [200, 204, 302, 400, 404, 405, 410, 500, 502, 503, 504] {
            assert_eq!([step(status, true, false), step(status, false, false)], ["passed", "passed"]);
        }
        // Also while it is left alone and not asked: then nothing but the status and the time is known.
        for (status, refused) in [(429, true), (503, true), (500, false), (404, false)] {
            let busy = Reply { status, retry_after: Some(Duration::from_secs(9)), ..Reply::default() };
            assert_eq!(matches!(judge(&busy, None), LinkResult::Refused(_)), refused, "{status}");
        }
    }
}
