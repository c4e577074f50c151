//! Requests that no well-behaved client sends: each is refused with a typed reason, and the daemon goes on.

use crate::daemon::Inside;
use claviger::{
    client::Client,
    proto::v1,
    reason::{Problem, Reason},
    session::MAX_EXPLICIT_SETTINGS,
    wire,
};
use claviger_tests::{CANARY, answers::refused};
use std::fs;
use tonic::{Code, Request};

type Change = fn(&mut v1::SessionContext);

/// Every wrong way to describe a session, and its reason.
const SESSIONS: &[(&str, Reason, Change)] = &[
    ("empty cwd", Reason::MalformedRequest, |of| of.working_directory.clear()),
    ("relative cwd", Reason::MalformedRequest, |of| of.working_directory = "work".into()),
    ("vanished cwd", Reason::MalformedRequest, |of| of.working_directory += "/gone"),
    ("a file as cwd", Reason::MalformedRequest, |of| of.working_directory = "/etc/passwd".into()),
    ("a long cwd", Reason::MalformedRequest, |of| of.working_directory = format!("/{}", "x".repeat(5000))),
    ("a name too long for the system", Reason::MalformedRequest, |of| {
        of.working_directory = format!("/tmp/{}", "x".repeat(300));
    }),
    ("NUL in cwd", Reason::MalformedRequest, |of| of.working_directory += "\0"),
    ("line feed in cwd", Reason::MalformedRequest, |of| of.working_directory += "\n"),
    ("NUL in a name", Reason::MalformedRequest, |of| set(of, "HO\0ME", "/h")),
    ("line feed in a name", Reason::MalformedRequest, |of| set(of, "HOME\n", "/h")),
    ("empty name", Reason::MalformedRequest, |of| set(of, "", "/h")),
    ("NUL in a value", Reason::MalformedRequest, |of| set(of, "HOME", "/h\0")),
    ("line feed in a value", Reason::MalformedRequest, |of| set(of, "LANG", "C\nX")),
    ("escape in a value", Reason::MalformedRequest, |of| set(of, "LANG", "\x1b[2J")),
    ("a variable that is not on the list", Reason::MalformedRequest, |of| set(of, "BASH_ENV", "/x.so")),
    ("the value of a secret", Reason::MalformedRequest, |of| set(of, "ANTHROPIC_API_KEY", "sk-canary-x")),
    ("secret headers by value", Reason::MalformedRequest, |of| {
        set(of, "ANTHROPIC_CUSTOM_HEADERS", "X: sk-canary-x");
    }),
    ("a value of 40 kB", Reason::Limits, |of| set(of, "PATH", &"x".repeat(40_000))),
    ("10,000 variables", Reason::Limits, |of| (0..10_000).for_each(|n| set(of, &format!("V{n}"), ""))),
    ("10,000 present", Reason::Limits, |of| of.present = vec!["ANTHROPIC_API_KEY".into(); 10_000]),
    ("a setting as present", Reason::MalformedRequest, |of| of.present = vec!["PATH".into()]),
    ("NUL in present", Reason::MalformedRequest, |of| of.present = vec!["ANTHROPIC_API_KEY\0".into()]),
    ("unknown mode", Reason::MalformedRequest, |of| of.mode = 99),
    ("negative mode", Reason::MalformedRequest, |of| of.mode = -1),
    ("line feed in the name of settings", Reason::MalformedRequest, |of| {
        of.explicit_settings_name = "a\nb".into()
    }),
    ("NUL in the name of settings", Reason::MalformedRequest, |of| of.explicit_settings_name = "a\0".into()),
    ("2 MiB + 1 of settings", Reason::Limits, |of| {
        of.explicit_settings = vec![b' '; MAX_EXPLICIT_SETTINGS + 1]
    }),
    ("settings that are not UTF-8", Reason::SettingsInvalid, |of| of.explicit_settings = vec![0xff]),
    ("settings that are not JSON", Reason::SettingsInvalid, |of| {
        of.explicit_settings = b"{sk-canary-x".to_vec()
    }),
    ("settings with a NUL in the command", Reason::SettingsInvalid, |of| {
        of.explicit_settings = br#"{"apiKeyHelper": "echo \u0000"}"#.to_vec();
    }),
    ("nesting without end", Reason::SettingsInvalid, |of| {
        of.explicit_settings = format!("{{\"env\":{}", "[".repeat(100_000)).into_bytes();
    }),
    ("a name of 4 kB for broken settings", Reason::SettingsInvalid, |of| {
        (of.explicit_settings_name, of.explicit_settings) = ("\u{e9}".repeat(2048), b"{".to_vec());
    }),
    ("line feed in the flight", Reason::MalformedRequest, |of| of.inside_flight = "a\nb".into()),
    ("a flight of 5 kB", Reason::MalformedRequest, |of| of.inside_flight = "x".repeat(5000)),
];

fn set(session: &mut v1::SessionContext, name: &str, value: &str) {
    session.variables.insert(name.into(), value.into());
}

/// What every RPC that takes a session says to this one.
async fn ask_all(client: &Client, session: &v1::SessionContext) -> Vec<(&'static str, Problem)> {
    let of = || Some(session.clone());
    let mut credentials = client.credentials();
    let get = credentials
        .get_credential(v1::GetCredentialRequest { session: of(), min_validity: None, hook: None })
        .await;
    let report = v1::ReportRejectedRequest { session: of(), status: 401, ..Default::default() };
    let report = credentials.report_rejected(report).await;
    let explain = client.inspect().explain(v1::ExplainRequest { session: of(), ..Default::default() }).await;
    let refresh = client.inspect().refresh(v1::RefreshRequest { session: of(), ..Default::default() }).await;
    let describe = client.trust().describe_workspace(v1::DescribeWorkspaceRequest { session: of() }).await;
    let decide = v1::DecideTrustRequest { session: of(), digest: "0".repeat(64), decision: 1, agent: false };
    let decide = client.trust().decide_trust(decide).await;
    vec![
        ("get", refused(get)),
        ("report", refused(report)),
        ("explain", refused(explain)),
        ("refresh", refused(refresh)),
        ("describe", refused(describe)),
        ("decide", refused(decide)),
    ]
}

#[tokio::test]
async fn every_wrong_session_is_refused_by_every_call() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let client = daemon.client().await;
    let mut wrong = Vec::new();
    for (what, reason, change) in SESSIONS {
        let mut session = daemon.session().to_proto();
        change(&mut session);
        for (call, problem) in ask_all(&client, &session).await {
            if problem.reason != *reason {
                wrong.push(format!("{what}: {call}: expected {reason}, got {}: {problem}", problem.reason));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Without a session.
    let get = v1::GetCredentialRequest::default();
    assert_eq!(refused(client.credentials().get_credential(get).await).reason, Reason::MalformedRequest);
    assert_eq!(daemon.home.runs("key"), 0);
    daemon.end().await;
}

#[tokio::test]
async fn a_watch_of_a_wrong_session_is_refused_or_says_what_is_wrong() {
    let daemon = Inside::start();
    let mut session = daemon.session().to_proto();
    session.working_directory = "work".into();
    let request = v1::WatchCredentialRequest { session: Some(session), ..Default::default() };
    let client = daemon.client().await;
    assert_eq!(
        refused(client.credentials().watch_credential(request).await).reason,
        Reason::MalformedRequest
    );
    daemon.end().await;
}

#[tokio::test]
async fn every_wrong_argument_is_refused() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let client = daemon.client().await;
    let session = || Some(daemon.session().to_proto());
    for (seconds, nanos) in [(-1, 0), (0, -1), (i64::MIN, i32::MIN), (-1, 1)] {
        let min_validity = Some(prost_types::Duration { seconds, nanos });
        let get = v1::GetCredentialRequest { session: session(), min_validity, hook: None };
        let problem = refused(client.credentials().get_credential(get).await);
        assert_eq!(problem.reason, Reason::MalformedRequest, "{seconds} {nanos}");
    }
    for (key, status) in
        [("", 500), ("", 0), ("", 400), ("", u32::MAX), ("zz", 401), ("a\nb", 401), ("\0", 403)]
    {
        let report = v1::ReportRejectedRequest {
            session: session(),
            key: key.into(),
            generation: 1,
            status,
            had_worked: false,
        };
        let problem = refused(client.credentials().report_rejected(report).await);
        assert_eq!(problem.reason, Reason::MalformedRequest, "{key:?} {status}");
    }
    for decision in [0, 3, 99, -1] {
        let decide =
            v1::DecideTrustRequest { session: session(), digest: String::new(), decision, agent: false };
        assert_eq!(
            refused(client.trust().decide_trust(decide).await).reason,
            Reason::MalformedRequest,
            "{decision}"
        );
    }
    for root in ["", "w", "/w\n", "/w\0", &format!("/{}", "x".repeat(5000))] {
        let revoke = v1::RevokeTrustRequest { root: root.into() };
        assert_eq!(
            refused(client.trust().revoke_trust(revoke).await).reason,
            Reason::MalformedRequest,
            "{root:.20?}"
        );
    }
    assert_eq!(daemon.home.runs("key"), 0);
    daemon.end().await;
}

#[tokio::test]
async fn a_huge_wish_for_validity_runs_the_helper_once() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let client = daemon.client().await;
    for _ in 0..3 {
        let min_validity = Some(prost_types::Duration { seconds: i64::MAX, nanos: 999_999_999 });
        let get =
            v1::GetCredentialRequest { session: Some(daemon.session().to_proto()), min_validity, hook: None };
        client.credentials().get_credential(get).await.expect("a lease");
    }
    assert_eq!(daemon.home.runs("key"), 1);
    daemon.end().await;
}

#[tokio::test]
async fn a_message_beyond_four_mebibytes_is_refused_and_the_connection_goes_on() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let client = daemon.client().await;
    let mut session = daemon.session().to_proto();
    session.explicit_settings = vec![b' '; 4 * 1024 * 1024 + 1];
    let get = v1::GetCredentialRequest { session: Some(session), min_validity: None, hook: None };
    // The library refuses before any code of ours: a code, but no ErrorInfo.
    let status = client.credentials().get_credential(get).await.expect_err("refused");
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert_eq!(wire::from_status(&status).reason, Reason::Limits);
    client.clone().get(&daemon.session(), None).await.expect("a lease");
    daemon.end().await;
}

#[tokio::test]
async fn another_protocol_is_refused_with_what_to_update() {
    let daemon = Inside::start();
    let client = daemon.client().await;
    for (protocol, release) in [("3", "9.9.9"), ("0", ""), ("one", "x"), ("", "x")] {
        let mut request = Request::new(v1::GetVersionRequest {});
        request.metadata_mut().insert(wire::PROTOCOL_KEY, protocol.parse().expect("metadata"));
        request.metadata_mut().insert(wire::RELEASE_KEY, release.parse().expect("metadata"));
        let problem = refused(client.inspect().get_version(request).await);
        assert_eq!(problem.reason, Reason::MalformedRequest, "{protocol:?}");
        assert!(problem.message.contains(release) && problem.hint.is_some(), "{problem}");
    }
    // Who says nothing of it is a third-party client, and welcome.
    client.inspect().get_version(v1::GetVersionRequest {}).await.expect("a version");
    daemon.end().await;
}

#[tokio::test]
async fn errors_about_very_long_paths_reach_the_caller() {
    let daemon = Inside::start();
    let mut below = String::from("work");
    while below.len() < 3500 {
        below.push('/');
        below.push_str(&"\u{e9}".repeat(100));
    }
    let root = daemon.home.path(&below);
    fs::create_dir_all(root.join(".claude")).expect("directories");
    fs::write(root.join(".claude/settings.json"), "{\"apiKeyHelper\": \"evil\"}").expect("file");
    let problem = daemon.client().await.get(&daemon.session_in(&below), None).await.expect_err("untrusted");
    assert_eq!(problem.reason, Reason::WorkspaceUntrusted, "{}", problem.message);
    daemon.end().await;
}

#[tokio::test]
async fn a_whole_environment_is_taken_and_a_missing_path_is_told() {
    let daemon = Inside::start();
    daemon.home.user_settings(std::path::Path::new("no-such-program-anywhere"), &[]);
    let environment =
        [("HOME", daemon.home.path("home").display().to_string()), ("GITHUB_TOKEN", CANARY.into())];
    let of = |extra: Option<(&str, &str)>| {
        let extra = extra.map(|(name, value)| (name, value.to_owned()));
        let environment = environment.clone().into_iter().chain(extra);
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).collect();
        let working_directory = daemon.home.path("work").display().to_string();
        let session = Some(v1::SessionContext { working_directory, environment, ..Default::default() });
        v1::GetCredentialRequest { session, ..Default::default() }
    };
    let mut client = daemon.client().await.credentials();
    let problem = refused(client.get_credential(of(None)).await);
    assert_eq!(problem.reason, Reason::CommandFailed);
    assert!(problem.hint.is_some_and(|hint| hint.contains("the session sent no PATH")));
    let problem = refused(client.get_credential(of(Some(("PATH", "/usr/bin:/bin")))).await);
    assert!(problem.hint.is_some_and(|hint| hint.contains("it is not in") && !hint.contains("no PATH")));
    let lease = client.get_credential(of(Some(("ANTHROPIC_API_KEY", CANARY)))).await.expect("a lease");
    let material = lease.into_inner().lease.expect("a lease").material;
    assert_eq!(material, Some(v1::lease::Material::OwnVariable("ANTHROPIC_API_KEY".into())));
    daemon.end().await;
}
