//! Prices that upstreams report.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum number of digits before and after the point.
const WHOLE_DIGITS: usize = 6;
const DECIMALS: usize = 6;

/// The price of a message, as the upstream reported it.
///
/// ```
/// use twofactor_sandbox::Price;
///
/// let price = Price::new("0.0075", "EUR").unwrap();
/// assert_eq!(price.to_string(), "0.0075 EUR");
/// for (amount, currency) in [("-1", "EUR"), ("1e3", "EUR"), ("0.1234567", "EUR"), ("1", "eur"), ("1", "€")] {
///     assert_eq!(Price::new(amount, currency), None);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    amount: String,
    currency: String,
}

impl Price {
    /// Returns a price. `amount` is a decimal number with at most 6 digits before and 6 after the point, `currency` three capital
    /// letters (ISO 4217). `None` if one of them is not.
    pub fn new(amount: &str, currency: &str) -> Option<Self> {
        let digits = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let is_decimal = match amount.split_once('.') {
            Some((whole, decimals)) => digits(whole, WHOLE_DIGITS) && digits(decimals, DECIMALS),
            None => digits(amount, WHOLE_DIGITS),
        };
        let is_currency = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
        (is_decimal && is_currency).then(|| Self { amount: amount.to_owned(), currency: currency.to_owned() })
    }

    /// Returns the amount, such as `0.0075`.
    pub fn amount(&self) -> &str {
        &self.amount
    }

    /// Returns the currency (ISO 4217), such as `EUR`.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}
