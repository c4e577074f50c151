//! The daemon inside the test: `run()` on a temporary socket, with a clock that the test turns.

use claviger::{client::Client, proto::v1, session::SessionContext};
use claviger_tests::{CANARY, Home, wait::BOUND};
use clavigerd::{
    Ended, RunError, Setup,
    broker::kept::Kept,
    config::{Limits, Paths},
    cookie::Cookie,
    host::{Host, clock::Clock, program::Programs},
    logs::Logs,
    settings::Own,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::{net::UnixListener, sync::Notify, task::JoinHandle, time::timeout};

/// A daemon in this thread.
pub struct Inside {
    pub home: Home,
    pub clock: Clock,
    /// What sessions have in their environment.
    pub environment: Vec<(String, String)>,
    stop: Arc<Notify>,
    task: JoinHandle<Result<Ended, RunError>>,
    _logs: tracing::subscriber::DefaultGuard,
}

impl Inside {
    pub fn start() -> Self {
        Self::of(Home::new(), Limits::default())
    }

    pub fn of(home: Home, limits: Limits) -> Self {
        let log = fs::File::create(home.path("daemon.log")).expect("log");
        let lines = tracing_subscriber::fmt().with_env_filter("clavigerd=trace").with_writer(Mutex::new(log));
        let logs = tracing::subscriber::set_default(lines.finish());
        let state = home.path("home/.local/state/claviger");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&state).expect("directory");
        let socket = home.path("run/inside.sock");
        let listener = UnixListener::bind(&socket).expect("socket");
        let config = home.path("home/.config/claviger/config.toml");
        let clock = Clock::fake();
        let setup = Setup {
            cookie: Arc::new(Cookie::of(&socket).expect("a cookie")),
            paths: Paths {
                socket,
                home: home.path("home"),
                config,
                own: Own::default(),
                state,
                managed: home.path("managed"),
                system: home.path("system/config.toml"),
                bus: Default::default(),
                seal: None,
            },
            limits,
            store: clavigerd::config::StoreChoice::File,
            host: Host::new(clock.clone(), Programs::default()),
            managed_owner: nix::unistd::Uid::effective().as_raw(),
            logs: Logs::default(),
            program: None,
            kept: Kept::default(),
            shares: Vec::new(),
        };
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let task = tokio::spawn(clavigerd::run(listener, setup, async move { stopped.notified().await }));
        let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let environment = vec![
            ("HOME".into(), text(home.path("home"))),
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
        ];
        Self { home, clock, environment, stop, task, _logs: logs }
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.home.path("run/inside.sock")).await.expect("the daemon listens")
    }

    pub fn session(&self) -> SessionContext {
        self.session_in("work")
    }

    pub fn session_in(&self, below: &str) -> SessionContext {
        // The last one counts, as for a process that is started with them.
        let environment = self.environment.iter().map(|(name, value)| (name.into(), value.into()));
        let environment = environment.collect::<BTreeMap<OsString, OsString>>();
        SessionContext::new(self.home.path(below), environment).expect("a session")
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// `~/.claude/settings.json` with a counting helper, and its lifetime.
    pub fn helper(&self, seconds: f32, lifetime_ms: &str) {
        let helper = self.home.counting_helper("key", seconds);
        self.home.user_settings(&helper, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", lifetime_ms)]);
    }

    pub async fn status(&self) -> v1::GetStatusResponse {
        let status = self.client().await.inspect().get_status(v1::GetStatusRequest {}).await;
        status.expect("status").into_inner()
    }

    /// Asks the daemon to stop and waits until it has.
    pub async fn stop(&mut self) {
        self.stop.notify_one();
        let ended = timeout(BOUND, &mut self.task).await.expect("it stops in time");
        ended.expect("no panic").expect("a clean end");
    }

    /// The end of every test: nothing that can be inspected holds a secret.
    pub async fn end(mut self) {
        let session = Some(self.session().to_proto());
        let explained =
            self.client().await.inspect().explain(v1::ExplainRequest { session, ..Default::default() }).await;
        let texts = format!("{:?} {:?}", self.status().await, explained);
        assert!(!texts.contains(CANARY), "a secret leaked into {texts}");
        self.stop().await;
    }
}
