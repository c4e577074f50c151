//! A server that prefers HTTP/2 and speaks HTTP/1.1 to clients that do not offer it, as most servers of clouds do.

use super::Authority;
use http_body_util::Full;
use hyper::{Response, body::Bytes, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};
use tokio::net::TcpListener as AsyncListener;
use tokio_rustls::TlsAcceptor;

/// Starts one that answers everything with `body`, for as long as the tests run. Its URL, and the versions of HTTP that requests had.
pub fn start(authority: &Authority, body: String) -> (String, Arc<Mutex<Vec<http::Version>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let mut config = (*authority.server("localhost")).clone();
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    let (acceptor, versions) = (TlsAcceptor::from(Arc::new(config)), Arc::<Mutex<Vec<_>>>::default());
    let seen = versions.clone();
    thread::spawn(move || {
        crate::block_on(async move {
            listener.set_nonblocking(true).expect("a socket");
            let listener = AsyncListener::from_std(listener).expect("a socket");
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (acceptor, seen, body) = (acceptor.clone(), seen.clone(), body.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let is_second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let service = service_fn(move |request: http::Request<_>| {
                        seen.lock().expect("versions").push(request.version());
                        drop(request);
                        let answer = Response::new(Full::new(Bytes::from(body.clone())));
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    let stream = TokioIo::new(stream);
                    match is_second {
                        true => drop(
                            conn::http2::Builder::new(TokioExecutor::new())
                                .serve_connection(stream, service)
                                .await,
                        ),
                        false => drop(conn::http1::Builder::new().serve_connection(stream, service).await),
                    }
                });
            }
        });
    });
    (url, versions)
}
