//! Values of parameters and columns.

use std::borrow::Cow;
use std::error::Error as StdError;

use bytes::BytesMut;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::{MAX_CLOCK_SKEW, Result, StoreError};

/// A parameter of a statement, sent with its type: statements are not prepared.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(Option<Cow<'a, str>>),
    Bytes(Option<&'a [u8]>),
    Int(Option<i64>),
    Bool(bool),
    Texts(Option<Vec<Option<&'a str>>>),
    Blobs(Vec<Option<&'a [u8]>>),
    Ints(Vec<Option<i64>>),
}

/// Makes the parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::postgres::values::Value::from($value)),*] };
}
pub(super) use values;

impl Value<'_> {
    /// Returns whether it contains a text with U+0000.
    pub(super) fn has_null_character(&self) -> bool {
        match self {
            Self::Text(Some(text)) => text.contains('\0'),
            Self::Texts(Some(texts)) => texts.iter().flatten().any(|text| text.contains('\0')),
            _ => false,
        }
    }

    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
            Self::Int(_) => Type::INT8,
            Self::Bool(_) => Type::BOOL,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::Blobs(_) => Type::BYTEA_ARRAY,
            Self::Ints(_) => Type::INT8_ARRAY,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Bool(value) => value.to_sql(kind, out),
            Self::Texts(value) => value.to_sql(kind, out),
            Self::Blobs(value) => value.to_sql(kind, out),
            Self::Ints(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each value is sent with its own type.
        true
    }

    to_sql_checked!();
}

/// Converts a number. None of our numbers is larger than the database can store.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How far the clocks of two processes may differ, in milliseconds.
pub(super) const SKEW_MS: i64 = MAX_CLOCK_SKEW.as_millis() as i64;

pub(super) fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

pub(super) fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

macro_rules! from {
    ($($kind:ty, $value:ident => $made:expr;)*) => {
        $(impl<'a> From<$kind> for Value<'a> {
            fn from($value: $kind) -> Self {
                $made
            }
        })*
    };
}

from! {
    &'a str, value => Self::Text(Some(value.into()));
    &'a String, value => Self::Text(Some(value.as_str().into()));
    String, value => Self::Text(Some(value.into()));
    Option<&'a str>, value => Self::Text(value.map(Cow::from));
    &'a Option<String>, value => Self::Text(value.as_deref().map(Cow::from));
    &'a serde_json::Value, value => Self::Text(Some(value.to_string().into()));
    &'a Option<serde_json::Value>, value => Self::Text(value.as_ref().map(|value| value.to_string().into()));
    &'a [u8], value => Self::Bytes(Some(value));
    &'a Vec<u8>, value => Self::Bytes(Some(value));
    Option<&'a [u8]>, value => Self::Bytes(value);
    &'a Option<Vec<u8>>, value => Self::Bytes(value.as_deref());
    i64, value => Self::Int(Some(value));
    Option<i64>, value => Self::Int(value);
    u32, value => Self::Int(Some(value.into()));
    u64, value => Self::Int(Some(int(value)));
    bool, value => Self::Bool(value);
    Timestamp, value => Self::Int(Some(ms(value)));
    Option<Timestamp>, value => Self::Int(value.map(ms));
    Option<Vec<&'a str>>, value => Self::Texts(value.map(|all| all.into_iter().map(Some).collect()));
    Vec<&'a str>, value => Self::Texts(Some(value.into_iter().map(Some).collect()));
    Vec<Option<&'a str>>, value => Self::Texts(Some(value));
    Vec<&'a [u8]>, value => Self::Blobs(value.into_iter().map(Some).collect());
    Vec<Option<&'a [u8]>>, value => Self::Blobs(value);
    Vec<i64>, value => Self::Ints(value.into_iter().map(Some).collect());
    Vec<Option<i64>>, value => Self::Ints(value);
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'a, const N: usize> From<&'a Option<[u8; N]>> for Value<'a> {
    fn from(value: &'a Option<[u8; N]>) -> Self {
        Self::Bytes(value.as_ref().map(<[u8; N]>::as_slice))
    }
}

/// A type that a column can be read as.
pub(super) trait Column: Sized {
    /// The type in which the column stores it.
    type Raw: for<'a> FromSql<'a>;

    /// Returns the value, or `None` if the column contains another kind of value.
    fn from_raw(raw: Self::Raw) -> Option<Self>;
}

macro_rules! column {
    ($($kind:ty, $raw:ty, $value:ident => $read:expr;)*) => {
        $(impl Column for $kind {
            type Raw = $raw;

            fn from_raw($value: $raw) -> Option<Self> {
                $read
            }
        })*
    };
}

column! {
    String, String, value => Some(value);
    Vec<u8>, Vec<u8>, value => Some(value);
    Vec<String>, Vec<String>, value => Some(value);
    i64, i64, value => Some(value);
    u32, i64, value => value.try_into().ok();
    u64, i64, value => value.try_into().ok();
    bool, bool, value => Some(value);
    Timestamp, i64, value => Some(time(value));
    serde_json::Value, String, value => serde_json::from_str(&value).ok();
}

impl<const N: usize> Column for [u8; N] {
    type Raw = Vec<u8>;

    fn from_raw(raw: Vec<u8>) -> Option<Self> {
        raw.try_into().ok()
    }
}

impl<C: Column> Column for Option<C> {
    type Raw = Option<C::Raw>;

    fn from_raw(raw: Self::Raw) -> Option<Self> {
        match raw {
            None => Some(None),
            Some(raw) => C::from_raw(raw).map(Some),
        }
    }
}

/// Returns a column of a row.
pub(super) fn get<C: Column>(row: &Row, n: usize) -> Result<C> {
    let damaged = || StoreError::unavailable(format_args!("column {n} of a row contains an invalid value"));
    let raw = row.try_get::<_, C::Raw>(n).map_err(|error| damaged().with_source(error))?;
    C::from_raw(raw).ok_or_else(damaged)
}
