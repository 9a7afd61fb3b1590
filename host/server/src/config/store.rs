//! Opens the database that a configuration names.

use anyhow::{Context as _, bail};
use twofactor::store::{PostgresOptions, StorePlace};
use twofactor::{Builder, PostgresStore, SqliteStore, TwoFactor};

use super::Store;
use super::files::read;

/// Opens a database, and returns a builder of an engine on it.
///
/// # Errors
/// If it cannot be opened. The text names the key but contains no password.
pub(super) async fn open(place: StorePlace<'_>) -> anyhow::Result<Builder> {
    let builder = TwoFactor::builder();
    match place {
        StorePlace::Sqlite(path) => {
            let store = SqliteStore::open(path)
                .with_context(|| format!("`store.path`: cannot open the database {}", path.display()))?;
            Ok(builder.store(store))
        }
        StorePlace::Postgres(options) => {
            let store = PostgresStore::connect(*options).await.context("`store.url`: cannot use the database")?;
            Ok(builder.store(store))
        }
    }
}

impl Store {
    /// Returns where the database is, without opening it.
    ///
    /// # Errors
    /// If the values contradict each other, or a file cannot be read. The text names the key but contains no password.
    pub(crate) fn place(&self) -> anyhow::Result<StorePlace<'_>> {
        match (&self.path, self.postgres()?) {
            (Some(path), None) => Ok(StorePlace::Sqlite(path)),
            (None, Some(options)) => Ok(StorePlace::Postgres(Box::new(options))),
            _ => bail!("`store` must set one of `path`, `url` and `url_file`"),
        }
    }

    /// Returns the options of the PostgreSQL database, if one is configured.
    fn postgres(&self) -> anyhow::Result<Option<PostgresOptions>> {
        let (key, url) = match (&self.url, &self.url_file) {
            (None, None) => return Ok(None),
            (Some(url), None) => ("store.url", url.clone()),
            (None, Some(file)) => ("store.url_file", read_text("store.url_file", file)?),
            (Some(_), Some(_)) => bail!("`store` must set one of `path`, `url` and `url_file`"),
        };
        let mut options = PostgresOptions::parse(&url).with_context(|| format!("`{key}`"))?;
        if self.url.is_some() && options.has_password() {
            bail!("`store.url` must not contain a password: use `store.password_file` or `store.url_file`");
        }
        if let Some(file) = &self.password_file {
            options = options.password(&read_text("store.password_file", file)?);
        }
        if !(1..=1000).contains(&self.connections) {
            bail!("`store.connections` must be 1 to 1000");
        }
        Ok(Some(options.connections(self.connections)))
    }
}

/// Reads a file of one line.
fn read_text(key: &str, file: &std::path::Path) -> anyhow::Result<String> {
    let text = String::from_utf8(read(key, file)?).with_context(|| format!("`{key}`: the file is not UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
