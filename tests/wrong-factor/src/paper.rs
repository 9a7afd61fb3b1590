//! Codes that are shown once and used once each.

use twofactor_factor::bindings::twofactor::factor::types::{
    Accepted, BegunEnrolment, CodeAlphabet, CodeFormat, Context, Enrolled, EnrolmentVerdict, Facts, Reveal, State,
    Verdict,
};

use crate::{FORMAT as STATE_FORMAT, is, no_facts};

const LENGTH: usize = 16;

pub(crate) const FORMAT: CodeFormat = CodeFormat { alphabet: CodeAlphabet::LettersAndDigits, length: 16 };

/// The codes that are left, in one text, and how often one was used.
pub(crate) fn is_whole(data: &[u8]) -> bool {
    data.len() % LENGTH == 4 && data[..data.len() - 4].iter().all(u8::is_ascii_alphanumeric)
}

fn state(codes: &[String], uses: u32) -> State {
    State { format: STATE_FORMAT, data: [codes.concat().as_bytes(), &uses.to_be_bytes()].concat() }
}

fn facts(codes: &[String]) -> Facts {
    let left = codes.len().try_into().unwrap_or_default();
    Facts { uses_left: Some(if is("counts no uses") { 10 } else { left }), ..no_facts() }
}

pub(crate) fn begin(context: &Context) -> BegunEnrolment {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKMNPQRSTVWXYZ0123456789";
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    let mut codes: Vec<String> =
        context.entropy.chunks(LENGTH).take(10).map(|of| of.iter().map(letter).collect()).collect();
    if is("the same code ten times") {
        codes = vec![codes[0].clone(); 10];
    }
    let pending = codes.concat().into_bytes();
    BegunEnrolment { public: "{}".to_owned(), reveal: Some(Reveal::Codes(codes)), pending }
}

pub(crate) fn finish(pending: Vec<u8>) -> EnrolmentVerdict {
    let codes = read(&pending);
    EnrolmentVerdict::Enrolled(Enrolled { state: state(&codes, 0), unique_id: Vec::new(), facts: facts(&codes) })
}

fn read(codes: &[u8]) -> Vec<String> {
    codes.chunks_exact(LENGTH).map(|code| String::from_utf8_lossy(code).into_owned()).collect()
}

pub(crate) fn verify(factors: &[State], answer: &str) -> Verdict {
    for (index, held) in (0..).zip(factors) {
        let Some((codes, uses)) = held.data.split_last_chunk() else { continue };
        let mut codes = read(codes);
        let Some(at) = codes.iter().position(|code| code == answer) else { continue };
        if is("one code ends all") {
            codes.clear();
        } else if !is("a code twice") {
            codes.remove(at);
        }
        let (facts, state) = (facts(&codes), state(&codes, u32::from_be_bytes(*uses) + 1));
        return Verdict::Right(Accepted { index, state, facts, observations: Vec::new() });
    }
    Verdict::Wrong("it is none of the codes that are left".to_owned())
}
