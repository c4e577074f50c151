//! Accounts over the client library, and an authorization server that hands out counted tokens.

use super::{
    CANARY, Daemon, Home, block_on,
    stand_in::{Response, StandIn},
    wait::BOUND,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{self, StorePlace},
    reason::Problem,
};
use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

/// Keeps an API key.
pub fn save(home: &Home, name: &str, secret: &str, place: StorePlace) -> Result<v1::Account, Problem> {
    let message = key(home, name, secret, place);
    call(home, async |client| {
        unwrap(client.accounts().save_secret(request(message)).await).map(|saved| saved.account.expect("one"))
    })
}

/// Keeps an API key in a file, by the daemon on `socket`.
pub fn save_at(home: &Home, socket: &Path, name: &str, secret: &str) -> Result<(), Problem> {
    let message = key(home, name, secret, StorePlace::File);
    block_on(async {
        let client = Client::connect(socket).await.expect("a daemon");
        unwrap(client.accounts().save_secret(request(message)).await).map(drop)
    })
}

fn key(home: &Home, name: &str, secret: &str, place: StorePlace) -> v1::SaveSecretRequest {
    v1::SaveSecretRequest {
        session: Some(home.session().to_proto()),
        name: name.into(),
        kind: v1::AccountKind::ApiKey.into(),
        secret: Some(claviger::Secret::new(secret.into())),
        audience: String::new(),
        place: place.into(),
    }
}

/// The accounts.
pub fn list(home: &Home) -> Result<Vec<v1::Account>, Problem> {
    call(home, async |client| {
        unwrap(client.accounts().list_accounts(request(v1::ListAccountsRequest {})).await)
            .map(|list| list.accounts)
    })
}

/// Moves all secrets.
pub fn relocate(home: &Home, place: StorePlace) -> Result<Vec<v1::Account>, Problem> {
    let message = v1::MoveAccountsRequest { place: place.into(), name: String::new() };
    call(home, async |client| {
        unwrap(client.accounts().move_accounts(request(message)).await).map(|moved| moved.accounts)
    })
}

/// Logs out of `name`.
pub fn log_out(home: &Home, name: &str) -> Result<v1::LogoutResponse, Problem> {
    let session = Some(home.session().to_proto());
    let message = v1::LogoutRequest { session, name: name.into(), all: false };
    call(home, async |client| unwrap(client.accounts().logout(request(message)).await))
}

/// The secret of the session.
pub fn token(home: &Home) -> Result<String, Problem> {
    call(home, async |mut client| client.get(&home.session(), None).await).map(|lease| match lease.material {
        Some(claviger::Material::Secret(secret)) => secret.expose().clone(),
        other => panic!("no secret: {}", other.is_some()),
    })
}

/// Directory of the file store.
pub const SEALED: &str = "home/.local/state/claviger/accounts";

/// The files that hold a secret.
pub fn sealed(home: &Home) -> Vec<String> {
    let names = home.files(SEALED).into_iter();
    names
        .filter_map(|path| path.to_str().filter(|path| path.contains(".account")).map(str::to_owned))
        .collect()
}

/// Secret of the session, from a daemon that takes the place of `daemon`.
pub fn after_restart(home: &Home, daemon: Daemon) -> String {
    drop(daemon);
    fresh_token(home).expect("a token")
}

/// Secret of the session, from a daemon that has just been started.
pub fn fresh_token(home: &Home) -> Result<String, Problem> {
    let _daemon = home.daemon();
    token(home)
}

fn call<T>(home: &Home, made: impl AsyncFnOnce(Client) -> T) -> T {
    block_on(async {
        let client = Client::connect(&home.socket()).await.expect("a daemon");
        tokio::time::timeout(BOUND, made(client)).await.expect("it does not hang")
    })
}

/// A server of the device flow whose tokens are `sk-canary-access-1` and so on; `on_refresh` runs before it answers one.
pub fn server(on_refresh: impl Fn() + Send + Sync + 'static) -> StandIn {
    let count = AtomicUsize::new(0);
    StandIn::start(move |request| match request.path.as_str() {
        "/device" => Response::json(serde_json::json!({
            "device_code": "d", "user_code": "U", "verification_uri": "http://127.0.0.1/", "expires_in": 60, "interval": 0
        })),
        "/token" => {
            if request.field("grant_type").as_deref() == Some("refresh_token") {
                on_refresh();
            }
            let number = count.fetch_add(1, SeqCst) + 1;
            Response::json(serde_json::json!({
                "access_token": format!("{CANARY}access-{number}"), "refresh_token": format!("{CANARY}refresh-{number}"),
                "token_type": "bearer", "expires_in": 3600
            }))
        }
        _ => Response::new(404, ""),
    })
}

/// Configuration that signs in to [`server`], with secrets kept in `store`.
pub fn sign_in_config(server: &StandIn, store: &str) -> String {
    let url = &server.url;
    format!(
        "[daemon]\nstore = \"{store}\"\n[oauth.work]\nclient_id = \"cli\"\naudience = \"https://api.anthropic.com\"\n\
         authorization_endpoint = \"{url}/authorize\"\ntoken_endpoint = \"{url}/token\"\n\
         device_authorization_endpoint = \"{url}/device\"\n"
    )
}
