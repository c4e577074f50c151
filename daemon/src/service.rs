//! What the daemon and its service manager tell each other: that it serves, that it is alive, what it is doing (all of
//! it sd_notify(3)), and that its configuration has to be read again (SIGHUP).
//!
//! Without a service manager that listens nothing is said, and SIGHUP works all the same. Where to talk to is in the
//! daemon's own environment, which no command gets to see.

use crate::{
    broker::{Broker, cache::Census},
    config::{self, Config},
    live::lock,
    logs::Logs,
};
use claviger::reason::{Problem, Reason};
use sd_notify::NotifyState;
use std::{
    io::{self, IsTerminal as _},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior, interval},
};

/// The daemon as its service manager sees it.
#[derive(Debug)]
pub struct Service {
    broker: Arc<Broker>,
    logs: Logs,
    /// What is wrong with the configuration, if it could not be read again.
    trouble: Mutex<Option<String>>,
    /// Held while it is read.
    reading: Mutex<()>,
}

// === impl Service ===

impl Service {
    /// Says nothing yet.
    pub fn new(broker: Arc<Broker>, logs: Logs) -> Self {
        Self { broker, logs, trouble: Mutex::default(), reading: Mutex::default() }
    }

    /// Says that the daemon serves, and from then on that it is alive; reloads on SIGHUP. It takes its turns on the
    /// runtime that serves, and the lock that every request takes: if one of them is stuck, so is this, and the service
    /// manager starts a new daemon.
    pub async fn attend(self: Arc<Self>) {
        let (mut hangups, mut pulse) = (hangups(), pulse());
        tell(&[NotifyState::Ready, NotifyState::Status(&self.status())]);
        loop {
            tokio::select! {
                () = beat(&mut pulse) => tell(&[NotifyState::Watchdog, NotifyState::Status(&self.status())]),
                () = next(&mut hangups) => drop(tokio::spawn(self.clone().hung_up())),
            }
        }
    }

    /// Says that the daemon is about to end.
    pub fn stopping(&self) {
        let status = "stopping: what is in progress is answered first";
        tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Reads the daemon's part of the configuration again; returns whether it says anything new. The cache stays as it is.
    ///
    /// # Errors
    /// `settings-invalid` with file and line, if it cannot be used; then everything stays as it is.
    pub async fn reload(self: &Arc<Self>) -> Result<bool, Problem> {
        let service = self.clone();
        // A home on a slow server must not delay a session.
        let reloaded = tokio::task::spawn_blocking(move || service.reload_now()).await;
        reloaded.unwrap_or_else(|_| Err(Problem::new(Reason::Bug, "reading the configuration panicked")))
    }

    async fn hung_up(self: Arc<Self>) {
        tracing::info!("SIGHUP: asked to reload");
        // The log has what is wrong, and so has the status.
        drop(self.reload().await);
    }

    fn reload_now(&self) -> Result<bool, Problem> {
        // One after the other, so that the last one to read is the last one to be heeded.
        let _reading = lock(&self.reading);
        let reloading = NotifyState::monotonic_usec_now();
        tell(&[NotifyState::Reloading].into_iter().chain(reloading.ok()).collect::<Vec<_>>());
        let outcome = self.read().and_then(|(config, text)| self.heed(&config, &text));
        match &outcome {
            Ok(changed) => tracing::info!(changed, "configuration read again"),
            Err(problem) => tracing::error!(%problem, "the configuration stays as it was"),
        }
        *lock(&self.trouble) = outcome.as_ref().err().map(ToString::to_string);
        tell(&[NotifyState::Ready, NotifyState::Status(&self.status())]);
        outcome
    }

    fn read(&self) -> Result<(Config, String), Problem> {
        let path = &self.broker.store.config;
        let text = config::read(path)?;
        Ok((Config::parse(&path.display().to_string(), &text)?, text))
    }

    /// What may fail comes first, so that all of it counts or nothing.
    fn heed(&self, config: &Config, text: &str) -> Result<bool, Problem> {
        let path = self.broker.store.config.display().to_string();
        let logs = self.logs.configure(config.log.as_deref());
        let logs = logs.map_err(|why| config::invalid_log(&path, text, &why))?;
        let store = self.broker.store.place.set(config.store) != config.store;
        let limits = self.broker.tune(config.limits);
        Ok(logs || store || limits)
    }

    fn status(&self) -> String {
        let census = self.broker.census();
        describe(census, lock(&self.trouble).as_deref())
    }
}

/// One line for `systemctl status`.
fn describe(census: Census, trouble: Option<&str>) -> String {
    let Census { credentials, refreshes, locked } = census;
    let plural = |many: usize| if many == 1 { "" } else { "s" };
    let mut text = match (locked, credentials) {
        (true, _) => claviger::remedy::while_locked(),
        (false, 0) => "ready; no credential is cached".to_owned(),
        (false, many) => format!("ready; {many} credential{} cached", plural(many)),
    };
    if refreshes > 0 {
        text.push_str(&format!(
            "; {refreshes} refresh{} in progress",
            if refreshes == 1 { "" } else { "es" }
        ));
    }
    match trouble {
        Some(trouble) => format!("configuration not reloaded, {}; {text}", trouble.replace('\n', " ")),
        None => text,
    }
}

/// A service manager that does not listen is not a reason to stop.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

/// How often to say that we are alive: twice in the time after which we would be taken for dead.
fn pulse() -> Option<Interval> {
    let patience = sd_notify::watchdog_enabled()?;
    let mut interval = interval((patience / 2).max(Duration::from_millis(1)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(interval)
}

async fn beat(pulse: &mut Option<Interval>) {
    match pulse {
        Some(pulse) => drop(pulse.tick().await),
        None => std::future::pending().await,
    }
}

/// In a terminal the signal means that the terminal is gone, and ends us as ever.
fn hangups() -> Option<Signal> {
    if io::stdin().is_terminal() {
        return None;
    }
    signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(%error, "SIGHUP will end the daemon"))
        .ok()
}

async fn next(hangups: &mut Option<Signal>) {
    match hangups {
        Some(hangups) => drop(hangups.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::{Census, describe};

    #[test]
    fn the_status_is_one_plain_line() {
        let census = |credentials, refreshes, locked| Census { credentials, refreshes, locked };
        for (census, trouble, line) in [
            (census(0, 0, false), None, "ready; no credential is cached"),
            (census(1, 0, false), None, "ready; 1 credential cached"),
            (census(3, 1, false), None, "ready; 3 credentials cached; 1 refresh in progress"),
            (
                census(0, 2, true),
                None,
                "locked: nothing is lent until `claviger unlock`; 2 refreshes in progress",
            ),
            (
                census(0, 0, false),
                Some("c.toml:2:1: unknown\nfield"),
                "configuration not reloaded, c.toml:2:1: unknown field; ready; no credential is cached",
            ),
        ] {
            assert_eq!(describe(census, trouble), line);
        }
    }
}
