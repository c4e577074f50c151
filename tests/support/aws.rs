//! A Bedrock session of a test. Its environment is told to the daemon and is not the daemon's own.

use super::{Daemon, Home, binary, block_on, seconds, stand_in::Response, text};
use claviger::{Lease, Material, client::Client, reason::Problem, session::SessionContext};
use claviger_child::{Call, Lent, Request};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

/// A session.
pub struct Bedrock {
    pub home: Home,
    pub variables: Vec<(String, String)>,
}

impl Bedrock {
    /// One that looks for no instance metadata.
    pub fn new() -> Self {
        let home = Home::new();
        let mut session = Self { home, variables: Vec::new() };
        session.set("HOME", session.home.path("home").to_str().expect("UTF-8").to_owned());
        session.set("PATH", "/usr/local/bin:/usr/bin:/bin");
        session.set("CLAUDE_CODE_USE_BEDROCK", "1");
        session.set("AWS_EC2_METADATA_DISABLED", "true");
        session
    }

    /// One whose profile `dev` is `lines`.
    pub fn with_profile(lines: &str) -> Self {
        let mut session = Self::new();
        session.config(&format!("[profile dev]\n{lines}\n"));
        session.set("AWS_PROFILE", "dev");
        session
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.unset(name);
        self.variables.push((name.into(), value.into()));
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// Replaces `~/.aws/config`.
    pub fn config(&self, text: &str) {
        self.home.write("home/.aws/config", text);
    }

    /// Replaces `~/.claude/settings.json`.
    pub fn settings(&self, settings: &serde_json::Value) {
        self.home.replace("home/.claude/settings.json", &settings.to_string());
    }

    pub fn daemon(&self) -> Daemon {
        self.home.daemon()
    }

    pub fn context(&self) -> SessionContext {
        let environment = self.variables.iter().map(|(name, value)| (name.into(), value.into()));
        SessionContext::new(self.home.path("work"), environment).expect("a session")
    }

    /// A lease, or why there is none.
    pub fn ask(&self, min_validity: Option<Duration>) -> Result<Lease, Problem> {
        block_on(async {
            let mut client = Client::connect(&self.home.socket()).await.expect("the daemon listens");
            client.get(&self.context(), min_validity).await
        })
    }

    #[track_caller]
    pub fn lease(&self) -> Lease {
        self.ask(None).unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    /// The problem, which has this reason and shows no secret.
    #[track_caller]
    pub fn refused(&self, reason: &str) -> Problem {
        let problem = self.ask(None).expect_err("no credential");
        assert_eq!(problem.reason.as_str(), reason, "{problem:?}");
        assert!(!format!("{problem:?}").contains(super::CANARY), "a secret leaked into {problem:?}");
        problem
    }

    /// What the program that fetches makes of the session, without a daemon, and the most memory that it had by then, in KiB:
    /// `helper` is the `credential_process` of [`Self::noting_helper`].
    pub fn peak(&self) -> u64 {
        let mut fetch = Command::new(binary("clavigerd-fetch"));
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        fetch.env_clear().envs(variables).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut fetch = fetch.spawn().expect("it runs");
        let call = Call::new(Request::Aws { check: false, lent: Lent::new() }).line();
        fetch.stdin.take().expect("a pipe").write_all(call.expose().as_bytes()).expect("written");
        let output = fetch.wait_with_output().expect("an answer");
        assert!(text(&output.stdout).contains("AKIA"), "{}", text(&output.stdout));
        let peak = self.home.read("peak");
        peak.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a size")
    }

    /// A `credential_process` that prints keys and notes how much memory the program has had that runs it.
    pub fn noting_helper(&self) -> PathBuf {
        let (out, noted) = (self.home.write("out", &printed("AKIA", None)), self.home.path("peak"));
        let body = format!("grep VmHWM /proc/$PPID/status > '{}'\ncat '{}'", noted.display(), out.display());
        self.home.script("helper", &body)
    }

    /// Runs the client in the session.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut client = self.home.claviger(arguments);
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        client.envs(variables).output().expect("claviger runs")
    }
}

/// Id, secret and token of a lease.
#[track_caller]
pub fn keys(lease: &Lease) -> (&str, &str, Option<&str>) {
    match &lease.material {
        Some(Material::Keys(keys)) => {
            let token = keys.session_token.as_ref().map(|token| token.expose().as_str());
            (&keys.access_key_id, keys.secret_access_key.expose(), token)
        }
        other => panic!("no AWS keys but {other:?}"),
    }
}

/// The link that answered, and seconds until the lease expires.
pub fn about(lease: &Lease) -> (String, i64) {
    let expires_at = lease.expires_at.map_or(0, |at| super::answers::seconds(Some(at)));
    let link = lease.facts.as_ref().map(|facts| facts.link.clone()).unwrap_or_default();
    (link, expires_at - i64::try_from(seconds()).expect("a clock"))
}

/// An instant so many seconds from now, as AWS writes it.
pub fn instant(from_now: i64) -> String {
    let at = aws_smithy_types::DateTime::from_secs(i64::try_from(seconds()).expect("a clock") + from_now);
    at.fmt(aws_smithy_types::date_time::Format::DateTime).expect("an instant")
}

/// What the services of containers and instances answer.
pub fn role_keys(seconds: i64) -> Response {
    let (secret, token) = (format!("{}s", super::CANARY), format!("{}t", super::CANARY));
    Response::json(serde_json::json!({
        "Code": "Success", "AccessKeyId": "AKIAROLE", "SecretAccessKey": secret, "Token": token,
        "Expiration": instant(seconds),
    }))
}

/// What a `credential_process` prints.
pub fn printed(id: &str, expiration: Option<&str>) -> String {
    let mut keys = serde_json::json!({
        "Version": 1, "AccessKeyId": id, "SecretAccessKey": format!("{}s", super::CANARY),
        "SessionToken": format!("{}t", super::CANARY),
    });
    if let Some(at) = expiration {
        keys["Expiration"] = at.into();
    }
    keys.to_string()
}

/// File in `~/.aws/sso/cache` for a session's name or a start URL.
pub fn sso_cache(name: &str) -> String {
    format!("home/.aws/sso/cache/{}.json", hex(&SHA1_FOR_LEGACY_USE_ONLY, name))
}

/// File in `~/.aws/login/cache` for a login session.
pub fn login_cache(session: &str) -> String {
    format!("home/.aws/login/cache/{}.json", hex(&SHA256, session))
}

pub fn hex(algorithm: &'static Algorithm, text: &str) -> String {
    digest(algorithm, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
