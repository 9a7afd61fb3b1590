//! The policy of codes. Each instance may have its own; the defaults are stated here.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::country::is_country;
use super::gsm::is_of_gsm;
use super::quota::{MOST_BYTES, MOST_MESSAGES, Quota};
use super::required_factor::RequiredFactor;
use twofactor_sandbox::{CODE_LENGTHS, FieldError, escape, readable};

/// How codes are generated, sent and verified.
///
/// In JSON every field is optional: an instance's policy states what differs from the
/// installation's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Digits of a code, 4 to 10. Default: 6. NIST SP 800-63B-4 section 3.1.3.2 requires at least
    /// 6.
    pub code_length: u8,
    /// For how many seconds a code is valid, 30 to 600. Default: 300. NIST allows 10 minutes.
    pub lifetime_seconds: u32,
    /// Attempts per challenge, over all its codes, 1 to 10. Default: 5.
    pub attempts: u32,
    /// The minimum number of seconds between two messages of a challenge, 5 to 600. Default: 30.
    pub resend_interval_seconds: u32,
    /// How often a challenge's message may be sent again, 0 to 10. Default: 3.
    pub resends: u32,
    /// Whether codes that were sent before a resend stay valid. By default a new code replaces the
    /// earlier one.
    pub keep_earlier_codes: bool,
    /// The application's name in messages; may be empty.
    pub application_name: String,
    /// The host that codes in SMS are bound to, such as `login.example.com`: the last line becomes
    /// `@host #code`, which browsers autofill only on that origin. Empty for none.
    pub webotp_host: String,
    /// Countries (ISO 3166-1 alpha-2) to whose phone numbers messages may go, or `*` for all. All
    /// others are blocked. Default: Switzerland, Liechtenstein, Germany, Austria, France and Italy,
    /// whose languages the texts are in.
    pub countries: BTreeSet<String>,
    /// Messages of an instance in a day, 0 to 1,000,000,000; 0, the default, means unlimited. Each
    /// attempt counts; test messages do not. It bounds the cost: this number times the price of a
    /// message. Beyond it another instance is tried, as if the upstream had asked to wait. In this
    /// quota and the next two, logins of administrators are counted separately, against an equal one.
    pub messages_per_day: u32,
    /// Billed segments of an instance in a day, as the upstream reports them, or one for each
    /// message, 0 to 1,000,000,000; 0, the default, means unlimited. A message that is being sent
    /// when they are used up may exceed it.
    pub segments_per_day: u32,
    /// Bytes between an instance and its upstream in a day (bodies of requests and responses,
    /// emails), 0 to 4,000,000,000; 0, the default, means unlimited. A message that is being sent
    /// when they are used up may exceed it.
    pub bytes_per_day: u32,
    /// How often a message that was certainly not sent is retried, if no other instance accepts it,
    /// 0 to 5. Default: 1. The first delay is half a second, and it doubles each time, with jitter
    /// of a half to one and a half, so that clients that failed together do not retry together. If
    /// the upstream says how long to wait, the application is told to wait.
    pub retries: u32,
    /// After how many consecutive messages that were neither accepted nor rejected for what they
    /// are an instance pauses, 0 to 1000. Default: 8; 0 means never. While it pauses, another
    /// instance is tried, and nothing is sent through it. In an instance's own policy, 0 or a value
    /// above 50 counts as 50. If the installation's value is above 50, that is the cap. If the
    /// installation's value is 0, there is no cap.
    pub pause_after: u32,
    /// How many seconds such a pause lasts, 1 to 3600. Default: 10. Then one message is tried: the
    /// pause ends if it is accepted.
    pub pause_seconds: u32,
    /// What each factor of this instance must be, when it is enrolled and when it is used. A request can require more, and never less.
    /// An instance that cannot satisfy it is not valid: only passkeys and security keys satisfy more than
    /// [`RequiredFactor::Any`], the default.
    pub required_factor: RequiredFactor,
    /// What a user who holds no factor needs to enrol the first one with this instance. Default:
    /// [`FirstEnrolment::FirstFactor`].
    pub first_enrolment: FirstEnrolment,
    /// From then on, a first enrolment needs a temporary pass, whatever `first_enrolment` says.
    /// Default: none, so never. Set it when everyone has been asked to enrol: an account that nobody
    /// used until then is not left to the first person who learns its password.
    pub first_enrolment_until: Option<Timestamp>,
    /// Whether the sign-in page invites a user who holds no factor to enrol the first one with this
    /// instance within a sign-in. Default: false: whoever knows a password could enrol a factor
    /// where the application does not ask for it.
    pub enrol_in_sign_in: bool,
    /// Whether a temporary pass is accepted for a sign-in to which this instance is available.
    /// Default: false: a pass only enrols.
    pub pass_signs_in: bool,
    /// Whether a passkey of this instance signs in on the sign-in page without a user name: the
    /// passkey names its user. Passkeys that people add on the page of their own factors are then
    /// stored by the authenticator, which must verify its user. Default: false.
    pub passwordless: bool,
    /// For how many days the sign-in page can remember a browser in which this instance was used, 0
    /// to 30. Default: 0, never. In such a browser the user is not asked for a factor, and the result says so.
    pub remembered_days: u32,
}

/// What a user who holds no factor needs to enrol the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstEnrolment {
    /// The application states that the user has just passed the first factor. A temporary pass or a
    /// verified challenge is enough, too.
    #[default]
    FirstFactor,
    /// A temporary pass, which an administrator issues.
    Pass,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            code_length: 6,
            lifetime_seconds: 300,
            attempts: 5,
            resend_interval_seconds: 30,
            resends: 3,
            keep_earlier_codes: false,
            application_name: String::new(),
            webotp_host: String::new(),
            countries: ["CH", "LI", "DE", "AT", "FR", "IT"].map(str::to_owned).into(),
            messages_per_day: 0,
            segments_per_day: 0,
            bytes_per_day: 0,
            retries: 1,
            pause_after: 8,
            pause_seconds: 10,
            required_factor: RequiredFactor::Any,
            first_enrolment: FirstEnrolment::FirstFactor,
            first_enrolment_until: None,
            enrol_in_sign_in: false,
            pass_signs_in: false,
            passwordless: false,
            remembered_days: 0,
        }
    }
}

/// Returns whether a text is a host name (RFC 1123 section 2.1) in lower case, of a length that
/// fits an SMS.
fn is_host_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 100 && text.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A policy that is out of bounds. The text names the fields and the bounds. It repeats no value.
#[derive(Debug)]
pub struct PolicyError(Vec<FieldError>);

impl PolicyError {
    /// Returns what is wrong, for a policy at `place` in the input.
    pub(crate) fn under(self, place: &str) -> Vec<FieldError> {
        let moved = |one: FieldError| FieldError { pointer: format!("{place}{}", one.pointer), ..one };
        self.0.into_iter().map(moved).collect()
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, one) in self.0.iter().enumerate() {
            let between = if n == 0 { "the policy's " } else { "; " };
            write!(f, "{between}`{}` {}", one.pointer.trim_start_matches('/'), one.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

/// Something allowed in a policy that an operator should reconsider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PolicyWarning {
    /// Codes have fewer than the 6 digits that NIST SP 800-63B-4 requires.
    ShortCodes,
    /// Messages may go to every country, which invites SMS pumping fraud.
    AllCountries,
    /// The name of the application has a character outside the GSM 7-bit alphabet (3GPP TS 23.038),
    /// such as a curly apostrophe, an en dash, ç, î or an emoji: an SMS is billed as two or more.
    NameOutsideSmsAlphabet,
}

impl PolicyWarning {
    /// Returns the field of the policy that it is about.
    pub fn field(self) -> &'static str {
        match self {
            Self::ShortCodes => "code_length",
            Self::AllCountries => "countries",
            Self::NameOutsideSmsAlphabet => "application_name",
        }
    }
}

impl Policy {
    /// Returns this policy with the fields that `own` states.
    pub(crate) fn overridden_by(&self, own: &Value) -> Result<Self, PolicyError> {
        let whole = |text: &str| PolicyError(vec![FieldError::new("", text)]);
        let Value::Object(own) = own else {
            return Err(whole("must be a JSON object"));
        };
        let Ok(Value::Object(mut fields)) = serde_json::to_value(self) else {
            return Err(whole("cannot be read"));
        };
        let mut wrong = Vec::new();
        for (name, value) in own {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            let detail = match (fields.contains_key(name), serde_json::from_value::<Self>(Value::Object(alone))) {
                (false, _) => "is not a field of a policy",
                (true, Err(_)) => "has a value of the wrong type or far out of range",
                (true, Ok(_)) => continue,
            };
            wrong.push(FieldError::new(format!("/{}", escape(name)), detail));
        }
        if !wrong.is_empty() {
            wrong.truncate(32);
            return Err(PolicyError(wrong));
        }
        fields.extend(own.clone());
        let policy: Self = serde_json::from_value(Value::Object(fields)).map_err(|_| whole("cannot be read"))?;
        policy.check()?;
        Ok(policy)
    }

    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let mut wrong = Vec::new();
        let mut must = |fits: bool, name: &str, detail: String| {
            if !fits {
                wrong.push(FieldError::new(format!("/{name}"), detail));
            }
        };
        for (name, value, range) in [
            ("code_length", self.code_length.into(), CODE_LENGTHS),
            ("lifetime_seconds", self.lifetime_seconds, 30..=600),
            ("attempts", self.attempts, 1..=10),
            ("resend_interval_seconds", self.resend_interval_seconds, 5..=600),
            ("resends", self.resends, 0..=10),
            ("messages_per_day", self.messages_per_day, MOST_MESSAGES),
            ("segments_per_day", self.segments_per_day, MOST_MESSAGES),
            ("bytes_per_day", self.bytes_per_day, MOST_BYTES),
            ("retries", self.retries, 0..=5),
            ("pause_after", self.pause_after, 0..=1000),
            ("pause_seconds", self.pause_seconds, 1..=3600),
            ("remembered_days", self.remembered_days, 0..=30),
        ] {
            must(range.contains(&value), name, format!("must be {} to {}", range.start(), range.end()));
        }
        let name = &self.application_name;
        // Mail and SMS programs make links of anything that looks like one, and people trust a link
        // beside a code.
        if let Err(why) = readable::check_in_messages(name, 40) {
            must(false, "application_name", why.to_string());
        }
        must(
            self.webotp_host.is_empty() || is_host_name(&self.webotp_host),
            "webotp_host",
            "must be a host name in lower case, such as `login.example.com`".to_owned(),
        );
        let country = |code: &String| code == "*" || is_country(code);
        must(
            self.countries.iter().all(country),
            "countries",
            "must be country codes (ISO 3166-1 alpha-2) such as `CH`, or `*`; the United Kingdom is `GB`".to_owned(),
        );
        must(
            self.resend_interval_seconds <= self.lifetime_seconds,
            "resend_interval_seconds",
            "must be at most `lifetime_seconds`; otherwise a code expires before it can be resent".to_owned(),
        );
        if wrong.is_empty() { Ok(()) } else { Err(PolicyError(wrong)) }
    }

    /// Returns the daily quotas of an instance.
    pub(crate) fn quota(&self) -> Quota {
        let Self { messages_per_day, segments_per_day, bytes_per_day, .. } = *self;
        Quota { messages_per_day, segments_per_day, bytes_per_day }
    }

    /// Returns what an operator should reconsider.
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        let warnings = [
            (self.code_length < 6, PolicyWarning::ShortCodes),
            (self.countries.contains("*"), PolicyWarning::AllCountries),
            (!is_of_gsm(&self.application_name), PolicyWarning::NameOutsideSmsAlphabet),
        ];
        warnings.into_iter().filter_map(|(applies, warning)| applies.then_some(warning)).collect()
    }

    /// Returns whether a user who holds no factor may enrol the first one with the first factor.
    pub(crate) fn allows_first_enrolment(&self, now: Timestamp) -> bool {
        self.first_enrolment == FirstEnrolment::FirstFactor && self.first_enrolment_until.is_none_or(|end| now < end)
    }

    /// Returns whether messages may go to a country.
    pub(crate) fn allows_country(&self, country: Option<&str>) -> bool {
        self.countries.contains("*") || country.is_some_and(|country| self.countries.contains(country))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::{Policy, PolicyWarning};

    #[test]
    fn an_instance_states_what_differs() {
        let policy = Policy::default().overridden_by(&json!({"code_length": 8})).unwrap();
        assert_eq!((policy.code_length, policy.attempts), (8, 5));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_name() {
        for (own, name) in [
            (json!({"code_length": 3}), "code_length"),
            (json!({"lifetime_seconds": 601}), "lifetime_seconds"),
            (json!({"attempts": 0}), "attempts"),
            (json!({"application_name": "https://evil.example"}), "application_name"),
            (json!({"webotp_host": "host #1"}), "webotp_host"),
            (json!({"application_name": "evil.example/login"}), "application_name"),
            (json!({"application_name": "Ba\u{202e}nk"}), "application_name"),
            (json!({"webotp_host": "a..b"}), "webotp_host"),
            (json!({"webotp_host": "-a.example"}), "webotp_host"),
            (json!({"webotp_host": "a-.example"}), "webotp_host"),
            (json!({"webotp_host": "."}), "webotp_host"),
            (json!({"webotp_host": "a.example."}), "webotp_host"),
            (json!({"webotp_host": "10.0.0.1"}), "webotp_host"),
            (json!({"countries": ["ch"]}), "countries"),
            (json!({"countries": ["UK"]}), "countries"),
            (json!({"countries": ["EU"]}), "countries"),
            (json!({"countries": ["CH", "XX"]}), "countries"),
            (json!({"lifetime_seconds": 60, "resend_interval_seconds": 61}), "resend_interval_seconds"),
            (json!({"digit": 6}), "digit"),
            (json!({"remembered_days": 31}), "remembered_days"),
            (json!({"required_factor": "phishing_resistant"}), "required_factor"),
            (json!({"first_enrolment": "never"}), "first_enrolment"),
            (json!({"first_enrolment_until": "2027-01-31"}), "first_enrolment_until"),
        ] {
            assert!(Policy::default().overridden_by(&own).unwrap_err().to_string().contains(name), "{own}");
        }
    }

    #[test]
    fn a_name_that_needs_a_second_sms_segment_causes_a_warning() {
        let warned = &[PolicyWarning::NameOutsideSmsAlphabet][..];
        for (name, warnings) in [
            ("Example Bank", &[][..]),
            ("Zürich & Söhne", &[]),
            ("Müller’s", warned),
            ("A – B", warned),
            ("Façade", warned),
            ("Île", warned),
            ("Shop 🔑", warned),
        ] {
            let policy = Policy::default().overridden_by(&json!({"application_name": name})).unwrap();
            assert_eq!(policy.warnings(), warnings, "{name}");
        }
    }

    #[test]
    fn a_first_enrolment_with_the_first_factor_is_allowed_until_its_window_closes() {
        let policy = |own| Policy::default().overridden_by(&own).unwrap();
        let end = "2027-01-31T00:00:00Z";
        let allows = |policy: &Policy, now: &str| policy.allows_first_enrolment(now.parse().unwrap());
        assert!(allows(&Policy::default(), end));
        let closing = policy(json!({"first_enrolment_until": end}));
        assert!(allows(&closing, "2027-01-30T23:59:59Z") && !allows(&closing, end));
        assert!(!allows(&policy(json!({"first_enrolment": "pass"})), end));
    }

    #[test]
    fn few_digits_are_allowed_with_a_warning() {
        let policy = Policy::default().overridden_by(&json!({"code_length": 4})).unwrap();
        assert_eq!(policy.warnings(), [PolicyWarning::ShortCodes]);
    }
}
