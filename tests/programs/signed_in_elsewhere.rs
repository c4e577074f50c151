//! A person signs in by hand while claviger says that no one is signed in, and what a command said that signed no one in.

use crate::auth_refresh::{LINK, TOKEN, keep_token, logins, pending, portal, sign_in_by, signed_out, start};
use claviger_tests::{
    CANARY, Home,
    stand_in::{Request, Response, StandIn},
    text,
    wait::until,
};
use std::{fs, time::Duration};

#[test]
fn the_next_question_after_a_sign_in_by_hand_is_answered() {
    let portal = portal(Duration::from_secs(3600));
    // Without a command that signs in; and with one that fails, and is not run again.
    for (command, runs, code) in [(None, 0, 4), (Some("exit 1"), 1, 6)] {
        let mut home = signed_out(&portal);
        if let Some(script) = command {
            sign_in_by(&home, script);
        }
        let daemon = home.daemon();
        for there in [true, false] {
            if !there {
                fs::remove_file(home.path(TOKEN)).expect("removed");
                // Another entry, which has lent nothing yet.
                home.set("AWS_REGION", "us-west-2");
                assert!(!home.run(&["get"]).status.success());
            } else {
                home.fails(code, &["get"]);
            }
            let (asked, before) = (portal.count("/federation/credentials"), logins(&home));
            assert!(!home.run(&["get"]).status.success());
            assert_eq!(portal.count("/federation/credentials"), asked, "a pause holds it up");
            keep_token(&home, "good");
            assert!(home.ok(&["get"]).contains("aws-chain"));
            assert_eq!((logins(&home), before), (runs, runs), "{command:?}");
        }
        drop(daemon);
    }
}

/// An STS that takes one token.
fn sts(request: &Request) -> Response {
    match request.field("WebIdentityToken").as_deref() {
        Some("fresh") => Response::new(
            200,
            format!(
                "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
                 <AccessKeyId>AKIAWEB</AccessKeyId><SecretAccessKey>{CANARY}s</SecretAccessKey>\
                 <SessionToken>{CANARY}t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                 <AssumedRoleUser><Arn>a</Arn><AssumedRoleId>i</AssumedRoleId></AssumedRoleUser>\
                 </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
            ),
        ),
        _ => Response::new(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code>\
             <Message>Token expired</Message></Error></ErrorResponse>",
        ),
    }
}

#[test]
fn a_token_file_that_was_replaced_is_read_with_the_next_question() {
    let service = StandIn::start(sts);
    let mut home = Home::new();
    home.write("token", "stale");
    for (name, value) in [
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/dev"),
        ("AWS_ROLE_SESSION_NAME", "s"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &home.path("token").display().to_string()),
        ("AWS_ENDPOINT_URL_STS", &service.url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
    ] {
        home.set(name, value);
    }
    let _daemon = home.daemon();
    assert!(!home.run(&["get"]).status.success());
    let asked = service.requests().len();
    assert!(!home.run(&["get"]).status.success());
    assert_eq!(service.requests().len(), asked, "a pause holds it up");
    home.replace("token", "fresh");
    assert!(home.ok(&["get"]).contains("aws-chain"));
}

#[test]
fn a_sign_in_by_hand_ends_the_wait_for_another() {
    let portal = portal(Duration::from_secs(3600));
    let mut home = signed_out(&portal);
    let waits =
        format!("echo 'open {LINK}'\nwhile [ ! -e '{}' ]; do sleep 0.05; done", home.path("go").display());
    sign_in_by(&home, &waits);
    let _daemon = home.daemon();
    let mut sessions = vec![start(&home, &["get"]), start(&home, &["get"])];
    home.set("AWS_REGION", "us-west-2");
    sessions.push(start(&home, &["get"]));
    until("all wait", || pending(&home).iter().any(|run| run.waiting == 2));
    // A file that says the same again is looked at, and does not help.
    let asked = portal.count("/federation/credentials");
    keep_token(&home, "stale");
    until("it is looked at", || portal.count("/federation/credentials") > asked);
    assert_eq!(pending(&home).len(), 1);
    let begun = std::time::Instant::now();
    keep_token(&home, "good");
    for session in sessions {
        let output = session.wait_with_output().expect("ends");
        let stderr = text(&output.stderr);
        assert!(output.status.success() && stderr.contains(LINK), "{stderr}");
        assert_eq!(stderr.matches(LINK).count(), 1, "told once: {stderr}");
    }
    claviger_tests::wait::not_held_up(begun);
    until("the command is ended, for no session needs it", || pending(&home).is_empty());
    assert_eq!(logins(&home), 1);
    // It was not a failure: the next time, a person is asked at once.
    keep_token(&home, "stale");
    home.write("go", "");
    home.ok(&["get"]);
}

#[test]
fn what_a_command_said_that_failed_at_once_is_told_to_all() {
    let _turn = claviger_tests::turn::take();
    let portal = portal(Duration::from_secs(3600));
    let mut home = signed_out(&portal);
    sign_in_by(&home, "echo 'the token of the hardware key is missing' >&2; exit 1");
    let _daemon = home.daemon();
    for region in ["eu-west-1", "us-west-2"] {
        // Other regions are other entries, and the person is the same.
        home.set("AWS_REGION", region);
        for output in home.herd(30, &["get"]) {
            let stderr = text(&output.stderr);
            assert!(!output.status.success() && stderr.contains("hardware key is missing"), "{stderr}");
        }
    }
    for _ in 0..3 {
        let late = text(&home.run(&["get"]).stderr);
        assert!(late.contains("hardware key is missing"), "{late}");
    }
    assert_eq!(logins(&home), 1);
    let status = home.ok(&["status"]);
    assert!(status.contains("hardware key is missing"), "{status}");
    assert!(!home.read("daemon.log").contains("hardware key"), "no log has it");
}
