//! Endpoints of an authorization server: from the registration, and otherwise from its issuer's metadata (RFC 8414;
//! OpenID Connect Discovery 1.0).

use crate::{http, store::Client};
use claviger::reason::Reason;
use claviger_child::{Declined, account::Registration, is_loopback};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

/// The metadata of a server that claviger uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    pub(crate) issuer: Option<String>,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) device_authorization_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    /// Whether redirects name the issuer (RFC 9207).
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// The endpoints of a registration's server. Those in the registration come first.
///
/// # Errors
/// If the issuer does not answer, or does not identify itself correctly.
pub(crate) async fn discover(registration: &Registration) -> Result<Metadata, Declined> {
    let mut metadata = match &registration.issuer {
        Some(issuer) => {
            let metadata = published(issuer).await?;
            // Only the user may name this machine, where any program may listen.
            if issuer.starts_with("https://") && metadata.endpoints().any(|it| !it.starts_with("https://")) {
                return Err(not_private());
            }
            metadata
        }
        None => Metadata::default(),
    };
    let own = [
        (&registration.authorization_endpoint, &mut metadata.authorization_endpoint),
        (&registration.token_endpoint, &mut metadata.token_endpoint),
        (&registration.device_authorization_endpoint, &mut metadata.device_authorization_endpoint),
        (&registration.revocation_endpoint, &mut metadata.revocation_endpoint),
    ];
    for (own, published) in own {
        if own.is_some() {
            published.clone_from(own);
        }
    }
    for endpoint in metadata.endpoints() {
        check(endpoint)?;
    }
    if metadata
        .code_challenge_methods_supported
        .as_ref()
        .is_some_and(|known| !known.iter().any(|it| it == "S256"))
    {
        return Err(Declined::new(
            Reason::SettingsInvalid,
            "the authorization server does not support PKCE with S256",
        )
        .hint("without it, an intercepted code could be used; ask the operator of the server"));
    }
    Ok(metadata)
}

impl Metadata {
    fn endpoints(&self) -> impl Iterator<Item = &str> {
        let all = [
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.device_authorization_endpoint,
            &self.revocation_endpoint,
        ];
        all.into_iter().filter_map(|endpoint| endpoint.as_deref())
    }

    /// The client of a registration at this server.
    ///
    /// # Errors
    /// If there is no token endpoint.
    pub(crate) fn client(&self, registration: &Registration) -> Result<Client, Declined> {
        let knows = |method: &str| {
            self.token_endpoint_auth_methods_supported
                .as_ref()
                .is_none_or(|known| known.iter().any(|it| it == method))
        };
        Ok(Client {
            client_id: registration.client_id.clone(),
            token_endpoint: required(&self.token_endpoint, "token_endpoint")?.to_owned(),
            revocation_endpoint: self.revocation_endpoint.clone(),
            secret_in_body: !knows("client_secret_basic") && knows("client_secret_post"),
        })
    }
}

/// An endpoint that a flow requires.
///
/// # Errors
/// If it is missing.
pub(crate) fn required<'a>(endpoint: &'a Option<String>, name: &str) -> Result<&'a str, Declined> {
    endpoint.as_deref().ok_or_else(|| {
        Declined::new(Reason::SettingsInvalid, format!("the authorization server has no {name}"))
            .hint(format!("set {name} in the [oauth.NAME] section, or sign in another way"))
    })
}

async fn published(issuer: &str) -> Result<Metadata, Declined> {
    let mut last = None;
    for url in well_known(issuer)? {
        let reply = http::send(&url, http::request(Method::GET, &url)?).await?;
        last = Some(reply.status);
        // Some servers have a page for every address.
        let metadata = serde_json::from_slice::<Metadata>(&reply.body);
        let Some(metadata) = metadata.ok().filter(|_| reply.status == StatusCode::OK) else { continue };
        let host = http::host(&url);
        // Otherwise one server could impersonate another (RFC 8414, section 3.3).
        if metadata.issuer.as_deref().map(trimmed) != Some(trimmed(issuer)) {
            return Err(Declined::new(
                Reason::SettingsInvalid,
                format!("{host} published the metadata of another issuer"),
            )
            .hint("write the issuer exactly as the server does"));
        }
        return Ok(metadata);
    }
    let status = match last {
        Some(StatusCode::OK) | None => String::new(),
        Some(status) => format!(" ({status})"),
    };
    Err(Declined::new(Reason::SourceUnavailable, format!("the issuer publishes no usable metadata{status}"))
        .hint("check `issuer`, or set authorization_endpoint and token_endpoint"))
}

/// URLs of the metadata: RFC 8414 puts the well-known part before the issuer's path, OpenID Connect after it.
fn well_known(issuer: &str) -> Result<[Url; 2], Declined> {
    let bad = || Declined::new(Reason::SettingsInvalid, "the issuer is not a URL");
    let url: Url = issuer.parse().map_err(|_| bad())?;
    let path = trimmed(url.path()).to_owned();
    let at = |path: &str| {
        let mut url = url.clone();
        url.set_path(path);
        url.set_query(None);
        url
    };
    Ok([
        at(&format!("/.well-known/oauth-authorization-server{path}")),
        at(&format!("{path}/.well-known/openid-configuration")),
    ])
}

fn trimmed(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// Secrets are sent there, so it must be encrypted.
fn check(endpoint: &str) -> Result<(), Declined> {
    let is_private = endpoint.parse().is_ok_and(|url: Url| match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback),
        _ => false,
    });
    match is_private {
        true => Ok(()),
        false => Err(not_private()),
    }
}

fn not_private() -> Declined {
    Declined::new(
        Reason::SettingsInvalid,
        "an endpoint of the authorization server is neither https nor on its own machine",
    )
    .hint("secrets are not sent unencrypted, nor to this machine if only the server names it")
}

#[cfg(test)]
mod tests {
    use super::well_known;

    #[test]
    fn metadata_stand_where_the_standards_say() {
        let places = |issuer: &str| well_known(issuer).expect("URLs").map(String::from);
        let root = "https://login.example.com";
        let expected = ["oauth-authorization-server", "openid-configuration"];
        assert_eq!(places(&format!("{root}/")), expected.map(|name| format!("{root}/.well-known/{name}")));
        let [first, second] = places(&format!("{root}/tenant?x=1"));
        assert_eq!(first, format!("{root}/.well-known/oauth-authorization-server/tenant"));
        assert_eq!(second, format!("{root}/tenant/.well-known/openid-configuration"));
    }
}
