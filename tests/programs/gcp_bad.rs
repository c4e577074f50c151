//! Credentials files of Google's that are wrong.

use claviger_tests::{
    CANARY, Home,
    google::{
        authorized_user, aws, external, failure, google, impersonated, service_account, vertex,
        workforce_user,
    },
    secret,
};
use serde_json::{Value, json};
use std::{fmt::Write as _, fs};

const NEEDS_HUMAN: i32 = 4;

/// Tries one file after the other with one daemon; each with the exit code, and what must be said.
fn files(home: &mut Home, cases: &[(&str, String, i32, &str)]) {
    let _daemon = home.daemon();
    for (index, (what, content, code, part)) in cases.iter().enumerate() {
        let path = home.write(&format!("{index}.json"), content);
        home.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("UTF-8"));
        let said = failure(home, *code, what).to_string();
        assert!(said.contains(part), "{what}: {part:?} is not in {said}");
        assert!(
            *code != NEEDS_HUMAN || said.contains(&format!("{index}.json")),
            "{what}: names the file: {said}"
        );
    }
}

#[test]
fn files_of_every_kind_cut_short_or_with_wrong_types() {
    let google = google();
    let url = google.url.as_str();
    let mut home = vertex();
    let key = CANARY.to_owned() + "wrong";
    let mut cases = Vec::new();
    for (kind, file, field) in [
        ("service account", service_account(url), "client_email"),
        ("authorized user", authorized_user(url), "refresh_token"),
        ("workforce user", workforce_user(url), "client_secret"),
        ("impersonated", impersonated(url, authorized_user(url)), "source_credentials"),
        ("external", external(url, json!({"file": "/x"})), "credential_source"),
        ("AWS", external(url, aws(url)), "subject_token_type"),
    ] {
        let text = file.to_string();
        cases.push((kind, text[..text.len() / 2].to_owned(), "is not JSON"));
        let with = |value: Value| {
            let mut file = file.clone();
            file[field] = value;
            file.to_string()
        };
        cases.push((kind, with(json!([key])), field));
        cases.push((kind, with(json!(7)), field));
        cases.push((kind, with(Value::Null), field));
    }
    let cases: Vec<_> = cases.into_iter().map(|(kind, text, part)| (kind, text, NEEDS_HUMAN, part)).collect();
    files(&mut home, &cases);
    assert_eq!(google.requests().len(), 0);
}

#[test]
fn files_that_cannot_be_used() {
    let google = google();
    let url = google.url.as_str();
    let mut home = vertex();
    let with = |mut file: Value, name: &str, value: Value| {
        file[name] = value;
        file.to_string()
    };
    let source = |value: Value| external(url, value).to_string();
    let plain = "http://example.com/token";
    let mut deep = authorized_user(url);
    for _ in 0..5 {
        deep = impersonated(url, deep);
    }
    let mut huge = String::from("{");
    write!(huge, "\"a\": \"{}\"}}", "x".repeat(1024 * 1024)).expect("text");
    let mut cases = vec![
        ("empty", String::new(), "is not JSON"),
        ("no object", "[]".into(), "is not a JSON object"),
        ("no type", "{}".into(), "type is missing"),
        ("unknown type", json!({"type": secret("x")}).to_string(), "type is not a kind"),
        ("type is a number", json!({"type": 1}).to_string(), "type must be"),
        ("GDC", json!({"type": "gdch_service_account"}).to_string(), "not supported"),
        ("huge", huge, "larger than"),
        ("broken key", with(service_account(url), "private_key", json!(secret("pem"))), "private_key"),
        (
            "token_uri in the clear",
            with(service_account(url), "token_uri", json!(plain)),
            "token_uri must be",
        ),
        ("no URL", with(service_account(url), "token_uri", json!(secret("u"))), "token_uri is not"),
        (
            "user's token_uri in the clear",
            with(authorized_user(url), "token_uri", json!(plain)),
            "token_uri must",
        ),
        ("token_url in the clear", with(workforce_user(url), "token_url", json!(plain)), "token_url must be"),
        (
            "a user elsewhere",
            with(authorized_user(url), "universe_domain", json!("example.goog")),
            "universe_domain",
        ),
        ("nested", deep.to_string(), "nested too deeply"),
        ("no source", source(json!({})), "credential_source.file"),
        ("two sources", source(json!({"file": "/x", "url": "https://x/"})), "only one"),
        ("relative", source(json!({"file": "x"})), "absolute"),
        ("relative command", source(json!({"executable": {"command": "./token.sh"}})), "absolute"),
        ("relative output", source(json!({"executable": {"command": "a", "output_file": "x"}})), "absolute"),
        ("X.509", source(json!({"certificate": {}})), "not supported"),
        (
            "source in the clear",
            source(json!({"url": "http://example.com/"})),
            "credential_source.url must be",
        ),
        ("format", source(json!({"file": "/x", "format": {"type": "xml"}})), "format.type must be"),
        (
            "no field",
            source(json!({"file": "/x", "format": {"type": "json"}})),
            "subject_token_field_name is missing",
        ),
        ("command", source(json!({"executable": {"command": "a 'b"}})), "command has a quote"),
        (
            "too quick",
            source(json!({"executable": {"command": "a", "timeout_millis": 10}})),
            "timeout_millis must be",
        ),
        (
            "too slow",
            source(json!({"executable": {"command": "a", "timeout_millis": 120_001}})),
            "timeout_millis must be",
        ),
        ("other AWS", source(json!({"environment_id": "aws2"})), "aws1"),
        (
            "pool",
            with(external(url, json!({"file": "/x"})), "workforce_pool_user_project", json!("p")),
            "workforce",
        ),
    ];
    let target = impersonated("http://example.com", authorized_user(url)).to_string();
    cases.push(("impersonation in the clear", target, "impersonation_url must be"));
    let target = with(
        impersonated(url, authorized_user(url)),
        "service_account_impersonation_url",
        json!("https://x/"),
    );
    cases.push(("impersonation without a name", target, "does not end with"));
    let cases: Vec<_> = cases.into_iter().map(|(what, text, part)| (what, text, NEEDS_HUMAN, part)).collect();
    files(&mut home, &cases);
    let asked = google.requests().into_iter().filter(|request| !request.path.ends_with("/token"));
    assert_eq!(asked.count(), 0);
}

#[test]
fn paths_that_name_no_file() {
    let mut home = vertex();
    fs::create_dir(home.path("directory")).expect("directory");
    let fifo = home.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("fifo");
    let _daemon = home.daemon();
    for (name, part) in
        [("missing", "does not exist"), ("directory", "is not a file"), ("fifo", "is not a file")]
    {
        home.set("GOOGLE_APPLICATION_CREDENTIALS", home.path(name).to_str().expect("UTF-8"));
        let error = failure(&home, NEEDS_HUMAN, name);
        assert_eq!(error["reason"], "settings-invalid", "{error}");
        assert!(error.to_string().contains(part) && error.to_string().contains(name), "{error}");
    }
    home.set("GOOGLE_APPLICATION_CREDENTIALS", "");
    home.write("home/.config/gcloud/application_default_credentials.json", "{");
    let error = failure(&home, NEEDS_HUMAN, "gcloud's file");
    assert_eq!(error["reason"], "settings-invalid", "{error}");
}
