//! What a schema says is wrong with options, in words. The validator's own texts repeat values, which may be secrets: these name the
//! rule. Of a union's alternatives the one that is meant is spoken of.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Rule};
use serde_json::Value;

use crate::provider::{Problem, escape};

/// Problems listed at most.
const MOST: usize = 32;

/// How deep unions within unions are followed.
const DEPTH: usize = 8;

pub(super) fn broken<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for error in errors.take(MOST) {
        explain(&error, DEPTH, &mut problems);
    }
    problems.truncate(MOST);
    problems
}

fn explain(error: &ValidationError<'_>, depth: usize, problems: &mut Vec<Problem>) {
    let at = error.instance_path().to_string();
    let within = |name: &str| format!("{at}/{}", escape(name));
    let mut say = |option: String, message: String| problems.push(Problem::new(option, message));
    match error.kind() {
        Rule::Required { property } => say(within(property.as_str().unwrap_or_default()), "is required".to_owned()),
        Rule::AdditionalProperties { unexpected } | Rule::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(MOST) {
                say(within(name), "is not known to this provider: remove it, or check its spelling".to_owned());
            }
        }
        Rule::OneOfNotValid { context } | Rule::AnyOf { context } if depth > 0 => match meant(context) {
            Some(alternative) => alternative.iter().for_each(|inner| explain(inner, depth - 1, problems)),
            None => {
                let (option, values) = told_apart(context).unwrap_or((at, Vec::new()));
                let message = match &values[..] {
                    [] => "fits none of the forms the provider knows".to_owned(),
                    values => format!("must be one of: {}", values.join(", ")),
                };
                say(option, message);
            }
        },
        rule => say(at, sentence(rule)),
    }
}

fn sentence(rule: &Rule) -> String {
    match rule {
        Rule::Type { kind: TypeKind::Single(one) } => format!("must be of type {one}"),
        Rule::Minimum { limit } => format!("must be at least {limit}"),
        Rule::Maximum { limit } => format!("must be at most {limit}"),
        Rule::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Rule::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Rule::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Rule::MinLength { limit } => format!("must have at least {limit} characters"),
        Rule::MaxLength { limit } => format!("must have at most {limit} characters"),
        Rule::MinItems { limit } => format!("must have at least {limit} entries"),
        Rule::MaxItems { limit } => format!("must have at most {limit} entries"),
        Rule::UniqueItems => "must not hold an entry twice".to_owned(),
        Rule::Pattern { pattern } if pattern.len() <= 80 => format!("must have the form `{pattern}`"),
        Rule::Pattern { .. } => "does not have the form the provider asks for".to_owned(),
        Rule::Format { format } => format!("must be of the format {format}"),
        Rule::Enum { options } => match options.as_array() {
            Some(values) => format!("must be one of: {}", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
            None => "must be one of the values the provider knows".to_owned(),
        },
        Rule::Constant { expected_value } => format!("must be {}", shown(expected_value)),
        rule => format!("does not satisfy `{}` of the provider's schema", rule.keyword()),
    }
}

/// The alternative whose constants fit; of several the one with the fewest faults.
fn meant<'a>(context: &'a [Vec<ValidationError<'static>>]) -> Option<&'a [ValidationError<'static>]> {
    let has_constants = context.iter().flatten().any(is_constant);
    let fits = |alternative: &&Vec<ValidationError<'static>>| has_constants && !alternative.iter().any(is_constant);
    context.iter().filter(fits).min_by_key(|alternative| alternative.len()).map(Vec::as_slice)
}

/// What the alternatives differ in, and its values.
fn told_apart(context: &[Vec<ValidationError<'static>>]) -> Option<(String, Vec<String>)> {
    let constants = context.iter().flatten().filter(|error| is_constant(error));
    let mut option = None;
    let mut values = Vec::new();
    for error in constants {
        if let Rule::Constant { expected_value } = error.kind() {
            option.get_or_insert_with(|| error.instance_path().to_string());
            values.push(shown(expected_value));
        }
    }
    Some((option?, values))
}

fn is_constant(error: &ValidationError<'static>) -> bool {
    matches!(error.kind(), Rule::Constant { .. })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(options: &Value) -> Vec<(String, String)> {
        let schema = json!({
            "type": "object", "required": ["Server"], "additionalProperties": false,
            "properties": {
                "Sid": {"type": "string", "pattern": "^AC[0-9]+$"},
                "Server": {"oneOf": [
                    {"properties": {"MailType": {"const": "SMTP"}, "Host": {"minLength": 1}, "Port": {"type": "integer", "minimum": 1}},
                        "required": ["MailType", "Host", "Port"]},
                    {"properties": {"MailType": {"const": "M365"}}, "required": ["MailType", "ClientId"]}
                ]}
            }
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let pair = |problem: Problem| (problem.option, problem.message);
        broken(validator.iter_errors(options)).into_iter().map(pair).collect()
    }

    fn one(option: &str, message: &str) -> (String, String) {
        (option.to_owned(), message.to_owned())
    }

    #[test]
    fn what_is_missing_in_the_alternative_that_is_meant_is_named() {
        assert_eq!(of(&json!({})), [one("/Server", "is required")]);
        let smtp = json!({"Server": {"MailType": "SMTP", "Host": "", "Port": "465"}});
        let problems = of(&smtp);
        assert!(problems.contains(&one("/Server/Host", "must not be empty")), "{problems:?}");
        assert!(problems.contains(&one("/Server/Port", "must be of type integer")), "{problems:?}");
        assert_eq!(of(&json!({"Server": {"MailType": "M365"}})), [one("/Server/ClientId", "is required")]);
    }

    #[test]
    fn an_alternative_that_is_none_is_told_which_there_are() {
        let problems = of(&json!({"Server": {"MailType": "Pigeon"}}));
        assert_eq!(problems, [one("/Server/MailType", "must be one of: SMTP, M365")]);
    }

    #[test]
    fn no_value_is_repeated() {
        let canary = "s3cret-canary";
        let problems = of(&json!({"Sid": canary, "Server": {"MailType": canary, "Host": canary}, "Wrong": canary}));
        assert!(problems.contains(&one("/Sid", "must have the form `^AC[0-9]+$`")), "{problems:?}");
        assert!(problems.iter().any(|(option, _)| option == "/Wrong"), "{problems:?}");
        assert!(!format!("{problems:?}").contains(canary));
    }
}
