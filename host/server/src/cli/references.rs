//! Secrets to which an imported document refers. Whoever writes the document must not choose which files of the operator are read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use twofactor::admin::as_code::Reference;

/// The longest file that is read as a secret, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// Resolves references, and records them.
pub(super) struct References {
    /// The folders whose files may be read, without symbolic links.
    folders: Vec<PathBuf>,
    /// What was read, in words.
    read: Mutex<BTreeSet<String>>,
}

impl References {
    /// Allows the files in the folder of a document (none for standard input, `-`), and in these folders.
    ///
    /// # Errors
    /// If a folder does not exist.
    pub(super) fn of(document: &Path, folders: &[PathBuf]) -> std::io::Result<Self> {
        let mut allowed = folders.iter().map(|folder| folder.canonicalize()).collect::<Result<Vec<_>, _>>()?;
        if document != Path::new("-") {
            allowed.extend(document.canonicalize()?.parent().map(Path::to_owned));
        }
        Ok(Self { folders: allowed, read: Mutex::default() })
    }

    /// Returns the text of a secret.
    pub(super) fn resolve(&self, reference: &Reference) -> Result<String, String> {
        let (what, text) = match reference {
            Reference::Env(name) => {
                let unset = |_| format!("refers to the environment variable {name}, which is not set");
                (format!("the environment variable {name:?}"), std::env::var(name).map_err(unset)?)
            }
            Reference::File(path) => (format!("the file {path:?}"), self.file(path)?),
            _ => return Err("refers to something that this version does not support".to_owned()),
        };
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
        Ok(text)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let refused = |why: String| format!("refers to the file {path}, which {why}");
        let unreadable = |error: std::io::Error| refused(format!("cannot be read: {error}"));
        let file = Path::new(path).canonicalize().map_err(unreadable)?;
        if !self.folders.iter().any(|folder| file.starts_with(folder)) {
            let why = "is not in the document's folder: if it may be read, name its folder with `--files-from`";
            return Err(refused(why.to_owned()));
        }
        let mut text = String::new();
        let file = std::fs::File::open(file).map_err(unreadable)?;
        file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > FILE_BYTES {
            return Err(refused(format!("is longer than {FILE_BYTES} bytes")));
        }
        Ok(text.trim_end().to_owned())
    }

    /// Returns what was read, for the operator.
    pub(super) fn summary(&self) -> String {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (n, what) in read.iter().enumerate() {
            if n == 0 {
                text.push_str("Secrets are read from:\n");
            }
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {what}");
        }
        text
    }
}
