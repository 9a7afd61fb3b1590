//! Encodes emails so that nothing in them can become a header, a command or the end of the message.

use lettre::Message;
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};

/// An email that a component sends.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) sender_name: String,
    pub(crate) sender: String,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) id: String,
}

/// An email that is ready to be sent.
pub(crate) struct Encoded {
    pub(crate) sender: Address,
    pub(crate) recipient: Address,
    pub(crate) bytes: Vec<u8>,
}

impl Encoded {
    /// Whether the envelope needs no SMTPUTF8 (RFC 6531).
    pub(crate) fn is_ascii(&self) -> bool {
        [&self.sender, &self.recipient].iter().all(|address| address.to_string().is_ascii())
    }
}

impl Mail {
    /// Encodes the mail (RFC 5322, MIME). `Err` says which part is malformed, without repeating it.
    pub(crate) fn encode(&self) -> Result<Encoded, String> {
        for (part, text) in [
            ("the sender's name", &self.sender_name),
            ("the sender", &self.sender),
            ("the recipient", &self.recipient),
            ("the subject", &self.subject),
        ] {
            // The library that builds the message panics on some of these (RUSTSEC-2026-0564).
            if text.chars().any(breaks_lines) || text.len() > 900 {
                return Err(format!("{part} is too long or has a character that breaks lines"));
            }
        }
        let sender = address("the sender", &self.sender)?;
        let recipient = address("the recipient", &self.recipient)?;
        let id_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.id.is_empty() || self.id.len() > 128 || !self.id.chars().all(id_fits) {
            return Err("the email's id must be 1 to 128 letters, digits, `-`, `_` or `.`".to_owned());
        }
        let name = (!self.sender_name.is_empty()).then(|| self.sender_name.clone());
        let envelope = Envelope::new(Some(sender.clone()), vec![recipient.clone()])
            .map_err(|_| "the envelope is malformed".to_owned())?;
        let builder = Message::builder()
            .envelope(envelope)
            .from(Mailbox::new(name, sender.clone()))
            .to(Mailbox::new(None, recipient.clone()))
            .subject(inert(&self.subject))
            .message_id(Some(format!("<{}@{}>", self.id, sender.domain())))
            .date_now()
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        let text = part(ContentType::TEXT_PLAIN, &self.text)?;
        let message = match &self.html {
            Some(html) => builder
                .multipart(MultiPart::alternative().singlepart(text).singlepart(part(ContentType::TEXT_HTML, html)?)),
            None => builder.singlepart(text),
        };
        let bytes = message.map_err(|_| "the email cannot be encoded".to_owned())?.formatted();
        if has_bare_line_end(&bytes) {
            return Err("the email cannot be encoded without a bare line end".to_owned());
        }
        Ok(Encoded { sender, recipient, bytes })
    }
}

/// Parses an address. The domain is converted to ASCII (IDNA), which every server accepts and a
/// `Message-ID` requires. A quoted local part is refused: mail programs may read it as a name with
/// another address after it.
fn address(part: &str, text: &str) -> Result<Address, String> {
    let wrong = || format!("{part} is not an email address");
    let parsed: Address = text.parse().map_err(|_| wrong())?;
    if parsed.user().starts_with('"') {
        return Err(wrong());
    }
    if parsed.domain().is_ascii() {
        return Ok(parsed);
    }
    let domain = url::Host::parse(parsed.domain()).map_err(|_| wrong())?;
    Address::new(parsed.user(), domain.to_string()).map_err(|_| wrong())
}

/// Encodes a part as quoted-printable, whatever the text: its bytes are ASCII, its lines are short
/// enough, and CR and LF occur only at the end of a line.
fn part(content_type: ContentType, text: &str) -> Result<SinglePart, String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
        .map_err(|_| "the text cannot be encoded".to_owned())?;
    Ok(SinglePart::builder().header(content_type).body(body))
}

fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns text that no mail program decodes: text that looks like an encoded word (RFC 2047) would
/// become something that nobody checked.
fn inert(text: &str) -> String {
    text.replace("=?", "= ?")
}

fn has_bare_line_end(bytes: &[u8]) -> bool {
    let mut before = 0;
    for (n, &byte) in bytes.iter().enumerate() {
        if byte == b'\n' && before != b'\r' || byte == b'\r' && bytes.get(n + 1) != Some(&b'\n') {
            return true;
        }
        before = byte;
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use mail_parser::MessageParser;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn mail() -> Mail {
        Mail {
            sender_name: "Shop".to_owned(),
            sender: "codes@example.com".to_owned(),
            recipient: "alice@example.net".to_owned(),
            subject: "Your code".to_owned(),
            text: "123456".to_owned(),
            html: Some("<p>123456</p>".to_owned()),
            id: "0123456789abcdef".to_owned(),
        }
    }

    /// Texts that break emails.
    const PARTS: &[&str] = &[
        "\r\n",
        "\n",
        "\r",
        "\0",
        "\u{b}",
        "\u{c}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        ".",
        "\r\n.\r\n",
        "\n.\n",
        "\r.\r",
        "Bcc: eve@example.org",
        "=?utf-8?q?a=0D=0ABcc:_eve?=",
        "=?",
        "?=",
        "=",
        "=0A",
        "\"",
        "\\",
        "<",
        ">",
        "(",
        ")",
        ",",
        ";",
        ":",
        "@",
        "--",
        " ",
        "  ",
        "\t",
        "é",
        "ß",
        "👩‍💻",
        "\u{202e}",
        "\u{feff}",
        "x",
        "code",
        "<eve@example.org>",
    ];

    /// Generates texts of these and of arbitrary characters.
    fn hostile() -> impl Strategy<Value = String> {
        let word = prop_oneof![8 => select(PARTS).prop_map(str::to_owned), 2 => any::<String>(), 1 => "[a-z]{0,1200}"];
        prop_oneof![vec(word, 0..12).prop_map(|words| words.concat()), "[ -~]{0,200}"]
    }

    fn address() -> impl Strategy<Value = String> {
        let odd = (hostile(), hostile()).prop_map(|(local, domain)| format!("{local}@{domain}"));
        let quoted = hostile().prop_map(|local| format!("\"{local}\"@example.com"));
        prop_oneof![3 => "[a-zé]{1,80}@[a-zü]{1,70}\\.com", 1 => odd, 1 => quoted, 1 => hostile()]
    }

    fn lines(text: &str) -> String {
        text.replace("\r\n", "\n").replace('\r', "\n")
    }

    /// Removes white space, which is not significant where a header may be folded.
    fn solid(text: &str) -> String {
        text.replace(' ', "")
    }

    fn names_of_the_header(bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let head = text.split_once("\r\n\r\n").unwrap().0;
        let fields = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        let mut names: Vec<String> = fields.map(|line| line.split_once(": ").unwrap().0.to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_subject_that_looks_encoded_is_displayed_unchanged() {
        for subject in ["=?utf-8?q?Your_bank?=", "Code =?utf-8?b?PGI+?=", "==?utf-8?q?x?=?utf-8?q?y?=", "=?utf-8?q?é?="]
        {
            let encoded = Mail { subject: subject.to_owned(), ..mail() }.encode().unwrap();
            let parsed = MessageParser::default().parse(&encoded.bytes).unwrap();
            assert_eq!(solid(parsed.subject().unwrap()), solid(subject));
        }
    }

    #[test]
    fn lines_of_a_text_end_with_crlf() {
        let text = "a\nb\rc\r\nd\n.\ne\n\r.\r".to_owned();
        let encoded = Mail { text, ..mail() }.encode().unwrap();
        let bytes = String::from_utf8(encoded.bytes).unwrap();
        assert!(bytes.contains("\r\na\r\nb\r\nc\r\nd\r\n.\r\ne\r\n\r\n.\r\n"), "{bytes}");
        for bare in ["a\nb", "\n", "a\r\n\nb", "a\rb", "a\r", "\r\r\n"] {
            assert!(has_bare_line_end(bare.as_bytes()), "{bare:?}");
        }
        assert!(!has_bare_line_end(b"a\r\n\r\nb\r\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_email_is_refused_or_contains_exactly_its_texts(
            sender_name in hostile(), sender in address(), recipient in address(), subject in hostile(),
            text in hostile(), html in proptest::option::of(hostile()), own in select(&[0, 1, 2, 3, 4, 5, 6][..]),
        ) {
            // One part is hostile, or all are.
            let good = mail();
            let pick = |n, hostile: String, good: String| if own == 0 || own == n { hostile } else { good };
            let mail = Mail {
                sender_name: pick(1, sender_name, good.sender_name),
                sender: pick(2, sender, good.sender),
                recipient: pick(3, recipient, good.recipient),
                subject: pick(4, subject, good.subject),
                text: pick(5, text, good.text),
                html: if own == 0 || own == 6 { html } else { good.html },
                id: good.id,
            };
            let Ok(encoded) = mail.encode() else { return Ok(()) };
            prop_assert!(!has_bare_line_end(&encoded.bytes));
            for line in encoded.bytes.split(|&b| b == b'\n') {
                prop_assert!(line.len() <= 998 + 1, "a line of {} octets", line.len());
            }
            let mut expected = vec!["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];
            if mail.html.is_none() {
                expected.insert(1, "Content-Transfer-Encoding");
            }
            prop_assert_eq!(names_of_the_header(&encoded.bytes), expected);

            let parsed = MessageParser::default().parse(&encoded.bytes).unwrap();
            prop_assert_eq!(parsed.headers().len(), 8 + usize::from(mail.html.is_none()));
            let from = parsed.from().unwrap().as_list().unwrap();
            let to = parsed.to().unwrap().as_list().unwrap();
            prop_assert_eq!((from.len(), to.len()), (1, 1));
            prop_assert_eq!(from[0].address().unwrap(), encoded.sender.to_string());
            prop_assert_eq!(to[0].address().unwrap(), encoded.recipient.to_string());
            prop_assert_eq!(parsed.message_id().unwrap(), format!("{}@{}", mail.id, encoded.sender.domain()));
            let local = |text: &str| text.rsplit_once('@').unwrap().0.to_owned();
            prop_assert_eq!(encoded.sender.user(), local(&mail.sender));
            prop_assert_eq!(encoded.recipient.user(), local(&mail.recipient));
            prop_assert_eq!(solid(from[0].name().unwrap_or_default()), solid(&mail.sender_name));
            prop_assert_eq!(solid(parsed.subject().unwrap_or_default()), solid(&mail.subject));
            // An email ends with a line break, which the boundary after a part does not add.
            let end = if mail.html.is_some() { "" } else { "\n" };
            prop_assert_eq!(lines(&parsed.body_text(0).unwrap()), lines(&mail.text) + end);
            if let Some(html) = &mail.html {
                prop_assert_eq!(lines(&parsed.body_html(0).unwrap()), lines(html));
            }
        }
    }
}
