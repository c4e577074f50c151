//! The gRPC surface: thin adapters that decode, ask the broker, and encode.

mod accounts;
pub mod admit;
mod answering;
mod bounded;
mod confirm;
mod context;
pub mod control;
pub mod convert;
pub mod credentials;
mod gates;
mod guest;
pub mod inspect;
mod intake;
mod pending;
mod reflection;
mod routes;
mod shares;
mod standing;
mod status;
pub mod trust;

pub use context::{Context, connections, logins};

use crate::peer::Incoming;
use claviger::proto::v1::{
    account_service_server::AccountServiceServer, control_service_server::ControlServiceServer,
    credential_service_server::CredentialServiceServer, gate_service_server::GateServiceServer,
    inspect_service_server::InspectServiceServer, share_service_server::ShareServiceServer,
    trust_service_server::TrustServiceServer,
};
use context::{
    MAX_GATES, MAX_REQUEST, MAX_WORDS, MOST_LOGINS, fail, introduce, malformed, of_session, session, within,
};
use routes::Routes;
use tonic::transport;
use tonic_health::server::HealthReporter;

/// Serves `incoming` until `signal`: all services, behind the check of the calling process.
///
/// # Errors
/// If the server fails.
pub async fn serve(
    context: Context,
    incoming: Incoming,
    signal: impl Future<Output = ()>,
) -> Result<(), transport::Error> {
    let health = HealthReporter::new();
    health.set_serving::<CredentialServiceServer<Context>>().await;
    health.set_serving::<AccountServiceServer<Context>>().await;
    health.set_serving::<TrustServiceServer<Context>>().await;
    health.set_serving::<InspectServiceServer<Context>>().await;
    health.set_serving::<ControlServiceServer<Context>>().await;
    health.set_serving::<ShareServiceServer<Context>>().await;
    health.set_serving::<GateServiceServer<Context>>().await;
    bounded::server(&context)
        .serve_with_incoming_shutdown(Routes::new(context, health), incoming, signal)
        .await
}
