//! How the daemon talks to the `fetch` children that hold the local store. Secrets go over stdin and stdout, never into
//! arguments or environment.

use super::registration::{self, Registration};
use crate::{
    config::Paths,
    host::{
        Host,
        bus::SessionBus,
        command::{self, CommandError, CommandSpec},
    },
    key::SourceKey,
    live::Live,
};
use claviger::{
    reason::{Problem, Reason},
    secret::Secret,
    variables::NETWORK,
};
use claviger_child::{
    Declined, Request,
    account::{Record, Storage, StoreChoice},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::sync::mpsc;

/// When a child of the store is ended. Its own deadlines are shorter: the lock 15 s, its request 30 s, the keyring 2 s.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How much longer than its person a child that signs in may take: for its server, and to keep what that gives.
pub const LOGIN_SLACK: Duration = Duration::from_secs(60);

/// Where the local store is, and how its children are run.
#[derive(Clone, Debug)]
pub struct Store {
    /// `config.toml`, for the registrations.
    pub config: PathBuf,
    /// Directory of the file store.
    pub directory: PathBuf,
    /// The session bus.
    pub bus: SessionBus,
    /// What seals the file store, if the service manager has it.
    pub seal: Option<PathBuf>,
    /// Where new secrets are kept. A reload changes it.
    pub place: Live<StoreChoice>,
}

// === impl Store ===

impl Store {
    /// The store of a daemon.
    pub fn new(paths: &Paths, place: StoreChoice) -> Self {
        Self {
            config: paths.config.clone(),
            directory: paths.state.join("accounts"),
            bus: paths.bus.clone(),
            seal: paths.seal.clone(),
            place: Live::new(place),
        }
    }

    /// Where the record of an account is.
    pub fn record(&self, account: &str) -> Record {
        Record { account: account.to_owned(), directory: self.directory.clone(), seal: self.seal.clone() }
    }

    /// A request as a command. `network` is how it reaches the network ([`network`]).
    pub fn spec(
        &self,
        request: Request,
        network: BTreeMap<String, String>,
        deadline: Duration,
    ) -> CommandSpec {
        let mut environment = network;
        if let Some(bus) = self.bus.address() {
            environment.insert("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus);
        }
        let account = request.record().map_or("", |record| &record.account);
        let flight = SourceKey::of(request.word(), [account]).to_string();
        CommandSpec::fetch(request, environment, deadline, flight)
    }

    /// Runs a child and reads its answer.
    ///
    /// # Errors
    /// The child's trouble, or that it did not answer.
    pub async fn call<T: DeserializeOwned>(&self, host: &Host, spec: &CommandSpec) -> Result<T, Problem> {
        let (_, nothing) = mpsc::channel(1);
        self.call_fed(host, spec, nothing, |_| {}).await
    }

    /// As [`Store::call`], with more input as it comes, and lines of stderr as they come.
    ///
    /// # Errors
    /// As [`Store::call`].
    pub async fn call_fed<T: DeserializeOwned>(
        &self,
        host: &Host,
        spec: &CommandSpec,
        feed: mpsc::Receiver<Secret<String>>,
        on_line: impl FnMut(String) + Send,
    ) -> Result<T, Problem> {
        let output = command::run_fed(host, spec, feed, on_line).await.map_err(|error| failed(&error))?;
        match serde_json::from_slice(output.expose()) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Declined { problem, .. })) => Err(problem),
            // Not the error's own text: it could quote a secret.
            Err(_) => Err(Problem::new(Reason::Bug, "the answer of a fetch child is malformed")),
        }
    }

    /// Where a new secret is kept: where a caller wants it, else as configured.
    pub fn choice(&self, wanted: Option<Storage>) -> StoreChoice {
        wanted.map_or_else(|| self.place.get(), StoreChoice::from)
    }

    /// Every registration.
    ///
    /// # Errors
    /// `settings-invalid`.
    pub fn registrations(&self) -> Result<BTreeMap<String, Registration>, Problem> {
        registration::read(&self.config)
    }
}

/// Of an environment, what says how to reach the network.
pub fn network(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_network = |(name, _): &(&String, &String)| NETWORK.contains(&name.as_str());
    environment.iter().filter(of_network).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn failed(error: &CommandError) -> Problem {
    let mut problem = error.of_fetch("the local store did not answer");
    problem.hint.get_or_insert_with(|| "try again".to_owned());
    problem
}
