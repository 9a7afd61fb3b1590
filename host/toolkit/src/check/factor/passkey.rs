//! Rules for passkeys: the checks of WebAuthn Level 3, sections 7.1 and 7.2, each tried with an answer that is right but for one thing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use twofactor_sandbox::{
    Component, EnrolmentVerdict, FactorVerdict, Observation, Requirements, Site, UnmetRequirement, UserVerification,
};

use super::authenticator::{Authenticator, BE, BS, Crypto, Twist, UP, UV, encode};
use super::trial::{Call, Trial, call, name};
use crate::check::report::Report;

/// The shortest challenge, in bytes (section 13.4.3).
const CHALLENGE: usize = 16;

pub(super) async fn check(trial: &Trial<'_>, component: &Component, options: &Value, report: &mut Report) {
    let wrong = |result: Result<Vec<String>, String>| result.unwrap_or_else(|why| vec![why]);
    report.rule("site", site(component, options).await, "Refuse a site without a relying party id or without origins.");
    report.rule(
        "page-options",
        wrong(page_options(trial).await),
        "Return what `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` accept, for this site and this user.",
    );
    for (rule, twists, remedy) in rules() {
        let mut found = Vec::new();
        for (what, twist, where_) in twists {
            found.extend(wrong(refused(trial, what, &twist, where_).await));
        }
        report.rule(rule, found, remedy);
    }
    report.rule(
        "accepted-forms",
        wrong(accepted(trial).await),
        "Accept every listed origin, and client data with members that you do not know.",
    );
    report.rule(
        "flags",
        wrong(flags(trial).await),
        "Check the flags of the authenticator data, and report as facts what they say.",
    );
    report.rule(
        "counter",
        wrong(counter(trial).await),
        "Return `suspicious`, or note `counter-not-increased`, if a signature counter does not increase.",
    );
    report.rule(
        "malformed",
        wrong(malformed(trial).await),
        "Return `malformed` for what is not a credential, and never trap.",
    );
    report.rule(
        "identify",
        wrong(identify(trial).await),
        "Return the same id as `unique-id` of the enrolled credential.",
    );
}

/// In which of the two ceremonies a twist is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Both,
    Creation,
    Assertion,
}

type Tried = Vec<(&'static str, Twist, In)>;

/// Returns the rules that are a list of answers, each wrong in one thing.
fn rules() -> Vec<(&'static str, Tried, &'static str)> {
    let origin = |what: &'static str, origin: &str| {
        (what, Twist { origin: Some(origin.to_owned()), ..Twist::default() }, In::Both)
    };
    let data = |what: &'static str, members: &[(&'static str, Value)], in_: In| {
        (what, Twist { client_data: members.to_vec(), ..Twist::default() }, in_)
    };
    let crypto =
        |what: &'static str, crypto: Crypto, in_: In| (what, Twist { crypto: Some(crypto), ..Twist::default() }, in_);
    vec![
        (
            "origin",
            vec![
                origin("another site", "https://login.example.org"),
                origin("a site whose name begins like it", "https://login.example.com.example.org"),
                origin("a site whose name ends like it", "https://evil-login.example.com"),
                origin("a page of the same site that is not listed", "https://other.example.com"),
                origin("http", "http://login.example.com"),
                origin("another port", "https://login.example.com:8443"),
                origin("an origin with a path", "https://login.example.com/"),
                origin("`null`", "null"),
            ],
            "Compare the whole `origin` with the site's origins, not its beginning or end.",
        ),
        (
            "frames",
            vec![
                data("a frame of another site", &[("crossOrigin", json!(true))], In::Both),
                data(
                    "a frame in a page that is not listed",
                    &[("crossOrigin", json!(true)), ("topOrigin", json!("https://login.example.org"))],
                    In::Both,
                ),
                data(
                    "`topOrigin` without `crossOrigin`",
                    &[("topOrigin", json!("https://login.example.org"))],
                    In::Both,
                ),
            ],
            "Refuse `crossOrigin` and `topOrigin` unless the site's top origins list that page.",
        ),
        (
            "relying-party",
            vec![(
                "another relying party",
                Twist { rp_id: Some("example.org".to_owned()), ..Twist::default() },
                In::Both,
            )],
            "Compare the hash in the authenticator data with SHA-256 of the site's relying party id.",
        ),
        (
            "ceremony",
            vec![
                data("an assertion as a creation", &[("type", json!("webauthn.get"))], In::Creation),
                data("a creation as an assertion", &[("type", json!("webauthn.create"))], In::Assertion),
                data("another challenge", &[("challenge", json!(encode(&[7; 32])))], In::Both),
                data("an empty challenge", &[("challenge", json!(""))], In::Both),
            ],
            "Compare `type`, and `challenge` with the one that is pending.",
        ),
        (
            "signature",
            vec![
                crypto("a changed signature", Crypto::Flipped, In::Assertion),
                crypto("a signature of another key", Crypto::OtherKey, In::Assertion),
                crypto("changed authenticator data", Crypto::ChangedData, In::Assertion),
                crypto("a key that is not a point on the curve", Crypto::OffCurve, In::Creation),
                crypto("a key of another algorithm than it says", Crypto::OtherAlgorithm, In::Creation),
            ],
            "Verify the signature over authenticator data and SHA-256 of the client data, and the key when it is enrolled.",
        ),
        (
            "credential",
            vec![
                ("an id that is not the user's", Twist { id: Some(vec![9; 32]), ..Twist::default() }, In::Assertion),
                ("another user's handle", Twist { user_handle: Some(vec![9; 64]), ..Twist::default() }, In::Assertion),
                ("an id of 1024 bytes", Twist { id: Some(vec![9; 1024]), ..Twist::default() }, In::Creation),
            ],
            "Find the credential by its id in the list that was passed, and compare the user handle.",
        ),
        (
            "trailing-bytes",
            vec![("bytes after the authenticator data", Twist { trailing: vec![0], ..Twist::default() }, In::Both)],
            "Read the authenticator data to its end: it has no other bytes.",
        ),
    ]
}

/// Tries answers that are wrong in one thing, and returns where they are accepted.
async fn refused(trial: &Trial<'_>, what: &str, twist: &Twist, in_: In) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    if in_ != In::Assertion {
        match create(trial, &call("ann", 0), |_| {}, twist).await? {
            (EnrolmentVerdict::Enrolled(_), _) => wrong.push(format!("{what}: a credential is enrolled")),
            (EnrolmentVerdict::Malformed, _) if twist.origin.is_some() => {
                wrong.push(format!("{what}: a well-formed credential is malformed"));
            }
            _ => {}
        }
    }
    if in_ != In::Creation {
        match use_twisted(trial, &call("ann", 1), |_| {}, twist).await? {
            FactorVerdict::Right(_) => wrong.push(format!("{what}: an assertion is accepted")),
            FactorVerdict::Malformed if twist.origin.is_some() || twist.crypto.is_some() => {
                wrong.push(format!("{what}: a well-formed assertion is malformed"));
            }
            _ => {}
        }
    }
    Ok(wrong)
}

/// Creates a credential on the first of the site's origins.
async fn create(
    trial: &Trial<'_>,
    call: &Call,
    prepare: impl FnOnce(&mut Authenticator),
    twist: &Twist,
) -> Result<(EnrolmentVerdict, Authenticator), String> {
    let begun = trial.begin_enrolment(call, &[]).await?;
    let mut authenticator = Authenticator::new(call.seed)?;
    prepare(&mut authenticator);
    let answer = authenticator.create_twisted(&begun.public, &trial.site.origins[0], twist)?;
    Ok((trial.finish_enrolment(call, &begun.pending, &answer.to_string()).await?, authenticator))
}

/// Creates a credential rightly, and uses it with a twist.
async fn use_twisted(
    trial: &Trial<'_>,
    later: &Call,
    change: impl FnOnce(&mut Authenticator),
    twist: &Twist,
) -> Result<FactorVerdict, String> {
    let (verdict, mut authenticator) = create(trial, &call("ann", 0), |_| {}, &Twist::default()).await?;
    let EnrolmentVerdict::Enrolled(enrolled) = verdict else {
        return Err("the right answer does not enrol".to_owned());
    };
    change(&mut authenticator);
    assert_once(trial, later, &mut authenticator, &enrolled.state, twist).await
}

async fn assert_once(
    trial: &Trial<'_>,
    later: &Call,
    authenticator: &mut Authenticator,
    state: &twofactor_sandbox::FactorState,
    twist: &Twist,
) -> Result<FactorVerdict, String> {
    let begun = trial.begin_challenge(later, std::slice::from_ref(state)).await?;
    let answer = authenticator.get_twisted(&begun.public, &trial.site.origins[0], twist)?;
    trial.verify(later, std::slice::from_ref(state), &begun.pending, &answer.to_string()).await
}

async fn site(component: &Component, options: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let usual = super::site();
    for (what, site) in [
        ("a site without a relying party id", Site { rp_id: String::new(), ..usual.clone() }),
        ("a site without origins", Site { origins: Vec::new(), ..usual.clone() }),
    ] {
        if component.configure_at(options, &site).await.is_ok() {
            wrong.push(format!("{what} is accepted"));
        }
    }
    wrong
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|one| one["id"].as_str()).collect()
}

async fn page_options(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let mut must = |is: bool, what: &str| {
        if !is {
            wrong.push(what.to_owned());
        }
    };
    let is_long = |options: &Value| {
        let challenge = options["challenge"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        challenge.is_some_and(|challenge| challenge.len() >= CHALLENGE)
    };
    let now = call("ann", 0);
    let held = trial.enrol(&now, &[]).await?;
    let id = encode(&held.enrolled.unique_id);
    let options = trial.begin_enrolment(&now.clone().seed(9), &[held.state()]).await?.public;
    must(options["rp"]["id"] == *trial.site.rp_id, "`rp.id` is not the site's relying party id");
    must(options["user"]["id"] == encode(&now.user.handle), "`user.id` is not the user handle");
    must(is_long(&options), "the challenge of a creation has fewer than 16 bytes, or is not base64url");
    let parameters = options["pubKeyCredParams"].as_array();
    must(
        parameters.is_some_and(|all| all.iter().any(|one| one["alg"] == -7)),
        "`pubKeyCredParams` lacks ES256 (-7), which every authenticator has",
    );
    must(ids(&options["excludeCredentials"]) == [&*id], "`excludeCredentials` does not list the user's credentials");

    let options = trial.begin_challenge(&call("ann", 1), &[held.state()]).await?.public;
    must(options["rpId"] == *trial.site.rp_id, "`rpId` is not the site's relying party id");
    must(is_long(&options), "the challenge of an assertion has fewer than 16 bytes, or is not base64url");
    must(ids(&options["allowCredentials"]) == [&*id], "`allowCredentials` does not list the user's credentials");

    let required = Requirements { user_verification: UserVerification::Required, ..Requirements::default() };
    let options = trial.begin_challenge(&call("ann", 1).requirements(required), &[held.state()]).await?.public;
    must(
        options["userVerification"] == "required",
        "`userVerification` is not `required` although user verification is required",
    );
    let alone = Requirements { passwordless: true, ..required };
    let options = trial.begin_enrolment(&now.requirements(alone), &[]).await?.public;
    let selection = &options["authenticatorSelection"];
    must(selection["residentKey"] == "required", "`residentKey` is not `required` for a passwordless factor");
    must(selection["userVerification"] == "required", "`userVerification` is not `required` for a passwordless factor");
    let options = trial.begin_challenge(&call("ann", 1).requirements(alone), &[]).await?.public;
    must(ids(&options["allowCredentials"]).is_empty(), "a passwordless challenge lists credentials");
    Ok(wrong)
}

async fn accepted(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    for (what, twist) in [
        ("the second of the listed origins", Twist { origin: trial.site.origins.get(1).cloned(), ..Twist::default() }),
        (
            "client data with an unknown member",
            Twist { client_data: vec![("other", json!({"a": [1]}))], ..Twist::default() },
        ),
    ] {
        let verdict = use_twisted(trial, &call("ann", 1), |_| {}, &twist).await?;
        if !matches!(verdict, FactorVerdict::Right(_)) {
            wrong.push(format!("{what} is {}", name(&verdict)));
        }
    }
    Ok(wrong)
}

async fn flags(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let plain = Twist::default();
    for (what, flags) in [("nobody present", UV | BE), ("a copy of what cannot be copied", UP | UV | BS)] {
        if let (EnrolmentVerdict::Enrolled(_), _) =
            create(trial, &call("ann", 0), |it| it.flags = flags, &plain).await?
        {
            wrong.push(format!("{what}: a credential is enrolled"));
        }
        if let FactorVerdict::Right(_) = use_twisted(trial, &call("ann", 1), |it| it.flags = flags, &plain).await? {
            wrong.push(format!("{what}: an assertion is accepted"));
        }
    }
    let required = Requirements { user_verification: UserVerification::Required, ..Requirements::default() };
    let unverified = call("ann", 0).requirements(required);
    if !is_unmet(create(trial, &unverified, |it| it.flags = UP, &plain).await?.0, UnmetRequirement::UserVerification) {
        wrong.push("an enrolment without the required user verification is not `unmet`".to_owned());
    }
    let unverified = call("ann", 1).requirements(required);
    if let FactorVerdict::Right(_) = use_twisted(trial, &unverified, |it| it.flags = UP | BE | BS, &plain).await? {
        wrong.push("an assertion without the required user verification is accepted".to_owned());
    }
    let bound = call("ann", 0).requirements(Requirements { device_bound: true, ..Requirements::default() });
    if !is_unmet(create(trial, &bound, |_| {}, &plain).await?.0, UnmetRequirement::DeviceBound) {
        wrong.push("a credential that can be copied is enrolled, although a device-bound one is required".to_owned());
    }
    if let FactorVerdict::Right(_) = use_twisted(trial, &call("ann", 1), |it| it.flags = UP | UV, &plain).await? {
        wrong.push("an assertion says that the credential can no longer be copied, and is accepted".to_owned());
    }
    for (flags, verified, is_bound) in [(UP, false, true), (UP | UV | BE, true, false)] {
        let (verdict, _) = create(trial, &call("ann", 0), |it| it.flags = flags, &plain).await?;
        let EnrolmentVerdict::Enrolled(enrolled) = verdict else {
            wrong.push(format!("a credential with the flags {flags:#x} is not enrolled"));
            continue;
        };
        let facts = enrolled.facts;
        if (facts.user_verified, facts.device_bound) != (Some(verified), Some(is_bound)) || facts.attested {
            wrong.push(format!("the facts of a credential with the flags {flags:#x} do not say what the flags say"));
        }
    }
    Ok(wrong)
}

#[allow(clippy::needless_pass_by_value, reason = "the verdict is not used otherwise")]
fn is_unmet(verdict: EnrolmentVerdict, wanted: UnmetRequirement) -> bool {
    matches!(verdict, EnrolmentVerdict::Unmet(found) if found == wanted)
}

async fn counter(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let plain = Twist::default();
    let prepare = |it: &mut Authenticator| (it.flags, it.counter) = (UP | UV, 10);
    let (verdict, mut authenticator) = create(trial, &call("ann", 0), prepare, &plain).await?;
    let EnrolmentVerdict::Enrolled(enrolled) = verdict else { return Err("a security key is not enrolled".to_owned()) };
    let mut wrong = Vec::new();
    authenticator.counter = 11;
    let used = assert_once(trial, &call("ann", 1), &mut authenticator, &enrolled.state, &plain).await?;
    let FactorVerdict::Right(used) = used else { return Ok(vec![format!("a higher counter is {}", name(&used))]) };
    for counter in [11, 5, 0] {
        authenticator.counter = counter;
        match assert_once(trial, &call("ann", 2), &mut authenticator, &used.state, &plain).await? {
            FactorVerdict::Right(accepted) if !accepted.observations.contains(&Observation::CounterNotIncreased) => {
                wrong.push(format!("the counter {counter} after 11 is not noticed"));
            }
            _ => {}
        }
    }
    Ok(wrong)
}

/// Returns answers that are no credentials, of which each begins as a right one.
fn broken(right: &Value) -> Vec<(&'static str, Value)> {
    let with = |pointer: &str, value: Value| {
        let mut broken = right.clone();
        if let Some(place) = broken.pointer_mut(pointer) {
            *place = value;
        }
        broken
    };
    let is_creation = right["response"].get("attestationObject").is_some();
    let data = if is_creation { "/response/attestationObject" } else { "/response/authenticatorData" };
    let deep = encode(&[&[0x81; 20_000][..], &[0xf6]].concat());
    vec![
        ("an empty object", json!({})),
        ("a response that is a text", with("/response", json!("x"))),
        ("client data that is not base64url", with("/response/clientDataJSON", json!("?"))),
        ("client data that is not JSON", with("/response/clientDataJSON", json!(encode(b"{")))),
        ("empty authenticator data", with(data, json!(""))),
        ("authenticator data of one byte", with(data, json!("AA"))),
        ("lists in lists", with(data, json!(deep))),
        ("a map without an end", with(data, json!(encode(&[0xbf; 64])))),
    ]
}

async fn malformed(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let (now, later) = (call("ann", 0), call("ann", 1));
    let begun = trial.begin_enrolment(&now, &[]).await?;
    let mut authenticator = Authenticator::new(0)?;
    let answer = authenticator.create(&begun.public, &trial.site.origins[0])?;
    for (what, broken) in broken(&answer) {
        match trial.finish_enrolment(&now, &begun.pending, &broken.to_string()).await {
            Ok(EnrolmentVerdict::Malformed) => {}
            Ok(_) => wrong.push(format!("{what}: an enrolment with it is not malformed")),
            Err(why) => wrong.push(format!("{what}: {why}")),
        }
    }
    let held = trial.enrol(&now, &[]).await?;
    let (begun, answer) = trial.answered(&later, &mut held.person.clone(), &[held.state()]).await?;
    let answer = serde_json::from_str(&answer).unwrap_or_default();
    for (what, broken) in broken(&answer) {
        match trial.verify(&later, &[held.state()], &begun.pending, &broken.to_string()).await {
            Ok(FactorVerdict::Malformed) => {}
            Ok(other) => wrong.push(format!("{what}: it is {}, and not malformed", name(&other))),
            Err(why) => wrong.push(format!("{what}: {why}")),
        }
    }
    Ok(wrong)
}

async fn identify(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let held = trial.enrol(&call("ann", 0), &[]).await?;
    let (_, answer) = trial.answered(&call("ann", 1), &mut held.person.clone(), &[held.state()]).await?;
    let identify = async |answer: &str| {
        trial.factor.identify(answer).await.map_err(|reason| format!("`identify` failed: {reason}"))
    };
    let mut wrong = Vec::new();
    if identify(&answer).await? != Some(held.enrolled.unique_id.clone()) {
        wrong.push("an assertion is not identified by the `unique-id` of its credential".to_owned());
    }
    if identify("{}").await?.is_some() {
        wrong.push("an empty object is identified".to_owned());
    }
    Ok(wrong)
}
