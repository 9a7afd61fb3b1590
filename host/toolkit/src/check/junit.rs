//! The findings of a check as JUnit XML: a suite for the component, a case for each rule.
//!
//! There is no standard, so only what Jenkins, GitLab and others agree on is written. What one of them reads from an attribute and another
//! from the text is in both.

use std::fmt::Write as _;

use super::report::{Finding, Report, Verdict};

/// Returns the report about a component that was checked.
pub(super) fn of(report: &Report) -> String {
    let mut cases: Vec<Case> = Vec::new();
    for finding in &report.findings {
        // Some readers accept one element per case, so all findings of a rule are one text.
        match cases.last_mut().filter(|case| case.rule == finding.rule) {
            Some(case) => case.text.push_str(&format!("\n{}", sentence(finding))),
            None => cases.push(Case { rule: finding.rule, verdict: finding.verdict, text: sentence(finding) }),
        }
    }
    suite(&report.provider, &cases, "")
}

/// Returns the report about a component that could not be loaded.
pub(super) fn of_refusal(file: &str, why: &str) -> String {
    let error = format!("<error type=\"load\" message=\"{0}\">{0}</error>", escaped(why));
    suite(file, &[Case { rule: "load", verdict: Verdict::Passed, text: String::new() }], &error)
}

struct Case {
    rule: &'static str,
    verdict: Verdict,
    text: String,
}

fn sentence(Finding { what, remedy, .. }: &Finding) -> String {
    if remedy.is_empty() { what.clone() } else { format!("{what}. {remedy}") }
}

fn suite(name: &str, cases: &[Case], error: &str) -> String {
    let of = |verdict: Verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    let (all, failures, skipped) = (cases.len(), of(Verdict::Fault), of(Verdict::Skipped));
    let (errors, name) = (usize::from(!error.is_empty()), escaped(name));
    let counts = format!("tests=\"{all}\" failures=\"{failures}\" errors=\"{errors}\"");
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n<testsuite name=\"{name}\" {counts} skipped=\"{skipped}\">\n"
    );
    for Case { rule, verdict, text } in cases {
        let text = escaped(text);
        let inner = match verdict {
            Verdict::Passed => error.to_owned(),
            Verdict::Advice => format!("<system-out>{text}</system-out>"),
            Verdict::Fault => format!("<failure type=\"{rule}\" message=\"{text}\">{text}</failure>"),
            Verdict::Skipped => format!("<skipped message=\"{text}\">{text}</skipped>"),
        };
        let _ = writeln!(out, "<testcase classname=\"{name}\" name=\"{rule}\">{inner}</testcase>");
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

/// Escapes a text for an element and for an attribute. Characters that XML 1.0 cannot represent become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // In attributes they are read as spaces otherwise.
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_text_becomes_markup_or_invalid_xml() {
        assert_eq!(
            escaped("a<b>&\"c\"\n\u{1b}[31m\u{0}\u{ffff}ü"),
            "a&lt;b&gt;&amp;&quot;c&quot;&#10;\u{fffd}[31m\u{fffd}\u{fffd}ü"
        );
    }
}
