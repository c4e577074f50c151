//! What token servers say that is not a token: what becomes of it, and that none of it is repeated.

use claviger_tests::{
    CANARY,
    google::{
        authorized_user, aws, external, failure, google, impersonated, name_file, said, service_account,
        vertex,
    },
    secret,
    stand_in::{Response, StandIn},
};
use serde_json::{Value, json};
use std::{thread, time::SystemTime};

const NEEDS_HUMAN: i32 = 4;
const BLOCKED: i32 = 5;
const SOURCE_FAILED: i32 = 6;
const TIMED_OUT: i32 = 7;

/// A server's answer, for whom, and what comes of it.
struct Case {
    what: &'static str,
    answer: Response,
    code: i32,
    reason: &'static str,
    part: &'static str,
}

fn case(what: &'static str, answer: Response, code: i32, reason: &'static str, part: &'static str) -> Case {
    Case { what, answer, code, reason, part }
}

/// Tries all answers at once, each with a server, a file and a credential of its own. How many requests each server got.
fn answers(file: impl Fn(&str) -> Value + Sync, cases: Vec<Case>) -> Vec<usize> {
    let home = vertex();
    let _daemon = home.daemon();
    let (home, file) = (&home, &file);
    thread::scope(|scope| {
        let each = |(index, Case { what, answer, code, reason, part })| {
            scope.spawn(move || {
                let server = StandIn::start(move |_| answer.clone());
                let path = home.write(&format!("{index}.json"), &file(&server.url).to_string());
                let mut client = home.claviger(&["get", "--json", "--show-secret"]);
                let output = client.env("GOOGLE_APPLICATION_CREDENTIALS", path).output().expect("it runs");
                let error = said(output, code, what);
                assert_eq!(error["reason"], reason, "{what}: {error}");
                assert!(error.to_string().contains(part), "{what}: {part:?} is not in {error}");
                server.requests().len()
            })
        };
        let started: Vec<_> = cases.into_iter().enumerate().map(each).collect();
        started.into_iter().map(|one| one.join().expect("it is as it should be")).collect()
    })
}

fn oauth(status: u16, code: &str) -> Response {
    Response::error(status, json!({"error": code, "error_description": secret("description")}))
}

fn granted(expires_in: Value) -> Response {
    Response::json(json!({"access_token": secret("token"), "expires_in": expires_in}))
}

#[test]
fn what_a_token_server_says_to_a_user() {
    let unavailable = |what, answer, part| case(what, answer, SOURCE_FAILED, "source-unavailable", part);
    answers(
        authorized_user,
        vec![
            case("revoked", oauth(400, "invalid_grant"), NEEDS_HUMAN, "login-required", "invalid_grant"),
            case(
                "client gone",
                oauth(401, "invalid_client"),
                NEEDS_HUMAN,
                "login-required",
                "application-default login",
            ),
            case(
                "policy",
                oauth(400, "admin_policy_enforced"),
                BLOCKED,
                "upstream-denied",
                "admin_policy_enforced",
            ),
            case(
                "a planted code",
                oauth(400, &secret("x")),
                BLOCKED,
                "upstream-denied",
                "an unknown error code",
            ),
            case("forbidden", Response::new(403, secret("page")), BLOCKED, "upstream-denied", "no code"),
            unavailable("busy", oauth(429, "x").header("retry-after", "7"), "overloaded"),
            unavailable("500", Response::new(500, secret("page")), "status 500"),
            unavailable(
                "HTML",
                Response::new(200, format!("<html>{CANARY}")),
                "a proxy answers in its place",
            ),
            unavailable("HTML with 400", Response::new(400, format!("<html>{CANARY}")), "not a token"),
            unavailable("empty", Response::new(200, ""), "not a token"),
            unavailable(
                "cut short",
                Response::new(200, format!("{{\"access_token\": \"{CANARY}")),
                "not a token",
            ),
            unavailable("huge", Response::new(200, "x".repeat(100_000)), "more than 64 KiB"),
            unavailable("not a token", Response::json(json!({"expires_in": 1})), "not a token"),
            unavailable("token is a number", Response::json(json!({"access_token": 1})), "not a token"),
            unavailable(
                "token with a line",
                Response::json(json!({"access_token": format!("{CANARY}\nx")})),
                "not a token",
            ),
            unavailable("expires at once", granted(json!(0)), "has expired"),
            unavailable("expired", granted(json!(-1)), "has expired"),
            unavailable("for ever", granted(json!(1_000_000_000_000_u64)), "not a token"),
            unavailable("lifetime is a word", granted(json!("soon")), "not a token"),
            unavailable(
                "elsewhere",
                Response::new(302, "").header("location", "https://example.com/"),
                "redirect",
            ),
        ],
    );
}

#[test]
fn what_a_token_server_says_to_a_service_account() {
    let an_hour_ago = SystemTime::now() - std::time::Duration::from_secs(3600);
    let date = aws_smithy_types::DateTime::from(an_hour_ago);
    let date = date.fmt(aws_smithy_types::date_time::Format::HttpDate).expect("a date");
    let skewed = oauth(400, "invalid_grant").header("date", &date);
    answers(
        service_account,
        vec![
            case("revoked", oauth(400, "invalid_grant"), BLOCKED, "upstream-denied", "key may be revoked"),
            case("clock", skewed, BLOCKED, "upstream-denied", "clock of this machine is off by 60 min"),
            case(
                "busy",
                Response::new(503, "").header("retry-after", "7"),
                SOURCE_FAILED,
                "source-unavailable",
                "overloaded",
            ),
        ],
    );
}

#[test]
fn what_is_said_to_an_impersonator() {
    let refused = Response::error(
        403,
        json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": secret("m")}}),
    );
    let no_date = Response::json(json!({"accessToken": secret("t"), "expireTime": "tomorrow"}));
    let past = Response::json(json!({"accessToken": secret("t"), "expireTime": "2001-01-01T00:00:00Z"}));
    let good = google();
    let source = authorized_user(&good.url);
    answers(
        |url| impersonated(url, source.clone()),
        vec![
            case("refused", refused, BLOCKED, "upstream-denied", "serviceAccountTokenCreator"),
            case("no date", no_date, SOURCE_FAILED, "source-unavailable", "not a token"),
            case("past", past, SOURCE_FAILED, "source-unavailable", "has expired"),
        ],
    );
    let revoked =
        case("revoked", oauth(400, "invalid_grant"), NEEDS_HUMAN, "login-required", "invalid_grant");
    answers(|url| impersonated(&good.url, authorized_user(url)), vec![revoked]);
}

#[test]
fn what_a_platform_says_that_has_no_subject_token() {
    let unavailable = |what, answer, part| case(what, answer, SOURCE_FAILED, "source-unavailable", part);
    let format = json!({"type": "json", "subject_token_field_name": "inner"});
    let cases = || {
        vec![
            unavailable("404", Response::new(404, secret("page")), "no subject token"),
            unavailable("empty", Response::new(200, ""), "no subject token"),
        ]
    };
    answers(|url| external(url, json!({"url": format!("{url}/subject")})), cases());
    answers(|url| external(url, json!({"url": format!("{url}/subject"), "format": format})), {
        let mut all = cases();
        all.push(unavailable("not JSON", Response::new(200, secret("x")), "no subject token"));
        all.push(unavailable(
            "other field",
            Response::json(json!({"other": secret("x")})),
            "no subject token",
        ));
        all
    });
    answers(
        |url| external(url, aws(url)),
        vec![unavailable("no instance", Response::new(403, secret("page")), "status 403")],
    );
}

#[test]
fn a_pause_is_passed_on() {
    let mut home = vertex();
    let server = StandIn::start(|_| Response::new(429, "").header("retry-after", "70"));
    name_file(&mut home, &authorized_user(&server.url));
    let _daemon = home.daemon();
    failure(&home, SOURCE_FAILED, "busy");
    let error = failure(&home, SOURCE_FAILED, "still busy");
    assert_eq!(server.requests().len(), 1, "no request is sent before the pause is over");
    let seconds = error["retry_after_seconds"].as_f64();
    assert!(seconds.is_some_and(|seconds| (60.0..=70.0).contains(&seconds)), "{error}");
}

#[test]
fn a_server_that_never_answers_is_named() {
    let mut home = vertex();
    let server = StandIn::start(|_| Response::never());
    name_file(&mut home, &authorized_user(&server.url));
    let _daemon = home.daemon();
    let error = failure(&home, TIMED_OUT, "never");
    assert_eq!(error["reason"], "source-timeout", "{error}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{} did not answer within 10 s", server.port())),
        "{error}"
    );
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let mut home = vertex();
    name_file(&mut home, &authorized_user("http://127.0.0.1:1"));
    let _daemon = home.daemon();
    let error = failure(&home, SOURCE_FAILED, "no listener");
    assert!(error.to_string().contains("127.0.0.1:1 cannot be reached"), "{error}");
}

#[test]
fn a_page_in_place_of_a_server_is_a_proxys() {
    let page = |what, status| {
        let page = Response::new(status, secret("page")).header("content-type", "text/html; charset=utf-8");
        case(what, page, SOURCE_FAILED, "source-unavailable", "a proxy answers in its place")
    };
    let pages = || vec![page("portal", 200), page("sign-in", 302), page("policy", 403), page("asks", 511)];
    for asked in answers(authorized_user, pages()).into_iter().chain(answers(service_account, pages())) {
        assert!(asked <= 3, "asked {asked} times");
    }
    answers(|url| external(url, json!({"url": format!("{url}/subject")})), pages());
    answers(|url| external(url, aws(url)), pages());
    let good = google();
    answers(|url| impersonated(url, authorized_user(&good.url)), pages());
}

#[test]
fn a_subject_token_is_used_once() {
    let mut home = vertex();
    let subject = home.write("subject.txt", &secret("once"));
    let said = [Response::lost(), oauth(400, "invalid_grant"), Response::new(500, "")];
    let reasons = ["source-unavailable", "upstream-denied", "source-unavailable"];
    let servers = said.map(|answer| StandIn::start(move |_| answer.clone()));
    let files = servers.each_ref().map(|server| external(&server.url, json!({"file": subject})));
    let _daemon = home.daemon();
    for (at, ((server, file), reason)) in servers.iter().zip(files).zip(reasons).enumerate() {
        let path = home.write(&format!("once{at}.json"), &file.to_string());
        home.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("UTF-8"));
        for _ in 0..2 {
            let output = home.run(&["get", "--json", "--show-secret"]);
            let code = output.status.code().expect("it ends");
            assert_eq!(claviger_tests::google::said(output, code, reason)["reason"], reason);
        }
        assert_eq!(server.count("/v1/token"), 1, "{reason}: it is not shown again at once");
    }
}
