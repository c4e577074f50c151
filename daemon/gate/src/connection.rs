//! One connection of a client. When the client leaves, its requests to the API end too.

use crate::{
    forward::forward,
    gate::Gate,
    intake::{self, forget, pump},
    listen::Io,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Time for a client that is still sending to read its last answer.
const LINGER: Duration = Duration::from_secs(2);
/// Most bytes of an answer in memory.
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
        // First, so that an answer that is ready is sent.
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
