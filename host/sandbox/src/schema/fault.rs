//! The faults of options, as sentences. They name the rule and never repeat a value of the options, which may be a secret.

use serde_json::{Number, Value};

use super::compile::Types;
use super::pattern::Pattern;

/// The maximum number of faults that are recorded for one value.
pub(super) const MOST: usize = 32;

/// The maximum length of a list of values in a sentence, in characters.
const SHOWN: usize = 300;

/// A fault of a value.
#[derive(Debug)]
pub(super) struct Fault<'s> {
    /// JSON Pointer to the value.
    pub(super) at: String,
    pub(super) rule: Violation<'s>,
}

/// The rule that a value breaks.
#[derive(Debug)]
pub(super) enum Violation<'s> {
    Required,
    Unknown,
    /// The schema `false`.
    Forbidden,
    Type(Types),
    Enum(&'s [Value]),
    Const(&'s Value),
    AtLeast(&'s Number),
    AtMost(&'s Number),
    MoreThan(&'s Number),
    LessThan(&'s Number),
    MinLength(u64),
    MaxLength(u64),
    MinItems(u64),
    MaxItems(u64),
    Unique,
    Pattern(&'s Pattern),
    /// No alternative fits, and nothing tells which one is meant.
    NoAlternative,
    /// No alternative fits; they differ in these constants.
    Choice(Vec<&'s Value>),
    SeveralAlternatives,
    /// Another keyword.
    Keyword(&'s str),
}

impl Violation<'_> {
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Required => "is required".to_owned(),
            Self::Unknown => "is not an option of this provider: remove it, or check its spelling".to_owned(),
            Self::Forbidden => "must not be set".to_owned(),
            Self::Type(types) => format!("must be of type {types}"),
            Self::Enum(values) => one_of(values.iter()),
            Self::Const(value) => format!("must be {}", shown(value)),
            Self::Choice(values) => one_of(values.iter().copied()),
            Self::AtLeast(limit) => format!("must be at least {limit}"),
            Self::AtMost(limit) => format!("must be at most {limit}"),
            Self::MoreThan(limit) => format!("must be more than {limit}"),
            Self::LessThan(limit) => format!("must be less than {limit}"),
            Self::MinLength(1) => "must not be empty".to_owned(),
            Self::MinLength(limit) => format!("must have at least {limit} characters"),
            Self::MaxLength(limit) => format!("must have at most {limit} characters"),
            Self::MinItems(limit) => format!("must have at least {limit} entries"),
            Self::MaxItems(limit) => format!("must have at most {limit} entries"),
            Self::Unique => "must not contain duplicates".to_owned(),
            Self::Pattern(pattern) if pattern.source.len() <= 80 => format!("must have the form `{}`", pattern.source),
            Self::Pattern(_) => "does not match the required format".to_owned(),
            Self::NoAlternative => "matches none of the allowed forms".to_owned(),
            Self::SeveralAlternatives => "matches more than one of the allowed forms".to_owned(),
            Self::Keyword(keyword) => format!("does not satisfy `{keyword}` of the provider's schema"),
        }
    }
}

/// Returns what is wrong with a value that fits no alternative, from what is wrong with it in each: the faults of the alternative whose constants
/// fit, of several of the one with the fewest; else which constants there are.
pub(super) fn of_alternatives<'s>(at: String, mut all: Vec<Vec<Fault<'s>>>) -> Vec<Fault<'s>> {
    let is_constant = |fault: &Fault<'_>| matches!(fault.rule, Violation::Const(_));
    let mut constants = Vec::new();
    for fault in all.iter().flatten() {
        if let Violation::Const(value) = fault.rule {
            constants.push((fault.at.clone(), value));
        }
    }
    let Some((option, _)) = constants.first() else {
        return vec![Fault { at, rule: Violation::NoAlternative }];
    };
    let fitting = all.iter().enumerate().filter(|(_, faults)| !faults.iter().any(is_constant));
    match fitting.min_by_key(|(_, faults)| faults.len()) {
        Some((meant, _)) => all.swap_remove(meant),
        None => {
            let at = option.clone();
            vec![Fault { at, rule: Violation::Choice(constants.into_iter().map(|(_, value)| value).collect()) }]
        }
    }
}

fn one_of<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let mut list = String::new();
    for value in values {
        if !list.is_empty() {
            list.push_str(", ");
        }
        if list.len() > SHOWN {
            list.push('…');
            break;
        }
        list.push_str(&shown(value));
    }
    format!("must be one of: {list}")
}

/// Returns a value of the schema, shortened.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
