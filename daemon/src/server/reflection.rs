//! gRPC reflection, v1 and v1alpha. Its tables are made for the call that asks, and go with it: few ever ask, and an idle
//! daemon would hold a quarter of a MiB for them.

use claviger::proto::{DESCRIPTOR, DETAILS};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{
    Status,
    body::Body,
    codegen::{Service, http},
    server::NamedService,
};
use tonic_reflection::server::Builder;

/// Reflection as of now.
#[derive(Clone, Debug)]
pub(super) struct V1;

/// Reflection as older clients know it.
#[derive(Clone, Debug)]
pub(super) struct V1Alpha;

type Answer = Result<http::Response<Body>, Infallible>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(DETAILS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Answers with a service that was made for this call, or says why there is none.
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

impl NamedService for V1 {
    const NAME: &'static str = "grpc.reflection.v1.ServerReflection";
}

impl NamedService for V1Alpha {
    const NAME: &'static str = "grpc.reflection.v1alpha.ServerReflection";
}

impl Service<http::Request<Body>> for V1 {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answering {
        answer(builder().build_v1(), request)
    }
}

impl Service<http::Request<Body>> for V1Alpha {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answering {
        answer(builder().build_v1alpha(), request)
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
