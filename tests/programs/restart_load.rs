//! Fifty sessions that fetch and fifty that watch, while the daemon is replaced twenty times: none of them notices.

use claviger::{Change, Lease, client::Client, session::SessionContext};
use claviger_tests::{CANARY, Home, answers::secret, wait};
use std::{
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{runtime::Runtime, task::JoinHandle, time::timeout};

const SESSIONS: usize = 50;
const RESTARTS: usize = 20;

/// What all sessions share.
#[derive(Clone)]
struct Load {
    socket: PathBuf,
    session: SessionContext,
    over: Arc<AtomicBool>,
    /// Credentials seen by each session that fetches.
    fetched: Arc<[AtomicUsize; SESSIONS]>,
    watching: Arc<AtomicUsize>,
}

/// The generation of a lease, which must not be older than the last one. The helper numbers its keys, so each generation
/// has one key only.
fn check(lease: &Lease, last: u64) -> u64 {
    assert!(lease.generation >= last, "generation {} after {last}", lease.generation);
    assert_eq!(secret(lease), format!("{CANARY}key-{}", lease.generation));
    lease.generation
}

impl Load {
    /// Asks without a pause: half of the sessions over one connection, half over a new one each time, as processes do.
    async fn fetch(self, session: usize) -> u64 {
        let mut client = Client::connect(&self.socket).await.expect("connects");
        let mut last = 0;
        while !self.over.load(SeqCst) {
            if session % 2 == 1 {
                client = Client::connect(&self.socket).await.expect("connects");
            }
            let lease = client.get(&self.session, None).await.expect("a credential");
            last = check(&lease, last);
            self.fetched[session].fetch_add(1, SeqCst);
            tokio::task::yield_now().await;
        }
        last
    }

    fn counts(&self) -> [usize; SESSIONS] {
        self.fetched.each_ref().map(|count| count.load(SeqCst))
    }

    /// Follows one stream, and is told each generation once.
    async fn watch(self) -> u64 {
        let mut client = Client::connect(&self.socket).await.expect("connects");
        let mut watch = client.watch(&self.session).await.expect("a stream");
        let mut last = 0;
        self.watching.fetch_add(1, SeqCst);
        while !self.over.load(SeqCst) {
            let Ok(event) = timeout(std::time::Duration::from_millis(50), watch.next()).await else {
                continue;
            };
            match event.expect("no error").expect("the stream goes on") {
                Change::Lease(lease, _) => {
                    assert_ne!(lease.generation, last, "told twice");
                    last = check(&lease, last);
                }
                Change::Progress(_) => {}
                other => panic!("{other:?}"),
            }
        }
        last
    }
}

#[test]
fn a_hundred_sessions_do_not_notice_twenty_restarts() {
    let _turn = claviger_tests::turn::take();
    let home = Home::new();
    // It lives for three seconds, so that refreshes fall into restarts.
    home.user_settings(&home.counting_helper("key", 0.1), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "3000")]);
    let daemon = home.daemon_copy();
    let load = Load {
        socket: home.socket(),
        session: home.session(),
        over: Arc::default(),
        fetched: Arc::new([const { AtomicUsize::new(0) }; SESSIONS]),
        watching: Arc::default(),
    };
    let runtime = Runtime::new().expect("runtime");
    let fetching = (0..SESSIONS).map(|n| runtime.spawn(load.clone().fetch(n)));
    let watching = (0..SESSIONS).map(|_| runtime.spawn(load.clone().watch()));
    let sessions: Vec<JoinHandle<u64>> = fetching.chain(watching).collect();
    wait::until("everybody watches", || load.watching.load(SeqCst) == SESSIONS);
    for restart in 0..RESTARTS {
        if restart % 2 == 1 {
            home.replace_daemon(restart.to_string().as_bytes());
        }
        let before = load.counts();
        let said = home.ok(&["daemon", "restart", "--json"]);
        assert!(said.contains(&format!("\"pid\": {}", daemon.pid())), "{said}");
        // Each of them: on a busy machine a session that waits could meet one restart after the other.
        let is_served = || load.counts().iter().zip(before).all(|(now, before)| *now > before + 1);
        wait::until("sessions are served", is_served);
    }
    load.over.store(true, SeqCst);
    let last = runtime.block_on(async {
        let mut last = 0;
        for (n, session) in sessions.into_iter().enumerate() {
            let ended = timeout(wait::BOUND, session).await;
            let session =
                ended.unwrap_or_else(|_| panic!("session {n} waits for an answer that does not come"));
            last = last.max(session.expect("a session that noticed nothing"));
        }
        last
    });
    drop(runtime);
    // What was started for a generation was started once. The next one may be under way.
    let runs = home.runs("key") as u64;
    assert!((last..=last + 1).contains(&runs), "{runs} runs for {last} generations");
    let took_over = home.read("daemon.log").matches("another program takes over").count();
    // A program that was replaced takes over by itself, which may happen before it is asked to.
    assert!(took_over >= RESTARTS, "{took_over}");
    let _ = writeln!(
        std::io::stderr(),
        "{} credentials, {last} generations, {took_over} restarts",
        load.counts().iter().sum::<usize>()
    );
    assert!(daemon.terminate().success());
}
