//! A daemon that goes away in the middle of a call: before the connection is there, before it has answered, or with half an
//! answer. The next one is asked, and the caller notices nothing.

use crate::daemon::Inside;
use claviger::{
    Change,
    client::{Client, ConnectError},
    reason::Reason,
};
use claviger_tests::{
    answers::{issued, secret},
    wait::BOUND,
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{UnixListener, UnixStream},
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// A socket before the daemon's, whose first connections break.
struct Breaking {
    socket: PathBuf,
    accepted: Arc<AtomicUsize>,
    /// Breaks the connections that are late.
    cut: Arc<Notify>,
    task: JoinHandle<()>,
}

/// When a connection breaks: after so many bytes of the request, or so many of the answer. Or it does not, but is late.
#[derive(Clone, Copy, Debug)]
enum Break {
    Asking(usize),
    Answering(usize),
    Late(Duration),
}

impl Breaking {
    /// Each of `breaks` breaks one connection; those after them are the daemon's.
    fn before(daemon: &Inside, breaks: Vec<Break>) -> Self {
        let socket = daemon.home.path("run/breaking.sock");
        drop(std::fs::remove_file(&socket));
        let listener = UnixListener::bind(&socket).expect("socket");
        let served = daemon.home.path("run/inside.sock");
        let accepted = Arc::<AtomicUsize>::default();
        let cut = Arc::<Notify>::default();
        let (counted, cuts) = (accepted.clone(), cut.clone());
        let task = tokio::spawn(async move {
            let mut breaks = breaks.into_iter();
            while let Ok((mut ours, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                let at = breaks.next();
                let (served, cut) = (served.clone(), cuts.clone());
                tokio::spawn(async move {
                    let mut daemon = UnixStream::connect(served).await.expect("the daemon listens");
                    match at {
                        None => drop(copy_bidirectional(&mut ours, &mut daemon).await),
                        Some(Break::Asking(count)) => {
                            drop(timeout(Duration::from_secs(1), ours.read_exact(&mut vec![0; count])).await);
                        }
                        Some(Break::Answering(count)) => half_an_answer(ours, daemon, count).await,
                        Some(Break::Late(by)) => {
                            sleep(by).await;
                            let passing = copy_bidirectional(&mut ours, &mut daemon);
                            tokio::select! {
                                _ = passing => {}
                                () = cut.notified() => {}
                            }
                        }
                    }
                });
            }
        });
        Self { socket, accepted, cut, task }
    }
}

async fn half_an_answer(ours: UnixStream, daemon: UnixStream, count: usize) {
    let ((mut from_client, mut to_client), (mut from_daemon, mut to_daemon)) =
        (ours.into_split(), daemon.into_split());
    let asking = tokio::spawn(async move { drop(tokio::io::copy(&mut from_client, &mut to_daemon).await) });
    let mut answer = vec![0; count];
    if timeout(Duration::from_secs(1), from_daemon.read_exact(&mut answer)).await.is_ok() {
        drop(to_client.write_all(&answer).await);
    }
    asking.abort();
}

impl Drop for Breaking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_call_outlives_a_daemon_that_is_killed_in_any_moment() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let asking = [0, 1, 24, 33, 60, 100, 200].map(Break::Asking);
    let answering = [1, 9, 20, 40, 60, 90, 150].map(Break::Answering);
    for at in asking.into_iter().chain(answering) {
        let breaking = Breaking::before(&daemon, vec![at; 3]);
        let mut client =
            Client::connect(&breaking.socket).await.unwrap_or_else(|error| panic!("{at:?}: {error}"));
        let lease = client.get(&daemon.session(), None).await;
        let lease = lease.unwrap_or_else(|problem| panic!("{at:?}: {problem}"));
        assert_eq!(lease.generation, 1, "{at:?}");
    }
    assert_eq!(daemon.home.runs("key"), 1);
    daemon.end().await;
}

/// It names the generation, so a daemon that was told already does nothing.
#[tokio::test]
async fn a_report_that_is_made_again_is_one_report() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let lease = daemon.client().await.get(&daemon.session(), None).await.expect("a lease");
    for count in [20, 40, 60, 80, 100, 120, 140] {
        let breaking = Breaking::before(&daemon, vec![Break::Answering(count)]);
        let mut client = Client::connect(&breaking.socket).await.expect("connects");
        let answer = client.report(&daemon.session(), &lease, 401).await;
        assert!(answer.is_ok(), "{count}: {answer:?}");
        let fresh = client.get(&daemon.session(), None).await.expect("a lease");
        assert_eq!(fresh.generation, 2, "{count}");
    }
    assert_eq!(daemon.home.runs("key"), 2);
    daemon.end().await;
}

/// A caller that never waits for long, for example because it draws a screen meanwhile.
#[tokio::test]
async fn who_waits_for_the_next_daemon_in_short_steps_asks_it_once() {
    const LATE: Duration = Duration::from_millis(500);
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let breaking = Breaking::before(&daemon, vec![Break::Late(Duration::ZERO), Break::Late(LATE)]);
    let mut client = Client::connect(&breaking.socket).await.expect("connects");
    let mut watch = client.watch(&daemon.session()).await.expect("a stream").patiently();
    assert!(matches!(watch.next().await.expect("no error"), Some(Change::Lease(..))));
    breaking.cut.notify_waiters();
    let (begun, mut is_lent) = (Instant::now(), false);
    while begun.elapsed() < BOUND && !is_lent {
        let event = timeout(Duration::from_millis(20), watch.next()).await;
        is_lent = matches!(event.map(|event| event.expect("no error")), Ok(Some(Change::Lease(..))));
    }
    assert!(is_lent && begun.elapsed() >= LATE);
    assert_eq!(breaking.accepted.load(SeqCst), 2);
    daemon.end().await;
}

#[tokio::test]
async fn a_watch_goes_on_with_the_next_daemon_and_repeats_nothing() {
    let daemon = Inside::start();
    daemon.helper(0.0, "1500");
    let breaking =
        Breaking::before(&daemon, vec![Break::Answering(400), Break::Asking(0), Break::Answering(20)]);
    let mut client = Client::connect(&breaking.socket).await.expect("connects");
    let mut watch = client.watch(&daemon.session()).await.expect("a stream");
    for generation in 1..=3 {
        let lease = issued(&mut watch).await.1;
        assert_eq!(lease.generation, generation);
        assert!(secret(&lease).ends_with(&format!("key-{generation}")));
    }
    daemon.end().await;
}

#[tokio::test]
async fn a_patient_watch_says_that_the_daemon_is_gone_and_waits() {
    let mut daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let mut watch = daemon.client().await.watch(&daemon.session()).await.expect("a stream").patiently();
    assert!(matches!(watch.next().await, Ok(Some(Change::Lease(..)))));
    daemon.stop().await;
    assert!(matches!(watch.next().await, Ok(None)));
    assert!(timeout(Duration::from_millis(100), watch.next()).await.is_err(), "it waits");
}

#[tokio::test]
async fn a_listener_that_is_no_daemon_is_told_in_the_end() {
    let daemon = Inside::start();
    let breaking = Breaking::before(&daemon, vec![Break::Asking(0); 1000]);
    match Client::connect(&breaking.socket).await {
        Err(error) => assert!(matches!(error, ConnectError::Handshake(_)), "{error}"),
        Ok(mut client) => {
            let problem = client.get(&daemon.session(), None).await.expect_err("no answer");
            assert_eq!(problem.reason, Reason::ShuttingDown, "{problem}");
        }
    }
    daemon.end().await;
}
