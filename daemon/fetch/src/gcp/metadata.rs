//! The metadata server of Google's machines. Elsewhere there is none, so the first request takes a second at most.

use super::{
    Declined, Links, Provided, http,
    http::Reply,
    session::quota_project,
    token::{SCOPE, Token, Whose, no_token, refusal},
    universe, variable,
};
use crate::busy;
use claviger::reason::Reason;
use reqwest::{Method, StatusCode, Url, header::HeaderName};
use std::time::{Duration, SystemTime};

/// Its address on every machine of Google's; the name metadata.google.internal would need a name server.
const ADDRESS: &str = "169.254.169.254";
/// Variables that name another address, first wins: the second is google-auth's earlier name, the third is also
/// supported by JavaScript's library.
const HOSTS: [&str; 3] = ["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"];
/// Time limit of the first request.
const PROBE: Duration = Duration::from_secs(1);
/// It distinguishes the server from a portal or a proxy that answers everything.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: &str = "Google";
const LINK: &str = "metadata";
const HINT: &str = "check the service account of this machine, and its access scopes";

/// Result of this link.
pub(super) enum Asked {
    /// It answers for this machine, or ends the chain.
    Answered(Result<Provided, Declined>),
    /// This is not a machine of Google's.
    Elsewhere,
    /// A web page was returned instead, so nothing is known.
    Page(Declined),
}

/// A token of this machine's service account.
pub(super) async fn ask(links: &mut Links) -> Asked {
    // Exactly that word, as in google-auth.
    if variable("NO_GCE_CHECK").as_deref() == Some("true") {
        links.ignore(LINK, "NO_GCE_CHECK is set");
        return Asked::Elsewhere;
    }
    let named = HOSTS.into_iter().find_map(variable);
    let address = named.as_deref().unwrap_or(ADDRESS);
    let base = format!("http://{address}/computeMetadata/v1/instance/");
    let Some(base) = Url::parse(&base).ok().filter(is_plain) else {
        return Asked::Answered(Err(Declined::new(
            Reason::SettingsInvalid,
            "GCE_METADATA_HOST is not a host",
        )
        .hint("set it to a name or an address only, with a port if necessary")));
    };
    let server = Server { base };
    let skip = |why: &str| format!("{why}; NO_GCE_CHECK=true skips it");
    match server.probe().await {
        Ok(()) => {}
        Err(Silent::Page(page)) => {
            links.unanswered(LINK, skip(&page.problem.message));
            return Asked::Page(page.hint(
                "sign in to the network in a browser, or set NO_GCE_CHECK=true if this is not one of Google's machines",
            ));
        }
        Err(Silent::Elsewhere(why)) => {
            links.unanswered(LINK, skip(&format!("{} {why}", http::host(&server.base))));
            return Asked::Elsewhere;
        }
    }
    match server.checked_token().await {
        Ok(Some(token)) => Asked::Answered(Ok(token.provided(quota_project()))),
        Ok(None) => {
            links.pass(LINK, "this machine has no service account");
            Asked::Elsewhere
        }
        Err(trouble) => Asked::Answered(Err(trouble)),
    }
}

/// Whether the URL was given nothing but a host.
fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.path().starts_with("/computeMetadata/")
}

/// The server.
struct Server {
    base: Url,
}

/// Why the server counts as absent.
enum Silent {
    /// A web page was returned instead.
    Page(Box<Declined>),
    /// It is not here. The text continues a host's name.
    Elsewhere(&'static str),
}

impl Server {
    async fn probe(&self) -> Result<(), Silent> {
        let elsewhere = |why| Err(Silent::Elsewhere(why));
        // It answered a moment ago, and asked for a pause: no other link may answer for it.
        if busy::left(&self.base).is_some() {
            return Ok(());
        }
        let Ok(request) = http::request(Method::GET, &self.base) else { return elsewhere("cannot be asked") };
        let request = request.header(FLAVOR, GOOGLE).timeout(PROBE);
        match http::send(&self.base, request).await {
            Err(trouble) if trouble.is(Reason::SourceTimeout) => elsewhere("did not answer within 1 s"),
            Err(_) => elsewhere("cannot be reached"),
            Ok(reply) if is_genuine(&reply) => Ok(()),
            Ok(reply) => reply
                .page()
                .map_or(elsewhere("is not a metadata server"), |page| Err(Silent::Page(page.into()))),
        }
    }

    /// A token, if it is of the session's universe.
    async fn checked_token(&self) -> Result<Option<Token>, Declined> {
        let reply = self.get("../universe/universe-domain", None).await?;
        let told = std::str::from_utf8(&reply.body).unwrap_or_default().trim();
        // Servers from before universes do not have the path.
        let theirs = Some(told).filter(|told| reply.status.is_success() && !told.is_empty());
        match reply.status {
            StatusCode::NOT_FOUND => {}
            status if !status.is_success() => return Err(refusal(&reply, Whose::Machine(HINT))),
            _ if theirs.is_some() && !is_genuine(&reply) => {
                return Err(reply.page().unwrap_or_else(|| no_token(&reply)));
            }
            _ => {}
        }
        universe::check("this machine", theirs)?;
        self.token().await
    }

    async fn get(&self, path: &str, query: Option<(&str, &str)>) -> Result<Reply, Declined> {
        let url = self.base.join(path);
        let mut url = url.map_err(|_| Declined::new(Reason::Bug, "the metadata server has no URL"))?;
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        http::send(&url, http::request(Method::GET, &url)?.header(FLAVOR, GOOGLE)).await
    }

    async fn token(&self) -> Result<Option<Token>, Declined> {
        let now = SystemTime::now();
        let reply = self.get("service-accounts/default/token", Some(("scopes", SCOPE))).await?;
        match reply.status {
            busy::STATUS => Err(refusal(&reply, Whose::Machine(HINT))),
            _ if !is_genuine(&reply) => Err(reply.page().unwrap_or_else(|| no_token(&reply))),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Token::from_oauth(&reply, Whose::Machine(HINT), now).map(Some),
        }
    }
}

fn is_genuine(reply: &Reply) -> bool {
    reply.header(&FLAVOR) == Some(GOOGLE)
}
