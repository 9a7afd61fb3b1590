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
        for what in merged(sentences) {
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
        for (n, Finding { rule, verdict, what, remedy }) in self.findings.iter().enumerate() {
            let mark = match verdict {
                Verdict::Passed => paint("32", "ok     "),
                Verdict::Advice => paint("33", "advice "),
                Verdict::Fault => paint("31", "FAULT  "),
                Verdict::Skipped => paint("33", "skipped"),
            };
            let _ = writeln!(out, "{mark} {rule}{}{what}", if what.is_empty() { "" } else { ": " });
            // Under the last of the findings that it is for.
            let goes_on = self.findings.get(n + 1).is_some_and(|next| next.rule == *rule && next.remedy == *remedy);
            if !remedy.is_empty() && !goes_on {
                let _ = writeln!(out, "          {remedy}");
            }
        }
        let (passed, faults) = (self.count(Verdict::Passed), self.count(Verdict::Fault));
        let (advice, skipped) = (self.count(Verdict::Advice), self.count(Verdict::Skipped));
        let _ = writeln!(out, "rules kept: {passed}, faults: {faults}, advice: {advice}, skipped: {skipped}");
        out
    }
}

/// Sentences of the form `where: what`, those that say the same of several places as one.
fn merged(sentences: Vec<String>) -> Vec<String> {
    let mut merged: Vec<(Option<String>, String)> = Vec::new();
    for sentence in sentences {
        let (place, what) = match sentence.split_once(": ") {
            Some((place, what)) => (Some(place.to_owned()), what.to_owned()),
            None => (None, sentence),
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
    fn what_is_the_same_in_several_places_is_said_once_and_so_is_the_remedy() {
        let mut report = Report::default();
        let wrong = ["a: it is lost", "b: it is lost", "c: it is late", "broken", "broken"];
        report.judge("texts", wrong.map(str::to_owned).to_vec(), "Send it.");
        let said = report.in_words(false);
        assert_eq!(report.count(Verdict::Fault), 3, "{said}");
        assert!(said.contains("texts: a, b: it is lost\n") && said.matches("Send it.").count() == 1, "{said}");
    }
}
