//! How the daemon talks to the `fetch` children that hold the local store. Secrets go over stdin and stdout, never into
//! arguments or environment.

use super::{
    index::Place,
    registration::{self, Registration},
};
use crate::{
    config::{Paths, StoreChoice},
    fetch::{
        answer::{MAX_ANSWER, Trouble},
        secret::Text,
    },
    host::{
        Host,
        command::{self, CommandError, CommandSpec, Program},
    },
    key::SourceKey,
    lock::Live,
};
use claviger::{
    reason::{Problem, Reason},
    secret::Secret,
    variables::NETWORK,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::sync::mpsc;

/// When a child of the store is ended. Its own deadlines are shorter: the lock 15 s, its request 30 s, the keyring 2 s.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How long a person may take to sign in.
pub const LOGIN_DEADLINE: Duration = Duration::from_secs(600);

/// Where the local store is, and how its children are run.
#[derive(Clone, Debug)]
pub struct Store {
    /// `config.toml`, for the registrations.
    pub config: PathBuf,
    /// Directory of the file store.
    pub directory: PathBuf,
    /// Address of the session bus.
    pub bus: Option<String>,
    /// What seals the file store, if the service manager has it.
    pub seal: Option<PathBuf>,
    /// Where new secrets are kept. A reload changes it.
    pub place: Live<StoreChoice>,
}

/// A call of a child.
#[derive(Debug)]
pub struct Child<'a> {
    /// Verb of `clavigerd fetch`.
    pub verb: &'static str,
    /// The account.
    pub account: &'a str,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// How it reaches the network ([`network`]).
    pub network: BTreeMap<String, String>,
    /// When to end it.
    pub deadline: Duration,
}

/// What a child reads that talks to the server of an account.
#[derive(Serialize, Deserialize)]
pub struct Input {
    /// Secret of the OAuth client, if it has one.
    #[serde(default)]
    pub client_secret: Option<Text>,
}

/// What a child that is no source answers: one JSON object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply<T> {
    /// What was asked for.
    Done(T),
    /// Why not.
    Trouble(Trouble),
}

// === impl Reply ===

impl<T> From<Result<T, Trouble>> for Reply<T> {
    fn from(result: Result<T, Trouble>) -> Self {
        result.map_or_else(Self::Trouble, Self::Done)
    }
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

    /// The child as a command. `input` is one line of JSON on its stdin. It is left to end by itself, whatever becomes of
    /// the daemon.
    pub fn spec(&self, child: Child<'_>, input: &impl Serialize) -> CommandSpec {
        let Child { verb, account, arguments, network, deadline } = child;
        let mut words = vec![verb.to_owned()];
        words.extend(["--account".to_owned(), account.to_owned()]);
        words.extend(["--directory".to_owned(), self.directory.display().to_string()]);
        let seal = self.seal.iter().flat_map(|path| ["--seal".to_owned(), path.display().to_string()]);
        words.extend(seal.chain(arguments));
        let mut environment = network;
        if let Some(bus) = &self.bus {
            environment.insert("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus.clone());
        }
        let line = serde_json::to_string(input).unwrap_or_default() + "\n";
        CommandSpec {
            program: Program::Fetch(words),
            environment,
            directory: "/".into(),
            deadline,
            max_output: MAX_ANSWER,
            flight: SourceKey::of(verb, [account]).to_string(),
            attended: false,
            input: Some(Secret::new(line)),
            lasting: true,
        }
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
            Ok(Reply::Done(done)) => Ok(done),
            Ok(Reply::Trouble(trouble)) => Err(trouble.problem()),
            // Not the error's own text: it could quote a secret.
            Err(_) => Err(Problem::new(Reason::Bug, "the answer of a fetch child is malformed")),
        }
    }

    /// Where new secrets are kept, as an argument of a child: where a caller wants it, else as configured.
    pub fn place_argument(&self, wanted: Option<Place>) -> Vec<String> {
        let place = wanted.map_or_else(|| self.place.get(), StoreChoice::from);
        vec!["--place".to_owned(), place.name().to_owned()]
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
    let reason = match error {
        CommandError::Exit(_) => Reason::Bug,
        other => other.reason(),
    };
    let reason = if reason == Reason::CommandFailed { Reason::SourceUnavailable } else { reason };
    Problem::new(reason, format!("the local store did not answer: {error}")).hint("try again")
}
