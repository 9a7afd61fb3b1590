//! Secrets, codes and candidate numbers are found in every encoding, and in two nested ones.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::single_range_in_vec_init, reason = "the places that were found are ranges")]

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Code, Numbers, Texts, Words};

type Encoding = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Returns the places of a code in a text.
fn places(code: &str, text: &[u8]) -> Vec<Range<usize>> {
    Words::default().with_codes([Code::new(code)]).places(text)
}

fn each(bytes: &[u8], write: impl Fn(u8) -> String) -> Vec<u8> {
    bytes.iter().map(|byte| write(*byte)).collect::<String>().into_bytes()
}

fn each_char(bytes: &[u8], write: impl Fn(&mut String, char)) -> Vec<u8> {
    let mut out = String::new();
    String::from_utf8_lossy(bytes).chars().for_each(|c| write(&mut out, c));
    out.into_bytes()
}

fn utf_16(bytes: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).encode_utf16().flat_map(unit).collect()
}

/// Returns the bytes after others, so that they begin within a character of base64.
fn after(before: &str, bytes: &[u8]) -> Vec<u8> {
    STANDARD_NO_PAD.encode([before.as_bytes(), bytes].concat()).into_bytes()
}

const ENCODINGS: [Encoding; 22] = [
    ("as it is", <[u8]>::to_vec),
    ("upper case", <[u8]>::to_ascii_uppercase),
    ("JSON", |bytes| serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string().into_bytes()),
    ("JSON with \\/", |bytes| {
        let json = serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string();
        json.replace('/', "\\/").into_bytes()
    }),
    ("JSON, all escaped", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.encode_utf16().fold(String::new(), |text, unit| text + &format!("\\u{unit:04X}")).into_bytes()
    }),
    ("percent", |bytes| url::form_urlencoded::byte_serialize(bytes).collect::<String>().into_bytes()),
    ("percent, all", |bytes| each(bytes, |byte| format!("%{byte:02x}"))),
    ("HTML", |bytes| {
        each_char(bytes, |out, c| match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '+' => out.push_str("&plus;"),
            c => out.push(c),
        })
    }),
    ("HTML, decimal", |bytes| each_char(bytes, |out, c| _ = write!(out, "&#{};", u32::from(c)))),
    ("HTML, hexadecimal", |bytes| each_char(bytes, |out, c| _ = write!(out, "&#x{:X};", u32::from(c)))),
    ("hexadecimal", |bytes| hex::encode(bytes).into_bytes()),
    ("hexadecimal, upper case", |bytes| hex::encode_upper(bytes).into_bytes()),
    ("base64", |bytes| STANDARD.encode(bytes).into_bytes()),
    ("base64 for URLs", |bytes| URL_SAFE.encode(bytes).into_bytes()),
    ("base64 for URLs without padding", |bytes| URL_SAFE_NO_PAD.encode(bytes).into_bytes()),
    ("base64 after one byte", |bytes| after(":", bytes)),
    ("base64 after two bytes", |bytes| after("u:", bytes)),
    ("base64 in lines", |bytes| {
        let letters = STANDARD.encode(bytes).into_bytes();
        letters.chunks(12).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b"\r\n"[..])
    }),
    ("quoted-printable", |bytes| each(bytes, |byte| format!("={byte:02X}"))),
    ("quoted-printable in lines", |bytes| {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'=';
        each(bytes, |byte| if plain(byte) { format!("{}=\r\n", char::from(byte)) } else { format!("={byte:02X}") })
    }),
    ("UTF-16LE", |bytes| utf_16(bytes, u16::to_le_bytes)),
    ("UTF-16BE", |bytes| utf_16(bytes, u16::to_be_bytes)),
];

/// Returns whether an encoding depends on case.
fn is_of_case(name: &str) -> bool {
    name.starts_with("base64")
}

/// Returns a text encoded twice, with other text around it.
fn twice(text: &str, inner: usize, outer: usize) -> Option<Vec<u8>> {
    let ((first, inner), (second, outer)) = (ENCODINGS[inner], ENCODINGS[outer]);
    // In upper case, base64 is a different text, and so are most escapes.
    if second == "upper case" && first != "as it is" && !first.starts_with("hexadecimal")
        || is_of_case(first) && second == "upper case"
    {
        return None;
    }
    Some(outer(&inner(text.as_bytes())))
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~]{8,40}", "[a-z0-9]{6,32}", "[ -~äöüéß€]{8,30}", "[A-Za-z0-9+/]{40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_found_in_each_encoding_and_in_two_nested_ones(
        secret in secret(), inner in 0..ENCODINGS.len(), outer in 0..ENCODINGS.len(),
        before in select(&["", "{\"a\":\"", "x=", "  ", "Bearer "][..]), after in select(&["", "\"}", "&y=1", "\r\n"][..]),
    ) {
        // Texts that are not ASCII have no ASCII upper case, and in UTF-16 they are not text for
        // encodings of texts.
        let utf_16 = |n: usize| ENCODINGS[n].0.starts_with("UTF-16");
        let is_utf_16 = utf_16(inner) || utf_16(outer) && inner != 0;
        prop_assume!(secret.is_ascii() || ![inner, outer].contains(&1) && !is_utf_16);
        let Some(encoded) = twice(&secret, inner, outer) else { return Ok(()) };
        let text = [before.as_bytes(), &encoded, after.as_bytes()].concat();
        let places = Texts::new([&*secret], 6).places(&text);
        prop_assert!(!places.is_empty(), "{} in {}: {}", ENCODINGS[inner].0, ENCODINGS[outer].0, String::from_utf8_lossy(&text));
        let mut covered = text.clone();
        Texts::new([&*secret], 6).cover(&mut covered);
        prop_assert_eq!(covered.len(), text.len());
        prop_assert!(Texts::new([&*secret], 6).places(&covered).is_empty());
    }

    #[test]
    fn a_code_is_found_and_covered_in_each_encoding_and_in_two_nested_ones(
        // Letters right before base64 belong to it, and could put another digit before the code.
        code in "[0-9]{4,10}", inner in 0..ENCODINGS.len(), outer in 0..ENCODINGS.len(), before in "([a-z \":]{0,4}[ \":])?", after in "[ \",}]{1,4}",
    ) {
        let encoded = twice(&code, inner, outer);
        prop_assume!(encoded.is_some());
        let mut text = [before.as_bytes(), &encoded.unwrap(), after.as_bytes()].concat();
        let sought = Code::new(&code);
        prop_assert!(sought.is_in(&text) && !places(&code, &text).is_empty(), "{}", String::from_utf8_lossy(&text));
        let letters = &"QXZJKVWYQX"[..code.len()];
        sought.cover(&mut [&mut text], letters, &mut Numbers::default());
        prop_assert!(!sought.is_in(&text), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn what_is_not_there_is_not_found(secret in "[a-z0-9]{12,32}", text in "[ -~]{0,400}") {
        prop_assert!(Texts::new([&*secret], 6).places(text.as_bytes()).is_empty());
    }

    #[test]
    fn nothing_that_is_read_breaks_the_search(text in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut covered = text.clone();
        Texts::new(["s3cret-ä"], 6).cover(&mut covered);
        prop_assert_eq!(covered.len(), text.len());
        Code::new("482913").cover(&mut [&mut covered], "QXZJKV", &mut Numbers::default());
        let _ = places("482913", &text);
        for few in ["", "1", "12", "123"] {
            let _ = places(few, &text);
        }
    }
}

#[test]
fn a_list_of_candidates_does_not_reveal_the_code() {
    let list = (0..1000).map(|n| format!("{:06} ", n * 971)).collect::<String>();
    let covered_for = |code: &str| {
        let mut text = list.clone().into_bytes();
        Code::new(code).cover(&mut [&mut text], "QXZJKV", &mut Numbers::default());
        String::from_utf8(text).unwrap()
    };
    assert_eq!(covered_for("000971"), covered_for("123456"));
    // Also in pieces that are each short.
    let (code, mut numbers) = (Code::new("000971"), Numbers::default());
    let pieces = list.as_bytes().chunks(7 * 20).rev().map(|piece| {
        let mut piece = piece.to_vec();
        code.cover(&mut [&mut piece], "QXZJKV", &mut numbers);
        piece
    });
    let read = String::from_utf8(pieces.collect::<Vec<_>>().concat()).unwrap();
    assert!(!read.contains("QXZJKV"), "{read}");
}

#[test]
fn an_answer_as_gateways_give_it_keeps_its_numbers() {
    let answer = r#"{"sid":"SM1234567890abcdef1234567890abcdef","to":"+41791234567","from":"+15005550006","date_created":
        "Sun, 29 Nov 2026 01:15:00 +0000","status":"queued","price":null,"body":"Your code is 482913.","ts":1764378900123,"ids":["131026","700016"],
        "uri":"/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages/SM1234567890abcdef1234567890abcdef.json"}"#;
    let mut covered = answer.as_bytes().to_vec();
    Code::new("482913").cover(&mut [&mut covered], "QXZJKV", &mut Numbers::default());
    assert_eq!(String::from_utf8(covered).unwrap(), answer.replace("482913", "QXZJKV"));
}

/// Returns long texts of everything that can be decoded.
fn long_texts() -> Vec<(&'static str, Vec<u8>)> {
    let of = |piece: &[u8]| piece.iter().copied().cycle().take(1 << 20).collect::<Vec<u8>>();
    vec![
        ("letters", of(b"a")),
        ("digits", of(b"31")),
        ("percent", of(b"%2541%25252525")),
        ("backslashes", of(b"\\u005cu0041\\/")),
        ("references", of(b"&amp;#x26;&#38;amp;")),
        ("quoted", of(b"=3D41=\r\n")),
        ("nothing", of(b"\0a")),
        ("base64 of base64", of(STANDARD.encode(STANDARD.encode("aGVsbG8gd29ybGQ=".repeat(20))).as_bytes())),
        ("words", of("vier acht zwei neun eins ".as_bytes())),
        ("almost", of(b"s3cret-ss3cret-s")),
    ]
}

#[test]
fn a_long_text_takes_time_in_proportion_and_is_read_to_its_end() {
    for (name, mut text) in long_texts() {
        let end = text.len() - 20;
        text[end - 1..].fill(b' ');
        text[end..end + 12].copy_from_slice(b"S3cret%2Dsss");
        // Across the border of two windows.
        text[super::WINDOW - 7..super::WINDOW + 7].copy_from_slice(b" S3cret%2Dsss ");
        let begun = std::time::Instant::now();
        let found = Texts::new(["s3cret-sss"], 6).places(&text);
        assert!(found.iter().any(|place| place.start == end), "{name}");
        assert!(found.iter().any(|place| place.contains(&super::WINDOW)), "{name}");
        let texts = begun.elapsed();
        let mut covered = text.clone();
        Code::new("482913").cover(&mut [&mut covered], "QXZJKV", &mut Numbers::default());
        let cover = begun.elapsed() - texts;
        let _ = Code::new("482913").is_in(&text);
        #[allow(clippy::print_stdout, reason = "to be seen")]
        {
            println!("{name}: 1 MiB searched in {texts:?}, covered in {cover:?}, in all {:?}", begun.elapsed());
        }
    }
}

#[test]
fn a_text_is_found_over_the_border_of_two_windows_however_long_its_encoding_is() {
    let percent = each(b"s3cret-sss", |byte| format!("%{byte:02x}"));
    let encoded = each(&percent, |byte| format!("\\u{byte:04x}"));
    assert_eq!(encoded.len(), 180);
    for before in (0..=encoded.len()).step_by(10) {
        let mut text = vec![b' '; super::WINDOW * 2];
        let from = super::WINDOW - before;
        text[from..from + encoded.len()].copy_from_slice(&encoded);
        let found = Texts::new(["s3cret-sss"], 6).places(&text);
        assert_eq!(found, [from..from + encoded.len()], "{before} bytes before the border");
    }
}

#[test]
fn a_secret_beyond_ascii_is_found_in_another_case_and_in_other_character_sets() {
    let texts = Texts::new(["Pässwörd-é1"], 6);
    let units = |unit: fn(u16) -> [u8; 2]| "Pässwörd-é1".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    for text in [
        "pässwörd-é1".as_bytes(),
        "PÄSSWÖRD-É1".as_bytes(),
        b"P\xe4ssw\xf6rd-\xe91",
        &units(u16::to_le_bytes),
        &units(u16::to_be_bytes),
    ] {
        assert_eq!(texts.places(text), [0..text.len()], "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_code_is_found_in_longer_numbers_if_a_chance_match_is_unlikely() {
    assert!(Code::new("482913").is_in(b"ref-148291377"));
    assert!(!Code::new("4829").is_in(b"ref-148291377"));
    assert!(Code::new("4829").is_in(b"ref 4829") && Code::new("4829").is_in(b"4 8 2 9"));
}

#[test]
fn a_code_among_very_many_numbers_does_not_count_as_chance() {
    let code = Code::new("482913");
    assert!(code.is_by_chance_in(&["order 482913 of 2026"]));
    assert!(!code.is_by_chance_in(&["order 2026"]));
    let many: String = (482_800..483_000).map(|number| format!("{number} ")).collect();
    assert!(!code.is_by_chance_in(&[&many]));
    // With spaces between them, these digits hold a fifth of all codes of four digits.
    let spaced: String = (0..1_000).map(|number| format!("{} ", number * 7 % 10)).collect::<String>() + "4 8 2 9 1 3";
    let digits: String = (0..4_000_u32).map(|n| format!("{} ", (n * n + 3 * n / 7) % 10)).collect();
    assert!(!code.is_by_chance_in(&[&format!("{digits}{spaced}")]));
}

#[test]
fn invisible_characters_do_not_separate_digits() {
    let hidden = ["4", "8", "2", "9", "1", "3"].join(&"\u{200b}\u{ad}\u{2060}".repeat(3));
    assert!(Code::new("482913").is_in(hidden.as_bytes()));
    assert_eq!(places("482913", hidden.as_bytes()), [0..hidden.len()]);
}
