//! Notification daemons that answer a question in odd ways, and other programs on the bus that answer in their place.

#![cfg(not(target_os = "macos"))]
use claviger_tests::{CANARY, Home, keyring::Keyring, signal, terminal::Terminal, text, wait};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use zbus::{Connection, connection::Builder, zvariant::OwnedValue};

const SERVICE: &str = "org.freedesktop.Notifications";
const OBJECT: &str = "/org/freedesktop/Notifications";
/// The numbers of questions start here, so that another number is one that was never given.
const FIRST: u32 = 7;

/// In which nothing is lent.
const A_WHILE: Duration = Duration::from_secs(2);

/// One signal that follows a question.
#[derive(Clone, Copy, Debug)]
struct Signal {
    /// Sent by the notification daemon; otherwise by another program on the bus.
    is_its_own: bool,
    /// Added to the number of the question.
    off: u32,
    /// A button.
    action: &'static str,
}

const ALLOW: Signal = Signal { is_its_own: true, off: 0, action: "allow" };
const DENY: Signal = Signal { action: "deny", ..ALLOW };
const OF_ANOTHER: Signal = Signal { off: 1, ..ALLOW };
const FORGED: Signal = Signal { is_its_own: false, ..ALLOW };
const UNKNOWN: Signal = Signal { action: "default", ..ALLOW };

/// A notification daemon that follows each question with the same signals.
struct Answering {
    signals: &'static [Signal],
    asked: Arc<AtomicU32>,
    stranger: Connection,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Answering {
    fn get_capabilities(&self) -> Vec<String> {
        vec!["actions".into()]
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    async fn notify(
        &self,
        _app: String,
        _replaces: u32,
        _icon: String,
        _summary: String,
        _body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
        #[zbus(connection)] own: &Connection,
    ) -> u32 {
        // What was decided is told on the same way, without buttons.
        if actions.is_empty() {
            return 1;
        }
        let number = FIRST + self.asked.fetch_add(1, SeqCst);
        for signal in self.signals {
            let bus = if signal.is_its_own { own } else { &self.stranger };
            let said = (number + signal.off, signal.action);
            bus.emit_signal(None::<&str>, OBJECT, SERVICE, "ActionInvoked", &said).await.expect("sent");
        }
        number
    }

    fn close_notification(&self, _number: u32) {}
}

/// Lends with a desktop that says `answers` to each question: how the client ended, and how often the helper ran.
fn ask(answers: &'static [Signal]) -> (Option<i32>, usize) {
    let mut home = Home::new();
    let Some(_bus) = Keyring::absent(&mut home) else { return (None, 0) };
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home.write("home/.config/claviger/config.toml", "[source.api-key-helper]\nconfirm = \"always\"\n");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("runtime");
    let address = format!("unix:path={}", home.path("run/session-bus").display());
    let asked = Arc::<AtomicU32>::default();
    let _service = runtime.block_on(async {
        let builder = || Builder::address(address.as_str()).expect("an address");
        let stranger = builder().build().await.expect("a stranger");
        let desktop = Answering { signals: answers, asked: asked.clone(), stranger };
        let service = builder().name(SERVICE).expect("a name").serve_at(OBJECT, desktop).expect("a path");
        service.build().await.expect("a service")
    });
    let _daemon = home.daemon();
    if answers.iter().any(|signal| signal.is_its_own && signal.off == 0 && signal.action != "default") {
        let output = home.run(&["token"]);
        assert_eq!(
            output.status.success(),
            text(&output.stdout).contains(CANARY),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(asked.load(SeqCst), 1, "one question");
        return (output.status.code(), home.runs("key"));
    }
    // There is no answer: it waits, until the person goes.
    let terminal = Terminal::of(home.claviger(&["token"]));
    wait::until("the question is shown", || asked.load(SeqCst) == 1);
    let goes_on = wait::holds_within(A_WHILE, || terminal.screen().contains(CANARY));
    assert!(!goes_on, "{}", terminal.screen());
    signal(terminal.pid(), "TERM");
    terminal.end();
    (None, home.runs("key"))
}

#[test]
fn the_first_answer_of_the_notification_daemon_counts_and_no_other() {
    for (signals, wanted) in [
        (&[ALLOW, DENY] as &[_], (Some(0), 1)),
        (&[ALLOW, ALLOW, ALLOW], (Some(0), 1)),
        (&[DENY, ALLOW], (Some(4), 0)),
        (&[OF_ANOTHER, UNKNOWN, DENY], (Some(4), 0)),
        (&[FORGED, DENY], (Some(4), 0)),
        (&[FORGED, FORGED, OF_ANOTHER], (None, 0)),
    ] {
        assert_eq!(ask(signals), wanted, "{signals:?}");
    }
}
