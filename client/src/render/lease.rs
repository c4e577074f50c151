//! A lease for people.

use super::{place_and_layer, table, time};
use crate::{output::Style, text::escape, text::words};
use claviger::proto::v1::{Backend, Lease, Secret, lease::Material};
use claviger::{client::Lent, headers::Header};
use std::time::{Duration, SystemTime};

/// Aligned lines. The secret is shown only if it is passed.
pub(crate) fn render(
    lease: &Lease,
    secret: Option<&Lent>,
    headers: &[Header],
    now: SystemTime,
    style: Style,
) -> String {
    let at = |instant: &Option<_>| instant.as_ref().map(|at| time::relative(at, now)).unwrap_or_default();
    let known = lease.facts.clone().unwrap_or_default();
    let mut lines = table::pairs(vec![
        ("source", style.bold(&escape::line(&lease.source))),
        ("link", escape::line(&known.link)),
        ("account", escape::line(&known.account)),
        ("configured", lease.location.as_ref().map(place_and_layer).unwrap_or_default()),
        ("backend", backend(lease)),
        ("scheme", words::scheme_of(lease)),
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
        ("timeout", timeout(lease)),
        ("generation", generation(lease, now)),
        ("expires", at(&lease.expires_at)),
        ("refresh", at(&lease.refresh_at)),
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
    for warning in &lease.warnings {
        lines.push_str(&format!("{} {}\n", style.yellow("warning:"), escape::line(&warning.text)));
    }
    lines
}

fn backend(lease: &Lease) -> String {
    match lease.backend() {
        Backend::Unspecified => String::new(),
        backend => words::backend(backend),
    }
}

/// A secret on one line.
pub(super) fn shown(secret: &Lent) -> String {
    let text = |secret: &Option<Secret>| {
        secret.as_ref().map(|secret| escape::line(&secret.value)).unwrap_or_default()
    };
    match secret {
        Lent::Secret(secret) => escape::line(&secret.value),
        Lent::Keys(keys) => {
            let parts =
                [escape::line(&keys.access_key_id), text(&keys.secret_access_key), text(&keys.session_token)];
            parts.join(" ").trim_end().to_owned()
        }
    }
}

fn hidden(lease: &Lease) -> String {
    match &lease.material {
        Some(Material::Secret(_) | Material::AwsKeys(_)) => "(hidden; --show-secret prints it)".into(),
        Some(Material::OwnVariable(name)) => format!("(in ${}; --show-secret prints it)", escape::line(name)),
        None => "(none, by configuration)".into(),
    }
}

fn header_line(headers: &[Header], with_values: bool) -> String {
    let one = |(name, value): &Header| match with_values {
        true => format!("{}: {}", escape::line(name), escape::line(value)),
        false => escape::line(name),
    };
    headers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn timeout(lease: &Lease) -> String {
    let of = lease.api_timeout.and_then(|of| Duration::try_from(of).ok());
    of.map(time::span).unwrap_or_default()
}

fn generation(lease: &Lease, now: SystemTime) -> String {
    match (lease.generation, &lease.fetched_at) {
        (0, _) => String::new(),
        (number, None) => number.to_string(),
        (number, Some(at)) => format!("{number}, fetched {}", time::relative(at, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Lent, render};
    use crate::{output::Style, render::samples};
    use claviger::proto::v1::{AwsKeys, Facts, Lease, Scheme, Secret, lease::Material};

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
        let canary = Lent::Secret(Secret { value: "canary".into() });
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
            ..Default::default()
        };
        let expected = "\
source  env-api-key
scheme  unspecified
secret  (in $ANTHROPIC_API_KEY; --show-secret prints it)
";
        assert_eq!(render(&lease, None, &[], samples::now(), Style::default()), expected);
    }

    #[test]
    fn keys_of_a_cloud_come_with_link_region_and_account() {
        let secret = |text: &str| Some(Secret { value: text.into() });
        let keys = AwsKeys {
            access_key_id: "AKIA1".into(),
            secret_access_key: secret("canary-1"),
            session_token: secret("canary-2"),
        };
        let facts = Facts { link: "profile".into(), account: "123".into(), ..Default::default() };
        let lease = Lease {
            material: Some(Material::AwsKeys(keys.clone())),
            scheme: Scheme::Sigv4.into(),
            source: "aws-chain".into(),
            region: "eu-west-1".into(),
            facts: Some(facts),
            ..Default::default()
        };
        let expected = "\
source   aws-chain
link     profile
account  123
scheme   sigv4
secret   (hidden; --show-secret prints it)
region   eu-west-1
";
        assert_eq!(render(&lease, None, &[], samples::now(), Style::default()), expected);
        let text = render(&lease, Some(&Lent::Keys(keys)), &[], samples::now(), Style::default());
        assert!(text.contains("secret   AKIA1 canary-1 canary-2\n"), "{text}");
    }
}
