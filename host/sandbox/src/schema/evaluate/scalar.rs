//! Rules about every kind of value, about numbers and about texts.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Check, Faults, TooMuch, Valid};
use crate::schema::compile::Rule;
use crate::schema::fault::Violation;
use crate::schema::number::{Decimal, compare, count, equal};
use crate::schema::pattern::Pattern;

impl<'s, 'v> Check<'s, 'v> {
    /// Applies a rule about every kind of value, about numbers or about texts.
    pub(super) fn plain(&mut self, rule: &'s Rule, value: &'v Value, faults: &mut Faults<'s>) -> Valid {
        let violation = match (rule, value) {
            (Rule::Type(types), _) if !types.include(value) => Violation::Type(*types),
            (Rule::Const(wanted), _) => {
                self.spend(count(value).min(count(wanted)))?;
                if equal(value, wanted) {
                    return Ok(true);
                }
                Violation::Const(wanted)
            }
            (Rule::Enum(values), _) => {
                let size = count(value);
                for wanted in values {
                    self.spend(if same_kind(value, wanted) { size } else { 1 })?;
                    if equal(value, wanted) {
                        return Ok(true);
                    }
                }
                Violation::Enum(values)
            }
            (Rule::Minimum(limit), Value::Number(number)) if compare(number, limit) == Ordering::Less => {
                Violation::AtLeast(limit)
            }
            (Rule::Maximum(limit), Value::Number(number)) if compare(number, limit) == Ordering::Greater => {
                Violation::AtMost(limit)
            }
            (Rule::ExclusiveMinimum(limit), Value::Number(number)) if compare(number, limit) != Ordering::Greater => {
                Violation::MoreThan(limit)
            }
            (Rule::ExclusiveMaximum(limit), Value::Number(number)) if compare(number, limit) != Ordering::Less => {
                Violation::LessThan(limit)
            }
            (Rule::MultipleOf(step), Value::Number(number)) => {
                if Decimal::of(number).is_some_and(|number| number.is_multiple_of(*step)) {
                    return Ok(true);
                }
                Violation::Keyword("multipleOf")
            }
            (Rule::MinLength(limit), Value::String(text)) if self.length(text)? < *limit => {
                Violation::MinLength(*limit)
            }
            (Rule::MaxLength(limit), Value::String(text)) if self.length(text)? > *limit => {
                Violation::MaxLength(*limit)
            }
            (Rule::Pattern(pattern), Value::String(text)) => {
                if self.is_in(pattern, text)? {
                    return Ok(true);
                }
                Violation::Pattern(pattern)
            }
            _ => return Ok(true),
        };
        self.fault(None, violation, faults)
    }

    pub(super) fn is_in(&mut self, pattern: &Pattern, text: &str) -> Valid {
        self.spend(self.compiled.cost(pattern) + pattern.cost_in(text))?;
        self.compiled.is_in(pattern, text).ok_or(TooMuch)
    }

    pub(super) fn length(&mut self, text: &str) -> Result<u64, TooMuch> {
        self.spend(text.len() as u64 / 64)?;
        Ok(text.chars().count() as u64)
    }
}

/// Returns whether two values must be compared as a whole to tell them apart.
fn same_kind(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.len() == other.len(),
        (Value::Array(one), Value::Array(other)) => one.len() == other.len(),
        (Value::Object(one), Value::Object(other)) => one.len() == other.len(),
        _ => false,
    }
}
