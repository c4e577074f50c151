//! Bedrock's credentials: every link of the AWS default chain that needs no STS, end to end.

use claviger_tests::{
    CANARY,
    aws::{Bedrock, about, instant, keys, printed, role_keys, sso_cache},
    stand_in::{Response, StandIn},
};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

/// How far an expiry may be from what was said: the time a test takes.
const SLACK: i64 = 60;

fn is_about(seconds: i64, expected: i64) -> bool {
    (expected - SLACK..=expected + 1).contains(&seconds)
}

#[test]
fn keys_of_the_session_stay_there() {
    let mut session = Bedrock::new();
    session.set("AWS_ACCESS_KEY_ID", "AKIAOWN");
    session.set("AWS_SECRET_ACCESS_KEY", format!("{CANARY}own"));
    let _daemon = session.daemon();
    let lease = session.lease();
    let own = claviger::Material::OwnVariable("AWS_ACCESS_KEY_ID".into());
    assert_eq!(lease.material, Some(own));
    assert_eq!((lease.source.as_str(), lease.region.as_str()), ("env-aws-keys", "us-east-1"));
}

#[test]
fn a_static_profile_is_asked_again_after_an_hour() {
    let session = Bedrock::with_profile("region = eu-central-1");
    let credentials = format!("[dev]\naws_access_key_id = AKIASTATIC\naws_secret_access_key = {CANARY}k\n");
    session.home.write("home/.aws/credentials", &credentials);
    let _daemon = session.daemon();
    let lease = session.lease();
    assert_eq!(keys(&lease), ("AKIASTATIC", &*format!("{CANARY}k"), None));
    let (link, seconds) = about(&lease);
    assert!(link == "profile" && is_about(seconds, 3600), "{link}: {seconds} s");
    assert_eq!(lease.origin, "https://bedrock-runtime.eu-central-1.amazonaws.com");
    assert_eq!((lease.source.as_str(), lease.region.as_str()), ("aws-chain", "eu-central-1"));
    let links = lease.facts.expect("facts").links;
    let links: Vec<_> = links.iter().map(|link| (link.source.as_str(), link.why.as_str())).collect();
    assert_eq!(links.last(), Some(&("profile", "profile dev (keys)")), "{links:?}");
}

#[test]
fn a_credential_process_has_the_sessions_environment() {
    let mut session = Bedrock::with_profile("");
    let process = session.home.script(
        "process.sh",
        &format!(
            "env > '{}'\ncat '{}'",
            session.home.path("seen").display(),
            session.home.path("out").display()
        ),
    );
    session.config(&format!("[profile dev]\ncredential_process = {}\n", process.display()));
    session.home.write("out", &printed("AKIAPROCESS", Some(&instant(1800))));
    session.settings(&json!({"env": {"MARK": "of-settings"}}));
    session.home.set("MARK", "of-daemon");
    let _daemon = session.daemon();
    let lease = session.lease();
    assert_eq!(keys(&lease), ("AKIAPROCESS", &*format!("{CANARY}s"), Some(&*format!("{CANARY}t"))));
    let (link, seconds) = about(&lease);
    assert!(link == "profile" && is_about(seconds, 1800), "{link}: {seconds} s");
    let seen = session.home.read("seen");
    assert!(seen.lines().any(|line| line == "MARK=of-settings"), "{seen}");
    assert!(!seen.contains("XDG_RUNTIME_DIR="), "a variable of the daemon: {seen}");
}

#[test]
fn a_container_hands_out_credentials_for_its_token() {
    let service = StandIn::start(|request| match request.header("authorization") {
        "Bearer pod" | "Bearer file" => role_keys(7200),
        _ => Response::new(403, ""),
    });
    let mut session = Bedrock::new();
    session.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/creds", service.url));
    session.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer pod");
    // What is asked on this machine stays on it.
    session.set("HTTP_PROXY", "http://127.0.0.1:9");
    let _daemon = session.daemon();
    let (link, seconds) = about(&session.lease());
    assert!(link == "container" && is_about(seconds, 7200), "{link}: {seconds} s");
    let token = session.home.write("token", "Bearer file");
    session.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().expect("UTF-8"));
    session.unset("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    assert_eq!(keys(&session.lease()).0, "AKIAROLE");
    let tokens: Vec<_> =
        service.requests().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert_eq!(tokens, ["Bearer pod", "Bearer file"]);
}

#[test]
fn an_instance_hands_out_credentials_for_a_session_token() {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let service = StandIn::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => {
            Response::new(200, "imds-token").header("x-aws-ec2-metadata-token-ttl-seconds", "600")
        }
        ("GET", _) if request.header("x-aws-ec2-metadata-token") != "imds-token" => Response::new(401, ""),
        ("GET", ROLES) => Response::new(200, "role"),
        ("GET", path) if path == format!("{ROLES}role") => role_keys(3600),
        _ => Response::new(404, ""),
    });
    let mut session = Bedrock::new();
    session.unset("AWS_EC2_METADATA_DISABLED");
    session.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url.clone());
    session.set("HTTP_PROXY", "http://127.0.0.1:9");
    let _daemon = session.daemon();
    let lease = session.lease();
    let (link, seconds) = about(&lease);
    assert!(link == "imds" && is_about(seconds, 3600), "{link}: {seconds} s");
    assert_eq!(keys(&lease).0, "AKIAROLE");
}

/// Portal and OIDC of SSO: `old` has been turned down, `fresh` is what a refresh gives.
fn sso() -> StandIn {
    StandIn::start(|request| match (request.path.as_str(), request.header("x-amz-sso_bearer_token")) {
        ("/federation/credentials", "good" | "fresh") => {
            let in_half_an_hour = std::time::SystemTime::now() + std::time::Duration::from_secs(1800);
            let since = in_half_an_hour.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
            Response::json(json!({"roleCredentials": {
                "accessKeyId": "AKIASSO", "secretAccessKey": format!("{CANARY}s"),
                "sessionToken": format!("{CANARY}t"), "expiration": u64::try_from(since.as_millis()).expect("fits"),
            }}))
        }
        ("/token", _) => Response::json(json!({
            "accessToken": "fresh", "expiresIn": 3600, "refreshToken": format!("{CANARY}rotated"), "tokenType": "Bearer",
        })),
        _ => Response::error(401, json!({"message": format!("{CANARY} expired")}))
            .header("x-amzn-errortype", "UnauthorizedException"),
    })
}

/// A session with SSO; `cached` is its token cache.
fn sso_session(service: &StandIn, is_legacy: bool, cached: &serde_json::Value) -> Bedrock {
    const START: &str = "https://sso.example/start";
    let role = "sso_account_id = 123456789012\nsso_role_name = dev";
    let place = format!("sso_region = us-east-1\nsso_start_url = {START}");
    let mut session = Bedrock::with_profile("");
    session.config(&match is_legacy {
        true => format!("[profile dev]\n{role}\n{place}\n"),
        false => format!("[profile dev]\n{role}\nsso_session = corp\n[sso-session corp]\n{place}\n"),
    });
    if !cached.is_null() {
        session.home.write(&sso_cache(if is_legacy { START } else { "corp" }), &cached.to_string());
    }
    session.set("AWS_ENDPOINT_URL_SSO", service.url.clone());
    session.set("AWS_ENDPOINT_URL_SSO_OIDC", service.url.clone());
    session
}

#[test]
fn sso_of_both_kinds() {
    let service = sso();
    for is_legacy in [false, true] {
        let session =
            sso_session(&service, is_legacy, &json!({"accessToken": "good", "expiresAt": instant(3600)}));
        let _daemon = session.daemon();
        let lease = session.lease();
        let (link, seconds) = about(&lease);
        assert!(link == "profile" && is_about(seconds, 1800), "{link}: {seconds} s");
        assert_eq!(lease.facts.expect("facts").account, "123456789012");
    }
}

#[test]
fn an_expired_sso_token_is_refreshed_and_stored() {
    let service = sso();
    let session = sso_session(
        &service,
        false,
        &json!({
            "accessToken": "old", "expiresAt": instant(-60), "refreshToken": format!("{CANARY}first"), "clientId": "c",
            "clientSecret": format!("{CANARY}c"), "registrationExpiresAt": instant(3600), "region": "us-east-1",
            "startUrl": "https://sso.example/start",
        }),
    );
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIASSO");
    let path = session.home.path(sso_cache("corp"));
    assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let cache: serde_json::Value =
        serde_json::from_str(&session.home.read(&sso_cache("corp"))).expect("JSON");
    assert_eq!(
        (&cache["accessToken"], &cache["refreshToken"]),
        (&json!("fresh"), &json!(format!("{CANARY}rotated")))
    );
}

#[test]
fn sso_without_a_valid_sign_in_asks_for_one() {
    let service = sso();
    let expired = json!({"accessToken": "old", "expiresAt": instant(-60)});
    // As the AWS CLI wrote it before 2020, which the SDK cannot read.
    let old = json!({"accessToken": "old", "expiresAt": "2020-06-10T12:00:00UTC"});
    for cached in [&expired, &old, &json!(null)] {
        for is_legacy in [false, true] {
            let session = sso_session(&service, is_legacy, cached);
            let _daemon = session.daemon();
            let problem = session.refused("login-required");
            assert!(problem.message.contains("profile dev"), "{problem:?}");
            assert!(problem.advice().expect("advice").contains("`aws sso login --profile dev`"));
        }
    }
}

#[test]
fn signing_in_mends_sso() {
    let service = sso();
    let mut session = sso_session(&service, false, &json!(null));
    let good = json!({"accessToken": "good", "expiresAt": instant(3600)});
    let (cache, fresh) =
        (session.home.path(sso_cache("corp")), session.home.write("fresh", &good.to_string()));
    std::fs::create_dir_all(cache.parent().expect("a directory")).expect("directory");
    let sign_in = format!(
        "echo run >> '{}'; cp '{}' '{}'",
        session.home.path("signin.runs").display(),
        fresh.display(),
        cache.display()
    );
    session.settings(&json!({"awsAuthRefresh": sign_in}));
    // A check without a clear answer counts for nothing.
    session.set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIASSO");
    assert_eq!(session.home.runs("signin"), 1);
}

#[test]
fn what_the_daemon_was_started_with_changes_nothing() {
    let mut session = Bedrock::with_profile("region = eu-west-3");
    let credentials = format!("[dev]\naws_access_key_id = AKIAMINE\naws_secret_access_key = {CANARY}m\n");
    session.home.write("home/.aws/credentials", &credentials);
    let poison = session
        .home
        .write("poison", "[default]\naws_access_key_id = AKIAEVIL\naws_secret_access_key = evil\n");
    for (name, value) in [
        ("AWS_PROFILE", "default"),
        ("AWS_ACCESS_KEY_ID", "AKIAEVIL"),
        ("AWS_SECRET_ACCESS_KEY", "evil"),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/"),
        ("AWS_CONFIG_FILE", poison.to_str().expect("UTF-8")),
        ("AWS_SHARED_CREDENTIALS_FILE", poison.to_str().expect("UTF-8")),
    ] {
        session.home.set(name, value);
    }
    let _daemon = session.daemon();
    let lease = session.lease();
    assert_eq!((keys(&lease).0, lease.region.as_str()), ("AKIAMINE", "eu-west-3"));
}

#[test]
fn profiles_side_by_side_never_mix_and_run_once_each() {
    let mut session = Bedrock::new();
    for name in ["one", "two"] {
        session.home.write(&format!("{name}.out"), &printed(&format!("AKIA{name}"), None));
        let (runs, out) =
            (session.home.path(format!("{name}.runs")), session.home.path(format!("{name}.out")));
        // Slow enough for all clients to come while it runs.
        session.home.script(
            &format!("{name}.sh"),
            &format!("echo run >> '{}'\nsleep 0.5\ncat '{}'", runs.display(), out.display()),
        );
    }
    let process = |name: &str| session.home.path(format!("{name}.sh")).display().to_string();
    session.config(&format!(
        "[profile one]\ncredential_process = {}\n[profile two]\ncredential_process = {}\n",
        process("one"),
        process("two")
    ));
    let _daemon = session.daemon();
    session.set("AWS_PROFILE", "one");
    let one = session.context();
    session.set("AWS_PROFILE", "two");
    let two = session.context();
    let socket = session.home.socket();
    std::thread::scope(|scope| {
        for turn in 0..40 {
            let (context, name) = if turn % 2 == 0 { (&one, "AKIAone") } else { (&two, "AKIAtwo") };
            let socket = &socket;
            scope.spawn(move || {
                claviger_tests::block_on(async {
                    let mut client =
                        claviger::client::Client::connect(socket).await.expect("the daemon listens");
                    let lease = client.get(context, None).await.expect("a lease");
                    assert_eq!(keys(&lease).0, name);
                });
            });
        }
    });
    assert_eq!((session.home.runs("one"), session.home.runs("two")), (1, 1));
}
