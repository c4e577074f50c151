//! Sign-ins that `aws sso login` and `aws login` have left, and the services of AWS that renew them: each refresh token is taken
//! once.

use super::{
    CANARY,
    aws::{Bedrock, instant, login_cache, sso_cache},
    stand_in::{Request, Response, StandIn},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const START: &str = "https://sso.example/start";
const ARN: &str = "arn:aws:sts::111122223333:assumed-role/Admin/admin";
/// The path of both services that renew.
const RENEWALS: [&str; 2] = ["/token", "/v1/token"];

/// Portal, OIDC and sign-in service.
pub struct SignInServer {
    pub service: StandIn,
    reused: Arc<Mutex<usize>>,
}

/// How a person has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `aws sso login`, for a session that is renewed.
    Session,
    /// The same for a start URL alone, as before 2023.
    StartUrl,
    /// `aws login`.
    Login,
}

/// The number at the end of a token.
fn number(token: &str) -> Option<usize> {
    token.rsplit('-').next()?.parse().ok()
}

impl SignInServer {
    /// A renewal takes `delay`.
    pub fn start(delay: Duration) -> Self {
        let current = Mutex::new(0);
        let reused: Arc<Mutex<usize>> = Arc::default();
        let counted = reused.clone();
        let service = StandIn::start(move |request| {
            if !RENEWALS.contains(&request.path.as_str()) {
                return portal(request);
            }
            let asked: Value = serde_json::from_str(&request.body).unwrap_or_default();
            let shown = asked["refreshToken"].as_str().and_then(number);
            let mut current = current.lock().expect("lock");
            if shown != Some(*current) {
                *counted.lock().expect("lock") += 1;
                return invalid_grant();
            }
            *current += 1;
            renewed(request, *current).after(delay)
        });
        Self { service, reused }
    }

    /// How often a renewal was asked for.
    pub fn renewals(&self) -> usize {
        RENEWALS.iter().map(|path| self.service.count(path)).sum()
    }

    /// How often with a refresh token that had been taken.
    pub fn reused(&self) -> usize {
        *self.reused.lock().expect("lock")
    }
}

/// What the portal of SSO answers: a token that starts with "fresh" is good.
pub fn portal(request: &Request) -> Response {
    if !request.header("x-amz-sso_bearer_token").starts_with("fresh") {
        return Response::error(401, json!({"message": format!("{CANARY} expired")}))
            .header("x-amzn-errortype", "UnauthorizedException");
    }
    let later = SystemTime::now() + Duration::from_secs(1800);
    let since = later.duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    Response::json(json!({"roleCredentials": {
        "accessKeyId": "AKIASSO", "secretAccessKey": format!("{CANARY}s"),
        "sessionToken": format!("{CANARY}t"), "expiration": u64::try_from(since).expect("fits"),
    }}))
}

/// The answer to a refresh token that is not good any more.
pub fn invalid_grant() -> Response {
    Response::error(400, json!({"error": "invalid_grant", "error_description": format!("{CANARY} used")}))
        .header("x-amzn-errortype", "InvalidGrantException")
}

fn renewed(request: &Request, number: usize) -> Response {
    let rotated = format!("{CANARY}refresh-{number}");
    match request.path.as_str() {
        "/token" => Response::json(json!({
            "accessToken": format!("fresh-{number}"), "expiresIn": 3600, "refreshToken": rotated, "tokenType": "Bearer",
        })),
        _ => Response::json(json!({
            "accessToken": {
                "accessKeyId": "AKIALOGIN", "secretAccessKey": format!("{CANARY}s"),
                "sessionToken": format!("{CANARY}t"),
            },
            "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": rotated,
        })),
    }
}

// === impl Way ===

impl Way {
    pub const ALL: [Self; 3] = [Self::Session, Self::StartUrl, Self::Login];

    /// A session whose profiles `dev` and `ops` use this sign-in, at `service`.
    pub fn session(self, service: &StandIn) -> Bedrock {
        let (of_all, section) = match self {
            Self::Session => (
                "sso_session = corp".to_owned(),
                format!("[sso-session corp]\nsso_region = us-east-1\nsso_start_url = {START}\n"),
            ),
            Self::StartUrl => (format!("sso_region = us-east-1\nsso_start_url = {START}"), String::new()),
            Self::Login => (format!("login_session = {ARN}"), String::new()),
        };
        let role = |name: &str| match self {
            Self::Login => String::new(),
            _ => format!("sso_account_id = 111122223333\nsso_role_name = {name}\n"),
        };
        let profile = |name: &str| format!("[profile {name}]\n{}{of_all}\n", role(name));
        let mut session = Bedrock::with_profile("");
        session.config(&format!("{}{}{section}", profile("dev"), profile("ops")));
        for name in ["SSO", "SSO_OIDC", "SIGNIN"] {
            session.set(&format!("AWS_ENDPOINT_URL_{name}"), service.url.clone());
        }
        // A check of the credentials without a clear answer counts for nothing.
        session.set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
        session
    }

    /// The file of the sign-in, below a home of a test.
    pub fn file(self) -> String {
        match self {
            Self::Session => sso_cache("corp"),
            Self::StartUrl => sso_cache(START),
            Self::Login => login_cache(ARN),
        }
    }

    /// A sign-in that ends in `seconds`, with refresh token `number`.
    pub fn sign_in(self, seconds: i64, number: usize) -> Value {
        let name = if seconds > 0 { "fresh" } else { "stale" };
        let (at, refresh) = (instant(seconds), format!("{CANARY}refresh-{number}"));
        match self {
            Self::Session => json!({
                "startUrl": START, "region": "us-east-1", "accessToken": format!("{name}-{number}"), "expiresAt": at,
                "clientId": "c", "clientSecret": format!("{CANARY}c"), "registrationExpiresAt": instant(86400),
                "refreshToken": refresh, "x-of-another-tool": ["kept"],
            }),
            Self::StartUrl => {
                json!({"startUrl": START, "accessToken": format!("{name}-{number}"), "expiresAt": at})
            }
            Self::Login => json!({
                "accessToken": {
                    "accessKeyId": "AKIALOGIN", "secretAccessKey": format!("{CANARY}s"),
                    "sessionToken": format!("{CANARY}t"), "accountId": "111122223333", "expiresAt": at,
                },
                "tokenType": "aws_sigv4", "refreshToken": refresh, "idToken": "x.y.z",
                "clientId": "arn:aws:signin:::devtools/same-device",
                "dpopKey": include_str!("../data/TEST-ONLY-login.pem"),
            }),
        }
    }

    /// The keys that its credentials have.
    pub fn keys(self) -> &'static str {
        if self == Self::Login { "AKIALOGIN" } else { "AKIASSO" }
    }
}

/// Writes a file as a tool does that takes its time: half of it, and `pause` later the rest.
pub fn write_slowly(path: &Path, text: &str, pause: Duration) {
    fs::write(path, &text[..text.len() / 2]).expect("written");
    std::thread::sleep(pause);
    fs::write(path, text).expect("written");
}

/// `awsAuthRefresh` as a script that counts its runs and waits for `go`, then leaves `sign_in` in `file`.
pub fn signs_in(session: &Bedrock, file: &Path, sign_in: &Value) -> PathBuf {
    let fresh = session.home.write("fresh", &sign_in.to_string());
    let (runs, go) = (session.home.path("signin.runs"), session.home.path("go"));
    let body = format!(
        "echo run >> '{}'\nwhile [ ! -e '{}' ]; do sleep 0.02; done\ncp '{}' '{}'",
        runs.display(),
        go.display(),
        fresh.display(),
        file.display()
    );
    let script = session.home.script("signin.sh", &body);
    session.settings(&json!({"awsAuthRefresh": script}));
    script
}
