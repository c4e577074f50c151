//! Bedrock's credentials: every link of the AWS default chain, end to end.

#![allow(clippy::disallowed_methods, reason = "tests prepare the world that the daemon looks at")]

mod support;

use serde_json::{Value, json};
use support::{
    CANARY, Home,
    stand_in::{Response, StandIn},
};

/// A Bedrock session that looks for no instance metadata.
fn bedrock() -> Home {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home
}

fn lease(home: &Home) -> Value {
    serde_json::from_str(&home.ok(&["get", "--json"])).expect("JSON")
}

#[test]
fn a_container_gives_its_credentials_with_their_expiry() {
    let service = StandIn::start(|request| match request.header("authorization") {
        "Bearer pod" => Response::json(json!({
            "AccessKeyId": "AKIA1", "SecretAccessKey": format!("{CANARY}s"), "Token": format!("{CANARY}t"),
            "Expiration": "2099-01-01T00:00:00Z",
        })),
        _ => Response::new(403, ""),
    });
    let mut home = bedrock();
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/creds", service.url));
    home.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer pod");
    let _daemon = home.daemon();
    let lease = lease(&home);
    assert_eq!(lease["source"], "aws-chain", "{lease}");
    assert_eq!(lease["expires_at"], "2099-01-01T00:00:00Z", "{lease}");
    assert_eq!(service.count("/creds"), 1);
}
