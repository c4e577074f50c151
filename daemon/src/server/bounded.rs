//! Checks for every call before it reaches a service.

use super::{admit::Admit, context::Context, intake::Intake};
use tonic::{service::InterceptorLayer, transport::Server};
use tower_layer::{Identity, Stack};

/// Most calls of a connection at once; further ones wait in the client.
const MOST_CALLS: u32 = 200;
/// Most bytes that a client may send before they are read. tonic's own buffers are counted, but these are not.
const WINDOW: u32 = 64 * 1024;

/// The layers, the last one first.
pub(super) type Layers = Stack<InterceptorLayer<Admit>, Stack<Intake, Identity>>;

/// A server that limits callers' resources, and checks who they are.
pub(super) fn server(context: &Context) -> Server<Layers> {
    let (audit, cookie, broker) = (context.audit.clone(), context.cookie.clone(), context.broker.clone());
    Server::builder()
        .max_concurrent_streams(MOST_CALLS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .layer(Intake)
        .layer(InterceptorLayer::new(Admit { audit, cookie, broker }))
}
