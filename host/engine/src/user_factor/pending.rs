//! What a component needs to verify an answer, between two calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

/// What a component needs to verify an answer. It is stored sealed. `Debug` is missing on purpose.
#[derive(Clone)]
pub(crate) struct Pending(pub(crate) Zeroizing<Vec<u8>>);

impl Serialize for Pending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Pending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(&*text).map_err(|_| D::Error::custom("not base64"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}
