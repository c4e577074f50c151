//! A secret as JSON text: in what a child says and is told, and in a record of the store.

use claviger::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret that is JSON text wherever it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(#[serde(serialize_with = "serialize", deserialize_with = "deserialize")] pub Secret<String>);

pub(super) fn serialize<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}
