//! Gates.

use super::parts::{instant, seconds, text};
use claviger::proto::v1::{self, GateTransport};

form! {
    /// A gate, and what has gone through it. It has no secret.
    fn gate(gate: &v1::Gate) -> Gate {
        name: String = gate.name.clone(),
        /// `unix` or `tcp`.
        transport: String = transport(gate.transport()).to_owned(),
        /// A path, or 127.0.0.1 and a port.
        address: String = gate.address.clone(),
        /// The process that it ends with; 0: none.
        pid: u32 = gate.pid,
        /// Of its session.
        directory: Option<String> = text(&gate.directory),
        /// The share that it belongs to.
        share: Option<String> = text(&gate.share),
        /// Whether every daemon opens it, until it is removed.
        standing: bool = gate.standing,
        opened_at: Option<String> = instant(gate.opened_at.as_ref()),
        /// Requests that were sent on.
        requests: u64 = used(gate).requests,
        /// Requests that were sent once more after a 401.
        replayed: u64 = used(gate).replayed,
        /// Requests that the gate answered with an error of its own.
        refused: u64 = used(gate).refused,
        /// Of requests, as the API's answers say.
        input_tokens: u64 = used(gate).input_tokens,
        /// Of answers.
        output_tokens: u64 = used(gate).output_tokens,
        in_progress: u32 = used(gate).in_progress,
        /// Of the last answer that was passed on.
        last_status: Option<u32> = Some(used(gate).last_status).filter(|status| *status > 0),
        last_request_at: Option<String> = instant(used(gate).last_request_at.as_ref()),
        /// At most 16, and `other` for the rest.
        models: Vec<ModelUse> = used(gate).models.iter().map(model).collect(),
        /// How often a newer credential arrived while a request with an older one was in progress.
        rotated: u64 = used(gate).rotated,
        /// What the gate itself takes before a request goes on: a smoothed average.
        added_latency_seconds: Option<f64> = seconds(used(gate).added_latency.as_ref()),
    }

    /// Use of a model through a gate.
    fn model(model: &v1::GateModelUse) -> ModelUse {
        model: String = model.model.clone(),
        /// Answers that named it.
        requests: u64 = model.requests,
        input_tokens: u64 = model.input_tokens,
        output_tokens: u64 = model.output_tokens,
    }
}

fn used(gate: &v1::Gate) -> v1::GateUse {
    gate.r#use.clone().unwrap_or_default()
}

fn transport(transport: GateTransport) -> &'static str {
    match transport {
        GateTransport::Unix | GateTransport::Unspecified => "unix",
        GateTransport::Tcp => "tcp",
    }
}
