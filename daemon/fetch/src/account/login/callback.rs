//! The loopback address that a browser is redirected to. Every process of this machine can call it, so nothing is
//! trusted here: it passes on requests, and returns the result to the browser.

use super::Declined;
use claviger::reason::Reason;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::Url;
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet, yield_now},
    time::timeout,
};

/// Time limit for a connection's request.
const HEAD: Duration = Duration::from_secs(10);
/// Time limit for the browser to read the last page.
const LAST_PAGE: Duration = Duration::from_secs(2);
/// Most connections. With one more, the oldest is closed: a browser sends its request at once, so a connection that is
/// still open after that many others only blocks.
const MOST: usize = 64;

/// The address.
pub(super) struct Listener {
    socket: TcpListener,
    redirect: Url,
    arrivals: (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>),
    /// Each reports whether its browser received the result of the login.
    connections: JoinSet<bool>,
    oldest: VecDeque<AbortHandle>,
}

/// A request to the redirect address.
pub(super) struct Arrival {
    pub(super) parameters: Vec<(String, String)>,
    page: oneshot::Sender<Page>,
}

/// The page for the browser.
#[derive(Clone, Copy)]
enum Page {
    Done,
    Failed,
    NotOurs,
}

impl Listener {
    /// Listens at `template`, on a port of the system's choice.
    pub(super) async fn bind(template: &str) -> Result<Self, Declined> {
        let mut redirect: Url = template
            .parse()
            .map_err(|_| Declined::new(Reason::SettingsInvalid, "redirect_uri is not a URL"))?;
        let host = if redirect.host_str() == Some("[::1]") { "::1" } else { "127.0.0.1" };
        let failed = |error: std::io::Error| {
            Declined::new(
                Reason::SourceUnavailable,
                format!("no port is free to listen on: {}", error.kind()),
            )
            .hint("use --device, which needs none")
        };
        let socket = TcpListener::bind((host, 0)).await.map_err(failed)?;
        let port = socket.local_addr().map_err(failed)?.port();
        let _ = redirect.set_port(Some(port));
        Ok(Self {
            socket,
            redirect,
            arrivals: mpsc::channel(1),
            connections: JoinSet::new(),
            oldest: VecDeque::new(),
        })
    }

    /// The address to be redirected to.
    pub(super) fn redirect(&self) -> &str {
        self.redirect.as_str()
    }

    /// The next redirect, from any sender.
    pub(super) async fn next(&mut self) -> Arrival {
        loop {
            tokio::select! {
                Some(arrival) = self.arrivals.1.recv() => return arrival,
                Some(_) = self.connections.join_next() => {}
                Ok((stream, _)) = self.socket.accept() => {
                    self.admit(stream);
                    // Otherwise a flood of connections would be accepted before the first of them is read.
                    yield_now().await;
                }
            }
        }
    }

    fn admit(&mut self, stream: TcpStream) {
        self.oldest.retain(|connection| !connection.is_finished());
        while self.oldest.len() >= MOST {
            self.oldest.pop_front().as_ref().map(AbortHandle::abort);
        }
        let (path, arrivals) = (self.redirect.path().to_owned(), self.arrivals.0.clone());
        self.oldest.push_back(self.connections.spawn(serve(stream, path, arrivals)));
    }

    /// Answers all further requests that they are not for this login.
    pub(super) async fn ignore_all(&mut self) -> Infallible {
        loop {
            self.next().await.ignore();
        }
    }

    /// Lets the browser read the last page, and closes all other connections.
    pub(super) async fn finish(mut self) {
        drop((self.socket, self.arrivals));
        let told = async {
            while let Some(ended) = self.connections.join_next().await {
                if ended.is_ok_and(|told| told) {
                    return;
                }
            }
        };
        drop(timeout(LAST_PAGE, told).await);
    }
}

impl Arrival {
    /// It is not for this login.
    pub(super) fn ignore(self) {
        // Fails when the browser has disconnected.
        let _ = self.page.send(Page::NotOurs);
    }

    /// It ended the login.
    pub(super) fn end(self, well: bool) {
        let _ = self.page.send(if well { Page::Done } else { Page::Failed });
    }
}

async fn serve(stream: TcpStream, path: String, arrivals: mpsc::Sender<Arrival>) -> bool {
    let told = AtomicBool::new(false);
    let service = service_fn(|request| answer(request, &path, &arrivals, &told));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false).max_buf_size(32 * 1024);
    // Not HTTP, so not a browser.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
    told.into_inner()
}

async fn answer(
    request: Request<Incoming>,
    path: &str,
    arrivals: &mpsc::Sender<Arrival>,
    told: &AtomicBool,
) -> Result<Response<String>, Infallible> {
    if request.uri().path() != path {
        return Ok(page(StatusCode::NOT_FOUND, "Nothing is here."));
    }
    if request.method() != Method::GET {
        return Ok(page(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here."));
    }
    let query = request.uri().query().unwrap_or_default();
    let parameters = oauth2::url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (sender, receiver) = oneshot::channel();
    // A connection after the end finds no listener.
    drop(arrivals.send(Arrival { parameters, page: sender }).await);
    let verdict = receiver.await.unwrap_or(Page::NotOurs);
    told.store(!matches!(verdict, Page::NotOurs), Relaxed);
    Ok(match verdict {
        Page::Done => page(StatusCode::OK, "You are signed in. This window can be closed."),
        Page::Failed => page(
            StatusCode::BAD_REQUEST,
            "The login failed. The terminal shows why; this window can be closed.",
        ),
        Page::NotOurs => {
            page(StatusCode::BAD_REQUEST, "This is not the login that the terminal is waiting for.")
        }
    })
}

fn page(status: StatusCode, text: &str) -> Response<String> {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>claviger</title><p>{text}</p></html>\n"
    );
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // The address of this page contains a code.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}
