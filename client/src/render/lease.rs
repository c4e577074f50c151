//! A lease for people.

use super::{place_and_layer, table, time};
use crate::{output::Style, text::escape};
use claviger::{AwsKeys, Lease, Location, Material, headers::Header, wire};
use std::time::SystemTime;

/// Aligned lines. The secret is shown only if it is passed.
pub(crate) fn render(
    lease: &Lease,
    secret: Option<&Material>,
    headers: &[Header],
    now: SystemTime,
    style: Style,
) -> String {
    let at = |instant: Option<SystemTime>| instant.map(|at| relative(at, now)).unwrap_or_default();
    let known = lease.facts.clone().unwrap_or_default();
    let mut lines = table::pairs(vec![
        ("source", style.bold(&escape::line(&lease.source))),
        ("link", escape::line(&known.link)),
        ("account", escape::line(&known.account)),
        ("configured", lease.location.as_ref().map(configured).unwrap_or_default()),
        ("backend", lease.backend.name().to_owned()),
        ("scheme", lease.scheme.name().to_owned()),
        ("origin", escape::line(&lease.origin)),
        (
            "base url",
            Some(escape::line(&lease.base_url)).filter(|url| *url != lease.origin).unwrap_or_default(),
        ),
        ("secret", secret.map_or_else(|| hidden(lease), shown)),
        ("region", escape::line(&lease.region)),
        ("project", escape::line(&lease.project)),
        ("quota project", escape::line(&known.quota_project)),
        ("headers", header_line(headers, secret.is_some())),
        ("timeout", time::span(lease.api_timeout)),
        ("generation", generation(lease, now)),
        ("expires", at(lease.expires_at)),
        ("refresh", at(lease.refresh_at)),
        ("key", escape::line(&lease.key)),
        (
            "state",
            if lease.stale {
                style.yellow("stale: the last refresh failed or the API rejected it")
            } else {
                String::new()
            },
        ),
    ]);
    for warning in lease.warnings() {
        lines.push_str(&format!("{} {}\n", style.yellow("warning:"), escape::line(warning)));
    }
    lines
}

fn relative(at: SystemTime, now: SystemTime) -> String {
    time::relative(&wire::timestamp(at), now)
}

fn configured(at: &Location) -> String {
    place_and_layer(&wire::location(at))
}

/// A secret on one line.
pub(super) fn shown(secret: &Material) -> String {
    match secret {
        Material::Secret(secret) => escape::line(secret.expose()),
        Material::Keys(AwsKeys { access_key_id, secret_access_key, session_token }) => {
            let token = session_token.as_ref().map(|token| token.expose().as_str()).unwrap_or_default();
            let parts = [access_key_id, secret_access_key.expose().as_str(), token].map(escape::line);
            parts.join(" ").trim_end().to_owned()
        }
        Material::OwnVariable(name) => own(name),
    }
}

fn hidden(lease: &Lease) -> String {
    match &lease.material {
        Some(Material::Secret(_) | Material::Keys(_)) => "(hidden; --show-secret prints it)".into(),
        Some(Material::OwnVariable(name)) => own(name),
        None => "(none, by configuration)".into(),
    }
}

fn own(name: &str) -> String {
    format!("(in ${}; --show-secret prints it)", escape::line(name))
}

fn header_line(headers: &[Header], with_values: bool) -> String {
    let one = |(name, value): &Header| match with_values {
        true => format!("{}: {}", escape::line(name), escape::line(value)),
        false => escape::line(name),
    };
    headers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn generation(lease: &Lease, now: SystemTime) -> String {
    match (lease.generation, lease.fetched_at) {
        (0, _) => String::new(),
        (number, None) => number.to_string(),
        (number, Some(at)) => format!("{number}, fetched {}", relative(at, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::{output::Style, render::samples};
    use claviger::{AwsKeys, Backend, Lease, Material, Scheme, proto::v1::Facts};
    use std::time::Duration;

    const TIMEOUT: Duration = Duration::from_secs(600);

    #[test]
    fn a_lease_hides_its_secret() {
        let headers = [("X-Team".to_owned(), "canary-2".to_owned())];
        let expected = "\
source      api-key-helper
configured  /h/.claude/settings.json:3 (user)
backend     anthropic
scheme      api-key-and-bearer
origin      https://gateway.example
base url    https://gateway.example/v1
secret      (hidden; --show-secret prints it)
headers     X-Team
timeout     10 min
generation  3, fetched 48 s ago
expires     in 4 min 12 s
refresh     in 3 min
key         ab12cd34ef
state       stale: the last refresh failed or the API rejected it
warning: two clouds are enabled
";
        let text = render(&samples::lease(), None, &headers, samples::now(), Style::default());
        assert_eq!(text, expected);
        assert!(!text.contains("canary"));
    }

    #[test]
    fn a_lease_shows_it_when_told_to() {
        let headers = [("X-Team".to_owned(), "canary-2".to_owned())];
        let canary = Material::Secret("canary".into());
        let text = render(&samples::lease(), Some(&canary), &headers, samples::now(), Style::default());
        assert!(
            text.contains("secret      canary\n") && text.contains("headers     X-Team: canary-2\n"),
            "{text}"
        );
    }

    #[test]
    fn a_variable_of_the_session_is_only_named() {
        let lease = Lease {
            material: Some(Material::OwnVariable("ANTHROPIC_API_KEY".into())),
            source: "env-api-key".into(),
            api_timeout: TIMEOUT,
            ..Default::default()
        };
        let expected = "\
source   env-api-key
backend  anthropic
scheme   api-key
secret   (in $ANTHROPIC_API_KEY; --show-secret prints it)
timeout  10 min
";
        assert_eq!(render(&lease, None, &[], samples::now(), Style::default()), expected);
    }

    #[test]
    fn keys_of_a_cloud_come_with_link_region_and_account() {
        let keys = AwsKeys {
            access_key_id: "AKIA1".into(),
            secret_access_key: "canary-1".into(),
            session_token: Some("canary-2".into()),
        };
        let facts = Facts { link: "profile".into(), account: "123".into(), ..Default::default() };
        let lease = Lease {
            material: Some(Material::Keys(keys.clone())),
            scheme: Scheme::SigV4,
            source: "aws-chain".into(),
            backend: Backend::Bedrock,
            api_timeout: TIMEOUT,
            region: "eu-west-1".into(),
            facts: Some(facts),
            ..Default::default()
        };
        let expected = "\
source   aws-chain
link     profile
account  123
backend  bedrock
scheme   sigv4
secret   (hidden; --show-secret prints it)
region   eu-west-1
timeout  10 min
";
        assert_eq!(render(&lease, None, &[], samples::now(), Style::default()), expected);
        let text = render(&lease, Some(&Material::Keys(keys)), &[], samples::now(), Style::default());
        assert!(text.contains("secret   AKIA1 canary-1 canary-2\n"), "{text}");
    }
}
