//! Authorization servers that are not what they should be: their metadata, certificates, pace, and what they tell a device.

use claviger::{
    proto::v1::{self, LoginFlow},
    reason::Reason,
};
use claviger_tests::{
    Home,
    issuer::{Issuer, MARK, but, granted, redirected, refusal},
    login::{Login, account, assert_problem, lent, refresh},
    stand_in::{Authority, Response, StandIn},
};
use serde_json::{Value, json};

const CONFIG: &str = "home/.config/claviger/config.toml";

#[tokio::test]
async fn certificates_are_checked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let issuer = Issuer::start_tls(&authority);
    let (says, other) = (granted("x", 3600), granted("y", 3600));
    let misnamed = StandIn::start_tls_as(&authority, "other.example", move |_| Response::json(says.clone()));
    let strange = StandIn::start_tls(&stranger, move |_| Response::json(other.clone()));
    let mut home = issuer.home("");
    let pem = home.write("ca.pem", &authority.pem());
    home.set("SSL_CERT_FILE", pem.to_str().expect("UTF-8"));
    let _daemon = home.daemon();
    issuer.sign_in(&home).await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    refresh(&home).await.expect("refreshed");
    for server in [&misnamed, &strange] {
        let endpoint = format!("token_endpoint = \"{}/token\"", server.url);
        home.replace(CONFIG, &issuer.section("work", &endpoint));
        let problem = issuer.sign_in(&home).await.expect_err("not who it should be");
        assert_problem(&problem, Reason::SourceUnavailable, "cannot be reached");
        assert!(server.requests().is_empty(), "nothing was sent");
    }
    // The login that was made before goes on with the endpoint it was made at.
    refresh(&home).await.expect("refreshed");
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_given_up() {
    let issuer = Issuer::start();
    let home = Home::new();
    let base = &issuer.server.url;
    let slow = |name: &str| issuer.section(name, &format!("token_endpoint = \"{base}/{name}\""));
    home.write(CONFIG, &format!("{}{}{}", issuer.section("work", ""), slow("never"), slow("drips")));
    let _daemon = home.daemon();
    let mut login = Login::start(&home, |start| start.name = "work".into()).await;
    let Ok(v1::login_response::Event::Url(url)) = login.next().await else { panic!("no URL") };
    login.paste(&redirected(&url)).await;
    login.end().await.expect("signed in");
    lent(&home, "work").await.expect("a token");
    issuer.answers(Response::never());
    let sign_in = async |name: &str| {
        let mut login = Login::start(&home, |start| start.name = name.into()).await;
        let Ok(v1::login_response::Event::Url(url)) = login.next().await else { panic!("no URL") };
        login.paste(&redirected(&url)).await;
        login.end().await
    };
    let (never, drips, refreshed) = tokio::join!(sign_in("never"), sign_in("drips"), refresh(&home));
    for problem in [never.expect_err("never"), drips.expect_err("drips")] {
        assert_problem(&problem, Reason::SourceTimeout, "did not answer within 10 s");
    }
    // A rotated token is given once, so its answer is waited for longer.
    assert_problem(&refreshed.expect_err("refresh"), Reason::SourceTimeout, "did not answer within 30 s");
    assert_eq!(lent(&home, "work").await.expect("a token"), "sk-canary-access-first");
}

#[tokio::test]
async fn metadata_that_cannot_be_trusted_end_a_login_before_it_begins() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    let invalid = Reason::SettingsInvalid;
    for (changes, reason, part) in [
        (json!({ "issuer": "https://other.example" }), invalid, "another issuer"),
        (json!({ "issuer": null }), invalid, "another issuer"),
        (json!({ "issuer": ["x"] }), Reason::SourceUnavailable, "no usable metadata"),
        (json!({ "token_endpoint": "http://login.example.com/token" }), invalid, "neither https"),
        (json!({ "authorization_endpoint": "http://login.example.com/" }), invalid, "neither https"),
        (json!({ "token_endpoint": "http://127.0.0.1@login.example.com/" }), invalid, "neither https"),
        (json!({ "token_endpoint": "http://127.0.0.1.example.com/" }), invalid, "neither https"),
        (json!({ "revocation_endpoint": "ftp://127.0.0.1/" }), invalid, "neither https"),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), invalid, "neither https"),
        (json!({ "authorization_endpoint": null }), invalid, "no authorization_endpoint"),
        (json!({ "token_endpoint": null }), invalid, "no token_endpoint"),
        (json!({ "code_challenge_methods_supported": ["plain"] }), invalid, "S256"),
        (json!({ "code_challenge_methods_supported": [] }), invalid, "S256"),
    ] {
        issuer.publishes(changes);
        assert_problem(&issuer.sign_in(&home).await.expect_err(part), reason, part);
    }
    assert_eq!(issuer.asked(), 0);
    // One that says nothing of PKCE gets it all the same.
    issuer.publishes(json!({ "code_challenge_methods_supported": null }));
    issuer.sign_in(&home).await.expect("signed in");
    let verifier = issuer.server.requests().pop().and_then(|request| request.field("code_verifier"));
    assert!(verifier.expect("a verifier").len() >= 43);
}

#[tokio::test]
async fn nothing_goes_over_the_network_in_the_clear() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    for (key, url) in [
        ("token_endpoint", "http://login.example.com/token"),
        ("authorization_endpoint", "http://localhost.example.com/auth"),
        ("revocation_endpoint", "http://127.0.0.2.example.com/revoke"),
    ] {
        home.replace(CONFIG, &issuer.section("work", &format!("{key} = \"{url}\"")));
        let problem = issuer.sign_in(&home).await.expect_err(key);
        assert_problem(&problem, Reason::SettingsInvalid, &format!("{key} is neither https"));
        assert_eq!(problem.location.expect("a place").line, 1);
    }
    assert!(issuer.server.requests().is_empty());
}

#[tokio::test]
async fn a_client_secret_goes_where_the_server_takes_it() {
    let issuer = Issuer::start();
    let home = issuer.home("client_secret_command = \"echo sk-canary-secret:/+\"");
    let _daemon = home.daemon();
    for (methods, in_body) in [
        (json!(null), false),
        (json!(["client_secret_basic", "client_secret_post"]), false),
        (json!(["client_secret_post"]), true),
    ] {
        issuer.publishes(json!({ "token_endpoint_auth_methods_supported": methods }));
        issuer.sign_in(&home).await.expect("signed in");
        let code = issuer.server.requests().pop().expect("a request");
        lent(&home, "").await.expect("a token");
        refresh(&home).await.expect("refreshed");
        let refreshed = issuer.server.requests().pop().expect("a request");
        assert_eq!(refreshed.field("grant_type").as_deref(), Some("refresh_token"));
        for request in [code, refreshed] {
            let in_header = request.header("authorization").starts_with("Basic ");
            let sent = request.field("client_secret");
            assert_eq!((in_header, sent.is_some()), (!in_body, in_body), "{methods}");
            assert!(sent.is_none_or(|secret| secret == "sk-canary-secret:/+"));
        }
    }
}

#[tokio::test]
async fn a_device_is_asked_for_at_the_pace_that_the_server_wants() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    issuer.answers(refusal(400, "authorization_pending"));
    let (login, code) = Login::device(&home).await;
    assert_eq!((code.user_code.as_str(), code.verification_uri_complete.as_str()), ("ABCD-EFGH", ""));
    claviger_tests::wait::until("it was asked", || issuer.asked() >= 1);
    issuer.answers(refusal(400, "slow_down"));
    let before = issuer.asked();
    claviger_tests::wait::until("it was slowed down", || issuer.asked() > before);
    // A server in trouble is asked again, too.
    issuer.answers(Response::new(503, MARK));
    let before = issuer.asked();
    claviger_tests::wait::until("it was in trouble", || issuer.asked() > before);
    issuer.answers(Response::json(granted("device", 3600)));
    login.end().await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-device");
    let sent = issuer.server.requests().pop().expect("a request");
    assert_eq!(sent.field("device_code").as_deref(), Some("sk-canary-device"));
}

#[tokio::test]
async fn what_a_device_endpoint_says_is_checked_too() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    for (answer, reason, part) in [
        (refusal(400, "expired_token"), Reason::SourceTimeout, "the code was not typed in"),
        (refusal(400, "access_denied"), Reason::UpstreamDenied, "access_denied"),
        (refusal(400, "invalid_client"), Reason::UpstreamDenied, "invalid_client"),
        (Response::new(200, MARK), Reason::SourceUnavailable, "not with an OAuth error"),
        (but("access_token", json!("")), Reason::SourceUnavailable, "empty"),
    ] {
        issuer.answers(answer);
        let (login, _) = Login::device(&home).await;
        assert_problem(&login.end().await.expect_err(part), reason, part);
    }
    for (answer, reason, part) in [
        (refusal(400, "unauthorized_client"), Reason::UpstreamDenied, "unauthorized_client"),
        (Response::new(500, MARK), Reason::SourceUnavailable, "500"),
        (Response::new(200, MARK), Reason::SourceUnavailable, "not with an OAuth error"),
        (started("interval", json!(u64::MAX)), Reason::SourceUnavailable, "interval"),
        (started("device_code", json!(null)), Reason::SourceUnavailable, "not with an OAuth error"),
        (started("expires_in", json!(0)), Reason::SourceTimeout, "the code was not typed in"),
        // It gets as far as the token endpoint.
        (started("expires_in", json!(u64::MAX)), Reason::SourceUnavailable, "empty"),
    ] {
        issuer.starts_devices_with(answer);
        let login = Login::start(&home, |start| start.flow = LoginFlow::Device.into()).await;
        assert_problem(&login.end().await.expect_err(part), reason, part);
    }
    assert_eq!(account(&home, "work").await, None);
}

/// The start of a device flow, but for `key`.
fn started(key: &str, value: Value) -> Response {
    let mut started = claviger_tests::issuer::device();
    started[key] = value;
    Response::json(started)
}
