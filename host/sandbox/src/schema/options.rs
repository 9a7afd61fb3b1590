//! Reads from an options schema which options are secret, and which are objects.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::placement::{Parts, Placement};

/// The depth to which schemas and options are followed: a schema may refer to itself.
const DEPTH: usize = 16;

/// A schema of options. All of its alternatives (`oneOf`, `anyOf`, `allOf`) count: an option that
/// is secret in one is a secret.
pub struct OptionsSchema<'a> {
    root: &'a Value,
}

/// Who may see an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    Open,
    Secret,
    /// A secret that the component itself needs in `deliver`.
    Revealed,
    /// A secret that the host puts into these parts of requests: `deliver` gets a placeholder.
    Placed(Parts),
    /// The schema does not have it: it may be a misspelt secret.
    Unknown,
}

/// Who may see the options of a schema.
#[derive(Default)]
pub(crate) struct Sights {
    /// By path (`Server/Password`).
    pub(crate) all: BTreeMap<String, Sight>,
    /// Secrets in lists.
    pub(crate) listed: Vec<String>,
    /// The paths of maps of texts, whose members are all open.
    pub(crate) maps: BTreeSet<String>,
    /// Why the options cannot be shown to people for approval.
    pub(crate) unshowable: Option<&'static str>,
    /// An option whose `x-twofactor-placement` is not allowed, and why.
    pub(crate) misplaced: Option<(String, &'static str)>,
    /// The number of subschemas that were visited.
    looks: usize,
}

/// The keyword that says where the host may put a secret.
const PLACEMENT: &str = "x-twofactor-placement";

/// The keyword that reveals a secret to `deliver`.
const REVEALED: &str = "x-twofactor-revealed";

/// A limit, since a schema that refers to itself has options without end.
const LOOKS: usize = 20_000;

/// The maximum number of schemas that apply to one option. A component with more is refused when it
/// is loaded.
const TOGETHER: usize = 256;

/// Names are untrusted, and people are shown them for approval.
fn is_showable(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && !name.contains(|c: char| c.is_control() || c == '/')
}

impl<'a> OptionsSchema<'a> {
    /// Reads a schema that was checked when its component was loaded.
    pub fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// Returns the options without what `deliver` must not see.
    pub fn without_secrets(&self, options: &Value) -> Value {
        self.rewrite(options, &[self.root], "", DEPTH, &mut |sight, _, value| match sight {
            Sight::Secret | Sight::Unknown | Sight::Placed(_) => None,
            Sight::Open | Sight::Revealed => Some(value),
        })
    }

    /// Returns the options without what `deliver` must not see, with an empty text in place of each secret that the host puts into
    /// requests; and these secrets, each by its pointer.
    pub(crate) fn with_places(&self, options: &Value) -> (Value, Vec<(String, String)>) {
        let mut placed = Vec::new();
        let seen = self.rewrite(options, &[self.root], "", DEPTH, &mut |sight, pointer, value| match (sight, value) {
            (Sight::Open | Sight::Revealed, value) => Some(value),
            (Sight::Placed(_), Value::String(secret)) => {
                placed.push((pointer.to_owned(), secret));
                Some(Value::from(""))
            }
            (Sight::Secret | Sight::Unknown | Sight::Placed(_), _) => None,
        });
        (seen, placed)
    }

    /// Returns the options with a mask in place of each secret, to show to people.
    pub fn masked(&self, options: &Value, mask: &str) -> Value {
        self.rewrite(options, &[self.root], "", DEPTH, &mut |sight, _, value| match sight {
            Sight::Open => Some(value),
            _ if value.is_null() => Some(value),
            _ => Some(Value::from(mask)),
        })
    }

    /// Returns the options with another value in place of each secret; `instead` gets the secret's
    /// pointer.
    pub fn with_secrets_as(&self, options: &Value, instead: &mut impl FnMut(&str, Value) -> Value) -> Value {
        self.rewrite(options, &[self.root], "", DEPTH, &mut |sight, pointer, value| match sight {
            Sight::Open => Some(value),
            _ if value.is_null() => Some(value),
            _ => Some(instead(pointer, value)),
        })
    }

    /// Returns the values of all secrets in the options.
    pub fn secrets(&self, options: &Value) -> Vec<String> {
        let mut secrets = Vec::new();
        self.rewrite(options, &[self.root], "", DEPTH, &mut |sight, _, value| {
            if sight != Sight::Open {
                texts(&value, &mut secrets);
            }
            Some(value)
        });
        secrets
    }

    /// Returns the pointers of the secrets in the options that `deliver` receives.
    pub(crate) fn revealed_in(&self, options: &Value) -> Vec<String> {
        let mut revealed = Vec::new();
        self.rewrite(options, &[self.root], "", DEPTH, &mut |sight, pointer, value| {
            if sight == Sight::Revealed {
                revealed.push(pointer.to_owned());
            }
            Some(value)
        });
        revealed
    }

    /// Returns the texts in the options that are not secret, each with its pointer.
    pub(crate) fn open_texts(&self, options: &Value) -> Vec<(String, String)> {
        let mut open = Vec::new();
        let seen = self
            .rewrite(options, &[self.root], "", DEPTH, &mut |sight, _, value| (sight == Sight::Open).then_some(value));
        leaves(&seen, "", &mut open);
        open
    }

    /// Converts text into objects: an option that is an object may arrive as a string with the
    /// object's JSON, since one system whose samples must be accepted has only a single text field.
    /// A string that is not a JSON object is an error: kept as text, it could hide a secret.
    ///
    /// # Errors
    /// The JSON Pointer of that option.
    pub fn with_text_as_objects(&self, options: Value) -> Result<Value, String> {
        let Value::Object(options) = options else {
            return Ok(options);
        };
        let mut out = Map::new();
        for (name, value) in options {
            let value = match &value {
                Value::String(text) if self.is_object(&name) => {
                    let parsed = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
                    parsed.ok_or_else(|| format!("/{}", escape(&name)))?
                }
                _ => value,
            };
            out.insert(name, value);
        }
        Ok(Value::Object(out))
    }

    fn is_object(&self, name: &str) -> bool {
        let schemas = self.expand(&named(&self.expand(&[self.root]), name));
        let says = |ty: &str| schemas.iter().any(|schema| schema.get("type") == Some(&Value::from(ty)));
        says("object") && !says("string")
    }

    fn rewrite(
        &self,
        value: &Value,
        schemas: &[&'a Value],
        at: &str,
        depth: usize,
        keep: &mut impl FnMut(Sight, &str, Value) -> Option<Value>,
    ) -> Value {
        let Some(depth) = depth.checked_sub(1) else {
            return Value::Null;
        };
        match value {
            Value::Object(map) => {
                let mut out = Map::new();
                let schemas = self.expand(schemas);
                let members = if at.is_empty() { Vec::new() } else { map_members(&schemas) };
                for (name, value) in map {
                    let found = if members.is_empty() { named(&schemas, name) } else { members.clone() };
                    let sight = self.sight(&found);
                    let at = format!("{at}/{}", escape(name));
                    let open = sight == Sight::Open;
                    let inner = if open { self.rewrite(value, &found, &at, depth, keep) } else { value.clone() };
                    if let Some(inner) = keep(sight, &at, inner) {
                        out.insert(name.clone(), inner);
                    }
                }
                Value::Object(out)
            }
            Value::Array(items) => {
                let inner: Vec<&Value> =
                    self.expand(schemas).into_iter().filter_map(|schema| schema.get("items")).collect();
                let each = items.iter().enumerate();
                Value::Array(
                    each.map(|(n, item)| self.rewrite(item, &inner, &format!("{at}/{n}"), depth, keep)).collect(),
                )
            }
            other => other.clone(),
        }
    }

    /// Returns who may see the options.
    pub(crate) fn sights(&self) -> Sights {
        let mut sights = Sights::default();
        self.walk(&[self.root], "", false, DEPTH, &mut sights);
        sights
    }

    fn walk(&self, schemas: &[&'a Value], at: &str, in_list: bool, depth: usize, sights: &mut Sights) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let schemas = self.expand(schemas);
        sights.looks += schemas.len();
        if schemas.len() > TOGETHER || sights.looks > LOOKS {
            sights.unshowable = Some("it has too many options within options, or too many alternatives of one");
            return;
        }
        let names = schemas.iter().filter_map(|schema| schema["properties"].as_object()).flat_map(Map::keys);
        for name in names.collect::<BTreeSet<_>>() {
            let found = self.expand(&named(&schemas, name));
            sights.looks += found.len();
            if found.len() > TOGETHER || sights.looks > LOOKS {
                sights.unshowable = Some("it has too many options within options, or too many alternatives of one");
                return;
            }
            if !is_showable(name) {
                sights.unshowable =
                    Some("the name of an option must be 1 to 100 characters without `/` and control characters");
                continue;
            }
            let at = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            let sight = self.sight(&found);
            if let Some(why) = self.misplaced(&found, sight) {
                sights.misplaced.get_or_insert_with(|| (at.clone(), why));
            }
            if in_list && sight != Sight::Open {
                sights.listed.push(at.clone());
            }
            // An object or a list may have it twice: then it is visible if one of the two is.
            let known = sights.all.entry(at.clone()).or_insert(sight);
            if sight == Sight::Open {
                *known = sight;
                self.walk(&found, &at, in_list, depth, sights);
            }
        }
        if !at.is_empty() && !map_members(&schemas).is_empty() {
            sights.maps.insert(at.to_owned());
        }
        let single = schemas.iter().filter_map(|schema| schema.get("items"));
        let several = schemas.iter().filter_map(|schema| schema["prefixItems"].as_array()).flatten();
        let items: Vec<&Value> = single.chain(several).collect();
        if !items.is_empty() {
            if self.sight(&items) != Sight::Open {
                sights.listed.push(at.to_owned());
            }
            self.walk(&items, at, true, depth, sights);
        }
    }

    fn sight(&self, found: &[&'a Value]) -> Sight {
        let schemas = self.expand(found);
        let marked = |key: &str| schemas.iter().any(|schema| schema.get(key) == Some(&Value::Bool(true)));
        let places = schemas.iter().filter_map(|schema| Parts::of_keyword(schema.get(PLACEMENT)?).ok());
        let parts = places.fold(Parts::default(), Parts::union);
        match (found.is_empty(), marked("writeOnly"), marked(REVEALED)) {
            (true, ..) => Sight::Unknown,
            (_, true, true) => Sight::Revealed,
            (_, true, false) if !parts.is_empty() => Sight::Placed(parts),
            (_, true, false) => Sight::Secret,
            (_, false, _) => Sight::Open,
        }
    }

    /// Returns why an option's `x-twofactor-placement` is not allowed, if it has one.
    fn misplaced(&self, found: &[&'a Value], sight: Sight) -> Option<&'static str> {
        let schemas = self.expand(found);
        let mut keywords = schemas.iter().filter_map(|schema| schema.get(PLACEMENT)).peekable();
        keywords.peek()?;
        let types: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("type")).flat_map(one_or_more).collect();
        let is_text =
            types.iter().any(|one| *one == "string") && types.iter().all(|one| *one == "string" || *one == "null");
        match sight {
            Sight::Open => Some("only a secret can be placed: it needs `writeOnly: true` too"),
            Sight::Revealed => Some("a secret is either placed by the host or revealed"),
            _ if keywords.any(|keyword| Parts::of_keyword(keyword).is_err()) => {
                Some("its value is a list of `body`, `query`, `path` and `header`, none twice")
            }
            _ if !is_text => Some("only a text can be placed: its `type` must be `string`"),
            _ => None,
        }
    }

    /// Returns the schemas with references resolved and alternatives added; only the first
    /// [`TOGETHER`] of them.
    fn expand(&self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        let mut open: Vec<&'a Value> = schemas.to_vec();
        while let Some(schema) = open.pop() {
            if all.len() > TOGETHER || !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            all.push(schema);
            if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
                open.extend(self.root.pointer(target));
            }
            for key in ["oneOf", "anyOf", "allOf"] {
                open.extend(schema.get(key).and_then(Value::as_array).into_iter().flatten());
            }
        }
        all
    }
}

/// Returns all schemas of a property, from expanded schemas.
fn named<'a>(schemas: &[&'a Value], name: &str) -> Vec<&'a Value> {
    schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect()
}

/// Returns whether a schema describes a map of texts: an object with `propertyNames`, whose `additionalProperties` are texts, and
/// with no other members.
///
/// Elsewhere an unknown member may be a misspelt secret, and is withheld from `deliver`. A map has no members with names of their own,
/// so nothing can be misspelt: all of its texts are open.
pub fn is_map_of_texts(schema: &Value) -> bool {
    let is_of = |schema: &Value, ty: &str| {
        schema.get("type").is_some_and(|types| one_or_more(types).iter().all(|one| *one == ty || *one == "null"))
    };
    let has = |keyword: &str| schema.get(keyword).is_some();
    let is_open_text = |text: &Value| {
        is_of(text, "string")
            && ["writeOnly", "$ref", "allOf", "anyOf", "oneOf"].iter().all(|keyword| text.get(keyword).is_none())
    };
    is_of(schema, "object")
        && schema.get("propertyNames").is_some_and(Value::is_object)
        && schema.get("additionalProperties").is_some_and(is_open_text)
        && !has("properties")
        && !has("patternProperties")
}

/// Returns the schemas of all members of a map of texts, from expanded schemas; none if it is not a map of texts.
fn map_members<'a>(schemas: &[&'a Value]) -> Vec<&'a Value> {
    let has_own = |schema: &&Value| schema.get("properties").or_else(|| schema.get("patternProperties")).is_some();
    if schemas.iter().any(has_own) {
        return Vec::new();
    }
    schemas
        .iter()
        .filter(|schema| is_map_of_texts(schema))
        .filter_map(|schema| schema.get("additionalProperties"))
        .collect()
}

fn one_or_more(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |all| all.iter().collect())
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(map) => map.values().for_each(|item| texts(item, out)),
        _ => {}
    }
}

/// Collects each text with its pointer.
fn leaves(value: &Value, at: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((at.to_owned(), text.clone())),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| leaves(item, &format!("{at}/{n}"), out)),
        Value::Object(map) => {
            map.iter().for_each(|(name, item)| leaves(item, &format!("{at}/{}", escape(name)), out));
        }
        _ => {}
    }
}

/// Returns the secrets that a component asks to see in `deliver`.
pub(crate) fn revealed(schema: &Value) -> Vec<String> {
    let all = OptionsSchema::new(schema).sights().all;
    all.into_iter().filter(|(_, sight)| *sight == Sight::Revealed).map(|(name, _)| name).collect()
}

/// The secrets that the host puts into requests of a component.
pub(crate) fn placements(schema: &Value) -> Vec<Placement> {
    let all = OptionsSchema::new(schema).sights().all.into_iter();
    let pointer = |name: &str| name.split('/').map(|step| format!("/{}", escape(step))).collect();
    all.filter_map(|(name, sight)| match sight {
        Sight::Placed(parts) => Some(Placement { option: pointer(&name), parts }),
        _ => None,
    })
    .collect()
}

/// Escapes a step of a JSON Pointer (RFC 6901 section 3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::OptionsSchema;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "Sender": {"type": "string"},
                "Server": {"$ref": "#/$defs/Server"},
                "Key": {"type": "string", "writeOnly": true, "x-twofactor-revealed": true}
            },
            "$defs": {"Server": {"oneOf": [
                {"type": "object", "properties": {"Host": {"type": "string"}, "Password": {"$ref": "#/$defs/Secret"}}},
                {"type": "object", "properties": {"ClientSecret": {"type": "string", "writeOnly": true}}}
            ]}, "Secret": {"type": "string", "writeOnly": true}}
        })
    }

    fn options() -> Value {
        json!({"Sender": "s", "Server": {"Host": "h", "Password": "p", "ClientSecret": "c"}, "Key": "k", "Pasword": "x"})
    }

    #[test]
    fn secrets_are_removed_in_every_alternative_and_so_is_what_the_schema_does_not_know() {
        let schema = schema();
        let seen = OptionsSchema::new(&schema).without_secrets(&options());
        assert_eq!(seen, json!({"Sender": "s", "Server": {"Host": "h"}, "Key": "k"}));
    }

    #[test]
    fn the_texts_of_a_map_are_open_and_what_only_resembles_a_map_is_withheld() {
        let map = json!({"type": "object", "propertyNames": {"pattern": "^[A-Z]{2}$"}, "additionalProperties": {"type": "string"}});
        let options = json!({"Senders": {"CH": "Shop", "US": "+15005550006"}});
        let of = |senders: &Value| json!({"type": "object", "properties": {"Senders": senders}});
        for schema in [of(&map), of(&json!({"anyOf": [map, {"type": "null"}]}))] {
            let reader = OptionsSchema::new(&schema);
            assert_eq!(reader.without_secrets(&options), options, "{schema}");
            assert_eq!(reader.masked(&options, "*"), options);
            assert!(reader.secrets(&options).is_empty());
            assert_eq!(reader.sights().maps.into_iter().collect::<Vec<_>>(), ["Senders"]);
        }
        let with = |name: &str, value: Value| {
            let mut changed = map.clone();
            changed[name] = value;
            changed
        };
        let secret = json!({"type": "string", "writeOnly": true});
        for schema in [
            with("propertyNames", Value::Null),
            with("additionalProperties", json!(true)),
            with("additionalProperties", secret.clone()),
            with("additionalProperties", json!({"type": "string", "allOf": [secret]})),
            with("additionalProperties", json!({"type": ["string", "object"]})),
            with("properties", json!({"Password": secret})),
            with("patternProperties", json!({"^P": secret})),
            json!({"allOf": [map, {"properties": {"Password": secret}}]}),
        ] {
            let schema = of(&schema);
            assert_eq!(OptionsSchema::new(&schema).without_secrets(&options), json!({"Senders": {}}), "{schema}");
        }
        // The options as a whole are no map: a misspelt secret may be among them.
        assert_eq!(OptionsSchema::new(&map).without_secrets(&json!({"CH": "x"})), json!({}));
    }

    #[test]
    fn a_placed_secret_is_a_secret_whose_place_is_kept() {
        let schema = json!({"type": "object", "properties": {
            "Key": {"type": "string", "writeOnly": true, "x-twofactor-placement": ["body", "query"]},
            "Server": {"type": "object", "properties": {
                "To~ken": {"anyOf": [{"$ref": "#/$defs/Token"}, {"type": "null"}]}}},
            "Other": {"type": "string", "writeOnly": true}
        }, "$defs": {"Token": {"type": "string", "writeOnly": true, "x-twofactor-placement": ["path"]}}});
        let placements: Vec<_> = super::placements(&schema).iter().map(ToString::to_string).collect();
        assert_eq!(placements, ["body,query:/Key", "path:/Server/To~0ken"]);
        let options = json!({"Key": "k", "Server": {"To~ken": "t"}, "Other": "o"});
        let reader = OptionsSchema::new(&schema);
        assert_eq!(reader.without_secrets(&options), json!({"Server": {}}));
        let (seen, placed) = reader.with_places(&options);
        assert_eq!(seen, json!({"Key": "", "Server": {"To~ken": ""}}));
        let pair = |pointer: &str, secret: &str| (pointer.to_owned(), secret.to_owned());
        assert_eq!(placed, [pair("/Key", "k"), pair("/Server/To~0ken", "t")]);
        assert_eq!(reader.with_places(&json!({"Server": {"To~ken": null}})), (json!({"Server": {}}), Vec::new()));
        assert_eq!(reader.masked(&options, "*")["Key"], "*");
        assert_eq!(reader.secrets(&options), ["k", "t", "o"]);
    }

    #[test]
    fn a_placement_stands_only_at_a_secret_text() {
        let why = |option: Value| {
            let schema = json!({"type": "object", "properties": {"Key": option}});
            OptionsSchema::new(&schema).sights().misplaced.map(|(name, why)| format!("{name}: {why}"))
        };
        let placed = json!({"type": "string", "writeOnly": true, "x-twofactor-placement": ["body"]});
        assert_eq!(why(placed.clone()), None);
        for (key, value, word) in [
            ("writeOnly", json!(false), "writeOnly"),
            ("x-twofactor-revealed", json!(true), "either"),
            ("type", json!("integer"), "`string`"),
            ("type", json!(["string", "integer"]), "`string`"),
            ("type", json!("object"), "`string`"),
            ("x-twofactor-placement", json!([]), "a list"),
            ("x-twofactor-placement", json!("body"), "a list"),
            ("x-twofactor-placement", json!(["host"]), "a list"),
            ("x-twofactor-placement", json!(["body", "body"]), "a list"),
        ] {
            let mut option = placed.clone();
            option[key] = value;
            let said = why(option);
            assert!(said.as_ref().is_some_and(|said| said.starts_with("Key: ") && said.contains(word)), "{said:?}");
        }
    }

    #[test]
    fn people_see_a_mask_for_each_secret() {
        let schema = schema();
        let seen = OptionsSchema::new(&schema).masked(&options(), "*");
        assert_eq!(seen["Server"], json!({"Host": "h", "Password": "*", "ClientSecret": "*"}));
        assert_eq!((&seen["Key"], &seen["Pasword"]), (&json!("*"), &json!("*")));
    }

    #[test]
    fn a_revealed_secret_is_found_through_references_and_alternatives() {
        let secret = json!({"Secret": {"type": "string", "writeOnly": true}});
        for key in [
            json!({"$ref": "#/$defs/Secret", "x-twofactor-revealed": true}),
            json!({"allOf": [{"$ref": "#/$defs/Secret"}, {"x-twofactor-revealed": true}]}),
        ] {
            let inner = json!({"type": "object", "properties": {"Key": key}});
            let schema = json!({"type": "object", "properties": {"Server": inner}, "$defs": secret.clone()});
            assert_eq!(super::revealed(&schema), ["Server/Key"], "{schema}");
        }
        assert_eq!(super::revealed(&schema()), ["Key"]);
    }

    #[test]
    fn a_revealed_secret_is_found_in_options_by_its_pointer() {
        let schema = json!({"type": "object", "properties": {
            "Server": {"type": "object", "properties": {
                "a/b": {"type": "string", "writeOnly": true, "x-twofactor-revealed": true},
                "Password": {"type": "string", "writeOnly": true}
            }},
            "Key": {"type": "string", "writeOnly": true, "x-twofactor-revealed": true},
            "Sender": {"type": "string"}
        }});
        let options = json!({"Server": {"a/b": "r", "Password": "p"}, "Sender": "s", "Pasword": "x"});
        assert_eq!(OptionsSchema::new(&schema).revealed_in(&options), ["/Server/a~1b"]);
    }

    #[test]
    fn options_that_people_cannot_tell_apart_or_count_cannot_be_shown() {
        let of = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}});
        for name in ["", "Password\u{1}", "Server/Password", &"x".repeat(101)] {
            assert!(OptionsSchema::new(&of(name)).sights().unshowable.is_some(), "{name:?}");
        }
        let endless = json!({"$ref": "#/$defs/Node", "$defs": {"Node": {
            "properties": {"a": {"$ref": "#/$defs/Node"}, "b": {"$ref": "#/$defs/Node"}}, "items": {"$ref": "#/$defs/Node"}
        }}});
        assert!(OptionsSchema::new(&endless).sights().unshowable.is_some());
        // Beyond the bound there could be a secret that is not recognized.
        let alternatives: Vec<Value> = (0..300).map(|n| json!({"title": n.to_string()})).collect();
        let many = of("Key")["properties"]["Key"].clone();
        let many = json!({"properties": {"Key": {"allOf": [many, {"anyOf": alternatives}]}}});
        assert!(OptionsSchema::new(&many).sights().unshowable.is_some());
        assert!(OptionsSchema::new(&schema()).sights().unshowable.is_none());
    }

    #[test]
    fn what_is_open_once_is_open() {
        let [open, secret] = [json!({"type": "string"}), json!({"type": "string", "writeOnly": true})];
        let keys = |key: &Value| json!({"properties": {"Key": key}});
        for (list, object) in [(&open, &secret), (&secret, &open)] {
            let both = json!({"properties": {"Keys": {"properties": {"Key": object}, "items": keys(list)}}});
            let sights = OptionsSchema::new(&both).sights();
            assert_eq!(sights.all.get("Keys/Key"), Some(&super::Sight::Open));
        }
    }

    #[test]
    fn a_secret_in_a_list_is_found() {
        let secret = json!({"type": "string", "writeOnly": true});
        let object = json!({"type": "object", "properties": {"Key": secret.clone()}});
        for (list, found) in [
            (json!({"type": "array", "items": secret.clone()}), "Keys"),
            (json!({"type": "array", "prefixItems": [secret]}), "Keys"),
            (json!({"type": "array", "items": object}), "Keys/Key"),
        ] {
            let schema = json!({"type": "object", "properties": {"Keys": list}});
            assert_eq!(OptionsSchema::new(&schema).sights().listed, [found], "{schema}");
        }
        assert!(OptionsSchema::new(&schema()).sights().listed.is_empty());
    }

    #[test]
    fn an_object_may_arrive_as_text() {
        let schema = schema();
        let schema = OptionsSchema::new(&schema);
        let options = json!({"Server": "{\"Host\":\"h\"}", "Sender": "{}"});
        let read = schema.with_text_as_objects(options).unwrap();
        assert_eq!(read, json!({"Server": {"Host": "h"}, "Sender": "{}"}));
        assert_eq!(schema.with_text_as_objects(json!({"Server": "{broken"})), Err("/Server".to_owned()));
    }
}
