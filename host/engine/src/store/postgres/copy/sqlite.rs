//! Reading and writing rows of SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter, types};

use super::rows::{Cell, Row, bytes};
use super::tables::Table;
use super::{IN_USE, PART_BYTES, PART_ROWS};
use crate::store::Result;

/// Returns the rows of a table that follow `after` in the order of the key, as many as a part may have. None are left if it is empty.
pub(super) fn part(c: &Connection, table: &Table, after: Option<&Row>) -> Result<Vec<Row>> {
    let key: Vec<_> = table.key_columns().collect();
    let follows = match after {
        Some(_) => format!("WHERE ({}) > ({})", table.key, vec!["?"; key.len()].join(", ")),
        None => String::new(),
    };
    let (names, table_name) = (table.names_in_sqlite(), table.name);
    let sql = format!("SELECT {names} FROM {table_name} {follows} ORDER BY {} LIMIT {PART_ROWS}", table.key);
    let mut statement = c.prepare_cached(&sql)?;
    let after = after.into_iter().flat_map(|row| key.iter().map(|n| types::Value::from(row[*n].clone())));
    let mut found = statement.query(params_from_iter(after))?;
    let (mut rows, mut size) = (Vec::new(), 0);
    while size < PART_BYTES
        && let Some(row) = found.next()?
    {
        let row: Row = (0..table.columns.len())
            .map(|n| row.get::<_, types::Value>(n).map(Cell::from))
            .collect::<rusqlite::Result<_>>()?;
        size += bytes(&row);
        rows.push(row);
    }
    Ok(rows)
}

/// Adds a row.
pub(super) fn insert(c: &Connection, table: &Table, row: Row) -> Result<()> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.names_in_sqlite());
    c.prepare_cached(&sql)?.execute(params_from_iter(row.into_iter().map(types::Value::from)))?;
    Ok(())
}

/// Returns the name of a process that uses the store.
pub(super) fn user(c: &Connection) -> Result<Option<String>> {
    let since = Timestamp::now().as_millisecond() - IN_USE.as_millis() as i64;
    Ok(c.query_row("SELECT name FROM nodes WHERE seen_at > ? LIMIT 1", [since], |row| row.get(0)).optional()?)
}

/// Returns the newest recorded time.
pub(super) fn newest_time(c: &Connection) -> Result<Option<i64>> {
    Ok(c.query_row("SELECT newest FROM clock WHERE one = 1", [], |row| row.get(0)).optional()?)
}

/// Records the newest time.
pub(super) fn set_newest_time(c: &Connection, newest: i64) -> Result<()> {
    let sql = "INSERT INTO clock (one, newest) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET newest = max(newest, ?1)";
    c.execute(sql, [newest])?;
    Ok(())
}
