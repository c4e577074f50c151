//! The metadata server of Google's machines. Elsewhere there is none, so a first look takes a second at most.

use super::{
    Declined, Links, Provided, http,
    http::Reply,
    session::quota_project,
    token::{SCOPE, Token, Whose, no_token},
    variable,
};
use claviger::reason::Reason;
use reqwest::{Method, StatusCode, Url, header::HeaderName};
use std::time::{Duration, SystemTime};

/// Where it is on every machine of Google's; the name metadata.google.internal would need a name server.
const ADDRESS: &str = "169.254.169.254";
/// How long the first look may take.
const PROBE: Duration = Duration::from_secs(1);
/// It tells the server from a portal or a proxy that answers everything.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: &str = "Google";
const LINK: &str = "metadata";
const HINT: &str = "check the service account of this machine, and its access scopes";

/// A token of this machine's service account; `None` if this is none of Google's machines, and why.
pub(super) async fn ask(links: &mut Links) -> Option<Result<Provided, Declined>> {
    // Exactly that word, as google-auth reads it.
    if variable("NO_GCE_CHECK").as_deref() == Some("true") {
        links.ignore(LINK, "NO_GCE_CHECK is set");
        return None;
    }
    let named = variable("GCE_METADATA_HOST").or_else(|| variable("GCE_METADATA_IP"));
    let address = named.as_deref().unwrap_or(ADDRESS);
    let base = format!("http://{address}/computeMetadata/v1/instance/");
    let Some(base) = Url::parse(&base).ok().filter(is_plain) else {
        return Some(Err(Declined::new(Reason::SettingsInvalid, "GCE_METADATA_HOST is not a host")
            .hint("set it to a name or an address, with a port if need be, and nothing else")));
    };
    let server = Server { base };
    match server.probe().await {
        Ok(()) => {}
        Err(why) => {
            links.unanswered(LINK, format!("{} {why}; NO_GCE_CHECK=true skips it", http::host(&server.base)));
            return None;
        }
    }
    match server.token().await {
        Ok(Some(token)) => Some(Ok(token.provided(quota_project()))),
        Ok(None) => {
            links.pass(LINK, "this machine has no service account");
            None
        }
        Err(trouble) => Some(Err(trouble)),
    }
}

/// Whether a host is all that was put into the URL.
fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.path().starts_with("/computeMetadata/")
}

/// The server.
struct Server {
    base: Url,
}

impl Server {
    async fn probe(&self) -> Result<(), &'static str> {
        let Ok(request) = http::request(Method::GET, &self.base) else { return Err("cannot be asked") };
        let request = request.header(FLAVOR, GOOGLE).timeout(PROBE);
        match http::send(&self.base, request).await {
            Err(trouble) if trouble.is(Reason::SourceTimeout) => Err("did not answer within 1 s"),
            Err(_) => Err("cannot be reached"),
            Ok(reply) if !is_genuine(&reply) => Err("is no metadata server"),
            Ok(_) => Ok(()),
        }
    }

    async fn token(&self) -> Result<Option<Token>, Declined> {
        let url = self.base.join("service-accounts/default/token");
        let mut url = url.map_err(|_| Declined::new(Reason::Bug, "the metadata server has no URL"))?;
        url.query_pairs_mut().append_pair("scopes", SCOPE);
        let now = SystemTime::now();
        let reply = http::send(&url, http::request(Method::GET, &url)?.header(FLAVOR, GOOGLE)).await?;
        match reply.status {
            _ if !is_genuine(&reply) => Err(no_token(&reply)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Token::from_oauth(&reply, Whose::Machine(HINT), now).map(Some),
        }
    }
}

fn is_genuine(reply: &Reply) -> bool {
    reply.header(&FLAVOR) == Some(GOOGLE)
}
