//! The client library: connect to the daemon, get and watch credentials, report rejected ones.
//!
//! This is the one module of the crate with effects: it opens the socket and can start the daemon.

mod borrow;
mod calls;
mod change;
mod connection;
mod cookie;
mod error;
mod follow;
mod help;
mod messages;
mod passed;
mod private;
mod reconnect;
mod start;
mod user;
mod watch;
mod way;

pub use borrow::{Credential, credential};
pub use calls::Client;
pub use change::{Change, Progress, Reported};
pub use connection::Connection;
pub use error::ConnectError;
pub use follow::{Follow, Seen};
pub use messages::{next, request, request_any, unwrap, unwrap_any};
pub use start::daemon_program;
pub use tonic::Streaming;
pub use watch::Changes;
pub use way::{default_socket, is_default, is_foreign, lost_runtime_directory};
