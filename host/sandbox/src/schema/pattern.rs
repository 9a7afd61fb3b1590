//! Patterns. The engine's time is linear in the text. Patterns are compiled when they are needed
//! and dropped afterwards, so a schema with thousands of them keeps none in memory.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use regex::{Error, Regex, RegexBuilder};

/// The maximum length of a pattern, in bytes.
pub(super) const PATTERN_BYTES: usize = 1024;

/// The maximum size of a compiled pattern, in KiB.
pub(super) const PATTERN_KIB: u32 = 1024;

/// The cost of compiling a pattern, and of each KiB, in steps.
const COMPILING: (u64, u64) = (2000, 150);

/// The cost for each byte of text and each KiB of the compiled pattern, in steps.
const STEPS_A_BYTE: u64 = 2;

/// The maximum size of patterns that stay compiled at the same time, in KiB.
const KEPT_KIB: u32 = 4 << 10;

/// A pattern that was compiled once to check it and measure its cost.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As in the schema (ECMA-262).
    pub(super) source: String,
    /// In the engine's syntax.
    translated: String,
    /// The maximum size of the compiled pattern, in KiB.
    pub(super) kib: u32,
}

impl Pattern {
    /// Compiles a pattern. The error says what is wrong with it.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.len() > PATTERN_BYTES {
            return Err(format!("is a pattern of more than {PATTERN_BYTES} bytes: shorten it"));
        }
        let no_pattern = || "is not a regular expression (ECMA-262)".to_owned();
        let translated = jsonschema_regex::to_rust_regex(source).map_err(|()| no_pattern())?.into_owned();
        let mut kib = 1;
        loop {
            match compile(&translated, kib) {
                Ok(_) => return Ok(Self { source: source.to_owned(), translated, kib }),
                Err(Error::CompiledTooBig(_)) if kib < PATTERN_KIB => kib *= 2,
                Err(Error::CompiledTooBig(_)) => {
                    return Err("is a pattern too large to compile: use smaller repetitions, or `maxLength`".to_owned());
                }
                Err(Error::Syntax(why)) if why.contains("look-around") => {
                    return Err("is a pattern with look-around, which is not supported: write it without".to_owned());
                }
                Err(Error::Syntax(why)) if why.contains("backreference") => {
                    return Err(
                        "is a pattern with a back-reference, which is not supported: write it without".to_owned()
                    );
                }
                Err(_) => return Err(no_pattern()),
            }
        }
    }

    /// Returns the cost of compiling it, in steps.
    fn cost(&self) -> u64 {
        COMPILING.0 + u64::from(self.kib) * COMPILING.1
    }

    /// Returns the cost of searching a text for it, in steps.
    pub(super) fn cost_in(&self, text: &str) -> u64 {
        1 + (text.len() as u64).saturating_mul(u64::from(self.kib) * STEPS_A_BYTE)
    }
}

/// The compiled patterns of one validation, by address in the schema.
#[derive(Default)]
pub(super) struct CompiledPatterns {
    all: HashMap<*const Pattern, Regex>,
    kib: u32,
}

impl CompiledPatterns {
    /// Returns the cost of having a pattern compiled, in steps.
    pub(super) fn cost(&self, pattern: &Pattern) -> u64 {
        if self.all.contains_key(&std::ptr::from_ref(pattern)) { 1 } else { pattern.cost() }
    }

    /// Returns whether a text contains a match, or `None` if the engine fails.
    pub(super) fn is_in(&mut self, pattern: &Pattern, text: &str) -> Option<bool> {
        if !self.all.contains_key(&std::ptr::from_ref(pattern)) {
            if self.kib + pattern.kib > KEPT_KIB {
                *self = Self::default();
            }
            self.all.insert(pattern, compile(&pattern.translated, pattern.kib).ok()?);
            self.kib += pattern.kib;
        }
        let compiled = self.all.get(&std::ptr::from_ref(pattern))?;
        survive(|| compiled.is_match(text))
    }
}

/// Searches; `None` if the engine panics. Patterns are strangers', and some have made it panic
/// (<https://github.com/rust-lang/regex/issues/1344>).
fn survive(search: impl FnOnce() -> bool) -> Option<bool> {
    catch_unwind(AssertUnwindSafe(search)).ok()
}

fn compile(translated: &str, kib: u32) -> Result<Regex, Error> {
    let bytes = kib as usize * 1024;
    RegexBuilder::new(translated).size_limit(bytes).dfa_size_limit(256 << 10).nest_limit(100).build()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn compiled_patterns_are_dropped_before_they_need_more_memory_than_is_kept() {
        let patterns: Vec<Pattern> =
            (0..40).map(|n| Pattern::new(&format!("^[a-z]{{{}}}$", 900 + n)).unwrap()).collect();
        let all: u32 = patterns.iter().map(|pattern| pattern.kib).sum();
        assert!(all > KEPT_KIB, "{all} KiB");
        let mut compiled = CompiledPatterns::default();
        for pattern in &patterns {
            assert_eq!(compiled.is_in(pattern, "a"), Some(false));
            let held: u32 = patterns.iter().filter(|one| compiled.cost(one) == 1).map(|one| one.kib).sum();
            assert!(held <= KEPT_KIB && held == compiled.kib, "{held} KiB");
        }
    }

    #[test]
    fn a_panic_of_the_engine_is_a_search_that_fails() {
        let is_broken = std::hint::black_box(true);
        assert_eq!(survive(|| !is_broken), Some(false));
        assert_eq!(survive(|| is_broken && unreachable!("the engine's own fault")), None);
    }
}
