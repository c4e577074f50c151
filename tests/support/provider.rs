//! An OpenID provider (npm `oidc-provider`) in a process of its own, and a browser that signs in to it.

use super::{CANARY, Daemon, Home, issuer::say, skipped, text};
use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A provider; it ends with this value.
pub struct Provider {
    child: Child,
    pub issuer: String,
    log: PathBuf,
    control: PathBuf,
    npm: PathBuf,
}

/// Secret of the client `confidential`.
pub const CLIENT_SECRET: &str = "sk-canary-client-secret";

impl Provider {
    /// A provider with `options` of provider.mjs; `None`, said loudly, where there is none.
    pub fn start(home: &Home, options: serde_json::Value) -> Option<Self> {
        let Some(installed) = env::var_os("CLAVIGER_TEST_NPM").map(PathBuf::from) else {
            skipped("node and the npm packages of tests/npm (`cargo xtask test` installs them)");
            return None;
        };
        // Modules are looked for beside the script that asks for them.
        let npm = home.path("npm");
        fs::create_dir_all(&npm).expect("directory");
        drop(symlink(installed.join("node_modules"), npm.join("node_modules")));
        for script in ["provider.mjs", "browser.mjs"] {
            let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/npm").join(script);
            fs::copy(source, npm.join(script)).expect("script");
        }
        let (log, control) = (home.path("provider.log"), home.path("provider.json"));
        let mut all = serde_json::json!({ "log": log, "control": control, "clients": clients() });
        for (name, value) in options.as_object().expect("an object") {
            all[name] = value.clone();
        }
        let errors = fs::File::create(home.path("provider.err")).expect("log");
        let mut command = Command::new("node");
        command.arg(npm.join("provider.mjs")).arg(all.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("node runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the provider did not start: {}", home.read("provider.err")));
        let issuer = ready["issuer"].as_str().expect("issuer").to_owned();
        Some(Self { child, issuer, log, control, npm })
    }

    /// A section `[oauth.NAME]` for this provider, with further lines.
    pub fn section(&self, name: &str, more: &str) -> String {
        format!(
            "[oauth.{name}]\nissuer = \"{}\"\nclient_id = \"cli\"\nscopes = [\"openid\", \"offline_access\", \"email\", \"org\"]\n\
             audience = \"https://api.anthropic.com\"\n{more}\n[oauth.{name}.authorization_parameters]\nprompt = \"consent\"\n",
            self.issuer
        )
    }

    /// Puts an `xdg-open` into `home`'s PATH that signs in to this provider, as a browser would.
    pub fn browser(&self, home: &mut Home) {
        let (npm, out) = (self.npm.display(), home.path("browser.out"));
        home.script("bin/xdg-open", &format!("exec node {npm}/browser.mjs \"$1\" >> {} 2>&1", out.display()));
        let node = env::var("PATH").unwrap_or_default();
        home.set("PATH", &format!("{}:{node}", home.path("bin").display()));
        // Without a screen no browser is opened.
        home.set("DISPLAY", ":99");
    }

    /// A home that is signed in with access tokens of so many seconds, kept in a file, and its daemon.
    pub fn signed_in(access: u64) -> Option<(Home, Self, Daemon)> {
        let mut home = Home::new();
        let provider = Self::start(&home, serde_json::json!({ "access": access }))?;
        let section = provider.section("work", "");
        home.write("home/.config/claviger/config.toml", &format!("[daemon]\nstore = \"file\"\n{section}"));
        provider.browser(&mut home);
        let daemon = home.daemon();
        home.ok(&["login"]);
        Some((home, provider, daemon))
    }

    /// Runs the browser by hand, and says where it ended.
    pub fn visit(&self, arguments: &[&str]) -> serde_json::Value {
        let mut command = Command::new("node");
        let output = command.arg(self.npm.join("browser.mjs")).args(arguments).output().expect("node runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("browser: {}", text(&output.stderr)))
    }

    /// What the provider logged.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// How the token endpoint behaves from now on: see provider.mjs.
    pub fn control(&self, how: serde_json::Value) {
        let fresh = self.control.with_extension("new");
        fs::write(&fresh, how.to_string()).expect("file");
        fs::rename(fresh, &self.control).expect("rename");
    }

    /// Whether it takes `token` now (RFC 7662).
    pub fn takes(&self, token: &str) -> bool {
        let body = format!("token={token}&client_id=confidential&client_secret={CLIENT_SECRET}");
        let host = self.issuer.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).expect("the provider listens");
        let request = format!(
            "POST /token/introspection HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(reply.contains("\"active\":"), "{reply}");
        reply.contains("\"active\":true")
    }

    /// Fails if a refresh token was shown twice, or anything was refused or revoked.
    pub fn is_content(&self) {
        let log = self.log();
        let shown: Vec<_> =
            log.iter().filter(|entry| entry["event"] == "shown").map(|entry| &entry["token"]).collect();
        let once: BTreeSet<_> = shown.iter().map(|token| token.to_string()).collect();
        assert_eq!(once.len(), shown.len(), "a refresh token was used twice");
        let bad = ["grant.revoked", "grant.error", "server_error"];
        let bad = log.iter().find(|entry| bad.iter().any(|name| entry["event"] == *name));
        assert!(bad.is_none(), "{bad:?}");
    }

    /// How many requests to `path` there were.
    pub fn requests(&self, path: &str) -> usize {
        self.log().iter().filter(|entry| entry["path"] == path).count()
    }

    /// The last token of `kind` ("access_token", "refresh_token") that it issued.
    pub fn issued(&self, kind: &str) -> String {
        let event = format!("{kind}.saved");
        let found = self.log().into_iter().rev().find(|entry| entry["event"] == event.as_str());
        found.and_then(|entry| Some(entry["value"].as_str()?.to_owned())).expect("a token")
    }

    /// What it answers to an exchange of the refresh token `token`.
    pub fn exchange(&self, token: &str) -> String {
        let body = format!("grant_type=refresh_token&client_id=cli&refresh_token={token}");
        let head = "POST /token HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
                    content-type: application/x-www-form-urlencoded\r\n";
        say(
            &format!("{}/token", self.issuer),
            format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
        )
    }

    /// How many events `name` there were.
    pub fn events(&self, name: &str) -> usize {
        self.log().iter().filter(|entry| entry["event"] == name).count()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn clients() -> serde_json::Value {
    let grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];
    let client = |id: &str, method: &str| {
        serde_json::json!({
            "client_id": id,
            "application_type": "native",
            "token_endpoint_auth_method": method,
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": grants,
            "response_types": ["code"],
        })
    };
    let mut confidential = client("confidential", "client_secret_basic");
    confidential["client_secret"] = CLIENT_SECRET.into();
    assert!(CLIENT_SECRET.starts_with(CANARY));
    serde_json::json!([client("cli", "none"), confidential])
}
