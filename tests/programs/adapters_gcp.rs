//! Unmodified google-auth that gets its token from `claviger gcp`, and exchanges it at a security token service.

use claviger_tests::{
    CANARY, Home, binary,
    stand_in::{Response, StandIn},
    tool,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Google's token endpoint, and a security token service that says what it was given.
fn google() -> StandIn {
    StandIn::start(|request| match request.path.as_str() {
        "/token" => Response::json(json!({
            "access_token": format!("{CANARY}token"), "expires_in": 3599, "token_type": "Bearer",
        })),
        "/sts" => Response::json(json!({
            "access_token": format!("exchanged {}", request.field("subject_token").unwrap_or_default()),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3599,
        })),
        _ => Response::new(404, ""),
    })
}

/// A home after `gcloud auth application-default login`.
fn home(google: &StandIn) -> Home {
    let mut home = Home::new();
    home.set("NO_GCE_CHECK", "true");
    let login = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": format!("{CANARY}client"),
        "refresh_token": format!("{CANARY}refresh"), "token_uri": format!("{}/token", google.url),
    });
    home.write("home/.config/gcloud/application_default_credentials.json", &login.to_string());
    home
}

/// The credentials file of docs/vertex.md.
fn external(home: &Home, google: &StandIn) -> PathBuf {
    let file = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/claviger",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_url": format!("{}/sts", google.url),
        "credential_source": { "executable": { "command": format!("{} gcp", binary("claviger").display()) } },
    });
    home.write("external.json", &file.to_string())
}

/// What google-auth makes of the file.
fn google_auth(home: &Home, venv: &std::path::Path, file: &std::path::Path) -> Value {
    let path = file.to_str().expect("UTF-8");
    let variables =
        [("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1"), ("GOOGLE_APPLICATION_CREDENTIALS", path)];
    tool::json(tool::python(home, venv, &[&tool::adapters(), "google", path], &variables))
}

#[test]
fn google_auth_exchanges_what_claviger_lends() {
    let Some(venv) = tool::venv("google-auth") else { return };
    let google = google();
    let home = home(&google);
    let _daemon = home.daemon();
    let file = external(&home, &google);
    for _ in 0..2 {
        assert_eq!(google_auth(&home, &venv, &file), json!({ "token": format!("exchanged {CANARY}token") }));
    }
    assert_eq!(
        (google.count("/token"), google.count("/sts")),
        (1, 2),
        "the token is cached, the exchange is not ours"
    );
    let requests = google.requests();
    let exchange = requests.iter().find(|request| request.path == "/sts").expect("an exchange");
    assert_eq!(
        exchange.field("subject_token_type").as_deref(),
        Some("urn:ietf:params:oauth:token-type:access_token")
    );
}

/// Fifty exchanges at once, while the token is replaced.
#[test]
fn fifty_at_once_see_a_rotation_with_one_request_each() {
    let Some(venv) = tool::venv("google-auth") else { return };
    let _turn = claviger_tests::turn::take();
    let google = google();
    let mut home = home(&google);
    // For `claviger refresh`.
    home.set("CLAUDE_CODE_USE_VERTEX", "1");
    home.set("ANTHROPIC_VERTEX_PROJECT_ID", "p");
    let _daemon = home.daemon();
    let file = external(&home, &google);
    let path = file.to_str().expect("UTF-8");
    let variables =
        [("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1"), ("GOOGLE_APPLICATION_CREDENTIALS", path)];
    let ask = || tool::json(tool::python(&home, &venv, &[&tool::adapters(), "googles", "50"], &variables));
    let token = format!("exchanged {CANARY}token");
    assert_eq!(ask(), json!(vec![&token; 50]));
    assert_eq!(google.count("/token"), 1);
    let tokens = std::thread::scope(|scope| {
        let asking = scope.spawn(ask);
        home.ok(&["refresh"]);
        asking.join().expect("it asks")
    });
    assert_eq!(tokens, json!(vec![&token; 50]));
    assert_eq!((google.count("/token"), google.count("/sts")), (2, 100));
}

#[test]
fn google_auth_is_told_what_is_wrong_in_its_own_words() {
    let Some(venv) = tool::venv("google-auth") else { return };
    let google = google();
    let home = home(&google);
    // A file that is configured and broken: no other identity takes its place.
    home.write("home/.config/gcloud/application_default_credentials.json", "{}");
    let _daemon = home.daemon();
    let told = google_auth(&home, &venv, &external(&home, &google));
    let error = told["error"].as_str().expect("an error");
    assert!(error.contains("unsuccessful response: code: ") && !error.contains("non-zero"), "{error}");
    assert_eq!(google.count("/sts"), 0);
}

#[test]
fn a_person_gets_an_exit_code_and_the_same_answer() {
    let google = google();
    let home = home(&google);
    home.write("home/.config/gcloud/application_default_credentials.json", "{}");
    let _daemon = home.daemon();
    let output = home.run(&["gcp"]);
    assert!(!output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&answer["version"], &answer["success"]), (&json!(1), &json!(false)));
    assert!(answer["code"].is_string() && answer["message"].is_string(), "{answer}");
}

#[test]
fn the_named_file_is_meant_and_every_form_has_its_token() {
    let google = google();
    let mut home = home(&google);
    let login = home.path("home/.config/gcloud/application_default_credentials.json");
    home.set("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file");
    let _daemon = home.daemon();
    let credentials = login.to_str().expect("UTF-8");
    let token = home.ok(&["gcp", "--credentials", credentials, "--format", "token"]);
    assert_eq!(token, format!("{CANARY}token\n"));
    let lines = home.ok(&["gcp", "--credentials", credentials, "--format", "env"]);
    assert!(lines.starts_with(&format!("export CLOUDSDK_AUTH_ACCESS_TOKEN='{CANARY}token'\n")), "{lines}");
    assert_eq!(google.count("/token"), 1);
}
