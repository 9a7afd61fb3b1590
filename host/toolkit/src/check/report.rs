//! The findings of a check, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// The result of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The component follows it.
    Passed,
    /// Not wrong, but something else is better.
    Advice,
    /// The component breaks it.
    Fault,
    /// Not checked.
    Skipped,
}

/// A finding of one rule.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's id, which is stable.
    pub rule: &'static str,
    /// Its result.
    pub verdict: Verdict,
    /// What was found, and where; empty if the rule passed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// How to fix it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remedy: &'static str,
}

/// All findings about a component.
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The provider's name, version and type.
    pub provider: String,
    /// The component's SHA-256, in hexadecimal.
    pub digest: String,
    /// The component's size, in bytes.
    pub component_bytes: usize,
    /// The time from the bytes to the manifest, compiling included.
    pub load_milliseconds: u128,
    /// The time for a fresh instance and `configure`: the shortest of several.
    pub configure_microseconds: Option<u128>,
    /// The findings, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Reports a rule: each text in `wrong` is a fault, and without one the rule passed.
    pub(super) fn rule(&mut self, rule: &'static str, wrong: Vec<String>, remedy: &'static str) {
        self.add(rule, Verdict::Fault, wrong, remedy);
    }

    /// Reports a rule whose findings are advice.
    pub(super) fn advise(&mut self, rule: &'static str, better: Vec<String>, remedy: &'static str) {
        self.add(rule, Verdict::Advice, better, remedy);
    }

    /// Reports a rule that cannot be checked, and why.
    pub(super) fn skip(&mut self, rule: &'static str, why: &str) {
        self.findings.push(Finding { rule, verdict: Verdict::Skipped, what: why.to_owned(), remedy: "" });
    }

    fn add(&mut self, rule: &'static str, verdict: Verdict, findings: Vec<String>, remedy: &'static str) {
        if findings.is_empty() {
            self.findings.push(Finding { rule, verdict: Verdict::Passed, what: String::new(), remedy: "" });
        }
        for what in merged(findings) {
            self.findings.push(Finding { rule, verdict, what, remedy });
        }
    }

    /// Counts the findings with a result.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Returns the report as text, with ANSI colors if `colors` is set.
    pub fn to_text(&self, colors: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colors { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
        };
        let mut out = format!("{}\ndigest sha256:{}\n", self.provider, self.digest);
        let _ = writeln!(out, "size {} bytes, loaded in {} ms", self.component_bytes, self.load_milliseconds);
        if let Some(took) = self.configure_microseconds {
            let _ = writeln!(out, "fresh instance and `configure`: {took} µs");
        }
        for (n, Finding { rule, verdict, what, remedy }) in self.findings.iter().enumerate() {
            let mark = match verdict {
                Verdict::Passed => paint("32", "ok     "),
                Verdict::Advice => paint("33", "advice "),
                Verdict::Fault => paint("31", "FAULT  "),
                Verdict::Skipped => paint("33", "skipped"),
            };
            let _ = writeln!(out, "{mark} {rule}{}{what}", if what.is_empty() { "" } else { ": " });
            // Once, under the last of the findings that it applies to.
            let goes_on = self.findings.get(n + 1).is_some_and(|next| next.rule == *rule && next.remedy == *remedy);
            if !remedy.is_empty() && !goes_on {
                let _ = writeln!(out, "          {remedy}");
            }
        }
        let (passed, faults) = (self.count(Verdict::Passed), self.count(Verdict::Fault));
        let (advice, skipped) = (self.count(Verdict::Advice), self.count(Verdict::Skipped));
        let _ = writeln!(out, "passed: {passed}, faults: {faults}, advice: {advice}, skipped: {skipped}");
        out
    }
}

/// Joins findings of the form `where: what` that differ in the place only.
fn merged(findings: Vec<String>) -> Vec<String> {
    let mut merged: Vec<(Option<String>, String)> = Vec::new();
    for finding in findings {
        let (place, what) = match finding.split_once(": ") {
            Some((place, what)) => (Some(place.to_owned()), what.to_owned()),
            None => (None, finding),
        };
        match merged.iter_mut().find(|(known, told)| known.is_some() == place.is_some() && *told == what) {
            Some((Some(places), _)) => {
                places.push_str(", ");
                places.push_str(&place.unwrap_or_default());
            }
            Some(_) => {}
            None => merged.push((place, what)),
        }
    }
    let one = |(place, what): (Option<String>, String)| {
        place.map_or_else(|| what.clone(), |place| format!("{place}: {what}"))
    };
    merged.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_are_joined_and_a_remedy_is_printed_once() {
        let mut report = Report::default();
        let wrong = ["a: it is lost", "b: it is lost", "c: it is late", "broken", "broken"];
        report.rule("texts", wrong.map(str::to_owned).to_vec(), "Send it.");
        let said = report.to_text(false);
        assert_eq!(report.count(Verdict::Fault), 3, "{said}");
        assert!(said.contains("texts: a, b: it is lost\n") && said.matches("Send it.").count() == 1, "{said}");
    }
}
