//! What a check found, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// How one rule came out.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Passed,
    /// Not wrong, but better otherwise.
    Advice,
    /// Wrong.
    Fault,
    /// Not looked at.
    Skipped,
}

/// One rule, judged.
#[derive(Serialize)]
pub(super) struct Finding {
    /// The rule's name: stable.
    pub(super) rule: &'static str,
    pub(super) verdict: Verdict,
    /// Where and what, in a sentence; empty if it passed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) what: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) remedy: &'static str,
}

#[derive(Default, Serialize)]
pub(super) struct Report {
    pub(super) provider: String,
    pub(super) digest: String,
    pub(super) component_bytes: usize,
    /// From bytes to a manifest, compiling included.
    pub(super) load_milliseconds: u128,
    /// A fresh instance and `configure`; the fastest of several.
    pub(super) configure_microseconds: Option<u128>,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Judges a rule: every sentence in `wrong` is a fault.
    pub(super) fn judge(&mut self, rule: &'static str, wrong: Vec<String>, remedy: &'static str) {
        self.add(rule, Verdict::Fault, wrong, remedy);
    }

    pub(super) fn advise(&mut self, rule: &'static str, better: Vec<String>, remedy: &'static str) {
        self.add(rule, Verdict::Advice, better, remedy);
    }

    pub(super) fn skip(&mut self, rule: &'static str, why: &str) {
        self.findings.push(Finding { rule, verdict: Verdict::Skipped, what: why.to_owned(), remedy: "" });
    }

    fn add(&mut self, rule: &'static str, verdict: Verdict, sentences: Vec<String>, remedy: &'static str) {
        if sentences.is_empty() {
            self.findings.push(Finding { rule, verdict: Verdict::Passed, what: String::new(), remedy: "" });
        }
        for what in sentences {
            self.findings.push(Finding { rule, verdict, what, remedy });
        }
    }

    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// For people. With `colours`, in ANSI's.
    pub(super) fn in_words(&self, colours: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
        };
        let mut out = format!("{}\ndigest sha256:{}\n", self.provider, self.digest);
        let _ = writeln!(out, "{} bytes, loaded in {} ms", self.component_bytes, self.load_milliseconds);
        if let Some(took) = self.configure_microseconds {
            let _ = writeln!(out, "a fresh instance and `configure`: {took} µs");
        }
        for Finding { rule, verdict, what, remedy } in &self.findings {
            let mark = match verdict {
                Verdict::Passed => paint("32", "ok     "),
                Verdict::Advice => paint("33", "advice "),
                Verdict::Fault => paint("31", "FAULT  "),
                Verdict::Skipped => paint("33", "skipped"),
            };
            let _ = writeln!(out, "{mark} {rule}{}{what}", if what.is_empty() { "" } else { ": " });
            if !remedy.is_empty() {
                let _ = writeln!(out, "          {remedy}");
            }
        }
        let (passed, faults) = (self.count(Verdict::Passed), self.count(Verdict::Fault));
        let (advice, skipped) = (self.count(Verdict::Advice), self.count(Verdict::Skipped));
        let _ = writeln!(out, "rules kept: {passed}, faults: {faults}, advice: {advice}, skipped: {skipped}");
        out
    }
}
