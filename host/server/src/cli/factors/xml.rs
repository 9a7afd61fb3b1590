//! XML as a tree. Namespaces are ignored and names are in lower case: privacyIDEA writes all names so, whatever the schema says.

use anyhow::{anyhow, bail};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zeroize::Zeroizing;

/// How deep elements may be nested.
const DEPTH: usize = 32;

/// How many elements a document may have.
const ELEMENTS: usize = 500_000;

/// An element.
#[derive(Default)]
pub(super) struct Element {
    /// The local name in lower case.
    pub(super) name: String,
    /// The line where it begins, from 1.
    pub(super) line: usize,
    /// Local names in lower case, and values.
    attributes: Vec<(String, String)>,
    /// Its own text, without that of other elements.
    text: Zeroizing<String>,
    children: Vec<Element>,
}

impl Element {
    /// Returns the first element on a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.children.iter().find(|child| child.name == *name))
    }

    /// Returns the children with a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the text of the first element on a path, unless it is blank.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|element| element.text.trim()).filter(|text| !text.is_empty())
    }

    /// Returns an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim())
    }
}

/// Parses a document, and returns its root.
///
/// # Errors
/// If it is not well-formed XML, or has a document type, which could define entities.
pub(super) fn parse(text: &str) -> anyhow::Result<Element> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    let (mut elements, mut line, mut counted) = (0, 1, 0);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or_default();
        line += text.get(counted..at).unwrap_or_default().matches('\n').count();
        counted = at;
        let malformed = || anyhow!("line {line}: the file is not well-formed XML");
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(start) => {
                elements += 1;
                open.push(element(&start, line).ok_or_else(malformed)?);
            }
            Event::Empty(start) => {
                elements += 1;
                let empty = element(&start, line).ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(empty);
            }
            Event::End(_) => {
                let closed = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(closed);
            }
            Event::Text(piece) => append(&mut open, &piece.decode().map_err(|_| malformed())?),
            Event::CData(piece) => append(&mut open, &piece.decode().map_err(|_| malformed())?),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", reference.decode().map_err(|_| malformed())?);
                append(&mut open, &quick_xml::escape::unescape(&entity).map_err(|_| malformed())?);
            }
            Event::DocType(_) => bail!("line {line}: document type declarations are not accepted"),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        if open.len() > DEPTH || elements > ELEMENTS {
            bail!("line {line}: the file has too many elements");
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(mut document), true) if document.children.len() == 1 => Ok(document.children.remove(0)),
        _ => bail!("the file is not well-formed XML"),
    }
}

fn element(start: &BytesStart<'_>, line: usize) -> Option<Element> {
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = std::str::from_utf8(&attribute.value).ok()?;
        let value = quick_xml::escape::unescape(value).ok()?.into_owned();
        attributes.push((name(attribute.key.local_name().as_ref()), value));
    }
    Some(Element { name: name(start.local_name().as_ref()), line, attributes, ..Element::default() })
}

fn append(open: &mut [Element], piece: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(piece);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_namespace_and_case() {
        let root = parse("<?xml version='1.0'?>\n<p:A xmlns:p='u'><!-- x -->\n<B C=\"1 &amp; 2\"/>\n<b> t&lt;<![CDATA[<]]> </b></p:A>").unwrap();
        assert_eq!((&*root.name, root.line), ("a", 2));
        assert_eq!(root.all("b").map(|one| one.line).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(root.at(&["b"]).unwrap().attribute("c"), Some("1 & 2"));
        assert_eq!(root.all("b").nth(1).unwrap().text(&[]), Some("t<<"));
    }

    #[test]
    fn bombs_and_malformed_documents_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\">]><a>&x;</a>";
        assert_eq!(parse(bomb).err().unwrap().to_string(), "line 1: document type declarations are not accepted");
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        for malformed in ["", "x", "<a>", "<a></b>", "<a/><b/>", "</a>", "<a>&x;</a>", "<a b=1/>", &deep] {
            assert!(parse(malformed).is_err(), "{malformed}");
        }
    }
}
