//! Converts between domain types and the messages of the API.

mod message;
mod protocol;
mod status;

pub use message::{
    advice, duration, from_location, from_problem, from_remedy, helps, layer, layer_word, location, problem,
    remedy, system_time, timestamp,
};
pub use protocol::{PROTOCOL_KEY, RELEASE_KEY, check_protocol};
pub use status::{DOMAIN, from_status, is_foreign, to_status};
