//! Validates a value against compiled rules, in counted steps.

mod array;
mod object;
mod scalar;

use serde_json::Value;

use super::compile::{Id, Node, Rule};
use super::fault::{Fault, MOST, Violation, of_alternatives};
use super::pattern::CompiledPatterns;
use super::{Broken, Schema, bounds, escape};

const TOO_MUCH: &str = "checking these options takes more work than is allowed: give fewer or shorter values; if they are small, the \
                        provider's author must simplify its options schema";

/// Validates a value. Returns what is wrong, and the number of steps.
pub(super) fn check(schema: &Schema, value: &Value) -> (Vec<Broken>, u64) {
    let (broken, taken) = check_within(schema, value, bounds::STEPS);
    let too_much = || vec![Broken { at: String::new(), sentence: TOO_MUCH.to_owned(), is_missing: false }];
    (broken.unwrap_or_else(too_much), taken)
}

/// Validates a value in at most `steps` steps. `None` if they are not enough.
pub(super) fn check_within(schema: &Schema, value: &Value, steps: u64) -> (Option<Vec<Broken>>, u64) {
    let mut check = Check { schema, steps, nesting: 0, path: Vec::new(), compiled: CompiledPatterns::default() };
    let mut faults = Faults { list: Vec::new(), are_wanted: true };
    let ended = check.value(0, value, &mut faults, &mut Seen::default());
    let broken = |fault: Fault<'_>| {
        let is_missing = matches!(fault.rule, Violation::Required);
        Broken { at: fault.at, sentence: fault.rule.sentence(), is_missing }
    };
    let broken = ended.ok().map(|_| faults.list.into_iter().map(broken).collect());
    (broken, steps - check.steps)
}

/// The error that the steps are used up, or that schemas are nested too deeply.
struct TooMuch;

/// A validation in progress.
struct Check<'s, 'v> {
    schema: &'s Schema,
    /// The steps that are left.
    steps: u64,
    nesting: usize,
    path: Vec<Part<'v>>,
    compiled: CompiledPatterns,
}

#[derive(Clone, Copy)]
enum Part<'v> {
    Name(&'v str),
    Index(usize),
}

/// The faults so far.
struct Faults<'s> {
    list: Vec<Fault<'s>>,
    /// If false, only the result counts, and the first fault ends the validation.
    are_wanted: bool,
}

/// The members or items of a value that a rule has evaluated, for `unevaluatedProperties` and `unevaluatedItems`.
#[derive(Default)]
struct Seen {
    all: bool,
    /// By position. Those beyond its end are not evaluated.
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

/// Whether a value is valid, as far as it was evaluated.
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

    /// Records a fault of the current value or of one of its members.
    fn fault(&mut self, member: Option<&str>, rule: Violation<'s>, faults: &mut Faults<'s>) -> Valid {
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

    /// Validates the current value against a subschema.
    fn value(&mut self, id: Id, value: &'v Value, faults: &mut Faults<'s>, seen: &mut Seen) -> Valid {
        self.spend(1)?;
        let schema = self.schema;
        let rules = match &schema.nodes[id] {
            Node::Always => return Ok(true),
            Node::Never => return self.fault(None, Violation::Forbidden, faults),
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

    /// Applies a rule whose subschemas are about the same value.
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
                    return self.fault(None, Violation::Keyword("not"), faults);
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

    /// Validates the value against another subschema. What that evaluated counts only if the value is valid.
    fn part(&mut self, id: Id, value: &'v Value, faults: &mut Faults<'s>, seen: &mut Seen) -> Valid {
        let mut own = Seen::default();
        let is_valid = self.value(id, value, faults, &mut own)?;
        if is_valid && self.schema.has_unevaluated {
            self.spend(own.some.len() as u64 / 64)?;
            seen.add(&own);
        }
        Ok(is_valid)
    }

    /// Returns whether the value is valid against a subschema, without recording faults.
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
            return self.fault(None, Violation::SeveralAlternatives, faults);
        }
        if faults.are_wanted {
            let at = self.place(None)?;
            faults.list.extend(of_alternatives(at, wrong));
            faults.list.truncate(MOST);
        }
        Ok(false)
    }

    /// Validates a member or an item of the current value against a subschema.
    fn within(&mut self, part: Part<'v>, id: Id, value: &'v Value, faults: &mut Faults<'s>) -> Valid {
        if !faults.are_wanted && matches!(self.schema.nodes[id], Node::Never) {
            return Ok(false);
        }
        self.path.push(part);
        let is_valid = self.value(id, value, faults, &mut Seen::default());
        self.path.pop();
        is_valid
    }
}
