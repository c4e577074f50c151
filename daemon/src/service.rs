//! Communication with the service manager: the daemon reports that it serves, that it is alive, and its status
//! (sd_notify(3)); SIGHUP makes it reload its configuration.
//!
//! Without a service manager nothing is sent, and SIGHUP works in any case. The socket of the service manager is in the
//! daemon's own environment, which no command gets.

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

/// The daemon's view of its service manager.
#[derive(Debug)]
pub struct Service {
    broker: Arc<Broker>,
    logs: Logs,
    /// The problem of the configuration, if it could not be reloaded.
    trouble: Mutex<Option<String>>,
    /// Held during a reload.
    reading: Mutex<()>,
}

// === impl Service ===

impl Service {
    /// Sends nothing yet.
    pub fn new(broker: Arc<Broker>, logs: Logs) -> Self {
        Self { broker, logs, trouble: Mutex::default(), reading: Mutex::default() }
    }

    /// Reports that the daemon serves, and from then on that it is alive; reloads on SIGHUP. It runs on the runtime
    /// that serves, and takes the lock that every request takes: if one of them is stuck, no report is sent, and the
    /// service manager starts a new daemon.
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

    /// Reports that the daemon is about to end.
    pub fn stopping(&self) {
        let status = "stopping: running requests are answered first";
        tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Reloads the daemon's part of the configuration; returns whether it has changed. The cache is kept.
    ///
    /// # Errors
    /// `settings-invalid` with file and line if it is invalid; then nothing changes.
    pub async fn reload(self: &Arc<Self>) -> Result<bool, Problem> {
        let service = self.clone();
        // A home on a slow server must not delay a session.
        let reloaded = tokio::task::spawn_blocking(move || service.reload_now()).await;
        reloaded.unwrap_or_else(|_| Err(Problem::new(Reason::Bug, "reading the configuration panicked")))
    }

    async fn hung_up(self: Arc<Self>) {
        tracing::info!("SIGHUP: reloading");
        // The log and the status have the problem.
        drop(self.reload().await);
    }

    fn reload_now(&self) -> Result<bool, Problem> {
        // One after the other, so that the last one to read is the last one to take effect.
        let _reading = lock(&self.reading);
        let reloading = NotifyState::monotonic_usec_now();
        tell(&[NotifyState::Reloading].into_iter().chain(reloading.ok()).collect::<Vec<_>>());
        let outcome = self.read().and_then(|config| self.heed(&config));
        match &outcome {
            Ok(changed) => tracing::info!(changed, "configuration reloaded"),
            Err(problem) => tracing::error!(%problem, "the configuration stays as it was"),
        }
        *lock(&self.trouble) = outcome.as_ref().err().map(ToString::to_string);
        tell(&[NotifyState::Ready, NotifyState::Status(&self.status())]);
        outcome
    }

    fn read(&self) -> Result<Config, Problem> {
        let (system, owner) = self.broker.resolver.settings.system();
        Config::read(&self.broker.store.config, system, owner)
    }

    /// Fallible steps come first, so that all of it takes effect or nothing.
    fn heed(&self, config: &Config) -> Result<bool, Problem> {
        let (log, at) = config.log.clone().unzip();
        let logs = self.logs.configure(log.as_deref());
        let logs = logs.map_err(|why| config::invalid_log(&at.unwrap_or_default(), &why))?;
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

/// A service manager that does not respond is not a reason to stop.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "notifying the service manager failed");
    }
}

/// Interval of the alive message: half of the watchdog's time.
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

/// In a terminal the signal means that the terminal is gone, and ends the process as usual.
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
