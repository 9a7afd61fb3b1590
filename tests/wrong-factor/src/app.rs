//! An authenticator app: RFC 6238 with SHA-1, 6 digits and 30 seconds.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha1::Sha1;
use twofactor_factor::bindings::twofactor::factor::types::{
    Accepted, BegunEnrolment, CodeAlphabet, CodeFormat, Context, Enrolled, EnrolmentVerdict, Otpauth, Reveal, State,
    Verdict,
};

use crate::{FORMAT as STATE_FORMAT, is, no_facts};

pub(crate) const FORMAT: CodeFormat = CodeFormat { alphabet: CodeAlphabet::Digits, length: 6 };

const SECRET: usize = 20;

/// Its secret, the last step whose code was accepted, and how often it was used.
struct App {
    secret: Vec<u8>,
    last: u64,
    uses: u32,
    /// What a fault adds.
    more: Vec<u8>,
}

impl App {
    fn read(data: &[u8]) -> Option<Self> {
        let (secret, rest) = data.split_at_checked(SECRET)?;
        let (last, rest) = rest.split_first_chunk()?;
        let (uses, more) = rest.split_first_chunk()?;
        let (last, uses) = (u64::from_be_bytes(*last), u32::from_be_bytes(*uses));
        Some(Self { secret: secret.to_vec(), last, uses, more: more.to_vec() })
    }

    fn state(&self) -> State {
        let data = [&self.secret[..], &self.last.to_be_bytes(), &self.uses.to_be_bytes(), &self.more].concat();
        State { format: STATE_FORMAT, data }
    }

    /// Returns the step of a code that is accepted now.
    fn step(&self, now: u64, code: &str) -> Option<u64> {
        let window = if is("a wide window") { 20 } else { 1 };
        let now = now / 30;
        (now.saturating_sub(window)..=now + window).find(|&step| {
            let is_new = match () {
                () if is("a code twice") => true,
                () if is("an earlier code") => step != self.last,
                () => step > self.last,
            };
            let is_right = if is("half of the code") {
                code_at(&self.secret, step)[3..] == code[3..]
            } else {
                code_at(&self.secret, step) == code
            };
            is_new && is_right
        })
    }
}

pub(crate) fn is_whole(data: &[u8]) -> bool {
    App::read(data).is_some_and(|app| app.more.is_empty() || is("the state grows"))
}

fn code_at(secret: &[u8], step: u64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bit = |n: usize| bytes.get(n / 8).is_some_and(|byte| byte >> (7 - n % 8) & 1 == 1);
    let letter = |n: usize| LETTERS[(0..5).fold(0, |letter, i| letter << 1 | usize::from(bit(n * 5 + i)))];
    (0..(bytes.len() * 8).div_ceil(5)).map(|n| char::from(letter(n))).collect()
}

/// Percent-encodes a label or a parameter.
fn escaped(text: &str) -> String {
    let mut all = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            b':' => {}
            b' ' if is("a plus in the URI") => all.push('+'),
            _ => all.push_str(&format!("%{byte:02X}")),
        }
    }
    all
}

pub(crate) fn begin(issuer: &str, context: &Context) -> BegunEnrolment {
    assert!(!(is("no long names") && context.user.name.len() > 100));
    let bytes = if is("a short secret") { 10 } else { SECRET };
    let mut secret = context.entropy[..bytes].to_vec();
    if is("the same secret for all") {
        secret = vec![7; SECRET];
    }
    let (issuer, name) = (escaped(issuer), escaped(&context.user.name));
    let shown = if is("another secret in the URI") { base32(&[1; SECRET]) } else { base32(&secret) };
    let of_parameter = if is("two issuers") { "Another" } else { &issuer };
    let uri = format!("otpauth://totp/{issuer}:{name}?secret={shown}&issuer={of_parameter}");
    secret.resize(SECRET, 0);
    let reveal = Some(Reveal::Otpauth(Otpauth { uri, secret: base32(&secret[..bytes]) }));
    BegunEnrolment { public: Value::from_iter([("digits", 6)]).to_string(), reveal, pending: secret }
}

pub(crate) fn finish(context: &Context, secret: Vec<u8>, answer: &str) -> EnrolmentVerdict {
    let mut app = App { secret, last: 0, uses: 0, more: Vec::new() };
    match app.step(context.now, answer) {
        Some(step) => {
            app.last = if is("the first code twice") { 0 } else { step };
            EnrolmentVerdict::Enrolled(Enrolled { state: app.state(), unique_id: Vec::new(), facts: no_facts() })
        }
        None if is("enrols with any code") => {
            EnrolmentVerdict::Enrolled(Enrolled { state: app.state(), unique_id: Vec::new(), facts: no_facts() })
        }
        None => EnrolmentVerdict::Wrong("the code fits no step".to_owned()),
    }
}

pub(crate) fn verify(context: &Context, factors: &[State], answer: &str) -> Verdict {
    for (index, state) in (0..).zip(factors) {
        let Some(mut app) = App::read(&state.data) else { continue };
        let Some(step) = app.step(context.now, answer) else { continue };
        (app.last, app.uses) = (step.max(app.last), app.uses + 1);
        if is("an earlier code") {
            app.last = step;
        }
        if is("the state grows") {
            app.more.extend([0; 400]);
        }
        let index = if is("always the first") { 0 } else { index };
        return Verdict::Right(Accepted { index, state: app.state(), facts: no_facts(), observations: Vec::new() });
    }
    Verdict::Wrong("the code fits no step".to_owned())
}
