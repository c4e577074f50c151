//! Every way to sign in, with a real OpenID provider that wants PKCE and rotates refresh tokens.

use claviger::{proto::v1, reason::Reason};
use claviger_tests::{
    Daemon, Home,
    login::{Login, account, lent, log_out},
    provider::{CLIENT_SECRET, Provider},
    watch::Watch,
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _};

const CONFIG: &str = "home/.config/claviger/config.toml";

/// A home that can sign in as `work` with `more` in its section, a provider with `options`, and a daemon.
fn prepared(options: Value, more: &str) -> Option<(Home, Provider, Daemon)> {
    let home = Home::new();
    let provider = Provider::start(&home, options)?;
    home.write(CONFIG, &provider.section("work", more));
    let daemon = home.daemon();
    Some((home, provider, daemon))
}

/// Signs in as a person whose browser runs on this machine.
async fn sign_in(home: &Home, provider: &Provider, name: &str) -> v1::Account {
    let mut login = Login::start(home, |start| start.name = name.into()).await;
    let Ok(v1::login_response::Event::Url(url)) = login.next().await else { panic!("no URL") };
    let ended = provider.visit(&[&url]);
    assert_eq!(ended["status"], 200, "{ended}");
    login.end().await.expect("signed in")
}

#[tokio::test]
async fn the_id_token_says_who_it_is_and_where_he_belongs() {
    let options = json!({ "person": "ada", "organization": "org-7" });
    let Some((home, provider, _daemon)) =
        prepared(options, "method = \"console\"\norganization_claim = \"org_id\"")
    else {
        return;
    };
    let signed_in = sign_in(&home, &provider, "").await;
    assert_eq!(signed_in.name, "work");
    assert_eq!(signed_in.subject, "ada@example.com");
    assert_eq!(signed_in.organization, "org-7");
    assert_eq!((signed_in.method.as_str(), signed_in.registration.as_str()), ("console", "work"));
    assert_eq!(signed_in.issuer, provider.issuer);
    assert_eq!(signed_in.audience, "https://api.anthropic.com");
    assert_eq!(signed_in.kind(), v1::AccountKind::Oauth);
    assert_eq!(account(&home, "work").await, Some(signed_in));
    assert_eq!(lent(&home, "work").await.expect("a token"), provider.issued("access_token"));
}

#[tokio::test]
async fn a_redirect_is_pasted_where_there_is_no_browser() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "") else { return };
    let (login, url) = Login::browser(&home).await;
    let sent_to = provider.visit(&["--stay", &url]);
    let redirect = sent_to["url"].as_str().expect("a URL");
    assert!(redirect.contains("/callback?code="), "{redirect}");
    login.paste(redirect).await;
    assert_eq!(login.end().await.expect("signed in").subject, "person@example.com");
    assert_eq!(lent(&home, "").await.expect("a token"), provider.issued("access_token"));
}

#[tokio::test]
async fn a_person_says_no() {
    let Some((home, provider, _daemon)) = prepared(json!({ "deny": true }), "") else { return };
    let (login, url) = Login::browser(&home).await;
    let ended = provider.visit(&[&url]);
    assert_eq!(ended["status"], 400, "{ended}");
    let problem = login.end().await.expect_err("refused");
    assert_eq!(problem.reason, Reason::UpstreamDenied);
    assert!(problem.message.contains("access_denied"), "{problem}");
    assert_eq!((account(&home, "work").await, provider.requests("/token")), (None, 0));
    assert!(
        home.files("home/.local/state/claviger/accounts").iter().all(|file| !file.ends_with("work.account"))
    );
}

#[tokio::test]
async fn a_code_is_typed_in_on_another_device() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "organization_claim = \"org_id\"") else {
        return;
    };
    let (login, code) = Login::device(&home).await;
    assert_eq!(code.verification_uri, format!("{}/device", provider.issuer));
    assert!(code.user_code.len() >= 8 && code.expires_in.is_some(), "{code:?}");
    claviger_tests::wait::until("it has been asked once", || provider.requests("/token") == 1);
    let ended = provider.visit(&[&code.verification_uri_complete]);
    assert_eq!(ended["status"], 200, "{ended}");
    let signed_in = login.end().await.expect("signed in");
    assert_eq!(signed_in.subject, "person@example.com");
    assert_eq!(signed_in.organization, "org-1");
    let polls = provider.log().into_iter().filter(|entry| entry["path"] == "/token");
    let answers: Vec<_> = polls.map(|entry| entry["status"].as_u64().unwrap_or_default()).collect();
    assert_eq!(answers, [400, 200], "pending, then granted");
    assert_eq!(lent(&home, "").await.expect("a token"), provider.issued("access_token"));
}

#[tokio::test]
async fn a_code_is_refused_or_expires() {
    let Some((home, provider, _daemon)) = prepared(json!({ "deny": true }), "") else { return };
    let Some((other, short, _other_daemon)) = prepared(json!({ "deviceCode": 1 }), "") else { return };
    let ((denied, code), (late, _)) = tokio::join!(Login::device(&home), Login::device(&other));
    provider.visit(&[&code.verification_uri_complete]);
    let (denied, late) = tokio::join!(denied.end(), late.end());
    let (denied, late) = (denied.expect_err("refused"), late.expect_err("too late"));
    assert_eq!(denied.reason, Reason::UpstreamDenied, "{denied}");
    assert!(denied.message.contains("access_denied"), "{denied}");
    assert_eq!(late.reason, Reason::SourceTimeout, "{late}");
    assert!(late.message.contains("the code was not typed in"), "{late}");
    assert_eq!(short.requests("/token"), 1);
    assert_eq!((account(&home, "work").await, account(&other, "work").await), (None, None));
}

#[tokio::test]
async fn a_client_with_a_secret_keeps_it_in_a_file_or_has_a_command_for_it() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "") else { return };
    let file = home.write("home/client-secret", &format!("{CLIENT_SECRET}\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mode");
    let command = home.script("bin/client-secret", &format!("echo {CLIENT_SECRET}"));
    let wrong = home.script("bin/wrong", "echo sk-canary-wrong");
    let section = |more: String| provider.section("work", &more).replace("\"cli\"", "\"confidential\"");
    for more in [
        "client_secret_file = \"~/client-secret\"".to_owned(),
        format!("client_secret_file = \"{}\"", file.display()),
        format!("client_secret_command = \"{}\"", command.display()),
    ] {
        home.replace(CONFIG, &section(more));
        sign_in(&home, &provider, "").await;
        let first = lent(&home, "work").await.expect("a token");
        home.ok(&["refresh"]);
        let second = lent(&home, "work").await.expect("a token");
        assert_eq!(second, provider.issued("access_token"));
        assert_ne!(first, second);
    }
    // What the server refuses for the client's sake says nothing of the login.
    home.replace(CONFIG, &section(format!("client_secret_command = \"{}\"", wrong.display())));
    let kept = lent(&home, "work").await.expect("a token");
    let refused = home.fails(5, &["refresh"]);
    assert!(refused.contains("invalid_client"), "{refused}");
    assert_eq!(lent(&home, "work").await.expect("a token"), kept);
    let problem = Login::start(&home, |_| {}).await;
    drop(problem);
    home.replace(CONFIG, &section(format!("client_secret_command = \"{}\"", command.display())));
    home.ok(&["refresh"]);
    assert_eq!(lent(&home, "work").await.expect("a token"), provider.issued("access_token"));
    assert!(log_out(&home, "work").await.revoked);
}

#[tokio::test]
async fn a_client_secret_that_cannot_be_had_is_said_before_anybody_is_sent_to_a_browser() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "") else { return };
    home.write("home/open", CLIENT_SECRET);
    let empty = home.script("bin/empty", "true");
    let two = home.script("bin/two", "echo sk-canary-a sk-canary-b");
    for (more, reason) in [
        ("client_secret_file = \"~/none\"".to_owned(), Reason::SettingsInvalid),
        ("client_secret_file = \"~/open\"".to_owned(), Reason::SettingsInvalid),
        ("client_secret_command = \"echo sk-canary-x; exit 3\"".to_owned(), Reason::CommandFailed),
        (format!("client_secret_command = \"{}\"", empty.display()), Reason::CommandOutputInvalid),
        (format!("client_secret_command = \"{}\"", two.display()), Reason::CommandOutputInvalid),
    ] {
        home.replace(CONFIG, &provider.section("work", &more));
        let problem = Login::start(&home, |_| {}).await.end().await.expect_err(&more);
        assert_eq!(problem.reason, reason, "{more}: {problem}");
    }
}

#[tokio::test]
async fn endpoints_can_be_written_down_instead_of_an_issuer() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "") else { return };
    let base = &provider.issuer;
    let endpoints = format!(
        "authorization_endpoint = \"{base}/auth\"\ntoken_endpoint = \"{base}/token\"\n\
         device_authorization_endpoint = \"{base}/device/auth\"\nrevocation_endpoint = \"{base}/token/revocation\"\n"
    );
    let section = provider.section("work", &endpoints).replace(&format!("issuer = \"{base}\"\n"), "");
    assert!(!section.contains("issuer"), "{section}");
    home.replace(CONFIG, &section);
    let signed_in = sign_in(&home, &provider, "").await;
    assert_eq!(signed_in.issuer, format!("{base}/auth"));
    assert_eq!(signed_in.subject, "person@example.com");
    home.ok(&["refresh"]);
    assert_eq!(lent(&home, "work").await.expect("a token"), provider.issued("access_token"));
    assert!(log_out(&home, "work").await.revoked);
}

#[tokio::test]
async fn who_signs_out_takes_the_tokens_back() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "") else { return };
    sign_in(&home, &provider, "").await;
    let refresh_token = provider.issued("refresh_token");
    let left = log_out(&home, "work").await;
    assert!(left.revoked && left.not_revoked.is_empty() && left.left_behind.is_none(), "{left:?}");
    let answer = provider.exchange(&refresh_token);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("invalid_grant"), "{answer}");
    assert_eq!(lent(&home, "work").await.expect_err("gone").reason, Reason::LoginRequired);
    assert_eq!(account(&home, "work").await, None);
    // The very same request is good for a token that was not revoked.
    sign_in(&home, &provider, "").await;
    let answer = provider.exchange(&provider.issued("refresh_token"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn accounts_stand_side_by_side() {
    let Some((home, first, _daemon)) = prepared(json!({ "person": "ada" }), "") else { return };
    // A provider has its scripts and its log in the home it is started for.
    let beside = Home::new();
    let Some(second) = Provider::start(&beside, json!({ "person": "grace" })) else { return };
    home.replace(CONFIG, &format!("{}{}", first.section("ada", ""), second.section("grace", "")));
    assert_eq!(sign_in(&home, &first, "ada").await.subject, "ada@example.com");
    assert_eq!(sign_in(&home, &second, "grace").await.subject, "grace@example.com");
    // A second account of the same registration, too.
    let mut login = Login::start(&home, |start| {
        (start.name, start.registration) = ("other".into(), "ada".into());
    })
    .await;
    let Ok(v1::login_response::Event::Url(url)) = login.next().await else { panic!("no URL") };
    first.visit(&[&url]);
    let other = login.end().await.expect("signed in");
    assert_eq!((other.name.as_str(), other.registration.as_str()), ("other", "ada"));
    let of_other = first.issued("access_token");
    let (ada, grace) =
        (lent(&home, "ada").await.expect("a token"), lent(&home, "grace").await.expect("a token"));
    assert_eq!(lent(&home, "other").await.expect("a token"), of_other);
    assert_eq!(grace, second.issued("access_token"));
    assert!(ada != of_other && ada != grace);
    // One leaves; the others stay.
    assert!(log_out(&home, "other").await.revoked);
    assert_eq!(lent(&home, "ada").await.expect("a token"), ada);
    assert_eq!(lent(&home, "grace").await.expect("a token"), grace);
    assert_eq!(lent(&home, "other").await.expect_err("gone").reason, Reason::LoginRequired);
}

#[tokio::test]
async fn who_signs_in_again_replaces_what_was_there_for_every_session() {
    let Some((home, provider, _daemon)) = prepared(json!({}), "") else { return };
    sign_in(&home, &provider, "").await;
    let old = provider.issued("access_token");
    let watch = Watch::start(&home, &[]);
    watch.issued(&old);
    let before = account(&home, "work").await.expect("an account");
    sign_in(&home, &provider, "").await;
    let new = provider.issued("access_token");
    assert_ne!(old, new);
    watch.issued(&new);
    assert_eq!(lent(&home, "").await.expect("a token"), new);
    let after = account(&home, "work").await.expect("an account");
    assert_ne!(before.signed_in_at, after.signed_in_at);
    // The next refresh uses the new login's refresh token.
    home.ok(&["refresh"]);
    assert_eq!(lent(&home, "").await.expect("a token"), provider.issued("access_token"));
    let secrets = home.status()["entries"].as_array().map(Vec::len);
    assert_eq!(secrets, Some(1), "{}", home.status());
}
