//! The link "managed-identity": what Azure gives to the machine or the app that this runs on.
//!
//! App Service says in the environment where it is. The metadata service of virtual machines (IMDS) does not: it is looked
//! for, and anything but its own clear answer means that this is no such machine.

use super::{
    Declined,
    failure::trouble,
    principal::{CLIENT, of_account},
    step::Step,
    wire::{Last, Wire},
};
use crate::environment::{lent, variable};
use azure_core::http::Url;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use claviger::reason::Reason;
use claviger_child::{Lent, Provided};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};

/// The metadata service (Azure documentation, "Azure Instance Metadata Service").
const IMDS: &str = "169.254.169.254:80";
/// How long it may take to accept a connection. It is a hop away; elsewhere packets to it vanish without an answer.
const IMDS_CONNECT: Duration = Duration::from_secs(1);
/// Variable with what App Service wants to see.
pub(super) const HEADER: &str = "IDENTITY_HEADER";
const NO_IDENTITY: &str = "no such identity is assigned to this machine";

/// Where the identity comes from.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    AppService(String),
    Imds,
    /// A service that the SDK does not speak to.
    Other(&'static str),
    /// Variables that fit no service.
    Incomplete,
}

/// Asks for the identity of this machine.
pub(super) async fn ask(scope: &str, secrets: &Lent) -> Step {
    // Of a secret it counts only that it is there.
    match place(|name| variable(name).or_else(|| lent(secrets, name).map(|_| String::new()))) {
        Place::AppService(url) => match check(&url) {
            Ok(()) => app_service(scope, lent(secrets, HEADER)).await,
            Err(trouble) => Step::Refused(trouble),
        },
        Place::Imds => imds(scope).await,
        Place::Incomplete => Step::Passed(format!("incomplete: {HEADER} is not set")),
        Place::Other(name) => Step::Refused(
            Declined::new(Reason::SettingsInvalid, format!("managed identities of {name} are not supported"))
                .hint("set AZURE_TOKEN_CREDENTIALS to what to use instead, for example AzureCliCredential"),
        ),
    }
}

/// As Azure's libraries tell the services apart.
fn place(variable: impl Fn(&str) -> Option<String>) -> Place {
    match (variable("IDENTITY_ENDPOINT"), variable("MSI_ENDPOINT")) {
        (Some(url), _) if variable(HEADER).is_some() => Place::AppService(url),
        (Some(_), _) if variable("IMDS_ENDPOINT").is_some() => Place::Other("Azure Arc"),
        (Some(_), _) => Place::Incomplete,
        (None, Some(_)) if variable("MSI_SECRET").is_some() => Place::Other("Azure Machine Learning"),
        (None, Some(_)) => Place::Other("Azure Cloud Shell"),
        (None, None) => Place::Imds,
    }
}

fn check(url: &str) -> Result<(), Declined> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.map(drop).ok_or_else(|| {
        Declined::new(Reason::SettingsInvalid, "IDENTITY_ENDPOINT is not an http address")
            .hint("Azure App Service sets it; elsewhere unset it")
    })
}

async fn app_service(scope: &str, header: Option<&str>) -> Step {
    match token(scope, header).await {
        Ok(Err(Last::Reply(reply))) if reply.status == 400 => Step::Passed(NO_IDENTITY.to_owned()),
        Ok(Err(last)) => Step::Refused(trouble("the managed identity service of the app", &last)),
        Ok(Ok(found)) => Step::Provided(found),
        Err(trouble) => Step::Refused(trouble),
    }
}

async fn imds(scope: &str) -> Step {
    let connected = timeout(IMDS_CONNECT, TcpStream::connect(IMDS)).await;
    // The connection ends here, so that a service that takes one at a time is free for the next.
    if !connected.is_ok_and(|stream| stream.is_ok()) {
        let why = "no metadata service of Azure is here; AZURE_TOKEN_CREDENTIALS=dev skips it";
        return Step::Unanswered(why.to_owned());
    }
    match token(scope, None).await {
        Ok(Ok(found)) => Step::Provided(found),
        Ok(Err(Last::Reply(reply))) if reply.status == 400 => Step::Passed(NO_IDENTITY.to_owned()),
        Ok(Err(Last::Reply(reply))) if reply.is_json && !(reply.status == 403 && reply.says_unreachable) => {
            Step::Refused(trouble("the metadata service of Azure", &Last::Reply(reply)))
        }
        Ok(Err(_)) => Step::Passed("what answers here is no metadata service of Azure".to_owned()),
        Err(trouble) => Step::Refused(trouble),
    }
}

async fn token(scope: &str, header: Option<&str>) -> Result<Result<Provided, Last>, Declined> {
    let wire = Wire::inward(header)?;
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: variable(CLIENT).map(UserAssignedId::ClientId),
        client_options: wire.options(),
    };
    let credential = ManagedIdentityCredential::new(Some(options))
        .map_err(|_| Declined::new(Reason::SettingsInvalid, "this managed identity is not supported"))?;
    Ok(wire.ask(&*credential, scope).await.map(|token| of_account(&token, None)))
}

#[cfg(test)]
mod tests {
    use super::{Place, check, place};

    #[test]
    fn the_environment_tells_the_services_apart() {
        let of = |set: &[&str]| place(|name| set.contains(&name).then(|| "x".to_owned()));
        assert_eq!(of(&[]), Place::Imds);
        assert_eq!(
            of(&["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT"]),
            Place::AppService("x".into())
        );
        assert_eq!(of(&["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"]), Place::Other("Azure Arc"));
        assert_eq!(of(&["IDENTITY_ENDPOINT"]), Place::Incomplete);
        assert_eq!(of(&["MSI_ENDPOINT"]), Place::Other("Azure Cloud Shell"));
        assert_eq!(of(&["MSI_ENDPOINT", "MSI_SECRET"]), Place::Other("Azure Machine Learning"));
    }

    #[test]
    fn endpoints() {
        assert!(check("http://127.0.0.1:41741/msi/token").is_ok());
        assert!(check("127.0.0.1:41741").is_err() && check("file:///x").is_err() && check("").is_err());
    }
}
