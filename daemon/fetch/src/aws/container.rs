//! The service of a container. It requires a token, which the SDK would read from the environment; here it is added to
//! each request instead.

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

/// A client, or a connector, whose requests carry the token.
#[derive(Debug)]
struct Authorized<T> {
    inner: T,
    token: Option<Text>,
}

// === impl Container ===

impl Container {
    /// The SDK uses plain HTTP only for this machine and its link; HTTPS for any host.
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
        // The SDK has added the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, which comes first.
        if let Some(Text(token)) =
            self.token.as_ref().filter(|_| !request.headers().contains_key(AUTHORIZATION))
            && request.headers_mut().try_insert(AUTHORIZATION, token.expose().clone()).is_err()
        {
            let error = ConnectorError::user("the token is not valid in a header".into());
            return HttpConnectorFuture::ready(Err(error));
        }
        self.inner.call(request)
    }
}
