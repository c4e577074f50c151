//! How a server is reached: by way of the proxy of the session's network, with TLS, within a time. What fails is told in words. They never
//! have the URL of a proxy, for that may have a password.

use crate::network::Network;
use claviger::reason::{Problem, Reason};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream, builderstates::WantsProtocols1};
use hyper_util::{
    client::{
        legacy::connect::{HttpConnector, proxy::Tunnel},
        proxy::matcher::Intercept,
    },
    rt::TokioIo,
};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError};
use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

/// How long a connection may take, with all that belongs to it.
const CONNECTING: Duration = Duration::from_secs(30);
/// How often the kernel looks whether the other side is still there.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// To a server or to its proxy, which may have TLS of its own.
type Tcp = MaybeHttpsStream<TokioIo<TcpStream>>;
type Tunnels = Tunnel<HttpsConnector<HttpConnector>>;
type TunnelError = <Tunnels as Service<Uri>>::Error;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

/// Connects to servers.
#[derive(Clone)]
pub(crate) struct Connector(HttpsConnector<Reach>);

/// The same below TLS.
#[derive(Clone)]
struct Reach {
    http: HttpConnector,
    proxies: HttpsConnector<HttpConnector>,
    network: Network,
}

// === impl Connector ===

impl Connector {
    /// The connector of a network.
    ///
    /// # Errors
    /// `settings-invalid` if its certificates are not what they should be.
    pub(crate) fn new(network: &Network) -> Result<Self, Problem> {
        let tls = network.tls()?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECTING));
        http.set_keepalive(Some(KEEP_ALIVE));
        let proxies = with_tls(tls.clone()).enable_http1().wrap_connector(http.clone());
        let reach = Reach { http, proxies, network: network.clone() };
        Ok(Self(with_tls(tls).enable_all_versions().wrap_connector(reach)))
    }
}

fn with_tls(config: ClientConfig) -> HttpsConnectorBuilder<WantsProtocols1> {
    HttpsConnectorBuilder::new().with_tls_config(config).https_or_http()
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Tcp>;
    type Error = Problem;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = place(&uri);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match timeout(CONNECTING, connecting).await {
                Ok(connected) => connected.map_err(|error| failure(&host, &*error)),
                Err(_) => {
                    let message = format!("{host} did not answer within {} s", CONNECTING.as_secs());
                    Err(unavailable(message))
                }
            }
        })
    }
}

impl Service<Uri> for Reach {
    type Response = Tcp;
    type Error = Problem;
    type Future = Connecting<Tcp>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (mut reach, proxy) = (self.clone(), self.network.proxy(&uri));
        Box::pin(async move {
            match proxy? {
                Some(proxy) => through(reach.proxies, &proxy, uri).await,
                None => {
                    let host = place(&uri);
                    let connected = reach.http.call(uri).await;
                    connected.map(MaybeHttpsStream::Http).map_err(|error| failure(&host, &error))
                }
            }
        })
    }
}

async fn through(
    proxies: HttpsConnector<HttpConnector>,
    proxy: &Intercept,
    uri: Uri,
) -> Result<Tcp, Problem> {
    let mut tunnel = Tunnels::new(proxy.uri().clone(), proxies);
    if let Some(authorization) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let (host, proxy) = (place(&uri), format!("the proxy {}", place(proxy.uri())));
    tunnel.call(uri).await.map_err(|error| match error {
        TunnelError::ConnectFailed(error) => failure(&proxy, &*error),
        TunnelError::ProxyAuthRequired => Problem::new(
            Reason::SettingsInvalid,
            format!("{proxy} takes no connection without a name and a password that it knows"),
        )
        .hint("write them into HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT"),
        TunnelError::TunnelUnsuccessful => {
            Problem::new(Reason::SettingsInvalid, format!("{proxy} refuses to connect to {host}"))
                .hint("allow it there, or name the host in NO_PROXY")
        }
        TunnelError::Io(_)
        | TunnelError::TunnelUnexpectedEof
        | TunnelError::ProxyHeadersTooLong
        | TunnelError::MissingHost => {
            unavailable(format!("{proxy} broke off the connection before it led to {host}"))
        }
    })
}

/// Host and port, without what else a URL may have.
fn place(uri: &Uri) -> String {
    let host = uri.host().unwrap_or("the API");
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn unavailable(message: String) -> Problem {
    Problem::new(Reason::SourceUnavailable, message)
        .hint("check the network, and proxies (HTTPS_PROXY, NO_PROXY)")
}

/// What went wrong before `host` answered. `None` if it just broke off the connection.
pub(crate) fn before_answer(host: &str, error: &(dyn Error + 'static)) -> Option<Problem> {
    let causes = causes(error);
    let known = |cause: &&(dyn Error + 'static)| {
        let of_http = || cause.downcast_ref::<hyper::Error>().filter(|error| error.is_parse());
        let message = format!("what {host} answered is no HTTP, or its head is longer than 64 KiB");
        let problem = || {
            Problem::new(Reason::SettingsInvalid, message)
                .hint("check the base URL; the request may have been carried out")
        };
        cause
            .downcast_ref::<Problem>()
            .cloned()
            .or_else(|| of_tls(host, cause.downcast_ref()?))
            .or_else(|| of_http().map(|_| problem()))
    };
    causes.iter().find_map(known)
}

/// Why `host` could not be reached.
fn failure(host: &str, error: &(dyn Error + 'static)) -> Problem {
    before_answer(host, error).unwrap_or_else(|| {
        let last = causes(error).last().map_or_else(String::new, |cause| format!(": {cause}"));
        unavailable(format!("{host} cannot be reached{last}"))
    })
}

/// What TLS says about `host`, if it is about certificates or something else that another attempt does not change.
fn of_tls(host: &str, error: &TlsError) -> Option<Problem> {
    use CertificateError as Wrong;
    const TRUST: &str = "if that is your own authority, name its certificate in NODE_EXTRA_CA_CERTS";
    const CLIENT: &str = "check CLAUDE_CODE_CLIENT_CERT and CLAUDE_CODE_CLIENT_KEY";
    const SERVER: &str = "check the base URL and the clock of this machine, and ask who runs the server";
    let (what, hint) = match error {
        TlsError::InvalidCertificate(wrong) => match wrong {
            // The latter is what an authority with a new key and the old name looks like.
            Wrong::UnknownIssuer | Wrong::BadSignature => {
                ("is signed by an authority that is not trusted here", TRUST)
            }
            Wrong::Expired | Wrong::ExpiredContext { .. } => ("has expired", SERVER),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => ("is not valid yet", SERVER),
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => ("is for another name", SERVER),
            _ => ("is not valid", SERVER),
        },
        TlsError::AlertReceived(alert) if is_about_client(*alert) => {
            let what = match alert {
                AlertDescription::CertificateExpired | AlertDescription::CertificateRevoked => {
                    "the client certificate, which has expired or was revoked"
                }
                _ => "the connection for want of a client certificate that it knows",
            };
            return Some(
                Problem::new(Reason::SettingsInvalid, format!("{host} refuses {what}")).hint(CLIENT),
            );
        }
        _ => {
            let message = format!("no encrypted connection to {host}: {error}");
            return Some(Problem::new(Reason::SettingsInvalid, message).hint(SERVER));
        }
    };
    Some(Problem::new(Reason::SettingsInvalid, format!("the certificate of {host} {what}")).hint(hint))
}

/// Whether a server says with `alert` that it wants another client certificate (RFC 8446, section 6.2).
fn is_about_client(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            // An authority of that name signs with another key.
            | Alert::DecryptError
    )
}

/// An error and what it came from, the first cause last.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = vec![error];
    let mut next = Some(error);
    while let Some(error) = next {
        // The source of an I/O error is that of the error within, which it leaves out itself.
        let within = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        next = match within {
            Some(within) => Some(within as &(dyn Error + 'static)),
            None => error.source(),
        };
        causes.extend(next);
    }
    causes
}
