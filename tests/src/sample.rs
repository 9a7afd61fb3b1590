//! A message for components that are called without an engine.

use twofactor::sandbox::Message;

/// Returns an SMS with a code.
pub fn message(recipient: &str, code: &str) -> Message {
    Message {
        id: "m-1".to_owned(),
        recipient: recipient.to_owned(),
        subject: String::new(),
        text: format!("Your code is {code}."),
        html: None,
        code: code.to_owned(),
        valid_seconds: 300,
        locale: "en".to_owned(),
        purpose: "test".to_owned(),
        application: String::new(),
        extra: Vec::new(),
        tried_before: false,
    }
}
