use super::{SessionContext, SessionMode, explicit};
use crate::{passed::Passed, proto::v1, reason::Reason, session::MAX_EXPLICIT_SETTINGS};
use std::{ffi::OsString, path::PathBuf};

fn valid() -> v1::SessionContext {
    v1::SessionContext { working_directory: "/work".into(), ..Default::default() }
}

fn reason(message: v1::SessionContext) -> Reason {
    SessionContext::from_proto(Some(message)).expect_err("must be refused").reason
}

fn environment(pairs: &[(&str, &str)]) -> SessionContext {
    let pairs = pairs.iter().map(|(name, value)| (name.into(), value.into()));
    SessionContext::new(PathBuf::from("/work"), pairs).expect("valid")
}

#[test]
fn secrets_are_only_reported_as_present() {
    let session =
        environment(&[("ANTHROPIC_API_KEY", "canary"), ("ANTHROPIC_AUTH_TOKEN", ""), ("HOME", "/h")]);
    assert_eq!(session.present.iter().collect::<Vec<_>>(), ["ANTHROPIC_API_KEY"]);
    assert_eq!(session.variables.len(), 1);
    assert!(!format!("{:?}", session.to_proto().variables).contains("canary"));
}

#[test]
fn secrets_of_an_sdk_are_sent_and_never_shown() {
    let session = environment(&[("AZURE_CLIENT_SECRET", "canary"), ("IDENTITY_HEADER", "")]);
    assert_eq!(session.lent.keys().collect::<Vec<_>>(), ["AZURE_CLIENT_SECRET"]);
    assert!(session.variables.is_empty() && session.present.is_empty());
    assert!(!format!("{session:?} {:?}", session.to_proto()).contains("canary"));
    let lent = [("HOME".to_owned(), "/h".to_owned())].into();
    assert_eq!(reason(v1::SessionContext { lent, ..valid() }), Reason::MalformedRequest);
    let variables = [("AZURE_CLIENT_SECRET".to_owned(), "s".to_owned())].into();
    assert_eq!(reason(v1::SessionContext { variables, ..valid() }), Reason::MalformedRequest);
}

#[test]
fn a_command_line_chooses_settings_and_unsets_secrets() {
    let chosen = |name: &str, value: &str| v1::SessionContext {
        chosen: [(name.to_owned(), value.to_owned())].into(),
        ..valid()
    };
    for (name, value) in [("AWS_PROFILE", "work"), ("AWS_ACCESS_KEY_ID", ""), ("AZURE_CLIENT_SECRET", "")] {
        assert!(SessionContext::from_proto(Some(chosen(name, value))).is_ok(), "{name}");
    }
    for (name, value) in [("AWS_ACCESS_KEY_ID", "k"), ("AZURE_CLIENT_SECRET", "s"), ("BASH_ENV", "")] {
        assert_eq!(reason(chosen(name, value)), Reason::MalformedRequest, "{name}");
    }
}

#[test]
fn survives_the_wire() {
    let mut session = environment(&[
        ("HOME", "/h"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "t"),
        ("CLAVIGER_FLIGHT", "f"),
        ("AZURE_CLIENT_SECRET", "s"),
    ]);
    session.explicit = explicit("x.json".into(), b"{}".to_vec()).expect("small");
    session.chosen = [("AWS_PROFILE".to_owned(), "work".to_owned())].into();
    assert_eq!(SessionContext::from_proto(Some(session.to_proto())), Ok(session));
}

#[test]
fn modes_come_from_the_environment_and_managed_wins() {
    for (pairs, mode) in [
        (&[][..], SessionMode::Standard),
        (&[("CLAUDE_CODE_SIMPLE", "1")], SessionMode::Bare),
        (&[("CLAUDE_CODE_REMOTE", "true"), ("CLAUDE_CODE_SIMPLE", "1")], SessionMode::Managed),
        (&[("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1")], SessionMode::Managed),
        (&[("CLAUDE_CODE_REMOTE", "0")], SessionMode::Standard),
    ] {
        assert_eq!(environment(pairs).mode, mode, "{pairs:?}");
    }
}

#[test]
fn bad_requests_are_refused_with_their_reason() {
    assert_eq!(SessionContext::from_proto(None).expect_err("refused").reason, Reason::MalformedRequest);
    for cwd in ["", "work", "./work", "/a\nb", "/a\0b"] {
        assert_eq!(
            reason(v1::SessionContext { working_directory: cwd.into(), ..valid() }),
            Reason::MalformedRequest
        );
    }
    for (name, value, expected) in [
        ("BASH_ENV", "/x.so", Reason::MalformedRequest),
        ("ANTHROPIC_API_KEY", "sk", Reason::MalformedRequest),
        ("HOME", "/h\n", Reason::MalformedRequest),
        ("HO\0ME", "/h", Reason::MalformedRequest),
        ("CLAUDE_CONFIG_DIR", ".claude", Reason::MalformedRequest),
        ("PATH", &"x".repeat(40_000), Reason::Limits),
    ] {
        let variables = [(name.to_owned(), value.to_owned())].into();
        assert_eq!(reason(v1::SessionContext { variables, ..valid() }), expected, "{name}");
    }
    let many = (0..10_000).map(|n| (format!("V{n}"), String::new())).collect();
    assert_eq!(reason(v1::SessionContext { variables: many, ..valid() }), Reason::Limits);
    assert_eq!(
        reason(v1::SessionContext { present: vec!["HOME".into()], ..valid() }),
        Reason::MalformedRequest
    );
    assert_eq!(reason(v1::SessionContext { mode: 99, ..valid() }), Reason::MalformedRequest);
    assert_eq!(
        reason(v1::SessionContext { inside_flight: "a\nb".into(), ..valid() }),
        Reason::MalformedRequest
    );
    let explicit_settings = vec![b' '; MAX_EXPLICIT_SETTINGS + 1];
    assert_eq!(reason(v1::SessionContext { explicit_settings, ..valid() }), Reason::Limits);
}

#[test]
fn a_session_is_known_by_its_message_and_by_no_other() {
    let session = SessionContext::from_proto(Some(valid())).expect("valid");
    assert!(session.is_said_by(&session.to_proto()));
    let pair = || [("HOME".to_owned(), "/elsewhere".to_owned())].into();
    for other in [
        v1::SessionContext { working_directory: "/other".into(), ..valid() },
        v1::SessionContext { variables: pair(), ..valid() },
        v1::SessionContext { present: vec!["ANTHROPIC_API_KEY".into()], ..valid() },
        v1::SessionContext { chosen: pair(), ..valid() },
        v1::SessionContext { explicit_settings: b"{}".to_vec(), ..valid() },
        v1::SessionContext { mode: v1::SessionMode::Bare.into(), ..valid() },
        v1::SessionContext { interactive: true, ..valid() },
        v1::SessionContext { inside_flight: "a".into(), ..valid() },
        v1::SessionContext { backend: v1::Backend::Bedrock.into(), ..valid() },
        v1::SessionContext { lent: [("AZURE_CLIENT_SECRET".to_owned(), "s".to_owned())].into(), ..valid() },
    ] {
        assert!(!session.is_said_by(&other), "{other:?}");
    }
    let secret =
        v1::SessionContext { lent: [("AZURE_CLIENT_SECRET".to_owned(), "s".to_owned())].into(), ..valid() };
    let session = SessionContext::from_proto(Some(secret.clone())).expect("valid");
    assert!(!session.is_said_by(&secret), "what has secrets is never remembered");
}

#[test]
fn what_the_user_passes_on_is_sent_and_nothing_else() {
    let session = environment(&[("MYCORP_ROLE", "admin"), ("MYCORP_EMPTY", ""), ("OTHER", "canary")]);
    assert!(!format!("{session:?}").contains("canary"));
    let passed = Passed::new(["MYCORP_*".to_owned()]);
    let message = session.to_proto_with(&passed).expect("valid");
    assert_eq!(message.lent, [("MYCORP_ROLE".to_owned(), "admin".to_owned())].into());
    assert!(!format!("{message:?}").contains("admin"));
    let decoded = SessionContext::from_proto(Some(message.clone())).expect("valid");
    assert_eq!(decoded.passed, Some(passed));
    assert!(!decoded.is_said_by(&message), "what may be a secret is never remembered");
    for names in [None, Some(&["OTHER"][..]), Some(&[]), Some(&["*"])] {
        let passed = names.map(|names| v1::Passed { names: names.iter().map(|&name| name.into()).collect() });
        assert_eq!(reason(v1::SessionContext { passed, ..message.clone() }), Reason::MalformedRequest);
    }
    let plain = |names: &[&str]| {
        let passed = Some(v1::Passed { names: names.iter().map(|&name| name.into()).collect() });
        v1::SessionContext { passed, ..environment(&[]).to_proto() }
    };
    let session = SessionContext::from_proto(Some(plain(&["A", "B"]))).expect("valid");
    assert!(session.is_said_by(&plain(&["A", "B"])));
    for other in [plain(&["A"]), plain(&["B", "A"]), environment(&[]).to_proto()] {
        assert!(!session.is_said_by(&other));
    }
}

#[test]
fn a_variable_that_is_there_twice_must_say_the_same() {
    let session = |pairs: &[(&str, &str)]| {
        let environment = pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        SessionContext::new("/w".into(), environment)
    };
    for (first, second, is_refused) in
        [("work", "default", true), ("work", "", true), ("", "work", true), ("work", "work", false)]
    {
        for name in ["AWS_PROFILE", "VAULT_TOKEN", "PATH"] {
            let session = session(&[(name, first), ("HOME", "/h"), (name, second)]);
            let refused =
                session.is_err_and(|problem| problem.message.starts_with(&format!("{name} is set twice")));
            assert_eq!(refused, is_refused, "{name}: {first:?}, {second:?}");
        }
    }
    assert!(
        session(&[("OTHER", "a"), ("OTHER", "b")]).is_ok(),
        "one that is not on the list does not matter"
    );
    let other = session(&[("OTHER", "a"), ("OTHER", "b")]).expect("a session");
    let refused = other.to_proto_with(&Passed::new(["OTHER".to_owned()])).expect_err("refused");
    assert!(refused.message.starts_with("OTHER is set twice"), "unless it is passed on");
}

fn whole(pairs: &[(&str, &str)]) -> v1::SessionContext {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    v1::SessionContext { environment, ..valid() }
}

const WHOLE: [(&str, &str); 10] = [
    ("HOME", "/h"),
    ("PATH", "/bin"),
    ("ANTHROPIC_API_KEY", "canary"),
    ("ANTHROPIC_AUTH_TOKEN", ""),
    ("AZURE_CLIENT_SECRET", "handed"),
    ("CLAUDE_CODE_SIMPLE", "1"),
    ("CLAVIGER_FLIGHT", "f"),
    ("CLAUDECODE", "1"),
    ("GITHUB_TOKEN", "canary"),
    ("MYCORP_REALM", "blue"),
];

#[test]
fn a_whole_environment_is_the_session_that_our_client_describes() {
    let session = SessionContext::from_proto(Some(whole(&WHOLE))).expect("valid");
    assert_eq!(Ok(&session), SessionContext::from_proto(Some(environment(&WHOLE).to_proto())).as_ref());
    assert_eq!(session.present.iter().collect::<Vec<_>>(), ["ANTHROPIC_API_KEY"]);
    assert_eq!((session.mode, session.reads_workspace), (SessionMode::Bare, true));
    let kept = format!("{:?} {:?}", session.to_proto().variables, session.to_proto().lent);
    assert!(!kept.contains("canary") && !kept.contains("MYCORP"), "{kept}");
    // What the caller says itself comes first.
    let said = v1::SessionContext { mode: v1::SessionMode::Managed.into(), ..whole(&WHOLE) };
    assert_eq!(SessionContext::from_proto(Some(said)).expect("valid").mode, SessionMode::Managed);
}

#[test]
fn of_a_whole_environment_commands_get_what_the_user_passes_on() {
    let passed = Some(v1::Passed { names: vec!["MYCORP_*".into()] });
    let session =
        SessionContext::from_proto(Some(v1::SessionContext { passed, ..whole(&WHOLE) })).expect("valid");
    assert_eq!(session.lent.keys().collect::<Vec<_>>(), ["AZURE_CLIENT_SECRET", "MYCORP_REALM"]);
}

#[test]
fn a_whole_environment_is_checked_as_a_chosen_one() {
    for (name, value) in
        [("HOME", "/h\n"), ("CLAUDE_CONFIG_DIR", ".claude"), ("ANTHROPIC_API_KEY", "canary\r")]
    {
        let problem = SessionContext::from_proto(Some(whole(&[(name, value)]))).expect_err("refused");
        assert_eq!(problem.reason, Reason::MalformedRequest);
        assert!(problem.message.starts_with(name) && !problem.message.contains("canary"), "{problem:?}");
    }
    let mut both = whole(&[("HOME", "/h")]);
    both.variables = [("HOME".to_owned(), "/other".to_owned())].into();
    assert_eq!(reason(both), Reason::MalformedRequest);
    let many = (0..5000).map(|n| (format!("V{n}"), String::new())).collect();
    assert_eq!(reason(v1::SessionContext { environment: many, ..valid() }), Reason::Limits);
    assert!(!format!("{:?}", whole(&WHOLE)).contains("canary"));
    let session = SessionContext::from_proto(Some(valid())).expect("valid");
    assert!(!session.is_said_by(&whole(&[("HOME", "/h")])));
}

#[test]
fn a_refused_variable_is_named_unless_it_may_be_a_secret() {
    let refused = |name: &str| {
        let variables = [(name.to_owned(), "x".to_owned())].into();
        SessionContext::from_proto(Some(v1::SessionContext { variables, ..valid() }))
            .expect_err("refused")
            .message
    };
    assert_eq!(refused("BASH_ENV"), "BASH_ENV was sent, which is not on the list");
    for name in ["sk-ant-canary", "canary", "HO\0ME", &"X".repeat(65)] {
        assert_eq!(refused(name), "a variable with an unusual name was sent, which is not on the list");
    }
}
