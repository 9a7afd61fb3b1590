//! The code stays with the host. A component that need not see it gets letters in its place, which become the code where a
//! request or a mail leaves; what an upstream repeats of the code becomes the letters again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memchr::memmem;
use zeroize::Zeroizing;

use super::bindings::twofactor::provider::types as wit;
use crate::capability::{HttpRequest, HttpResponse, Mail};
use crate::error::Error;
use crate::random;

/// Letters that seldom stand beside each other, in any language or format. They look the same in a form, in JSON and in HTML, and a
/// text with them has as many characters of GSM 7 bit as with the code.
const LETTERS: &[u8; 8] = b"QXZJKVWY";

/// How often letters are drawn: of four there are 4096.
const ROUNDS: usize = 64;

/// What stands for the code of one delivery.
pub(super) struct Placeholder {
    letters: String,
    code: Zeroizing<String>,
    /// To whom alone a mail may take it, if it is for an email address.
    mail_to: Option<String>,
    /// In how many requests and mails it has left.
    left: AtomicU32,
}

impl Placeholder {
    /// Takes the code out of a message, if it has one. `options` are what the component gets beside it; `mail_to` is the only address that a
    /// mail may take it to.
    pub(super) fn put(
        message: &mut wit::Message,
        options: &str,
        mail_to: Option<String>,
    ) -> Result<Option<Arc<Self>>, Error> {
        let code = Zeroizing::new(std::mem::take(&mut message.code));
        if code.is_empty() {
            return Ok(None);
        }
        let html = message.html.as_deref().unwrap_or_default();
        let texts = [&*message.text, &message.subject, html, &message.recipient, &message.application, options];
        let placeholder = Self::for_mail(&code, &texts, mail_to)?;
        for text in [&mut message.text, &mut message.subject].into_iter().chain(message.html.as_mut()) {
            *text = text.replace(code.as_str(), &placeholder.letters);
        }
        Ok(Some(placeholder))
    }

    /// Letters for a code that stand in none of these `texts`, which the component gets beside them: only the code's place may become
    /// the code.
    pub(super) fn new(code: &str, texts: &[&str]) -> Result<Arc<Self>, Error> {
        Self::for_mail(code, texts, None)
    }

    fn for_mail(code: &str, texts: &[&str], mail_to: Option<String>) -> Result<Arc<Self>, Error> {
        for _ in 0..ROUNDS {
            let mut bytes = vec![0; code.len()];
            random::fill(&mut bytes)?;
            let letters: String =
                bytes.into_iter().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect();
            if !texts.iter().any(|text| text.contains(&letters)) {
                let (code, left) = (Zeroizing::new(code.to_owned()), AtomicU32::new(0));
                return Ok(Arc::new(Self { letters, code, mail_to, left }));
            }
        }
        Err(Error::unavailable("no letters were found that could stand for the code"))
    }

    /// What the component gets in the code's place.
    pub(super) fn letters(&self) -> &str {
        &self.letters
    }

    /// Puts the code into a request's body. Not into its URL or its headers, which are written down on their way. Answers whether it is there.
    pub(super) fn fill_request(&self, request: &mut HttpRequest) -> bool {
        let filled = memmem::find(&request.body, self.letters.as_bytes()).is_some();
        if filled {
            self.left.fetch_add(1, Ordering::AcqRel);
            request.body = replaced(std::mem::take(&mut request.body), self.letters.as_bytes(), self.code.as_bytes());
        }
        filled
    }

    /// Puts the code into a mail. Answers whether it is there.
    ///
    /// # Errors
    /// Why it may not be, for the provider's author.
    pub(super) fn fill_mail(&self, mail: &mut Mail) -> Result<bool, String> {
        let texts = [&mut mail.subject, &mut mail.text].into_iter().chain(mail.html.as_mut());
        let places: Vec<_> = texts.filter(|text| text.contains(&self.letters)).collect();
        if places.is_empty() {
            return Ok(false);
        }
        if self.mail_to.as_ref().is_some_and(|to| !to.eq_ignore_ascii_case(&mail.recipient)) {
            return Err("a mail with the code goes to the message's recipient and to nobody else".to_owned());
        }
        self.left.fetch_add(1, Ordering::AcqRel);
        for text in places {
            *text = text.replace(&self.letters, &self.code);
        }
        Ok(true)
    }

    /// What it was filled into surely went nowhere.
    pub(super) fn did_not_leave(&self) {
        self.left.fetch_sub(1, Ordering::AcqRel);
    }

    /// Takes the code out of what an upstream answered.
    pub(super) fn cover(&self, answer: &mut HttpResponse) {
        answer.body = replaced(std::mem::take(&mut answer.body), self.code.as_bytes(), self.letters.as_bytes());
        for (_, value) in &mut answer.headers {
            if value.contains(self.code.as_str()) {
                *value = value.replace(self.code.as_str(), &self.letters);
            }
        }
    }

    /// The same for a text.
    pub(super) fn covered(&self, text: String) -> String {
        text.replace(self.code.as_str(), &self.letters)
    }

    /// Whether the code has left, or may have.
    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }
}

/// Both have the same length.
fn replaced(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = memmem::find_iter(&bytes, old).collect();
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(new);
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn message() -> wit::Message {
        wit::Message {
            id: "m".to_owned(),
            recipient: "+41791234567".to_owned(),
            subject: "Shop: 123456".to_owned(),
            text: "Your code is 123456.\n\n@shop.example.com #123456".to_owned(),
            html: Some("<p>123456</p>".to_owned()),
            code: "123456".to_owned(),
            valid_seconds: 300,
            locale: "en".to_owned(),
            purpose: "sign-in".to_owned(),
            application: "Shop".to_owned(),
            extra: Vec::new(),
        }
    }

    #[test]
    fn no_text_of_the_message_holds_the_code_and_each_is_as_long_as_before() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", None).unwrap().unwrap();
        assert_eq!(hidden.code, "");
        for (text, before) in [(&hidden.text, message().text), (&hidden.subject, message().subject)] {
            assert!(!text.contains("123456") && text.contains(&placeholder.letters), "{text}");
            assert_eq!(text.len(), before.len());
        }
        assert!(!hidden.html.as_ref().unwrap().contains("123456"));
        assert_eq!(hidden.recipient, "+41791234567");
    }

    #[test]
    fn a_form_json_and_a_mail_leave_with_the_code_and_the_url_without() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", None).unwrap().unwrap();
        assert!(!placeholder.has_left());
        let form: String = url::form_urlencoded::byte_serialize(hidden.text.as_bytes()).collect();
        let json = serde_json::Value::from(hidden.text.as_str()).to_string();
        for body in [form, json] {
            let (url, headers) = (format!("https://a.example.com/?{body}"), vec![("x".to_owned(), body.clone())]);
            let mut request = HttpRequest { method: "POST".to_owned(), url, headers, body: body.clone().into() };
            placeholder.fill_request(&mut request);
            assert_eq!(String::from_utf8(request.body).unwrap(), body.replace(&placeholder.letters, "123456"));
            assert!(!request.url.contains("123456") && !request.headers[0].1.contains("123456"));
        }
        assert!(placeholder.has_left());
    }

    #[test]
    fn what_surely_went_nowhere_took_no_code_with_it() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", None).unwrap().unwrap();
        let body = hidden.text.into_bytes();
        let mut request = HttpRequest { method: "POST".to_owned(), url: String::new(), headers: Vec::new(), body };
        let mut other = request.clone();
        assert!(placeholder.fill_request(&mut request) && placeholder.fill_request(&mut other));
        placeholder.did_not_leave();
        assert!(placeholder.has_left());
        placeholder.did_not_leave();
        assert!(!placeholder.has_left());
    }

    #[test]
    fn what_an_upstream_repeats_holds_the_letters_again() {
        let placeholder = Placeholder::put(&mut message(), "{}", None).unwrap().unwrap();
        let headers = vec![("x".to_owned(), "123456".to_owned())];
        let mut answer = HttpResponse { status: 200, headers, body: b"a 123456 b 123456".to_vec() };
        placeholder.cover(&mut answer);
        assert_eq!(answer.body, format!("a {0} b {0}", placeholder.letters).into_bytes());
        assert_eq!(answer.headers[0].1, placeholder.letters);
        assert_eq!(placeholder.covered("250 123456".to_owned()), format!("250 {}", placeholder.letters));
    }
}
