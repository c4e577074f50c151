//! Connections to APIs, kept for the next request: one pool for each network.

use crate::{network::Network, tee::Outgoing};
use claviger::reason::Problem;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, proxy::Tunnel},
    },
    client::proxy::matcher::Intercept,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use std::{
    collections::BTreeMap,
    error::Error,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpStream;
use tower_service::Service;

/// How long a connection may take.
const CONNECTING: Duration = Duration::from_secs(30);
/// How long a connection waits for the next request. Load balancers close theirs after a minute or more (AWS ALB: 60 s, nginx: 75 s): one
/// that is used at the very moment when it is closed loses a request.
const IDLE: Duration = Duration::from_secs(20);
/// The same for a server on this machine, which is Node's or Python's as a rule: those close after 5 s.
const IDLE_NEAR: Duration = Duration::from_secs(3);
/// How often the kernel, or HTTP/2, looks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Most of an answer that is held at once, in bytes.
const BUFFER: usize = 64 * 1024;
/// Most headers of an answer.
const HEADERS: usize = 200;

/// A client of an API.
pub(crate) type Upstream = Client<HttpsConnector<Reach>, Outgoing>;
type Connected = TokioIo<TcpStream>;
type BoxError = Box<dyn Error + Send + Sync>;

/// The clients, by network, and whether their servers are on this machine.
#[derive(Default)]
pub(crate) struct Upstreams(Mutex<BTreeMap<(Network, bool), Upstream>>);

// === impl Upstreams ===

impl Upstreams {
    /// The client for an API at `origin`.
    ///
    /// # Errors
    /// `settings-invalid` if the proxy or the certificates of the network are not what they should be.
    pub(crate) fn of(&self, network: &Network, origin: &Uri) -> Result<Upstream, Problem> {
        let is_near = origin.scheme_str() == Some("http");
        let mut known = claviger_private::lock(&self.0);
        let key = (network.clone(), is_near);
        if let Some(upstream) = known.get(&key) {
            return Ok(upstream.clone());
        }
        let upstream = make(network, is_near)?;
        known.insert(key, upstream.clone());
        Ok(upstream)
    }
}

fn make(network: &Network, is_near: bool) -> Result<Upstream, Problem> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECTING));
    http.set_keepalive(Some(KEEP_ALIVE));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(network.tls()?)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(Reach { http, network: network.clone() });
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(if is_near { IDLE_NEAR } else { IDLE })
        .http1_max_buf_size(BUFFER)
        .http1_max_headers(HEADERS)
        .http2_max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(KEEP_ALIVE);
    Ok(builder.build(connector))
}

/// Reaches a server, by way of the proxy of the network if it needs one.
#[derive(Clone)]
pub(crate) struct Reach {
    http: HttpConnector,
    network: Network,
}

impl Service<Uri> for Reach {
    type Response = Connected;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (mut http, proxy) = (self.http.clone(), self.network.proxy(&uri));
        Box::pin(async move {
            match proxy? {
                None => Ok(http.call(uri).await?),
                Some(proxy) => through(http, &proxy, uri).await,
            }
        })
    }
}

async fn through(http: HttpConnector, proxy: &Intercept, uri: Uri) -> Result<Connected, BoxError> {
    let mut tunnel = Tunnel::new(proxy.uri().clone(), http);
    if let Some(authorization) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    Ok(tunnel.call(uri).await?)
}
