//! The common type of all services' answers.

use std::{convert::Infallible, pin::Pin};
use tonic::{body::Body, codegen::http};

/// The future of a call.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;
