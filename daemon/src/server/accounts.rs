//! `AccountService`.

mod convert;
mod login;
mod signing_out;

use super::{Context, MOST_LOGINS, fail, malformed, session};
use crate::{
    accounts::{self, Account, login::Saved, unknown},
    audit::Line,
    peer::{self, Peer},
};
use claviger::{
    audit::AuditEvent,
    proto::v1::{self, account_service_server::AccountService, login_request, login_response},
    reason::{Problem, Reason},
    session::SessionContext,
};
use std::pin::Pin;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
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
        self.refuse_commands_of(AuditEvent::Login, &session, &peer)?;
        let permit = self.logins.clone().try_acquire_owned().map_err(|_| fail(too_many()))?;
        let login = self.login_of(start, &session).await.map_err(fail)?;
        let (responses, stream) = mpsc::unbounded_channel();
        let context = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let name = login.name.clone();
            let ended = tokio::select! {
                ended = context.sign_in(login, requests, &responses) => ended,
                () = responses.closed() => Err(Problem::new(Reason::Cancelled, "the person cancelled")),
                () = context.broker.life.stopping() => Err(crate::life::shutting_down()),
            };
            let name = ended.as_ref().map_or(&name, |(account, _)| &account.name);
            let line = Line::ended(AuditEvent::Login, "signed-in", &ended).by(&peer).session(&session);
            context.audit.note(line.account(name));
            if let Ok((account, _)) = &ended {
                context.tell(&peer, &format!("signed in as {}", account.name));
            }
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
        self.refuse_commands_of(AuditEvent::SaveSecret, &session, &peer)?;
        self.broker.refuse_while_locked().map_err(fail)?;
        // A session with its own account files means those.
        self.broker.resolver.settings.snapshot(&session).await.map_err(fail)?;
        let Some(kind) = convert::kind_of_secret(message.kind()) else {
            return Err(malformed("kind must be token or api key"));
        };
        let place = convert::place(message.place());
        let secret = message.secret.take().unwrap_or_default();
        let saved = Saved { name: message.name, kind, secret, audience: message.audience, place };
        self.finish_logouts_soon().await;
        let context = self.clone();
        let saved = to_the_end(async move {
            let broker = &context.broker;
            let name = saved.name.clone();
            let saved =
                accounts::login::save(&broker.host, &broker.store, &broker.resolver.accounts, saved).await;
            let line = Line::ended(AuditEvent::SaveSecret, "saved", &saved).by(&peer).session(&session);
            context.audit.note(line.account(name));
            let (account, notices) = saved?;
            context.tell(&peer, &format!("a secret was saved for {}", account.name));
            broker.drop_account(&account.name);
            Ok(v1::SaveSecretResponse { account: Some(context.account(&account)), notices })
        });
        Ok(Response::new(saved.await?))
    }

    async fn list_accounts(
        &self,
        _: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        self.broker.resolver.accounts.look_again();
        self.finish_logouts_soon().await;
        let index = self.broker.resolver.accounts.current();
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
                .map(|(name, registration)| convert::registration(name, registration, &store.config))
                .collect(),
            store: store.place.get().name().to_owned(),
        }))
    }

    async fn use_account(
        &self,
        request: Request<v1::UseAccountRequest>,
    ) -> Result<Response<v1::UseAccountResponse>, Status> {
        let peer = peer::of(&request);
        self.refuse_commands(AuditEvent::Use, &peer)?;
        self.finish_logouts_soon().await;
        let name = request.into_inner().name;
        let asked = name.clone();
        let used = self.broker.resolver.accounts.change(move |index| {
            if name.is_empty() {
                index.in_use.clear();
                return Ok(None);
            }
            index.use_account(&name).map(Some)
        });
        let used = used.await;
        self.audit.note(Line::ended(AuditEvent::Use, "in-use", &used).by(&peer).account(asked));
        let account = used.map_err(fail)?;
        tracing::info!(
            pid = peer.pid,
            account = account.as_ref().map(|account| account.name.as_str()),
            "account in use"
        );
        Ok(Response::new(v1::UseAccountResponse { account: account.map(|account| self.account(&account)) }))
    }

    async fn move_accounts(
        &self,
        request: Request<v1::MoveAccountsRequest>,
    ) -> Result<Response<v1::MoveAccountsResponse>, Status> {
        let peer = peer::of(&request);
        self.refuse_commands(AuditEvent::Move, &peer)?;
        let message = request.into_inner();
        let Some(place) = convert::place(message.place()) else {
            return Err(malformed("place must be keyring or file"));
        };
        let context = self.clone();
        let moved = to_the_end(async move {
            let broker = &context.broker;
            let mut moved = Vec::new();
            let named = context.named(&message.name, message.name.is_empty())?;
            for account in named.into_iter().filter(|account| account.signing_out.is_none()) {
                let (host, store, accounts) = (&broker.host, &broker.store, &broker.resolver.accounts);
                let done = accounts::logout::relocate(host, store, accounts, &account, place).await;
                let line = Line::ended(AuditEvent::Move, "moved", &done).by(&peer).account(&account.name);
                context.audit.note(line.about(place.name()));
                moved.push(context.account(&done?));
            }
            Ok(moved)
        });
        Ok(Response::new(v1::MoveAccountsResponse { accounts: moved.await? }))
    }

    async fn logout(
        &self,
        request: Request<v1::LogoutRequest>,
    ) -> Result<Response<v1::LogoutResponse>, Status> {
        let peer = peer::of(&request);
        let message = request.into_inner();
        let session = session(message.session)?;
        self.refuse_commands_of(AuditEvent::Logout, &session, &peer)?;
        let accounts = self.named(&message.name, message.all).map_err(fail)?;
        let context = self.clone();
        let left = to_the_end(async move { context.log_out(&peer, &session, &accounts).await });
        Ok(Response::new(v1::LogoutResponse { accounts: left.await? }))
    }

    async fn reset(&self, request: Request<v1::ResetRequest>) -> Result<Response<v1::ResetResponse>, Status> {
        let peer = peer::of(&request);
        let session = session(request.into_inner().session)?;
        self.refuse_commands_of(AuditEvent::Reset, &session, &peer)?;
        let accounts = self.named("", true).map_err(fail)?;
        let context = self.clone();
        let cleared = to_the_end(async move {
            let accounts = context.log_out(&peer, &session, &accounts).await;
            let decisions = context.broker.resolver.trust.on_a_thread(|trust| trust.clear()).await;
            let entries = context.broker.drop_secrets();
            let line = match &accounts {
                Err(_) => Line::ended(AuditEvent::Reset, "reset", &accounts),
                Ok(_) => Line::ended(AuditEvent::Reset, "reset", &decisions),
            };
            context.audit.note(line.by(&peer).session(&session));
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            Ok(v1::ResetResponse {
                accounts: accounts?,
                trust_decisions: count(decisions?),
                entries: count(entries),
            })
        });
        Ok(Response::new(cleared.await?))
    }
}

impl Context {
    /// The account `name`, or all.
    fn named(&self, name: &str, all: bool) -> Result<Vec<Account>, Problem> {
        self.broker.resolver.accounts.look_again();
        let index = self.broker.resolver.accounts.current();
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
        peer: &Peer,
        session: &SessionContext,
        list: &[Account],
    ) -> Result<Vec<v1::LoggedOut>, Problem> {
        let (host, store, accounts) = (&self.broker.host, &self.broker.store, &self.broker.resolver.accounts);
        let environment = match self.broker.settings_of(session).await {
            Ok(settings) => self.broker.resolver.other_environment(session, &settings).await?,
            // Signing out must work with any settings.
            Err(_) => session.variables.clone(),
        };
        let mut left = Vec::new();
        for account in list {
            let gone = accounts::logout::logout(host, store, accounts, account, &environment).await;
            let line = Line::ended(AuditEvent::Logout, "logged-out", &gone).by(peer).session(session);
            self.audit.note(line.account(&account.name));
            let gone = gone?;
            self.broker.drop_account(&account.name);
            left.push(convert::logged_out(account, gone, host.clock.now()));
        }
        Ok(left)
    }

    /// A command that claviger runs must not change the account it borrows from.
    pub(super) fn refuse_commands(&self, event: AuditEvent, peer: &Peer) -> Result<(), Status> {
        match self.broker.host.command_of(peer.pid) {
            None => Ok(()),
            Some(_) => Err(self.refused(Line::of(event, Reason::PolicyBlocked.as_str()).by(peer))),
        }
    }

    fn refuse_commands_of(
        &self,
        event: AuditEvent,
        session: &SessionContext,
        peer: &Peer,
    ) -> Result<(), Status> {
        match &session.inside_flight {
            None => self.refuse_commands(event, peer),
            Some(_) => {
                let line = Line::of(event, Reason::PolicyBlocked.as_str()).by(peer);
                Err(self.refused(line.session(session)))
            }
        }
    }

    fn refused(&self, line: Line<'_>) -> Status {
        self.audit.note(line);
        fail(by_a_command())
    }
}

/// Runs `work` to its end, even if the caller disconnects: what a child has done to a secret belongs on the list.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err(Problem::new(Reason::Bug, "a change of the accounts failed unexpectedly")))
        .map_err(fail)
}

fn by_a_command() -> Problem {
    Problem::new(Reason::PolicyBlocked, "a command that claviger runs cannot change accounts, nor unlock")
}

fn too_many() -> Problem {
    Problem::new(Reason::SourceUnavailable, format!("{MOST_LOGINS} logins are in progress already"))
        .hint("finish or cancel one (Ctrl-C), then try again")
}
