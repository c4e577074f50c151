//! The service of a container. It wants to see a token, which the SDK would read from the environment: it is put into each
//! request here instead.

use super::variable;
use crate::environment;
use aws_config::{ecs::EcsCredentialsProvider, provider_config::ProviderConfig};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use claviger_child::{Lent, Text};

/// Variable with the token.
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const AUTHORIZATION: &str = "authorization";

/// A service next to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Container,
    Instance,
}

/// How to ask it.
pub(super) struct Container(ProviderConfig);

/// A client, or a connector, whose requests show the token.
#[derive(Debug)]
struct Authorized<T> {
    inner: T,
    token: Option<Text>,
}

// === impl Container ===

impl Container {
    /// The SDK asks over plain HTTP on this machine and on its link only; over HTTPS anywhere.
    pub(super) fn new(
        config: &ProviderConfig,
        direct: &SharedHttpClient,
        proxied: &SharedHttpClient,
        lent: &Lent,
    ) -> Self {
        let address = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").unwrap_or_default();
        let is_remote = address.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let inner = if is_remote { proxied.clone() } else { direct.clone() };
        let token = environment::lent(lent, TOKEN).and_then(|_| lent.get(TOKEN).cloned());
        let client = SharedHttpClient::new(Authorized { inner, token });
        Self(config.clone().with_http_client(client))
    }

    /// The SDK's provider.
    pub(super) fn provider(&self) -> EcsCredentialsProvider {
        EcsCredentialsProvider::builder().configure(&self.0).build()
    }
}

// === impl Authorized ===

impl HttpClient for Authorized<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Authorized { inner, token: self.token.clone() })
    }
}

impl HttpConnector for Authorized<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        // The SDK has put in the one of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, which comes first.
        if let Some(Text(token)) =
            self.token.as_ref().filter(|_| !request.headers().contains_key(AUTHORIZATION))
            && request.headers_mut().try_insert(AUTHORIZATION, token.expose().clone()).is_err()
        {
            let error = ConnectorError::user("the token cannot stand in a header".into());
            return HttpConnectorFuture::ready(Err(error));
        }
        self.inner.call(request)
    }
}
