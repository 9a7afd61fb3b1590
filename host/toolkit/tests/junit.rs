//! `twofactor provider check --junit FILE` writes what CI servers read: read here by a parser of XML that is not ours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use twofactor_tests::wrong::component;

/// An element: its attributes, what stands in it, and its text.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: HashMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn new(start: &BytesStart) -> Self {
        let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = String::from_utf8(attribute.value.to_vec()).unwrap();
            let value = quick_xml::escape::unescape(&value).unwrap().into_owned();
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
        });
        Self { name, attributes: attributes.collect(), ..Self::default() }
    }

    fn is(&self, attribute: &str, value: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|found| found == value)
    }
}

/// Returns the root of a document, which must be well-formed.
fn parsed(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(Element::new(&start)),
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
            }
            Event::Text(text) => {
                let text = String::from_utf8(text.to_vec()).unwrap();
                open.last_mut().unwrap().text += &text;
            }
            Event::GeneralRef(name) => {
                let name = String::from_utf8(name.to_vec()).unwrap();
                open.last_mut().unwrap().text += &quick_xml::escape::unescape(&format!("&{name};")).unwrap();
            }
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    let [root] = <[Element; 1]>::try_from(open.pop().unwrap().children).unwrap();
    root
}

/// Checks a component: what was said, and the one suite that was written.
fn check(folder: &Path, bytes: &[u8]) -> (Output, Element) {
    let (file, xml): (PathBuf, PathBuf) = (folder.join("<it> & \"co\".wasm"), folder.join("report.xml"));
    std::fs::write(&file, bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit"));
    command.args(["check", "--json", "--junit"]).arg(&xml).arg(&file);
    let output = command.output().unwrap();
    let root = parsed(&std::fs::read_to_string(xml).unwrap());
    assert_eq!(root.name, "testsuites");
    let [suite] = <[Element; 1]>::try_from(root.children).unwrap();
    // Each count is that of what is there.
    let of =
        |name: &str| suite.children.iter().filter(|case| case.children.iter().any(|inner| inner.name == name)).count();
    for (count, found) in [
        ("tests", suite.children.len()),
        ("failures", of("failure")),
        ("errors", of("error")),
        ("skipped", of("skipped")),
    ] {
        assert!(suite.is(count, &found.to_string()), "{count}: {suite:?}");
        assert!(count == "skipped" || root.attributes[count] == suite.attributes[count]);
    }
    (output, suite)
}

fn case<'a>(suite: &'a Element, rule: &str) -> &'a Element {
    let [case] = suite.children.iter().filter(|case| case.is("name", rule)).collect::<Vec<_>>()[..] else {
        panic!("{rule} once in {suite:?}")
    };
    assert_eq!(case.name, "testcase");
    case
}

#[test]
fn junit_has_a_case_for_each_rule_and_a_failure_with_the_remedy_for_each_fault() {
    let folder = tempfile::tempdir().unwrap();
    let (output, suite) = check(folder.path(), &component("a problem that tells a secret"));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(suite.is("name", report["provider"].as_str().unwrap()), "{suite:?}");
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        let (rule, what) = (finding["rule"].as_str().unwrap(), finding["what"].as_str().unwrap_or_default());
        let case = case(&suite, rule);
        assert!(case.attributes.contains_key("classname"));
        match finding["verdict"].as_str().unwrap() {
            "passed" => assert!(case.children.is_empty(), "{case:?}"),
            "fault" => {
                let [failure] = &case.children[..] else { panic!("{case:?}") };
                let remedy = finding["remedy"].as_str().unwrap();
                // For those who read the attribute, and for those who read the text.
                for said in [&failure.attributes["message"], &failure.text] {
                    assert!(said.contains(what) && said.contains(remedy), "{said}");
                }
                assert!(failure.name == "failure" && failure.is("type", rule));
            }
            other => panic!("{other}"),
        }
    }
    assert!(suite.is("failures", "1"));
}

#[test]
fn unchecked_rules_are_skipped_and_advice_does_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let (output, suite) = check(folder.path(), &component("a mail server too"));
    assert!(output.status.success());
    let [skipped] = &case(&suite, "mail").children[..] else { panic!("{suite:?}") };
    assert!(skipped.name == "skipped" && skipped.text.contains("Check it again"), "{skipped:?}");
    assert!(suite.is("failures", "0") && suite.is("skipped", "1"));

    let (output, suite) = check(folder.path(), &component("a schema that takes anything"));
    assert!(output.status.success());
    let [advice] = &case(&suite, "closed").children[..] else { panic!("{suite:?}") };
    assert!(advice.name == "system-out" && advice.text.contains("additionalProperties"), "{advice:?}");
    assert!(suite.is("failures", "0") && suite.is("skipped", "0"));
}

#[test]
fn a_component_that_is_not_loaded_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, why) in
        [(&b"<&>"[..], "not a valid WebAssembly component"), (&component("a name of two lines"), "its name")]
    {
        let (output, suite) = check(folder.path(), bytes);
        assert!(!output.status.success());
        let [error] = &case(&suite, "load").children[..] else { panic!("{suite:?}") };
        assert!(error.name == "error" && error.text.contains(why), "{error:?}");
        // What is markup in XML is none in a name.
        assert!(suite.attributes["name"].ends_with("<it> & \"co\".wasm"), "{suite:?}");
    }
}
