//! What a component stores for a factor.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroize as _;

use crate::contract::factor_v0_1::twofactor::factor::types as wit;

/// What a component remembers of a factor, such as the secret of an authenticator app. It is stored sealed. `Debug` shows only the
/// format, and the data is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorState {
    /// The format of `data`.
    pub format: u32,
    /// At most 8192 bytes.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub data: Vec<u8>,
}

/// Why a state cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It has a higher format than the component knows.
    #[error("the state was written by a later version of the component")]
    LaterFormat,
    /// It is damaged.
    #[error("the state is damaged")]
    Damaged,
}

impl FactorState {
    /// Returns it as a component gets it.
    pub(crate) fn for_call(&self) -> wit::State {
        wit::State { format: self.format, data: self.data.clone() }
    }
}

impl fmt::Debug for FactorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorState").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Drop for FactorState {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

fn to_base64<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| D::Error::custom("not base64"))
}
