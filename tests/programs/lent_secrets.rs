//! Secrets reach the children that fetch on their stdin: no process that a daemon starts has one in its environment or on
//! its command line, also not for the moment in which it starts.

use claviger::proto::v1::StorePlace;
use claviger_tests::{
    Home,
    accounts::save,
    aws::{Bedrock, keys, role_keys},
    foundry::{Foundry, entra, managed},
    is_root,
    stand_in::{Authority, Response, StandIn},
    text,
    wait::until,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, Mutex},
    thread,
};

/// No other test has it.
const SECRET: &str = "sk-canary-lent-secret";

/// What was seen of the processes that daemons started.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    children: usize,
    leaks: BTreeSet<String>,
}

impl Watch {
    /// Looks once. A request to a stand-in is a good moment: the child that sent it waits for the answer.
    fn look(&self) {
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let read = |name: &str| text(&fs::read(entry.path().join(name)).unwrap_or_default());
            let environment = read("environ");
            if environment.contains("CLAVIGER_FLIGHT=") {
                let mut seen = self.0.lock().expect("seen");
                seen.children += 1;
                let leaks = [environment, read("cmdline")].into_iter().filter(|text| text.contains(SECRET));
                seen.leaks.extend(leaks);
            }
        }
    }

    /// Looks for as long as `run` runs.
    #[track_caller]
    fn during(&self, run: impl FnOnce() + Send) {
        thread::scope(|scope| {
            let running = scope.spawn(run);
            while !running.is_finished() {
                self.look();
            }
            running.join().expect("it runs");
        });
        // Only root can read the environment of a child once it protects itself.
        assert!(!is_root() || self.has_seen_a_child());
        let leaks = &self.0.lock().expect("seen").leaks;
        assert!(leaks.is_empty(), "{leaks:?}");
    }

    fn has_seen_a_child(&self) -> bool {
        self.0.lock().expect("seen").children > 0
    }
}

#[test]
fn the_secret_of_a_service_principal_is_in_no_environment() {
    let (authority, watch) = (Authority::new(), Watch::default());
    let looking = watch.clone();
    let server = StandIn::start_tls(&authority, move |request| {
        looking.look();
        entra(request)
    });
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    foundry.set("MSI_SECRET", SECRET);
    let _daemon = foundry.home.daemon();
    watch.during(|| assert!(foundry.token().ends_with("of-tenant-1")));
    assert_eq!(server.requests()[0].field("client_secret").as_deref(), Some(SECRET));
}

#[test]
fn the_header_of_a_managed_identity_is_in_no_environment() {
    let watch = Watch::default();
    let looking = watch.clone();
    let server = StandIn::start(move |_| {
        looking.look();
        managed("sk-canary-managed")
    });
    let mut foundry = Foundry::new();
    foundry.set("IDENTITY_ENDPOINT", &format!("{}/msi/token", server.url));
    foundry.set("IDENTITY_HEADER", SECRET);
    let _daemon = foundry.home.daemon();
    watch.during(|| assert_eq!(foundry.token(), "sk-canary-managed"));
    assert_eq!(server.requests()[0].header("x-identity-header"), SECRET);
}

#[test]
fn the_token_of_a_container_is_in_no_environment() {
    let watch = Watch::default();
    let looking = watch.clone();
    let service = StandIn::start(move |_| {
        looking.look();
        role_keys(7200)
    });
    let mut session = Bedrock::new();
    session.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/creds", service.url));
    session.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET);
    let _daemon = session.daemon();
    watch.during(|| assert_eq!(keys(&session.lease()).0, "AKIAROLE"));
    assert_eq!(service.requests()[0].header("authorization"), SECRET);
}

#[test]
fn a_token_that_cannot_stand_in_a_header_is_said() {
    let service = StandIn::start(|_| role_keys(7200));
    let mut session = Bedrock::new();
    session.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/creds", service.url));
    // A session does not even send such a value.
    session.settings(&json!({"env": {"AWS_CONTAINER_AUTHORIZATION_TOKEN": format!("{SECRET}\n")}}));
    let _daemon = session.daemon();
    let message = session.refused("settings-invalid").message;
    assert!(message.contains("env.AWS_CONTAINER_AUTHORIZATION_TOKEN has a control character"), "{message}");
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_credential_process_does_not_see_the_token_of_the_container() {
    let mut session = Bedrock::new();
    let seen = session.home.path("seen");
    let printed = json!({"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "sk-canary-s"});
    let printed = session.home.write("out", &printed.to_string());
    let body = format!("env > '{}'\ncat '{}'", seen.display(), printed.display());
    let helper = session.home.script("helper", &body);
    session.config(&format!("[profile dev]\ncredential_process = {}\n", helper.display()));
    session.set("AWS_PROFILE", "dev");
    session.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET);
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIAPROCESS");
    let seen = session.home.read("seen");
    assert!(seen.contains("AWS_PROFILE=dev") && !seen.contains(SECRET), "{seen}");
}

#[test]
fn keys_that_are_checked_are_in_no_environment() {
    let watch = Watch::default();
    let looking = watch.clone();
    let service = StandIn::start(move |_| {
        looking.look();
        let answer = "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>";
        Response::new(200, answer)
    });
    let mut session = Bedrock::new();
    let printed = json!({"Credentials": {
        "AccessKeyId": "AKIAEXPORT", "SecretAccessKey": SECRET, "SessionToken": SECRET,
    }});
    let printed = session.home.write("out", &printed.to_string());
    let export = format!("cat '{}'", printed.display());
    session.settings(&json!({"awsCredentialExport": export, "awsAuthRefresh": "true"}));
    session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
    let _daemon = session.daemon();
    watch.during(|| assert_eq!(keys(&session.lease()).0, "AKIAEXPORT"));
    assert_eq!(service.requests()[0].header("x-amz-security-token"), SECRET);
}

#[test]
fn a_key_that_is_saved_is_in_no_environment() {
    let (home, watch) = (Home::new(), Watch::default());
    let _daemon = home.daemon();
    watch.during(|| {
        until("a child was seen", || {
            save(&home, "work", SECRET, StorePlace::File).expect("saved");
            !is_root() || watch.has_seen_a_child()
        });
    });
}
