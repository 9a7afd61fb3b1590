//! The script of a call, in TwiML.

use twofactor_provider::Message;

/// Returns the script of a call: the message's sentence, twice, with the digits of the code one by one.
pub fn script(message: &Message) -> String {
    let (language, said) = (language(&message.locale), escaped(&sentence(message)));
    // People need a moment after picking up.
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Response><Pause length=\"1\"/><Say language=\"{language}\" loop=\"2\">{said}</Say></Response>"
    )
}

/// Returns the part of the text that is for people. After it there may be a line for browsers only.
fn sentence(message: &Message) -> String {
    let (text, code) = (message.text.as_str(), message.code.as_str());
    if code.is_empty() {
        return text.to_owned();
    }
    let part = text.split("\n\n").find(|part| part.contains(code)).unwrap_or(text);
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    part.replace(code, &digits)
}

/// Returns Twilio's name of a language.
fn language(locale: &str) -> &'static str {
    match locale.split(['-', '_']).next().unwrap_or_default() {
        "de" => "de-DE",
        "fr" => "fr-FR",
        "it" => "it-IT",
        _ => "en-US",
    }
}

/// Escapes a text for XML 1.0. Spaces replace the characters that it does not allow (section 2.2).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
