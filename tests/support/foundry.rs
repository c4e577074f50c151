//! A Foundry session, and what stands in for Azure around it.

use super::{
    CANARY, Home, block_on, seconds,
    stand_in::{Authority, Request, Response, StandIn},
    text,
};
use claviger::{client::Client, proto::v1, session::SessionContext};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, process::Command};

/// A home whose sessions use Foundry. What a session has of Azure's variables is here, and nowhere in the daemon.
pub struct Foundry {
    pub home: Home,
    environment: BTreeMap<String, String>,
}

impl Foundry {
    /// It looks for no metadata service: an endpoint without its header is incomplete.
    pub fn new() -> Self {
        let home = Home::new();
        let path = format!("{}:/usr/bin:/bin", home.path("bin").display());
        let mut foundry = Self { home, environment: BTreeMap::new() };
        for (name, value) in [
            ("CLAUDE_CODE_USE_FOUNDRY", "1"),
            ("ANTHROPIC_FOUNDRY_RESOURCE", "my-res"),
            ("IDENTITY_ENDPOINT", "http://127.0.0.1:9"),
            ("PATH", &path),
        ] {
            foundry.set(name, value);
        }
        foundry
    }

    /// With a service principal at `server`.
    pub fn principal(authority: &Authority, server: &StandIn) -> Self {
        let mut foundry = Self::new();
        let bundle = foundry.home.write("ca.pem", &authority.pem());
        foundry.set("SSL_CERT_FILE", bundle.to_str().expect("UTF-8"));
        foundry.set("AZURE_AUTHORITY_HOST", &server.url);
        foundry.set("AZURE_TENANT_ID", "tenant-1");
        foundry.set("AZURE_CLIENT_ID", "app-1");
        foundry
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.into(), value.into());
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// A tool in the session's PATH.
    pub fn shim(&self, name: &str, body: &str) -> PathBuf {
        self.home.script(&format!("bin/{name}"), body)
    }

    /// A client of this session.
    pub fn claviger(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.claviger(arguments);
        command.envs(&self.environment);
        command
    }

    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.claviger(arguments).output().expect("claviger runs");
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// The lease as JSON.
    pub fn lease(&self) -> Value {
        let (good, out, error) = self.run(&["get", "--json", "--show-secret"]);
        assert!(good, "{error}");
        serde_json::from_str(&out).expect("JSON")
    }

    /// What `claviger token` prints.
    pub fn token(&self) -> String {
        let (good, out, error) = self.run(&["token"]);
        assert!(good, "{error}");
        out.trim_end().to_owned()
    }

    /// Why there is no lease, as JSON. It holds no secret.
    pub fn problem(&self) -> Value {
        let (good, out, error) = self.run(&["get", "--json", "--show-secret"]);
        assert!(!good, "{out}");
        assert!(!error.contains(CANARY), "a secret leaks: {error}");
        let start = error.find('{').unwrap_or_default();
        serde_json::from_str(&error[start..]).unwrap_or_else(|_| panic!("JSON: {error}"))
    }

    /// What a client of this session sends.
    pub fn session(&self) -> SessionContext {
        let known = [("HOME", "home"), ("XDG_RUNTIME_DIR", "run")];
        let own = known.map(|(name, below)| (name.into(), self.home.path(below).into_os_string()));
        let rest = self.environment.iter().map(|(name, value)| (name.into(), value.into()));
        // The last one counts, as for a process that is started with them.
        let environment = own.into_iter().chain([("USER".into(), "tester".into())]).chain(rest);
        let environment = environment.collect::<BTreeMap<OsString, OsString>>();
        SessionContext::new(self.home.path("work"), environment).expect("a session")
    }

    /// What became known of the credential: it is the daemon that says it, over its API.
    pub fn facts(&self) -> v1::Facts {
        let session = self.session();
        let lease = block_on(async {
            let mut client = Client::connect(&self.home.socket()).await.expect("the daemon listens");
            client.get(&session, None).await.expect("a credential")
        });
        lease.facts.expect("facts")
    }
}

/// A token service that knows everybody: its tokens name the tenant.
pub fn entra(request: &Request) -> Response {
    let tenant = request.path.split('/').nth(1).unwrap_or_default();
    issued(&format!("{CANARY}of-{tenant}"))
}

/// A token as Entra issues it.
pub fn issued(token: &str) -> Response {
    Response::json(
        json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token }),
    )
}

/// A token as App Service issues it, good for an hour.
pub fn managed(token: &str) -> Response {
    let expires_on = (seconds() + 3600).to_string();
    Response::json(json!({
        "access_token": token, "expires_on": expires_on, "resource": "https://cognitiveservices.azure.com",
        "token_type": "Bearer", "client_id": "x",
    }))
}

/// A script that prints what `az account get-access-token` prints.
pub fn az(token: &str) -> String {
    format!(
        r#"echo '{{"accessToken":"{token}","expiresOn":"2033-05-18 03:33:20.000000","expires_on":2000000000,"subscription":"s","tenant":"tenant-of-az","tokenType":"Bearer"}}'"#
    )
}

/// A script that prints what `azd auth token` prints.
pub fn azd(token: &str) -> String {
    format!(r#"echo '{{"token":"{token}","expiresOn":"2033-05-18T03:33:20Z"}}'"#)
}

/// The expiry of a lease, in seconds since 1970.
pub fn expiry(lease: &Value) -> u64 {
    let at = lease["expires_at"].as_str().unwrap_or_else(|| panic!("no expiry: {lease}"));
    let output = Command::new("date").args(["-u", "-d", at, "+%s"]).output().expect("date runs");
    text(&output.stdout).trim().parse().expect("seconds")
}

/// A word of a problem.
pub fn word<'a>(problem: &'a Value, name: &str) -> &'a str {
    problem["error"][name].as_str().unwrap_or_default()
}

/// A problem has this reason, and `part` in its message or hint.
#[track_caller]
pub fn assert_problem(problem: &Value, reason: &str, part: &str) {
    assert_eq!(word(problem, "reason"), reason, "{problem}");
    let text = format!("{}\n{}", word(problem, "message"), word(problem, "hint"));
    assert!(text.contains(part), "{part:?} is not in {problem}");
}
