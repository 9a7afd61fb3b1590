//! Encoding a mail so that nothing in it can become a header, a command or the end of the message.

use lettre::Message;
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};

/// One mail, as a guest asks for it.
pub(crate) struct Mail {
    pub(crate) sender_name: String,
    pub(crate) sender: String,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) id: String,
}

/// A mail ready to be handed over.
pub(super) struct Encoded {
    pub(super) sender: Address,
    pub(super) recipient: Address,
    pub(super) bytes: Vec<u8>,
}

impl Mail {
    /// Encodes the mail (RFC 5322, MIME). `Err` says which part is malformed, without repeating it.
    pub(super) fn encode(&self) -> Result<Encoded, String> {
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
            return Err("the mail's id must be 1 to 128 letters, digits, `-`, `_` or `.`".to_owned());
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
        let bytes = message.map_err(|_| "the mail cannot be encoded".to_owned())?.formatted();
        if has_bare_line_end(&bytes) {
            return Err("the mail cannot be encoded without a bare line end".to_owned());
        }
        Ok(Encoded { sender, recipient, bytes })
    }
}

fn address(part: &str, text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| format!("{part} is no email address"))
}

/// Quoted-printable whatever the text: no line of it can be a dot alone, and none is too long.
fn part(content_type: ContentType, text: &str) -> Result<SinglePart, String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
        .map_err(|_| "the text cannot be encoded".to_owned())?;
    Ok(SinglePart::builder().header(content_type).body(body))
}

fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Text that looks like an encoded word (RFC 2047) would be decoded by the reader into something nobody checked.
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
