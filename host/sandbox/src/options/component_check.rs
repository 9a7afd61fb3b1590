//! Calls `configure` so that nothing but credentials in its result depends on a secret.

use serde_json::Value;

use super::substitutes::{Kind, MAX_CREDENTIAL, Substitutes, difference};
use crate::call::CallFailure;
use crate::egress::authentication::HttpAuthentication;
use crate::egress::{Connection, HttpSetting, ReportProof, Secret};
use crate::field_error::FieldError;
use crate::provider::Provider;

/// The requested connections, or the problems with the options.
pub(crate) type RequestedConnections = Result<Result<Requested, Vec<FieldError>>, CallFailure>;

/// What a component requests.
pub(crate) struct Requested {
    pub(crate) connections: Vec<Connection>,
    /// The substitutes that it accepted, if there is a secret.
    accepted: Option<Kind>,
}

const NO_SUBSTITUTE: &str = "the provider accepts these options only with these secrets, so nobody can check whether its requests reveal one: \
                           its author can add `examples` with valid secrets to the schema";

const BESIDE_ITSELF: &str = "the provider requests to place this secret in requests that the host authenticates with it: such a request could send \
                             it to somebody as its text, so the provider must do one of the two";

const COMPUTED: &str = "the provider computes a credential from a secret, and requests to place secrets in requests that the host authenticates \
                        with it: there, a credential can only contain secrets unchanged";

const CHANGED: &str = "the provider modifies a secret of the base service settings, which it does not receive: give this instance its own secret";

const LONG: &str = "the provider requests a connection with a credential of more than 16 KiB";

const FORM: &str = "the provider checks the format of this secret, which it does not receive if it comes from the base service settings: \
                    give this instance its own secret, or have the provider's author add `examples` to its schema";

/// Calls a component's `configure` for options. At most six calls: two if no secret has a specific
/// format.
pub(crate) async fn ask(provider: &Provider, options: &Value, substitutes: &Substitutes<'_>) -> RequestedConnections {
    Ok(request(provider, options, substitutes).await?.and_then(bounded))
}

/// Refuses a credential that is too long.
fn bounded(requested: Requested) -> Result<Requested, Vec<FieldError>> {
    match are_long(&requested.connections) {
        true => Err(vec![FieldError::new("", LONG)]),
        false => Ok(requested),
    }
}

/// Returns whether one of the credentials is too long.
fn are_long(connections: &[Connection]) -> bool {
    let is_long =
        |connection: &Connection| connection.secrets().iter().any(|secret| secret.expose().len() > MAX_CREDENTIAL);
    connections.iter().any(is_long)
}

async fn request(provider: &Provider, options: &Value, substitutes: &Substitutes<'_>) -> RequestedConnections {
    if substitutes.are_none() {
        let result = provider.configure(options).await?;
        return Ok(result.map(|connections| Requested { connections, accepted: None }));
    }
    // Its own secrets, and substitutes for the inherited ones.
    let seen = substitutes.for_inherited(Kind::First);
    let connections = match provider.configure(&seen).await {
        Ok(Ok(connections)) => connections,
        result if !substitutes.has_own() => return Ok(Err(explained(result?.err().unwrap_or_default(), substitutes))),
        refused => return Ok(Err(without_a_secret(provider, substitutes, refused.err()).await?)),
    };
    let Some((kind, others)) = accepted(provider, substitutes).await? else {
        return Ok(Err(vec![FieldError::new("", NO_SUBSTITUTE)]));
    };
    if are_long(&connections) || are_long(&others) {
        return Ok(Err(vec![FieldError::new("", LONG)]));
    }
    if let Some(option) = placed_beside_itself(&others, &substitutes.for_all(kind)) {
        return Ok(Err(vec![FieldError::new(option, BESIDE_ITSELF)]));
    }
    if let Some(why) = computed_credential(&connections, &others, &|other| substitutes.as_seen(other, kind)) {
        return Ok(Err(vec![FieldError::new("", why)]));
    }
    if let Some(field) = difference(&connections, &others) {
        // If time and randomness are real, as in `provider check`, they may be the cause: another
        // rule finds that.
        let by_chance = !provider.has_fixed_clock()
            && provider.configure(&seen).await?.is_ok_and(|again| difference(&connections, &again).is_some());
        if !by_chance {
            let why = format!(
                "{field} that the provider requests depends on a secret and would reveal it: this provider cannot be used"
            );
            return Ok(Err(vec![FieldError::new("", why)]));
        }
    }
    if !substitutes.has_inherited() {
        return Ok(Ok(Requested { connections, accepted: Some(kind) }));
    }
    // The same with other substitutes: the credentials must be made of them in the same way.
    let second = if kind == Kind::Second { Kind::Second } else { Kind::Example };
    let again = match substitutes.has_own() {
        true => provider.configure(&substitutes.for_inherited(second)).await?.unwrap_or_default(),
        false => others,
    };
    let recipes = |connections: &[Connection], kind| {
        let of_one = |connection: &Connection| -> Option<Vec<Secret>> {
            connection.secrets().iter().map(|secret| substitutes.recipe(secret, kind)).collect()
        };
        connections.iter().map(of_one).collect::<Option<Vec<_>>>()
    };
    let (Some(one), Some(other)) = (recipes(&connections, Kind::First), recipes(&again, second)) else {
        return Ok(Err(vec![FieldError::new("", LONG)]));
    };
    if one != other {
        return Ok(Err(vec![FieldError::new("", CHANGED)]));
    }
    let mut connections = connections;
    for connection in &mut connections {
        for secret in connection.secrets_mut() {
            let Some(revealed) = substitutes.revealed(secret, Kind::First) else {
                return Ok(Err(vec![FieldError::new("", LONG)]));
            };
            *secret = revealed;
        }
    }
    Ok(Ok(Requested { connections, accepted: Some(kind) }))
}

/// Returns an option that a provider requests to place where the host authenticates with it. `shown` are the options that the
/// provider saw: the secrets themselves are not compared, so nobody can try what they are.
fn placed_beside_itself<'a>(connections: &'a [Connection], shown: &Value) -> Option<&'a str> {
    connections.iter().find_map(|connection| {
        let Connection::Http { settings, .. } = connection else { return None };
        let used = connection.secrets();
        settings.iter().find_map(|setting| {
            let HttpSetting::PlaceSecret(option) = setting else { return None };
            let text = shown.pointer(option)?.as_str().filter(|text| !text.is_empty())?;
            used.iter().any(|used| used.expose().contains(text)).then_some(option.as_str())
        })
    })
}

/// Returns what is wrong if a credential depends on a secret in another way than by containing it whole, where that is not allowed:
/// - In a field of a login. The values of fields are covered in responses: a component that logs in with pieces of a secret could learn
///   from that which pieces it has.
/// - Where secrets are placed. A secret that is encoded in the credential could be sent to somebody as the text of the same request.
///
/// `others` were made of substitutes; `as_seen` returns what one of their credentials must be in `connections`. A component knows
/// substitutes when it sees them, so their credentials alone prove nothing.
fn computed_credential(
    connections: &[Connection],
    others: &[Connection],
    as_seen: &impl Fn(&Secret) -> Option<Secret>,
) -> Option<String> {
    // What is the same for the secrets and for their substitutes does not depend on them.
    let is_computed = |one: &Secret, other: &Secret| one != other && as_seen(other).as_ref() != Some(one);
    connections.iter().zip(others).find_map(|(one, other)| {
        let fields = login_fields(one).zip(login_fields(other)).map(|(one, other)| one.iter().zip(other));
        let mut fields = fields.into_iter().flatten();
        if let Some((_, (name, _))) = fields.find(|((_, value), (_, other))| is_computed(value, other)) {
            return Some(format!(
                "the provider computes the field `{name}` of a login from a secret: it can only send the secret unchanged"
            ));
        }
        let is_beside = places_a_secret(one) && one.secrets().iter().zip(&other.secrets()).any(|(a, b)| is_computed(a, b));
        is_beside.then(|| COMPUTED.to_owned())
    })
}

fn places_a_secret(connection: &Connection) -> bool {
    let Connection::Http { settings, .. } = connection else { return false };
    settings.iter().any(|setting| matches!(setting, HttpSetting::PlaceSecret(_)))
}

fn login_fields(connection: &Connection) -> Option<&[(String, Secret)]> {
    match connection {
        Connection::Http { authentication: HttpAuthentication::Login(login), .. } => Some(&login.fields),
        _ => None,
    }
}

/// Returns the connections without a secret, and the kind of substitutes that was accepted.
async fn accepted(
    provider: &Provider,
    substitutes: &Substitutes<'_>,
) -> Result<Option<(Kind, Vec<Connection>)>, CallFailure> {
    for kind in [Kind::Second, Kind::Example, Kind::Shape] {
        match provider.configure(&substitutes.for_all(kind)).await {
            Ok(Ok(connections)) => return Ok(Some((kind, connections))),
            Err(failure) if failure.busy || failure.wanted_time => return Err(failure),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Returns what is wrong with options that a component refuses with their secrets: the problems it
/// finds without them.
async fn without_a_secret(
    provider: &Provider,
    substitutes: &Substitutes<'_>,
    failure: Option<CallFailure>,
) -> Result<Vec<FieldError>, CallFailure> {
    if let Some(failure) = failure.filter(|failure| failure.busy || failure.wanted_time) {
        return Err(failure);
    }
    Ok(match provider.configure(&substitutes.for_all(Kind::First)).await? {
        Err(problems) => explained(problems, substitutes),
        Ok(_) => {
            let own = substitutes.own_pointers();
            let one_of = if own.len() == 1 { "the value of this secret" } else { "the value of one of the secrets" };
            let message = format!("the provider does not accept {one_of}; enter it again as described for the option");
            own.into_iter().map(|pointer| FieldError::new(pointer, &*message)).collect()
        }
    })
}

/// Explains problems of inherited secrets, of which the component received a substitute.
fn explained(problems: Vec<FieldError>, substitutes: &Substitutes<'_>) -> Vec<FieldError> {
    let explain = |problem: FieldError| match substitutes.is_inherited(&problem.pointer) {
        true => FieldError::new(problem.pointer, FORM),
        false => problem,
    };
    problems.into_iter().map(explain).collect()
}

/// Returns how the upstream proves its reports; `None` also if that depends on a secret.
pub(crate) async fn ask_for_reports(
    provider: &Provider,
    options: &Value,
    substitutes: &Substitutes<'_>,
    requested: &Requested,
) -> Result<Option<ReportProof>, CallFailure> {
    let Some(kind) = requested.accepted else { return provider.report_proof(options).await };
    let Some(mut seen) = provider.report_proof(&substitutes.for_inherited(Kind::First)).await? else { return Ok(None) };
    let other = provider.report_proof(&substitutes.for_all(kind)).await?;
    let difference = other.map_or(Some("whether there is one"), |other| seen.difference(&other));
    if let Some(field) = difference {
        let type_id = &provider.manifest().type_id;
        tracing::warn!(%type_id, field, "the proof of reports depends on a secret, so reports are not accepted");
        return Ok(None);
    }
    if let Some(secret) = seen.secret_mut() {
        let Some(revealed) = substitutes.revealed(secret, Kind::First) else { return Ok(None) };
        *secret = revealed;
    }
    Ok(Some(seen))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::egress::authentication::{LoginFormat, TokenLogin, TokenPlace};

    #[test]
    fn a_field_of_a_login_contains_a_secret_whole_or_does_not_depend_on_it() {
        let login = |value: &str| {
            let text = str::to_owned;
            let login = TokenLogin {
                url: text("https://a.example.com/login"),
                fields: vec![(text("client"), Secret::new("shop")), (text("key"), Secret::new(value))],
                format: LoginFormat::Json,
                expected: Vec::new(),
                token: text("/token"),
                valid_seconds: String::new(),
                default_valid_seconds: 60,
                place: TokenPlace::Bearer,
            };
            let authentication = HttpAuthentication::Login(Box::new(login));
            [Connection::Http { origin: text("https://a.example.com"), authentication, settings: Vec::new() }]
        };
        let as_seen = |secret: &Secret| Some(Secret::new(secret.expose().replace("substitute", "s3cret")));
        for (value, other, found) in [
            ("s3cret", "substitute", None),
            ("Key s3cret", "Key substitute", None),
            ("constant", "constant", None),
            ("s3", "su", Some("key")),
            ("s3", "substitute", Some("key")),
            ("s3crets3", "substitutesu", Some("key")),
            ("f00:73", "f00:73", None),
            ("33e1b232a4e6fa0028a6670753749a17", "0a0a", Some("key")),
        ] {
            let why = computed_credential(&login(value), &login(other), &as_seen);
            let named = why.as_ref().and_then(|why| why.split('`').nth(1));
            assert_eq!(named, found, "{value}: {why:?}");
        }
    }

    #[test]
    fn where_secrets_are_placed_a_credential_contains_a_secret_whole_or_does_not_depend_on_it() {
        let bearer = |value: &str, settings: &[HttpSetting]| {
            let (authentication, settings) = (HttpAuthentication::Bearer(Secret::new(value)), settings.to_vec());
            [Connection::Http { origin: "https://a.example.com".to_owned(), authentication, settings }]
        };
        let as_seen = |secret: &Secret| Some(Secret::new(secret.expose().replace("substitute", "s3cret")));
        let places = [HttpSetting::PlaceSecret("/Key".to_owned())];
        for (value, other, allowed) in [
            ("s3cret", "substitute", true),
            ("App s3cret", "App substitute", true),
            ("constant", "constant", true),
            ("a substitute", "a substitute", true),
            ("czNjcmV0", "c3Vic3RpdHV0ZQ==", false),
            // It knew the substitute.
            ("czNjcmV0", "substitute", false),
            ("s3cretczNjcmV0", "substitutec3Vic3RpdHV0ZQ==", false),
        ] {
            let why = computed_credential(&bearer(value, &places), &bearer(other, &places), &as_seen);
            assert_eq!(why, (!allowed).then(|| COMPUTED.to_owned()), "{value}");
            let elsewhere = [HttpSetting::CodeInQuery];
            assert_eq!(computed_credential(&bearer(value, &elsewhere), &bearer(other, &elsewhere), &as_seen), None);
        }
    }

    #[test]
    fn a_credential_has_at_most_16_kib() {
        let requested = |length| {
            let authentication = HttpAuthentication::Bearer(Secret::new("k".repeat(length)));
            let origin = "https://a.example.com".to_owned();
            let connections = vec![Connection::Http { origin, authentication, settings: Vec::new() }];
            bounded(Requested { connections, accepted: None }).map(drop)
        };
        assert_eq!(requested(16 << 10), Ok(()));
        assert_eq!(requested((16 << 10) + 1), Err(vec![FieldError::new("", LONG)]));
    }

    #[test]
    fn a_secret_either_authenticates_at_an_origin_or_is_placed_there() {
        let shown = json!({"Key": "first", "Token": "second"});
        let connection = |origin: &str, token: &str, settings| {
            let authentication = HttpAuthentication::Bearer(Secret::new(token));
            Connection::Http { origin: origin.to_owned(), authentication, settings }
        };
        let place = || vec![HttpSetting::PlaceSecret("/Key".to_owned())];
        let elsewhere = connection("https://b.example.com", "first", Vec::new());
        for (token, found) in [("second", None), ("first", Some("/Key")), ("Key first", Some("/Key"))] {
            let both = [connection("https://a.example.com", token, place()), elsewhere.clone()];
            assert_eq!(placed_beside_itself(&both, &shown), found, "{token}");
        }
    }
}
