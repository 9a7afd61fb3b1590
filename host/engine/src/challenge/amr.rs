//! Authentication method references (RFC 8176): what an application learns about how a person was
//! authenticated.

use super::Details;

/// The methods that this engine can prove. The list is closed: the channel that a component names
/// selects among them and adds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// A one-time code.
    Otp,
    /// By text message to a phone number.
    Sms,
    /// By a call to a phone number.
    Tel,
}

impl Method {
    /// Returns the registered value (RFC 8176 section 2).
    fn value(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Sms => "sms",
            Self::Tel => "tel",
        }
    }
}

/// Returns the methods by which a challenge authenticates. `sms` and `tel` apply to phone numbers
/// only.
///
/// Email and chat have no registered value, so they are `otp` alone. They are not `mca`
/// (multiple-channel authentication) either: people often read mail in the browser that asks for
/// the code.
fn methods(channel: &str, by_phone: bool) -> &'static [Method] {
    match channel {
        "sms" if by_phone => &[Method::Otp, Method::Sms],
        "voice" if by_phone => &[Method::Otp, Method::Tel],
        _ => &[Method::Otp],
    }
}

/// Returns the values for an application.
pub(super) fn amr(details: &Details) -> Vec<String> {
    // Only phone numbers have a prefix.
    let methods = methods(&details.channel, !details.prefix.is_empty());
    methods.iter().map(|method| method.value().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_sent_to_a_phone_number_is_sms_or_tel() {
        assert_eq!(methods("sms", true), [Method::Otp, Method::Sms]);
        assert_eq!(methods("voice", true), [Method::Otp, Method::Tel]);
        for word in ["email", "chat", "sms", "voice", "tel", "hwk", "mfa", "mca", "otp sms"] {
            assert_eq!(methods(word, false), [Method::Otp], "{word}");
        }
        assert_eq!(methods("hwk", true), [Method::Otp]);
    }
}
