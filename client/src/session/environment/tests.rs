//! Variables that each backend sets and removes.

use super::variables;
use claviger::{AwsKeys, Backend, Lease, Material, Scheme, Secret};
use std::time::Duration;

/// The page with every variable that is set.
const PAGE: &str = include_str!("../../../../docs/integrations.md");

fn lease(scheme: Scheme) -> Lease {
    Lease {
        material: Some(Material::Secret(Secret::from("canary"))),
        scheme,
        backend: Backend::Anthropic,
        base_url: "https://api.anthropic.com".into(),
        api_timeout: Duration::from_secs(600),
        ..Default::default()
    }
}

fn text(lease: &Lease, environment: &[&str]) -> Vec<String> {
    let variables = variables(lease, |name| environment.contains(&name)).expect("valid");
    let line = |(name, value): (&str, Option<Secret>)| match value {
        Some(value) => {
            assert!(PAGE.contains(&format!("`{name}`")), "{name} is not in docs/integrations.md");
            format!("{name}={}", value.expose())
        }
        None => format!("-{name}"),
    };
    variables.into_iter().map(line).collect()
}

#[test]
fn the_scheme_picks_the_variable() {
    assert_eq!(text(&lease(Scheme::ApiKey), &[]), ["ANTHROPIC_API_KEY=canary"]);
    assert_eq!(text(&lease(Scheme::ApiKeyAndBearer), &[]), ["ANTHROPIC_API_KEY=canary"]);
    assert_eq!(text(&lease(Scheme::Bearer), &[]), ["ANTHROPIC_AUTH_TOKEN=canary"]);
    let oauth = Lease { source: "oauth-token".into(), ..lease(Scheme::Bearer) };
    assert_eq!(text(&oauth, &[]), ["CLAUDE_CODE_OAUTH_TOKEN=canary"]);
    // A saved token (`claviger login --token`) is recognised by its prefix.
    let kept = Material::Secret(Secret::from("sk-ant-oat01-x"));
    let kept = Lease { source: "local-store".into(), material: Some(kept), ..lease(Scheme::Bearer) };
    assert_eq!(text(&kept, &[]), ["CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-x"]);
    let beta = |lease: &Lease| {
        lease.headers().expect("valid").iter().filter(|(name, _)| name == "anthropic-beta").count()
    };
    assert_eq!(
        (beta(&kept), beta(&oauth), beta(&lease(Scheme::Bearer)), beta(&lease(Scheme::ApiKey))),
        (1, 1, 0, 0)
    );
}

#[test]
fn endpoint_timeout_and_headers_are_set_when_they_differ() {
    let lease = Lease {
        base_url: "https://gateway.example".into(),
        api_timeout: Duration::from_secs(5),
        own_headers: vec![("X-A".into(), Secret::from("1"))],
        ..lease(Scheme::ApiKey)
    };
    let expected = [
        "ANTHROPIC_API_KEY=canary",
        "ANTHROPIC_BASE_URL=https://gateway.example",
        "API_TIMEOUT_MS=5000",
        "ANTHROPIC_CUSTOM_HEADERS=X-A: 1",
    ];
    assert_eq!(text(&lease, &[]), expected);
    let usual = Lease {
        base_url: "https://api.anthropic.com/".into(),
        api_timeout: Duration::from_secs(600),
        ..lease.clone()
    };
    assert_eq!(text(&Lease { own_headers: Vec::new(), ..usual }, &[]), ["ANTHROPIC_API_KEY=canary"]);
}

#[test]
fn leftovers_that_would_change_identity_or_endpoint_are_removed() {
    let leftovers = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "PATH"];
    assert_eq!(
        text(&lease(Scheme::ApiKey), &leftovers),
        ["ANTHROPIC_API_KEY=canary", "-ANTHROPIC_AUTH_TOKEN", "-ANTHROPIC_BASE_URL"]
    );
}

#[test]
fn smuggled_headers_are_refused() {
    let header = ("X-A".into(), Secret::from("1\nX-B: 2"));
    assert!(variables(&Lease { own_headers: vec![header], ..lease(Scheme::ApiKey) }, |_| false).is_err());
}

fn bedrock() -> Lease {
    let keys = AwsKeys { access_key_id: "AKIA1".into(), secret_access_key: "s".into(), session_token: None };
    Lease {
        material: Some(Material::Keys(keys)),
        backend: Backend::Bedrock,
        region: "eu-west-1".into(),
        base_url: "https://bedrock-runtime.eu-west-1.amazonaws.com".into(),
        ..lease(Scheme::SigV4)
    }
}

#[test]
fn bedrock_signs_with_keys_and_no_leftover_of_another_identity() {
    let leftovers =
        ["AWS_SESSION_TOKEN", "AWS_PROFILE", "CLAUDE_CODE_USE_VERTEX", "ANTHROPIC_API_KEY", "HOME"];
    let expected = [
        "CLAUDE_CODE_USE_BEDROCK=1",
        "AWS_ACCESS_KEY_ID=AKIA1",
        "AWS_SECRET_ACCESS_KEY=s",
        "AWS_REGION=eu-west-1",
        "-ANTHROPIC_API_KEY",
        "-CLAUDE_CODE_USE_VERTEX",
        "-AWS_SESSION_TOKEN",
        "-AWS_PROFILE",
    ];
    assert_eq!(text(&bedrock(), &leftovers), expected);
}

#[test]
fn bedrock_takes_an_api_key_of_its_own_and_another_endpoint() {
    let material = Some(Material::Secret(Secret::from("canary")));
    let base_url = "https://gateway.example/bedrock".into();
    let lease = Lease { material, base_url, scheme: Scheme::Bearer, ..bedrock() };
    let expected = [
        "CLAUDE_CODE_USE_BEDROCK=1",
        "AWS_BEARER_TOKEN_BEDROCK=canary",
        "AWS_REGION=eu-west-1",
        "ANTHROPIC_BEDROCK_BASE_URL=https://gateway.example/bedrock",
        "-AWS_ACCESS_KEY_ID",
    ];
    assert_eq!(text(&lease, &["AWS_ACCESS_KEY_ID"]), expected);
}

#[test]
fn foundry_has_a_token_or_a_key_and_a_resource_or_a_url() {
    let lease = Lease {
        backend: Backend::Foundry,
        project: "my-resource".into(),
        base_url: "https://my-resource.services.ai.azure.com/anthropic".into(),
        ..lease(Scheme::Bearer)
    };
    let expected = [
        "CLAUDE_CODE_USE_FOUNDRY=1",
        "ANTHROPIC_FOUNDRY_AUTH_TOKEN=canary",
        "ANTHROPIC_FOUNDRY_RESOURCE=my-resource",
        "-ANTHROPIC_FOUNDRY_BASE_URL",
    ];
    assert_eq!(text(&lease, &["ANTHROPIC_FOUNDRY_BASE_URL"]), expected);
    let base_url = "https://gateway.example".into();
    let lease = Lease { scheme: Scheme::ApiKey, project: String::new(), base_url, ..lease };
    let expected = [
        "CLAUDE_CODE_USE_FOUNDRY=1",
        "ANTHROPIC_FOUNDRY_API_KEY=canary",
        "ANTHROPIC_FOUNDRY_BASE_URL=https://gateway.example",
    ];
    assert_eq!(text(&lease, &[]), expected);
}

#[test]
fn vertex_has_no_variable_and_says_what_to_do() {
    let lease = Lease { backend: Backend::Vertex, ..lease(Scheme::Bearer) };
    let problem = variables(&lease, |_| false).expect_err("refused");
    assert!(problem.hint.is_some_and(|hint| hint.contains("claviger gcp")));
}

#[test]
fn tools_of_aws_get_keys_and_a_chosen_region() {
    let tool = |lease: &Lease, environment: &[&str]| {
        let variables = super::aws_tool(lease, |name| environment.contains(&name)).expect("valid");
        variables
            .into_iter()
            .map(|(name, value)| (name, value.map(|value| value.expose().clone())))
            .collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let [id, secret] = [("AWS_ACCESS_KEY_ID", some("AKIA1")), ("AWS_SECRET_ACCESS_KEY", some("s"))];
    let region = ("AWS_REGION", some("eu-west-1"));
    let expected = [id.clone(), secret.clone(), region, ("AWS_SESSION_TOKEN", None), ("AWS_PROFILE", None)];
    assert_eq!(tool(&bedrock(), &["AWS_SESSION_TOKEN", "AWS_PROFILE", "ANTHROPIC_API_KEY"]), expected);
    assert_eq!(tool(&Lease { region: "us-east-1".into(), ..bedrock() }, &[]), [id, secret]);
    let material = Some(Material::Secret(Secret::from("canary")));
    let token = Lease { material, scheme: Scheme::Bearer, region: String::new(), ..bedrock() };
    assert_eq!(tool(&token, &["AWS_ACCESS_KEY_ID"]), [("AWS_BEARER_TOKEN_BEDROCK", some("canary"))]);
}
