//! Signing out while the keyring is locked or silent: the account is listed as signing out until its record is gone.

use claviger::{
    proto::v1::{Account, StorePlace},
    reason::Reason,
};
use claviger_tests::{
    Home,
    accounts::{list, save, token},
    issuer::{Issuer, granted},
    keyring::Keyring,
    secret,
    stand_in::Response,
    text, wait,
};
use serde_json::json;

fn listed(home: &Home) -> Vec<Account> {
    list(home).expect("a list")
}

#[test]
fn an_account_is_signing_out_until_its_record_is_gone() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::Keyring).expect("saved");
    assert_eq!(token(&home).expect("a token"), secret("one"));
    keyring.lock();
    let output = home.run(&["logout", "work"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("work: signing out") && said.contains("the keyring is locked"), "{said}");
    let one = &listed(&home)[0];
    assert!(one.signing_out && !one.used && one.problem.is_some(), "{one:?}");
    assert!(home.ok(&["accounts"]).contains("work  signing out "));
    assert_eq!(token(&home).expect_err("signed out").reason, Reason::NoCredential);
    assert!(home.fails(4, &["use", "work"]).contains("the account work is signed out"));
    drop(daemon);
    // The keyring is locked still.
    let daemon = home.daemon();
    assert!(listed(&home)[0].signing_out);
    home.set("CLAVIGER_ACCOUNT", "work");
    assert_eq!(token(&home).expect_err("signed out").reason, Reason::LoginRequired);
    home.set("CLAVIGER_ACCOUNT", "");
    // A verb about accounts finds it open.
    keyring.restart(true);
    assert_eq!((listed(&home).len(), keyring.items().as_str()), (0, ""));
    drop(daemon);
}

#[test]
fn a_reset_that_a_silent_keyring_held_up_ends_with_the_next_start() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let issuer = Issuer::start();
    issuer.answers(Response::json(granted("first", 3600)));
    issuer.publishes(json!({ "revocation_endpoint": format!("{}/revoke", issuer.server.url) }));
    let section = issuer.section("work", "");
    home.write("home/.config/claviger/config.toml", &format!("[daemon]\nstore = \"keyring\"\n{section}"));
    let daemon = home.daemon();
    claviger_tests::block_on(issuer.sign_in(&home)).expect("signed in");
    keyring.hang();
    let output = home.run(&["reset", "--yes"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(listed(&home)[0].signing_out);
    assert_eq!(issuer.server.count("/revoke"), 0);
    drop(daemon);
    keyring.restart(true);
    assert!(keyring.items().contains("sk-canary-refresh-first"));
    let _daemon = home.daemon();
    wait::until("its record is gone", || keyring.items().is_empty());
    assert_eq!(issuer.server.count("/revoke"), 1);
    wait::until("it is not listed", || listed(&home).is_empty());
}

#[test]
fn unlocking_the_daemon_ends_what_was_left() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::unlocked(&mut home) else { return };
    let _daemon = home.daemon();
    save(&home, "work", &secret("one"), StorePlace::Keyring).expect("saved");
    keyring.lock();
    assert_eq!(home.run(&["logout", "work"]).status.code(), Some(4));
    keyring.restart(true);
    home.ok(&["lock"]);
    home.ok(&["unlock"]);
    wait::until("its record is gone", || keyring.items().is_empty());
}

#[test]
fn a_keyring_without_a_collection_is_not_locked() {
    let mut home = Home::new();
    let Some(mut keyring) = Keyring::absent(&mut home) else { return };
    keyring.restart(false);
    let _daemon = home.daemon();
    let refused = save(&home, "work", &secret("one"), StorePlace::Keyring).expect_err("no collection");
    assert_eq!(refused.reason, Reason::SourceUnavailable, "{refused}");
    assert!(refused.message.contains("has no collection"), "{refused}");
    let saved = save(&home, "work", &secret("one"), StorePlace::Unspecified).expect("saved");
    assert_eq!(saved.place(), StorePlace::File);
}
