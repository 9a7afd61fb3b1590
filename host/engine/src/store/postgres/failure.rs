//! Errors of PostgreSQL and what they mean for the caller.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::store::{StoreError, StoreErrorKind};

/// The state of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It had no effect.
    Refused,
    /// It had no effect, and can be repeated: it conflicted with other calls.
    InTheWay,
    /// It had no effect. This connection leads to a server that does not accept writes, or soon will not.
    WrongServer,
    /// The connection was lost: nobody knows how far the call got.
    Lost,
}

/// Returns what an error means.
pub(super) fn trouble(error: &Error) -> Trouble {
    // The connection is closed, or what the server sent cannot be understood.
    let Some(error) = error.as_db_error() else { return Trouble::Lost };
    // After anything worse than an error, the server closes the connection, wherever the call was.
    if error.parsed_severity() != Some(Severity::Error) {
        return Trouble::Lost;
    }
    let code = error.code();
    match code.code() {
        _ if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code) => Trouble::InTheWay,
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Trouble::WrongServer,
        // One of our functions, which reads the position of the log, ran on a standby.
        _ if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => Trouble::WrongServer,
        code if code.starts_with("57P") => Trouble::Lost,
        _ => Trouble::Refused,
    }
}

/// Returns the error for the caller. `lost` is its kind if the connection was lost.
pub(super) fn store_error(error: Error, lost: StoreErrorKind) -> StoreError {
    let kind = match trouble(&error) {
        Trouble::Lost => lost,
        Trouble::WrongServer => StoreErrorKind::Unavailable,
        Trouble::InTheWay => StoreErrorKind::Busy,
        Trouble::Refused => error.as_db_error().map_or(StoreErrorKind::Unavailable, |error| kind(error.code())),
    };
    let detail = describe(&error);
    // Without its source: the error text of the database may contain values, such as `Key (id)=(…) already exists`.
    StoreError::new(kind, detail)
}

fn kind(code: &SqlState) -> StoreErrorKind {
    match code.code() {
        code if code.starts_with("23") => StoreErrorKind::Conflict,
        // Another process created the same table or function a moment before.
        "42P07" | "42723" => StoreErrorKind::Conflict,
        // A lock that was not available in time, or a statement that took too long.
        "55P03" | "57014" => StoreErrorKind::Busy,
        // One of our tables, columns or functions is missing, or the permission to use it.
        "42P01" | "42883" | "42501" | "42703" => StoreErrorKind::Incompatible,
        _ => StoreErrorKind::Unavailable,
    }
}

/// Returns an error's text without values: its code, its message and the affected names. If the error is not the database's, its text and
/// those of its causes: the first one alone does not say why TLS was refused.
fn describe(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return describe_db(error);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text.extend([": ", &one.to_string()]);
        cause = one.source();
    }
    text
}

fn describe_db(error: &DbError) -> String {
    let names = [error.table(), error.constraint()].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let names = if names.is_empty() { names } else { format!(" ({names})") };
    format!("{} {}{names}", error.code().code(), error.message())
}
