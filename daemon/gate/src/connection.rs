//! One connection of a client: it ends with the client, and takes the requests that it has sent on with it.

use crate::{
    forward::forward,
    gate::Gate,
    intake::{self, forget, pump},
    listen::Io,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a client may take to read the last answer, which it does not while it sends.
const LINGER: Duration = Duration::from_secs(2);
/// Most of an answer that is held at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// Serves a connection until it ends, or the gate does.
pub(crate) async fn serve(gate: Arc<Gate>, io: Io) {
    let io = Arc::new(io);
    let (wire, taken) = intake::of(&io);
    let answered = taken.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (gate, intake) = (gate.clone(), answered.clone());
        async move { Ok::<_, Infallible>(forward(&gate, &intake, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .half_close(false)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .max_headers(crate::head::MAX_HEADERS + 2);
    let connection = builder.serve_connection(wire, service);
    let is_gone = tokio::select! {
        // First, so that what can still be told is told.
        biased;
        _ = connection => false,
        () = pump(&io, &taken) => true,
    };
    if !is_gone {
        // A body that is not whole is seen at once.
        drop(io.shutdown());
        drop(timeout(LINGER, forget(&io)).await);
    }
}
