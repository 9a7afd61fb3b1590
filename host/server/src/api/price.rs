//! Prices that upstreams report.

use serde::Serialize;
use utoipa::ToSchema;

/// What the upstream charges for a message.
#[derive(Serialize, ToSchema)]
pub(super) struct Price {
    /// A decimal number, such as `0.0075`.
    amount: String,
    /// The currency (ISO 4217), such as `EUR`.
    currency: String,
}

impl From<&twofactor::sandbox::Price> for Price {
    fn from(price: &twofactor::sandbox::Price) -> Self {
        Self { amount: price.amount().to_owned(), currency: price.currency().to_owned() }
    }
}
