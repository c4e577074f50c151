//! The library that a Rust program embeds to borrow credentials from `clavigerd`, as `claviger get` does. It connects to the
//! daemon of this user, and starts it if none runs; it needs a runtime of tokio.
//!
//! This program sends a request with the credential of its session. If the API rejects it, it reports that, waits for
//! the next credential and tries again:
//!
#![doc = concat!("```no_run\n", include_str!("example.rs"), "```")]
//!
//! [`credential()`] gives a [`Credential`], which is a [`Lease`]: [`Lease::secret`], [`Lease::headers`], where to send it, and when it
//! expires. [`Credential::changes`] is a stream of all that becomes known of it. Errors are a [`Problem`]: a [`Reason`] for
//! programs, and for people a sentence and [advice](Problem::advice).
//!
//! Everything else in this crate is shared by the programs `claviger` and `clavigerd`, hidden here, and no promise.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod audit;
pub mod backend;
mod cause;
#[doc(hidden)]
#[cfg(feature = "client")]
pub mod client;
#[doc(hidden)]
pub mod codec;
#[doc(hidden)]
pub mod cookie;
#[doc(hidden)]
pub mod credential;
#[doc(hidden)]
#[cfg(any(feature = "client", feature = "server"))]
pub mod gather;
#[doc(hidden)]
pub mod group;
#[doc(hidden)]
pub mod headers;
#[doc(hidden)]
pub mod hook;
#[doc(hidden)]
#[cfg(feature = "client")]
pub mod lease;
#[doc(hidden)]
#[cfg(any(feature = "client", feature = "server"))]
pub mod mounts;
#[doc(hidden)]
pub mod passed;
#[doc(hidden)]
#[cfg(any(feature = "client", feature = "server"))]
pub mod place;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod proto;
#[doc(hidden)]
pub mod reason;
mod release;
#[doc(hidden)]
pub mod remedy;
#[doc(hidden)]
pub mod secret;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod socket;
#[doc(hidden)]
pub mod source;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod time;
#[doc(hidden)]
pub mod variables;
#[doc(hidden)]
pub mod warning;
#[doc(hidden)]
pub mod wire;

pub use backend::Backend;
#[cfg(feature = "client")]
pub use client::{Change, Changes, Credential, Progress, Reported, credential};
pub use credential::{AwsKeys, Scheme, Why};
#[cfg(feature = "client")]
pub use lease::{Lease, Material};
pub use reason::{Location, Problem, Reason};
#[doc(hidden)]
pub use release::{PROTOCOL, RELEASE};
pub use remedy::Remedy;
pub use secret::Secret;
