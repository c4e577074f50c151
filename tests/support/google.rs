//! Google on loopback: credentials files of every kind, and one server that stands in for all of Google's and AWS's.

use super::{
    CANARY, Home, block_on, seconds, secret,
    stand_in::{Request, Response, StandIn},
    text,
};
use claviger::{client::Client, proto::v1};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix,
    path::{Path, PathBuf},
    process::Output,
};

/// A key made for these tests; it signs nothing else.
pub const KEY: &str = include_str!("key.pem");
pub const AUDIENCE: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
pub const WORKFORCE: &str = "//iam.googleapis.com/locations/global/workforcePools/p/providers/q";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A Vertex session that looks for no metadata server, and has no gcloud in its PATH.
pub fn vertex() -> Home {
    let mut home = Home::new();
    fs::create_dir(home.path("tools")).expect("directory");
    for tool in ["env", "sleep", "touch"] {
        unix::fs::symlink(Path::new("/usr/bin").join(tool), home.path("tools").join(tool)).expect("a link");
    }
    home.set("PATH", home.path("tools").to_str().expect("UTF-8"));
    home.set("CLAUDE_CODE_USE_VERTEX", "1");
    home.set("ANTHROPIC_VERTEX_PROJECT_ID", "p");
    home.set("NO_GCE_CHECK", "true");
    home
}

/// Puts a gcloud into PATH that notes its arguments in `gcloud.runs`.
pub fn gcloud(home: &mut Home) -> PathBuf {
    let runs = home.path("gcloud.runs");
    let credential =
        json!({"access_token": format!("{CANARY}gcloud"), "token_expiry": "2099-01-01T00:00:00Z"});
    let body = format!("echo \"$@\" >> '{}'\necho '{}'", runs.display(), json!({"credential": credential}));
    fs::create_dir_all(home.path("home/.config/gcloud")).expect("gcloud's own directory");
    let path = format!("{}:{}", home.path("bin").display(), home.path("tools").display());
    home.set("PATH", &path);
    home.script("bin/gcloud", &body)
}

/// Writes a credentials file and names it in GOOGLE_APPLICATION_CREDENTIALS.
pub fn name_file(home: &mut Home, file: &Value) -> PathBuf {
    let path = home.write("credentials.json", &file.to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("UTF-8"));
    path
}

pub fn lease(home: &Home) -> claviger::Lease {
    block_on(async {
        let mut client = Client::connect(&home.socket()).await.expect("the daemon listens");
        client.get(&home.session(), None).await.expect("a lease")
    })
}

/// What became known of the credential.
pub fn facts(home: &Home) -> v1::Facts {
    lease(home).facts.expect("facts")
}

/// Seconds from now until a lease ends.
pub fn seconds_left(lease: &claviger::Lease) -> i64 {
    super::answers::seconds(lease.expires_at) - i64::try_from(seconds()).expect("small")
}

pub fn google() -> StandIn {
    StandIn::start(answer)
}

/// What the servers answer when all is well.
pub fn answer(request: &Request) -> Response {
    let oauth = |what: &str| {
        Response::json(json!({"access_token": secret(what), "expires_in": 3599, "token_type": "Bearer"}))
    };
    let role = "/latest/meta-data/iam/security-credentials";
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/token") => oauth("oauth"),
        ("POST", "/v1/token") => oauth("sts"),
        ("POST", path) if path.ends_with(":generateAccessToken") => {
            Response::json(json!({"accessToken": secret("iam"), "expireTime": "2099-01-01T00:00:00Z"}))
        }
        ("GET", "/subject") => Response::new(200, secret("subject")),
        ("GET", "/subject.json") if request.header("x-wanted") == "yes" => {
            Response::json(json!({"inner": secret("subject")}))
        }
        ("PUT", "/latest/api/token") => Response::new(200, "imds-session"),
        ("GET", path)
            if path.starts_with("/latest/")
                && request.header("x-aws-ec2-metadata-token") != "imds-session" =>
        {
            Response::new(401, "")
        }
        ("GET", "/latest/meta-data/placement/availability-zone") => Response::new(200, "eu-west-1b"),
        ("GET", path) if path == role => Response::new(200, "some-role"),
        ("GET", path) if path == format!("{role}/some-role") => Response::json(json!({
            "AccessKeyId": "AKIAROLE", "SecretAccessKey": secret("aws"), "Token": secret("session"),
        })),
        ("GET", path) if path.starts_with("/computeMetadata/") || path == "/" => metadata(request),
        _ => Response::new(404, ""),
    }
}

fn metadata(request: &Request) -> Response {
    let response = match request.path.as_str() {
        _ if request.header("metadata-flavor") != "Google" => Response::new(403, ""),
        "/computeMetadata/v1/instance/service-accounts/default/token" => {
            Response::json(json!({"access_token": secret("metadata"), "expires_in": 1800}))
        }
        "/computeMetadata/v1/instance/service-accounts/default/" => {
            Response::json(json!({"email": "default@p.iam.gserviceaccount.com", "scopes": []}))
        }
        "/computeMetadata/v1/project/project-id" => {
            Response::new(200, "p").header("content-type", "text/plain")
        }
        _ => Response::new(200, ""),
    };
    response.header("metadata-flavor", "Google")
}

pub fn service_account(base: &str) -> Value {
    json!({
        "type": "service_account", "project_id": "of-the-file", "private_key_id": "key-1", "private_key": KEY,
        "client_email": "robot@p.iam.gserviceaccount.com", "client_id": "1",
        "token_uri": format!("{base}/token"), "universe_domain": "googleapis.com",
    })
}

pub fn authorized_user(base: &str) -> Value {
    json!({
        "type": "authorized_user", "client_id": "client.apps.example", "client_secret": secret("client"),
        "refresh_token": secret("refresh+/= token"), "token_uri": format!("{base}/token"),
        "quota_project_id": "billed", "account": "", "universe_domain": "googleapis.com",
    })
}

pub fn workforce_user(base: &str) -> Value {
    json!({
        "type": "external_account_authorized_user", "audience": WORKFORCE, "client_id": "client",
        "client_secret": secret("client"), "refresh_token": secret("refresh"), "token_url": format!("{base}/v1/token"),
        "token_info_url": format!("{base}/v1/introspect"),
    })
}

pub fn impersonation(base: &str) -> String {
    format!("{base}/v1/projects/-/serviceAccounts/target@p.iam.gserviceaccount.com:generateAccessToken")
}

pub fn impersonated(base: &str, source: Value) -> Value {
    json!({
        "type": "impersonated_service_account", "delegates": ["middle@p.iam.gserviceaccount.com"],
        "service_account_impersonation_url": impersonation(base), "source_credentials": source,
    })
}

/// An external account with a source of this kind.
pub fn external(base: &str, source: Value) -> Value {
    let aws = source.get("environment_id").is_some();
    let kind = if aws { "urn:ietf:params:aws:token-type:aws4_request" } else { JWT };
    json!({
        "type": "external_account", "audience": AUDIENCE, "subject_token_type": kind,
        "token_url": format!("{base}/v1/token"), "credential_source": source,
    })
}

/// A source on an AWS instance.
pub fn aws(base: &str) -> Value {
    json!({
        "environment_id": "aws1",
        "region_url": format!("{base}/latest/meta-data/placement/availability-zone"),
        "url": format!("{base}/latest/meta-data/iam/security-credentials"),
        "imdsv2_session_token_url": format!("{base}/latest/api/token"),
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    })
}

/// A program that prints what an executable source should.
pub fn printer(home: &Home) -> PathBuf {
    let output = json!({
        "version": 1, "success": true, "token_type": JWT, "id_token": secret("subject"),
        "expiration_time": 4_000_000_000_u64,
    });
    home.script("print-token.sh", &format!("env > '{}'\necho '{output}'", home.path("printer.env").display()))
}

/// What a session gets to see, which holds no secret of the file and none of the server.
pub fn failure(home: &Home, code: i32, what: &str) -> Value {
    said(home.run(&["get", "--json", "--show-secret"]), code, what)
}

/// What a client said that failed.
pub fn said(output: Output, code: i32, what: &str) -> Value {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{what}: {stderr}");
    assert!(!stderr.contains(CANARY), "{what}: {stderr}");
    // Before it may stand that it takes a while.
    let last = stderr.trim().lines().last().unwrap_or_default();
    let error = serde_json::from_str::<Value>(last).unwrap_or_else(|_| panic!("{what}: {stderr}"));
    error["error"].clone()
}
