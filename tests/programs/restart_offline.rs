//! A daemon that starts again while no server can be reached: what of what is unexpired it still lends.

use claviger_tests::{
    google::{authorized_user, google, name_file, vertex},
    login::{lent, signed_in},
    secret,
};

#[test]
fn a_restart_hands_over_all_that_is_unexpired() {
    let google = google();
    let mut home = vertex();
    name_file(&mut home, &authorized_user(&google.url));
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), secret("oauth"));
    drop(google);
    home.ok(&["daemon", "restart"]);
    assert_eq!(home.ok(&["token"]).trim(), secret("oauth"));
}

/// Only what is kept on purpose survives the process: the secrets of accounts, and files of other tools.
#[tokio::test]
async fn after_a_kill_an_account_is_lent_and_what_was_in_memory_is_not() {
    let (issuer, home, daemon) = signed_in(3600).await;
    daemon.kill();
    drop(issuer);
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect("its token is kept"), "sk-canary-access-first");
}

#[test]
fn after_a_kill_what_was_in_memory_is_fetched_again() {
    let google = google();
    let mut home = vertex();
    name_file(&mut home, &authorized_user(&google.url));
    let daemon = home.daemon();
    home.ok(&["token"]);
    daemon.kill();
    drop(google);
    let _daemon = home.daemon();
    home.fails(6, &["token"]);
}
