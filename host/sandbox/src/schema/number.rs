//! Numbers and equality as JSON Schema defines them: by value, however a number is written. Exact,
//! and bounded for every input.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// A larger number is compared as `f64`: no integer that JSON stores as such is as large.
const LARGEST_EXACT: f64 = 1e30;

fn as_integer(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i64() {
        return Some(whole.into());
    }
    if let Some(whole) = number.as_u64() {
        return Some(whole.into());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < LARGEST_EXACT)?;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and within the range of i128")]
    Some(float as i128)
}

/// Returns whether a number is an integer, which `1.0` and `1e300` are as well.
pub(super) fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// Returns a limit such as `minLength`: a non-negative integer. Those beyond `u64` become its
/// maximum, which nothing reaches.
pub(super) fn as_limit(value: &Value) -> Option<u64> {
    let number = value.as_number()?;
    if let Some(limit) = number.as_u64() {
        return Some(limit);
    }
    let float = number.as_f64().filter(|float| *float >= 0.0 && float.fract() == 0.0)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such casts saturate, as is wanted")]
    Some(float as u64)
}

/// Compares two numbers by value.
pub(super) fn compare(one: &Number, other: &Number) -> Ordering {
    match (as_integer(one), as_integer(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        // At least one has a fraction, so it is small enough to be exact, or it is very large.
        _ => {
            let [one, other] = [one, other].map(|number| number.as_f64().unwrap_or(f64::NAN));
            one.partial_cmp(&other).unwrap_or(Ordering::Equal)
        }
    }
}

/// Returns the number of values in a value, itself included. Each 64 bytes of a text or a name count as one more.
pub(super) fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(count).sum::<u64>() + 1,
        Value::Object(members) => members.iter().map(|(name, value)| length(name) + count(value)).sum::<u64>() + 1,
        Value::String(text) => length(text) + 1,
        _ => 1,
    }
}

/// Returns the steps that a text takes for its length: it is copied, hashed or compared.
pub(super) fn length(text: &str) -> u64 {
    text.len() as u64 / 64
}

/// Returns whether two values are equal (JSON Schema 2020-12 section 4.2.2).
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other) == Ordering::Equal,
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| equal(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        (one, other) => one == other,
    }
}

/// Writes a text that is the same for two values exactly if they are equal.
pub(super) fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => match as_integer(number) {
            Some(whole) => out.push_str(&whole.to_string()),
            None => out.push_str(&number.to_string()),
        },
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in members {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// A number in decimal: `mantissa` × 10^`exponent`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    /// Below 2^64, as it comes from a `u64` or the shortest form of a `f64`. So the product of two
    /// fits.
    mantissa: u128,
    exponent: i32,
}

impl Decimal {
    pub(super) fn of(number: &Number) -> Option<Self> {
        let text = number.to_string();
        let text = text.trim_start_matches('-');
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mantissa = u128::from(format!("{whole}{fraction}").parse::<u64>().ok()?);
        let places = i32::try_from(fraction.len()).ok()?;
        Some(Self { mantissa, exponent: exponent.parse::<i32>().ok()?.checked_sub(places)? })
    }

    pub(super) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Returns whether it is an integer multiple of a step that is not zero.
    pub(super) fn is_multiple_of(self, step: Self) -> bool {
        let Some(shift) = self.exponent.checked_sub(step.exponent) else { return false };
        if self.mantissa == 0 {
            return true;
        }
        match u32::try_from(shift) {
            Ok(shift) => {
                let rest = self.mantissa % step.mantissa * power_of_ten(shift, step.mantissa);
                rest.is_multiple_of(step.mantissa)
            }
            // The step times ten to the power of 20 or more is larger than every mantissa.
            Err(_) => {
                let factor = 10_u128.checked_pow(shift.unsigned_abs()).filter(|_| shift > -20);
                let step = factor.and_then(|factor| step.mantissa.checked_mul(factor));
                step.is_some_and(|step| self.mantissa.is_multiple_of(step))
            }
        }
    }
}

/// Returns 10^`exponent` modulo `modulus`.
fn power_of_ten(mut exponent: u32, modulus: u128) -> u128 {
    let (mut power, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    power
}
