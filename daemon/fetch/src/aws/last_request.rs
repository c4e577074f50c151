//! Outcome of the last request, without the server's text: the SDK's errors have only parts of it, in different forms.

use crate::{busy, http::pause, proxy};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use claviger_private::lock;
use http_body_util::Limited;
use reqwest::Url;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Longest answer, in bytes. One of STS has a few thousand.
const MAX_BODY: usize = 256 * 1024;

/// The last request of the callers that share this value.
#[derive(Clone, Debug, Default)]
pub(super) struct LastRequest(Arc<Mutex<Option<Exchange>>>);

/// Outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// There was no answer.
    Unreachable {
        /// Whether it timed out.
        timed_out: bool,
    },
    /// There was an answer.
    Answered {
        /// HTTP status.
        status: u16,
        /// Header `retry-after`.
        retry_after: Option<Duration>,
        /// Header `x-amzn-errortype` up to the colon: services that speak JSON name their errors there.
        code: Option<String>,
    },
}

/// A client, or a connector, whose requests are recorded.
#[derive(Debug)]
struct Noted<T> {
    inner: T,
    /// For servers that need no proxy, where `inner` uses one.
    past_proxy: Option<T>,
    seen: LastRequest,
}

// === impl Seen ===

impl LastRequest {
    /// The last request since the previous call of this.
    pub(super) fn take(&self) -> Option<Exchange> {
        lock(&self.0).take()
    }

    /// Records the requests of `client`; those to servers that need no proxy are made by `past_proxy`, if set.
    pub(super) fn note(
        &self,
        client: SharedHttpClient,
        past_proxy: Option<SharedHttpClient>,
    ) -> SharedHttpClient {
        SharedHttpClient::new(Noted { inner: client, past_proxy, seen: self.clone() })
    }

    fn set(&self, exchange: Exchange) {
        *lock(&self.0) = Some(exchange);
    }
}

impl HttpClient for Noted<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        let past_proxy = self.past_proxy.as_ref().filter(|_| proxy::has_exceptions()).map(connector);
        SharedHttpConnector::new(Noted { inner: connector(&self.inner), past_proxy, seen: self.seen.clone() })
    }
}

impl HttpConnector for Noted<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (seen, url) = (self.seen.clone(), request.uri().parse::<Url>().ok());
        if let Some(left) = url.as_ref().and_then(busy::left) {
            seen.set(Exchange::Answered {
                status: busy::STATUS.as_u16(),
                retry_after: Some(left),
                code: None,
            });
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(busy::STATUS.into(), SdkBody::empty())));
        }
        let past_proxy = self.past_proxy.as_ref().filter(|_| url.as_ref().is_some_and(proxy::is_passed_by));
        let answer = past_proxy.unwrap_or(&self.inner).call(request);
        // For a caller that stops waiting before there is an answer.
        seen.set(Exchange::Unreachable { timed_out: true });
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map(bounded);
            let exchange = match &answer {
                Ok(response) => answered(response),
                Err(error) => Exchange::Unreachable { timed_out: error.is_timeout() },
            };
            if let (Some(url), Exchange::Answered { status, retry_after, .. }) = (&url, &exchange) {
                busy::note(url, *status, *retry_after);
            }
            seen.set(exchange);
            answer
        })
    }
}

/// The same answer, whose body ends with an error if it is too long: the SDK would read all of it.
fn bounded(response: HttpResponse) -> HttpResponse {
    response.map(|body| SdkBody::from_body_1_x(Limited::new(body, MAX_BODY)))
}

fn answered(response: &HttpResponse) -> Exchange {
    let header = |name: &str| response.headers().get(name);
    Exchange::Answered {
        status: response.status().as_u16(),
        retry_after: header("retry-after").and_then(|text| pause(text, header("date"))),
        code: header("x-amzn-errortype").and_then(|text| text.split(':').next()).map(str::to_owned),
    }
}
