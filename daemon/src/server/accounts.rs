//! `AccountService`.

use super::{Context, fail, malformed, session};
use crate::{
    accounts::{
        self, Account, Kind, Place,
        login::{Code, Event, Flow, Login, Saved},
        unknown,
    },
    peer,
};
use claviger::{
    proto::v1::{self, account_service_server::AccountService, login_request, login_response},
    reason::{Problem, Reason},
    secret::Secret,
    session::SessionContext,
    wire,
};
use std::{pin::Pin, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

type Responses = Pin<Box<dyn Stream<Item = Result<v1::LoginResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AccountService for Context {
    type LoginStream = Responses;

    async fn login(
        &self,
        request: Request<Streaming<v1::LoginRequest>>,
    ) -> Result<Response<Responses>, Status> {
        let peer = peer::of(&request);
        let mut requests = request.into_inner();
        let first = requests.message().await?.and_then(|request| request.message);
        let Some(login_request::Message::Start(start)) = first else {
            return Err(malformed("the first message of a login must be its start"));
        };
        let session = session(start.session.clone())?;
        self.refuse_commands(&session, peer.pid).map_err(fail)?;
        let login = self.login_of(start, &session).await.map_err(fail)?;
        let (responses, stream) = mpsc::unbounded_channel();
        let context = self.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = context.sign_in(login, requests, &responses) => ended,
                () = responses.closed() => return,
                () = context.broker.stopping() => Err(crate::broker::shutting_down()),
            };
            let decision = ended.as_ref().map_or_else(|problem| problem.reason.as_str(), |_| "signed-in");
            context.audit.note("login", &peer, &session, decision);
            let last = ended.map(|(account, notices)| v1::LoginResponse {
                event: Some(login_response::Event::SignedIn(context.account(&account))),
                notices,
            });
            drop(responses.send(last.map_err(fail)));
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(stream))))
    }

    async fn save_secret(
        &self,
        request: Request<v1::SaveSecretRequest>,
    ) -> Result<Response<v1::SaveSecretResponse>, Status> {
        let peer = peer::of(&request);
        let mut message = request.into_inner();
        let session = session(message.session.take())?;
        self.refuse_commands(&session, peer.pid).map_err(fail)?;
        self.broker.refuse_while_locked().map_err(fail)?;
        let kind = match message.kind() {
            v1::AccountKind::Token => Kind::Token,
            v1::AccountKind::ApiKey => Kind::ApiKey,
            _ => return Err(malformed("kind must be token or api key")),
        };
        let place = place(message.place())?;
        let secret = Secret::new(
            message.secret.take().map(|mut secret| std::mem::take(&mut secret.value)).unwrap_or_default(),
        );
        let saved = Saved { name: message.name, kind, secret, audience: message.audience, place };
        let (host, store) = (&self.broker.host, &self.broker.store);
        let saved = accounts::login::save(host, store, &self.broker.accounts, saved).await;
        let decision = saved.as_ref().map_or_else(|problem| problem.reason.as_str(), |_| "saved");
        self.audit.note("save-secret", &peer, &session, decision);
        let (account, notices) = saved.map_err(fail)?;
        self.broker.drop_account(&account.name);
        Ok(Response::new(v1::SaveSecretResponse { account: Some(self.account(&account)), notices }))
    }

    async fn list_accounts(
        &self,
        _: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        self.broker.accounts.look_again();
        let index = self.broker.accounts.current();
        if let Some(fault) = &index.fault {
            return Err(fail(fault.clone()));
        }
        let mut accounts: Vec<_> = index.accounts.iter().map(|account| self.account(account)).collect();
        accounts.sort_by(|one, other| one.name.cmp(&other.name));
        let store = &self.broker.store;
        let registrations = store.registrations().map_err(fail)?;
        Ok(Response::new(v1::ListAccountsResponse {
            accounts,
            registrations: registrations
                .into_iter()
                .map(|(name, registration)| v1::Registration {
                    name,
                    issuer: registration.issuer.or(registration.authorization_endpoint).unwrap_or_default(),
                    location: Some(wire::location(&claviger::reason::Location::of_file(&store.config))),
                })
                .collect(),
            store: store.place.name().to_owned(),
        }))
    }

    async fn use_account(
        &self,
        request: Request<v1::UseAccountRequest>,
    ) -> Result<Response<v1::UseAccountResponse>, Status> {
        let pid = peer::of(&request).pid;
        let name = request.into_inner().name;
        let used = self.broker.accounts.change(|index| {
            let account = match name.as_str() {
                "" => None,
                name => Some(index.find(name).cloned().ok_or_else(|| unknown(name))?),
            };
            index.in_use = account.as_ref().map(|account| account.name.clone());
            Ok(account)
        });
        let account = used.map_err(fail)?;
        tracing::info!(
            pid,
            account = account.as_ref().map(|account| account.name.as_str()),
            "account in use"
        );
        Ok(Response::new(v1::UseAccountResponse { account: account.map(|account| self.account(&account)) }))
    }

    async fn move_accounts(
        &self,
        request: Request<v1::MoveAccountsRequest>,
    ) -> Result<Response<v1::MoveAccountsResponse>, Status> {
        let message = request.into_inner();
        let Some(place) = place(message.place())? else {
            return Err(malformed("place must be keyring or file"));
        };
        let (host, store, accounts) = (&self.broker.host, &self.broker.store, &self.broker.accounts);
        let mut moved = Vec::new();
        for account in self.named(&message.name, message.name.is_empty()).map_err(fail)? {
            let account =
                accounts::logout::relocate(host, store, accounts, &account, place).await.map_err(fail)?;
            moved.push(self.account(&account));
        }
        Ok(Response::new(v1::MoveAccountsResponse { accounts: moved }))
    }

    async fn logout(
        &self,
        request: Request<v1::LogoutRequest>,
    ) -> Result<Response<v1::LogoutResponse>, Status> {
        let peer = peer::of(&request);
        let message = request.into_inner();
        let session = session(message.session)?;
        self.refuse_commands(&session, peer.pid).map_err(fail)?;
        let accounts = self.named(&message.name, message.all).map_err(fail)?;
        let accounts = self.log_out(&session, &accounts).await;
        self.audit.note("logout", &peer, &session, accounts.as_ref().map_or("failed", |_| "logged-out"));
        Ok(Response::new(v1::LogoutResponse { accounts: accounts.map_err(fail)? }))
    }

    async fn reset(&self, request: Request<v1::ResetRequest>) -> Result<Response<v1::ResetResponse>, Status> {
        let peer = peer::of(&request);
        let session = session(request.into_inner().session)?;
        self.refuse_commands(&session, peer.pid).map_err(fail)?;
        let accounts = self.named("", true).map_err(fail)?;
        let accounts = self.log_out(&session, &accounts).await;
        let decisions = self.broker.trust.clear();
        let slots = self.broker.drop_secrets();
        self.audit.note("reset", &peer, &session, "reset");
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Response::new(v1::ResetResponse {
            accounts: accounts.map_err(fail)?,
            trust_decisions: count(decisions.map_err(fail)?),
            slots: count(slots),
        }))
    }
}

impl Context {
    /// The account `name`, or all.
    fn named(&self, name: &str, all: bool) -> Result<Vec<Account>, Problem> {
        let index = self.broker.accounts.current();
        if let Some(fault) = &index.fault {
            return Err(fault.clone());
        }
        match (all, index.find(name)) {
            (true, _) => Ok(index.accounts.clone()),
            (false, Some(account)) => Ok(vec![account.clone()]),
            (false, None) => Err(unknown(name)),
        }
    }

    async fn log_out(
        &self,
        session: &SessionContext,
        list: &[Account],
    ) -> Result<Vec<v1::LoggedOut>, Problem> {
        let (host, store, accounts) = (&self.broker.host, &self.broker.store, &self.broker.accounts);
        let environment = match self.broker.settings_of(session).await {
            Ok(settings) => crate::resolve::command_environment(session, &settings),
            // Leaving must work whatever the settings are like.
            Err(_) => session.variables.clone(),
        };
        let mut left = Vec::new();
        for account in list {
            let gone = accounts::logout::logout(host, store, accounts, account, &environment).await?;
            self.broker.drop_account(&account.name);
            let now = host.clock.now();
            left.push(v1::LoggedOut {
                name: account.name.clone(),
                revoked: gone.revoked,
                not_revoked: gone.not_revoked.unwrap_or_default(),
                left_behind: gone.left_behind.map(|trouble| wire::problem(&trouble.problem(), now)),
            });
        }
        Ok(left)
    }

    /// A command that claviger runs must not change whose credentials it lends.
    fn refuse_commands(&self, session: &SessionContext, pid: Option<u32>) -> Result<(), Problem> {
        if session.inside_flight.is_none() && self.broker.host.command_of(pid).is_none() {
            return Ok(());
        }
        Err(Problem::new(Reason::PolicyBlocked, "a command that claviger runs cannot change accounts"))
    }

    async fn login_of(&self, start: v1::LoginStart, session: &SessionContext) -> Result<Login, Problem> {
        let settings = self.broker.settings_of(session).await?;
        let flow = match start.flow() {
            v1::LoginFlow::Device => Flow::Device,
            v1::LoginFlow::Unspecified | v1::LoginFlow::Browser => Flow::Browser,
        };
        let place = match start.place() {
            v1::StorePlace::Unspecified => None,
            v1::StorePlace::Keyring => Some(Place::Keyring),
            v1::StorePlace::File => Some(Place::File),
        };
        let environment = crate::resolve::command_environment(session, &settings);
        Ok(Login { name: start.name, registration: start.registration, flow, place, environment })
    }

    async fn sign_in(
        &self,
        login: Login,
        mut requests: Streaming<v1::LoginRequest>,
        responses: &mpsc::UnboundedSender<Result<v1::LoginResponse, Status>>,
    ) -> Result<(Account, Vec<String>), Problem> {
        let (paste, pasted) = mpsc::channel(1);
        let (events, mut happened) = mpsc::unbounded_channel();
        let broker = &self.broker;
        let child =
            accounts::login::login(&broker.host, &broker.store, &broker.accounts, login, pasted, &events);
        tokio::pin!(child);
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                Some(happened) = happened.recv() => drop(responses.send(Ok(event(told(happened))))),
                ended = &mut child => {
                    while let Ok(happened) = happened.try_recv() {
                        drop(responses.send(Ok(event(told(happened)))));
                    }
                    // Nobody needs the secret of the login before any more.
                    return ended.inspect(|(account, _)| broker.drop_account(&account.name));
                }
                request = requests.next(), if listening => match request {
                    Some(Ok(v1::LoginRequest { message: Some(login_request::Message::Redirect(redirect)) })) => {
                        // Never waits: a child that reads nothing has no use for it.
                        drop(paste.try_send(accounts::login::pasted(&redirect.value)));
                    }
                    Some(Ok(_)) => {}
                    // It has nothing more to say; whether it still listens, its own stream shows.
                    Some(Err(_)) | None => listening = false,
                },
            }
        }
    }

    fn account(&self, account: &Account) -> v1::Account {
        let index = self.broker.accounts.current();
        let problem = account.login_required.as_ref().map(|why| {
            let problem = Problem::new(Reason::LoginRequired, why.clone())
                .hint(format!("`claviger login {}` signs in again", account.name));
            wire::problem(&problem, self.broker.host.clock.now())
        });
        v1::Account {
            name: account.name.clone(),
            kind: match account.kind {
                Kind::Oauth => v1::AccountKind::Oauth,
                Kind::Token => v1::AccountKind::Token,
                Kind::ApiKey => v1::AccountKind::ApiKey,
            }
            .into(),
            audience: account.audience.clone(),
            registration: account.registration.clone().unwrap_or_default(),
            issuer: account.issuer.clone().unwrap_or_default(),
            method: account.method.clone().unwrap_or_default(),
            organization: account.organization.clone().unwrap_or_default(),
            subject: account.subject.clone().unwrap_or_default(),
            place: match account.place {
                Place::Keyring => v1::StorePlace::Keyring,
                Place::File => v1::StorePlace::File,
            }
            .into(),
            signed_in_at: Some(wire::timestamp(account.signed_in_at)),
            in_use: index.in_use.as_deref() == Some(&account.name),
            problem,
        }
    }
}

fn place(place: v1::StorePlace) -> Result<Option<Place>, Status> {
    Ok(match place {
        v1::StorePlace::Unspecified => None,
        v1::StorePlace::Keyring => Some(Place::Keyring),
        v1::StorePlace::File => Some(Place::File),
    })
}

fn event(event: login_response::Event) -> v1::LoginResponse {
    v1::LoginResponse { event: Some(event), notices: Vec::new() }
}

fn told(event: Event) -> login_response::Event {
    match event {
        Event::Url(url) => login_response::Event::Url(url),
        Event::Notice(line) => login_response::Event::Notice(line),
        Event::Code(Code { verification_uri, verification_uri_complete, user_code, expires_in_seconds }) => {
            login_response::Event::Code(v1::DeviceCode {
                verification_uri,
                verification_uri_complete: verification_uri_complete.unwrap_or_default(),
                user_code,
                expires_in: Some(wire::duration(Duration::from_secs(expires_in_seconds))),
            })
        }
    }
}
