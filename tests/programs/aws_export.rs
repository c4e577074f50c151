//! `awsCredentialExport`, end to end: what it prints, what becomes of that, and who may have it run.

use claviger_tests::{
    CANARY,
    aws::{Bedrock, about, instant, keys, printed},
    stand_in::{Response, StandIn},
    text,
};
use serde_json::{Value, json};
use std::time::Duration;

/// A session whose export command notes its runs and then does `body`.
fn with_export(body: &str) -> Bedrock {
    let session = Bedrock::new();
    let command = counted(&session, "export", body);
    session.settings(&json!({"awsCredentialExport": command}));
    session
}

/// A script that notes its runs.
fn counted(session: &Bedrock, name: &str, body: &str) -> String {
    let runs = session.home.path(format!("{name}.runs"));
    let script =
        session.home.script(&format!("{name}.sh"), &format!("echo run >> '{}'\n{body}", runs.display()));
    script.display().to_string()
}

fn nested(expiration: Option<&str>) -> String {
    let flat: Value = serde_json::from_str(&printed("AKIANESTED", expiration)).expect("JSON");
    json!({"Credentials": flat, "AssumedRoleUser": {"Arn": "arn"}}).to_string()
}

fn echo(text: &str) -> String {
    format!("echo '{text}'")
}

#[test]
fn both_shapes_with_and_without_expiry() {
    let in_two_hours = instant(7200);
    for (output, id, expected) in [
        (printed("AKIAFLAT", None), "AKIAFLAT", 3600),
        (printed("AKIAFLAT", Some(&in_two_hours)), "AKIAFLAT", 7200),
        (nested(None), "AKIANESTED", 3600),
        (nested(Some(&in_two_hours)), "AKIANESTED", 7200),
    ] {
        let session = with_export(&echo(&output));
        let _daemon = session.daemon();
        let lease = session.lease();
        assert_eq!(keys(&lease), (id, &*format!("{CANARY}s"), Some(&*format!("{CANARY}t"))));
        let (_, seconds) = about(&lease);
        assert!((expected - 60..=expected + 1).contains(&seconds), "{id}: {seconds} s");
        assert_eq!(lease.source, "aws-export");
        assert!(lease.location.is_some_and(|at| at.file.ends_with("settings.json")));
    }
}

#[test]
fn it_comes_before_keys_and_chain_and_ran_once() {
    let mut session = with_export(&echo(&printed("AKIAEXPORT", None)));
    session.set("AWS_ACCESS_KEY_ID", "AKIAOWN");
    session.set("AWS_SECRET_ACCESS_KEY", format!("{CANARY}own"));
    session.config("[default]\ncredential_process = false\n");
    let _daemon = session.daemon();
    for _ in 0..3 {
        assert_eq!(keys(&session.lease()).0, "AKIAEXPORT");
    }
    assert_eq!(session.home.runs("export"), 1);
}

#[test]
fn a_short_life_causes_no_storm() {
    let session = with_export(&echo(&printed("AKIASHORT", Some(&instant(120)))));
    let _daemon = session.daemon();
    let lease = session.lease();
    // Not five minutes before expiry, which is past already, but a part of what is left.
    let (refresh_at, expires_at) = (
        claviger_tests::answers::seconds(lease.refresh_at),
        claviger_tests::answers::seconds(lease.expires_at),
    );
    let margin = expires_at - refresh_at;
    assert!((1..=60).contains(&margin), "{margin} s before the end");
    for _ in 0..5 {
        assert_eq!(keys(&session.lease()).0, "AKIASHORT");
    }
    assert_eq!(session.home.runs("export"), 1);
}

#[test]
fn what_it_prints_wrongly_is_an_error_that_repeats_nothing() {
    let good = printed("AKIA", None);
    let without = |key: &str| {
        let mut keys: Value = serde_json::from_str(&good).expect("JSON");
        keys.as_object_mut().expect("an object").remove(key);
        echo(&keys.to_string())
    };
    for (body, reason, code) in [
        (without("SessionToken"), "command-output-invalid", 6),
        (without("SecretAccessKey"), "command-output-invalid", 6),
        (echo(&printed("AKIA", Some("canary-tomorrow"))), "command-output-invalid", 6),
        (echo(&printed("AKIA", Some("2026-01-31"))), "command-output-invalid", 6),
        (echo(&printed("AKIA", Some(&instant(-60)))), "login-required", 4),
        (format!("echo Attempting {CANARY}; {}", echo(&good)), "command-output-invalid", 6),
        (format!("{}; echo {CANARY}", echo(&good)), "command-output-invalid", 6),
        (echo(&good[..good.len() - 5]), "command-output-invalid", 6),
        (echo(CANARY), "command-output-invalid", 6),
        (String::new(), "command-output-invalid", 6),
        (format!("yes {CANARY} | head -c 9000000"), "command-output-invalid", 6),
        (echo(&good.replace("AKIA", "AK IA")), "command-output-invalid", 6),
        (format!("echo {CANARY}; echo {CANARY} >&2; exit 3"), "command-failed", 6),
        ("exec /nonexistent".into(), "command-failed", 6),
    ] {
        let session = with_export(&body);
        let _daemon = session.daemon();
        let problem = session.refused(reason);
        assert!(problem.message.starts_with("awsCredentialExport"), "{body}: {problem:?}");
        let output = session.run(&["get", "--json", "--show-secret"]);
        let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{body}: {shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_failure_does_not_fall_through() {
    let mut session = with_export("exit 1");
    session.set("AWS_ACCESS_KEY_ID", "AKIAOWN");
    session.set("AWS_SECRET_ACCESS_KEY", format!("{CANARY}own"));
    let _daemon = session.daemon();
    session.refused("command-failed");
}

#[test]
fn an_untrusted_project_has_nothing_run() {
    let session = Bedrock::new();
    let command = counted(&session, "project", &echo(&printed("AKIAPROJECT", None)));
    session.home.write("work/.claude/settings.json", &json!({"awsCredentialExport": command}).to_string());
    let _daemon = session.daemon();
    let problem = session.refused("workspace-untrusted");
    assert!(problem.location.expect("a place").to_string().contains("work/.claude/settings.json"));
    assert_eq!(session.run(&["get"]).status.code(), Some(4));
    assert_eq!(session.home.runs("project"), 0);
    session.home.grant(&[]);
    assert_eq!(keys(&session.lease()).0, "AKIAPROJECT");
    assert_eq!(session.home.runs("project"), 1);
}

/// STS that does not take the key `AKIAOLD`.
fn sts() -> StandIn {
    StandIn::start(|request| match request.header("authorization").contains("Credential=AKIAOLD/") {
        true => Response::new(403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"),
        false => Response::new(
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>",
        ),
    })
}

/// A session whose export prints the file `out`, and whose sign-in writes it.
fn with_sign_in(service: &StandIn, old: &str, fresh: &str) -> Bedrock {
    let mut session = Bedrock::new();
    session.home.write("out", old);
    session.home.write("fresh", fresh);
    let (out, new) = (session.home.path("out"), session.home.path("fresh"));
    let export = counted(&session, "export", &format!("cat '{}'", out.display()));
    let sign_in = counted(&session, "signin", &format!("cp '{}' '{}'", new.display(), out.display()));
    session.settings(&json!({"awsCredentialExport": export, "awsAuthRefresh": sign_in}));
    session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
    session
}

#[test]
fn exported_keys_that_aws_turns_down_lead_to_one_sign_in() {
    let service = sts();
    let session = with_sign_in(&service, &printed("AKIAOLD", None), &printed("AKIANEW", None));
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIANEW");
    assert_eq!((session.home.runs("export"), session.home.runs("signin")), (2, 1));
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn expired_output_leads_to_one_sign_in() {
    let service = sts();
    let session = with_sign_in(&service, &printed("AKIAX", Some(&instant(-1))), &printed("AKIANEW", None));
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIANEW");
    assert_eq!((session.home.runs("export"), session.home.runs("signin")), (2, 1));
}

#[test]
fn a_sign_in_that_does_not_help_is_said_so_and_not_repeated() {
    let service = sts();
    let session = with_sign_in(&service, &printed("AKIAOLD", None), &printed("AKIAOLD", None));
    let _daemon = session.daemon();
    let problem = session.refused("login-required");
    assert!(
        problem.message.contains("ExpiredToken") && problem.message.contains("awsAuthRefresh"),
        "{problem:?}"
    );
    session.refused("login-required");
    assert_eq!(session.home.runs("signin"), 1);
}

#[test]
fn keys_that_aws_takes_need_no_sign_in() {
    let service = sts();
    let session = with_sign_in(&service, &printed("AKIAGOOD", None), "");
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIAGOOD");
    assert!(session.ask(Some(Duration::from_secs(60))).is_ok());
    assert_eq!((session.home.runs("export"), session.home.runs("signin")), (1, 0));
}
