//! Rows as both databases store them, and digests of tables.

use rusqlite::types;
use sha2::{Digest as _, Sha256};

use super::tables::Table;
use crate::store::{Result, StoreError};

/// A value that both databases can store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

pub(super) type Row = Vec<Cell>;

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

impl Cell {
    /// Returns how many bytes it takes.
    fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// Returns how many bytes a row takes.
pub(super) fn bytes(row: &Row) -> usize {
    row.iter().map(Cell::bytes).sum()
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
pub(super) struct TableDigest {
    name: &'static str,
    rows: u64,
    hash: Sha256,
}

impl TableDigest {
    pub(super) fn new(table: &Table) -> Self {
        Self { name: table.name, rows: 0, hash: Sha256::new() }
    }

    pub(super) fn add(&mut self, row: &Row) {
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

    pub(super) fn finish(self) -> CopiedTable {
        CopiedTable { name: self.name.to_owned(), rows: self.rows, digest: hex::encode(self.hash.finalize()) }
    }
}

impl CopiedTable {
    /// Returns the table if the copy is identical.
    pub(super) fn same_as(self, copy: Self) -> Result<Self> {
        if self == copy {
            return Ok(self);
        }
        Err(StoreError::conflict(format_args!("the copy of the table `{}` differs from the original", self.name)))
    }
}
