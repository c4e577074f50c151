//! A service principal: an app of a tenant, which signs in with a secret or with an assertion.

use super::{
    Declined,
    authority::{Authority, check_tenant},
    failure::trouble,
    wire::Wire,
};
use azure_core::{
    cloud::CustomConfiguration,
    credentials::{Secret as SdkSecret, TokenCredential},
    http::{ClientMethodOptions, ClientOptions},
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions,
};
use claviger::{reason::Reason, secret::Secret};
use claviger_child::{Facts, Provided};
use std::{sync::Arc, time::SystemTime};

/// Variables that identify the principal.
pub(super) const TENANT: &str = "AZURE_TENANT_ID";
pub(super) const CLIENT: &str = "AZURE_CLIENT_ID";

/// A service principal.
pub(super) struct Principal {
    tenant: String,
    client: String,
    authority: Authority,
    wire: Arc<Wire>,
}

/// An assertion made in advance: a process asks once.
#[derive(Debug)]
struct Assertion(SdkSecret);

impl Principal {
    /// The app `client` of `tenant`, at the token service of the environment.
    ///
    /// # Errors
    /// `settings-invalid`.
    pub(super) fn new(tenant: String, client: String) -> Result<Self, Declined> {
        check_tenant(&tenant)?;
        Ok(Self { tenant, client, authority: Authority::of_environment()?, wire: Wire::outward()? })
    }

    /// The app's id.
    pub(super) fn client(&self) -> &str {
        &self.client
    }

    /// Audience of an assertion: the address of the token service.
    pub(super) fn audience(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.authority.origin, self.tenant)
    }

    /// Signs in with a client secret.
    ///
    /// # Errors
    /// If that fails.
    pub(super) async fn with_secret(&self, secret: &str, scope: &str) -> Result<Provided, Declined> {
        let options = ClientSecretCredentialOptions { client_options: self.options() };
        let credential = ClientSecretCredential::new(
            &self.tenant,
            self.client.clone(),
            secret.to_owned().into(),
            Some(options),
        );
        self.ask(&*credential.map_err(|_| unusable())?, scope).await
    }

    /// Signs in with an assertion.
    ///
    /// # Errors
    /// If that fails.
    pub(super) async fn with_assertion(&self, assertion: String, scope: &str) -> Result<Provided, Declined> {
        let options = ClientAssertionCredentialOptions { client_options: self.options() };
        let (tenant, client) = (self.tenant.clone(), self.client.clone());
        let credential =
            ClientAssertionCredential::new(tenant, client, Assertion(assertion.into()), Some(options));
        self.ask(&*credential.map_err(|_| unusable())?, scope).await
    }

    fn options(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host.clone_from(&self.authority.origin);
        ClientOptions { cloud: Some(Arc::new(cloud.into())), ..self.wire.options() }
    }

    async fn ask(&self, credential: &dyn TokenCredential, scope: &str) -> Result<Provided, Declined> {
        let token = self.wire.ask(credential, scope).await;
        let token = token.map_err(|last| trouble(&self.authority.name, &last))?;
        Ok(token_of(token.token.secret(), SystemTime::from(token.expires_on), Some(self.tenant.clone())))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.secret().to_owned())
    }
}

/// A token from an answer, with the account or tenant it belongs to, if known.
pub(super) fn token_of(token: &str, expires_at: SystemTime, account: Option<String>) -> Provided {
    let facts = Facts { account, ..Facts::default() };
    Provided { facts, ..Provided::new(Secret::new(token.to_owned()), Some(expires_at)) }
}

fn unusable() -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("{TENANT} and {CLIENT} are invalid"))
}
