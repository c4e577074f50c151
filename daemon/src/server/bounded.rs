//! What every call passes before a service hears of it.

use super::{admit::Admit, context::Context, intake::Intake};
use tonic::{service::InterceptorLayer, transport::Server};
use tower_layer::{Identity, Stack};

/// Most calls of a connection at once; further ones wait in the client.
const MOST_CALLS: u32 = 200;
/// What a client may send of a message before it is read, in bytes: what tonic gathers is counted, this is not.
const WINDOW: u32 = 64 * 1024;

/// What every call passes, the last one first.
pub(super) type Layers = Stack<InterceptorLayer<Admit>, Stack<Intake, Identity>>;

/// A server that bounds what callers hold, and checks who they are.
pub(super) fn server(context: &Context) -> Server<Layers> {
    let (audit, cookie, broker) = (context.audit.clone(), context.cookie.clone(), context.broker.clone());
    Server::builder()
        .max_concurrent_streams(MOST_CALLS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .layer(Intake)
        .layer(InterceptorLayer::new(Admit { audit, cookie, broker }))
}
