//! `claviger login` with a real OpenID provider: sign in once, and every session borrows the access token.

use claviger::proto::v1::StorePlace;
use claviger_tests::{CANARY, Home, accounts::save, provider::Provider};
use serde_json::json;

#[test]
fn a_browser_signs_in_and_sessions_borrow_the_token() {
    let mut home = Home::new();
    let Some(provider) = Provider::start(&home, json!({})) else { return };
    home.write("home/.config/claviger/config.toml", &provider.section("work", ""));
    provider.browser(&mut home);
    let _daemon = home.daemon();
    home.ok(&["login"]);
    let token = home.ok(&["token"]);
    assert!(token.trim().len() > 20, "{token}");
    assert_eq!(home.ok(&["token"]), token);
    assert_eq!(provider.requests("/token"), 1, "{:?}", provider.log());
    home.ok(&["refresh"]);
    assert_ne!(home.ok(&["token"]), token);
    assert_eq!(provider.requests("/token"), 2, "{:?}", provider.log());
}

#[test]
fn an_account_may_be_called_like_the_files_of_the_store() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    for name in ["key", "locked", "accounts"] {
        let secret = format!("{CANARY}{name}");
        save(&home, name, &secret, StorePlace::File).expect("saved");
        home.set("CLAVIGER_ACCOUNT", name);
        assert_eq!(home.ok(&["token"]).trim(), secret);
    }
}
