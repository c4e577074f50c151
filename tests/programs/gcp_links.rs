//! Where Google's credentials are looked for and in which order, and how the session's servers are reached.

use claviger_tests::{
    CANARY, Home,
    google::{
        answer, authorized_user, facts, gcloud, google, lease, name_file, seconds_left, service_account,
        vertex,
    },
    secret,
    stand_in::{Authority, Response, StandIn},
};
use serde_json::json;
use std::{fs, net::TcpListener};

#[test]
fn gclouds_file_is_found_where_gcloud_keeps_it() {
    let google = google();
    let mut home = vertex();
    let write = |below: &str, quota: &str| {
        let mut file = authorized_user(&google.url);
        file["quota_project_id"] = json!(quota);
        home.write(&format!("{below}/application_default_credentials.json"), &file.to_string())
    };
    let of_home = write("home/.config/gcloud", "of-home");
    write("sdk", "of-config");
    let _daemon = home.daemon();
    let quota = |home: &Home| facts(home).quota_project;
    assert_eq!((quota(&home).as_str(), facts(&home).link.as_str()), ("of-home", "gcloud-adc"));
    home.set("CLOUDSDK_CONFIG", home.path("sdk").to_str().expect("UTF-8"));
    assert_eq!(quota(&home), "of-config");
    // Google bills that project if each request says so.
    assert!(home.ok(&["get", "--headers"]).contains("\nx-goog-user-project: of-config\n"));
    home.set("GOOGLE_CLOUD_QUOTA_PROJECT", "of-the-variable");
    assert_eq!(quota(&home), "of-the-variable");
    // Where it names no directory of gcloud's, nothing else is looked at.
    home.set("CLOUDSDK_CONFIG", home.path("nothing").to_str().expect("UTF-8"));
    home.fails(4, &["token"]);
    // gcloud's own file may be named too, and may be missing.
    home.set(
        "GOOGLE_APPLICATION_CREDENTIALS",
        home.path("nothing/application_default_credentials.json").to_str().expect("UTF-8"),
    );
    home.fails(4, &["token"]);
    home.set("GOOGLE_APPLICATION_CREDENTIALS", of_home.to_str().expect("UTF-8"));
    assert_eq!(home.ok(&["token"]).trim(), secret("oauth"));
}

#[test]
fn a_configured_file_ends_the_walk() {
    let metadata = google();
    let google = StandIn::start(|_| Response::error(400, json!({"error": "invalid_grant"})));
    let mut home = vertex();
    home.set("NO_GCE_CHECK", "");
    home.set("CLOUD_ML_REGION", "us-east5");
    home.set("GCE_METADATA_HOST", metadata.url.trim_start_matches("http://"));
    gcloud(&mut home);
    name_file(&mut home, &authorized_user(&google.url));
    home.write(
        "home/.config/gcloud/application_default_credentials.json",
        &service_account(&metadata.url).to_string(),
    );
    let _daemon = home.daemon();
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("gcloud auth application-default login"), "{stderr}");
    assert_eq!(metadata.requests().len(), 0, "neither the metadata server nor another file is asked");
    assert_eq!(home.runs("gcloud"), 0);
}

#[test]
fn the_metadata_server_answers_for_its_machine() {
    let google = google();
    let mut home = vertex();
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", google.url.trim_start_matches("http://"));
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), secret("metadata"));
    assert!((1700..=1800).contains(&seconds_left(&lease(&home))));
    let requests = google.requests();
    let token = requests.iter().find(|request| request.path.ends_with("/token")).expect("asked");
    assert_eq!(token.query, "scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform");
    home.set("NO_GCE_CHECK", "true");
    home.fails(4, &["token"]);
    assert_eq!(google.requests().len(), requests.len());
    // Google's library reads that word only.
    home.set("NO_GCE_CHECK", "1");
    assert_eq!(home.ok(&["token"]).trim(), secret("metadata"));
}

#[test]
fn a_metadata_server_without_a_service_account_passes() {
    let google = StandIn::start(|request| {
        let status = if request.path.ends_with("/token") { 404 } else { 200 };
        Response::new(status, "").header("metadata-flavor", "Google")
    });
    let mut home = vertex();
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", google.url.trim_start_matches("http://"));
    let _daemon = home.daemon();
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("no Application Default Credentials"), "{stderr}");
}

#[test]
fn a_metadata_server_that_is_busy_is_there_all_the_same() {
    let metadata = StandIn::start(|request| match request.path.ends_with("/token") {
        true => Response::new(429, "").header("metadata-flavor", "Google").header("retry-after", "60"),
        false => answer(request),
    });
    let mut home = vertex();
    gcloud(&mut home);
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", metadata.url.trim_start_matches("http://"));
    let _daemon = home.daemon();
    // The second is another credential, whose child does not ask before the minute is over.
    for project in ["one", "two"] {
        home.set("CLOUDSDK_CORE_PROJECT", project);
        let stderr = home.fails(6, &["token"]);
        assert!(stderr.contains("is overloaded (status 429)"), "{project}: {stderr}");
    }
    assert_eq!(home.runs("gcloud"), 0, "no other identity takes its place");
    let tokens = metadata.requests().into_iter().filter(|request| request.path.ends_with("/token"));
    assert_eq!(tokens.count(), 1);
}

#[test]
fn a_black_hole_for_metadata_takes_a_second() {
    let hole = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = hole.local_addr().expect("an address").to_string();
    let mut home = vertex();
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", &address);
    let _daemon = home.daemon();
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("did not answer within 1 s; NO_GCE_CHECK=true"), "{stderr}");
}

#[test]
fn a_portal_is_no_metadata_server() {
    let portal =
        StandIn::start(|_| Response::json(json!({"access_token": secret("portal"), "expires_in": 1800})));
    let mut home = vertex();
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", portal.url.trim_start_matches("http://"));
    let _daemon = home.daemon();
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("is not a metadata server"), "{stderr}");
    home.set("GCE_METADATA_HOST", "a/b?");
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("GCE_METADATA_HOST is not a host"), "{stderr}");
}

#[test]
fn a_page_in_place_of_the_metadata_server_starts_no_sign_in() {
    let portal =
        StandIn::start(|_| Response::new(200, "<html>Welcome</html>").header("content-type", "text/html"));
    let mut home = vertex();
    let login = home.script("login.sh", &format!("echo run >> '{}'", home.path("login.runs").display()));
    home.replace("home/.claude/settings.json", &json!({"gcpAuthRefresh": login}).to_string());
    home.set("NO_GCE_CHECK", "");
    home.set("GCE_METADATA_HOST", portal.url.trim_start_matches("http://"));
    let _daemon = home.daemon();
    let stderr = home.fails(6, &["token"]);
    assert!(
        stderr.contains("a proxy answers in its place") && stderr.contains("NO_GCE_CHECK=true"),
        "{stderr}"
    );
    assert_eq!(home.runs("login"), 0);
}

#[test]
fn gcloud_in_the_sessions_path_is_the_last_resort() {
    let mut home = vertex();
    let _daemon = home.daemon();
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("no Application Default Credentials"), "{stderr}");
    assert!(stderr.contains("gcloud: gcloud has no files here"), "{stderr}");
    fs::create_dir_all(home.path("home/.config/gcloud")).expect("a directory");
    let stderr = home.fails(4, &["refresh"]);
    // The system may have one, without a login.
    let missing = ["gcloud: there is no gcloud in PATH", "gcloud: gcloud has no token"];
    assert!(missing.iter().any(|missing| stderr.contains(missing)), "{stderr}");
    let gcloud = gcloud(&mut home);
    assert_eq!(home.ok(&["token"]).trim(), secret("gcloud"));
    let asked = "config config-helper --quiet --format=json(credential.access_token,credential.token_expiry,configuration.properties.core.universe_domain)\n";
    assert_eq!(home.read("gcloud.runs"), asked);
    assert!(seconds_left(&lease(&home)) > 86_400, "gcloud says when it expires");
    fs::write(gcloud, "#!/bin/sh\necho sk-canary-oops >&2\nexit 1\n").expect("file");
    let stderr = home.fails(6, &["refresh"]);
    assert!(!stderr.contains(CANARY), "{stderr}");
}

#[test]
fn the_daemons_own_environment_changes_nothing() {
    let (google, other) = (google(), google());
    let mut home = vertex();
    let poison =
        home.write("poison/application_default_credentials.json", &service_account(&other.url).to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", poison.to_str().expect("UTF-8"));
    home.set("CLOUDSDK_CONFIG", home.path("poison").to_str().expect("UTF-8"));
    home.set("GOOGLE_CLOUD_QUOTA_PROJECT", "poison");
    home.set("GOOGLE_CLOUD_PROJECT", "poison");
    home.set("GCE_METADATA_HOST", other.url.trim_start_matches("http://"));
    let _daemon = home.daemon();
    for name in [
        "GOOGLE_APPLICATION_CREDENTIALS",
        "CLOUDSDK_CONFIG",
        "GOOGLE_CLOUD_QUOTA_PROJECT",
        "GOOGLE_CLOUD_PROJECT",
        "GCE_METADATA_HOST",
    ] {
        home.set(name, "");
    }
    home.write(
        "home/.config/gcloud/application_default_credentials.json",
        &authorized_user(&google.url).to_string(),
    );
    assert_eq!(facts(&home).quota_project, "billed");
    assert_eq!((google.count("/token"), other.requests().len()), (1, 0));
}

#[test]
fn whoever_signs_in_by_gcp_auth_refresh_is_found() {
    let google = google();
    let home = vertex();
    let file = home.write("signed-in.json", &authorized_user(&google.url).to_string());
    let directory = home.path("home/.config/gcloud");
    let command = home.script(
        "sign-in.sh",
        &format!(
            "PATH=/usr/bin:/bin; echo run >> '{}'; mkdir -p '{to}'; cp '{from}' '{to}/application_default_credentials.json'",
            home.path("sign-in.runs").display(),
            to = directory.display(),
            from = file.display(),
        ),
    );
    home.replace("home/.claude/settings.json", &json!({"gcpAuthRefresh": command}).to_string());
    let _daemon = home.daemon();
    let outputs = home.herd(10, &["token"]);
    assert!(
        outputs.iter().all(|output| claviger_tests::text(&output.stdout).trim() == secret("oauth")),
        "{outputs:?}"
    );
    assert_eq!(home.runs("sign-in"), 1);
}

#[test]
fn servers_are_known_by_the_sessions_certificates() {
    let authority = Authority::new();
    let google = StandIn::start_tls(&authority, answer);
    let mut home = vertex();
    let pem = home.write("ca.pem", &authority.pem());
    name_file(&mut home, &service_account(&google.url));
    let _daemon = home.daemon();
    let stderr = home.fails(6, &["token"]);
    assert!(stderr.contains("SSL_CERT_FILE"), "{stderr}");
    assert_eq!(google.count("/token"), 0);
    home.set("SSL_CERT_FILE", pem.to_str().expect("UTF-8"));
    assert_eq!(home.ok(&["token"]).trim(), secret("oauth"));
}

#[test]
fn servers_are_asked_by_way_of_the_sessions_proxy_and_this_machine_is_not() {
    let (google, proxy) = (google(), StandIn::start(|_| Response::new(502, "")));
    let mut home = vertex();
    home.set("HTTPS_PROXY", &proxy.url);
    home.set("HTTP_PROXY", &proxy.url);
    home.set("ALL_PROXY", &proxy.url);
    name_file(&mut home, &authorized_user(&google.url));
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), secret("oauth"));
    assert_eq!(proxy.requests().len(), 0);
    name_file(&mut home, &authorized_user("https://oauth2.example.test"));
    home.fails(6, &["refresh"]);
    let asked = proxy.requests();
    assert!(!asked.is_empty() && asked.iter().all(|request| request.method == "CONNECT"), "{asked:?}");
}

#[test]
fn gclouds_database_is_used_by_one_key_at_a_time() {
    let mut home = vertex();
    let program = gcloud(&mut home);
    let printed = fs::read_to_string(&program).expect("a script");
    let (busy, clash) = (home.path("busy"), home.path("clash"));
    let body = format!(
        "#!/bin/sh\nmkdir {busy} || {{ touch {clash}; echo 'ERROR: database is locked' >&2; exit 1; }}\nsleep 0.1\nrmdir {busy}\n{printed}",
        busy = busy.display(),
        clash = clash.display(),
    );
    fs::write(&program, body).expect("written");
    let _daemon = home.daemon();
    let session = |number: usize| {
        let mut command = home.claviger(&["token"]);
        command.env("CLOUDSDK_CORE_PROJECT", format!("p{number}"));
        command.stdout(std::process::Stdio::piped()).spawn().expect("claviger runs")
    };
    for session in (0..8).map(session).collect::<Vec<_>>() {
        let output = session.wait_with_output().expect("it ends");
        assert_eq!(claviger_tests::text(&output.stdout).trim(), secret("gcloud"));
    }
    assert!(!clash.exists(), "two ran at once");

    // A person's own gcloud does not know of our turns.
    fs::create_dir(&busy).expect("busy");
    let stderr = home.fails(6, &["refresh"]);
    assert!(stderr.contains("gcloud has no token (exit code 1)") && !stderr.contains("sign in"), "{stderr}");
}

#[test]
fn gcloud_asks_for_a_sign_in_only_if_it_says_so() {
    let mut home = vertex();
    let program = gcloud(&mut home);
    let login = format!("echo run >> '{}'; exit 1", home.path("logins.runs").display());
    home.write("home/.claude/settings.json", &json!({"gcpAuthRefresh": login}).to_string());
    let _daemon = home.daemon();
    for (at, (said, runs)) in [
        ("sqlite3.OperationalError: database is locked", 0),
        ("Traceback (most recent call last): ModuleNotFoundError: No module named 'six'", 0),
        // gcloud adds this to whatever keeps it from a token.
        ("Failed to establish a new connection. Please run: $ gcloud auth login", 0),
        ("Reauthentication failed. cannot prompt during non-interactive execution.", 1),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&program, format!("#!/bin/sh\necho \"ERROR: {said}\" >&2\nexit 1\n")).expect("written");
        home.set("CLOUDSDK_CORE_PROJECT", &format!("p{at}"));
        let stderr = home.fails(6, &["token"]);
        assert_eq!(home.runs("logins"), runs, "{stderr}");
        assert!(stderr.contains(said) || runs > 0, "its last words: {stderr}");
    }
}
