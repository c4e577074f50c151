//! Helpers that hang take no place from the sessions of other workspaces, and end when no session waits for them.

use claviger_tests::{CANARY, Home, mark, processes, wait};
use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// As many helpers hang in a workspace; `[daemon] max_commands` is 8.
const HANGING: usize = 20;

/// Sessions that wait; they end with this value.
struct Sessions(Vec<Child>);

impl Drop for Sessions {
    fn drop(&mut self) {
        for session in &mut self.0 {
            drop(session.kill());
            drop(session.wait());
        }
    }
}

/// A home whose helper hangs for sessions with the variable of [`hanging`], and prints a key for all others.
fn home(nap: &str) -> Home {
    let home = Home::new();
    let body = format!(
        "echo run >> '{}'\ncase $VAULT_NAMESPACE in hang*) sleep {nap};; esac\necho {CANARY}key-$VAULT_NAMESPACE",
        home.path("key.runs").display()
    );
    home.user_settings(&home.script("key.sh", &body), &[]);
    home.write("home/.config/claviger/config.toml", "[daemon]\nmax_entries = 200\n");
    home
}

/// Sessions in a workspace, whose helpers hang: one each.
fn hanging(home: &Home, workspace: &str, count: usize) -> Sessions {
    std::fs::create_dir_all(home.path(workspace).join(".git")).expect("a workspace");
    let start = |number| {
        let mut session = home.claviger(&["token"]);
        session.current_dir(home.path(workspace)).stdout(Stdio::null()).stderr(Stdio::null());
        session.env("VAULT_NAMESPACE", format!("hang-{workspace}-{number}"));
        session.spawn().expect("claviger runs")
    };
    Sessions((0..count).map(start).collect())
}

fn asks(home: &Home, namespace: &str) -> bool {
    let mut session = home.claviger(&["token"]);
    session.env("VAULT_NAMESPACE", namespace).output().expect("claviger runs").status.success()
}

#[test]
fn helpers_that_hang_in_four_workspaces_hold_up_no_other() {
    let _turn = claviger_tests::turn::take();
    let nap = mark::nap();
    let home = home(&nap);
    let _daemon = home.daemon();
    let mut sessions = Vec::new();
    for (workspace, expected) in [("one", 4), ("two", 5), ("three", 6), ("four", 7)] {
        sessions.push(hanging(&home, workspace, HANGING));
        wait::until("all of them wait", || {
            home.status()["entries"]
                .as_array()
                .is_some_and(|entries| entries.len() >= sessions.len() * HANGING)
        });
        wait::until("as many hang as can", || processes(&nap).len() == expected);
        let asked = Instant::now();
        assert!(asks(&home, workspace), "with {workspace} as well");
        wait::not_held_up(asked);
    }
    drop(sessions);
    let left = Instant::now();
    wait::until("what no session waits for has ended", || processes(&nap).is_empty());
    assert!(left.elapsed() > Duration::from_secs(5), "a session may come back");
}

#[test]
fn a_session_that_comes_back_soon_finds_its_helper_running() {
    let nap = mark::nap();
    let home = home(&nap);
    let _daemon = home.daemon();
    let session = hanging(&home, "one", 1);
    wait::until("it runs", || processes(&nap).len() == 1);
    drop(session);
    let again = hanging(&home, "one", 1);
    let came_back = Instant::now();
    while came_back.elapsed() < Duration::from_secs(13) {
        assert_eq!((processes(&nap).len(), home.runs("key")), (1, 1));
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(again);
    wait::until("it has ended", || processes(&nap).is_empty());
    assert!(home.status()["entries"][0]["last_problem"].is_null(), "it says nothing about the credential");
}

#[test]
fn a_refresh_in_the_background_goes_on_without_a_session() {
    let home = Home::new();
    let (runs, slow) = (home.path("key.runs"), home.path("slow"));
    let body = format!(
        "echo run >> '{runs}'\ntest -e '{slow}' && sleep 13\necho {CANARY}key-$(wc -l < '{runs}')",
        runs = runs.display(),
        slow = slow.display()
    );
    home.user_settings(&home.script("key.sh", &body), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "30000")]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    home.write("slow", "");
    home.ok(&["refresh", "--rejected", "401"]);
    wait::until("the next key is there", || home.status()["entries"][0]["generation"] == 2);
    assert_eq!(home.runs("key"), 2);
}
