//! The clouds' own files: an edit counts for the next who asks, and a fetch that writes its own files does not loop.

use claviger_tests::{CANARY, Home};
use serde_json::Value;

fn keys(home: &Home) -> String {
    let printed: Value = serde_json::from_str(&home.ok(&["aws", "--profile", "work"])).expect("JSON");
    printed["AccessKeyId"].as_str().expect("a key").to_owned()
}

fn profile(home: &Home, id: &str) {
    let keys = format!("aws_access_key_id = {id}\naws_secret_access_key = {CANARY}secret\n");
    home.replace("home/.aws/config", &format!("[profile work]\nregion = eu-west-1\n{keys}"));
}

fn no_metadata() -> Home {
    let mut home = Home::new();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home.set("NO_GCE_CHECK", "true");
    home
}

fn runs(home: &Home) -> u64 {
    home.status()["entries"][0]["runs"].as_u64().expect("a number")
}

#[test]
fn an_edited_profile_counts_at_once() {
    let home = no_metadata();
    profile(&home, "AKIAONE");
    let _daemon = home.daemon();
    assert_eq!(keys(&home), "AKIAONE");
    profile(&home, "AKIATWO");
    assert_eq!(keys(&home), "AKIATWO");
    let before = runs(&home);
    (0..5).for_each(|_| assert_eq!(keys(&home), "AKIATWO"));
    assert_eq!(runs(&home), before, "an unchanged file is not read again");
}

#[test]
fn what_was_missing_is_seen_without_a_pause() {
    let home = no_metadata();
    let _daemon = home.daemon();
    home.write("home/.aws/config", "[profile other]\nregion = eu-west-1\n");
    assert!(!home.run(&["aws", "--profile", "work"]).status.success());
    profile(&home, "AKIANEW");
    assert_eq!(keys(&home), "AKIANEW");
}

#[test]
fn a_broken_edit_leaves_what_was_and_says_so() {
    let home = no_metadata();
    profile(&home, "AKIAONE");
    let _daemon = home.daemon();
    assert_eq!(keys(&home), "AKIAONE");
    home.replace("home/.aws/config", "[profile work\n");
    assert_eq!(keys(&home), "AKIAONE");
    let entry = &home.status()["entries"][0];
    assert_eq!(entry["last_problem"]["reason"], "settings-invalid", "{entry}");
    profile(&home, "AKIATWO");
    assert_eq!(keys(&home), "AKIATWO");
}

#[test]
fn a_fetch_that_writes_the_file_itself_does_not_loop() {
    let home = no_metadata();
    let script = home.script(
        "cp.sh",
        &format!(
            "echo \"# $$\" >> '{}'\nprintf '{{\"Version\":1,\"AccessKeyId\":\"AKIAP\",\"SecretAccessKey\":\"{CANARY}s\",\"SessionToken\":\"t\",\"Expiration\":\"2099-01-01T00:00:00Z\"}}'",
            home.path("home/.aws/config").display()
        ),
    );
    home.write("home/.aws/config", &format!("[profile work]\ncredential_process = {}\n", script.display()));
    let _daemon = home.daemon();
    (0..5).for_each(|_| assert_eq!(keys(&home), "AKIAP"));
    assert_eq!(runs(&home), 1);
}
