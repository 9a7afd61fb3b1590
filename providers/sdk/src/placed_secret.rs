//! Secrets that the host puts into requests.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret option that the host puts into requests, in the parts `P`: [`InBody`], [`InQuery`], [`InPath`], [`InHeader`], or a tuple of
/// these. The schema is derived. Required by the schema unless the field is an `Option`.
///
/// In `deliver` it is a placeholder of letters. Write it into a request as if it were the secret, unchanged and once: as the request
/// leaves, the host replaces it with the secret, escaped as the part requires. The origin's connection must say so:
/// [`Connection::place_secret`](crate::Connection::place_secret). In `configure` it is the secret itself.
///
/// ```
/// use twofactor_provider::testing::{self, Upstream};
/// use twofactor_provider::{
///     Connection, Delivery, Http, InBody, Message, Metadata, PlacedSecret, Problem, Provider, Recipient, accepted,
/// };
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Options {
///     /// The key from the gateway's console, under API.
///     #[serde(rename = "ApiKey")]
///     key: PlacedSecret<InBody>,
/// }
///
/// struct Gateway;
///
/// impl Provider for Gateway {
///     type Options = Options;
///     const METADATA: Metadata = Metadata {
///         type_id: "gateway",
///         name: "Gateway",
///         version: "1.0.0",
///         channel: "sms",
///         recipient: Recipient::PhoneNumber,
///         needs_code: false,
///     };
///
///     fn configure(_: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
///         Ok(vec![Connection::unauthenticated("https://sms.example.com").place_secret("/ApiKey")])
///     }
///
///     fn deliver(options: &Options, message: &Message) -> Delivery {
///         let body = serde_json::json!({"api_key": options.key, "to": message.recipient, "text": message.text});
///         let response = Http::post("https://sms.example.com/messages").json(&body).send()?;
///         match response.status {
///             200..300 => Ok(accepted("")),
///             status => Err(response.failure_by_status(&status.to_string())),
///         }
///     }
/// }
///
/// let upstream = Upstream::new().responds(200, &[], "");
/// let options = testing::options_for_deliver::<Gateway>(&serde_json::json!({"ApiKey": "k3y of \"ours\""}));
/// testing::deliver::<Gateway>(&options, &testing::message("+41791234567")).unwrap();
/// let field = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["api_key"].clone();
/// // As the provider wrote it, and as it left.
/// assert_ne!(field(&upstream.requests()[0].body), "k3y of \"ours\"");
/// assert_eq!(field(&upstream.sent()[0].body), "k3y of \"ours\"");
/// ```
pub struct PlacedSecret<P = InBody> {
    text: Option<String>,
    parts: PhantomData<P>,
}

impl<P> PlacedSecret<P> {
    /// The placeholder in `deliver`, the secret in `configure`. Empty where a report is parsed.
    pub fn as_str(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}

/// The part of a request that a [`PlacedSecret`] goes into: the body.
#[derive(Debug, Clone, Copy)]
pub struct InBody;

/// The part of a request that a [`PlacedSecret`] goes into: the query of the URL.
#[derive(Debug, Clone, Copy)]
pub struct InQuery;

/// The part of a request that a [`PlacedSecret`] goes into: the path of the URL.
#[derive(Debug, Clone, Copy)]
pub struct InPath;

/// The part of a request that a [`PlacedSecret`] goes into: the value of a header.
#[derive(Debug, Clone, Copy)]
pub struct InHeader;

/// Parts of requests: one, or a tuple of several.
pub trait RequestParts {
    /// Returns their names in the contract.
    fn names() -> Vec<&'static str>;
}

macro_rules! part {
    ($part:ident, $name:literal) => {
        impl RequestParts for $part {
            fn names() -> Vec<&'static str> {
                vec![$name]
            }
        }
    };
}

part!(InBody, "body");
part!(InQuery, "query");
part!(InPath, "path");
part!(InHeader, "header");

macro_rules! several {
    ($($part:ident),+) => {
        impl<$($part: RequestParts),+> RequestParts for ($($part,)+) {
            fn names() -> Vec<&'static str> {
                [$($part::names()),+].concat()
            }
        }
    };
}

several!(A, B);
several!(A, B, C);
several!(A, B, C, D);

impl<P> Clone for PlacedSecret<P> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), parts: PhantomData }
    }
}

impl<P> fmt::Debug for PlacedSecret<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlacedSecret(…)")
    }
}

impl<P> fmt::Display for PlacedSecret<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<P> Serialize for PlacedSecret<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, P> Deserialize<'de> for PlacedSecret<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::options::text_if_given(deserializer)?;
        Ok(Self { text, parts: PhantomData })
    }
}

impl<P: RequestParts> JsonSchema for PlacedSecret<P> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PlacedSecret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "writeOnly": true,
            "x-twofactor-placement": P::names(),
            "minLength": 1,
            "maxLength": 4096
        })
    }
}
