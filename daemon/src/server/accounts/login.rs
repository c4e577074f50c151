//! The stream of a login, between the person and the child that signs in.

use super::{super::Context, convert};
use crate::accounts::{self, Account, login::Login};
use claviger::{
    proto::v1::{self, login_request, login_response},
    reason::Problem,
    session::SessionContext,
};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

impl Context {
    /// The login requested by the first message.
    pub(super) async fn login_of(
        &self,
        start: v1::LoginStart,
        session: &SessionContext,
    ) -> Result<Login, Problem> {
        let settings = self.broker.settings_of(session).await?;
        let (flow, place) = (convert::flow(start.flow()), convert::place(start.place()));
        let environment = self.broker.resolver.other_environment(session, &settings).await?;
        Ok(Login { name: start.name, registration: start.registration, flow, place, environment })
    }

    /// Signs in: sends events to the person, and the person's input to the child.
    pub(super) async fn sign_in(
        &self,
        login: Login,
        mut requests: Streaming<v1::LoginRequest>,
        responses: &mpsc::UnboundedSender<Result<v1::LoginResponse, Status>>,
    ) -> Result<(Account, Vec<String>), Problem> {
        let (paste, pasted) = mpsc::channel(1);
        let (events, mut happened) = mpsc::unbounded_channel();
        let broker = &self.broker;
        let child = accounts::login::login(
            &broker.host,
            &broker.store,
            &broker.resolver.accounts,
            login,
            pasted,
            &events,
        );
        tokio::pin!(child);
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                Some(happened) = happened.recv() => drop(responses.send(Ok(event(convert::told(happened))))),
                ended = &mut child => {
                    while let Ok(happened) = happened.try_recv() {
                        drop(responses.send(Ok(event(convert::told(happened)))));
                    }
                    // The secret of the previous login is not needed any more.
                    return ended.inspect(|(account, _)| broker.drop_account(&account.name));
                }
                request = requests.next(), if listening => match request {
                    Some(Ok(v1::LoginRequest { message: Some(login_request::Message::Redirect(redirect)) })) => {
                        // Never waits: a child that reads nothing does not need it.
                        drop(paste.try_send(accounts::login::pasted(redirect.expose())));
                    }
                    Some(Ok(_)) => {}
                    // The client sends no more; its own stream shows whether it still listens.
                    Some(Err(_)) | None => listening = false,
                },
            }
        }
    }
}

/// An event as a message of the stream.
fn event(event: login_response::Event) -> v1::LoginResponse {
    v1::LoginResponse { event: Some(event), notices: Vec::new() }
}
