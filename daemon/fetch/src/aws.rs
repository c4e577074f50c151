//! The chain of AWS, asked link by link in the order of `aws`, so that the answer names the link.

mod ask;
mod base;
mod cache;
mod check;
mod connector;
mod container;
mod failure;
mod files;
mod ini;
mod instant;
mod keys;
mod last_request;
mod link;
mod network;
mod plan;
mod process;
mod profile;
mod proof;
mod renewal;
mod words;

use super::{answer::Fetched, environment::variable, links::Links};
use ask::Asker;
use aws_config::{BehaviorVersion, Region, provider_config::ProviderConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::error::CredentialsError};
use base::TOKEN_FILE;
use claviger::remedy::Remedy;
use claviger_child::{Declined, Keys, Lent};
use container::{Container, Service};
use files::Files;
use keys::found;
use last_request::Exchange;
use link::{Link, Way};
use network::{ATTEMPTS, Network};
use plan::Plan;
use profile::Chosen;
use renewal::Renewer;
use std::{path::Path, time::Duration};

/// How often a person's sign-in is read again if other processes change it.
const READS: u32 = 20;
/// Keys of the session come before this chain. Those of the request are for roles that begin with them.
const NO_KEYS: &str = "AWS_ACCESS_KEY_ID is not set, or a profile is named";
const NO_INSTANCE: &str = "sign in as usual, or set awsAuthRefresh to your sign-in command; outside AWS set AWS_EC2_METADATA_DISABLED=true, so that no session waits for the metadata of an instance";
const REFUSED_BY_INSTANCE: &str = "the instance's metadata service refuses: check that a role is attached, that the service is on, and that no firewall is in front of it; or sign in as you always do";

/// Why the next link is asked.
enum Passed {
    /// This link has no credentials.
    Over(String),
    /// It was asked, and refused.
    Refused(String),
    /// It was asked, and did not answer.
    Unanswered(String),
}

/// Credentials of a link, or why the next one is asked; the error is that of a configured link.
type Asked = Result<Result<Credentials, Passed>, Declined>;

/// Credentials of the first link that has some. A configured link that fails ends the chain.
pub(super) async fn fetch(check: bool, lent: &Lent) -> Fetched {
    match prepare() {
        Ok((links, network)) => search(links, &network, lent, check).await,
        Err(trouble) => Links::default().end(trouble),
    }
}

/// The name of a profile, and its settings.
type Named = (String, Vec<(String, String)>);

/// Every profile of both files, with its settings, for fuzzing and tests.
pub(super) fn profiles(config: &str, credentials: &str) -> Result<Vec<Named>, String> {
    let files = Files::read(config, credentials)
        .map_err(|(file, broken)| format!("{file:?}:{}: {broken}", broken.line))?;
    let of = |name: String| {
        let settings = files.profile(&name).map(|profile| profile.settings()).unwrap_or_default();
        (name, settings)
    };
    Ok(files.names().into_iter().map(of).collect())
}

/// Whether AWS accepts these keys.
pub(super) async fn check_keys(keys: &Keys) -> Fetched {
    let links = Links::default();
    let network = match profile::chosen() {
        Ok(Chosen { network, .. }) => Network::new(network),
        // Exported keys need no profile.
        Err(_) => Network::of_environment(),
    };
    let credentials = Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "export");
    let checked = async { check::check("the exported keys", &network?, credentials.clone()).await };
    match checked.await {
        Ok(()) => links.found("export", "AWS accepts them", found(&credentials, None)),
        Err(trouble) => links.refused("export", trouble),
    }
}

/// The links configured by environment and files, in the order of `aws`.
fn prepare() -> Result<(Vec<Link>, Network), Declined> {
    let Chosen { name, plan, network } = profile::chosen()?;
    let network = Network::new(network)?;
    network.region()?;
    let wrong = plan.as_ref().err().map(|wrong| {
        let what = name.as_ref().map_or_else(|| TOKEN_FILE.to_owned(), |name| format!("profile {name}"));
        failure::misconfigured(&what, &wrong.why, wrong.hint)
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let nothing = |what: &str| Way::Nothing(format!("{what} has no credentials"));
    let of_profile = name.map_or_else(|| "the profile".to_owned(), |name| format!("profile {name}"));
    let no_token = || Link::new("web-identity", TOKEN_FILE, Way::Nothing(format!("{TOKEN_FILE} is not set")));
    let mut links = vec![Link::new("environment", "the environment", Way::Nothing(NO_KEYS.to_owned()))];
    links.extend(match plan {
        // The environment comes before all of the profile but its roles.
        Ok(Some(plan)) if plan.is_of_environment() => {
            vec![Link::new("web-identity", TOKEN_FILE, Way::Plan(plan))]
        }
        Ok(Some(plan)) => {
            let (sign_in, kind) = (profile::sign_in(&plan), plan.base.name());
            let link = Link::new("profile", format!("{of_profile} ({kind})"), Way::Plan(plan));
            vec![link.sign_in(sign_in), no_token()]
        }
        _ => vec![Link::new("profile", of_profile.clone(), nothing(&of_profile)), no_token()],
    });
    links.extend([
        Link::new("container", "the container's service", Way::Service(Service::Container)),
        Link::new("imds", "the instance's metadata service", Way::Service(Service::Instance)),
    ]);
    Ok((links, network))
}

async fn search(links: Vec<Link>, network: &Network, lent: &Lent, check: bool) -> Fetched {
    let mut passed = Links::default();
    let asker = match asker(network, lent) {
        Ok(asker) => asker,
        Err(trouble) => return passed.end(trouble),
    };
    let mut is_refused = false;
    for link in links {
        match asker.link(&link, check).await {
            Ok(Ok(credentials)) => {
                let region = network.region().unwrap_or_default();
                return passed.found(link.name, link.what, found(&credentials, region));
            }
            Ok(Err(Passed::Over(why))) => passed.pass(link.name, why),
            Ok(Err(Passed::Refused(why))) => {
                is_refused = true;
                passed.pass(link.name, why);
            }
            Ok(Err(Passed::Unanswered(why))) => passed.unanswered(link.name, why),
            Err(trouble) => return passed.refused(link.name, trouble),
        }
    }
    let trouble = Declined::sign_in("no link of the AWS chain has credentials");
    passed.end(match variable("AWS_EC2_METADATA_DISABLED") {
        _ if is_refused => trouble.hint(REFUSED_BY_INSTANCE),
        // The daemon's source adds the hint.
        Some(_) => trouble,
        None => trouble.hint(NO_INSTANCE).remedy(Remedy::run(&["aws", "sso", "login"])),
    })
}

fn asker<'a>(network: &'a Network, lent: &'a Lent) -> Result<Asker<'a>, Declined> {
    let config = ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .with_region(Some(Region::new(network.some_region()?)));
    let direct = connector::direct(&network.seen, &network.trusted);
    let proxied = connector::proxied(&network.seen, &network.trusted);
    let container = Container::new(&config, &direct, &proxied, lent);
    Ok(Asker { network, container, local: config.with_http_client(direct), lent })
}

// === impl Asker ===

impl Asker<'_> {
    /// Credentials of a link, or why it has none and the next one is asked.
    async fn link(&self, link: &Link, check: bool) -> Asked {
        match &link.way {
            Way::Nothing(why) => Ok(Err(Passed::Over(why.clone()))),
            Way::Plan(plan) => self.plan(link, plan, check).await.map(Ok),
            Way::Service(service) => match self.service(*service).await? {
                Ok(credentials) => self.checked(&link.what, credentials, check).await.map(Ok),
                Err(error) => self.without(&link.what, *service, &error).map(Err),
            },
        }
    }

    /// Credentials configured by a profile or the environment.
    async fn plan(&self, link: &Link, plan: &Plan, check: bool) -> Result<Credentials, Declined> {
        let file = plan.base.file().map(Path::to_owned);
        let signed_out = |declined| link.tell(Declined { kept_in: file.clone().map(Box::new), ..declined });
        let Some(cache) = plan.base.cache() else {
            return self.once(link, plan, None, check).await.map_err(signed_out);
        };
        let renewer = Renewer { what: &link.what, network: self.network };
        for _ in 0..READS {
            let kept = renewer.ready(cache).await.map_err(&signed_out)?;
            match self.once(link, plan, Some(&kept), check).await {
                // Another process may have signed in meanwhile, or renewed it.
                Err(declined)
                    if declined.sign_in_helps && cache.changed(&kept, Duration::ZERO).await.is_some() => {}
                asked => return asked.map_err(signed_out),
            }
        }
        Err(signed_out(renewer.unusable(cache, "keeps changing")))
    }

    async fn once(
        &self,
        link: &Link,
        plan: &Plan,
        kept: Option<&cache::Kept>,
        check: bool,
    ) -> Result<Credentials, Declined> {
        let mut credentials = self.base(&link.what, &plan.base, kept).await?;
        for role in plan.roles.iter().rev() {
            credentials = self.role(&link.what, role, credentials).await?;
        }
        self.checked(&link.what, credentials, check).await
    }

    async fn checked(
        &self,
        what: &str,
        credentials: Credentials,
        check: bool,
    ) -> Result<Credentials, Declined> {
        keys::check(what, &credentials)?;
        if check {
            check::check(what, self.network, credentials.clone()).await?;
        }
        Ok(credentials)
    }

    /// Why a service that is not configured has no credentials; it is asked because it might exist.
    fn without(&self, what: &str, service: Service, error: &CredentialsError) -> Result<Passed, Declined> {
        let seen = self.network.seen.take();
        match (service, error, &seen) {
            (Service::Instance, _, Some(Exchange::Unreachable { .. })) => {
                Ok(Passed::Unanswered("no metadata service answers".into()))
            }
            (Service::Instance, _, Some(Exchange::Answered { status: status @ 400..=428, .. })) => {
                Ok(Passed::Refused(format!("the metadata service has none, or refuses ({status})")))
            }
            (_, CredentialsError::CredentialsNotLoaded(_), _) => {
                Ok(Passed::Over(match std::error::Error::source(error) {
                    Some(why) => words::plain(&why.to_string()),
                    None => format!("{what} has no credentials"),
                }))
            }
            _ => Err(failure::of_service(what, service, error, seen)),
        }
    }
}
