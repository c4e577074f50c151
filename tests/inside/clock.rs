//! The clock jumps, forwards and back, or the machine was asleep, which to a timer is the same: what is due is refreshed
//! at once, once, and never all at the same moment.

use crate::daemon::Inside;
use claviger::Changes;
use claviger_tests::{CANARY, Home, answers::issued, is_root, skipped, text, wait};
use nix::time::{ClockId, clock_gettime, clock_settime};
use std::{fs, path::Path};

/// Four hours, in seconds: more than any credential here lives, and than any pause lasts.
const JUMP: i64 = 4 * 3600;
const KEYS: usize = 20;

/// A watched key per project, each with a helper of its own that notes when it runs.
async fn watched(daemon: &Inside) -> Vec<Changes> {
    let mut watches = Vec::new();
    let runs = daemon.home.path("key.runs").display().to_string();
    let helper = daemon.home.script("key.sh", &format!("echo run >> '{runs}'; echo {CANARY}key"));
    daemon.home.user_settings(&helper, &[]);
    for number in 0..KEYS {
        let mut session = daemon.session();
        // What a helper is given is in its key.
        session.variables.insert("NO_PROXY".into(), format!("{number}.example"));
        let mut watch = daemon.client().await.watch(&session).await.expect("a stream");
        issued(&mut watch).await;
        watches.push(watch);
    }
    watches
}

#[tokio::test]
async fn what_is_watched_is_refreshed_once_after_a_jump_though_no_timer_went_off() {
    for jump in [JUMP, -JUMP] {
        let daemon = Inside::start();
        let mut watches = watched(&daemon).await;
        assert_eq!(daemon.home.runs("key"), KEYS);
        daemon.clock.jump(jump);
        for watch in &mut watches {
            let (_, lease) = issued(watch).await;
            assert_eq!(lease.generation, 2, "{jump}");
        }
        assert_eq!(daemon.home.runs("key"), 2 * KEYS, "{jump}: each once");
        drop(watches);
        daemon.end().await;
    }
}

#[tokio::test]
async fn a_jump_back_and_forth_leaves_no_long_pause() {
    let daemon = Inside::start();
    let broken = daemon.home.path("broken");
    fs::write(&broken, "").expect("file");
    let body = format!("[ -e {} ] && exit 1; echo {CANARY}key", broken.display());
    daemon.home.user_settings(&daemon.home.script("key.sh", &body), &[]);
    let mut client = daemon.client().await;
    daemon.clock.jump(JUMP);
    client.get(&daemon.session(), None).await.expect_err("it fails");
    fs::remove_file(&broken).expect("fixed");
    client.get(&daemon.session(), None).await.expect_err("it pauses");
    daemon.clock.jump(-JUMP);
    client.get(&daemon.session(), None).await.expect("a pause of the future delays no session");
    daemon.end().await;
}

/// The real program, on a clock that a preloaded library reads from a file.
#[test]
fn the_real_daemon_judges_by_the_wall_clock() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    if !Path::new(library).is_file() {
        return skipped("the package faketime");
    }
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.1), &[]);
    let clock = home.write("clock", "+0");
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", clock.display());
    let preload = format!("LD_PRELOAD={library}");
    let settings = [&preload, &file, "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1"];
    let _daemon = home.daemon_by(Path::new("/usr/bin/env"), &settings);
    for (generation, offset) in ["+0", "+4h", "+0", "-4h", "+8h"].into_iter().enumerate() {
        home.replace("clock", offset);
        let outputs = home.herd(50, &["token"]);
        let expected = format!("{CANARY}key-{}\n", generation + 1);
        assert!(outputs.iter().all(|output| text(&output.stdout) == expected), "at {offset}: {outputs:?}");
        assert_eq!(home.runs("key"), generation + 1, "at {offset}: one run for fifty sessions");
    }
}

/// The kernel's own word, from a clock that is set to the time it has.
#[test]
fn the_kernel_tells_that_the_clock_was_set() {
    if !is_root() {
        return skipped("root, to set the clock to the time it has");
    }
    let home = Home::new();
    let _daemon = home.daemon();
    // By the time it answers, it follows the clock.
    home.ok(&["status"]);
    let clock = ClockId::CLOCK_REALTIME;
    let set = clock_gettime(clock).and_then(|now| clock_settime(clock, now));
    set.expect("root may set the clock");
    wait::until("it is noticed", || home.read("daemon.log").contains("the clock was set"));
}
