//! Sessions that come and go while tokens live for seconds: none ever sees a failure, or a token that the provider does not
//! take.

use claviger_tests::{Home, answers, block_on, provider::Provider, soak, text, turn};
use std::{
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// Lifetime of the access tokens, in seconds.
const LIFETIME: u64 = 5;
/// How long a token that is lent is good for at least.
const MARGIN: Duration = Duration::from_secs(LIFETIME / 5);
/// How long it goes on, in seconds; CLAVIGER_SOAK says how many times longer.
const SECONDS: u64 = 15;

/// What the sessions saw.
#[derive(Default)]
struct Seen {
    tokens: AtomicUsize,
    events: AtomicUsize,
    over: AtomicBool,
}

impl Seen {
    /// Sessions that come, borrow a token, and go. The first one's variables differ from the others'.
    fn come_and_go(&self, home: &Home, provider: &Provider, n: usize) {
        let _over = End(self);
        while !self.over.load(SeqCst) {
            let mut command = home.claviger(&["token"]);
            if n == 0 {
                command.env("NO_PROXY", "soak.example");
            }
            let asked = Instant::now();
            let output = command.output().expect("claviger runs");
            assert!(output.status.success(), "{}", text(&output.stderr));
            let token = text(&output.stdout);
            // On a machine that is busy, a good token can be over before the provider is asked about it.
            let is_good = provider.takes(token.trim()) || asked.elapsed() > MARGIN;
            assert!(is_good, "a token was lent that the provider does not take");
            self.tokens.fetch_add(1, Relaxed);
        }
    }

    /// One that follows the credential, connecting again now and then.
    fn follow(&self, home: &Home, provider: &Provider) {
        let _over = End(self);
        let session = home.session();
        while !self.over.load(SeqCst) {
            block_on(async {
                let mut client =
                    claviger::client::Client::connect(&home.socket()).await.expect("the daemon listens");
                let mut watch = client.watch(&session).await.expect("a stream");
                for _ in 0..4 {
                    let (_, lease) = answers::issued(&mut watch).await;
                    assert!(provider.takes(answers::secret(&lease)), "a watcher was told a token of no use");
                    assert!(!lease.stale);
                    self.events.fetch_add(1, Relaxed);
                }
            });
        }
    }
}

/// Ends the others when one fails.
struct End<'a>(&'a Seen);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, SeqCst);
    }
}

#[test]
fn no_session_sees_a_failure_while_tokens_live_for_seconds() {
    let _turn = turn::take();
    let Some((home, provider, _daemon)) = Provider::signed_in(LIFETIME) else { return };
    let seconds = SECONDS * soak() as u64;
    let (seen, begin) = (Seen::default(), Instant::now());
    thread::scope(|scope| {
        let _over = End(&seen);
        let (seen, home, provider) = (&seen, &home, &provider);
        (0..4).for_each(|n| drop(scope.spawn(move || seen.come_and_go(home, provider, n))));
        (0..3).for_each(|_| drop(scope.spawn(|| seen.follow(home, provider))));
        while begin.elapsed() < Duration::from_secs(seconds) && !seen.over.load(SeqCst) {
            thread::park_timeout(Duration::from_millis(100));
        }
    });
    provider.is_content();
    let refreshes = provider.events("asked") - 1;
    let (tokens, events) = (seen.tokens.load(Relaxed), seen.events.load(Relaxed));
    println!("{seconds} s: {tokens} tokens, {events} events, {refreshes} refreshes");
    // A token is replaced when a fifth of its life is left, three tenths at most; never in the first half.
    let elapsed = begin.elapsed().as_secs();
    let (fewest, most) = (elapsed / LIFETIME - 1, elapsed * 2 / LIFETIME + 1);
    assert!((fewest..=most).contains(&(refreshes as u64)), "{refreshes} refreshes in {elapsed} s");
    assert!(tokens > 0 && events >= refreshes, "{tokens} tokens, {events} events, {refreshes} refreshes");
}
