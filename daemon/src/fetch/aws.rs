//! The AWS default chain, asked link by link, so that the answer can say which one it was.

mod check;
mod connector;
mod failure;

use super::{
    answer::{Answer, Found, Trouble},
    links::Links,
};
use crate::{endpoint::cloud::is_label, host::system::variable, sources::aws_keys::Keys};
use aws_config::{
    BehaviorVersion, Region,
    ecs::EcsCredentialsProvider,
    environment::EnvironmentVariableCredentialsProvider,
    imds::{self, credentials::ImdsCredentialsProvider},
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    meta::region::ProvideRegion as _,
    provider_config::ProviderConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};
use claviger::{backend::BEDROCK_REGION, reason::Reason};
use std::time::Duration;

/// How long the metadata service of an instance may take to accept a connection, and to answer. In a black hole its three
/// attempts end within a few seconds.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Credentials of the first link that has some. A link that is configured and fails ends the walk.
pub(super) async fn fetch(check: bool) -> Answer {
    let region = match region().await {
        Ok(region) => region,
        Err(trouble) => return Links::default().end(trouble),
    };
    let config = match config(region.clone().unwrap_or_else(|| BEDROCK_REGION.to_owned())) {
        Ok(config) => config,
        Err(trouble) => return Links::default().end(trouble),
    };
    let mut links = Links::default();
    for (name, link) in chain(&config) {
        let credentials = match link.provide_credentials().await {
            Ok(credentials) => credentials,
            Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                links.pass(name, failure::not_loaded(&error));
                continue;
            }
            Err(error) => return links.refused(name, failure::trouble(name, &error)),
        };
        if check && let Err(trouble) = check::check(region.as_deref(), credentials.clone()).await {
            return links.refused(name, trouble);
        }
        return links.found(name, "it answered", found(&credentials, region));
    }
    links.end(Trouble::sign_in("no link of the AWS chain has credentials"))
}

/// Whether AWS takes the keys of the environment.
pub(super) async fn check_keys() -> Answer {
    let (region, links) = (region().await.ok().flatten(), Links::default());
    let Ok(credentials) = EnvironmentVariableCredentialsProvider::new().provide_credentials().await else {
        return links.end(Trouble::new(Reason::Bug, "there are no keys to check"));
    };
    match check::check(region.as_deref(), credentials.clone()).await {
        Ok(()) => links.found("environment", "AWS knows them", found(&credentials, None)),
        Err(trouble) => links.refused("environment", trouble),
    }
}

/// The links, in the order of the SDK's own default chain.
fn chain(config: &ProviderConfig) -> Vec<(&'static str, Box<dyn ProvideCredentials>)> {
    let instance = imds::Client::builder()
        .configure(config)
        .connect_timeout(IMDS_TIMEOUT)
        .read_timeout(IMDS_TIMEOUT)
        .build();
    vec![
        ("environment", Box::new(EnvironmentVariableCredentialsProvider::new())),
        ("profile", Box::new(ProfileFileCredentialsProvider::builder().configure(config).build())),
        ("web-identity", Box::new(WebIdentityTokenCredentialsProvider::builder().configure(config).build())),
        ("container", Box::new(EcsCredentialsProvider::builder().configure(config).build())),
        ("imds", Box::new(ImdsCredentialsProvider::builder().configure(config).imds_client(instance).build())),
    ]
}

/// What every link is configured with.
fn config(region: String) -> Result<ProviderConfig, Trouble> {
    Ok(ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(Some(Region::new(region)))
        .with_http_client(connector::client()?))
}

/// The region that is configured: of the environment, else of the profile.
async fn region() -> Result<Option<String>, Trouble> {
    let of_environment = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = match of_environment {
        Some(region) => Some(region),
        None => ProfileFileRegionProvider::new().region().await.map(|region| region.to_string()),
    };
    match region {
        Some(region) if !is_label(&region) => {
            Err(Trouble::new(Reason::SettingsInvalid, "the region of the AWS profile is malformed")
                .hint("write it as AWS does, for example us-east-1"))
        }
        region => Ok(region),
    }
}

fn found(credentials: &Credentials, region: Option<String>) -> Found {
    let keys = Keys {
        id: credentials.access_key_id().to_owned(),
        secret: credentials.secret_access_key().to_owned(),
        token: credentials.session_token().map(str::to_owned),
    };
    let account = credentials.account_id().map(|account| account.as_str().to_owned());
    Found { region, account, ..Found::new(keys.to_text(), credentials.expiry()) }
}
