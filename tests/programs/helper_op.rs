//! A password manager as helper, in real time: it runs when a key is needed, a person's "no" is an answer, and it asks no person for
//! no session. `CLAVIGER_SOAK=15` makes it ten minutes.

use claviger_tests::{
    Home,
    op::{self, Person, Run},
    soak,
    terminal::Terminal,
    text,
};
use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How long each of the four parts lasts, in seconds; the key lives for [`LIFETIME`], and one run takes [`TAKES`].
const PART: u64 = 10;
const LIFETIME: u64 = 6;
const TAKES: u64 = 2;
/// What a run may seem to begin earlier or later than its session asked, on a busy machine.
const SLACK: f64 = 0.5;

/// When a session asked and was answered, and the answer: the code and what was on stderr.
struct Asked {
    from: f64,
    until: f64,
    code: Option<i32>,
    stderr: String,
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn part() -> Duration {
    Duration::from_secs(PART) * u32::try_from(soak()).expect("a small number")
}

fn ask(home: &Home) -> Asked {
    let from = now();
    let output = home.run(&["token"]);
    Asked { from, until: now(), code: output.status.code(), stderr: text(&output.stderr) }
}

/// Three sessions ask twice a second for one part.
fn busy(home: &Home) -> Vec<Asked> {
    let until = Instant::now() + part();
    let session = || {
        let mut asked = Vec::new();
        while Instant::now() < until {
            asked.push(ask(home));
            thread::sleep(Duration::from_millis(500));
        }
        asked
    };
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..3).map(|_| scope.spawn(session)).collect();
        sessions.into_iter().flat_map(|session| session.join().expect("a session")).collect()
    })
}

/// Runs that began while no session waited.
fn unasked(runs: &[Run], asked: &[Asked]) -> usize {
    let waits = |run: &&Run| {
        asked.iter().any(|asked| asked.from - SLACK <= run.began && run.began <= asked.until + SLACK)
    };
    runs.len() - runs.iter().filter(waits).count()
}

/// As many failures as pauses of 10 s, doubled up to 300 s, let begin within `seconds`.
fn failures_in(seconds: u64) -> usize {
    let (mut at, mut pause, mut count) = (0, 10, 0);
    while at <= seconds {
        count += 1;
        at += pause + TAKES;
        pause = (pause * 2).min(300);
    }
    count
}

fn life(on_demand: bool) -> String {
    let mut home = Home::new();
    op::install(&mut home, TAKES as f32, LIFETIME, on_demand);
    let _daemon = home.daemon();
    let part = part().as_secs();
    let since = |before: usize| op::runs(&home).split_off(before);

    let mut asked = busy(&home);
    assert!(asked.iter().all(|asked| asked.code == Some(0)));
    let busy_runs = op::runs(&home);
    // Ahead of expiry: never in the first half of a life.
    let lives = if on_demand { LIFETIME } else { LIFETIME / 2 };
    let most = usize::try_from(part / (lives + TAKES) + 2).expect("small");
    assert!((1..=most).contains(&busy_runs.len()), "{} runs in {part} s", busy_runs.len());
    assert_eq!(unasked(&busy_runs, &asked).min(usize::from(on_demand)), 0, "{busy_runs:?}");
    let at_once = |pair: &[Run]| pair[1].began < pair[0].ended - 0.01;
    assert!(!busy_runs.windows(2).any(at_once), "one at a time: {busy_runs:?}");

    // No session asks: at most the one run ahead that the last use is worth.
    thread::sleep(Duration::from_secs(part.max(LIFETIME + TAKES + 1)));
    let quiet_runs = since(busy_runs.len());
    assert!(quiet_runs.len() <= usize::from(!on_demand), "{quiet_runs:?}");

    // The person says no, whenever asked: once for each pause, and the sessions are told what it said.
    op::person(&home, Person::SaysNo);
    let before = op::runs(&home).len();
    let denied = busy(&home);
    let no_runs = since(before);
    let most = failures_in(part) + usize::from(!on_demand);
    assert!((1..=most).contains(&no_runs.len()), "{} of {most}: {no_runs:?}", no_runs.len());
    assert!(denied.iter().any(|asked| asked.code == Some(6) && asked.stderr.contains("prompt dismissed")));
    asked.extend(denied);

    // It has become a terminal's: a person there is told so at once, and gets the key once that is no more wanted.
    op::person(&home, Person::WantsTerminal);
    let in_terminal = |home: &Home| {
        let from = now();
        let (code, _, stderr) = Terminal::start(home, &["token"]).end();
        Asked { from, until: now(), code, stderr }
    };
    let before = op::runs(&home).len();
    let refused = in_terminal(&home);
    assert!(refused.code == Some(6) && refused.stderr.contains("not a terminal"), "{}", refused.stderr);
    op::person(&home, Person::Approves);
    thread::sleep(Duration::from_secs(10));
    let given = in_terminal(&home);
    assert_eq!(given.code, Some(0), "{}", given.stderr);
    let terminal_runs = since(before);
    assert_eq!(terminal_runs.len(), 2, "{terminal_runs:?}");
    asked.extend([refused, given]);

    // Quiet again.
    let before = op::runs(&home).len();
    thread::sleep(Duration::from_secs(part.max(LIFETIME + TAKES + 1)));
    let last_runs = since(before);
    assert!(last_runs.len() <= usize::from(!on_demand), "{last_runs:?}");
    let (all, late) = (op::runs(&home), unasked(&op::runs(&home), &asked));
    assert!(!on_demand || late == 0, "{late} of {all:?}");
    format!(
        "on demand {on_demand}, parts of {part} s, {} asked: {} runs while busy, {} while quiet, {} of a person who says no, \
         {} at a terminal, {} while quiet again; {late} of {} while no session waited\n",
        asked.len(),
        busy_runs.len(),
        quiet_runs.len(),
        no_runs.len(),
        terminal_runs.len(),
        last_runs.len(),
        all.len()
    )
}

#[test]
fn it_runs_as_often_as_a_key_is_needed_and_never_for_no_session() {
    let told: String = thread::scope(|scope| {
        let lives = [true, false].map(|on_demand| scope.spawn(move || life(on_demand)));
        lives.into_iter().map(|life| life.join().expect("a life")).collect()
    });
    drop(std::io::stderr().write_all(told.as_bytes()));
}
