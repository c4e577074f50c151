//! Vertex's credentials: every kind of Google's Application Default Credentials, end to end, each with its expiry.

use claviger_tests::{
    google::{
        WORKFORCE, answer, authorized_user, aws, external, facts, google, impersonated, impersonation, lease,
        name_file, printer, seconds_left, service_account, vertex, workforce_user,
    },
    mark, processes, secret,
    stand_in::{Request, Response, StandIn},
    wait,
};
use serde_json::{Value, json};
use std::{fs, time::Instant};

/// 2099-01-01T00:00:00Z, when the tokens of impersonation end.
const FAR: i64 = 4_070_908_800;

#[test]
fn every_kind_of_file_gives_its_token_and_its_expiry() {
    let google = google();
    let url = google.url.as_str();
    let mut home = vertex();
    home.write("subject.txt", &secret("subject"));
    home.write("subject.json", &json!({"inner": secret("subject")}).to_string());
    let path = |name: &str| home.path(name).display().to_string();
    let json_format = json!({"type": "json", "subject_token_field_name": "inner"});
    let headers = json!({"x-wanted": "yes"});
    let with = |mut file: Value, name: &str, value: Value| {
        file[name] = value;
        file
    };
    let from_file = external(url, json!({"file": path("subject.txt")}));
    let by_impersonation =
        with(from_file.clone(), "service_account_impersonation_url", json!(impersonation(url)));
    let kinds = [
        ("service account", service_account(url), "oauth", false),
        ("authorized user", authorized_user(url), "oauth", false),
        ("workforce user", workforce_user(url), "sts", false),
        ("impersonated user", impersonated(url, authorized_user(url)), "iam", true),
        ("impersonated key", impersonated(url, service_account(url)), "iam", true),
        ("impersonated external account", impersonated(url, from_file.clone()), "iam", true),
        ("file", from_file, "sts", false),
        (
            "JSON file",
            external(url, json!({"file": path("subject.json"), "format": json_format})),
            "sts",
            false,
        ),
        ("URL", external(url, json!({"url": format!("{url}/subject")})), "sts", false),
        (
            "JSON URL",
            external(
                url,
                json!({"url": format!("{url}/subject.json"), "format": json_format, "headers": headers}),
            ),
            "sts",
            false,
        ),
        ("AWS", external(url, aws(url)), "sts", false),
        ("impersonation by an external account", by_impersonation, "iam", true),
    ];
    let file = name_file(&mut home, &json!({}));
    let _daemon = home.daemon();
    for (index, (kind, content, server, is_far)) in kinds.into_iter().enumerate() {
        // Another file is another credential, so that nothing is served from an earlier one.
        let file = file.with_file_name(format!("{index}.json"));
        fs::write(&file, content.to_string()).expect("file");
        home.set("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().expect("UTF-8"));
        assert_eq!(home.ok(&["token"]).trim(), secret(server), "{kind}");
        let lease = lease(&home);
        assert_eq!(
            (lease.source.as_str(), facts(&home).link.as_str()),
            ("google-adc", "credentials-file"),
            "{kind}"
        );
        match is_far {
            true => assert_eq!(claviger_tests::answers::seconds(lease.expires_at), FAR, "{kind}"),
            false => assert!((3500..3600).contains(&seconds_left(&lease)), "{kind}"),
        }
    }
}

#[test]
fn in_another_universe_the_assertion_is_the_token() {
    let google = google();
    let mut home = vertex();
    let mut file = service_account(&google.url);
    file["universe_domain"] = json!("example.goog");
    name_file(&mut home, &file);
    let _daemon = home.daemon();
    let refused = home.fails(4, &["token"]);
    assert!(refused.contains("another universe than googleapis.com"), "{refused}");
    home.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.goog");
    assert_eq!(home.ok(&["token"]).matches('.').count(), 2, "a JWT has three parts");
    assert_eq!(google.requests().len(), 0);
    let lease = lease(&home);
    assert!((3590..=3600).contains(&seconds_left(&lease)));
    assert_eq!(lease.base_url, "https://us-east5-aiplatform.example.goog/v1");
}

#[test]
fn credentials_of_another_universe_are_refused() {
    let (google, metadata) = (google(), StandIn::start(in_universe));
    let url = google.url.as_str();
    let mut home = vertex();
    home.write("subject.txt", &secret("subject"));
    let elsewhere = |mut file: Value| {
        file["universe_domain"] = json!("example.goog");
        file
    };
    let from_file = external(url, json!({"file": home.path("subject.txt")}));
    let mut impersonating = from_file.clone();
    impersonating["service_account_impersonation_url"] = json!(impersonation(url));
    let of_pool = elsewhere(from_file.clone());
    let kinds = [
        ("service account", elsewhere(service_account(url)), ""),
        ("external account", of_pool.clone(), "sts"),
        ("impersonating", elsewhere(impersonating), "iam"),
        ("workforce user", elsewhere(workforce_user(url)), "sts"),
        ("impersonated by a key", impersonated(url, elsewhere(service_account(url))), "iam"),
        ("impersonated by an external account", impersonated(url, of_pool), "iam"),
    ];
    let _daemon = home.daemon();
    for (at, (kind, file, server)) in kinds.into_iter().enumerate() {
        let path = home.write(&format!("{at}.json"), &file.to_string());
        home.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().expect("UTF-8"));
        home.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "");
        let before = google.requests().len();
        let refused = home.fails(4, &["token"]);
        assert!(refused.contains("another universe than googleapis.com"), "{kind}: {refused}");
        assert_eq!(google.requests().len(), before, "{kind}");
        home.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.goog");
        let token = home.ok(&["token"]);
        assert!(token.trim() == secret(server) || server.is_empty(), "{kind}");
    }
    // Google's own, in a session for another.
    name_file(&mut home, &from_file);
    let refused = home.fails(4, &["token"]);
    assert!(refused.contains("another universe than example.goog"), "{refused}");
    name_file(&mut home, &elsewhere(authorized_user(url)));
    assert!(home.fails(4, &["token"]).contains("there are no user accounts"));

    home.set("GOOGLE_APPLICATION_CREDENTIALS", "");
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_ROOT", metadata.url.trim_start_matches("http://"));
    assert_eq!(home.ok(&["token"]).trim(), secret("metadata"));
    home.set("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "");
    let refused = home.fails(4, &["token"]);
    assert!(refused.contains("this machine belongs to another universe"), "{refused}");
    assert_eq!(metadata.count("/computeMetadata/v1/instance/service-accounts/default/token"), 1);
}

/// A metadata server in a partner's universe.
fn in_universe(request: &Request) -> Response {
    match request.path.as_str() {
        "/computeMetadata/v1/universe/universe-domain" => {
            Response::new(200, "example.goog\n").header("metadata-flavor", "Google")
        }
        _ => answer(request),
    }
}

#[test]
fn an_executable_runs_with_the_sessions_environment_and_only_if_allowed() {
    let google = google();
    let mut home = vertex();
    let printer = printer(&home);
    let mut file =
        external(&google.url, json!({"executable": {"command": format!("{} 'a b'", printer.display())}}));
    file["service_account_impersonation_url"] = json!(impersonation(&google.url));
    name_file(&mut home, &file);
    home.set("CLOUDSDK_CORE_ACCOUNT", "of-the-session");
    let _daemon = home.daemon();
    let refused = home.fails(4, &["token"]);
    assert!(refused.contains("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"), "{refused}");
    assert_eq!(home.read("printer.env"), "", "it must not run");
    home.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "true");
    home.fails(4, &["token"]);
    assert_eq!(home.read("printer.env"), "", "only 1 allows it");

    home.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    assert_eq!(home.ok(&["token"]).trim(), secret("iam"));
    let environment = home.read("printer.env");
    for line in [
        "CLOUDSDK_CORE_ACCOUNT=of-the-session",
        &format!("HOME={}", home.path("home").display()),
        "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=urn:ietf:params:oauth:token-type:jwt",
        "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL=target@p.iam.gserviceaccount.com",
        "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE=0",
    ] {
        assert!(environment.lines().any(|have| have == line), "{line} is not in\n{environment}");
    }
}

#[test]
fn an_output_file_that_is_still_good_saves_a_run() {
    let google = google();
    let mut home = vertex();
    home.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let kind = "urn:ietf:params:oauth:token-type:saml2";
    let output = |expiry: u64| {
        let id = secret("stored");
        json!({"version": 1, "success": true, "token_type": kind, "saml_response": id, "expiration_time": expiry})
    };
    let stored = home.write("stored.json", &output(4_000_000_000).to_string());
    let command = home.script(
        "store.sh",
        &format!(
            "echo run >> '{}'\necho '{}' > \"$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE\"",
            home.path("store.runs").display(),
            output(4_000_000_001),
        ),
    );
    name_file(
        &mut home,
        &external(&google.url, json!({"executable": {"command": command, "output_file": stored}})),
    );
    let _daemon = home.daemon();
    home.ok(&["token"]);
    assert_eq!(home.runs("store"), 0);
    home.write("stored.json", &output(1).to_string());
    home.ok(&["refresh"]);
    assert_eq!(home.runs("store"), 1);
    let subjects = google.requests().into_iter().filter_map(|request| request.field("subject_token"));
    assert_eq!(subjects.collect::<Vec<_>>(), [secret("stored"), secret("stored")]);
}

#[test]
fn nothing_of_an_executable_outlives_its_answer() {
    let google = google();
    let mut home = vertex();
    home.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let printer = printer(&home);
    let mark = mark::nap();
    let command = home.script(
        "leaves.sh",
        &format!("sleep {mark} &\n(sleep {mark} >/dev/null 2>&1 &)\nexec {}", printer.display()),
    );
    name_file(&mut home, &external(&google.url, json!({"executable": {"command": command}})));
    let _daemon = home.daemon();
    let start = Instant::now();
    assert_eq!(home.ok(&["token"]).trim(), secret("sts"));
    // By what holds the pipe open.
    wait::not_held_up(start);
    wait::until("nothing is left", || processes(&mark).is_empty());
}

#[test]
fn an_executable_that_hangs_is_ended_with_its_children() {
    let mut home = vertex();
    home.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let mark = mark::nap();
    let command = home.script("hangs.sh", &format!("sleep {mark} &\nsleep {mark}"));
    let source = json!({"executable": {"command": command, "timeout_millis": 5000}});
    name_file(&mut home, &external("https://localhost:1", source));
    let _daemon = home.daemon();
    let slow = home.fails(7, &["token"]);
    assert!(slow.contains("within 5 s") && slow.contains("timeout_millis"), "{slow}");
    wait::until("nothing is left", || processes(&mark).is_empty());
}

#[test]
fn the_project_of_a_named_key_comes_first() {
    let google = google();
    let mut home = vertex();
    name_file(&mut home, &service_account(&google.url));
    let _daemon = home.daemon();
    let lease = lease(&home);
    assert_eq!(lease.project, "of-the-file");
    assert!(
        lease.warnings.iter().any(|warning| warning.text.contains("of-the-file")),
        "{:?}",
        lease.warnings
    );
    assert_eq!(lease.facts.expect("facts").account, "robot@p.iam.gserviceaccount.com");
}

#[test]
fn the_project_of_gclouds_key_does_not() {
    let google = google();
    let home = vertex();
    let file = service_account(&google.url).to_string();
    home.write("home/.config/gcloud/application_default_credentials.json", &file);
    let _daemon = home.daemon();
    assert_eq!(lease(&home).project, "p");
}

#[test]
fn two_sessions_with_two_files_never_mix() {
    let (one, two) = (
        google(),
        StandIn::start(|_| Response::json(json!({"access_token": secret("two"), "expires_in": 60}))),
    );
    let mut home = vertex();
    let first = home.write("1.json", &authorized_user(&one.url).to_string());
    let second = home.write("2.json", &authorized_user(&two.url).to_string());
    let _daemon = home.daemon();
    for _ in 0..2 {
        home.set("GOOGLE_APPLICATION_CREDENTIALS", first.to_str().expect("UTF-8"));
        assert_eq!(home.ok(&["token"]).trim(), secret("oauth"));
        home.set("GOOGLE_APPLICATION_CREDENTIALS", second.to_str().expect("UTF-8"));
        assert_eq!(home.ok(&["token"]).trim(), secret("two"));
    }
}

/// Who signed what the token service was shown last.
fn signer(google: &StandIn) -> String {
    let requests = google.requests();
    let subject = requests.last().expect("a request").field("subject_token").expect("a subject token");
    let (_, rest) = subject.split_once("Credential%3D").expect("signed");
    rest.split('/').next().expect("an id").to_owned()
}

#[test]
fn aws_keys_of_a_session_sign_where_it_names_the_file() {
    let google = google();
    let mut home = vertex();
    name_file(&mut home, &external(&google.url, aws(&google.url)));
    home.set("AWS_ACCESS_KEY_ID", "AKIASESSION");
    home.set("AWS_SECRET_ACCESS_KEY", &secret("aws"));
    home.set("AWS_REGION", "eu-central-1");
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), secret("sts"));
    assert_eq!((signer(&google).as_str(), google.requests().len()), ("AKIASESSION", 1), "no role is asked");
    // Other keys are another credential.
    home.set("AWS_ACCESS_KEY_ID", "AKIAOTHER");
    home.set("AWS_SESSION_TOKEN", &secret("session"));
    assert_eq!(home.ok(&["token"]).trim(), secret("sts"));
    assert_eq!(signer(&google), "AKIAOTHER");
    // An id without a secret is none, as google-auth has it.
    home.set("AWS_SECRET_ACCESS_KEY", "");
    home.ok(&["token"]);
    assert_eq!(signer(&google), "AKIAROLE");
}

#[test]
fn aws_keys_that_a_session_keeps_are_not_replaced_by_a_roles() {
    let google = google();
    let mut home = vertex();
    let file = external(&google.url, aws(&google.url));
    home.write("home/.config/gcloud/application_default_credentials.json", &file.to_string());
    home.set("AWS_ACCESS_KEY_ID", "AKIASESSION");
    home.set("AWS_SECRET_ACCESS_KEY", &secret("aws"));
    home.set("AWS_REGION", "eu-central-1");
    let _daemon = home.daemon();
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("does not send its own"), "{stderr}");
    assert_eq!(google.requests().len(), 0);
}

#[test]
fn a_workforce_pools_project_is_billed() {
    let google = google();
    let mut home = vertex();
    home.write("subject.txt", &secret("subject"));
    let mut file = external(&google.url, json!({"file": home.path("subject.txt")}));
    file["audience"] = json!(WORKFORCE);
    file["workforce_pool_user_project"] = json!("payer");
    name_file(&mut home, &file);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let options = google.requests()[0].field("options").expect("options");
    assert_eq!(options, "%7B%22userProject%22%3A%22payer%22%7D");
}

#[test]
fn aws_keys_of_settings_sign() {
    let google = google();
    let mut home = vertex();
    let env = json!({"AWS_ACCESS_KEY_ID": "AKIASETTINGS", "AWS_SECRET_ACCESS_KEY": secret("aws")});
    home.replace("home/.claude/settings.json", &json!({"env": env}).to_string());
    name_file(&mut home, &external(&google.url, aws(&google.url)));
    home.set("AWS_REGION", "eu-central-1");
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), secret("sts"));
    assert_eq!(signer(&google), "AKIASETTINGS");
}
