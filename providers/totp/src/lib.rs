//! Authenticator apps: time-based one-time passwords (RFC 6238).

mod code;
mod options;
mod uri;
mod window;

use options::Options;
use serde::{Deserialize, Serialize};
use serde_json::json;
use twofactor_factor::{
    Accepted, AnswerKind, BegunChallenge, BegunEnrolment, Bytes, CodeAlphabet, CodeFormat, Context, Enrolled,
    EnrolmentError, Factor, Held, Metadata, Observation, Otpauth, Problem, Reveal, Site, VerificationError,
};

pub use code::{Algorithm, Parameters};
pub use window::Window;

/// The factor.
pub struct Totp;

/// The length of secrets in bytes: 160 bits, as RFC 4226 section 4 recommends.
pub const SECRET_BYTES: usize = 20;

/// What is remembered of an enrolled app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The shared secret.
    pub secret: Bytes,
    /// How the app computes codes. An instance's options may change after the app was set up.
    pub parameters: Parameters,
    /// Which codes are accepted next.
    pub window: Window,
}

/// What is pending while an app has not confirmed its set-up.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    secret: Bytes,
    parameters: Parameters,
}

impl Factor for Totp {
    type Options = Options;
    type State = State;
    type Pending = Pending;
    type Challenge = ();
    const METADATA: Metadata = Metadata {
        type_id: "totp",
        name: "Authenticator app",
        version: env!("CARGO_PKG_VERSION"),
        enrolment: AnswerKind::TypedCode,
        challenge: AnswerKind::TypedCode,
        // Each app's code is one more that a guess may hit: `docs/factors/authenticator-apps.md` has the odds.
        max_per_user: 2,
        replaces_earlier: false,
        never_sole: false,
        state_format: 1,
    };

    fn configure(options: &Options, _: &Site) -> Result<Option<CodeFormat>, Vec<Problem>> {
        options.check()?;
        Ok(Some(CodeFormat { alphabet: CodeAlphabet::Digits, length: options.digits }))
    }

    fn begin_enrolment(options: &Options, context: &Context, _: &[State]) -> BegunEnrolment<Pending> {
        let secret: [u8; SECRET_BYTES] = context.entropy.draw();
        let parameters = options.parameters();
        let issuer = options.issuer.as_deref().unwrap_or(&context.site.name);
        let otpauth = Otpauth {
            uri: uri::otpauth(issuer, &context.user.name, &secret, &parameters),
            secret: uri::base32(&secret),
        };
        BegunEnrolment::new(Pending { secret: secret.into(), parameters })
            .public(json!({
                "algorithm": parameters.algorithm,
                "digits": parameters.digits,
                "period": parameters.period,
            }))
            .reveal(Reveal::Otpauth(otpauth))
    }

    fn finish_enrolment(
        _: &Options,
        context: &Context,
        pending: Pending,
        answer: &str,
    ) -> Result<Enrolled<State>, EnrolmentError> {
        if !is_code(answer, &pending.parameters) {
            return Err(EnrolmentError::Malformed("the code has not the expected number of digits"));
        }
        let Pending { secret, parameters } = pending;
        let window = Window::default()
            .accept(&secret, &parameters, context.now, answer)
            .ok_or(EnrolmentError::Wrong("the code fits no step that is accepted"))?;
        Ok(Enrolled::new(State { secret, parameters, window }))
    }

    fn begin_challenge(_: &Options, _: &Context, _: &[State]) -> BegunChallenge<()> {
        BegunChallenge::new(())
    }

    fn verify(
        _: &Options,
        context: &Context,
        factors: Vec<Held<State>>,
        (): (),
        answer: &str,
    ) -> Result<Accepted<State>, VerificationError> {
        if !factors.iter().any(|held| is_code(answer, &held.state.parameters)) && !factors.is_empty() {
            return Err(VerificationError::Malformed("the code has not the expected number of digits"));
        }
        // All apps are tried, so that the time does not tell which one was right.
        let windows: Vec<Option<Window>> = factors
            .iter()
            .map(|Held { state, .. }| state.window.accept(&state.secret, &state.parameters, context.now, answer))
            .collect();
        let (held, window) = factors
            .into_iter()
            .zip(windows)
            .find_map(|(held, window)| Some((held, window?)))
            .ok_or(VerificationError::Wrong("the code fits no step that is accepted"))?;
        let observations = if window.clock_is_off() { vec![Observation::ClockDrift] } else { Vec::new() };
        let state = State { window, ..held.state };
        Ok(Accepted { observations, ..Accepted::new(Held { index: held.index, state }) })
    }

    /// Reads format 0: an otpauth URI, of an app that was set up somewhere else.
    fn upgrade(format: u32, data: &[u8]) -> Option<State> {
        let uri = std::str::from_utf8(data).ok().filter(|_| format == 0)?;
        let uri::SetUp { secret, parameters, after } = uri::parse(uri)?;
        let window = after.map_or_else(Window::default, |after| Window::after(after, &parameters));
        Some(State { secret: secret.into(), parameters, window })
    }
}

twofactor_factor::export!(Totp);

/// Returns whether this is a code of an app with these parameters.
fn is_code(answer: &str, parameters: &Parameters) -> bool {
    answer.len() == parameters.digits as usize && answer.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
