//! The same credentials file, environment and servers for claviger and for google-auth (Python): the same requests, the
//! same token. google-auth runs second, with its clock set to the time that ours signed with.

use aws_smithy_types::{DateTime, date_time::Format};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use claviger_tests::{
    Home,
    google::{
        KEY, WORKFORCE, authorized_user, aws, external, google, impersonated, impersonation, lease, printer,
        service_account, vertex, workforce_user,
    },
    secret, skipped,
    stand_in::{Request, StandIn, form},
    text,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// Headers that say what a request is about; others differ by library.
const HEADERS: [&str; 6] = [
    "authorization",
    "content-type",
    "metadata-flavor",
    "x-aws-ec2-metadata-token",
    "x-aws-ec2-metadata-token-ttl-seconds",
    "x-wanted",
];

fn venv() -> Option<PathBuf> {
    let path = std::env::var_os("CLAVIGER_TEST_VENV").map(PathBuf::from);
    if path.is_none() {
        skipped("Python with google-auth ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)");
    }
    path
}

/// What google-auth does with the same variables.
fn reference(venv: &Path, home: &Home, url: &str, variables: &[(&str, String)]) -> Value {
    let mut command = Command::new(venv.join("bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/adc.py")).arg(url);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path("home"))
        .current_dir(home.path("work"));
    // It would ask for the project otherwise, which is the session's business here.
    command.env("GOOGLE_CLOUD_PROJECT", "p");
    let output =
        command.envs(variables.iter().map(|(name, value)| (name, value))).output().expect("python runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn percent_decoded(text: &str) -> String {
    form(&format!("x={}", text.replace('+', "%2B"))).remove("x").expect("one field")
}

/// Header and claims of a JWT.
fn jwt(text: &str) -> Value {
    let part = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
    };
    let parts: Vec<_> = text.split('.').collect();
    json!([part(parts[0]), part(parts[1])])
}

/// The request that AWS vouches with, its headers in order.
fn vouched(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(&percent_decoded(text)).expect("JSON");
    let headers = value["headers"].as_array_mut().expect("a list");
    headers.sort_by_key(|header| header["key"].as_str().map(str::to_owned));
    value
}

/// What is compared of a request.
fn essence(request: &Request) -> Value {
    let field = |(name, value): (&String, &String)| {
        let value = match name.as_str() {
            "assertion" => jwt(value),
            "subject_token" if value.starts_with('%') => vouched(value),
            "options" => serde_json::from_str(&percent_decoded(value)).expect("JSON"),
            _ => json!(value),
        };
        (name.clone(), value)
    };
    let is_form = request.header("content-type") == "application/x-www-form-urlencoded";
    let body = match is_form {
        true => Value::Object(form(&request.body).iter().map(field).collect()),
        false => serde_json::from_str(&request.body).unwrap_or_else(|_| json!(request.body)),
    };
    let headers: BTreeMap<_, _> = HEADERS.iter().map(|name| (*name, request.header(name))).collect();
    json!({"method": request.method, "path": request.path, "query": form(&request.query), "headers": headers, "body": body})
}

/// In order; google-auth opens a session with the AWS metadata service twice.
fn essences(requests: &[Request]) -> Vec<Value> {
    let mut all = Vec::new();
    for essence in requests.iter().map(essence) {
        if !all.contains(&essence) {
            all.push(essence);
        }
    }
    all
}

/// When ours signed, if it signed anything.
fn signed_at(requests: &[Value]) -> Option<i64> {
    let find = |request: &Value| {
        let body = &request["body"];
        let vouched = body["subject_token"]["headers"].as_array().into_iter().flatten();
        let date = vouched.into_iter().find(|header| header["key"] == "x-amz-date");
        let compact = date.and_then(|header| header["value"].as_str());
        let at = compact.map(|at| {
            format!(
                "{}-{}-{}T{}:{}:{}Z",
                &at[..4],
                &at[4..6],
                &at[6..8],
                &at[9..11],
                &at[11..13],
                &at[13..15]
            )
        });
        let at = at.map(|at| DateTime::from_str(&at, Format::DateTime).expect("a date").secs());
        at.or_else(|| body["assertion"][1]["iat"].as_i64())
    };
    requests.iter().find_map(find)
}

/// Compares one file.
fn compare(venv: &Path, google: &StandIn, home: &mut Home, what: &str, file: &Value, extra: &[(&str, &str)]) {
    let file = home.write(&format!("{what}.json"), &file.to_string());
    let mut variables = vec![("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string())];
    variables.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
    for (name, value) in &variables {
        home.set(name, value);
    }
    let before = google.requests().len();
    let (token, lease) = (home.ok(&["token"]), lease(home));
    let ours = google.requests()[before..].to_vec();
    let requests = essences(&ours);
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
        .try_into()
        .expect("small");
    let now: i64 = signed_at(&requests).unwrap_or(wall);
    variables.push(("ADC_NOW", now.to_string()));
    let assertion = ours.iter().find_map(|request| request.field("assertion"));
    let signed = assertion.as_deref().and_then(|assertion| assertion.rsplit_once('.'));
    // An impersonated file signs for another account.
    let signed = signed.filter(|_| ours.len() == 1);
    variables.extend(signed.map(|(text, _)| ("ADC_SIGNED", text.to_owned())));
    let theirs = reference(venv, home, &google.url, &variables);
    let expected = essences(&google.requests()[before + ours.len()..]);
    assert_eq!(requests, expected, "{what}");
    assert_eq!(token.trim(), theirs["token"], "{what}");
    assert_eq!(signed.map_or(Value::Null, |(_, signature)| json!(signature)), theirs["signature"], "{what}");
    let expires_at = claviger_tests::answers::seconds(lease.expires_at);
    let difference = expires_at - theirs["expires_at"].as_i64().expect("a number");
    assert!(difference.abs() <= 5, "{what}: {difference} s apart");
    let quota_project = lease.facts.expect("facts").quota_project;
    assert_eq!(quota_project, theirs["quota_project"].as_str().unwrap_or_default(), "{what}");
    for (name, _) in extra {
        home.set(name, "");
    }
}

/// A key as OpenSSL used to write it: what PKCS #8 has in its frame, which is 26 bytes long for one of 2,048 bits.
fn in_pkcs1(pem: &str) -> String {
    let lines = pem.lines().filter(|line| !line.starts_with("---")).collect::<String>();
    let key = STANDARD.decode(lines).expect("base64");
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        STANDARD.encode(&key[26..])
    )
}

#[test]
fn files_of_accounts_and_users() {
    let Some(venv) = venv() else { return };
    let (google, mut home) = (google(), vertex());
    let url = google.url.clone();
    let with = |mut file: Value, name: &str, value: Value| {
        file[name] = value;
        file
    };
    let user = authorized_user(&url);
    let _daemon = home.daemon();
    for (what, file) in [
        ("service-account", service_account(&url)),
        ("key-in-pkcs1", with(service_account(&url), "private_key", json!(in_pkcs1(KEY)))),
        ("user", user.clone()),
        ("user-scopes", with(user.clone(), "scopes", json!(["a", "b"]))),
        ("user-scopes-text", with(user.clone(), "scopes", json!("a b"))),
        ("user-rapt", with(user.clone(), "rapt_token", json!("proof"))),
        ("workforce-user", workforce_user(&url)),
        ("impersonated-user", impersonated(&url, user.clone())),
        ("impersonated-key", impersonated(&url, service_account(&url))),
        ("impersonated-workforce", impersonated(&url, workforce_user(&url))),
        ("impersonated-scopes", with(impersonated(&url, user.clone()), "scopes", json!(["a"]))),
        ("impersonated-alone", with(impersonated(&url, user), "delegates", Value::Null)),
    ] {
        compare(&venv, &google, &mut home, what, &file, &[]);
    }
    home.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.goog");
    let universe = with(service_account(&url), "universe_domain", json!("example.goog"));
    let path = home.write("universe.json", &universe.to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("UTF-8"));
    let ours = jwt(home.ok(&["token"]).trim());
    let now = ours[1]["iat"].to_string();
    let variables = [("GOOGLE_APPLICATION_CREDENTIALS", path.display().to_string()), ("ADC_NOW", now)];
    assert_eq!(ours, jwt(reference(&venv, &home, &url, &variables)["token"].as_str().expect("text")));
}

#[test]
fn files_of_external_accounts() {
    let Some(venv) = venv() else { return };
    let (google, mut home) = (google(), vertex());
    let url = google.url.clone();
    home.write("subject.txt", &secret("subject +/%"));
    let printer = printer(&home);
    let from_file = external(&url, json!({"file": home.path("subject.txt")}));
    let with = |pairs: &[(&str, Value)]| {
        let mut file = from_file.clone();
        for (name, value) in pairs {
            file[*name] = value.clone();
        }
        file
    };
    let target = ("service_account_impersonation_url", json!(impersonation(&url)));
    let json_url = json!({
        "url": format!("{url}/subject.json"), "headers": {"x-wanted": "yes"},
        "format": {"type": "json", "subject_token_field_name": "inner"},
    });
    let client = [("client_id", json!("id")), ("client_secret", json!("s"))];
    let pool = [("audience", json!(WORKFORCE)), ("workforce_pool_user_project", json!("payer"))];
    let short = ("service_account_impersonation", json!({"token_lifetime_seconds": 600}));
    let short_as_text = ("service_account_impersonation", json!({"token_lifetime_seconds": "600"}));
    let executable = external(&url, json!({"executable": {"command": printer}}));
    let _daemon = home.daemon();
    for (what, file) in [
        ("file", from_file.clone()),
        ("client", with(&client)),
        ("pool", with(&pool)),
        ("pool-client", with(&[&client[..], &pool[..]].concat())),
        ("billed", with(&[("quota_project_id", json!("billed"))])),
        ("impersonating", with(std::slice::from_ref(&target))),
        ("impersonating-briefly", with(&[target.clone(), short])),
        ("impersonating-briefly-as-text", with(&[target, short_as_text])),
        ("url", external(&url, json!({"url": format!("{url}/subject")}))),
        ("url-json", external(&url, json_url)),
        ("aws", external(&url, aws(&url))),
    ] {
        compare(&venv, &google, &mut home, what, &file, &[]);
    }
    let allowed = [("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")];
    compare(&venv, &google, &mut home, "executable", &executable, &allowed);
    let region = [("AWS_REGION", "ap-south-2")];
    compare(&venv, &google, &mut home, "aws-region", &external(&url, aws(&url)), &region);
    let quota = [("GOOGLE_CLOUD_QUOTA_PROJECT", "of-the-variable")];
    compare(&venv, &google, &mut home, "quota", &from_file, &quota);
}

#[test]
fn the_metadata_server() {
    let Some(venv) = venv() else { return };
    let (google, mut home) = (google(), vertex());
    let address = google.url.trim_start_matches("http://").to_owned();
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", &address);
    let _daemon = home.daemon();
    let token = home.ok(&["token"]);
    let of_token = |request: &Request| request.path.ends_with("/token");
    let ours: Vec<_> = google.requests().into_iter().filter(of_token).collect();
    let now = claviger_tests::seconds().to_string();
    let variables = [("GCE_METADATA_HOST", address.clone()), ("GCE_METADATA_IP", address), ("ADC_NOW", now)];
    let theirs = reference(&venv, &home, &google.url, &variables);
    let all: Vec<_> = google.requests().into_iter().filter(of_token).collect();
    assert_eq!(essences(&all[..1]), essences(&all[1..]));
    assert_eq!((ours.len(), all.len()), (1, 2));
    assert_eq!(token.trim(), theirs["token"]);
}
