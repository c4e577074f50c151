//! Code shared by `clavigerd`, `claviger` and programs that embed a client.
//!
//! Most of this crate defines terms and has no effects: no clock, no environment, no files. The exceptions are
//! [`client`], the library that a Rust program embeds instead of running `claviger`, and [`place`], which looks where
//! this user's daemon is.
//!
//! ```no_run
//! use claviger::{client::Client, session::SessionContext};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let session = SessionContext::new(std::env::current_dir()?, std::env::vars_os())?;
//! let mut client = Client::connect_or_start(&claviger::client::default_socket()?).await?;
//!
//! let lease = client.get(&session, None).await?;
//! println!("{} to {}", lease.source, lease.origin);
//!
//! // After a 401 from the API: one refresh for everybody, however many sessions report it.
//! client.report(&session, &lease, 401).await?;
//!
//! let mut events = client.watch(&session).await?;
//! while let Some(event) = events.next().await? {
//!     println!("{event:?}"); // secrets print as Secret(REDACTED)
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod audit;
pub mod backend;
mod cause;
#[cfg(feature = "client")]
pub mod client;
pub mod codec;
pub mod cookie;
pub mod credential;
#[cfg(any(feature = "client", feature = "server"))]
pub mod gather;
pub mod group;
pub mod headers;
pub mod hook;
#[cfg(any(feature = "client", feature = "server"))]
pub mod mounts;
pub mod passed;
#[cfg(any(feature = "client", feature = "server"))]
pub mod place;
pub mod process;
pub mod proto;
pub mod reason;
pub mod remedy;
pub mod secret;
pub mod session;
pub mod socket;
pub mod source;
pub mod text;
pub mod time;
pub mod variables;
pub mod warning;
pub mod wire;

/// Revision of the API. Daemon and client refuse each other when it differs.
pub const PROTOCOL: u32 = 2;

/// Release of this build, as shown by `--version` and `GetVersion`.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
