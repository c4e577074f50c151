//! Token endpoints that say no, nonsense, too much or nothing: for a login's code, and for a refresh.

use claviger::reason::Reason;
use claviger_tests::{
    issuer::{Issuer, MARK, but, granted, refusal},
    login::{account, assert_problem, lent, refresh, signed_in},
    stand_in::{Response, StandIn},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Answers of no use: what is made of them for a code, and for a refresh.
fn useless() -> Vec<(Response, Reason, &'static str)> {
    let unavailable = Reason::SourceUnavailable;
    let denied = Reason::UpstreamDenied;
    let granted_text = granted("cut", 3600).to_string();
    vec![
        (refusal(400, "invalid_client"), denied, "invalid_client"),
        (refusal(401, "invalid_client"), denied, "invalid_client"),
        (refusal(403, "unauthorized_client"), denied, "unauthorized_client"),
        (refusal(400, "sk-canary says: a sentence"), denied, "an unknown error code"),
        (refusal(400, "sk-canary-code"), denied, "an unknown error code"),
        (refusal(400, "temporarily_unavailable"), unavailable, "temporarily_unavailable"),
        (Response::new(401, MARK), denied, "401"),
        (Response::new(403, format!("<html>{MARK}")), denied, "403"),
        (Response::new(400, ""), unavailable, "400"),
        (refusal(429, "invalid_grant").header("retry-after", "2"), unavailable, "429"),
        (refusal(500, "invalid_grant"), unavailable, "500"),
        (Response::new(503, MARK).header("retry-after", "99999999999"), unavailable, "503"),
        (refusal(200, "invalid_grant"), unavailable, "missing"),
        (Response::new(200, format!("<html>{MARK}")), unavailable, "not with an OAuth error"),
        (Response::new(200, &granted_text[..granted_text.len() - 9]), unavailable, "not with an OAuth error"),
        (Response::new(200, ""), unavailable, "not with an OAuth error"),
        (Response::new(204, ""), unavailable, "204"),
        (Response::json(json!([MARK])), unavailable, "not with an OAuth error"),
        (Response::json(json!({})), unavailable, "missing"),
        (but("access_token", json!(null)), unavailable, "missing"),
        (but("access_token", json!(7)), unavailable, "missing"),
        (but("access_token", json!("")), unavailable, "empty"),
        (
            but("access_token", json!("sk-canary-a\r\nX-Evil: 1")),
            unavailable,
            "a character that no token has",
        ),
        (but("access_token", json!(format!("sk-canary-{}", "a".repeat(20_000)))), unavailable, "too long"),
        (but("token_type", json!("mac")), unavailable, "not a bearer token"),
        (but("expires_in", json!(0)), unavailable, "expired already"),
        (but("expires_in", json!(-3600)), unavailable, "expired already"),
        (
            Response::new(200, format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20))),
            unavailable,
            "more than 64 KiB",
        ),
    ]
}

/// Lifetimes that say nothing, or too much: the token is used all the same.
fn odd_lifetimes() -> Vec<Value> {
    vec![json!(null), json!("soon"), json!(1e12), json!("3600"), json!(3599.5), json!([1]), json!(u64::MAX)]
}

#[tokio::test]
async fn a_code_that_is_answered_badly_leaves_nothing_behind() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    let mut cases = useless();
    cases.push((refusal(400, "invalid_grant"), Reason::LoginRequired, "invalid_grant"));
    for (count, (response, reason, part)) in cases.into_iter().enumerate() {
        issuer.answers(response);
        let problem = issuer.sign_in(&home).await.expect_err(part);
        assert_problem(&problem, reason, part);
        assert_eq!(issuer.asked(), count + 1, "one attempt each: {part}");
        assert_eq!(account(&home, "work").await, None, "{part}");
    }
    assert_eq!(lent(&home, "").await.expect_err("nothing").reason, Reason::NoCredential);
    for (n, life) in odd_lifetimes().into_iter().enumerate() {
        let mut reply = granted(&n.to_string(), 0);
        reply["expires_in"] = life;
        issuer.answers(Response::json(reply));
        issuer.sign_in(&home).await.expect("signed in");
        assert_eq!(lent(&home, "").await.expect("a token"), format!("sk-canary-access-{n}"));
    }
    // One that is replaced badly stays.
    issuer.answers(Response::new(500, ""));
    issuer.sign_in(&home).await.expect_err("refused");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-6");
}

#[tokio::test]
async fn a_refresh_that_is_answered_badly_changes_nothing() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    let kept = account(&home, "work").await;
    for (count, (response, reason, part)) in useless().into_iter().enumerate() {
        issuer.answers(response);
        let problem = refresh(&home).await.expect_err(part);
        assert_problem(&problem, reason, part);
        assert_eq!(issuer.asked(), count + 2, "one attempt each: {part}");
        assert_eq!(lent(&home, "").await.expect(part), "sk-canary-access-first");
        assert_eq!(account(&home, "work").await, kept, "{part}");
    }
    for (n, life) in odd_lifetimes().into_iter().enumerate() {
        let mut reply = granted(&n.to_string(), 0);
        reply["expires_in"] = life;
        issuer.answers(Response::json(reply));
        refresh(&home).await.expect("recovered");
        assert_eq!(lent(&home, "").await.expect("a token"), format!("sk-canary-access-{n}"));
    }
}

#[tokio::test]
async fn a_server_says_when_to_come_back() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    for (told, heard) in [("7", 7), ("99999999999", 300)] {
        issuer.answers(Response::new(429, "").header("retry-after", told));
        let problem = refresh(&home).await.expect_err("busy");
        let left = problem.retry_after.expect("a pause");
        assert!(left <= Duration::from_secs(heard) && left > Duration::from_secs(heard / 2), "{left:?}");
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_is_kept_whatever_else_is_odd() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    issuer.answers(but("access_token", json!("")));
    refresh(&home).await.expect_err("of no use");
    issuer.answers(Response::json(granted("good", 3600)));
    refresh(&home).await.expect("recovered");
    let sent: Vec<_> =
        issuer.server.requests().iter().filter_map(|request| request.field("refresh_token")).collect();
    assert_eq!(sent, ["sk-canary-refresh-first", "sk-canary-refresh-odd"]);
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-good");
}

#[tokio::test]
async fn a_valid_token_outlives_a_daemon_whose_server_is_down() {
    let (issuer, home, daemon) = signed_in(3600).await;
    let mut reply = granted("second", 3600);
    reply.as_object_mut().expect("an object").remove("refresh_token");
    issuer.answers(Response::json(reply));
    refresh(&home).await.expect("refreshed");
    issuer.answers(Response::new(503, ""));
    refresh(&home).await.expect_err("down");
    assert!(daemon.terminate().success());
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
    refresh(&home).await.expect_err("still down");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
    issuer.answers(Response::json(granted("third", 3600)));
    refresh(&home).await.expect("recovered");
    let last = issuer.server.requests().pop().expect("a request");
    assert_eq!(last.field("refresh_token").as_deref(), Some("sk-canary-refresh-first"), "it was not rotated");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-third");
}

#[tokio::test]
async fn only_invalid_grant_ends_a_login_and_nobody_asks_again() {
    let (issuer, home, daemon) = signed_in(3600).await;
    issuer.answers(refusal(400, "invalid_grant"));
    let problem = refresh(&home).await.expect_err("spent");
    assert_problem(&problem, Reason::LoginRequired, "invalid_grant");
    assert!(problem.advice().unwrap_or_default().contains("claviger login work"), "{problem:?}");
    let asked = issuer.asked();
    // What is still good is lent, and the failure is reported.
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    let noted = account(&home, "work").await.expect("it is kept").problem.expect("a problem");
    assert!(noted.message.contains("invalid_grant"), "{noted:?}");
    issuer.answers(Response::json(granted("second", 3600)));
    for _ in 0..3 {
        assert_eq!(refresh(&home).await.expect_err("spent").reason, Reason::LoginRequired);
    }
    assert!(daemon.terminate().success());
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    assert_eq!(refresh(&home).await.expect_err("spent").reason, Reason::LoginRequired);
    assert_eq!(issuer.asked(), asked, "a spent token is not sent again");
    assert!(!home.files("home/.local/state/claviger/accounts").is_empty());
    let again = issuer.sign_in(&home).await.expect("signed in");
    assert_eq!(again.problem, None);
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
    refresh(&home).await.expect("refreshed");
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    let elsewhere = StandIn::start(|_| Response::json(granted("stolen", 3600)));
    let own = format!("{}/token", issuer.server.url);
    for status in [301, 302, 303, 307, 308] {
        for to in [&elsewhere.url, &own, "//127.0.0.1:1/", ""] {
            let before = issuer.asked();
            issuer.answers(refusal(status, "invalid_grant").header("location", to));
            assert_problem(
                &refresh(&home).await.expect_err("no"),
                Reason::SourceUnavailable,
                &status.to_string(),
            );
            assert_problem(
                &issuer.sign_in(&home).await.expect_err("no"),
                Reason::SourceUnavailable,
                &status.to_string(),
            );
            assert_eq!(issuer.asked(), before + 2);
        }
    }
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
}
