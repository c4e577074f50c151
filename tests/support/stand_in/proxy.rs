//! A proxy that is reached with TLS itself.

use super::Authority;
use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener as AsyncListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Starts one that leads to `port` of this machine, whatever is asked for. Its URL, and what was asked.
pub fn start(authority: &Authority, port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let (acceptor, asked) =
        (TlsAcceptor::from(authority.server("localhost")), Arc::<Mutex<Vec<_>>>::default());
    let seen = asked.clone();
    thread::spawn(move || {
        crate::block_on(async move {
            listener.set_nonblocking(true).expect("a socket");
            let listener = AsyncListener::from_std(listener).expect("a socket");
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = client.read_u8().await else { return };
                        head.push(byte);
                    }
                    seen.lock().expect("asked").push(crate::text(&head));
                    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
                    if client.write_all(established).await.is_ok() {
                        drop(copy_bidirectional(&mut client, &mut server).await);
                    }
                });
            }
        });
    });
    (url, asked)
}
