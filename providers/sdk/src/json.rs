//! Reading JSON of which only parts matter.

use serde_json::Value;

use crate::Response;

impl Response {
    /// Returns the body as a JSON value; null if it is not JSON. A member that is missing is null as well, so that
    /// `body["error"]["code"]` never fails.
    pub fn value(&self) -> Value {
        self.json().unwrap_or_default()
    }
}

/// Returns an upstream's own code, a number or a word, as it may be reported; empty if the value may be something else,
/// such as a sentence that repeats an address.
pub fn plain_code(value: &Value) -> String {
    let is_plain = |text: &str| {
        (1..=60).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    match value {
        // Longer numbers may be those of phones.
        Value::Number(number) if number.to_string().len() <= 7 => number.to_string(),
        Value::String(text) if is_plain(text) && (text.len() <= 7 || !text.bytes().all(|b| b.is_ascii_digit())) => {
            text.clone()
        }
        _ => String::new(),
    }
}

/// Returns a string without its quotes, a number as it is written, and an empty text for any other value.
pub fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::plain_code;

    #[test]
    fn a_code_is_a_short_number_or_a_word() {
        for (value, code) in [
            (json!(131026), "131026"),
            (json!("REJECTED_DND"), "REJECTED_DND"),
            (json!("E400"), "E400"),
            (json!(41791234567u64), ""),
            (json!("41791234567"), ""),
            (json!("+41791234567 is not a number"), ""),
            (json!("a@example.org"), ""),
            (json!(null), ""),
            (json!({"code": 1}), ""),
        ] {
            assert_eq!(plain_code(&value), code, "{value}");
        }
    }
}
