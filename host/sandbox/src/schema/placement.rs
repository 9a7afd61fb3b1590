//! Secrets that the host puts into requests: which option, and into which parts.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A part of a request that a secret may be put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `body`: the body.
    Body,
    /// `query`: the query of the URL.
    Query,
    /// `path`: the path of the URL.
    Path,
    /// `header`: the value of a header.
    Header,
}

impl Part {
    /// All parts, in the order in which they are written.
    pub const ALL: [Self; 4] = [Self::Body, Self::Query, Self::Path, Self::Header];

    /// Returns its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Path => "path",
            Self::Header => "header",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parts of a request. `Display` and `FromStr` use their names with commas between them, such as `body,query`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parts(u8);

/// Text that does not name parts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parts of a request are `body`, `query`, `path` and `header`, with commas between them and none twice")]
pub struct ParsePartsError;

impl Parts {
    /// Returns whether a part is among them.
    pub fn contains(self, part: Part) -> bool {
        self.0 & Self::bit(part) != 0
    }

    /// Returns whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the parts, in the order of [`Part::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(move |part| self.contains(*part))
    }

    /// Returns these parts and those.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn bit(part: Part) -> u8 {
        match part {
            Part::Body => 1,
            Part::Query => 2,
            Part::Path => 4,
            Part::Header => 8,
        }
    }

    /// Reads the value of the schema keyword `x-twofactor-placement`.
    pub(super) fn of_keyword(value: &Value) -> Result<Self, ParsePartsError> {
        let names = value.as_array().filter(|names| !names.is_empty()).ok_or(ParsePartsError)?;
        names.iter().try_fold(Self::default(), |parts, name| parts.with(name.as_str().ok_or(ParsePartsError)?))
    }

    fn with(self, name: &str) -> Result<Self, ParsePartsError> {
        let part = Part::ALL.into_iter().find(|part| part.name() == name).ok_or(ParsePartsError)?;
        if self.contains(part) { Err(ParsePartsError) } else { Ok(Self(self.0 | Self::bit(part))) }
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        Self(parts.into_iter().fold(0, |bits, part| bits | Self::bit(part)))
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, part) in self.iter().enumerate() {
            write!(f, "{}{part}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Parts {
    type Err = ParsePartsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').try_fold(Self::default(), Self::with)
    }
}

/// A secret that the host puts into requests. `Display` writes the parts, a colon and the option's JSON Pointer (RFC 6901) as in a
/// URI fragment (section 6 there): `body,query:/ApiKey`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// The JSON Pointer of the option.
    pub option: String,
    /// The parts of requests that it may be put into.
    pub parts: Parts,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.parts)?;
        for byte in self.option.bytes() {
            match byte {
                b'/' | b'~' | b'-' | b'_' | b'.' => write!(f, "{}", char::from(byte))?,
                _ if byte.is_ascii_alphanumeric() => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Placement {
    type Err = ParsePartsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (parts, option) = text.split_once(':').ok_or(ParsePartsError)?;
        let mut bytes = Vec::with_capacity(option.len());
        let mut rest = option.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next().ok_or(ParsePartsError)?, rest.next().ok_or(ParsePartsError)?];
                    let mut decoded = [0];
                    hex::decode_to_slice(digits, &mut decoded).map_err(|_| ParsePartsError)?;
                    decoded[0]
                }
                byte => byte,
            });
        }
        let option = String::from_utf8(bytes).ok().filter(|option| option.starts_with('/')).ok_or(ParsePartsError)?;
        Ok(Self { option, parts: parts.parse()? })
    }
}

impl Serialize for Placement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_placement_is_written_and_read_as_its_grammar_says() {
        for (option, parts, text) in [
            ("/ApiKey", "body,query", "body,query:/ApiKey"),
            ("/Server/Pass word", "path", "path:/Server/Pass%20word"),
            ("/a~1b:c,d=é", "body,query,path,header", "body,query,path,header:/a~1b%3Ac%2Cd%3D%C3%A9"),
        ] {
            let placement = Placement { option: option.to_owned(), parts: parts.parse().unwrap() };
            assert_eq!(placement.to_string(), text);
            assert_eq!(text.parse(), Ok(placement));
        }
        for text in
            ["", "body", ":/A", "body:", "body:A", "body,:/A", "body,body:/A", "host:/A", "body:/%4", "body:/%zz"]
        {
            assert_eq!(text.parse::<Placement>(), Err(ParsePartsError), "{text}");
        }
        assert_eq!("header,body".parse::<Parts>().unwrap().to_string(), "body,header");
    }
}
