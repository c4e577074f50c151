//! A session as its message of the API, for serde.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use claviger::{proto::v1, session::SessionContext};
use prost::Message as _;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
use std::sync::Arc;
use zeroize::Zeroizing;

/// As text.
///
/// # Errors
/// The serializer's error.
pub fn serialize<S: Serializer>(
    session: &Option<Arc<SessionContext>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let encode = |session: &Arc<SessionContext>| {
        let bytes = Zeroizing::new(session.to_proto().encode_to_vec());
        Zeroizing::new(BASE64_STANDARD.encode(&*bytes))
    };
    session.as_ref().map(encode).as_deref().serialize(serializer)
}

/// Parses its text. A session that this release does not understand is left out.
///
/// # Errors
/// The deserializer's error.
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Arc<SessionContext>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.map(Zeroizing::new);
    let bytes = text.and_then(|text| BASE64_STANDARD.decode(&*text).ok()).map(Zeroizing::new);
    let message = bytes.and_then(|bytes| v1::SessionContext::decode(&**bytes).ok());
    Ok(message.and_then(|message| SessionContext::from_proto(Some(message)).ok()).map(Arc::new))
}
