//! A refresh whose answer is lost, and a server that takes a token no more: no spent token is shown while the access token that
//! every session has could end with it, and none that is dead is lent.

use claviger::reason::Reason;
use claviger_tests::{
    issuer::{granted, refusal},
    login::{account, assert_problem, lent, refresh, signed_in},
    stand_in::Response,
    text, wait,
};

const LOCK: &str = "home/.local/state/claviger/accounts/work.lock";

#[tokio::test]
async fn a_token_whose_answer_was_lost_is_shown_again_only_when_nothing_is_left() {
    let (issuer, home, daemon) = signed_in(3600).await;
    issuer.answers(Response::lost());
    refresh(&home).await.expect_err("lost");
    assert_eq!(issuer.asked(), 2);
    issuer.answers(Response::json(granted("second", 3600)));
    for _ in 0..3 {
        let problem = refresh(&home).await.expect_err("not shown");
        assert_problem(
            &problem,
            Reason::SourceUnavailable,
            "may be used up; an earlier refresh was never answered",
        );
        assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    }
    let output = home.run(&["token"]);
    assert!(
        output.status.success() && text(&output.stderr).contains("the last refresh failed"),
        "no terminal"
    );
    assert_eq!(text(&home.run(&["token", "--quiet"]).stderr), "");
    assert!(daemon.terminate().success());
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    assert_eq!(issuer.asked(), 2);
    // The API takes the access token no more: now nothing can be lost.
    home.ok(&["refresh", "--rejected", "401"]);
    wait::until("it is shown", || issuer.asked() == 3);
    wait::until("it brought another", || home.ok(&["token"]) == "sk-canary-access-second\n");
    assert_eq!(home.read(LOCK), "");
}

#[tokio::test]
async fn a_second_answer_that_is_lost_ends_the_login() {
    let (issuer, home, _daemon) = signed_in(4).await;
    issuer.answers(Response::lost());
    refresh(&home).await.expect_err("lost");
    wait::until("the token is over, and what replaces it is lost", || {
        home.run(&["token"]).status.code() == Some(4)
    });
    let problem = lent(&home, "").await.expect_err("over");
    assert_problem(&problem, Reason::LoginRequired, "two refreshes in a row were never answered");
    assert_eq!(issuer.asked(), 3, "one login, and two showings");
    issuer.answers(Response::json(granted("second", 3600)));
    refresh(&home).await.expect_err("over");
    assert_eq!(issuer.asked(), 3);
    issuer.sign_in(&home).await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
}

#[tokio::test]
async fn a_token_that_the_server_keeps_can_be_shown_again() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    let mut reply = granted("second", 3600);
    reply.as_object_mut().expect("an object").remove("refresh_token");
    issuer.answers(Response::json(reply.clone()));
    refresh(&home).await.expect("refreshed");
    issuer.answers(Response::lost());
    refresh(&home).await.expect_err("lost");
    issuer.answers(Response::json(reply));
    refresh(&home).await.expect("refreshed again");
}

#[tokio::test]
async fn a_request_that_was_never_sent_spends_nothing() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    drop(issuer);
    for _ in 0..2 {
        assert_problem(
            &refresh(&home).await.expect_err("gone"),
            Reason::SourceUnavailable,
            "cannot be reached",
        );
        assert_eq!(home.read(LOCK), "");
    }
}

#[tokio::test]
async fn a_token_that_api_and_server_refuse_is_not_lent() {
    let (issuer, home, daemon) = signed_in(3600).await;
    issuer.answers(refusal(400, "invalid_grant"));
    home.ok(&["refresh", "--rejected", "401"]);
    wait::until("it is not lent any more", || home.run(&["token"]).status.code() == Some(4));
    assert_problem(&lent(&home, "").await.expect_err("dead"), Reason::LoginRequired, "invalid_grant");
    let asked = issuer.asked();
    assert!(daemon.terminate().success());
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect_err("dead").reason, Reason::LoginRequired);
    assert_eq!(issuer.asked(), asked, "a spent token is not shown");
    assert!(account(&home, "work").await.expect("it is kept").problem.is_some());
}

#[tokio::test]
async fn an_invalid_token_is_a_login_to_make() {
    let header = "Bearer realm=\"x\", error=\"invalid_token\"";
    for answer in [refusal(401, "invalid_token"), Response::new(401, "").header("www-authenticate", header)] {
        let (issuer, home, _daemon) = signed_in(3600).await;
        issuer.answers(answer);
        let problem = refresh(&home).await.expect_err("spent");
        assert_problem(&problem, Reason::LoginRequired, "invalid_token");
        assert!(problem.advice().unwrap_or_default().contains("claviger login work"), "{problem:?}");
        assert_eq!(
            lent(&home, "").await.expect("a token"),
            "sk-canary-access-first",
            "it is good for a while"
        );
    }
}
