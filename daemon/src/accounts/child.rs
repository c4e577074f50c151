//! Runs the `fetch` children that hold the local store. Secrets go over stdin and stdout, never into arguments or
//! environment.

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

/// Time limit of a child of the store. Its own deadlines are shorter: the lock 15 s, its request 30 s, the keyring 2 s.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Additional time for a child that signs in, after the person is done: for its server, and for saving the result.
pub const LOGIN_SLACK: Duration = Duration::from_secs(60);

/// Where the local store is, and how its children run.
#[derive(Clone, Debug)]
pub struct Store {
    /// `config.toml`, for the registrations.
    pub config: PathBuf,
    /// Directory of the file store.
    pub directory: PathBuf,
    /// The session bus.
    pub bus: SessionBus,
    /// The key that seals the file store, if the service manager provides it.
    pub seal: Option<PathBuf>,
    /// Where new secrets are kept. A reload can change it.
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

    /// Path of an account's record.
    pub fn record(&self, account: &str) -> Record {
        Record { account: account.to_owned(), directory: self.directory.clone(), seal: self.seal.clone() }
    }

    /// A request as a command. `network` is the network part of its environment ([`network`]).
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
    /// The child's problem, or that it did not answer.
    pub async fn call<T: DeserializeOwned>(&self, host: &Host, spec: &CommandSpec) -> Result<T, Problem> {
        let (_, nothing) = mpsc::channel(1);
        self.call_fed(host, spec, nothing, |_| {}).await
    }

    /// As [`Store::call`], with input and lines of stderr passed on as they come.
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
            // The error's own text is not used: it could quote a secret.
            Err(_) => Err(Problem::new(Reason::Bug, "the answer of a fetch child is malformed")),
        }
    }

    /// The store of a new secret: the one a caller chose, else as configured.
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

/// The network variables of an environment.
pub fn network(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_network = |(name, _): &(&String, &String)| NETWORK.contains(&name.as_str());
    environment.iter().filter(of_network).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn failed(error: &CommandError) -> Problem {
    let mut problem = error.of_fetch("the local store did not answer");
    problem.hint.get_or_insert_with(|| "try again".to_owned());
    problem
}
