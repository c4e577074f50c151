//! Selects the service of a call by comparing names: tonic's own router would take a tenth of a warm call.

use super::{Context, MAX_GATES, MAX_REQUEST, MAX_WORDS, admit::NearOnly, answering::Answering, reflection};
use claviger::proto::v1::{
    account_service_server::{self as accounts, AccountServiceServer},
    control_service_server::{self as control, ControlServiceServer},
    credential_service_server::{self as credentials, CredentialServiceServer},
    gate_service_server::{self as gates, GateServiceServer},
    inspect_service_server::{self as inspect, InspectServiceServer},
    share_service_server::{self as shares, ShareServiceServer},
    trust_service_server::{self as trust, TrustServiceServer},
};
use std::{
    convert::Infallible,
    task::{Context as TaskContext, Poll},
};
use tonic::{
    Status,
    body::Body,
    codegen::{Service, http},
    service::interceptor::InterceptedService,
};
use tonic_health::{
    pb::health_server::{self as health, HealthServer},
    server::{HealthReporter, HealthService},
};

/// A service for near callers only.
type Near<S> = InterceptedService<S, NearOnly>;

/// All services.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    credentials: CredentialServiceServer<Context>,
    inspect: InspectServiceServer<Context>,
    accounts: Near<AccountServiceServer<Context>>,
    trust: Near<TrustServiceServer<Context>>,
    shares: Near<ShareServiceServer<Context>>,
    gates: Near<GateServiceServer<Context>>,
    control: Near<ControlServiceServer<Context>>,
    health: HealthServer<HealthService>,
}

impl Routes {
    pub(super) fn new(context: Context, health: HealthReporter) -> Self {
        let near = || NearOnly(context.audit.clone());
        let accounts = AccountServiceServer::new(context.clone()).max_decoding_message_size(MAX_REQUEST);
        let trust = TrustServiceServer::new(context.clone()).max_decoding_message_size(MAX_REQUEST);
        let shares = ShareServiceServer::new(context.clone()).max_decoding_message_size(MAX_REQUEST);
        let gates = GateServiceServer::new(context.clone()).max_decoding_message_size(MAX_GATES);
        let control = ControlServiceServer::new(context.clone()).max_decoding_message_size(MAX_WORDS);
        Self {
            credentials: CredentialServiceServer::new(context.clone()).max_decoding_message_size(MAX_REQUEST),
            inspect: InspectServiceServer::new(context.clone()).max_decoding_message_size(MAX_REQUEST),
            accounts: Near::new(accounts, near()),
            trust: Near::new(trust, near()),
            shares: Near::new(shares, near()),
            gates: Near::new(gates, near()),
            control: Near::new(control, near()),
            health: HealthServer::new(HealthService::from_health_reporter(health)),
        }
    }
}

impl Service<http::Request<Body>> for Routes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answering {
        match request.uri().path().split('/').nth(1).unwrap_or_default() {
            credentials::SERVICE_NAME => self.credentials.call(request),
            inspect::SERVICE_NAME => self.inspect.call(request),
            accounts::SERVICE_NAME => answer(&mut self.accounts, request),
            trust::SERVICE_NAME => answer(&mut self.trust, request),
            shares::SERVICE_NAME => answer(&mut self.shares, request),
            gates::SERVICE_NAME => answer(&mut self.gates, request),
            control::SERVICE_NAME => answer(&mut self.control, request),
            health::SERVICE_NAME => self.health.call(request),
            reflection::V1 => reflection::v1(request),
            reflection::V1_ALPHA => reflection::v1_alpha(request),
            _ => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}

fn answer<S>(service: &mut Near<S>, request: http::Request<Body>) -> Answering
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let answer = service.call(request);
    Box::pin(async move { Ok(answer.await?.map(Body::new)) })
}
