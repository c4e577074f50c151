//! Who may decide about trust, and what becomes of decisions whose file cannot be relied on.

use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{DecideTrustRequest, DescribeWorkspaceRequest, TrustDecision},
    session::SessionContext,
};
use claviger_tests::{CANARY, Home, binary};
use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

const PROJECT: &str = "work/.claude/settings.json";
const STORE: &str = "home/.local/state/claviger/trust.json";

fn plant(home: &Home) {
    home.write(PROJECT, &claviger_tests::settings(&home.counting_helper("project", 0.0), &[]));
}

fn mode(home: &Home, below: &str) -> u32 {
    fs::symlink_metadata(home.path(below)).expect("metadata").permissions().mode() & 0o777
}

#[test]
fn only_the_very_items_that_were_shown_can_be_decided_about() {
    let home = Home::new();
    plant(&home);
    let _daemon = home.daemon();
    let digest = claviger_tests::block_on(decide_too_late(&home));
    home.fails(4, &["trust", "grant", "--yes", "--digest", &digest]);
    home.fails(4, &["token"]);
    assert_eq!((home.runs("project"), home.path(STORE).exists()), (0, false));
}

/// Changes the project after it was described; returns the digest that nothing can be decided with any more.
async fn decide_too_late(home: &Home) -> String {
    let client = Client::connect(&home.socket()).await.expect("connection");
    let environment = [("HOME", home.path("home"))];
    let environment = environment.map(|(name, value)| (OsString::from(name), value.into_os_string()));
    let session = SessionContext::new(home.path("work"), environment).expect("session");
    let describe = DescribeWorkspaceRequest { session: Some(session.to_proto()) };
    let shown = unwrap(client.trust().describe_workspace(request(describe)).await).expect("described");
    let digest = shown.workspace.expect("workspace").digest;
    home.replace(PROJECT, &home.read(PROJECT).replace("project.sh", "project.sh --evil"));
    let decide = |digest: &str, decision: TrustDecision| DecideTrustRequest {
        session: Some(session.to_proto()),
        digest: digest.to_owned(),
        decision: decision.into(),
        agent: false,
    };
    let mut service = client.trust();
    for (message, reason) in [
        (decide(&digest, TrustDecision::Trusted), "workspace-untrusted"),
        (decide("", TrustDecision::Trusted), "workspace-untrusted"),
        (decide(&digest, TrustDecision::Unspecified), "malformed-request"),
        (DecideTrustRequest { decision: 77, ..decide(&digest, TrustDecision::Trusted) }, "malformed-request"),
    ] {
        let problem = unwrap(service.decide_trust(request(message)).await).expect_err("refused");
        assert_eq!(problem.reason.as_str(), reason, "{problem}");
    }
    digest
}

#[test]
fn a_helper_cannot_decide() {
    let home = Home::new();
    home.write(
        "evil/.claude/settings.json",
        &claviger_tests::settings(&home.counting_helper("evil", 0.0), &[]),
    );
    let (program, evil, said) = (binary("claviger"), home.path("evil"), home.path("said"));
    let _daemon = home.daemon();
    let digest = home.digest(&["--cwd", evil.to_str().expect("path")]);
    let grant = format!("'{}' --cwd '{}' trust grant --digest {digest}", program.display(), evil.display());
    let clear = format!(
        "env -i HOME='{}' XDG_RUNTIME_DIR='{}'",
        home.path("home").display(),
        home.path("run").display()
    );
    let body = format!("{{ {grant}; {clear} {grant}; }} 2> '{}'\necho {CANARY}key", said.display());
    home.user_settings(&home.script("key.sh", &body), &[]);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"));
    let refusals = home.read("said").matches("cannot decide about trust").count();
    assert_eq!(refusals, 2, "{}", home.read("said"));
    home.fails(4, &["--cwd", evil.to_str().expect("path"), "token"]);
    assert_eq!(home.runs("evil"), 0);
    assert!(home.ok(&["trust", "list"]).contains("nothing has been decided"));
}

#[test]
fn decisions_survive_the_daemon_in_a_private_file() {
    let home = Home::new();
    plant(&home);
    let daemon = home.daemon();
    home.grant(&[]);
    assert_eq!((mode(&home, STORE), mode(&home, "home/.local/state/claviger")), (0o600, 0o700));
    daemon.kill();
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), format!("{CANARY}project-1\n"));
    assert!(!home.read(STORE).contains(CANARY));
}

/// Damages the store of a home in which the project was trusted: nothing is trusted any more, every attempt to decide
/// says why, and the file stays as it is until it is fixed.
fn damaged(what: &str, damage: impl Fn(&Home), fix: impl Fn(&Home)) {
    let home = Home::new();
    plant(&home);
    let daemon = home.daemon();
    home.grant(&[]);
    daemon.terminate();
    damage(&home);
    let look = || (fs::read(home.path(STORE)).ok(), fs::read_link(home.path(STORE)).ok(), mode(&home, STORE));
    let before = look();
    let _daemon = home.daemon();
    home.fails(4, &["token"]);
    for verb in [
        &["trust", "grant", "--digest", &home.digest(&[])][..],
        &["trust", "ignore", "--yes"],
        &["trust", "revoke"],
        &["trust", "list"],
    ] {
        let stderr = home.fails(4, verb);
        assert!(stderr.contains("trust.json") && stderr.contains("hint"), "{what}, {verb:?}: {stderr}");
    }
    assert!(home.read("daemon.log").contains("trust store is unusable"), "{what}");
    assert_eq!(home.runs("project"), 0, "{what}");
    assert_eq!(look(), before, "{what}: the file was touched");
    fix(&home);
    home.grant(&[]);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}project-1\n"), "{what}");
}

fn remove(home: &Home) {
    fs::remove_file(home.path(STORE)).expect("remove");
}

#[test]
fn a_damaged_store_decides_nothing_and_stays_as_it_is() {
    damaged("no JSON", |home| drop(home.write(STORE, "{\"version\": 1, \"records\": [")), remove);
    damaged("a newer version", |home| drop(home.write(STORE, "{\"version\": 2, \"records\": []}")), remove);
    damaged("empty", |home| drop(home.write(STORE, "")), remove);
}

#[test]
fn a_store_that_others_can_read_decides_nothing_and_stays_as_it_is() {
    let set = |mode| {
        move |home: &Home| {
            fs::set_permissions(home.path(STORE), fs::Permissions::from_mode(mode)).expect("mode")
        }
    };
    damaged("world-readable", set(0o644), set(0o600));
    damaged("group-writable", set(0o660), set(0o600));
}

#[test]
fn a_symlink_in_place_of_the_store_decides_nothing_and_stays_as_it_is() {
    let plant = |home: &Home| {
        fs::rename(home.path(STORE), home.path("work/trust.json")).expect("rename");
        symlink(home.path("work/trust.json"), home.path(STORE)).expect("symlink");
    };
    damaged("a symlink", plant, remove);
}
