//! The administrator's configuration: below the user's, but for what it locks, and only if no user can write it.

use crate::daemon::Inside;
use claviger::{
    proto::v1::{self, ExplainRequest, settings_file::State, warning::Kind},
    reason::Reason,
    remedy::Remedy,
    session::{SessionContext, SessionMode},
};
use claviger_tests::{
    answers::{refused, secret},
    secret as named,
};
use std::{fs, os::unix::fs::PermissionsExt as _};

const SYSTEM: &str = "system/config.toml";
const USER: &str = "home/.config/claviger/config.toml";
const SETTINGS: &str = "home/.claude/settings.json";

/// What a session is lent now.
async fn lent(daemon: &Inside) -> String {
    let lease = daemon.client().await.get(&daemon.session(), None).await.expect("a lease");
    secret(&lease).to_owned()
}

async fn explain(daemon: &Inside) -> v1::ExplainResponse {
    let session = Some(daemon.session().to_proto());
    let message = ExplainRequest { session, ..Default::default() };
    daemon.client().await.inspect().explain(message).await.expect("an explanation").into_inner()
}

fn command_of(name: &str) -> String {
    format!("apiKeyHelper = \"echo {}\"\n", named(name))
}

#[tokio::test]
async fn its_values_are_the_lowest_and_what_it_locks_wins() {
    let daemon = Inside::start();
    let home = &daemon.home;
    // A managed hook, and the command behind it.
    home.write("managed/managed-settings.json", "{\"apiKeyHelper\": \"claviger token --hook\"}");
    home.write(SYSTEM, &format!("[settings]\n{}", command_of("system")));
    assert_eq!(lent(&daemon).await, named("system"));
    home.write(USER, &format!("[settings]\n{}", command_of("user")));
    assert_eq!(lent(&daemon).await, named("user"));
    assert!(explain(&daemon).await.warnings.is_empty());

    home.write(
        SYSTEM,
        &format!(
            "locked = [\"settings.apiKeyHelper\", \"daemon.foreign\"]\n[settings]\n{}",
            command_of("locked")
        ),
    );
    home.write(USER, &format!("[settings]\n{}[daemon]\n\nforeign = \"lend\"\n", command_of("user")));
    home.write(SETTINGS, &format!("{{\n\"apiKeyHelper\": \"echo {}\"}}", named("settings")));
    assert_eq!(lent(&daemon).await, named("locked"));
    // These run no command of any settings file.
    for (mode, reason) in
        [(SessionMode::Bare, Reason::NoCredential), (SessionMode::Managed, Reason::LoginRequired)]
    {
        let session = SessionContext { mode, ..daemon.session() };
        let problem = daemon.client().await.get(&session, None).await.expect_err("no locked command");
        assert_eq!(problem.reason, reason, "{mode:?}");
    }
    let explained = explain(&daemon).await;
    let overruled: Vec<_> =
        explained.warnings.iter().filter(|warning| warning.kind() == Kind::Overruled).collect();
    let places: Vec<_> = overruled
        .iter()
        .map(|warning| {
            let at = warning.location.as_ref().expect("a place");
            let both = warning.text.contains("system/config.toml:1:") && warning.text.contains(&at.file);
            assert!(both, "{warning:?}");
            (at.file.rsplit('/').next().unwrap_or_default(), at.line)
        })
        .collect();
    assert_eq!(places, [("settings.json", 2), ("config.toml", 2), ("config.toml", 5)]);
    // It overrides the two others, not itself, and its file is one.
    let value =
        explained.values.iter().find(|value| value.name == "apiKeyHelper" && !value.hook).expect("a value");
    assert!(value.locked && value.overrides.len() == 2, "{value:?}");
    assert!(value.overrides.iter().all(|at| Some(at) != value.location.as_ref()), "{value:?}");
    let listed = explained.files.iter().filter(|file| file.file.ends_with(SYSTEM)).count();
    assert_eq!(listed, 1, "{:?}", explained.files);
    daemon.end().await;
}

/// The block of docs/administrators.md that begins with this line.
fn block(first: &str) -> String {
    const PAGE: &str = include_str!("../../docs/administrators.md");
    let blocks = PAGE.split("```").filter_map(|block| block.split_once('\n').map(|(_, text)| text));
    blocks.into_iter().find(|block| block.starts_with(first)).expect("a block").to_owned()
}

#[tokio::test]
async fn the_two_files_of_the_page_lend_to_a_user_who_has_another_command() {
    let daemon = Inside::start();
    let home = &daemon.home;
    home.write("managed/managed-settings.json", &block("{"));
    let command = home.script("anthropic-key", &format!("echo {}", named("company")));
    let config = block("locked").replace("/usr/local/bin/anthropic-key", &command.display().to_string());
    home.write(SYSTEM, &config);
    home.write(USER, &format!("[settings]\n{}", command_of("user")));
    daemon.client().await.control().reload(v1::ReloadRequest {}).await.expect("every key is known");
    assert_eq!(lent(&daemon).await, named("company"));
    assert_eq!(explain(&daemon).await.winner, "api-key-helper");
    daemon.end().await;
}

#[tokio::test]
async fn a_broken_one_fails_closed_and_the_last_valid_one_is_kept() {
    let daemon = Inside::start();
    let home = &daemon.home;
    home.write(SETTINGS, &format!("{{\"apiKeyHelper\": \"echo {}\"}}", named("user")));
    home.write(SYSTEM, "locked = [\"settings.apiKeyHelper\"]\n[settings]\napiKeyHelper = 7\n");
    let problem = daemon.client().await.get(&daemon.session(), None).await.expect_err("fails closed");
    let at = problem.location.expect("a place");
    assert_eq!((problem.reason, at.line, at.column), (Reason::SettingsInvalid, 3, 16));
    assert!(matches!(problem.remedy, Some(Remedy::Administrator(_))), "{:?}", problem.remedy);

    let good = format!("locked = [\"settings.apiKeyHelper\"]\n[settings]\n{}", command_of("locked"));
    home.write(SYSTEM, &good);
    assert_eq!(lent(&daemon).await, named("locked"));
    // Mistakes that would undo the lock of a running daemon, if it took them for a file that locks nothing.
    let misspelt = good.replace("settings.apiKeyHelper", "settings.apiKeyHelpr");
    let without_value = "locked = [\"settings.apiKeyHelper\"]\n[settings]\n".to_owned();
    let unknown_key = good.replace("[settings]\n", "[settings]\napiKeyHelpr = \"x\"\n");
    for broken in ["locked = [\n".to_owned(), misspelt, without_value, unknown_key] {
        home.write(SYSTEM, &broken);
        assert_eq!(lent(&daemon).await, named("locked"), "the last valid one: {broken}");
        let reload = daemon.client().await.control().reload(v1::ReloadRequest {}).await;
        assert_eq!(refused(reload).reason, Reason::SettingsInvalid, "{broken}");
    }
    let kept = |explained: v1::ExplainResponse| {
        explained.files.into_iter().filter(|file| file.state() == State::KeptLastGood).count()
    };
    assert_eq!(kept(explain(&daemon).await), 1);

    // One that another user could have written is not used, and not passed over either.
    home.write(SYSTEM, &good);
    let path = home.path(SYSTEM);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("mode");
    assert_eq!(lent(&daemon).await, named("locked"), "the last valid one");
    let reload = daemon.client().await.control().reload(v1::ReloadRequest {}).await;
    let problem = refused(reload);
    assert!(problem.message.contains("others than root can change"), "{problem:?}");
    fs::remove_file(&path).expect("removed");
    assert_eq!(lent(&daemon).await, named("user"));
    daemon.end().await;
}
