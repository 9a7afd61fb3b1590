//! Reading and writing rows of PostgreSQL.

use super::super::session::Session;
use super::super::values::{Value, get, values};
use super::rows::{Cell, Row, bytes};
use super::tables::Kind::{Bool, Bytes, Int, Text};
use super::tables::{Kind, Table};
use super::{IN_USE, PART_BYTES, PART_ROWS};
use crate::store::{Result, StoreError};

/// Passes on the rows of a table, in the order of their key.
pub(super) async fn read(c: &Session, table: &Table, mut with: impl FnMut(Row) -> Result<()>) -> Result<()> {
    let (names, table_name) = (table.names(), table.name);
    let cursor = format!("DECLARE copied NO SCROLL CURSOR FOR SELECT {names} FROM {table_name} ORDER BY {}", table.key);
    c.batch(&cursor).await?;
    // How large the rows are is known once some were read.
    let mut count = 1;
    loop {
        let rows = c.rows(&format!("FETCH FORWARD {count} FROM copied"), &[]).await?;
        if rows.is_empty() {
            return c.batch("CLOSE copied").await;
        }
        let mut size = 0;
        for row in &rows {
            let cell = |(n, (_, kind)): (usize, &(_, Kind))| {
                Ok(match kind {
                    Int => get::<Option<i64>>(row, n)?.map_or(Cell::Null, Cell::Int),
                    Bool => get::<Option<bool>>(row, n)?.map_or(Cell::Null, |value| Cell::Int(value.into())),
                    Text => get::<Option<String>>(row, n)?.map_or(Cell::Null, Cell::Text),
                    Bytes => get::<Option<Vec<u8>>>(row, n)?.map_or(Cell::Null, Cell::Bytes),
                })
            };
            let row: Row = table.columns.iter().enumerate().map(cell).collect::<Result<_>>()?;
            size += bytes(&row);
            with(row)?;
        }
        let fit = PART_BYTES / (size / rows.len()).max(1);
        count = fit.clamp(1, PART_ROWS).min(2 * rows.len());
    }
}

/// Returns the name of a process that uses the store.
pub(super) async fn user(c: &Session) -> Result<Option<String>> {
    let sql = "SELECT name FROM nodes WHERE seen_at > (SELECT tf1_clock()) - $1 LIMIT 1";
    c.row(sql, values![IN_USE.as_millis() as i64]).await?.map(|row| get(&row, 0)).transpose()
}

/// Adds rows.
pub(super) async fn insert(c: &Session, table: &Table, rows: &[Row]) -> Result<()> {
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
                        Cell::Text(text) if text.contains('\0') => Err(unstorable(table, table.columns[n].0)),
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
    let names = table.names();
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

fn unstorable(table: &Table, column: &str) -> StoreError {
    StoreError::incompatible(format_args!(
        "a text in the column `{column}` of the table `{}` contains U+0000, which PostgreSQL cannot store: change it in the source",
        table.name
    ))
}

/// Returns the newest recorded time.
pub(super) async fn newest_time(c: &Session) -> Result<Option<i64>> {
    get(&c.only_row("SELECT newest FROM clock", &[]).await?, 0)
}

/// Records the newest time.
pub(super) async fn set_newest_time(c: &Session, newest: i64) -> Result<()> {
    c.execute("UPDATE clock SET newest = greatest(newest, $1)", values![newest]).await?;
    Ok(())
}
