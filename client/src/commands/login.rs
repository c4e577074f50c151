//! `claviger login`: signs a person in, for all sessions.

use crate::{context::Context, failure::Failure, output, wait};
use claviger::{
    client::{request, unwrap},
    proto::v1::{LoginFlow, LoginRequest, LoginStart, login_request, login_response},
    reason::{Problem, Reason},
};
use tokio::sync::mpsc;

/// Arguments of `login`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Name of the account [default: that of the registration]
    pub(crate) name: Option<String>,
    /// Section [oauth.NAME] to sign in with [default: the account's name, or the only one]
    #[arg(long, value_name = "NAME")]
    pub(crate) registration: Option<String>,
    /// Show a code to type in on another device
    #[arg(long)]
    pub(crate) device: bool,
}

/// Signs in.
///
/// # Errors
/// The daemon's.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let session = context.session()?;
    let mut service = context.connect().await?.accounts();
    let (sender, receiver) = mpsc::channel(1);
    let flow = if arguments.device { LoginFlow::Device } else { LoginFlow::Browser };
    let start = LoginStart {
        session: Some(session.to_proto()),
        name: arguments.name.unwrap_or_default(),
        registration: arguments.registration.unwrap_or_default(),
        flow: flow.into(),
        ..Default::default()
    };
    let message = LoginRequest { message: Some(login_request::Message::Start(start)) };
    drop(sender.send(message).await);
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let started = async { unwrap(service.login(request(requests)).await) };
    let mut responses = wait::answer(context, started).await?;
    loop {
        let next = responses.message().await.map_err(|status| claviger::wire::from_status(&status))?;
        match next.and_then(|response| response.event) {
            Some(login_response::Event::Url(url)) => {
                output::talk(&format!("open {url}\n"));
                drop(std::process::Command::new("xdg-open").arg(&url).spawn());
            }
            Some(login_response::Event::Code(code)) => {
                output::talk(&format!("type {} in at {}\n", code.user_code, code.verification_uri));
            }
            Some(login_response::Event::Notice(line)) => output::talk(&format!("{line}\n")),
            Some(login_response::Event::SignedIn(account)) => {
                output::data(&format!("signed in to {}\n", account.name))?;
                return Ok(());
            }
            None => {
                return Err(
                    Problem::new(Reason::ShuttingDown, "the daemon went away during the login").into()
                );
            }
        }
    }
}
