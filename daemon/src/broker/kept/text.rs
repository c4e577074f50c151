//! A secret as text, for serde.

use crate::host::memory::LockedText;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer, de::Error as _};
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) fn serialize<S: Serializer>(
    secret: &Option<Arc<LockedText>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|secret| secret.expose()).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Arc<LockedText>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    LockedText::new(&text).map(|locked| Some(Arc::new(locked))).map_err(D::Error::custom)
}
