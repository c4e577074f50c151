//! A session on Bedrock and what gives it credentials.

use super::{
    CANARY, Home,
    stand_in::{Response, StandIn},
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// An instant that no test lives to see.
pub const FAR: &str = "2099-01-01T00:00:00Z";

/// A Bedrock session that looks for no instance metadata.
pub fn bedrock() -> Home {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home
}

/// What the client prints, which must be JSON.
pub fn json_of(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&home.ok(arguments)).expect("JSON")
}

/// A container's endpoint that has credentials as soon as the file `go` exists. `first` is answered until then.
pub fn container(home: &mut Home, first: impl Fn(usize) -> Response + Send + Sync + 'static) -> StandIn {
    let go = home.path("go");
    let asked = AtomicUsize::new(0);
    let service = StandIn::start(move |request| match request.path.as_str() {
        "/creds" if go.exists() => Response::json(credentials(FAR)),
        "/creds" => first(asked.fetch_add(1, SeqCst)),
        // STS, asked whether the credentials are good.
        _ => Response::new(200, "<GetCallerIdentityResponse/>"),
    });
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/creds", service.url));
    home.set("AWS_ENDPOINT_URL_STS", &service.url);
    service
}

/// An answer with credentials that end at `expiration`.
pub fn credentials(expiration: &str) -> Value {
    json!({
        "AccessKeyId": "AKIA1", "SecretAccessKey": format!("{CANARY}s"), "Token": format!("{CANARY}t"),
        "Expiration": expiration,
    })
}
