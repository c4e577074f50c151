//! `ControlService`.

use super::{Context, fail, reply};
use claviger::{
    proto::v1::{self, control_service_server::ControlService},
    reason::{Problem, Reason},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ControlService for Context {
    async fn stop(&self, request: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        tracing::info!(pid = crate::peer::of(&request).pid, "asked to stop");
        self.stop.notify_one();
        Ok(reply(v1::StopResponse { pid: std::process::id() }))
    }

    async fn set_log_level(
        &self,
        request: Request<v1::SetLogLevelRequest>,
    ) -> Result<Response<v1::SetLogLevelResponse>, Status> {
        let filter = request.into_inner().filter;
        self.logs.set(&filter).map_err(|why| {
            let problem = Problem::new(Reason::MalformedRequest, format!("that is not a log filter: {why}"));
            fail(problem.hint("write for example info, debug or clavigerd=trace"))
        })?;
        tracing::info!(%filter, "log level changed");
        Ok(reply(v1::SetLogLevelResponse {}))
    }
}
