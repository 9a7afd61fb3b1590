//! What no factor component does: it breaks the contract, or attacks the host.

use std::hint::black_box;

use twofactor_factor::bindings::twofactor::factor::types::{
    Accepted, BegunEnrolment, Facts, Otpauth, Reveal, State, Suspicion, Verdict,
};

use crate::{FORMAT, is, kind_and_fault, no_facts};

/// Ends badly, or not at all, in the function that the fault names: `loops in verify`.
pub(crate) fn at(function: &str) {
    let Some((how, place)) = kind_and_fault().1.rsplit_once(" in ") else { return };
    if place != function {
        return;
    }
    match how {
        "loops" => loop {
            black_box(());
        },
        "traps" => panic!("the fault"),
        "recurses" => {
            black_box(deeper(1));
        }
        "grows" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "works for long" => {
            for n in 0..150_000_000_u64 {
                black_box(n);
            }
        }
        _ => {}
    }
}

#[allow(unconditional_recursion, reason = "the fault")]
fn deeper(n: u64) -> u64 {
    black_box(deeper(black_box(n + 1))) + n
}

pub(crate) fn in_begun(begun: &mut BegunEnrolment) {
    match kind_and_fault().1 {
        "public is a text" => begun.public = "\"text\"".to_owned(),
        "public is not JSON" => begun.public = "{".to_owned(),
        "a giant public" => begun.public = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)),
        "a giant pending" => begun.pending = vec![7; 8193],
        "reveals nothing" => begun.reveal = None,
        "an https URI" => {
            let (uri, secret) = ("https://example.com/?secret=A".to_owned(), "A".repeat(32));
            begun.reveal = Some(Reveal::Otpauth(Otpauth { uri, secret }));
        }
        "the secret in public" => {
            if let Some(Reveal::Otpauth(shown)) = &begun.reveal {
                begun.public = format!("{{\"secret\":\"{}\"}}", shown.secret);
            }
        }
        _ => {}
    }
}

pub(crate) fn instead_of_a_verdict(factors: &[State], answer: &str) -> Option<Verdict> {
    let right = |index, data, facts| {
        let state = State { format: FORMAT, data };
        Some(Verdict::Right(Accepted { index, state, facts, observations: Vec::new() }))
    };
    let first = || factors.first().map(|state| state.data.clone()).unwrap_or_default();
    match kind_and_fault().1 {
        "any code" => right(0, [&first()[..], &[0]].concat(), no_facts()),
        "an index beyond" => right(7, vec![1], no_facts()),
        "a giant state" => right(0, vec![7; 16 << 20], no_facts()),
        "a large state" => right(0, vec![7; 8193], no_facts()),
        "the same state" => right(0, first(), no_facts()),
        "a short AAGUID" => right(0, vec![1], Facts { aaguid: Some(vec![7; 15]), ..no_facts() }),
        "suspects nobody" => Some(Verdict::Suspicious((u32::MAX, Suspicion::PropertyChanged))),
        "repeats the answer" => Some(Verdict::Wrong(format!("{answer} is wrong"))),
        "a giant detail" => Some(Verdict::Wrong("x".repeat(8 << 20))),
        _ => None,
    }
}

pub(crate) fn in_verdict(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Wrong(detail) if is("wrong is malformed") => Verdict::Malformed(detail),
        Verdict::Right(mut accepted) => {
            if is("a later format") {
                accepted.state.format += 1;
            }
            Verdict::Right(accepted)
        }
        other => other,
    }
}
