//! OAuth 2.0 as a client: the crate `oauth2` implements the protocol, [`super::http`] the network access. Answers are
//! validated, and never repeated in a message.

mod discovery;
mod id_token;
mod reply;
mod server;

pub(super) use discovery::{Metadata, discover, required};
pub(super) use id_token::{Expected, person};
pub(super) use reply::{Granted, Reply};
pub(super) use server::{Failure, NoAnswer, Server, is_in_trouble};
