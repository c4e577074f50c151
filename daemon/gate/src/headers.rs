//! The headers that a request keeps, loses and gets on its way. Pure.

use crate::guard::API_KEY;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

/// Headers of one connection, which end with it (RFC 9110, section 7.6.1).
const HOP: [&str; 4] = ["keep-alive", "proxy-connection", "http2-settings", "proxy-authentication-info"];
/// The one header to whose values the lease adds its own.
const BETA: &str = "anthropic-beta";

/// Removes the headers that belong to one connection.
pub(crate) fn end_to_end(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    named.iter().for_each(|name| drop(headers.remove(name)));
    // The coding counts (RFC 9112, section 6.3); what comes out of it may be of another length.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHENTICATE] {
        headers.remove(name);
    }
    HOP.iter().for_each(|name| drop(headers.remove(*name)));
}

/// Removes what the client sent as a credential, and adds the headers of the lease.
pub(crate) fn inject(headers: &mut HeaderMap, lease: &[(HeaderName, HeaderValue)]) {
    end_to_end(headers);
    // The length is said anew as it was understood here: `007` is not passed on to be read once more.
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST, EXPECT, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers.remove(API_KEY);
    let others = || lease.iter().filter(|(name, _)| name != BETA);
    others().for_each(|(name, _)| drop(headers.remove(name)));
    for (name, value) in others() {
        headers.append(name, value.clone());
    }
    let betas = lease.iter().filter(|(name, _)| name == BETA);
    for value in betas.flat_map(|(_, value)| value.to_str().into_iter().flat_map(|value| value.split(','))) {
        add_beta(headers, value.trim());
    }
}

fn add_beta(headers: &mut HeaderMap, beta: &str) {
    let found = headers.get_all(BETA).iter().filter_map(|value| value.to_str().ok());
    let mut all: Vec<_> = found.flat_map(|value| value.split(',')).map(str::trim).collect();
    if all.contains(&beta) {
        return;
    }
    all.push(beta);
    if let Ok(value) = HeaderValue::from_str(&all.join(",")) {
        headers.insert(BETA, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{end_to_end, inject};
    use http::{HeaderMap, HeaderName, HeaderValue};

    type Header = (&'static str, &'static str);

    fn map(headers: &[Header]) -> HeaderMap {
        let parsed =
            |(name, value): &Header| (HeaderName::from_static(name), HeaderValue::from_static(value));
        headers.iter().map(parsed).collect()
    }

    fn text(headers: &HeaderMap) -> Vec<String> {
        let mut text: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        text.sort();
        text
    }

    fn injected(client: &[Header], lease: &[Header]) -> Vec<String> {
        let mut headers = map(client);
        let lease: Vec<_> =
            map(lease).into_iter().map(|(name, value)| (name.expect("a name"), value)).collect();
        inject(&mut headers, &lease);
        text(&headers)
    }

    #[test]
    fn the_credential_of_the_lease_takes_the_place_of_the_clients() {
        let client = [
            ("authorization", "Bearer placeholder"),
            ("x-api-key", "placeholder"),
            ("proxy-authorization", "Basic x"),
            ("cookie", "a=b"),
            ("host", "localhost"),
            ("expect", "100-continue"),
            ("content-length", "2"),
            ("anthropic-version", "2023-06-01"),
        ];
        let rest = "anthropic-version: 2023-06-01";
        assert_eq!(injected(&client, &[("x-api-key", "k")]), [rest, "x-api-key: k"]);
        let both = [("x-api-key", "k"), ("authorization", "Bearer k")];
        assert_eq!(injected(&client, &both), [rest, "authorization: Bearer k", "x-api-key: k"]);
    }

    #[test]
    fn what_connection_names_goes_before_the_credential_comes() {
        let client =
            [("connection", "x-api-key, Authorization, x-own, close"), ("x-own", "1"), ("keep-alive", "5")];
        assert_eq!(injected(&client, &[("x-api-key", "k")]), ["x-api-key: k"]);
        let mut answer =
            map(&[("connection", "x-a"), ("x-a", "1"), ("transfer-encoding", "chunked"), ("x-b", "2")]);
        answer.insert("content-length", HeaderValue::from_static("9"));
        end_to_end(&mut answer);
        assert_eq!(text(&answer), ["x-b: 2"]);
    }

    #[test]
    fn betas_add_up_and_other_headers_are_replaced() {
        let client = [("anthropic-beta", "a, b"), ("x-gateway", "mine")];
        let lease = [("anthropic-beta", "oauth-2025-04-20"), ("x-gateway", "theirs")];
        assert_eq!(injected(&client, &lease), ["anthropic-beta: a,b,oauth-2025-04-20", "x-gateway: theirs"]);
        assert_eq!(
            injected(&[("anthropic-beta", "oauth-2025-04-20")], &lease[..1]),
            ["anthropic-beta: oauth-2025-04-20"]
        );
    }
}
