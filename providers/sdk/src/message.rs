//! What a message says in addition to its fields.

use crate::{Entry, Message, Price};

/// Returns the time in seconds since 1970, as the host passes it to `deliver`. 0 if the host is older than this entry.
pub fn message_now(message: &Message) -> u64 {
    entry(&message.extra, "now").and_then(|seconds| seconds.parse().ok()).unwrap_or_default()
}

/// Returns the country of the recipient's phone number (ISO 3166-1 alpha-2, such as `CH`), if it is known.
pub fn recipient_country(message: &Message) -> Option<&str> {
    entry(&message.extra, "recipient-country")
}

/// Returns a price as the contract writes it: some upstreams report what they charge as a negative amount. `currency` is written in
/// capitals.
pub fn price(amount: &str, currency: &str) -> Price {
    Price { amount: amount.trim().trim_start_matches('-').to_owned(), currency: currency.trim().to_ascii_uppercase() }
}

pub(crate) fn entry<'a>(entries: &'a [Entry], name: &str) -> Option<&'a str> {
    entries.iter().find(|entry| entry.name == name).map(|entry| entry.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_message_says_when_it_is_and_where_the_recipient_is() {
        let mut message = testing::message("+41791234567");
        assert_eq!((message_now(&message), recipient_country(&message)), (0, None));
        for (name, value) in [("now", "1767225600"), ("recipient-country", "CH")] {
            message.extra.push(Entry { name: name.to_owned(), value: value.to_owned() });
        }
        assert_eq!((message_now(&message), recipient_country(&message)), (1_767_225_600, Some("CH")));
    }

    #[test]
    fn a_price_is_not_negative() {
        let price = price("-0.00750", "usd");
        assert_eq!((&*price.amount, &*price.currency), ("0.00750", "USD"));
    }
}
