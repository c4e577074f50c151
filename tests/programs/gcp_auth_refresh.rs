//! `gcpAuthRefresh` and what the guide calls refreshGcpCredentialsIfNeeded: the token is checked, and only when it is missing
//! or refused does one command sign a person in, for all sessions.

use claviger_tests::{
    CANARY, Home,
    stand_in::{Request, Response, StandIn},
    text,
    wait::until,
    watch::Watch,
};
use serde_json::json;
use std::process::{Child, Stdio};

const ADC: &str = "home/.config/gcloud/application_default_credentials.json";
/// What every terminal has to show.
const LINK: &str = "https://accounts.google.example/o/oauth2/auth?code=ABCD";

/// A token server that takes the refresh token "good"; its access tokens live for `seconds`.
fn token_server(seconds: u64) -> StandIn {
    StandIn::start(move |request: &Request| match request.field("refresh_token").as_deref() {
        Some("good") => Response::json(json!({
            "access_token": format!("{CANARY}token"), "expires_in": seconds, "token_type": "Bearer",
        })),
        _ => Response::error(400, json!({"error": "invalid_grant", "error_subtype": "invalid_rapt"})),
    })
}

fn vertex(server: &StandIn, refresh_token: &str) -> Home {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_VERTEX", "1");
    home.set("ANTHROPIC_VERTEX_PROJECT_ID", "my-project");
    home.set("NO_GCE_CHECK", "true");
    sign_in(&home, server, refresh_token);
    home
}

fn sign_in(home: &Home, server: &StandIn, refresh_token: &str) {
    let adc = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": format!("{CANARY}client"),
        "refresh_token": refresh_token, "token_uri": format!("{}/token", server.url),
    });
    home.write(ADC, &adc.to_string());
}

/// Sets gcpAuthRefresh to a script that counts its runs.
fn sign_in_by(home: &Home, script: &str) {
    let counted = format!("echo run >> '{}'\n{script}", home.path("logins").display());
    let settings = json!({"gcpAuthRefresh": home.script("login.sh", &counted)});
    home.write("home/.claude/settings.json", &settings.to_string());
}

fn logins(home: &Home) -> usize {
    home.read("logins").lines().count()
}

#[test]
fn a_hundred_sessions_share_one_sign_in_and_all_see_it() {
    let server = token_server(3600);
    let home = vertex(&server, "stale");
    let (go, adc) = (home.path("go"), home.path(ADC));
    sign_in_by(
        &home,
        &format!(
            "echo 'open {LINK}'\nwhile [ ! -e '{}' ]; do sleep 0.05; done\nsed -i s/stale/good/ '{}'",
            go.display(),
            adc.display()
        ),
    );
    let _daemon = home.daemon();
    let session = || {
        let mut command = home.claviger(&["token"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
    };
    let sessions: Vec<Child> = (0..100).map(|_| session()).collect();
    until("a hundred sessions wait", || home.status()["counters"]["waits"].as_u64() >= Some(100));
    home.write("go", "");
    for session in sessions {
        let output = session.wait_with_output().expect("ends");
        assert_eq!(text(&output.stdout), format!("{CANARY}token\n"), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(LINK), "every terminal shows the link");
    }
    assert_eq!(logins(&home), 1);
    assert_eq!(server.requests().len(), 2, "asked once before, once after");
}

#[test]
fn nobody_is_troubled_while_nobody_asks() {
    let server = token_server(3);
    let home = vertex(&server, "good");
    sign_in_by(&home, "exit 1");
    let _daemon = home.daemon();
    let watch = Watch::start(&home, &[]);
    watch.issued(&format!("{CANARY}token"));
    sign_in(&home, &server, "stale");
    watch.told("human-needed", "login-required");
    let asked = server.requests().len();
    until("it has been tried again", || server.requests().len() > asked);
    assert_eq!(logins(&home), 0);
}

#[test]
fn without_the_setting_the_error_says_what_to_run() {
    let server = token_server(3600);
    let home = vertex(&server, "stale");
    let _daemon = home.daemon();
    let refused = home.fails(4, &["token"]);
    assert!(refused.contains("gcloud auth application-default login"), "{refused}");
    assert!(refused.contains("gcpAuthRefresh"), "{refused}");
}
