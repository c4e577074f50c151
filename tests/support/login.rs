//! A login through the client library, step by step.

use super::{
    CANARY, Daemon, Home,
    issuer::{CODE, Issuer, MARK, granted},
    stand_in::Response,
    wait::BOUND,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{self, LoginFlow, LoginRequest, LoginStart, login_request::Message, login_response::Event},
    reason::{Problem, Reason},
    wire,
};
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Longer than any deadline of a login's requests.
const PATIENCE: Duration = BOUND.saturating_mul(2);

/// A login that goes on; it is given up when this value is dropped.
pub struct Login {
    requests: mpsc::Sender<LoginRequest>,
    responses: Streaming<v1::LoginResponse>,
}

impl Login {
    /// Starts one for `home`'s session, as `change` says.
    pub async fn start(home: &Home, change: impl FnOnce(&mut LoginStart)) -> Self {
        let mut start = LoginStart { session: Some(home.session().to_proto()), ..LoginStart::default() };
        change(&mut start);
        let (requests, receiver) = mpsc::channel(4);
        requests.send(LoginRequest { message: Some(Message::Start(start)) }).await.expect("open");
        let mut service = connect(home).await.accounts();
        let responses = service.login(request(ReceiverStream::new(receiver))).await;
        Self { requests, responses: unwrap(responses).expect("a login") }
    }

    /// One in the browser.
    pub async fn browser(home: &Home) -> (Self, String) {
        let mut login = Self::start(home, |_| {}).await;
        match login.next().await {
            Ok(Event::Url(url)) => (login, url),
            other => panic!("{other:?} instead of a URL"),
        }
    }

    /// One with a code.
    pub async fn device(home: &Home) -> (Self, v1::DeviceCode) {
        let mut login = Self::start(home, |start| start.flow = LoginFlow::Device.into()).await;
        match login.next().await {
            Ok(Event::Code(code)) => (login, code),
            other => panic!("{other:?} instead of a code"),
        }
    }

    /// Pastes what the browser was redirected to.
    pub async fn paste(&self, text: &str) {
        let redirect = claviger::Secret::new(text.to_owned());
        let message = LoginRequest { message: Some(Message::Redirect(redirect)) };
        self.requests.send(message).await.expect("the login goes on");
    }

    /// What is said next.
    pub async fn next(&mut self) -> Result<Event, Problem> {
        let next = timeout(PATIENCE, self.responses.message()).await.expect("an event in time");
        let response = next.map_err(|status| {
            assert!(!format!("{status:?}").contains(CANARY), "{status:?}");
            wire::from_status(&status)
        })?;
        Ok(response.and_then(|response| response.event).expect("the login does not just end"))
    }

    /// How it ends.
    pub async fn end(mut self) -> Result<v1::Account, Problem> {
        loop {
            if let Event::SignedIn(account) = self.next().await? {
                return Ok(account);
            }
        }
    }
}

/// A client of `home`'s daemon.
pub async fn connect(home: &Home) -> Client {
    Client::connect(&home.socket()).await.expect("the daemon listens")
}

/// The account `name` as the list shows it.
pub async fn account(home: &Home, name: &str) -> Option<v1::Account> {
    let listed = connect(home).await.accounts().list_accounts(request(v1::ListAccountsRequest {})).await;
    unwrap(listed).expect("a list").accounts.into_iter().find(|account| account.name == name)
}

/// Signs out of `name`.
pub async fn log_out(home: &Home, name: &str) -> v1::LoggedOut {
    let message =
        v1::LogoutRequest { session: Some(home.session().to_proto()), name: name.into(), all: false };
    let left = unwrap(connect(home).await.accounts().logout(request(message)).await).expect("logged out");
    left.accounts.into_iter().next().expect("an account")
}

/// The secret that `home`'s session borrows as `account`.
pub async fn lent(home: &Home, account: &str) -> Result<String, Problem> {
    let mut session = home.session();
    session.variables.insert("CLAVIGER_ACCOUNT".to_owned(), account.to_owned());
    let lease = connect(home).await.get(&session, None).await?;
    Ok(super::answers::secret(&lease).to_owned())
}

/// An issuer, and a home that has signed in there and borrowed a token of so many seconds: what the daemon holds is what a refresh
/// replaces.
pub async fn signed_in(seconds: u64) -> (Issuer, Home, Daemon) {
    let issuer = Issuer::start();
    issuer.answers(Response::json(granted("first", seconds)));
    let home = issuer.home("");
    let daemon = home.daemon();
    issuer.sign_in(&home).await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    (issuer, home, daemon)
}

/// Refreshes the account `work` of `home`.
pub async fn refresh(home: &Home) -> Result<(), Problem> {
    let session = Some(home.session().to_proto());
    let message = v1::RefreshRequest { session, ..Default::default() };
    unwrap(connect(home).await.inspect().refresh(request(message)).await).map(drop)
}

/// Checks what is said of a failure, and that it repeats nothing a server said.
#[track_caller]
pub fn assert_problem(problem: &Problem, reason: Reason, part: &str) {
    assert_eq!(problem.reason, reason, "{problem}");
    assert!(problem.message.contains(part), "{part:?}: {problem}");
    let said = format!("{problem:?}");
    assert!(!said.contains(MARK) && !said.contains(CODE), "{said}");
}
