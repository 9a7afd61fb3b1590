//! Compiles JSON to rules. Every subschema becomes one entry, however often it is referred to, so
//! that a compiled schema is as large as its text.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::{Map, Number, Value};

use super::number::{Decimal, as_limit, count, is_integer};
use super::pattern::Pattern;
use super::{SchemaError, bounds};

/// The index of a subschema.
pub(super) type Id = usize;

/// A subschema.
#[derive(Debug)]
pub(super) enum Node {
    Always,
    Never,
    /// All of these rules. `unevaluated…` come last.
    Rules(Vec<Rule>),
}

/// A rule: one keyword, or several that belong together.
#[derive(Debug)]
pub(super) enum Rule {
    Type(Types),
    Enum(Vec<Value>),
    Const(Value),
    Minimum(Number),
    Maximum(Number),
    ExclusiveMinimum(Number),
    ExclusiveMaximum(Number),
    MultipleOf(Decimal),
    MinLength(u64),
    MaxLength(u64),
    Pattern(Pattern),
    MinItems(u64),
    MaxItems(u64),
    UniqueItems,
    Items { prefix: Vec<Id>, rest: Option<Id> },
    Contains { schema: Id, least: u64, most: Option<u64> },
    MinProperties(u64),
    MaxProperties(u64),
    Required(Vec<String>),
    DependentRequired(Vec<(String, Vec<String>)>),
    Properties { named: BTreeMap<String, Id>, patterns: Vec<(Pattern, Id)>, others: Option<Id> },
    PropertyNames(Id),
    DependentSchemas(Vec<(String, Id)>),
    Reference(Id),
    AllOf(Vec<Id>),
    AnyOf(Vec<Id>),
    OneOf(Vec<Id>),
    Not(Id),
    If { condition: Id, then: Option<Id>, otherwise: Option<Id> },
    UnevaluatedItems(Id),
    UnevaluatedProperties(Id),
}

/// A set of JSON's types, in their order in [`TYPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

impl Types {
    fn of(words: &[&str]) -> Option<Self> {
        let mut set = 0;
        for word in words {
            set |= 1 << TYPES.iter().position(|known| known == word)?;
        }
        Some(Self(set))
    }

    pub(super) fn include(self, value: &Value) -> bool {
        let is_in = |word: u8| self.0 & (1 << word) != 0;
        match value {
            Value::Null => is_in(0),
            Value::Bool(_) => is_in(1),
            Value::Object(_) => is_in(2),
            Value::Array(_) => is_in(3),
            Value::Number(number) => is_in(4) || is_in(6) && is_integer(number),
            Value::String(_) => is_in(5),
        }
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = TYPES.iter().enumerate().filter(|(n, _)| self.0 & (1 << n) != 0).map(|(_, w)| *w).collect();
        f.write_str(&words.join(" or "))
    }
}

/// Keywords of other drafts, and those that change the meaning of a reference, each with what to
/// write instead.
const REFUSED: &[(&str, &str)] = &[
    ("$anchor", "is not supported: refer to a place by its JSON Pointer, as in `#/$defs/Name`"),
    ("$dynamicAnchor", "is not supported: refer to a place by its JSON Pointer, as in `#/$defs/Name`"),
    ("$dynamicRef", "is not supported: use `$ref` with a JSON Pointer, as in `#/$defs/Name`"),
    ("$recursiveRef", "belongs to an earlier draft: use `$ref` with a JSON Pointer, as in `#/$defs/Name`"),
    ("$recursiveAnchor", "belongs to an earlier draft: use `$ref` with a JSON Pointer, as in `#/$defs/Name`"),
    ("dependencies", "belongs to an earlier draft: use `dependentRequired` or `dependentSchemas`"),
    ("additionalItems", "belongs to an earlier draft: use `items` with `prefixItems`"),
];

/// The keywords of the contract, which say how the host treats a secret. The name of one that this host does not know is refused: the
/// host would treat the secret in another way than its author means.
const OF_THE_CONTRACT: [&str; 2] = ["x-twofactor-placement", "x-twofactor-revealed"];

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Compiles the schema `start`, which is in `root`, and everything that it refers to. Returns each
/// node with its JSON.
pub(super) fn compile<'a>(root: &'a Value, start: &'a Value) -> Result<(Vec<Node>, Vec<&'a Value>), SchemaError> {
    let mut compiler = Compiler {
        root,
        ids: HashMap::new(),
        schemas: Vec::new(),
        patterns: 0,
        pattern_kib: 0,
        values: 0,
        at: root,
        keyword: String::new(),
    };
    match compiler.run(start) {
        Ok(nodes) => Ok((nodes, compiler.schemas)),
        Err(why) => Err(SchemaError::new(super::place_of(root, compiler.at), &compiler.keyword, why)),
    }
}

struct Compiler<'a> {
    root: &'a Value,
    /// By address in the document.
    ids: HashMap<*const Value, Id>,
    schemas: Vec<&'a Value>,
    patterns: usize,
    /// The size of all patterns together.
    pattern_kib: u64,
    /// The number of values in all `enum` and `const`.
    values: u64,
    /// The current place, for errors.
    at: &'a Value,
    keyword: String,
}

type Compiled<T> = Result<T, String>;

impl<'a> Compiler<'a> {
    fn run(&mut self, start: &'a Value) -> Compiled<Vec<Node>> {
        self.schema(start)?;
        let mut nodes = Vec::new();
        while let Some(schema) = self.schemas.get(nodes.len()) {
            self.at = schema;
            nodes.push(self.node()?);
        }
        Ok(nodes)
    }

    /// Queues a subschema for compilation.
    fn schema(&mut self, schema: &'a Value) -> Compiled<Id> {
        if let Some(known) = self.ids.get(&std::ptr::from_ref(schema)) {
            return Ok(*known);
        }
        if !schema.is_object() && !schema.is_boolean() {
            return Err("must be a schema: an object, `true` or `false`".to_owned());
        }
        let id = self.schemas.len();
        if id >= bounds::SUBSCHEMAS {
            return Err(format!("is beyond the {} subschemas that a schema may have: use fewer", bounds::SUBSCHEMAS));
        }
        self.schemas.push(schema);
        self.ids.insert(schema, id);
        Ok(id)
    }

    fn node(&mut self) -> Compiled<Node> {
        self.keyword.clear();
        let keywords = match self.at {
            Value::Bool(true) => return Ok(Node::Always),
            Value::Object(keywords) => keywords,
            _ => return Ok(Node::Never),
        };
        let mut rules = Vec::new();
        for (keyword, value) in keywords {
            self.keyword.clone_from(keyword);
            if let Some(rule) = self.rule(keywords, keyword, value)? {
                rules.push(rule);
            }
        }
        // They depend on what the other rules evaluated.
        rules.sort_by_key(|rule| matches!(rule, Rule::UnevaluatedItems(_) | Rule::UnevaluatedProperties(_)));
        Ok(if rules.is_empty() { Node::Always } else { Node::Rules(rules) })
    }

    fn rule(&mut self, all: &'a Map<String, Value>, keyword: &str, value: &'a Value) -> Compiled<Option<Rule>> {
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == keyword) {
            return Err((*why).to_owned());
        }
        if keyword.starts_with("x-twofactor-") && !OF_THE_CONTRACT.contains(&keyword) {
            return Err("is not known to this host: run the component on a newer TwoFactor".to_owned());
        }
        Ok(Some(match keyword {
            "$schema" => return self.draft(value).map(|()| None),
            "$id" if !std::ptr::eq(self.at, self.root) => {
                return Err("is supported at the root only: refer to a place by its JSON Pointer".to_owned());
            }
            "$id" | "$comment" | "title" | "description" | "format" | "contentEncoding" | "contentMediaType" => {
                return if value.is_string() { Ok(None) } else { Err("must be a text".to_owned()) };
            }
            "readOnly" | "writeOnly" | "deprecated" => {
                return if value.is_boolean() { Ok(None) } else { Err("must be `true` or `false`".to_owned()) };
            }
            "examples" => return array(value).map(|_| None),
            "$defs" => return self.named(value).map(|_| None),
            "$ref" => Rule::Reference(self.referred(value)?),
            "type" => Rule::Type(types(value)?),
            "enum" => {
                self.values(value)?;
                Rule::Enum(array(value)?.clone())
            }
            "const" => {
                self.values(value)?;
                Rule::Const(value.clone())
            }
            "minimum" => Rule::Minimum(number(value)?),
            "maximum" => Rule::Maximum(number(value)?),
            "exclusiveMinimum" => Rule::ExclusiveMinimum(number(value)?),
            "exclusiveMaximum" => Rule::ExclusiveMaximum(number(value)?),
            "multipleOf" => {
                let positive = value.as_number().filter(|number| number.as_f64().is_some_and(|number| number > 0.0));
                let step = positive.and_then(Decimal::of).filter(|step| !step.is_zero());
                Rule::MultipleOf(step.ok_or("must be a number above zero")?)
            }
            "minLength" => Rule::MinLength(limit(value)?),
            "maxLength" => Rule::MaxLength(limit(value)?),
            "pattern" => Rule::Pattern(self.pattern(value.as_str().ok_or("must be a text")?)?),
            "minItems" => Rule::MinItems(limit(value)?),
            "maxItems" => Rule::MaxItems(limit(value)?),
            "uniqueItems" => match value {
                Value::Bool(true) => Rule::UniqueItems,
                Value::Bool(false) => return Ok(None),
                _ => return Err("must be `true` or `false`".to_owned()),
            },
            "prefixItems" => {
                let prefix = self.list(value)?;
                Rule::Items { prefix, rest: all.get("items").map(|rest| self.schema(rest)).transpose()? }
            }
            "items" if value.is_array() => {
                return Err("must be one schema: for one of each item use `prefixItems`".to_owned());
            }
            "items" if all.contains_key("prefixItems") => return Ok(None),
            "items" => Rule::Items { prefix: Vec::new(), rest: Some(self.schema(value)?) },
            "contains" => {
                let least = all.get("minContains").map(limit).transpose()?.unwrap_or(1);
                let most = all.get("maxContains").map(limit).transpose()?;
                Rule::Contains { schema: self.schema(value)?, least, most }
            }
            "minContains" | "maxContains" => return limit(value).map(|_| None),
            "minProperties" => Rule::MinProperties(limit(value)?),
            "maxProperties" => Rule::MaxProperties(limit(value)?),
            "required" => Rule::Required(names(value)?),
            "dependentRequired" => {
                let all = object(value)?.iter().map(|(name, value)| Ok((name.clone(), names(value)?)));
                Rule::DependentRequired(all.collect::<Compiled<_>>()?)
            }
            "properties" | "patternProperties" | "additionalProperties" => return self.properties(all, keyword),
            "propertyNames" => Rule::PropertyNames(self.schema(value)?),
            "dependentSchemas" => Rule::DependentSchemas(self.named(value)?),
            "allOf" => Rule::AllOf(self.list(value)?),
            "anyOf" => Rule::AnyOf(self.list(value)?),
            "oneOf" => Rule::OneOf(self.list(value)?),
            "not" => Rule::Not(self.schema(value)?),
            "if" => Rule::If {
                condition: self.schema(value)?,
                then: all.get("then").map(|then| self.schema(then)).transpose()?,
                otherwise: all.get("else").map(|otherwise| self.schema(otherwise)).transpose()?,
            },
            "then" | "else" | "contentSchema" => return self.schema(value).map(|_| None),
            "unevaluatedItems" => Rule::UnevaluatedItems(self.schema(value)?),
            "unevaluatedProperties" => Rule::UnevaluatedProperties(self.schema(value)?),
            // Everything else is an annotation (section 4.3.1), such as `default`.
            _ => return Ok(None),
        }))
    }

    /// Compiles `properties`, `patternProperties` and `additionalProperties` together.
    fn properties(&mut self, all: &'a Map<String, Value>, keyword: &str) -> Compiled<Option<Rule>> {
        let keywords = ["properties", "patternProperties", "additionalProperties"];
        if keywords.iter().find(|keyword| all.contains_key(**keyword)) != Some(&keyword) {
            return Ok(None);
        }
        let [named, patterns, others] = keywords.map(|keyword| all.get(keyword));
        let named = named.map(|named| self.named(named)).transpose()?.unwrap_or_default();
        let others = others.map(|others| self.schema(others)).transpose()?;
        let mut all = Vec::new();
        if let Some(patterns) = patterns {
            "patternProperties".clone_into(&mut self.keyword);
            for (pattern, schema) in object(patterns)? {
                all.push((self.pattern(pattern)?, self.schema(schema)?));
            }
        }
        Ok(Some(Rule::Properties { named: named.into_iter().collect(), patterns: all, others }))
    }

    fn draft(&self, value: &Value) -> Compiled<()> {
        if !std::ptr::eq(self.at, self.root) {
            return Err("is supported at the root only".to_owned());
        }
        let is_known = value.as_str().is_some_and(|draft| draft.trim_end_matches('#') == DRAFT);
        if is_known { Ok(()) } else { Err(format!("must be `{DRAFT}`, the one draft that is supported")) }
    }

    fn referred(&mut self, reference: &Value) -> Compiled<Id> {
        let reference = reference.as_str().ok_or("must be a text")?;
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let pointer = pointer.ok_or(
            "refers to another document or to an anchor: move that schema to `$defs` and refer to it as `#/$defs/Name`",
        )?;
        let target = self.root.pointer(pointer).ok_or("refers to nothing: there is no such place in the schema")?;
        self.schema(target)
    }

    fn pattern(&mut self, source: &str) -> Compiled<Pattern> {
        if self.patterns == bounds::PATTERNS {
            return Err(format!("is beyond the {} patterns that a schema may have: use fewer", bounds::PATTERNS));
        }
        let pattern = Pattern::new(source)?;
        self.patterns += 1;
        self.pattern_kib += u64::from(pattern.kib);
        if self.pattern_kib > bounds::ALL_PATTERNS_KIB {
            let why = "exceeds the total size of all patterns of a schema: use fewer, or smaller repetitions";
            return Err(why.to_owned());
        }
        Ok(pattern)
    }

    /// Counts values that are copied. References may lead into one that was already copied.
    fn values(&mut self, value: &Value) -> Compiled<()> {
        self.values += count(value);
        if self.values > bounds::VALUES {
            return Err("exceeds the total size of all `enum` and `const` of a schema: list fewer values".to_owned());
        }
        Ok(())
    }

    fn list(&mut self, value: &'a Value) -> Compiled<Vec<Id>> {
        let all = array(value)?;
        if all.is_empty() {
            return Err("must not be empty".to_owned());
        }
        all.iter().map(|schema| self.schema(schema)).collect()
    }

    fn named(&mut self, value: &'a Value) -> Compiled<Vec<(String, Id)>> {
        object(value)?.iter().map(|(name, schema)| Ok((name.clone(), self.schema(schema)?))).collect()
    }
}

fn array(value: &Value) -> Compiled<&Vec<Value>> {
    value.as_array().ok_or_else(|| "must be an array".to_owned())
}

fn object(value: &Value) -> Compiled<&Map<String, Value>> {
    value.as_object().ok_or_else(|| "must be an object".to_owned())
}

fn number(value: &Value) -> Compiled<Number> {
    value.as_number().cloned().ok_or_else(|| "must be a number".to_owned())
}

fn limit(value: &Value) -> Compiled<u64> {
    as_limit(value).ok_or_else(|| "must be a whole number that is not negative".to_owned())
}

fn names(value: &Value) -> Compiled<Vec<String>> {
    let mut known = HashSet::new();
    let names = array(value)?.iter().map(|name| name.as_str().filter(|name| known.insert(*name)).map(str::to_owned));
    names.collect::<Option<_>>().ok_or_else(|| "must be a list of names, each once".to_owned())
}

fn types(value: &Value) -> Compiled<Types> {
    let words: Option<Vec<&str>> = match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) if !all.is_empty() => all.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let types = words.and_then(|words| Types::of(&words));
    types.ok_or_else(|| format!("must be one or more of {}", TYPES.join(", ")))
}
