//! What every service of the server answers with.

use std::{convert::Infallible, pin::Pin};
use tonic::{body::Body, codegen::http};

/// What becomes of a call.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;
