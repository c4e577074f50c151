//! Roles, web identities and the question who one is, against moto: an independent implementation of STS.

use claviger_tests::{
    CANARY,
    aws::{Bedrock, about, keys},
};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/r";

/// A server that ends with this value.
struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    /// `None`, and said so, without it.
    fn start() -> Option<Self> {
        let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV").map(PathBuf::from) else {
            claviger_tests::skipped("moto ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)");
            return None;
        };
        let mut server = Command::new(venv.join("bin/python"));
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let mut child = server
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto runs");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()));
        // A process that writes to a pipe without a reader is ended by it.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url: url.expect("moto says where it listens") })
    }

    fn session(&self, config: &str) -> Bedrock {
        let mut session = Bedrock::new();
        session.config(config);
        let keys = format!("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {CANARY}b\n");
        session.home.write("home/.aws/credentials", &keys);
        session.set("AWS_PROFILE", "dev");
        session.set("AWS_ENDPOINT_URL_STS", self.url.clone());
        session
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[track_caller]
fn has_role(session: &Bedrock, link: &str) {
    let lease = session.lease();
    let (id, secret, token) = keys(&lease);
    assert!(id.starts_with("ASIA") && !secret.is_empty() && token.is_some(), "{id}");
    let (answered, seconds) = about(&lease);
    assert!(answered == link && (3500..=3601).contains(&seconds), "{answered}: {seconds} s");
}

/// One server for all: it takes seconds to start.
#[test]
fn sts_as_moto_has_it() {
    let Some(moto) = Moto::start() else { return };
    let session = moto.session(&format!("[profile dev]\n{ROLE}\nsource_profile = base\n"));
    let _daemon = session.daemon();
    has_role(&session, "profile");
    of_web_identities(&moto);
    through_the_profiles_own_endpoint(&moto);
    with_a_check(&moto);
}

fn of_web_identities(moto: &Moto) {
    let mut session = moto.session("");
    let token = session.home.write("token", "canary.web.identity");
    let path = token.to_str().expect("UTF-8").to_owned();
    session.config(&format!("[profile dev]\n{ROLE}\nweb_identity_token_file = {path}\n"));
    let _daemon = session.daemon();
    has_role(&session, "profile");
    session.unset("AWS_PROFILE");
    session.set("AWS_WEB_IDENTITY_TOKEN_FILE", path);
    session.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
    has_role(&session, "web-identity");
}

fn through_the_profiles_own_endpoint(moto: &Moto) {
    let services = format!("[services local]\nsts =\n  endpoint_url = {}\n", moto.url);
    let mut session =
        moto.session(&format!("[profile dev]\n{ROLE}\nsource_profile = base\nservices = local\n{services}"));
    session.unset("AWS_ENDPOINT_URL_STS");
    let _daemon = session.daemon();
    has_role(&session, "profile");
}

fn with_a_check(moto: &Moto) {
    let session = moto.session(&format!("[profile dev]\n{ROLE}\nsource_profile = base\n"));
    let runs = session.home.path("signin.runs");
    session.settings(&json!({"awsAuthRefresh": format!("echo run >> '{}'", runs.display())}));
    let _daemon = session.daemon();
    has_role(&session, "profile");
    assert_eq!(session.home.runs("signin"), 0, "moto knows the caller");
}
