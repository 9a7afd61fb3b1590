//! Copies a whole store from SQLite to PostgreSQL or back. Both are read in the order of their keys, and compared by a digest of each
//! table.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params_from_iter, types};
use sha2::{Digest as _, Sha256};

use super::migrations::MIGRATIONS;
use super::options::PostgresOptions;
use super::session::Session;
use super::values::{Value, get};
use super::{BEGIN_UNGUARDED, Step, prepare};
use crate::store::{Result, SqliteStore, StoreError, StoreErrorKind};

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    /// A number in SQLite.
    Bool,
    Text,
    Bytes,
}

use Kind::{Bool, Bytes, Int, Text};

/// A table that is copied.
struct Table {
    name: &'static str,
    /// The columns, with their name in SQLite if it differs.
    columns: &'static [(&'static str, Kind)],
    /// The columns by which rows are ordered.
    key: &'static str,
    /// The sequence of this column continues after the copied rows.
    sequence: Option<&'static str>,
}

const fn table(name: &'static str, key: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, key, sequence: None }
}

const fn numbered(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, key: "seq", sequence: Some("seq") }
}

/// All tables that are copied, in the order of their references.
#[rustfmt::skip]
const TABLES: &[Table] = &[
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
    ]),
    numbered("factor_events", &[("seq", Int), ("person", Bytes), ("at", Int), ("sealed", Bytes)]),
];

/// Tables whose rows live for minutes and are valid only where they were started.
const NOT_COPIED: &[&str] = &[
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

/// How many rows are copied at a time.
const CHUNK: usize = 500;

/// A value that both databases can store.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

type Row = Vec<Cell>;

/// A table that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 of its rows in hexadecimal, the same in both databases.
    pub digest: String,
}

/// Where a store is.
pub enum Place<'a> {
    /// A SQLite file.
    Sqlite(&'a Path),
    /// A PostgreSQL database.
    Postgres(Box<PostgresOptions>),
}

/// Copies a store to another database, which must be empty. No server may use either of them.
///
/// Open challenges, sign-ins, enrolments, temporary passes and pending logins are not copied: they are valid only where they were
/// started. Limits and wrong answers are copied.
///
/// # Errors
/// Incompatible if the target is not empty, or both are of the same kind; a conflict if the copy differs from the original: the target
/// must not be used then.
pub async fn copy_store(from: Place<'_>, to: Place<'_>) -> Result<Vec<CopiedTable>> {
    match (from, to) {
        (Place::Sqlite(file), Place::Postgres(options)) => {
            // Opening it would create it.
            if !file.exists() {
                return Err(StoreError::incompatible(format_args!("the source {} does not exist", file.display())));
            }
            // Migrates an older schema.
            drop(SqliteStore::open(file)?);
            let source = Connection::open(file)?;
            source.execute_batch("BEGIN")?;
            let session = open(&options).await?;
            session.transaction(BEGIN_UNGUARDED, to_postgres(&source, &session)).await
        }
        (Place::Postgres(options), Place::Sqlite(file)) => {
            if file.exists() {
                return Err(StoreError::incompatible(format_args!("the target {} already exists", file.display())));
            }
            let session = open(&options).await?;
            // It gets its name when it is complete: a server would start on an incomplete copy as on a new store.
            let partial = Partial::new(file)?;
            drop(SqliteStore::open(&partial.0)?);
            let target = Connection::open(&partial.0)?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            let copied = session.transaction(begin, to_sqlite(&session, &target)).await?;
            target.close().map_err(|(_, error)| error)?;
            std::fs::rename(&partial.0, file).map_err(StoreError::unavailable)?;
            Ok(copied)
        }
        _ => Err(StoreError::incompatible("stores are copied only between a SQLite file and a PostgreSQL database")),
    }
}

/// A SQLite file that is being written. It is removed if it was not renamed.
struct Partial(PathBuf);

impl Partial {
    fn new(file: &Path) -> Result<Self> {
        let mut name = file.as_os_str().to_owned();
        name.push(".copying");
        let partial = PathBuf::from(name);
        if partial.exists() {
            return Err(StoreError::incompatible(format_args!(
                "{} already exists: another copy is running, or was interrupted; remove it in that case",
                partial.display()
            )));
        }
        Ok(Self(partial))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(end);
            let _ = std::fs::remove_file(name);
        }
    }
}

async fn open(options: &PostgresOptions) -> Result<Session> {
    let session = options.connect().await?;
    prepare(&session, options).await?;
    session.begin(StoreErrorKind::Unavailable);
    let version: u64 = get(&session.only_row("SELECT version FROM twofactor_schema", &[]).await?, 0)?;
    if version != MIGRATIONS.len() as u64 {
        return Err(StoreError::incompatible(
            "the schema of the database is newer: copy it with the version of TwoFactor that wrote it",
        ));
    }
    Ok(session)
}

async fn to_postgres(source: &Connection, target: &Session) -> Result<Step<Vec<CopiedTable>>> {
    // The clock has a row from the beginning, and nodes are those of a moment.
    let not_copied = NOT_COPIED.iter().copied().filter(|name| !["clock", "nodes"].contains(name));
    for name in TABLES.iter().map(|table| table.name).chain(not_copied) {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {name})");
        if get(&target.only_row(&sql, &[]).await?, 0)? {
            return Err(StoreError::incompatible(format_args!("the target is not empty: see its table `{name}`")));
        }
    }
    let mut copied = Vec::new();
    for table in TABLES {
        let mut digest = TableDigest::new(table);
        // A table is read completely before it is written: no row of SQLite may be held while waiting for the other database.
        let rows = read_sqlite(source, table)?;
        for chunk in rows.chunks(CHUNK) {
            chunk.iter().for_each(|row| digest.add(row));
            write_postgres(target, table, chunk).await?;
        }
        if let Some(column) = table.sequence {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{0}', '{column}'), max({column})) FROM {0} HAVING max({column}) IS NOT NULL",
                table.name
            );
            target.rows(&sql, &[]).await?;
        }
        let original = digest.finish();
        let mut digest = TableDigest::new(table);
        read_postgres(target, table, |row| {
            digest.add(&row);
            Ok(())
        })
        .await?;
        copied.push(original.same_as(digest.finish())?);
    }
    Ok(Step::Keep(copied))
}

async fn to_sqlite(source: &Session, target: &Connection) -> Result<Step<Vec<CopiedTable>>> {
    target.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE")?;
    let mut copied = Vec::new();
    for table in TABLES {
        let mut digest = TableDigest::new(table);
        let names = table.columns.iter().map(|(name, _)| in_sqlite(name)).collect::<Vec<_>>().join(", ");
        let places = vec!["?"; table.columns.len()].join(", ");
        let sql = format!("INSERT INTO {} ({names}) VALUES ({places})", table.name);
        let mut insert = target.prepare(&sql)?;
        read_postgres(source, table, |row| {
            digest.add(&row);
            insert.execute(params_from_iter(row.into_iter().map(types::Value::from)))?;
            Ok(())
        })
        .await?;
        let original = digest.finish();
        let mut digest = TableDigest::new(table);
        read_sqlite(target, table)?.iter().for_each(|row| digest.add(row));
        copied.push(original.same_as(digest.finish())?);
    }
    target.execute_batch("COMMIT")?;
    Ok(Step::Undo(copied))
}

/// `user` is a reserved word of PostgreSQL.
fn in_sqlite(column: &'static str) -> &'static str {
    if column == "owner" { "user" } else { column }
}

fn read_sqlite(c: &Connection, table: &Table) -> Result<Vec<Row>> {
    let names = table.columns.iter().map(|(name, _)| in_sqlite(name)).collect::<Vec<_>>().join(", ");
    let mut statement = c.prepare(&format!("SELECT {names} FROM {} ORDER BY {}", table.name, table.key))?;
    let rows = statement.query_map([], |row| {
        (0..table.columns.len()).map(|n| row.get::<_, types::Value>(n).map(Cell::from)).collect()
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Passes on the rows of a table, in the order of their key.
async fn read_postgres(c: &Session, table: &Table, mut with: impl FnMut(Row) -> Result<()>) -> Result<()> {
    let names = table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    c.batch(&format!("DECLARE copied NO SCROLL CURSOR FOR SELECT {names} FROM {} ORDER BY {}", table.name, table.key))
        .await?;
    loop {
        let rows = c.rows(&format!("FETCH FORWARD {CHUNK} FROM copied"), &[]).await?;
        if rows.is_empty() {
            return c.batch("CLOSE copied").await;
        }
        for row in &rows {
            let cell = |(n, (_, kind)): (usize, &(_, Kind))| {
                Ok(match kind {
                    Int => get::<Option<i64>>(row, n)?.map_or(Cell::Null, Cell::Int),
                    Bool => get::<Option<bool>>(row, n)?.map_or(Cell::Null, |value| Cell::Int(value.into())),
                    Text => get::<Option<String>>(row, n)?.map_or(Cell::Null, Cell::Text),
                    Bytes => get::<Option<Vec<u8>>>(row, n)?.map_or(Cell::Null, Cell::Bytes),
                })
            };
            with(table.columns.iter().enumerate().map(cell).collect::<Result<_>>()?)?;
        }
    }
}

async fn write_postgres(c: &Session, table: &Table, rows: &[Row]) -> Result<()> {
    let column = |n: usize, kind: Kind| {
        let cells = rows.iter().map(|row| &row[n]);
        Ok(match kind {
            Int | Bool => Value::from(
                cells
                    .map(|cell| match cell {
                        Cell::Null => Ok(None),
                        Cell::Int(number) => Ok(Some(*number)),
                        _ => Err(unexpected(table)),
                    })
                    .collect::<Result<Vec<Option<i64>>>>()?,
            ),
            Text => Value::from(
                cells
                    .map(|cell| match cell {
                        Cell::Null => Ok(None),
                        Cell::Text(text) => Ok(Some(text.as_str())),
                        _ => Err(unexpected(table)),
                    })
                    .collect::<Result<Vec<Option<&str>>>>()?,
            ),
            Bytes => Value::from(
                cells
                    .map(|cell| match cell {
                        Cell::Null => Ok(None),
                        Cell::Bytes(bytes) => Ok(Some(bytes.as_slice())),
                        _ => Err(unexpected(table)),
                    })
                    .collect::<Result<Vec<Option<&[u8]>>>>()?,
            ),
        })
    };
    let values = table.columns.iter().enumerate().map(|(n, (_, kind))| column(n, *kind)).collect::<Result<Vec<_>>>()?;
    let names = table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let shown =
        |(n, (_, kind)): (usize, &(_, Kind))| if *kind == Bool { format!("t.c{n} <> 0") } else { format!("t.c{n}") };
    let selected = table.columns.iter().enumerate().map(shown).collect::<Vec<_>>().join(", ");
    let numbered = |prefix: &str, first: usize| {
        (first..first + table.columns.len()).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>().join(", ")
    };
    let sql = format!(
        "INSERT INTO {} ({names}) SELECT {selected} FROM unnest({}) AS t ({})",
        table.name,
        numbered("$", 1),
        numbered("c", 0)
    );
    c.execute(&sql, &values).await?;
    Ok(())
}

fn unexpected(table: &Table) -> StoreError {
    StoreError::unavailable(format_args!("a row of `{}` contains an invalid value", table.name))
}

impl From<types::Value> for Cell {
    fn from(value: types::Value) -> Self {
        match value {
            types::Value::Null => Self::Null,
            types::Value::Integer(number) => Self::Int(number),
            // No column contains such a number.
            types::Value::Real(number) => Self::Text(number.to_string()),
            types::Value::Text(text) => Self::Text(text),
            types::Value::Blob(bytes) => Self::Bytes(bytes),
        }
    }
}

impl From<Cell> for types::Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Int(number) => Self::Integer(number),
            Cell::Text(text) => Self::Text(text),
            Cell::Bytes(bytes) => Self::Blob(bytes),
        }
    }
}

/// A digest of rows, each value with its kind and length.
struct TableDigest {
    name: &'static str,
    rows: u64,
    hash: Sha256,
}

impl TableDigest {
    fn new(table: &Table) -> Self {
        Self { name: table.name, rows: 0, hash: Sha256::new() }
    }

    fn add(&mut self, row: &Row) {
        self.rows += 1;
        for cell in row {
            let (kind, bytes) = match cell {
                Cell::Null => (0_u8, &[][..]),
                Cell::Int(number) => (1, &number.to_be_bytes()[..]),
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Bytes(bytes) => (3, bytes.as_slice()),
            };
            self.hash.update([kind]);
            self.hash.update((bytes.len() as u64).to_be_bytes());
            self.hash.update(bytes);
        }
    }

    fn finish(self) -> CopiedTable {
        CopiedTable { name: self.name.to_owned(), rows: self.rows, digest: hex::encode(self.hash.finalize()) }
    }
}

impl CopiedTable {
    /// Returns the table if the copy is identical.
    fn same_as(self, copy: Self) -> Result<Self> {
        if self == copy {
            return Ok(self);
        }
        Err(StoreError::conflict(format_args!("the copy of the table `{}` differs from the original", self.name)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
            .flat_map(|table| table.columns.iter().map(|(name, _)| (table.name.to_owned(), in_sqlite(name).to_owned())))
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
