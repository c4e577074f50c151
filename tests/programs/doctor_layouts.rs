//! Homes with one thing wrong, and what helps them beside the remedy.

use claviger::proto::v1::StorePlace;
use claviger_tests::{
    CANARY, Home,
    accounts::{save, sealed, server, sign_in_config},
    cloud,
    cure::Sick,
    doctor::{Patient, SETTINGS},
    gated::Ended,
    google,
    keyring::Keyring,
    secret,
    stand_in::{Authority, Response, StandIn},
};
use serde_json::json;
use std::fs;

pub(crate) const CONFIG: &str = "home/.config/claviger/config.toml";

pub(crate) fn sick(patient: Patient) -> Sick {
    Sick::new(patient.home).beside(patient.endpoint)
}

pub(crate) fn healthy() -> Sick {
    sick(Patient::new())
}

/// A healthy home with further variables.
pub(crate) fn session(variables: &[(&str, &str)]) -> Option<Sick> {
    let mut patient = Patient::new();
    variables.iter().for_each(|(name, value)| patient.home.set(name, value));
    Some(sick(patient))
}

/// A home without settings, and with these variables.
pub(crate) fn bare(variables: &[(&str, &str)]) -> Option<Sick> {
    let mut home = Home::new();
    let quick = [("AWS_EC2_METADATA_DISABLED", "true"), ("NO_GCE_CHECK", "true")];
    quick.iter().chain(variables).for_each(|(name, value)| home.set(name, value));
    Some(Sick::new(home).with("--offline"))
}

/// Settings as they stand here.
pub(crate) fn written(part: &str, with: &str, text: &str) -> Option<Sick> {
    let sick = bare(&[])?;
    sick.home.write(SETTINGS, text);
    Some(sick.edited(part, with))
}

pub(crate) fn of_settings(name: &str, value: &str) -> Sick {
    let patient = Patient::new();
    patient.settings(&[(name, value)]);
    sick(patient)
}

fn with_helper(patient: &Patient, command: &str) {
    let env = json!({"ANTHROPIC_BASE_URL": patient.endpoint.url});
    patient.home.write(SETTINGS, &format!("{:#}", json!({"apiKeyHelper": command, "env": env})));
}

pub(crate) fn helper(command: &str) -> Option<Sick> {
    let patient = Patient::new();
    with_helper(&patient, command);
    Some(sick(patient))
}

pub(crate) fn edited_helper(command: &str) -> Option<Sick> {
    helper(command).map(|sick| sick.edited(command, format!("echo {CANARY}key")))
}

/// A helper that works as soon as a file is there.
pub(crate) fn failing() -> Option<Sick> {
    let sick = helper(&format!("test -e ~/fixed && echo {CANARY}key"))?;
    Some(sick.meanwhile(|home| drop(home.write("home/fixed", ""))))
}

/// An endpoint in the settings, and another to put in its place.
pub(crate) fn base_url(url: &str) -> Option<Sick> {
    let patient = Patient::new();
    patient.settings(&[("ANTHROPIC_BASE_URL", url)]);
    let there = patient.endpoint.url.clone();
    Some(sick(patient).edited(url, there))
}

/// A port that no server has: one that was free a moment ago may be another test's by now.
pub(crate) fn closed() -> u16 {
    1
}

pub(crate) fn answering(answer: fn() -> Response) -> Option<Sick> {
    Some(sick(Patient::with(StandIn::start(move |_| answer()))))
}

/// A server by an authority that is trusted, with a certificate for `name`.
fn tls(name: &str) -> Patient {
    let authority = Authority::new();
    let mut patient = Patient::with(StandIn::start_tls_as(&authority, name, |_| Response::new(200, "")));
    let path = patient.home.write("ca.pem", &authority.pem());
    patient.home.set("SSL_CERT_FILE", &path.display().to_string());
    patient
}

pub(crate) fn wrong_name() -> Option<Sick> {
    let other = StandIn::start(|_| Response::new(200, ""));
    let patient = tls("other.example");
    let (from, to) = (patient.endpoint.url.clone(), other.url.clone());
    Some(sick(patient).edited(from, to).beside(other))
}

pub(crate) fn behind_proxy() -> Option<Sick> {
    let mut patient = tls("localhost");
    patient.home.set("HTTPS_PROXY", &format!("http://127.0.0.1:{}", closed()));
    Some(sick(patient))
}

/// An API key in a file that was removed.
pub(crate) fn lost_key() -> Option<Sick> {
    let home = Home::new();
    home.write(CONFIG, "[daemon]\nstore = \"file\"\n");
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::File).expect("saved");
    drop(daemon);
    sealed(&home).iter().for_each(|file| fs::remove_file(file).expect("removed"));
    Some(Sick::new(home).typed(&secret("two")).with("--offline"))
}

/// The same, which a session has noticed, and whose place a helper has taken.
pub(crate) fn unusable() -> Option<Sick> {
    let sick = lost_key()?;
    sick.home.fails(4, &["token"]);
    sick.home.write(SETTINGS, &json!({"apiKeyHelper": format!("echo {CANARY}helper")}).to_string());
    Some(sick)
}

pub(crate) fn workspace() -> Option<Sick> {
    let patient = Patient::new();
    let text = json!({"env": {"ANTHROPIC_BASE_URL": patient.endpoint.url}});
    patient.home.write("work/.claude/settings.json", &format!("{text:#}"));
    Some(sick(patient))
}

/// An account in a keyring to which something then happens.
pub(crate) fn in_keyring(happens: fn(&mut Keyring)) -> Option<Sick> {
    let mut patient = Patient::new();
    let mut keyring = Keyring::unlocked(&mut patient.home)?;
    let daemon = patient.home.daemon();
    save(&patient.home, "work", &secret("one"), StorePlace::Keyring).expect("saved");
    happens(&mut keyring);
    Some(sick(patient).typed(&secret("two")).beside((daemon, keyring)))
}

pub(crate) fn locked() -> Option<Sick> {
    let sick = healthy();
    sick.home.ok(&["lock"]);
    Some(sick)
}

/// Credentials of a container, which fails until `go` is there.
pub(crate) fn container() -> Option<Sick> {
    let mut home = cloud::bedrock();
    let service = cloud::container(&mut home, move |_| Response::error(500, json!({"message": "no"})));
    Some(Sick::new(home).with("--offline").beside(service).meanwhile(|home| drop(home.write("go", ""))))
}

/// A service account that Google does not know any more.
pub(crate) fn denied() -> Option<Sick> {
    let mut home = google::vertex();
    let server = StandIn::start(|_| Response::error(403, json!({"error": "unauthorized_client"})));
    google::name_file(&mut home, &google::service_account(&server.url));
    Some(Sick::new(home).with("--offline").beside(server))
}

pub(crate) fn slow() -> Option<Sick> {
    let patient = Patient::new();
    nix::unistd::mkfifo(&patient.home.path("home/pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    with_helper(&patient, "cat ~/pipe");
    Some(sick(patient).with("--timeout 1 --offline").edited("cat ~/pipe", format!("echo {CANARY}key")))
}

/// A helper that prints a file, whose key the server does not take.
fn of_file() -> Patient {
    let good = secret("good");
    let status = move |key: &str| if key == good { 200 } else { 401 };
    let patient =
        Patient::with(StandIn::start(move |request| Response::new(status(request.header("x-api-key")), "")));
    patient.home.write("home/key", &secret("bad"));
    with_helper(&patient, "cat ~/key");
    patient
}

fn renewed(home: &Home) {
    home.write("home/key", &secret("good"));
}

pub(crate) fn refused() -> Option<Sick> {
    Some(sick(of_file()).meanwhile(renewed))
}

/// A key that was reported, and whose helper fails since.
pub(crate) fn rejected() -> Option<Sick> {
    let patient = of_file();
    patient.home.ok(&["token"]);
    fs::remove_file(patient.home.path("home/key")).expect("removed");
    drop(patient.home.run(&["refresh", "--rejected", "401"]));
    Some(sick(patient).with("--offline").meanwhile(renewed))
}

pub(crate) fn metadata() -> Option<Sick> {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://127.0.0.1:{}", closed()));
    Some(Sick::new(home).with("--offline"))
}

/// Good settings that break while a daemon runs.
pub(crate) fn kept() -> Option<Sick> {
    let patient = Patient::new();
    patient.home.ok(&["token"]);
    patient.home.replace(SETTINGS, "{\n  \"apiKeyHelper\": \"echo k\",,\n  \"env\": {}\n}");
    Some(sick(patient).with("--offline").edited(",,", ","))
}

pub(crate) fn policy() -> Option<Sick> {
    let text = format!("{:#}", json!({"apiKeyHelper": "echo k", "forceLoginMethod": "console"}));
    written("\"forceLoginMethod\"", "\"nothing\"", &text)
}

pub(crate) fn vertex() -> Option<Sick> {
    let mut home = google::vertex();
    home.set("ANTHROPIC_VERTEX_PROJECT_ID", "wanted-project");
    home.set("GCLOUD_PROJECT", "one-project");
    home.set("GOOGLE_CLOUD_PROJECT", "other-project");
    Some(Sick::new(home).with("--offline"))
}

/// A person who signed in with gcloud, in a session of Vertex. A gcloud signs in as wanted, and no other file comes first.
pub(crate) fn signed_in_with_gcloud(set_up: impl Fn(&mut Home, &serde_json::Value)) -> Option<Sick> {
    let servers = google::google();
    let mut home = google::vertex();
    let user = google::authorized_user(&servers.url);
    let target = google::impersonated(&servers.url, user.clone());
    let file = home.path("home/.config/gcloud/application_default_credentials.json");
    let write = |content| format!("printf '%s' '{content}' > '{}'", file.display());
    google::gcloud(&mut home);
    home.script(
        "bin/gcloud",
        &format!(
            "case \"$*\" in *set-quota-project*) {};; *impersonate*) {};; esac",
            write(&user),
            write(&target)
        ),
    );
    home.write("home/.config/gcloud/application_default_credentials.json", &user.to_string());
    set_up(&mut home, &user);
    Some(Sick::new(home).with("--offline").beside(servers))
}

pub(crate) fn shadowed_by_a_key() -> Option<Sick> {
    signed_in_with_gcloud(|home, user| {
        let token_uri = user["token_uri"].as_str().expect("a text").trim_end_matches("/token").to_owned();
        google::name_file(home, &google::service_account(&token_uri));
    })
}

pub(crate) fn gclouds_files_elsewhere() -> Option<Sick> {
    signed_in_with_gcloud(|home, _| {
        home.write("sdk/active_config", "default");
        home.set("CLOUDSDK_CONFIG", home.path("sdk").to_str().expect("UTF-8"));
    })
}

pub(crate) fn impersonation_of_gcloud_only() -> Option<Sick> {
    signed_in_with_gcloud(|home, _| {
        home.set("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", "target@p.iam.gserviceaccount.com");
    })
}

pub(crate) fn no_quota_project() -> Option<Sick> {
    signed_in_with_gcloud(|home, user| {
        let mut user = user.clone();
        user["quota_project_id"] = serde_json::Value::Null;
        home.replace("home/.config/gcloud/application_default_credentials.json", &user.to_string());
    })
}

/// A session of Foundry with the name of an app.
pub(crate) fn app_of_azure(variables: &[(&str, &str)]) -> Option<Sick> {
    let app = [
        ("CLAUDE_CODE_USE_FOUNDRY", "1"),
        ("ANTHROPIC_FOUNDRY_RESOURCE", "r"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
    ];
    bare(&[&app, variables].concat())
}

/// A session of Foundry with an `az` that says of which tenant it is, and can sign in to another one.
fn signed_in_with_az(variables: &[(&str, &str)]) -> Sick {
    let endpoint = StandIn::start(|_| Response::new(200, "{}"));
    let mut home = Home::new();
    home.write("home/.azure/azureProfile.json", "{}");
    let tenant = home.write("tenant", "first");
    let body = format!(
        "case \"$*\" in login*) echo \"$3\" > '{0}'; echo '{{ }}' > \"$HOME/.azure/azureProfile.json\";; \
         *) echo '{{\"accessToken\":\"sk-canary-az\",\"expires_on\":4070908800,\"tenant\":\"'\"$(cat '{0}')\"'\"}}';; esac",
        tenant.display()
    );
    let bin = home.script("bin/az", &body).parent().expect("a directory").display().to_string();
    home.set("PATH", &format!("{bin}:/usr/bin:/bin"));
    home.set("CLAUDE_CODE_USE_FOUNDRY", "1");
    home.set("ANTHROPIC_FOUNDRY_BASE_URL", &endpoint.url);
    variables.iter().for_each(|(name, value)| home.set(name, value));
    Sick::new(home).beside(endpoint)
}

pub(crate) fn az_of_another_tenant() -> Option<Sick> {
    Some(signed_in_with_az(&[("AZURE_TOKEN_CREDENTIALS", "dev"), ("AZURE_TENANT_ID", "second")]))
}

pub(crate) fn az_that_is_not_selected() -> Option<Sick> {
    // Without the variable, the metadata service would be looked for.
    Some(signed_in_with_az(&[("AZURE_TOKEN_CREDENTIALS", "az"), ("IDENTITY_ENDPOINT", "http://127.0.0.1:9")]))
}

pub(crate) fn clouds_of_settings() -> Option<Sick> {
    let env = json!({"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_VERTEX": "1"});
    written("VERTEX\": \"1", "VERTEX\": \"0", &format!("{:#}", json!({"env": env})))
}

pub(crate) fn regions_of_settings() -> Option<Sick> {
    let (region, other) = (("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "us-east-1"));
    let env = json!({"CLAUDE_CODE_USE_BEDROCK": "1", region.0: region.1, other.0: other.1});
    written("us-east-1", "eu-west-1", &format!("{:#}", json!({"env": env})))
}

/// A hook that was installed before a cloud was switched on.
pub(crate) fn outdated_hook() -> Option<Sick> {
    let home = Home::new();
    home.ok(&["hook", "install", "claude", "--yes"]);
    let settings = home.read("home/.claude/settings.json");
    home.write(
        "home/.claude/settings.json",
        &settings.replacen('{', "{\"env\": {\"CLAUDE_CODE_USE_BEDROCK\": \"1\"},", 1),
    );
    Some(Sick::new(home).with("--offline"))
}

/// Settings that lead to a gate of which the daemon has no record.
pub(crate) fn forgotten_gate() -> Option<Sick> {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let ended = Ended::with(&home);
    let sick = Sick::new(home).with("--offline").beside(ended);
    sick.home.ok(&["hook", "install", "claude", "--gate", "--yes"]);
    sick.home.ok(&["daemon", "stop"]);
    std::fs::remove_file(sick.home.path("home/.local/state/claviger/gates.json")).expect("a record");
    Some(sick)
}

/// A login, and a key in the environment before it.
pub(crate) fn beside_login() -> Option<Sick> {
    let mut home = Home::new();
    let issuer = server(|| {});
    home.write(CONFIG, &sign_in_config(&issuer, "file"));
    home.ok(&["login", "work", "--device"]);
    home.set("ANTHROPIC_API_KEY", "sk-canary-k");
    Some(Sick::new(home).with("--offline").beside(issuer))
}
