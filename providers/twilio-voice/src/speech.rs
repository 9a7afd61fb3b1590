//! What is said in a call.

use twofactor_provider::Message;

/// The call's script: the message's own sentence, twice, with the code's digits one by one.
pub fn twiml(message: &Message) -> String {
    let (language, said) = (language(&message.locale), escaped(&sentence(message)));
    // Who picks up has the receiver at the ear a moment later.
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Response><Pause length=\"1\"/><Say language=\"{language}\" loop=\"2\">{said}</Say></Response>"
    )
}

/// The part of the text that has the code for people. Below it there may be a line that is for browsers alone.
fn sentence(message: &Message) -> String {
    let (text, code) = (message.text.as_str(), message.code.as_str());
    if code.is_empty() {
        return text.to_owned();
    }
    let part = text.split("\n\n").find(|part| part.contains(code)).unwrap_or(text);
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    part.replace(code, &digits)
}

/// The language's name at Twilio.
fn language(locale: &str) -> &'static str {
    match locale.split(['-', '_']).next().unwrap_or_default() {
        "de" => "de-DE",
        "fr" => "fr-FR",
        "it" => "it-IT",
        _ => "en-US",
    }
}

/// Without what no XML 1.0 may hold (section 2.2).
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
