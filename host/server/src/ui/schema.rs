//! Form fields, read from the JSON Schema in which a provider describes its options.
//!
//! What providers' tools write is understood: `$ref`, `allOf`, optional types, choices of constants, and unions whose alternatives
//! differ in one constant (`MailType`). Anything else becomes a field for JSON, so that no option is out of reach.

use std::cell::Cell;
use std::collections::HashSet;

use serde_json::{Map, Value};
use twofactor::sandbox::is_map_of_texts;

/// The depth to which a schema is followed: it may refer to itself.
const DEPTH: usize = 8;

/// The maximum number of values of a schema that are copied for one form. References multiply them;
/// the rest becomes a field for JSON.
const COPIES: usize = 20_000;

/// The pattern of a country code (ISO 3166-1 alpha-2).
const COUNTRY: &str = "^[A-Z]{2}$";

/// An option in a form.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// The option's name within its object.
    pub(super) name: String,
    /// The schema's title, or the name.
    pub(super) label: String,
    pub(super) help: String,
    /// A link to where its value comes from: the schema's `x-twofactor-help-url`, if that is an
    /// `https` URL.
    pub(super) link: Option<String>,
    pub(super) required: bool,
    /// The value if it is left out, if the schema has one.
    pub(super) default: Option<Value>,
    pub(super) kind: Kind,
}

/// The kind of an option's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text {
        input: &'static str,
        max: Option<u64>,
    },
    Secret {
        max: Option<u64>,
    },
    Number,
    Flag,
    Choice(Vec<Choice>),
    Lines,
    /// Texts by names, such as senders by country.
    Map {
        /// What a name is, and what a text is; empty if the schema does not say.
        labels: [String; 2],
        /// Whether the names are country codes.
        by_country: bool,
    },
    Group(Vec<Field>),
    /// The property `key` says which alternative it is.
    Union {
        key: String,
        alternatives: Vec<Alternative>,
    },
    Json,
}

/// One value of a choice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
}

/// One alternative of a union.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alternative {
    pub(super) value: String,
    pub(super) help: String,
    pub(super) fields: Vec<Field>,
}

/// Returns the fields of a schema of type object; those that are required come first.
pub(super) fn fields(schema: &Value) -> Vec<Field> {
    let reader = Reader { root: schema, copies: Cell::new(COPIES) };
    reader.fields(&reader.whole(schema, DEPTH), DEPTH)
}

/// Returns the value at a place of the options, with every secret in it replaced.
pub(super) fn redacted(fields: &[Field], path: &[&str], value: &Value, mask: &str) -> Value {
    let Some((first, rest)) = path.split_first() else {
        let Value::Object(object) = value else { return value.clone() };
        let shown = object.iter().map(|(name, value)| (name.clone(), redacted(fields, &[name.as_str()], value, mask)));
        return Value::Object(shown.collect());
    };
    // Alternatives of a union may have fields of one name.
    let mut shown = value.clone();
    for field in fields.iter().filter(|field| field.name == **first) {
        shown = match &field.kind {
            _ if shown.is_null() => shown,
            Kind::Secret { .. } => Value::from(mask),
            Kind::Group(inner) => redacted(inner, rest, &shown, mask),
            Kind::Union { alternatives, .. } => {
                alternatives.iter().fold(shown, |shown, one| redacted(&one.fields, rest, &shown, mask))
            }
            // Its content is unknown.
            Kind::Json => Value::from(mask),
            _ => shown,
        };
        // What is not an object was typed as invalid JSON.
        if matches!(field.kind, Kind::Group(_) | Kind::Union { .. }) && rest.is_empty() && shown.is_string() {
            shown = Value::from(mask);
        }
    }
    shown
}

struct Reader<'a> {
    root: &'a Value,
    /// The number that is left.
    copies: Cell<usize>,
}

type Node = Map<String, Value>;

impl Reader<'_> {
    /// Returns a node with what it refers to. Its own keywords take precedence.
    fn whole(&self, node: &Value, depth: usize) -> Node {
        let Value::Object(own) = node else { return Node::new() };
        let Some(depth) = depth.checked_sub(1).filter(|_| self.may_copy(node)) else { return Node::new() };
        let referred = own.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        let referred = referred.and_then(|pointer| self.root.pointer(pointer));
        let parts = own.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let mut whole = Node::new();
        for part in referred.into_iter().chain(parts) {
            overlay(&mut whole, self.whole(part, depth));
        }
        overlay(&mut whole, own.clone());
        // `anyOf: [X, null]` is an optional X.
        if let Some([one]) = alternatives(&whole).map(|all| not_null(&all)).as_deref() {
            let mut inner = self.whole(one, depth);
            whole.remove("anyOf");
            whole.remove("oneOf");
            overlay(&mut inner, whole);
            return inner;
        }
        whole
    }

    /// Returns whether a node may be copied, which is counted.
    fn may_copy(&self, node: &Value) -> bool {
        fn count(value: &Value, left: &mut usize) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return;
            }
            match value {
                Value::Array(items) => items.iter().for_each(|item| count(item, left)),
                Value::Object(members) => members.values().for_each(|item| count(item, left)),
                _ => {}
            }
        }
        let mut left = self.copies.get();
        count(node, &mut left);
        self.copies.set(left);
        left > 0
    }

    fn fields(&self, object: &Node, depth: usize) -> Vec<Field> {
        let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
        let required: HashSet<&str> = strings(object.get("required")).into_iter().collect();
        let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
        let mut fields: Vec<Field> = properties
            .map(|(name, node)| {
                let node = self.whole(node, DEPTH);
                Field {
                    label: text(&node, "title").unwrap_or_else(|| name.clone()),
                    help: text(&node, "description").unwrap_or_default(),
                    link: text(&node, "x-twofactor-help-url")
                        .filter(|link| is_link(link))
                        .or_else(|| vendor_page(name)),
                    required: required.contains(name.as_str()),
                    default: node.get("default").filter(|default| !default.is_null()).cloned(),
                    kind: self.kind(&node, depth),
                    name: name.clone(),
                }
            })
            .collect();
        fields.sort_by_key(|field| (!field.required, matches!(field.kind, Kind::Group(_) | Kind::Union { .. })));
        fields
    }

    fn kind(&self, node: &Node, depth: usize) -> Kind {
        if let Some(choices) = self.choices(node) {
            return Kind::Choice(choices);
        }
        if let Some(union) = self.union(node, depth) {
            return union;
        }
        let count = |key: &str| node.get(key).and_then(Value::as_u64);
        match type_of(node) {
            Some("string") if node.get("writeOnly") == Some(&Value::Bool(true)) => {
                Kind::Secret { max: count("maxLength") }
            }
            Some("string") => Kind::Text {
                input: match node.get("format").and_then(Value::as_str) {
                    Some("email" | "idn-email") => "email",
                    Some("uri") => "url",
                    _ => "text",
                },
                max: count("maxLength"),
            },
            Some("integer" | "number") => Kind::Number,
            Some("boolean") => Kind::Flag,
            Some("array") => {
                let items = node.get("items").map(|items| self.whole(items, DEPTH)).unwrap_or_default();
                let plain = type_of(&items) == Some("string") && items.get("writeOnly").is_none();
                if plain { Kind::Lines } else { Kind::Json }
            }
            Some("object") if is_map_of_texts(&Value::Object(node.clone())) => {
                let (names, texts) = (node.get("propertyNames"), node.get("additionalProperties"));
                let title = |of: Option<&Value>| of.and_then(|of| text(of.as_object()?, "title")).unwrap_or_default();
                let pattern = names.and_then(|names| names.get("pattern")).and_then(Value::as_str);
                Kind::Map { labels: [title(names), title(texts)], by_country: pattern == Some(COUNTRY) }
            }
            Some("object") if node.get("properties").is_some_and(Value::is_object) => {
                let fields = self.fields(node, depth);
                if fields.is_empty() { Kind::Json } else { Kind::Group(fields) }
            }
            _ => Kind::Json,
        }
    }

    /// `enum`, or alternatives each of which is a constant text.
    fn choices(&self, node: &Node) -> Option<Vec<Choice>> {
        if let Some(Value::Array(values)) = node.get("enum") {
            let values = values.iter().filter(|value| !value.is_null());
            return values
                .map(|value| Some(Choice { value: value.as_str()?.to_owned(), label: value.as_str()?.to_owned() }))
                .collect();
        }
        let all = not_null(&alternatives(node)?);
        all.iter()
            .map(|one| {
                let one = self.whole(one, DEPTH);
                let value = one.get("const")?.as_str()?.to_owned();
                let label = text(&one, "title").or_else(|| text(&one, "description"));
                Some(Choice { label: label.map_or_else(|| value.clone(), |label| format!("{value}: {label}")), value })
            })
            .collect()
    }

    fn union(&self, node: &Node, depth: usize) -> Option<Kind> {
        let all: Vec<Node> = not_null(&alternatives(node)?).iter().map(|one| self.whole(one, DEPTH)).collect();
        let constant = |one: &Node, key: &str| {
            let property = one.get("properties")?.get(key)?;
            Some(self.whole(property, DEPTH).get("const")?.as_str()?.to_owned())
        };
        let properties = all.first()?.get("properties")?.as_object()?;
        let key = properties.keys().find(|key| all.iter().all(|one| constant(one, key).is_some()))?;
        let alternatives = all.iter().map(|one| {
            let mut fields = self.fields(one, depth);
            fields.retain(|field| field.name != *key);
            Some(Alternative { value: constant(one, key)?, help: text(one, "description").unwrap_or_default(), fields })
        });
        Some(Kind::Union { key: key.clone(), alternatives: alternatives.collect::<Option<_>>()? })
    }
}

fn overlay(below: &mut Node, above: Node) {
    for (key, value) in above {
        match (key.as_str(), below.get_mut(&key), value) {
            ("$ref" | "allOf", ..) => {}
            ("properties", Some(Value::Object(kept)), Value::Object(more)) => kept.extend(more),
            ("required", Some(Value::Array(kept)), Value::Array(more)) => kept.extend(more),
            (_, _, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn alternatives(node: &Node) -> Option<Vec<Value>> {
    node.get("oneOf").or_else(|| node.get("anyOf"))?.as_array().cloned()
}

fn not_null(all: &[Value]) -> Vec<Value> {
    all.iter().filter(|one| one.get("type") != Some(&Value::from("null"))).cloned().collect()
}

/// Returns the only type besides `null`.
fn type_of(node: &Node) -> Option<&str> {
    match node.get("type")? {
        Value::String(one) => Some(one),
        Value::Array(all) => {
            let mut types = all.iter().filter_map(Value::as_str).filter(|one| *one != "null");
            types.next().filter(|_| types.next().is_none())
        }
        _ => None,
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns where the values of our own providers' options come from.
fn vendor_page(option: &str) -> Option<String> {
    let page = match option {
        "TwilioAccountSid" | "TwilioAuthToken" => "https://console.twilio.com/",
        "TwilioApiKeySid" => "https://www.twilio.com/docs/iam/api-keys",
        "TwilioSmsFromNumber" => "https://www.twilio.com/docs/messaging/services",
        "TwilioVoiceFromNumber" => "https://www.twilio.com/docs/phone-numbers",
        "TwilioVerifyServiceSid" | "TwilioVerifyCodeLength" => "https://www.twilio.com/docs/verify/api/service",
        "TwilioRegion" | "TwilioEdge" => "https://www.twilio.com/docs/global-infrastructure",
        "ECallAccountName" | "ECallAccountPassword" | "ECallAccountFromNumber" => "https://www.ecall.ch/",
        "MailServerConfig" => "https://learn.microsoft.com/entra/identity-platform/quickstart-register-app",
        "SesAccessKeyId" | "SesSecretAccessKey" => {
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"
        }
        "SesSenderAddress" => "https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html",
        "SlackBotToken" => "https://api.slack.com/apps",
        "InfobipBaseUrl" | "InfobipApiKey" => "https://portal.infobip.com/dev/api-keys",
        "TelnyxApiKey" => "https://portal.telnyx.com/#/app/api-keys",
        "TelnyxPublicKey" => "https://portal.telnyx.com/#/app/account/public-key",
        "TelnyxMessagingProfileId" => "https://portal.telnyx.com/#/app/messaging",
        "SendGridApiKey" => "https://app.sendgrid.com/settings/api_keys",
        "SendGridSenderAddress" => "https://app.sendgrid.com/settings/sender_auth",
        "VonageApplicationId" | "VonagePrivateKey" => "https://dashboard.nexmo.com/applications",
        "VonageApiKey" | "VonageApiSecret" | "VonageSignatureSecret" => "https://dashboard.nexmo.com/settings",
        "WhatsAppPhoneNumberId" | "WhatsAppAccessToken" => "https://developers.facebook.com/apps/",
        "WhatsAppTemplateName" | "WhatsAppTemplateLanguages" => {
            "https://business.facebook.com/wa/manage/message-templates/"
        }
        "WebhookSecret" => "https://www.standardwebhooks.com/",
        _ => return None,
    };
    Some(page.to_owned())
}

/// Only what leads to another site over TLS, in plain letters.
fn is_link(text: &str) -> bool {
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.username().is_empty());
    url.is_some_and(|url| url.as_str().len() <= 500 && text.bytes().all(|b| b.is_ascii_graphic()))
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(schema: Value) -> Kind {
        fields(&json!({"type": "object", "properties": {"X": schema}, "$defs": {
            "Loop": {"type": "object", "properties": {"Again": {"$ref": "#/$defs/Loop"}}},
            "Key": {"type": "string", "writeOnly": true}
        }}))
        .remove(0)
        .kind
    }

    #[test]
    fn a_union_that_differs_in_a_constant_has_the_fields_of_each_alternative() {
        let union = one(json!({"type": "object", "oneOf": [
            {"properties": {"MailType": {"const": "SMTP"}, "Host": {"type": "string"}}, "required": ["MailType", "Host"]},
            {"properties": {"MailType": {"const": "M365"}, "ClientSecret": {"$ref": "#/$defs/Key"}}}
        ]}));
        let Kind::Union { key, alternatives } = union else { panic!("{union:?}") };
        assert_eq!(key, "MailType");
        let [smtp, m365] = &alternatives[..] else { panic!("{alternatives:?}") };
        assert_eq!((&*smtp.value, &*smtp.fields[0].name, smtp.fields[0].required), ("SMTP", "Host", true));
        assert_eq!(m365.fields[0].kind, Kind::Secret { max: None });
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_is() {
        let fields = fields(&json!({"type": "object", "properties": {"Key": {"type": "string", "writeOnly": true},
            "Server": {"type": "object", "oneOf": [
                {"properties": {"MailType": {"const": "SMTP"}, "Host": {"type": "string"}, "Password": {"type": "string", "writeOnly": true}}},
                {"properties": {"MailType": {"const": "M365"}, "Password": {"type": "string", "writeOnly": true}}}]}}}));
        let options = json!({"Key": "s1", "Server": {"MailType": "SMTP", "Host": "h", "Password": "s2"}});
        let all = redacted(&fields, &[], &options, "•");
        assert_eq!(all, json!({"Key": "•", "Server": {"MailType": "SMTP", "Host": "h", "Password": "•"}}));
        let at = |path: &[&str], value: Value| redacted(&fields, path, &value, "•");
        assert_eq!(at(&["Server", "Password"], json!("s2")), "•");
        assert_eq!(at(&["Server", "Host"], json!("h")), "h");
        assert_eq!(at(&["Server"], json!("{\"Password\": \"s2\"")), "•");
    }

    #[test]
    fn an_optional_value_has_the_type_of_the_value() {
        assert_eq!(one(json!({"type": ["boolean", "null"]})), Kind::Flag);
        assert_eq!(one(json!({"anyOf": [{"$ref": "#/$defs/Key"}, {"type": "null"}]})), Kind::Secret { max: None });
        assert_eq!(one(json!({"type": ["integer", "null"], "minimum": 1})), Kind::Number);
    }

    #[test]
    fn constants_and_enumerations_are_choices() {
        let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
        assert_eq!(one(json!({"enum": ["a", "b", null]})), Kind::Choice(vec![choice("a", "a"), choice("b", "b")]));
        let constants = json!({"oneOf": [{"const": "a", "description": "The first."}, {"const": "b"}]});
        assert_eq!(one(constants), Kind::Choice(vec![choice("a", "a: The first."), choice("b", "b")]));
    }

    #[test]
    fn a_map_of_texts_has_labels_and_knows_countries() {
        let map = |names: Value, texts: Value| {
            one(json!({"type": ["object", "null"], "propertyNames": names, "additionalProperties": texts}))
        };
        let senders =
            map(json!({"title": "Country", "pattern": "^[A-Z]{2}$"}), json!({"type": "string", "title": "Sender"}));
        assert_eq!(senders, Kind::Map { labels: ["Country".to_owned(), "Sender".to_owned()], by_country: true });
        let any = map(json!({}), json!({"type": "string"}));
        assert_eq!(any, Kind::Map { labels: Default::default(), by_country: false });
        for other in [json!({"type": "integer"}), json!({"type": "string", "writeOnly": true}), json!(true)] {
            assert_eq!(map(json!({}), other), Kind::Json);
        }
    }

    #[test]
    fn unsupported_and_endless_schemas_become_a_field_for_json() {
        for schema in [
            json!({}),
            json!(true),
            json!({"type": "object"}),
            json!({"type": ["string", "integer"]}),
            json!({"$ref": "#/nowhere"}),
        ] {
            assert_eq!(one(schema), Kind::Json);
        }
        assert!(matches!(one(json!({"$ref": "#/$defs/Loop"})), Kind::Group(_)));
    }

    #[test]
    fn a_form_of_an_exploding_schema_is_limited() {
        fn number(fields: &[Field]) -> usize {
            let inner = |field: &Field| match &field.kind {
                Kind::Group(fields) => number(fields),
                Kind::Union { alternatives, .. } => alternatives.iter().map(|one| number(&one.fields)).sum(),
                _ => 0,
            };
            fields.iter().map(|field| 1 + inner(field)).sum()
        }
        let again: Node = (0..20).map(|n| (format!("p{n}"), json!({"$ref": "#"}))).collect();
        let parts = vec![json!({"$ref": "#/$defs/Part"}); 20];
        for schema in [
            json!({"type": "object", "properties": again}),
            json!({"type": "object", "properties": {"A": {"$ref": "#/$defs/Part"}}, "$defs": {"Part": {"allOf": parts}}}),
            json!({"type": "object", "properties": {"A": {"$ref": "#/$defs/Part"}}, "$defs": {"Part": {"oneOf": parts}}}),
        ] {
            assert!(number(&fields(&schema)) <= COPIES, "{schema}");
        }
    }
}
