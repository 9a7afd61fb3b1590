//! A value held against compiled rules, step by counted step.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::compile::{Id, Node, Rule};
use super::fault::{Broken as Said, Fault, MOST, of_alternatives};
use super::number::{Decimal, canonical, compare, count, equal};
use super::pattern::{Kept, Pattern};
use super::{Broken, Schema, bounds, escape};

const TOO_MUCH: &str = "checking these options takes more work than is allowed: give fewer or shorter values; if they are small, the \
                        provider's author must simplify its options schema";

/// Validates a value. Returns what is wrong, and the number of steps.
pub(super) fn check(schema: &Schema, value: &Value) -> (Vec<Broken>, u64) {
    let (broken, taken) = check_within(schema, value, bounds::STEPS);
    let too_much = || vec![Broken { at: String::new(), sentence: TOO_MUCH.to_owned(), is_missing: false }];
    (broken.unwrap_or_else(too_much), taken)
}

/// The same in fewer steps; `None` if they do not suffice.
pub(super) fn check_within(schema: &Schema, value: &Value, steps: u64) -> (Option<Vec<Broken>>, u64) {
    let mut check = Check { schema, steps, nesting: 0, path: Vec::new(), kept: Kept::default() };
    let mut faults = Faults { list: Vec::new(), are_wanted: true };
    let ended = check.value(0, value, &mut faults, &mut Seen::default());
    let broken = |fault: Fault<'_>| {
        let is_missing = matches!(fault.rule, Said::Required);
        Broken { at: fault.at, sentence: fault.rule.sentence(), is_missing }
    };
    let broken = ended.ok().map(|_| faults.list.into_iter().map(broken).collect());
    (broken, steps - check.steps)
}

/// The steps are used up, or schemas are nested too deeply.
struct TooMuch;

/// A value in progress.
struct Check<'s, 'v> {
    schema: &'s Schema,
    /// That are left.
    steps: u64,
    nesting: usize,
    path: Vec<Part<'v>>,
    kept: Kept,
}

#[derive(Clone, Copy)]
enum Part<'v> {
    Name(&'v str),
    Index(usize),
}

/// The faults so far.
struct Faults<'s> {
    list: Vec<Fault<'s>>,
    /// Else only whether something is wrong counts, and the first fault ends it.
    are_wanted: bool,
}

/// Which members or items of a value were looked at, as `unevaluated…` wants to know.
#[derive(Default)]
struct Seen {
    all: bool,
    /// By their order; as long as needed.
    some: Vec<bool>,
}

impl Seen {
    fn note(&mut self, index: usize) {
        if self.some.len() <= index {
            self.some.resize(index + 1, false);
        }
        self.some[index] = true;
    }

    fn has(&self, index: usize) -> bool {
        self.all || self.some.get(index) == Some(&true)
    }

    fn add(&mut self, other: &Self) {
        self.all |= other.all;
        if self.some.len() < other.some.len() {
            self.some.resize(other.some.len(), false);
        }
        for (own, other) in self.some.iter_mut().zip(&other.some) {
            *own |= other;
        }
    }
}

/// Whether a value is valid, as far as it was looked at.
type Valid = Result<bool, TooMuch>;

impl<'s, 'v> Check<'s, 'v> {
    fn spend(&mut self, steps: u64) -> Result<(), TooMuch> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(TooMuch)
            }
        }
    }

    /// Notes a fault of the value in progress, or of a member of it.
    fn fault(&mut self, member: Option<&str>, rule: Said<'s>, faults: &mut Faults<'s>) -> Valid {
        if faults.are_wanted && faults.list.len() < MOST {
            let at = self.place(member)?;
            faults.list.push(Fault { at, rule });
        }
        Ok(false)
    }

    fn place(&mut self, member: Option<&str>) -> Result<String, TooMuch> {
        let mut at = String::new();
        for part in self.path.iter().copied().chain(member.map(Part::Name)) {
            at.push('/');
            match part {
                Part::Name(name) => at.push_str(&escape(name)),
                Part::Index(index) => at.push_str(&index.to_string()),
            }
        }
        self.spend(at.len() as u64 / 16 + 1)?;
        Ok(at)
    }

    /// Holds the value in progress against a subschema.
    fn value(&mut self, id: Id, value: &'v Value, faults: &mut Faults<'s>, seen: &mut Seen) -> Valid {
        self.spend(1)?;
        let schema = self.schema;
        let rules = match &schema.nodes[id] {
            Node::Always => return Ok(true),
            Node::Never => return self.fault(None, Said::Forbidden, faults),
            Node::Rules(rules) => rules,
        };
        if self.nesting >= bounds::NESTING {
            return Err(TooMuch);
        }
        self.nesting += 1;
        let mut is_valid = true;
        for rule in rules {
            self.spend(1)?;
            is_valid &= self.rule(rule, value, faults, seen)?;
            if !is_valid && (!faults.are_wanted || faults.list.len() >= MOST) {
                break;
            }
        }
        self.nesting -= 1;
        Ok(is_valid)
    }

    fn rule(&mut self, rule: &'s Rule, value: &'v Value, faults: &mut Faults<'s>, seen: &mut Seen) -> Valid {
        match rule {
            Rule::Reference(_)
            | Rule::AllOf(_)
            | Rule::AnyOf(_)
            | Rule::OneOf(_)
            | Rule::Not(_)
            | Rule::If { .. }
            | Rule::DependentSchemas(_) => self.beside(rule, value, faults, seen),
            _ => match value {
                Value::Object(members) => self.members(rule, value, members, faults, seen),
                Value::Array(items) => self.items(rule, value, items, faults, seen),
                _ => self.plain(rule, value, faults),
            },
        }
    }

    /// Subschemas that look at the same value.
    fn beside(&mut self, rule: &'s Rule, value: &'v Value, faults: &mut Faults<'s>, seen: &mut Seen) -> Valid {
        match rule {
            Rule::Reference(id) => self.part(*id, value, faults, seen),
            Rule::AllOf(ids) => {
                let mut is_valid = true;
                for id in ids {
                    is_valid &= self.part(*id, value, faults, seen)?;
                    if !is_valid && !faults.are_wanted {
                        break;
                    }
                }
                Ok(is_valid)
            }
            Rule::AnyOf(ids) => self.alternatives(ids, false, value, faults, seen),
            Rule::OneOf(ids) => self.alternatives(ids, true, value, faults, seen),
            Rule::Not(id) => {
                if self.is_valid(*id, value, &mut Seen::default())? {
                    return self.fault(None, Said::Keyword("not"), faults);
                }
                Ok(true)
            }
            Rule::If { condition, then, otherwise } => {
                let next = if self.is_valid(*condition, value, seen)? { then } else { otherwise };
                next.map_or(Ok(true), |id| self.part(id, value, faults, seen))
            }
            Rule::DependentSchemas(schemas) => {
                let mut is_valid = true;
                for (name, id) in schemas {
                    self.spend(1)?;
                    if value.as_object().is_some_and(|members| members.contains_key(name)) {
                        is_valid &= self.part(*id, value, faults, seen)?;
                    }
                }
                Ok(is_valid)
            }
            _ => Ok(true),
        }
    }

    /// Holds the value against a further subschema. What that looked at counts only if it is satisfied.
    fn part(&mut self, id: Id, value: &'v Value, faults: &mut Faults<'s>, seen: &mut Seen) -> Valid {
        let mut own = Seen::default();
        let is_valid = self.value(id, value, faults, &mut own)?;
        if is_valid && self.schema.has_unevaluated {
            self.spend(own.some.len() as u64 / 64)?;
            seen.add(&own);
        }
        Ok(is_valid)
    }

    /// Whether a subschema is satisfied, whatever is wrong.
    fn is_valid(&mut self, id: Id, value: &'v Value, seen: &mut Seen) -> Valid {
        self.part(id, value, &mut Faults { list: Vec::new(), are_wanted: false }, seen)
    }

    fn alternatives(
        &mut self,
        ids: &[Id],
        one_only: bool,
        value: &'v Value,
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let (mut valid, mut wrong) = (0, Vec::new());
        for id in ids {
            let mut own = Faults { list: Vec::new(), are_wanted: faults.are_wanted && valid == 0 };
            if self.part(*id, value, &mut own, seen)? {
                valid += 1;
                wrong.clear();
                if valid == 2 && one_only || !one_only && !self.schema.has_unevaluated {
                    break;
                }
            } else if own.are_wanted {
                wrong.push(own.list);
            }
        }
        if valid == 1 || valid > 0 && !one_only {
            return Ok(true);
        }
        if valid > 0 {
            return self.fault(None, Said::SeveralAlternatives, faults);
        }
        if faults.are_wanted {
            let at = self.place(None)?;
            faults.list.extend(of_alternatives(at, wrong));
            faults.list.truncate(MOST);
        }
        Ok(false)
    }

    /// Rules that are about every kind of value, or about numbers and texts.
    fn plain(&mut self, rule: &'s Rule, value: &'v Value, faults: &mut Faults<'s>) -> Valid {
        let said = match (rule, value) {
            (Rule::Type(types), _) if !types.include(value) => Said::Type(*types),
            (Rule::Const(wanted), _) => {
                self.spend(count(value).min(count(wanted)))?;
                if equal(value, wanted) {
                    return Ok(true);
                }
                Said::Const(wanted)
            }
            (Rule::Enum(values), _) => {
                let size = count(value);
                for wanted in values {
                    self.spend(if same_kind(value, wanted) { size } else { 1 })?;
                    if equal(value, wanted) {
                        return Ok(true);
                    }
                }
                Said::Enum(values)
            }
            (Rule::Minimum(limit), Value::Number(number)) if compare(number, limit) == Ordering::Less => {
                Said::AtLeast(limit)
            }
            (Rule::Maximum(limit), Value::Number(number)) if compare(number, limit) == Ordering::Greater => {
                Said::AtMost(limit)
            }
            (Rule::ExclusiveMinimum(limit), Value::Number(number)) if compare(number, limit) != Ordering::Greater => {
                Said::MoreThan(limit)
            }
            (Rule::ExclusiveMaximum(limit), Value::Number(number)) if compare(number, limit) != Ordering::Less => {
                Said::LessThan(limit)
            }
            (Rule::MultipleOf(step), Value::Number(number)) => {
                if Decimal::of(number).is_some_and(|number| number.is_multiple_of(*step)) {
                    return Ok(true);
                }
                Said::Keyword("multipleOf")
            }
            (Rule::MinLength(limit), Value::String(text)) if self.length(text)? < *limit => Said::MinLength(*limit),
            (Rule::MaxLength(limit), Value::String(text)) if self.length(text)? > *limit => Said::MaxLength(*limit),
            (Rule::Pattern(pattern), Value::String(text)) => {
                if self.is_in(pattern, text)? {
                    return Ok(true);
                }
                Said::Pattern(pattern)
            }
            _ => return Ok(true),
        };
        self.fault(None, said, faults)
    }

    fn is_in(&mut self, pattern: &Pattern, text: &str) -> Valid {
        self.spend(self.kept.cost(pattern) + pattern.cost_in(text))?;
        self.kept.is_in(pattern, text).ok_or(TooMuch)
    }

    fn length(&mut self, text: &str) -> Result<u64, TooMuch> {
        self.spend(text.len() as u64 / 64)?;
        Ok(text.chars().count() as u64)
    }

    fn items(
        &mut self,
        rule: &'s Rule,
        value: &'v Value,
        items: &'v [Value],
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let length = items.len() as u64;
        let said = match rule {
            Rule::MinItems(limit) if length < *limit => Said::MinItems(*limit),
            Rule::MaxItems(limit) if length > *limit => Said::MaxItems(*limit),
            Rule::UniqueItems => {
                let (mut known, mut text) = (HashSet::new(), String::new());
                for item in items {
                    self.spend(count(item))?;
                    text.clear();
                    canonical(item, &mut text);
                    if !known.insert(text.clone()) {
                        return self.fault(None, Said::Unique, faults);
                    }
                }
                return Ok(true);
            }
            Rule::Items { prefix, rest } => {
                let mut is_valid = true;
                for (index, item) in items.iter().enumerate() {
                    let Some(id) = prefix.get(index).or(rest.as_ref()) else { break };
                    is_valid &= self.within(Part::Index(index), *id, item, faults)?;
                    seen.note(index);
                }
                return Ok(is_valid);
            }
            Rule::UnevaluatedItems(id) => {
                let mut is_valid = true;
                for (index, item) in items.iter().enumerate().filter(|(index, _)| !seen.has(*index)) {
                    is_valid &= self.within(Part::Index(index), *id, item, faults)?;
                }
                seen.all = true;
                return Ok(is_valid);
            }
            Rule::Contains { schema, least, most } => {
                let mut found = 0;
                for (index, item) in items.iter().enumerate() {
                    if self.is_valid(*schema, item, &mut Seen::default())? {
                        found += 1;
                        seen.note(index);
                    }
                }
                if found >= *least && most.is_none_or(|most| found <= most) {
                    return Ok(true);
                }
                Said::Keyword("contains")
            }
            rule => return self.plain(rule, value, faults),
        };
        self.fault(None, said, faults)
    }

    /// Holds a member or an item of the value in progress against a subschema.
    fn within(&mut self, part: Part<'v>, id: Id, value: &'v Value, faults: &mut Faults<'s>) -> Valid {
        if !faults.are_wanted && matches!(self.schema.nodes[id], Node::Never) {
            return Ok(false);
        }
        self.path.push(part);
        let is_valid = self.value(id, value, faults, &mut Seen::default());
        self.path.pop();
        is_valid
    }

    fn members(
        &mut self,
        rule: &'s Rule,
        value: &'v Value,
        members: &'v Map<String, Value>,
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let number = members.len() as u64;
        let said = match rule {
            Rule::MinProperties(limit) if number < *limit => Said::Keyword("minProperties"),
            Rule::MaxProperties(limit) if number > *limit => Said::Keyword("maxProperties"),
            Rule::Required(names) => return self.required(names, members, faults),
            Rule::DependentRequired(all) => {
                let mut is_valid = true;
                for (name, names) in all {
                    self.spend(1)?;
                    if members.contains_key(name) {
                        is_valid &= self.required(names, members, faults)?;
                    }
                }
                return Ok(is_valid);
            }
            Rule::Properties { .. } => return self.properties(rule, members, faults, seen),
            Rule::PropertyNames(id) => {
                for name in members.keys() {
                    let name = Value::from(name.as_str());
                    // Of its own, since the name is not a part of the options.
                    let (kept, path) = (std::mem::take(&mut self.kept), Vec::new());
                    let mut inner = Check { steps: self.steps, nesting: self.nesting, schema: self.schema, path, kept };
                    let is_valid = inner.is_valid(*id, &name, &mut Seen::default());
                    (self.steps, self.kept) = (inner.steps, inner.kept);
                    if !is_valid? {
                        return self.fault(name.as_str(), Said::Keyword("propertyNames"), faults);
                    }
                }
                return Ok(true);
            }
            Rule::UnevaluatedProperties(id) => {
                let mut is_valid = true;
                for (index, (name, member)) in members.iter().enumerate() {
                    self.spend(1)?;
                    if !seen.has(index) {
                        is_valid &= self.other(*id, name, member, faults)?;
                    }
                }
                seen.all = true;
                return Ok(is_valid);
            }
            rule => return self.plain(rule, value, faults),
        };
        self.fault(None, said, faults)
    }

    fn required(&mut self, names: &'s [String], members: &Map<String, Value>, faults: &mut Faults<'s>) -> Valid {
        let mut is_valid = true;
        for name in names {
            self.spend(1)?;
            if !members.contains_key(name) {
                is_valid = self.fault(Some(name), Said::Required, faults)?;
            }
        }
        Ok(is_valid)
    }

    fn properties(
        &mut self,
        rule: &'s Rule,
        members: &'v Map<String, Value>,
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let Rule::Properties { named, patterns, others } = rule else { return Ok(true) };
        let mut is_valid = true;
        let mut known = vec![false; members.len()];
        for (index, (name, member)) in members.iter().enumerate() {
            self.spend(1)?;
            if let Some(id) = named.get(name) {
                is_valid &= self.within(Part::Name(name), *id, member, faults)?;
                known[index] = true;
            }
        }
        for (pattern, id) in patterns {
            for (index, (name, member)) in members.iter().enumerate() {
                if self.is_in(pattern, name)? {
                    is_valid &= self.within(Part::Name(name), *id, member, faults)?;
                    known[index] = true;
                }
            }
        }
        for (index, (name, member)) in members.iter().enumerate() {
            if let Some(id) = others.filter(|_| !known[index]) {
                is_valid &= self.other(id, name, member, faults)?;
                known[index] = true;
            }
        }
        if self.schema.has_unevaluated {
            self.spend(known.len() as u64 / 64)?;
            seen.add(&Seen { all: false, some: known });
        }
        Ok(is_valid)
    }

    /// A member that no other rule names.
    fn other(&mut self, id: Id, name: &'v str, value: &'v Value, faults: &mut Faults<'s>) -> Valid {
        if matches!(self.schema.nodes[id], Node::Never) {
            self.spend(1)?;
            return self.fault(Some(name), Said::Unknown, faults);
        }
        self.within(Part::Name(name), id, value, faults)
    }
}

/// Whether it takes more than a look to tell two values apart.
fn same_kind(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.len() == other.len(),
        (Value::Array(one), Value::Array(other)) => one.len() == other.len(),
        (Value::Object(one), Value::Object(other)) => one.len() == other.len(),
        _ => false,
    }
}
