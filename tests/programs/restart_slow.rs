//! A program that takes over and is slow to start, while the queue of its socket is full: calls and streams wait for it.

use claviger::{Change, client::Client};
use claviger_tests::{CANARY, Home, answers::secret, binary, text, wait};
use std::{
    fs,
    os::unix::net::UnixStream,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, time::timeout};

/// Longer than a client waits for a daemon that is simply gone.
const HELD_UP: Duration = Duration::from_secs(5);
/// How long a caller looks at its stream at a time. What it had begun then is given up, and the next look begins anew.
const LOOK: Duration = Duration::from_millis(50);

#[test]
fn a_daemon_that_is_said_to_come_is_waited_for() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let daemon = home.daemon_copy();
    let runtime = Runtime::new().expect("runtime");
    let (mut client, mut watch) = runtime.block_on(async {
        let mut client = Client::connect(&home.socket()).await.expect("connects");
        let watch = client.watch(&home.session()).await.expect("a stream");
        (client, watch)
    });
    assert!(matches!(runtime.block_on(watch.next()), Ok(Some(Change::Lease(..)))));
    let held = home.write("held", "");
    let script = format!(
        "case \" $* \" in *' check '*) ;; *) while [ -e '{}' ]; do sleep 0.1; done ;; esac\nexec '{}' \"$@\"",
        held.display(),
        binary("clavigerd").display()
    );
    home.script("bin/slow", &script);
    fs::rename(home.path("bin/slow"), home.path("bin/clavigerd")).expect("replaced");
    let mut restart = home.claviger(&["daemon", "restart"]);
    let restart = restart.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs");
    let shell = format!("/proc/{}/exe", daemon.pid());
    wait::until("the next program starts", || {
        fs::read_link(&shell).is_ok_and(|program| !program.to_string_lossy().contains("clavigerd"))
    });
    let queued = full_queue(&home);
    let start = Instant::now();
    runtime.block_on(async {
        while start.elapsed() < HELD_UP {
            if let Ok(event) = timeout(LOOK, watch.next()).await {
                panic!("{event:?} after {:?}", start.elapsed());
            }
        }
    });
    let (socket, session) = (home.socket(), home.session());
    let calls = runtime.spawn(async move {
        let kept = client.get(&session, None).await.map(|lease| secret(&lease).to_owned());
        let mut fresh = Client::connect(&socket).await.expect("connects");
        (kept, fresh.get(&session, None).await.map(|lease| secret(&lease).to_owned()))
    });
    assert!(!wait::holds_within(HELD_UP, || calls.is_finished()), "they wait");
    fs::remove_file(&held).expect("released");
    drop(queued);
    let (kept, fresh) = runtime.block_on(calls).expect("no panic");
    let expected = format!("{CANARY}key-1");
    assert_eq!(
        (kept.as_ref().ok(), fresh.as_ref().ok()),
        (Some(&expected), Some(&expected)),
        "{kept:?} {fresh:?}"
    );
    // What was told before is not told again.
    home.ok(&["refresh"]);
    let event = runtime.block_on(async { timeout(HELD_UP * 4, watch.next()).await.expect("in time") });
    let Ok(Some(Change::Lease(lease, _))) = event else { panic!("{event:?}") };
    assert_eq!(lease.generation, 2);
    let output = restart.wait_with_output().expect("output");
    assert!(output.status.success(), "{}", text(&output.stderr));
    drop((watch, runtime));
    assert!(daemon.terminate().success());
}

/// Connections that wait in the queue of the socket, until no other has room there.
fn full_queue(home: &Home) -> Vec<UnixStream> {
    let address = nix::sys::socket::UnixAddr::new(&home.socket()).expect("an address");
    let connect = || {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, socket};
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).expect("a socket");
        connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).ok().map(|()| UnixStream::from(socket))
    };
    std::iter::from_fn(connect).collect()
}
