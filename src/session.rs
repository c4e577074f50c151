//! Everything the daemon may know of one calling session, and the rules for a request.

mod context;
mod environment;
mod explicit;
mod names;
mod rules;

pub use context::{MAX_VARIABLES, SessionContext, SessionMode};
pub use environment::{Unlisted, check_variable, left_out};
pub use explicit::{ExplicitSettings, MAX_EXPLICIT_SETTINGS, explicit};
pub use names::{ACCOUNT, NAMES, Names, PROFILE};
pub use rules::{MAX_VALUE_LEN, check_path};
