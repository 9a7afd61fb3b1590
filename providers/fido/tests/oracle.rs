//! Compares verdicts with two other implementations, the packages `webauthn` and `fido2` of PyPI, on generated registrations and
//! assertions: valid ones, and ones that are changed. Each kind of difference is listed here with its reason; any other one fails.
//!
//! `FIDO_ORACLE_CASES=100000 cargo test -p twofactor-fido --test oracle -- --nocapture` compares more than the usual number, and prints
//! how often each difference occurred.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};
use twofactor_factor::{Context, EnrolmentError, Factor as _, Held, UserVerification, VerificationError, testing};
use twofactor_fido::testing::{Algorithm, Authenticator, ORIGIN, Statement, base64url, flag, to_cbor};
use twofactor_fido::{Challenge, Fido, Pending, State};

/// How many cases are compared if no number is given.
const CASES: usize = 3000;

/// How many cases one process gets.
const BATCH: usize = 5000;

/// Another implementation.
struct Oracle {
    /// The package of PyPI, which `oracle.py` knows by this name.
    package: &'static str,
    /// Why we refuse what it accepts, by our detail.
    stricter: &'static [(&'static str, &'static str)],
    /// Why we accept what it refuses, by its words.
    more_lenient: &'static [(&'static str, &'static str)],
}

/// Written by Duo Labs and others.
const WEBAUTHN: Oracle = Oracle {
    package: "webauthn",
    stricter: &[
        (
            "the page was in a frame, and its top origin is not listed",
            "it reads neither crossOrigin nor topOrigin (R10, R11, A13, A14)",
        ),
        ("the user handle is missing or another one", "it does not compare user handles (A6)"),
        (
            "the authenticator data name another credential",
            "it does not compare the id of the answer with the signed one",
        ),
        ("bytes follow the attestation object", "its CBOR parser ignores what follows (R13)"),
        ("a CBOR map is missing", "it does not look at the type of extensions"),
        ("the client data have not their form", "its parsers of JSON and base64url take other members and characters"),
        ("this is not a credential in JSON", "its parsers of JSON and base64url take other members and characters"),
        (
            "the public key's type or curve does not fit its algorithm",
            "it ignores the curve of a key that it does not need (R20)",
        ),
        ("the public key is not valid", "it builds a key only where it verifies a signature (R20)"),
        ("the attestation object lacks a member", "it needs no statement for the format `none`"),
        ("suspicious: property changed", "it does not store whether a credential can be copied (A19)"),
    ],
    more_lenient: &[(
        "was not greater than current count",
        "for a passkey that can be copied, a counter is only observed (A22)",
    )],
};

/// Written by Yubico.
const FIDO2: Oracle = Oracle {
    package: "fido2",
    stricter: &[
        (
            "the page was in a frame, and its top origin is not listed",
            "it reads neither crossOrigin nor topOrigin (R10, R11, A13, A14)",
        ),
        ("the user handle is missing or another one", "it does not compare user handles (A6)"),
        (
            "the authenticator data name another credential",
            "it does not compare the id of the answer with the signed one",
        ),
        ("a CBOR map is missing", "it does not look at the type of extensions"),
        ("a CBOR map has a key twice, or too many", "its CBOR parser takes the last of two entries with the same key"),
        ("this is not CBOR", "its CBOR parser takes a byte string that ends too early"),
        ("this is not a credential in JSON", "its parsers of JSON and base64url take other members and characters"),
        ("the client data have not their form", "its parsers of JSON and base64url take other members and characters"),
        ("the credential is of another type", "it does not look at the type of the credential"),
        ("a copy is reported of a credential that cannot be copied", "it does not compare the backup flags (R17, A18)"),
        ("suspicious: property changed", "it does not store whether a credential can be copied (A19)"),
        ("suspicious: counter", "it does not compare counters (A22)"),
        (
            "the public key's type or curve does not fit its algorithm",
            "it ignores the curve of a key that it does not need (R20)",
        ),
        ("the public key is not valid", "it builds a key only where it verifies a signature (R20)"),
        ("unmet: UnmetRequirement::Algorithm", "it does not compare the algorithm with those that were offered (R20)"),
    ],
    more_lenient: &[(
        "Error parsing field client_data",
        "it does not remove a byte order mark, as UTF-8 decode of the standard does (R5)",
    )],
};

/// Random numbers that are the same in each run: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Changes, removes or adds one byte.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len().max(1));
        let byte = self.next().to_le_bytes()[0];
        match self.below(4) {
            0 if !bytes.is_empty() => drop(bytes.remove(at)),
            1 => bytes.insert(at.min(bytes.len()), byte),
            _ if !bytes.is_empty() => bytes[at] ^= 1 << (byte % 8),
            _ => {}
        }
    }
}

/// One comparison.
struct Case {
    /// What was changed.
    name: String,
    /// What the other implementation gets.
    input: Value,
    /// Our verdict: nothing, or why it is refused.
    ours: Option<String>,
}

fn context(random: &mut Random, number: usize) -> Context {
    let mut context = Context { entropy: testing::entropy(number as u64), ..testing::context() };
    if random.below(3) == 0 {
        context.requirements.user_verification = UserVerification::Required;
    }
    context
}

fn authenticator(random: &mut Random, algorithm: Algorithm) -> Authenticator {
    let mut authenticator = Authenticator::new(algorithm, &format!("{}", random.below(16)));
    authenticator.flags = *random.one_of(&[
        flag::UP | flag::UV,
        flag::UP | flag::UV,
        flag::UP | flag::UV | flag::BE,
        flag::UP | flag::UV | flag::BE | flag::BS,
        flag::UP,
    ]);
    authenticator.sign_count = *random.one_of(&[0, 0, 1, 7]);
    authenticator
}

/// Changes of client data that both ceremonies know.
fn change_client_data(random: &mut Random, client_data: &mut Value) -> &'static str {
    match random.below(9) {
        0 => {
            client_data["type"] = "webauthn.create".into();
            "type"
        }
        1 => {
            client_data["challenge"] = base64url(&[3; 32]).into();
            "challenge"
        }
        2 => {
            let origins =
                ["https://example.com", "https://login.example.com.evil.com", "https://login.example.com:444", ""];
            client_data["origin"] = (*random.one_of(&origins)).into();
            "origin"
        }
        3 => {
            client_data["crossOrigin"] = true.into();
            "crossOrigin"
        }
        4 => {
            client_data["topOrigin"] = "https://evil.example.org".into();
            "topOrigin"
        }
        5 => {
            client_data["other_keys_can_be_added_here"] = json!({"a": [1, null]});
            "unknown member"
        }
        6 => {
            client_data.as_object_mut().unwrap().remove(*random.one_of(&[
                "type",
                "challenge",
                "origin",
                "crossOrigin",
            ]));
            "missing member"
        }
        7 => {
            client_data["type"] = "webauthn.get".into();
            "type"
        }
        _ => {
            client_data["origin"] = 7.into();
            "origin of another type"
        }
    }
}

/// The bytes of client data, sometimes with a byte order mark or spoiled.
fn client_data_bytes(random: &mut Random, client_data: &Value, name: &mut String) -> Vec<u8> {
    let mut bytes = client_data.to_string().into_bytes();
    match random.below(24) {
        0 => {
            bytes.splice(0..0, *b"\xef\xbb\xbf");
            name.push_str(", byte order mark");
        }
        1..3 => {
            random.spoil(&mut bytes);
            name.push_str(", spoiled client data");
        }
        _ => {}
    }
    bytes
}

fn registration(random: &mut Random, number: usize, algorithm: Algorithm) -> Case {
    let context = context(random, number);
    let options = serde_json::from_str("{}").unwrap();
    let authenticator = authenticator(random, algorithm);
    let begun = Fido::begin_enrolment(&options, &context, &[]);
    let mut creation = authenticator.create(&begun.public, ORIGIN);
    let mut name = format!("registration {algorithm:?}");
    if random.below(3) == 0 {
        creation.format = "packed".to_owned();
        creation.statement = Statement::SelfSigned;
        name.push_str(", packed");
    }
    let mut spoil_object = false;
    match random.below(12) {
        0..3 => {}
        3..6 => name = format!("{name}, {}", change_client_data(random, &mut creation.client_data)),
        6 => {
            creation.data.flags ^= 1 << random.below(8);
            name.push_str(", flags");
        }
        7 => {
            creation.data.rp_id = "evil.example.com".to_owned();
            name.push_str(", relying party");
        }
        8 => {
            creation.data.more = random.one_of(&[vec![0], vec![0xa0], vec![0x80]]).clone();
            creation.data.flags |= *random.one_of(&[0, flag::ED]);
            name.push_str(", more data");
        }
        9 => {
            let mut key = authenticator.public_key();
            let entries = key.as_map_mut().unwrap();
            let at = random.below(entries.len());
            entries[at].1 = random.one_of(&[0, 1, 2, 3, 6, -7, -8, -257, -35]).to_owned().into();
            creation.data.credential.as_mut().unwrap().2 = to_cbor(&key);
            name.push_str(", public key");
        }
        10 => {
            creation.format = (*random.one_of(&["none", "packed", "fido-u2f", "apple", "x"])).to_owned();
            name.push_str(", format");
        }
        _ => {
            spoil_object = true;
            name.push_str(", spoiled object");
        }
    }
    let client_data = client_data_bytes(random, &creation.client_data, &mut name);
    let seed = random.next();
    let answer = creation.answer_with(&authenticator, &client_data, |object| {
        if spoil_object {
            Random(seed).spoil(object);
        }
    });
    let answer = spoil_answer(random, answer, &mut name);
    let pending: Pending = begun.pending;
    let input = input(&context, &answer, &pending.challenge, None);
    let ours = Fido::finish_enrolment(&options, &context, pending, &answer).err().map(|error| match error {
        EnrolmentError::Wrong(detail) | EnrolmentError::Malformed(detail) => detail.to_owned(),
        EnrolmentError::Unmet(requirement) => format!("unmet: {requirement:?}"),
    });
    Case { name, input, ours }
}

fn authentication(random: &mut Random, number: usize, algorithm: Algorithm) -> Case {
    let context = context(random, number);
    let options = serde_json::from_str("{}").unwrap();
    let mut authenticator = authenticator(random, algorithm);
    let state = State {
        id: authenticator.id.clone().into(),
        key: to_cbor(&authenticator.public_key()).into(),
        rp_id: "example.com".to_owned(),
        user_handle: context.user.handle.clone().into(),
        sign_count: authenticator.sign_count,
        uv_initialized: true,
        backup_eligible: authenticator.flags & flag::BE != 0,
        backed_up: false,
        transports: Vec::new(),
        aaguid: authenticator.aaguid.into(),
        attested: false,
        discoverable: None,
    };
    if authenticator.sign_count > 0 {
        authenticator.sign_count += 1;
    }
    let begun = Fido::begin_challenge(&options, &context, std::slice::from_ref(&state));
    let mut assertion = authenticator.get(&begun.public, ORIGIN);
    let mut name = format!("assertion {algorithm:?}");
    let mut spoil_signature = false;
    match random.below(12) {
        0..3 => {}
        3..6 => name = format!("{name}, {}", change_client_data(random, &mut assertion.client_data)),
        6 => {
            assertion.data.flags ^= 1 << random.below(8);
            name.push_str(", flags");
        }
        7 => {
            assertion.data.rp_id = "evil.example.com".to_owned();
            name.push_str(", relying party");
        }
        8 => {
            assertion.data.more = random.one_of(&[vec![0], vec![0xa0], vec![0x80]]).clone();
            assertion.data.flags |= *random.one_of(&[0, flag::ED]);
            name.push_str(", more data");
        }
        9 => {
            assertion.data.sign_count = *random.one_of(&[0, 1, 7, 9]);
            name.push_str(", counter");
        }
        10 => {
            assertion.user_handle = Some(random.one_of(&[vec![7; 64], vec![8; 64], vec![]]).clone());
            name.push_str(", user handle");
        }
        _ => {
            spoil_signature = true;
            name.push_str(", spoiled signature");
        }
    }
    let client_data = client_data_bytes(random, &assertion.client_data, &mut name);
    let seed = random.next();
    let answer = assertion.answer_with(&authenticator, &client_data, |signature| {
        if spoil_signature {
            Random(seed).spoil(signature);
        }
    });
    let answer = spoil_answer(random, answer, &mut name);
    let challenge: Challenge = begun.challenge;
    let input = input(&context, &answer, &challenge.challenge, Some(&state));
    let held = vec![Held { index: 0, state }];
    let ours = Fido::verify(&options, &context, held, challenge, &answer).err().map(|error| match error {
        VerificationError::Wrong(detail) | VerificationError::Malformed(detail) => detail.to_owned(),
        VerificationError::Suspicious(_, twofactor_factor::Suspicion::PropertyChanged) => {
            "suspicious: property changed".to_owned()
        }
        VerificationError::Suspicious(..) => "suspicious: counter".to_owned(),
        VerificationError::Expired => "expired".to_owned(),
    });
    Case { name, input, ours }
}

/// Sometimes changes one byte of the whole answer, to another one that JSON may have.
fn spoil_answer(random: &mut Random, answer: String, name: &mut String) -> String {
    if random.below(12) != 0 {
        return answer;
    }
    name.push_str(", spoiled answer");
    let mut bytes = answer.into_bytes();
    let at = random.below(bytes.len());
    bytes[at] = *random.one_of(b"AZaz09-_=+/\"{}[]:, \\");
    String::from_utf8(bytes).unwrap()
}

fn input(context: &Context, answer: &str, challenge: &[u8], state: Option<&State>) -> Value {
    json!({
        "answer": answer,
        "challenge": base64url(challenge),
        "rp_id": context.site.rp_id,
        "origins": context.site.origins,
        "user_verification": context.requirements.user_verification == UserVerification::Required,
        "credential_id": state.map(|state| base64url(&state.id)),
        "public_key": state.map(|state| base64url(&state.key)),
        "sign_count": state.map(|state| state.sign_count),
    })
}

/// The Python that has the other implementations.
static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(python);

/// Installs the other implementations where tests keep files.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fido-oracle");
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
    let installed = folder.join("installed");
    if std::fs::read(&installed).ok() != std::fs::read(&requirements).ok() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(&requirements))?;
        std::fs::copy(&requirements, &installed).unwrap();
    }
    Ok(folder.join("bin/python"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Returns the verdicts of another implementation.
fn theirs(python: &Path, oracle: &Oracle, cases: &[Case]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
    let lines: String = cases.iter().map(|case| format!("{}\n", case.input)).collect();
    let mut child = Command::new(python)
        .arg(script)
        .arg(oracle.package)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Returns the reason for a difference, if it is a known one.
fn reason(oracle: &Oracle, case: &Case, theirs: &str) -> Option<&'static str> {
    match &case.ours {
        Some(ours) => oracle.stricter.iter().find(|(detail, _)| detail == ours).map(|(_, reason)| *reason),
        None => oracle.more_lenient.iter().find(|(words, _)| theirs.contains(words)).map(|(_, reason)| *reason),
    }
}

#[test]
fn verdicts_differ_from_those_of_webauthn_only_for_known_reasons() {
    compare(&WEBAUTHN, 1);
}

#[test]
fn verdicts_differ_from_those_of_fido2_only_for_known_reasons() {
    compare(&FIDO2, 2);
}

fn compare(oracle: &Oracle, seed: u64) {
    let python = match &*PYTHON {
        Ok(python) => python,
        Err(missing) => return eprintln!("SKIPPED: the other implementations cannot be installed: {missing}"),
    };
    let wanted = std::env::var("FIDO_ORACLE_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(CASES);
    let mut random = Random(seed);
    let (mut accepted, mut differences) = (0, BTreeMap::<_, usize>::new());
    // By both verdicts: how many, and one of them.
    let mut unexplained = BTreeMap::<_, (usize, String)>::new();
    let mut number = 0;
    while number < wanted {
        let cases: Vec<Case> = (number..wanted.min(number + BATCH))
            .map(|number| {
                // RSA takes much longer than the others.
                let algorithm =
                    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256][number % 32 / 10];
                if number % 2 == 0 {
                    registration(&mut random, number, algorithm)
                } else {
                    authentication(&mut random, number, algorithm)
                }
            })
            .collect();
        let verdicts = theirs(python, oracle, &cases);
        assert_eq!(verdicts.len(), cases.len());
        for (case, theirs) in cases.iter().zip(&verdicts) {
            let is_accepted = theirs == "accepted";
            accepted += usize::from(case.ours.is_none());
            if is_accepted == case.ours.is_none() {
                continue;
            }
            match reason(oracle, case, theirs) {
                Some(reason) => *differences.entry(reason).or_default() += 1,
                None => {
                    let of_a_kind = unexplained.entry((case.ours.clone(), theirs.clone()));
                    of_a_kind.or_insert_with(|| (0, case.name.clone())).0 += 1;
                }
            }
        }
        number += cases.len();
    }
    println!("{wanted} compared with {}, {accepted} accepted; known differences:", oracle.package);
    for (reason, count) in &differences {
        println!("{count:7} {reason}");
    }
    for ((ours, theirs), (count, name)) in &unexplained {
        println!("{count:7} UNEXPLAINED, such as {name}: we say {ours:?}, they say {theirs}");
    }
    assert!(unexplained.is_empty(), "{} kinds of differences are unexplained", unexplained.len());
    assert!(accepted > wanted / 8, "only {accepted} of {wanted} were accepted");
}
