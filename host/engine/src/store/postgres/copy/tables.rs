//! The tables that are copied.

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    /// A number in SQLite.
    Bool,
    Text,
    Bytes,
}

use Kind::{Bool, Bytes, Int, Text};

/// A table that is copied.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The columns, by their names in PostgreSQL.
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The columns by which rows are ordered.
    pub(super) key: &'static str,
    /// The sequence of this column continues after the copied rows.
    pub(super) sequence: Option<&'static str>,
}

const fn table(name: &'static str, key: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, key, sequence: None }
}

const fn numbered(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, key: "seq", sequence: Some("seq") }
}

/// All tables that are copied, in the order of their references.
#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    table("subscriptions", "id", &[("id", Text), ("name", Text), ("revision", Int), ("created_at", Int)]),
    table("instances", "id", &[
        ("id", Text), ("subscription", Text), ("type_id", Text), ("name", Text), ("active", Bool), ("options", Text), ("policy", Text),
        ("revision", Int), ("created_at", Int), ("updated_at", Int), ("assignments_revision", Int),
    ]),
    table("assignments", "kind, target, instance", &[("instance", Text), ("kind", Int), ("target", Text)]),
    table("directory", "subscription, kind, id", &[
        ("subscription", Text), ("kind", Int), ("id", Text), ("name", Text), ("search", Text), ("revision", Int),
    ]),
    table("base_settings", "type_id", &[("type_id", Text), ("options", Text), ("revision", Int)]),
    table("providers", "type_id, position", &[
        ("type_id", Text), ("position", Int), ("digest", Text), ("added_at", Int), ("signature", Text), ("component", Bytes), ("seal", Bytes),
    ]),
    table("tokens", "id", &[
        ("id", Text), ("name", Text), ("digest", Bytes), ("role", Text), ("created_at", Int), ("expires_at", Int), ("revoked_at", Int),
    ]),
    table("token_subscriptions", "subscription, token", &[("subscription", Text), ("token", Text), ("application", Bool)]),
    numbered("accounts", &[
        ("seq", Int), ("id", Text), ("email", Bytes), ("sealed", Bytes), ("role", Text), ("password", Bytes), ("identity", Bytes),
        ("disabled", Bool), ("generation", Int), ("revision", Int), ("created_at", Int), ("last_login_at", Int),
    ]),
    table("invitations", "digest", &[
        ("digest", Bytes), ("account", Text), ("expires_at", Int), ("without_second_factor", Bool),
    ]),
    table("second_factor", "one", &[("one", Bool), ("subscription", Text), ("demanded_since", Int), ("revision", Int)]),
    table("sessions", "digest", &[
        ("digest", Bytes), ("id", Text), ("account", Text), ("second_factor", Bool), ("origin", Text), ("created_at", Int),
        ("authenticated_at", Int), ("last_used_at", Int), ("ends_at", Int),
    ]),
    table("browsers", "digest", &[("digest", Bytes), ("account", Text), ("used_at", Int)]),
    table("audit", "seq", &[
        ("seq", Int), ("at", Int), ("actor", Text), ("action", Text), ("subject", Text), ("detail", Text), ("key", Int), ("mac", Bytes),
    ]),
    table("audit_head", "one", &[("one", Bool), ("seq", Int), ("mac", Bytes), ("key", Int), ("seal", Bytes)]),
    table("keys", "id", &[("id", Int), ("check_value", Bytes)]),
    table("persons", "person", &[
        ("person", Bytes), ("consecutive", Int), ("last", Int), ("day_started", Int), ("day_wrong", Int),
    ]),
    table("buckets", "key", &[("key", Bytes), ("ends", Int), ("count", Int)]),
    table("statistics", "subscription, hour, instance, event, label", &[
        ("subscription", Text), ("hour", Int), ("instance", Text), ("event", Text), ("label", Text), ("count", Int), ("last", Int),
    ]),
    table("sign_in_pages", "subscription", &[("subscription", Text), ("settings", Text), ("revision", Int)]),
    numbered("history", &[
        ("seq", Int), ("subscription", Text), ("at", Int), ("person", Bytes), ("recipient", Bytes), ("challenge", Text), ("outcome", Text),
        ("count", Int), ("sealed", Bytes), ("grouping", Bytes),
    ]),
    table("upstream_health", "instance", &[
        ("instance", Text), ("accepted_at", Int), ("failed_at", Int), ("outcome", Text), ("code", Text),
    ]),
    table("factors", "id", &[
        ("id", Text), ("subscription", Text), ("owner", Bytes), ("instance", Text), ("type_id", Text), ("unique_id", Bytes),
        ("status", Int), ("fallback", Bool), ("details", Bytes), ("state", Bytes), ("revision", Int), ("created_at", Int),
        ("last_used_at", Int), ("ended_at", Int),
    ]),
    table("user_handles", "key", &[("key", Bytes), ("sealed", Bytes)]),
    table("remembered_devices", "digest", &[
        ("digest", Bytes), ("id", Text), ("person", Bytes), ("sealed", Bytes), ("created_at", Int), ("last_used_at", Int),
        ("expires_at", Int),
    ]),
    table("addresses", "person, kind, hash", &[
        ("person", Bytes), ("kind", Int), ("hash", Bytes), ("id", Text), ("sealed", Bytes), ("verified_at", Int), ("seen_at", Int),
        ("first_factor_only", Bool),
    ]),
    table("user_changes", "person", &[("person", Bytes), ("count", Int)]),
    numbered("factor_events", &[("seq", Int), ("person", Bytes), ("at", Int), ("sealed", Bytes)]),
];

/// Tables whose rows live for minutes and are valid only where they were started. The time of the clock is carried over.
pub(super) const NOT_COPIED: &[&str] = &[
    "authorization_requests",
    "challenges",
    "clock",
    "enrolments",
    "idempotency",
    "logins",
    "nodes",
    "passes",
    "sign_ins",
];

impl Table {
    /// Returns the name that a column has in SQLite: `user` is a reserved word of PostgreSQL.
    pub(super) fn in_sqlite(column: &'static str) -> &'static str {
        if column == "owner" { "user" } else { column }
    }

    /// Returns the names of the columns in PostgreSQL.
    pub(super) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Returns the names of the columns in SQLite.
    pub(super) fn names_in_sqlite(&self) -> String {
        self.columns.iter().map(|(name, _)| Self::in_sqlite(name)).collect::<Vec<_>>().join(", ")
    }

    /// Returns the indexes of the columns of the key.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = usize> {
        self.key.split(", ").filter_map(|key| self.columns.iter().position(|(name, _)| *name == key))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::*;
    use crate::store::SqliteStore;

    /// Columns that only one of the two databases has.
    const OF_ONE: &[&str] = &["epoch", "closed_by", "redeemed_by", "holder"];

    #[test]
    fn each_table_and_column_of_sqlite_is_copied_or_left_out_on_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.db");
        drop(SqliteStore::open(&file).unwrap());
        let c = Connection::open(&file).unwrap();
        let mut statement = c
            .prepare("SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'")
            .unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let found: BTreeSet<(String, String)> = found.map(Result::unwrap).collect();
        let known: BTreeSet<(String, String)> = TABLES
            .iter()
            .flat_map(|table| {
                table.columns.iter().map(|(name, _)| (table.name.to_owned(), Table::in_sqlite(name).to_owned()))
            })
            .collect();
        let missing: Vec<_> = found
            .difference(&known)
            .filter(|(table, column)| !NOT_COPIED.contains(&&**table) && !OF_ONE.contains(&&**column))
            .collect();
        assert!(missing.is_empty(), "not copied: {missing:?}");
        let unknown: Vec<_> = known.difference(&found).collect();
        assert!(unknown.is_empty(), "not there: {unknown:?}");
    }
}
