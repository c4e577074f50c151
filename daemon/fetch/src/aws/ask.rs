//! Carries out a plan: asks services of AWS, of a container and of an instance, runs commands and reads files.

use super::{
    Credentials, CredentialsError, Declined,
    base::{Base, Source, WebIdentity},
    cache::Kept,
    container::{Container, Service},
    failure, keys,
    network::{self, Network},
    plan::Role,
    process,
};
use crate::{environment, file};
use aws_config::{
    imds::{self, credentials::ImdsCredentialsProvider},
    provider_config::ProviderConfig,
};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_types::DateTime;
use claviger::reason::Reason;
use claviger_child::Lent;
use std::time::{Duration, SystemTime};

/// How long the metadata service of an instance may take to accept a connection, and to answer. If packets are lost,
/// its three attempts end within a few seconds.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest token of a web identity, in bytes.
const MAX_TOKEN: usize = 64 * 1024;
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// Context for asking all links.
pub(super) struct Asker<'a> {
    pub(super) network: &'a Network,
    pub(super) container: Container,
    /// Connects to services of this machine.
    pub(super) local: ProviderConfig,
    pub(super) lent: &'a Lent,
}

impl Asker<'_> {
    /// The first credentials of a plan. `kept` is the person's sign-in, if it has one.
    pub(super) async fn base(
        &self,
        what: &str,
        base: &Base,
        kept: Option<&Kept>,
    ) -> Result<Credentials, Declined> {
        match (base, kept) {
            (Base::Keys(keys), _) => keys::written(what, keys).map(|()| keys.clone()),
            (Base::Process { command, account }, _) => process::run(what, command, account.as_deref()).await,
            (Base::Token(identity), _) => self.web_identity(what, identity).await,
            (Base::Sso { role, account, region, .. }, Some(kept)) => {
                self.sso(what, [role, account, region], kept.text("accessToken").unwrap_or_default()).await
            }
            (Base::Login(_), Some(kept)) => login(kept).ok_or_else(|| failure::signed_out(what)),
            (Base::Sso { .. } | Base::Login(_), None) => Err(failure::signed_out(what)),
            (Base::Source(source), _) => self.source(what, *source).await,
        }
    }

    async fn source(&self, what: &str, source: Source) -> Result<Credentials, Declined> {
        let service = match source {
            Source::Environment => {
                return self.environment().unwrap_or_else(|| {
                    Err(failure::misconfigured(
                        what,
                        "credential_source is Environment, and there are no keys in it",
                        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                    ))
                });
            }
            Source::Container => Service::Container,
            Source::Instance => Service::Instance,
        };
        match self.service(service).await? {
            Ok(credentials) => Ok(credentials),
            Err(CredentialsError::CredentialsNotLoaded(_)) => {
                let message = format!("{what}: its credential_source has no credentials here");
                Err(Declined::new(Reason::SettingsInvalid, message).hint("check credential_source"))
            }
            Err(error) => Err(failure::of_service(what, service, &error, self.network.seen.take())),
        }
    }

    /// The keys of the session's environment; `None` if there are none.
    fn environment(&self) -> Option<Result<Credentials, Declined>> {
        let [id, secret, token] = KEYS.map(|name| environment::lent(self.lent, name));
        Some(match (id, secret) {
            (None, None) => return None,
            (Some(id), Some(secret)) => {
                Ok(Credentials::new(id, secret, token.map(str::to_owned), None, "environment"))
            }
            _ => Err(failure::misconfigured(
                "the environment",
                "",
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together",
            )),
        })
    }

    /// Credentials from a service next to the program; the inner error is the SDK's.
    ///
    /// # Errors
    /// If the service's configuration is wrong.
    pub(super) async fn service(
        &self,
        service: Service,
    ) -> Result<Result<Credentials, CredentialsError>, Declined> {
        self.network.seen.take();
        match service {
            Service::Container => Ok(self.container.provider().provide_credentials().await),
            Service::Instance => {
                let wrong = |_| {
                    failure::misconfigured(
                        "the instance's metadata service",
                        "",
                        "check AWS_EC2_METADATA_SERVICE_ENDPOINT",
                    )
                };
                let client = imds::Client::builder().configure(&self.local);
                let client = client.endpoint(self.network.metadata()?).map_err(wrong)?;
                let client = client.connect_timeout(IMDS_TIMEOUT).read_timeout(IMDS_TIMEOUT).build();
                let provider = ImdsCredentialsProvider::builder().configure(&self.local).imds_client(client);
                Ok(provider.build().provide_credentials().await)
            }
        }
    }

    /// Credentials from the SSO portal for a person's token.
    async fn sso(
        &self,
        what: &str,
        [role, account, region]: [&String; 3],
        token: &str,
    ) -> Result<Credentials, Declined> {
        let config = self.network.config(network::Service::Sso, region)?.build();
        let request = aws_sdk_sso::Client::new(&config).get_role_credentials();
        let answer = request.role_name(role).account_id(account).access_token(token).send().await;
        let answer = answer.map_err(|error| failure::of_request(what, &error, self.network.seen.take()))?;
        let keys = answer.role_credentials.ok_or_else(|| nothing(what))?;
        let (Some(id), Some(secret)) = (keys.access_key_id, keys.secret_access_key) else {
            return Err(nothing(what));
        };
        let expiry =
            SystemTime::try_from(DateTime::from_millis(keys.expiration)).map_err(|_| nothing(what))?;
        let credentials = Credentials::builder().access_key_id(id).secret_access_key(secret).expiry(expiry);
        let mut credentials = credentials.account_id(account.as_str()).provider_name("SSO");
        credentials.set_session_token(keys.session_token);
        Ok(credentials.build())
    }

    /// Credentials from STS for the token in a file.
    async fn web_identity(&self, what: &str, identity: &WebIdentity) -> Result<Credentials, Declined> {
        let token = file::read(&identity.file, MAX_TOKEN)
            .map_err(|unread| failure::no_token(what, &unread.to_string()))?;
        let token = std::str::from_utf8(&token).map_err(|_| failure::no_token(what, "is not UTF-8 text"))?;
        let config = self.network.config(network::Service::Sts, &self.network.some_region()?)?.build();
        let request = aws_sdk_sts::Client::new(&config).assume_role_with_web_identity();
        let request = request.role_arn(&identity.role).web_identity_token(token);
        let request = request.role_session_name(session_name(identity.session.as_deref()));
        let answer = request.send().await;
        let answer = answer.map_err(|error| failure::of_request(what, &error, self.network.seen.take()))?;
        let account = answer.assumed_role_user.and_then(|user| account_of(&user.arn));
        answer.credentials.map(|keys| of_sts(keys, account)).ok_or_else(|| nothing(what))
    }

    /// The credentials of a role that is assumed with `from`.
    pub(super) async fn role(
        &self,
        what: &str,
        role: &Role,
        from: Credentials,
    ) -> Result<Credentials, Declined> {
        keys::check(what, &from)?;
        let config = self.network.config(network::Service::Sts, &self.network.some_region()?)?;
        let config = config.credentials_provider(SharedCredentialsProvider::new(from)).build();
        let request = aws_sdk_sts::Client::new(&config).assume_role().role_arn(&role.arn);
        let request = request.role_session_name(session_name(role.session.as_deref()));
        let request = request.set_external_id(role.external_id.clone()).set_duration_seconds(role.duration);
        let answer = request.send().await;
        let answer = answer.map_err(|error| failure::of_request(what, &error, self.network.seen.take()))?;
        let account = answer.assumed_role_user.and_then(|user| account_of(&user.arn));
        answer.credentials.map(|keys| of_sts(keys, account)).ok_or_else(|| nothing(what))
    }
}

/// The keys in the file of `aws login`.
fn login(kept: &Kept) -> Option<Credentials> {
    let credentials = Credentials::builder()
        .access_key_id(kept.token("accessKeyId")?)
        .secret_access_key(kept.token("secretAccessKey")?)
        .session_token(kept.token("sessionToken")?)
        .expiry(kept.expires_at)
        .provider_name("Login");
    let mut credentials = credentials;
    credentials.set_account_id(kept.token("accountId").map(Into::into));
    Some(credentials.build())
}

fn of_sts(keys: aws_sdk_sts::types::Credentials, account: Option<String>) -> Credentials {
    let credentials = Credentials::builder()
        .access_key_id(keys.access_key_id)
        .secret_access_key(keys.secret_access_key)
        .session_token(keys.session_token)
        .provider_name("STS");
    let mut credentials = credentials;
    credentials.set_expiry(SystemTime::try_from(keys.expiration).ok());
    credentials.set_account_id(account.map(Into::into));
    credentials.build()
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<String> {
    arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned)
}

/// Name of a role session.
fn session_name(name: Option<&str>) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    name.map_or_else(|| format!("claviger-session-{}", now.as_secs()), str::to_owned)
}

fn nothing(what: &str) -> Declined {
    failure::answered(what, 200, None, None)
}
