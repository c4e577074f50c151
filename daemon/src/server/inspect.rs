//! `InspectService`. Nothing here can reach a secret: its messages have no field for one.

use super::{Context, convert, fail, introduce, malformed, of_session, within};
use crate::{
    audit::Line,
    broker::{loan::output_trimmed, trial::Trial},
    endpoint::cloud,
    host::command::CommandError,
    key::SourceKey,
    peer::{self, Peer},
    policy::Policy,
    resolve::{self, Given, Resolution, Step, Winner},
    settings::{File, FileState, Layer, Located, Settings},
};
use claviger::{
    audit::AuditEvent,
    backend::Backend,
    proto::v1::{self, inspect_service_server::InspectService, settings_file},
    session::SessionContext,
    wire,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl InspectService for Context {
    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let peer = peer::of(&request);
        let v1::ExplainRequest { session, key, trial } = request.into_inner();
        if trial {
            peer.caller.must_be_near().map_err(fail)?;
        }
        let (session, _) = self.subject(&peer, session, &key)?;
        let started = Instant::now();
        let settings = self.broker.settings_of(&session).await.map_err(peer.told(&session))?;
        self.broker.resolver.must_be_current(&session, &settings.snapshot).map_err(peer.told(&session))?;
        let read = started.elapsed();
        let accounts = self.broker.resolver.accounts.current();
        let limits = &self.broker.limits();
        let terminal =
            &self.broker.resolver.terminal(&session, &settings).await.map_err(peer.told(&session))?;
        let given = Given { session: &session, settings: &settings, accounts: &accounts, terminal, limits };
        let resolution = resolve::explain(&given);
        let timings = (read, started.elapsed() - read);
        let tried = match resolution.winner.as_ref().ok().filter(|_| trial) {
            Some(winner) => {
                self.broker.refuse_while_locked().map_err(fail)?;
                self.audit.note(Line::of(AuditEvent::Explain, "tried").by(&peer).session(&session));
                self.tried(winner).await
            }
            None => None,
        };
        let mut explanation = self.explanation(&session, &settings, resolution, timings);
        (explanation.trial, explanation.searched) = (tried, terminal.searched.clone());
        Ok(Response::new(peer.sees(explanation)))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        // For the lock, it returns the same message as to a session.
        drop(self.broker.agree().await);
        Ok(Response::new(peer::of(&request).sees(super::status::status(self))))
    }

    async fn refresh(
        &self,
        request: Request<v1::RefreshRequest>,
    ) -> Result<Response<v1::RefreshResponse>, Status> {
        let peer = peer::of(&request);
        peer.caller.must_be_near().map_err(fail)?;
        let v1::RefreshRequest { session, key } = request.into_inner();
        let (session, key) = self.subject(&peer, session, &key)?;
        let refreshed = match key {
            Some(key) => self.broker.refresh_key((key, &session), peer.asker()).await,
            None => self.broker.refresh(&session, peer.asker()).await,
        };
        let entry = refreshed.as_ref().ok().and_then(|winner| self.entry(winner.key()?));
        let line = match &refreshed {
            Ok(winner) => Line::of(AuditEvent::Refresh, "refreshed").rule(winner),
            Err(denied) => Line::denied(AuditEvent::Refresh, denied),
        };
        let generation = entry.as_ref().map_or(0, |entry| entry.generation);
        self.audit.note(line.by(&peer).session(&session).generation(generation));
        refreshed.map_err(|denied| within(&session)(denied.problem))?;
        Ok(Response::new(v1::RefreshResponse { entry }))
    }

    async fn list_pending(
        &self,
        request: Request<v1::ListPendingRequest>,
    ) -> Result<Response<v1::ListPendingResponse>, Status> {
        peer::of(&request).caller.must_be_near().map_err(fail)?;
        Ok(Response::new(v1::ListPendingResponse { pending: super::pending::list(&self.broker) }))
    }

    async fn get_version(
        &self,
        _: Request<v1::GetVersionRequest>,
    ) -> Result<Response<v1::GetVersionResponse>, Status> {
        Ok(introduce(v1::GetVersionResponse { version: Some(convert::version()) }))
    }

    type WatchStatusStream = super::status::Changed;

    async fn watch_status(
        &self,
        request: Request<v1::WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        Ok(Response::new(super::status::follow(self.clone(), peer::of(&request))))
    }
}

impl Context {
    /// The session in a request, or the one that last asked for the named cache entry.
    fn subject(
        &self,
        peer: &Peer,
        message: Option<v1::SessionContext>,
        key: &str,
    ) -> Result<(Arc<SessionContext>, Option<SourceKey>), Status> {
        if key.is_empty() {
            return Ok((self.session_for(peer, message)?, None));
        }
        // The session of a key belongs to this machine.
        peer.caller.must_be_near().map_err(fail)?;
        if message.is_some() {
            return Err(malformed("a request names a session or a key, not both"));
        }
        let key = SourceKey::parse(key).ok_or_else(|| malformed("key is not one from a status"))?;
        Ok((self.broker.session_of(key).map_err(fail)?, Some(key)))
    }

    async fn tried(&self, winner: &Winner) -> Option<v1::Trial> {
        let Trial { took, outcome, said } = self.broker.try_out(winner).await?;
        let (spec, _) = winner.provider()?.helper()?;
        let (failure, exit_code, unusable) = match outcome {
            Ok(judged) => (String::new(), Some(0), judged.err().unwrap_or_default()),
            Err(CommandError::Exit(code)) => {
                (CommandError::Exit(code).to_string(), Some(code), String::new())
            }
            Err(error) => (error.to_string(), None, String::new()),
        };
        Some(v1::Trial {
            directory: spec.directory.display().to_string(),
            variables: spec.surroundings.0.keys().chain(spec.environment.keys()).cloned().collect(),
            deadline: Some(wire::duration(spec.deadline)),
            took: Some(wire::duration(took)),
            failure,
            exit_code,
            said: said.0,
            unusable,
        })
    }

    fn entry(&self, wanted: SourceKey) -> Option<v1::CacheEntry> {
        super::status::entry(&self.broker, wanted)
    }

    fn explanation(
        &self,
        session: &SessionContext,
        settings: &Settings,
        resolution: Resolution,
        (read, resolve): (Duration, Duration),
    ) -> v1::ExplainResponse {
        let now = self.broker.host.clock.now();
        let mut explanation = v1::ExplainResponse {
            mode: session.mode.to_proto().into(),
            backend: resolution.backend.to_proto().into(),
            steps: resolution.steps.into_iter().map(step).collect(),
            files: files(settings, now),
            values: values(settings),
            policies: policies(settings, resolution.backend),
            warnings: resolution.warnings.into_iter().map(Into::into).collect(),
            workspace: settings.snapshot.workspace.root.display().to_string(),
            timings: Some(v1::Timings {
                settings: Some(wire::duration(read)),
                resolve: Some(wire::duration(resolve)),
            }),
            ..Default::default()
        };
        match resolution.winner {
            Ok(winner) => {
                winner.source.clone_into(&mut explanation.winner);
                if let Some(provider) = winner.provider() {
                    let trimmed = self.broker.entry(provider.key(), |entry| entry.facts().trimmed);
                    let warning = || output_trimmed(winner.bound.at.as_ref()).into();
                    explanation.warnings.extend(trimmed.unwrap_or_default().then(warning));
                    explanation.entry = self.entry(provider.key());
                    if let Some(account) = provider.account() {
                        name_account(&mut explanation, &account.name);
                    }
                }
                explanation.origin = winner.endpoint.origin;
                explanation.region = winner.target.region.unwrap_or_default();
                explanation.project = winner.target.project.unwrap_or_default();
                if winner.endpoint.follows_region {
                    follow_region(&mut explanation);
                }
            }
            Err(problem) => {
                let problem = of_session(session, problem);
                explanation.problem = Some(wire::problem(&problem, now));
            }
        }
        explanation
    }
}

/// Names the account of the local store that won.
fn name_account(explanation: &mut v1::ExplainResponse, account: &str) {
    account.clone_into(&mut explanation.account);
    let mut steps = explanation.steps.iter_mut();
    let chosen = steps.find(|step| step.outcome() == v1::step::Outcome::Chosen);
    if let Some(step) = chosen {
        step.why = format!("{}; it is the account {account}", step.why);
    }
}

/// No setting names a region: the one of the credential's own configuration is used once known, as for a loan.
fn follow_region(explanation: &mut v1::ExplainResponse) {
    let facts = explanation.entry.as_ref().and_then(|entry| entry.facts.as_ref());
    let own = facts.map(|facts| facts.region.clone()).filter(|region| !region.is_empty());
    if let Some(region) = own
        && let Ok(endpoint) = cloud::bedrock(&region)
    {
        (explanation.region, explanation.origin) = (region, endpoint.origin);
    }
}

fn step(step: Step) -> v1::Step {
    v1::Step {
        source: step.source.to_owned(),
        outcome: convert::outcome(step.outcome).into(),
        why: step.why.into_owned(),
        location: step.at.as_ref().map(wire::location),
    }
}

fn files(settings: &Settings, now: SystemTime) -> Vec<v1::SettingsFile> {
    // The explicit one is shown at its rank; files that this session excludes are shown as such.
    let mut files: Vec<&File> = settings.snapshot.files.iter().chain(settings.explicit.as_deref()).collect();
    files.sort_by_key(|file| file.layer);
    let config: Vec<_> =
        files.iter().filter(|file| file.layer == Layer::Config).map(|file| &file.path).collect();
    // The locked commands of the administrator's file are not a file of their own.
    let is_shown_lower = |file: &File| file.layer == Layer::Managed && config.contains(&&file.path);
    files.retain(|file| !is_shown_lower(file));
    files.into_iter().map(|file| settings_file(file, settings.takes_part(file.layer), now)).collect()
}

fn settings_file(file: &File, takes_part: bool, now: SystemTime) -> v1::SettingsFile {
    let (state, problem) = match &file.state {
        FileState::Absent => (settings_file::State::Absent, None),
        _ if !takes_part => (settings_file::State::LeftOut, None),
        FileState::Loaded => (settings_file::State::Loaded, None),
        FileState::KeptLastGood(problem) => (settings_file::State::KeptLastGood, Some(problem)),
        FileState::Invalid(problem) => (settings_file::State::Invalid, Some(problem)),
    };
    v1::SettingsFile {
        layer: wire::layer(file.layer.name()).into(),
        file: file.path.display().to_string(),
        state: state.into(),
        problem: problem.map(|problem| wire::problem(problem, now)),
    }
}

fn policies(settings: &Settings, backend: Backend) -> Vec<v1::LoginPolicy> {
    let policy = Policy::of(settings);
    let shown = policy.rules().iter().map(|rule| v1::LoginPolicy {
        name: rule.key.to_owned(),
        demands: rule.demand.words(),
        locations: rule.places.iter().map(wire::location).collect(),
        applies: backend == Backend::Anthropic,
    });
    shown.collect()
}

/// Every value that takes part, by name, the one in effect first.
fn values(settings: &Settings) -> Vec<v1::SettingsValue> {
    let mut values: BTreeMap<(String, bool), v1::SettingsValue> = BTreeMap::new();
    let mut add = |name: String, value: &Located<String>, hook: bool| {
        let at = Some(wire::location(&value.at));
        let entry = values.entry((name.clone(), hook)).or_insert_with(|| v1::SettingsValue {
            name,
            hook,
            ..Default::default()
        });
        match (&entry.location, at) {
            (None, at) => {
                entry.location = at;
                // Values of the administrator's file rank among managed settings only if they are locked.
                entry.locked = value.layer == Layer::Managed && value.at.layer == Layer::Config.name();
            }
            // A locked value takes part twice: above all files, and as the lowest.
            (known, at) if *known == at => {}
            (Some(_), at) => entry.overrides.extend(at),
        }
    };
    for file in settings.sources() {
        file.content.commands.iter().for_each(|(name, value)| add((*name).to_owned(), value, false));
        file.content.hooks.iter().for_each(|(name, value)| add((*name).to_owned(), value, true));
        file.content.env.iter().for_each(|(name, value)| add(format!("env.{name}"), value, false));
    }
    values.into_values().collect()
}
