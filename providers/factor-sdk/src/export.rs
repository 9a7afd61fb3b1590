//! Creates a component from a [`Factor`].

use std::marker::PhantomData;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::exports::twofactor::factor::factor::Guest;
use crate::bindings::twofactor::factor::types as wit;
use crate::{Context, EnrolmentError, Factor, Held, Problem, Site, StateError, VerificationError, problem};

/// Implements the contract for a factor; [`export!`](crate::export) names it.
pub struct Exported<F>(PhantomData<F>);

/// Returns the JSON Schema (2020-12) of the options, in one document.
pub fn schema<O: JsonSchema>() -> String {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<O>();
    serde_json::to_string(&schema).unwrap_or_default()
}

impl<F: Factor> Guest for Exported<F> {
    fn describe() -> wit::Manifest {
        wit::Manifest {
            type_id: F::METADATA.type_id.to_owned(),
            name: F::METADATA.name.to_owned(),
            version: F::METADATA.version.to_owned(),
            options_schema: schema::<F::Options>(),
            enrolment: F::METADATA.enrolment,
            challenge: F::METADATA.challenge,
            max_per_user: F::METADATA.max_per_user,
            replaces_earlier: F::METADATA.replaces_earlier,
            never_sole: F::METADATA.never_sole,
            state_format: F::METADATA.state_format,
            extra: Vec::new(),
        }
    }

    fn configure(options: String, site: Site) -> Result<wit::Configured, Vec<Problem>> {
        let options = serde_json::from_str(&options)
            .map_err(|_| vec![problem("", "these options do not have the form that the schema requires")])?;
        let code_format = F::configure(&options, &site)?;
        Ok(wit::Configured { code_format, extra: Vec::new() })
    }

    fn begin_enrolment(options: String, context: wit::Context, existing: Vec<wit::State>) -> wit::BegunEnrolment {
        let begun = F::begin_enrolment(&validated(&options), &context.into(), &states::<F>(existing));
        wit::BegunEnrolment { public: begun.public.to_string(), reveal: begun.reveal, pending: encode(&begun.pending) }
    }

    fn finish_enrolment(
        options: String,
        context: wit::Context,
        pending: Vec<u8>,
        answer: String,
    ) -> wit::EnrolmentVerdict {
        let Ok(pending) = serde_json::from_slice(&pending) else {
            return wit::EnrolmentVerdict::Wrong("the data of the begun enrolment is damaged".to_owned());
        };
        match F::finish_enrolment(&validated(&options), &context.into(), pending, &answer) {
            Ok(enrolled) => wit::EnrolmentVerdict::Enrolled(wit::Enrolled {
                state: state::<F>(&enrolled.state),
                unique_id: enrolled.unique_id,
                facts: enrolled.facts,
            }),
            Err(EnrolmentError::Wrong(detail)) => wit::EnrolmentVerdict::Wrong(detail.to_owned()),
            Err(EnrolmentError::Malformed(detail)) => wit::EnrolmentVerdict::Malformed(detail.to_owned()),
            Err(EnrolmentError::Unmet(requirement)) => wit::EnrolmentVerdict::Unmet(requirement),
        }
    }

    fn begin_challenge(options: String, context: wit::Context, factors: Vec<wit::State>) -> wit::BegunChallenge {
        let begun = F::begin_challenge(&validated(&options), &context.into(), &states::<F>(factors));
        wit::BegunChallenge { public: begun.public.to_string(), pending: encode(&begun.challenge) }
    }

    fn identify(answer: String) -> Option<Vec<u8>> {
        F::identify(&answer)
    }

    fn verify(
        options: String,
        context: wit::Context,
        factors: Vec<wit::State>,
        pending: Vec<u8>,
        answer: String,
    ) -> wit::Verdict {
        let Ok(challenge) = serde_json::from_slice(&pending) else { return wit::Verdict::Expired };
        match F::verify(&validated(&options), &context.into(), held::<F>(factors), challenge, &answer) {
            Ok(accepted) => wit::Verdict::Right(wit::Accepted {
                index: accepted.held.index,
                state: state::<F>(&accepted.held.state),
                facts: accepted.facts,
                observations: accepted.observations,
            }),
            Err(VerificationError::Wrong(detail)) => wit::Verdict::Wrong(detail.to_owned()),
            Err(VerificationError::Malformed(detail)) => wit::Verdict::Malformed(detail.to_owned()),
            Err(VerificationError::Suspicious(index, suspicion)) => wit::Verdict::Suspicious((index, suspicion)),
            Err(VerificationError::Expired) => wit::Verdict::Expired,
        }
    }

    fn upgrade(earlier: wit::State) -> Result<wit::State, StateError> {
        let current = F::METADATA.state_format;
        if earlier.format > current {
            return Err(StateError::LaterFormat);
        }
        let read =
            if earlier.format == current { decode::<F>(&earlier) } else { F::upgrade(earlier.format, &earlier.data) };
        read.map(|read| state::<F>(&read)).ok_or(StateError::Damaged)
    }

    fn signals(context: wit::Context, remaining: Vec<wit::State>, removed: Option<wit::State>) -> Vec<wit::Signal> {
        let removed = removed.and_then(|removed| decode::<F>(&removed));
        F::signals(&Context::from(context), &states::<F>(remaining), removed.as_ref())
            .into_iter()
            .map(|signal| wit::Signal { kind: signal.kind, argument: signal.argument.to_string() })
            .collect()
    }
}

/// Parses options that `configure` found valid.
#[allow(clippy::panic, reason = "the host calls with valid options; a component has no other way to refuse a call")]
fn validated<O: DeserializeOwned>(options: &str) -> O {
    serde_json::from_str(options).unwrap_or_else(|_| panic!("the options were not validated"))
}

/// Writes a state or pending data. The host would store an empty text, and no one could read the factor from then on.
#[allow(clippy::panic, reason = "a component has no other way to refuse a call")]
fn encode(value: &impl Serialize) -> Vec<u8> {
    // The error may repeat a part of the value.
    serde_json::to_vec(value).unwrap_or_else(|_| panic!("a state or pending data cannot be written as JSON"))
}

fn state<F: Factor>(value: &F::State) -> wit::State {
    wit::State { format: F::METADATA.state_format, data: encode(value) }
}

fn decode<F: Factor>(state: &wit::State) -> Option<F::State> {
    if state.format != F::METADATA.state_format {
        return None;
    }
    serde_json::from_slice(&state.data).ok()
}

/// Returns the factors whose states can be read. One with a damaged state can only be removed.
fn held<F: Factor>(factors: Vec<wit::State>) -> Vec<Held<F::State>> {
    (0..).zip(&factors).filter_map(|(index, state)| Some(Held { index, state: decode::<F>(state)? })).collect()
}

fn states<F: Factor>(factors: Vec<wit::State>) -> Vec<F::State> {
    factors.iter().filter_map(decode::<F>).collect()
}

/// Creates a component from a [`Factor`].
#[macro_export]
macro_rules! export {
    ($factor:ident) => {
        #[allow(unsafe_code, reason = "the exports of a component are generated")]
        const _: () = {
            type Component = $crate::Exported<$factor>;
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export_bindings!(Component with_types_in $crate::bindings);
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "checks natively that this is a factor")]
            fn is_a_factor<F: $crate::Factor>(_: $crate::Exported<F>) {}
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "checks natively that this is a factor")]
            fn check(component: Component) {
                is_a_factor(component);
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::encode;

    #[test]
    #[should_panic(expected = "cannot be written as JSON")]
    fn a_state_that_cannot_be_written_ends_the_call() {
        // Names in JSON are strings.
        encode(&BTreeMap::from([((1_u8, 2_u8), 3_u8)]));
    }
}
