//! The AWS default chain, asked link by link, so that the answer can say which one it was.

mod cache;
mod check;
mod connector;
mod container;
mod failure;
mod ini;
mod link;
mod process;
mod profile;
mod proof;
mod renewal;
mod seen;
mod words;

use super::{answer::Fetched, environment::variable, links::Links};
use aws_config::{
    BehaviorVersion, Region,
    environment::EnvironmentVariableCredentialsProvider,
    imds::{self, credentials::ImdsCredentialsProvider},
    meta::region::ProvideRegion as _,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    retry::RetryConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{Credentials, provider::error::CredentialsError};
use aws_smithy_http_client::tls::TlsContext;
use claviger::{backend::BEDROCK_REGION, reason::Reason, remedy::Remedy};
use claviger_child::{Declined, Facts, Keys, Lent, Provided, is_label};
use container::Container;
use link::Link;
use profile::{Kind, Profile};
use renewal::Renewer;
use seen::{Exchange, Seen};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// How long the metadata service of an instance may take to accept a connection, and to answer. In a black hole its three
/// attempts end within a few seconds.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a service is asked. The broker makes attempts of its own.
const ATTEMPTS: u32 = 2;
/// How often a person's sign-in is read that other processes change.
const READS: u32 = 20;
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const NO_INSTANCE: &str = "sign in as you always do, or set awsAuthRefresh to the command that does; outside AWS set AWS_EC2_METADATA_DISABLED=true, then nobody waits for the metadata of an instance";

/// Why the next link is asked.
enum Passed {
    /// This one has nothing.
    Over(String),
    /// It was asked, and nothing answered.
    Unanswered(String),
}

/// What all links share.
struct Chain {
    seen: Seen,
    region: Option<String>,
    trusted: TlsContext,
    links: Vec<Link>,
}

/// What a link has, or why the next one is asked; the error is that of a link that is configured.
type Asked = Result<Result<Provided, Passed>, Declined>;

/// Credentials of the first link that has some. A link that is configured and fails ends the walk.
pub(super) async fn fetch(check: bool, lent: &Lent) -> Fetched {
    match chain(lent).await {
        Ok(chain) => chain.walk(check).await,
        Err(trouble) => Links::default().end(trouble),
    }
}

/// Whether AWS accepts these keys.
pub(super) async fn check_keys(keys: &Keys) -> Fetched {
    let (region, links) = (region().await.ok().flatten(), Links::default());
    let credentials = Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "export");
    match check::check("the exported keys", region.as_deref(), credentials.clone()).await {
        Ok(()) => links.found("export", "AWS knows them", found(&credentials, None)),
        Err(trouble) => links.refused("export", trouble),
    }
}

/// The links, in the order of the SDK's own default chain.
async fn chain(lent: &Lent) -> Result<Chain, Declined> {
    let profile = profile::selected().await?;
    let region = region().await?;
    let seen = Seen::default();
    let config = ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .with_region(Some(Region::new(region.clone().unwrap_or_else(|| BEDROCK_REGION.to_owned()))));
    let trusted = connector::trusted()?;
    let (direct, proxied) = (connector::direct(&seen, &trusted), connector::proxied(&seen, &trusted));
    let container = Container::new(&config, &direct, &proxied, lent);
    let (local, config) = (config.clone().with_http_client(direct), config.with_http_client(proxied));
    let links = links(&config, &local, &container, profile.as_ref());
    Ok(Chain { seen, region, trusted, links })
}

fn links(
    config: &ProviderConfig,
    local: &ProviderConfig,
    container: &Container,
    profile: Option<&Profile>,
) -> Vec<Link> {
    let environment = EnvironmentVariableCredentialsProvider::new();
    let (what, kind) = profile.map_or_else(
        || ("the profile".to_owned(), Kind::Keys),
        |profile| (format!("profile {} ({})", profile.name, profile.kind.name()), profile.kind),
    );
    let of_profile = ProfileFileCredentialsProvider::builder()
        .configure(config)
        .with_custom_provider("Ec2InstanceMetadata", instance(local))
        .with_custom_provider("EcsContainer", container.provider());
    let identity = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
    let has_token = variable(TOKEN_FILE).is_some();
    vec![
        Link::new("environment", "the environment", Kind::Keys, environment),
        Link::new("profile", what, kind, of_profile.build())
            .wanted(profile.is_some_and(|profile| profile.has_credentials))
            .sign_in(profile.and_then(|profile| profile.sign_in.clone()))
            .kept(profile.and_then(|profile| profile.cache.clone())),
        Link::new("web-identity", TOKEN_FILE, Kind::TokenFile, identity).wanted(has_token),
        Link::new("container", "the container's service", Kind::Service, container.provider()),
        Link::new("imds", "the instance's metadata service", Kind::Service, instance(local)),
    ]
}

fn instance(local: &ProviderConfig) -> ImdsCredentialsProvider {
    let client =
        imds::Client::builder().configure(local).connect_timeout(IMDS_TIMEOUT).read_timeout(IMDS_TIMEOUT);
    ImdsCredentialsProvider::builder().configure(local).imds_client(client.build()).build()
}

// === impl Chain ===

impl Chain {
    async fn walk(mut self, check: bool) -> Fetched {
        let mut links = Links::default();
        for link in std::mem::take(&mut self.links) {
            match self.ask(&link, check).await {
                Ok(Ok(found)) => return links.found(link.name, link.what, found),
                Ok(Err(Passed::Over(why))) => links.pass(link.name, why),
                Ok(Err(Passed::Unanswered(why))) => links.unanswered(link.name, why),
                Err(trouble) => return links.refused(link.name, trouble),
            }
        }
        let trouble = Declined::sign_in("no link of the AWS chain has credentials");
        links.end(match variable("AWS_EC2_METADATA_DISABLED") {
            // The source says what to do.
            Some(_) => trouble,
            None => trouble.hint(NO_INSTANCE).remedy(Remedy::run(&["aws", "sso", "login"])),
        })
    }

    /// What a link has, or why it has nothing and the next one is asked.
    async fn ask(&self, link: &Link, check: bool) -> Asked {
        let Some(cache) = &link.cache else { return self.ask_once(link, check).await };
        let region = self.region.as_deref().unwrap_or(BEDROCK_REGION);
        let renewer = Renewer { what: &link.what, seen: &self.seen, trusted: &self.trusted, region };
        let signed_out =
            |declined| link.tell(Declined { kept_in: Some(cache.path().to_owned().into()), ..declined });
        for _ in 0..READS {
            let kept = renewer.ready(cache).await.map_err(signed_out)?;
            match self.ask_once(link, check).await {
                Err(declined) if declined.transient => sleep(cache::PAUSE).await,
                // Another process may have signed in meanwhile, or renewed it.
                Err(declined) if !declined.sign_in_helps => return Err(declined),
                Err(declined) if cache.changed(&kept, Duration::ZERO).await.is_none() => {
                    return Err(declined);
                }
                Err(_) => {}
                asked => return asked,
            }
        }
        Err(link.tell(renewer.unusable(cache, "changes all the time, or the SDK cannot read it")))
    }

    async fn ask_once(&self, link: &Link, check: bool) -> Asked {
        self.seen.take();
        let credentials = match link.provider.provide_credentials().await {
            Ok(credentials) => credentials,
            Err(error) => return self.without(link, &error).map(Err),
        };
        usable(&link.what, &credentials)?;
        if check {
            check::check(&link.what, self.region.as_deref(), credentials.clone()).await?;
        }
        Ok(Ok(found(&credentials, self.region.clone())))
    }

    fn without(&self, link: &Link, error: &CredentialsError) -> Result<Passed, Declined> {
        let seen = self.seen.take();
        match (error, &seen) {
            // Nobody configures this link; it is asked because it might be there.
            (_, Some(Exchange::Unreachable { .. })) if link.name == "imds" => {
                Ok(Passed::Unanswered("no metadata service answers".into()))
            }
            (_, Some(Exchange::Answered { status: 400..=428, .. })) if link.name == "imds" => {
                Ok(Passed::Over("the metadata service has none, or refuses".into()))
            }
            (CredentialsError::CredentialsNotLoaded(_), _) if link.is_wanted => {
                Err(failure::misconfigured(link, error))
            }
            (CredentialsError::CredentialsNotLoaded(_), _) => {
                Ok(Passed::Over(match std::error::Error::source(error) {
                    Some(why) if link.name != "profile" => profile::plain(&why.to_string()),
                    _ => format!("{} has no credentials", link.what),
                }))
            }
            _ => Err(link.tell(failure::trouble(link, error, seen))),
        }
    }
}

/// The region that is configured: of the environment, else of the profile.
async fn region() -> Result<Option<String>, Declined> {
    let of_environment =
        ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| Some((name, variable(name)?)));
    let (place, region) = match of_environment {
        Some((name, region)) => (name, Some(region)),
        None => {
            ("the profile", ProfileFileRegionProvider::new().region().await.map(|region| region.to_string()))
        }
    };
    match region.filter(|region| !region.is_empty()) {
        Some(region) if !is_label(&region) => {
            Err(Declined::new(Reason::SettingsInvalid, format!("the AWS region of {place} is malformed"))
                .hint("write it as AWS does, for example us-east-1"))
        }
        region => Ok(region),
    }
}

fn keys(credentials: &Credentials) -> Keys {
    Keys {
        id: credentials.access_key_id().to_owned(),
        secret: credentials.secret_access_key().to_owned(),
        token: credentials.session_token().filter(|token| !token.is_empty()).map(str::to_owned),
    }
}

/// Whether credentials can be used at all.
fn usable(what: &str, credentials: &Credentials) -> Result<(), Declined> {
    if let Err(part) = keys(credentials).check() {
        let message = format!("{what}: its {part} is empty, or has a character that no key has");
        return Err(Declined::new(Reason::CommandOutputInvalid, message).hint("check where it comes from"));
    }
    match credentials.expiry() {
        Some(at) if at <= SystemTime::now() => {
            Err(Declined::sign_in(format!("{what}: its credentials have expired")))
        }
        _ => Ok(()),
    }
}

fn found(credentials: &Credentials, region: Option<String>) -> Provided {
    let account = credentials.account_id().map(|account| account.as_str().to_owned());
    let facts = Facts { region, account, ..Facts::default() };
    Provided { facts, ..Provided::new(keys(credentials).to_text(), credentials.expiry()) }
}
