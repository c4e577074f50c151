//! A stand-in for an authorization server, which answers as badly as a test says.

use super::{
    Home,
    login::Login,
    stand_in::{Authority, Request, Response, StandIn, form},
};
use claviger::{proto::v1, reason::Problem};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// What the authorization endpoint would have given; it is never visited.
pub const CODE: &str = "sk-canary-code";

/// What a server says that must not be repeated.
pub const MARK: &str = "sk-canary-said-by-the-server";

/// A server that ends with this value. It grants whatever it is asked for, unless told otherwise.
pub struct Issuer {
    pub server: StandIn,
    says: Arc<Says>,
}

struct Says {
    base: Mutex<String>,
    token: Mutex<Response>,
    device: Mutex<Response>,
    /// Changes of the metadata.
    metadata: Mutex<Value>,
}

/// What it grants: the tokens `name`, for `seconds`.
pub fn granted(name: &str, seconds: u64) -> Value {
    json!({
        "access_token": format!("sk-canary-access-{name}"),
        "refresh_token": format!("sk-canary-refresh-{name}"),
        "token_type": "Bearer",
        "expires_in": seconds,
    })
}

/// What it answers to a device.
pub fn device() -> Value {
    json!({
        "device_code": "sk-canary-device", "user_code": "ABCD-EFGH", "expires_in": 600, "interval": 1,
        "verification_uri": "https://login.example.com/device",
    })
}

impl Issuer {
    pub fn start() -> Self {
        Self::serve(|says| StandIn::start(move |request| says.answer(request)))
    }

    pub fn start_tls(authority: &Authority) -> Self {
        Self::serve(|says| StandIn::start_tls(authority, move |request| says.answer(request)))
    }

    fn serve(start: impl FnOnce(Arc<Says>) -> StandIn) -> Self {
        let token = Mutex::new(Response::json(granted("first", 3600)));
        let device = Mutex::new(Response::json(device()));
        let says = Arc::new(Says { base: Mutex::default(), token, device, metadata: Mutex::new(json!({})) });
        let server = start(says.clone());
        says.base.lock().expect("base").clone_from(&server.url);
        Self { server, says }
    }

    /// Answers every request to the token endpoint like this from now on.
    pub fn answers(&self, response: Response) {
        *self.says.token.lock().expect("token") = response;
    }

    /// Answers every start of a device flow like this from now on.
    pub fn starts_devices_with(&self, response: Response) {
        *self.says.device.lock().expect("device") = response;
    }

    /// Does not answer at the token endpoint until this is dropped.
    pub fn hold(&self) -> MutexGuard<'_, Response> {
        self.says.token.lock().expect("token")
    }

    /// Publishes other metadata, where `changes` has some; `null` leaves a key out.
    pub fn publishes(&self, changes: Value) {
        *self.says.metadata.lock().expect("metadata") = changes;
    }

    /// A home that can sign in here as `work`, with further lines in its section.
    pub fn home(&self, more: &str) -> Home {
        let home = Home::new();
        home.write("home/.config/claviger/config.toml", &self.section("work", more));
        home
    }

    /// A section `[oauth.NAME]`.
    pub fn section(&self, name: &str, more: &str) -> String {
        format!(
            "[oauth.{name}]\nissuer = \"{}\"\nclient_id = \"cli\"\naudience = \"https://api.anthropic.com\"\n{more}\n",
            self.server.url
        )
    }

    /// How often tokens were asked for.
    pub fn asked(&self) -> usize {
        self.server.count("/token")
    }

    /// Signs in as the account `work`.
    pub async fn sign_in(&self, home: &Home) -> Result<v1::Account, Problem> {
        let mut login = Login::start(home, |_| {}).await;
        let url = match login.next().await? {
            v1::login_response::Event::Url(url) => url,
            other => panic!("{other:?} instead of a URL"),
        };
        login.paste(&redirected(&url)).await;
        login.end().await
    }
}

/// What is granted, but for `key`.
pub fn but(key: &str, value: Value) -> Response {
    let mut reply = granted("odd", 3600);
    reply[key] = value;
    Response::json(reply)
}

/// A refusal with everything that a server may say in one.
pub fn refusal(status: u16, error: &str) -> Response {
    Response::error(status, json!({ "error": error, "error_description": MARK, "error_uri": MARK }))
}

impl Says {
    fn answer(&self, request: &Request) -> Response {
        match request.path.as_str() {
            "/token" | "/revoke" => self.token.lock().expect("token").clone(),
            "/.well-known/oauth-authorization-server" => {
                let base = self.base.lock().expect("base").clone();
                let mut metadata = json!({
                    "issuer": base,
                    "authorization_endpoint": format!("{base}/auth"),
                    "token_endpoint": format!("{base}/token"),
                    "device_authorization_endpoint": format!("{base}/device"),
                    "code_challenge_methods_supported": ["S256"],
                    "authorization_response_iss_parameter_supported": true,
                });
                for (key, value) in self.metadata.lock().expect("metadata").as_object().expect("an object") {
                    metadata[key] = value.clone();
                }
                Response::json(metadata)
            }
            "/never" => Response::never(),
            "/drips" => Response::json(granted("drips", 3600)).dripping(),
            "/device" => self.device.lock().expect("device").clone(),
            _ => Response::new(404, ""),
        }
    }
}

/// What of the URL to open a redirect needs: where to, and the state.
pub fn target(url: &str) -> (String, String) {
    let mut query = form(url.split_once('?').expect("a query").1);
    let mut of = |name: &str| query.remove(name).expect("a parameter");
    (of("redirect_uri"), of("state"))
}

/// Where the browser would be sent from `url` after a login.
pub fn redirected(url: &str) -> String {
    let (to, state) = target(url);
    let issuer = url.split_once("/auth?").expect("a stand-in").0;
    format!("{to}?code={CODE}&state={state}&iss={issuer}")
}

/// A connection to the loopback address `url`.
pub fn connection(url: &str) -> std::io::Result<TcpStream> {
    let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("an address");
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Sends `bytes` there, and reads until the connection is closed. What is lost to a reset is lost.
pub fn say(url: &str, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    if let Ok(mut stream) = connection(url) {
        drop(stream.write_all(bytes).and_then(|()| stream.read_to_end(&mut answer)));
    }
    super::text(&answer)
}

/// Gets `url` as a browser does, and returns status and page; an empty one without an answer.
pub fn get(url: &str) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    say(url, format!("GET /{path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").as_bytes())
}
