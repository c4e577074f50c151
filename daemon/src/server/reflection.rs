//! gRPC reflection, v1 and v1alpha. Its tables are built for each call and dropped afterwards: few callers use it, and
//! an idle daemon would keep a quarter of a MiB for them.

use super::answering::Answering;
use claviger::proto::{DESCRIPTOR, DETAILS};
use std::convert::Infallible;
use tonic::{
    Status,
    body::Body,
    codegen::{Service, http},
};
use tonic_reflection::server::Builder;

/// Current version of reflection.
pub(super) const V1: &str = "grpc.reflection.v1.ServerReflection";
/// Version of reflection for older clients.
pub(super) const V1_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Answers a call of [`V1`].
pub(super) fn v1(request: http::Request<Body>) -> Answering {
    answer(builder().build_v1(), request)
}

/// Answers a call of [`V1_ALPHA`].
pub(super) fn v1_alpha(request: http::Request<Body>) -> Answering {
    answer(builder().build_v1alpha(), request)
}

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(DETAILS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Answers with a service built for this call, or returns why there is none.
fn answer<S, E>(made: Result<S, E>, request: http::Request<Body>) -> Answering
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    E: std::fmt::Display,
{
    match made {
        Ok(mut service) => Box::pin(service.call(request)),
        Err(error) => {
            tracing::error!(%error, "the descriptor of the API is unusable");
            Box::pin(async { Ok(Status::internal("the descriptor of the API is unusable").into_http()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::builder;

    #[test]
    fn the_descriptors_are_usable() {
        assert!(builder().build_v1().is_ok() && builder().build_v1alpha().is_ok());
    }
}
