//! Options that are maps: a sender for each country, a template for each language.
//!
//! The admin UI shows such an option as rows of two fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The most rows.
const MOST: usize = 250;

/// A sender for each country, for gateways where a sender is not accepted everywhere: the key is a country (ISO 3166-1 alpha-2).
///
/// ```
/// # use twofactor_provider::{Message, SendersByCountry, recipient_country};
/// fn sender<'a>(senders: &'a SendersByCountry, usual: &'a str, message: &Message) -> &'a str {
///     senders.sender_for(recipient_country(message)).unwrap_or(usual)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SendersByCountry(BTreeMap<String, String>);

impl SendersByCountry {
    /// Returns the sender for a recipient in a country, as returned by [`recipient_country`](crate::recipient_country); `None` if the
    /// country is not known or has no separate sender.
    pub fn sender_for(&self, recipient_country: Option<&str>) -> Option<&str> {
        self.0.get(recipient_country?).map(String::as_str)
    }
}

impl JsonSchema for SendersByCountry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SendersByCountry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        map("Country", "^[A-Z]{2}$", "Sender", 40)
    }
}

/// A template for each language, for gateways whose templates have one language: the key is a language (BCP 47), such as `de` or
/// `fr-CH`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct TemplatesByLanguage(BTreeMap<String, String>);

impl TemplatesByLanguage {
    /// Returns the template for a [`locale`](crate::Message::locale): that of the locale itself, or of the locale without its last
    /// parts (RFC 4647 section 3.4); `None` if there is none.
    pub fn template_for(&self, locale: &str) -> Option<&str> {
        let mut range = locale;
        loop {
            let found = self.0.iter().find(|(language, _)| language.eq_ignore_ascii_case(range));
            if let Some((_, template)) = found {
                return Some(template);
            }
            (range, _) = range.rsplit_once('-')?;
        }
    }
}

impl JsonSchema for TemplatesByLanguage {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TemplatesByLanguage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        map("Language", "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "Template", 200)
    }
}

fn map(key: &str, pattern: &str, value: &str, longest: usize) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"title": key, "pattern": pattern},
        "additionalProperties": {"title": value, "type": "string", "minLength": 1, "maxLength": longest},
        "maxProperties": MOST,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_country_has_its_sender_and_every_other_has_none() {
        let senders: SendersByCountry = serde_json::from_value(json!({"US": "+15005550006", "CH": "Shop"})).unwrap();
        let of = |country| senders.sender_for(country);
        assert_eq!((of(Some("US")), of(Some("CH"))), (Some("+15005550006"), Some("Shop")));
        assert_eq!((of(Some("DE")), of(None)), (None, None));
    }

    #[test]
    fn a_locale_has_the_template_of_its_nearest_language() {
        let templates = json!({"de": "hallo", "de-CH": "hoi", "zh-Hant": "nihao"});
        let templates: TemplatesByLanguage = serde_json::from_value(templates).unwrap();
        for (locale, template) in [
            ("de-CH", Some("hoi")),
            ("de-ch", Some("hoi")),
            ("de-AT", Some("hallo")),
            ("zh-Hant-TW", Some("nihao")),
            ("zh", None),
            ("", None),
        ] {
            assert_eq!(templates.template_for(locale), template, "{locale}");
        }
    }
}
