//! Secrets to which an imported document refers. Whoever writes the document must not choose which files and which environment variables
//! of the operator are read: they could have them sent to a server of theirs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use twofactor::admin::as_code::Reference;

/// The longest file that is read as a secret, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// How the names of environment variables begin that a document may refer to without permission: those that an export writes.
const VARIABLES: &str = "SECRET__";

/// What a document may refer to, beside what is its own: files in its folder, and variables with the names of an export.
pub(super) struct Allowed<'a> {
    /// Folders with all they contain.
    pub(super) folders: &'a [PathBuf],
    /// Environment variables.
    pub(super) variables: &'a [String],
}

/// Resolves references, and records them.
pub(super) struct References {
    /// The folder of the document, without symbolic links. Its hidden files and its subfolders are not read.
    own_folder: Option<PathBuf>,
    /// The folders whose files may be read, without symbolic links.
    folders: Vec<PathBuf>,
    variables: BTreeSet<String>,
    /// Files of the installation itself, without symbolic links.
    never: Vec<PathBuf>,
    /// What was read, in words.
    read: Mutex<BTreeSet<String>>,
}

impl References {
    /// Allows what a document (`-` for standard input) may refer to, but never these files of the installation, such as its keys.
    ///
    /// # Errors
    /// If a folder does not exist.
    pub(super) fn of(document: &Path, allowed: &Allowed<'_>, never: &[PathBuf]) -> std::io::Result<Self> {
        let own_folder =
            if document == Path::new("-") { None } else { document.canonicalize()?.parent().map(Path::to_owned) };
        Ok(Self {
            own_folder,
            folders: allowed.folders.iter().map(|folder| folder.canonicalize()).collect::<Result<_, _>>()?,
            variables: allowed.variables.iter().cloned().collect(),
            never: never.iter().filter_map(|file| file.canonicalize().ok()).collect(),
            read: Mutex::default(),
        })
    }

    /// Returns the text of a secret.
    pub(super) fn resolve(&self, reference: &Reference) -> Result<String, String> {
        let (what, text) = match reference {
            Reference::Env(name) => (format!("the environment variable {name:?}"), self.variable(name)?),
            Reference::File(path) => (format!("the file {path:?}"), self.file(path)?),
            _ => return Err("refers to something that this version does not support".to_owned()),
        };
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
        Ok(text)
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        let refused = |why: &str| format!("refers to the environment variable {name:?}, which {why}");
        if !name.starts_with(VARIABLES) && !self.variables.contains(name) {
            return Err(refused("does not begin with `SECRET__`; to allow it, pass `--env NAME`"));
        }
        std::env::var(name).map_err(|_| refused("is not set"))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let refused = |why: String| format!("refers to the file {path:?}, which {why}");
        let unreadable = |error: std::io::Error| refused(format!("cannot be read: {error}"));
        let file = Path::new(path).canonicalize().map_err(unreadable)?;
        if self.never.contains(&file) {
            return Err(refused("belongs to this installation".to_owned()));
        }
        let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_beside = !is_hidden && self.own_folder.as_deref().is_some_and(|folder| file.parent() == Some(folder));
        if !is_beside && !self.folders.iter().any(|folder| file.starts_with(folder)) {
            let why = "is not next to the document; to allow it, pass `--files-from FOLDER`";
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_more_than_a_mebibyte_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (document, secret) = (folder.path().join("document.yaml"), folder.path().join("secret"));
        std::fs::write(&document, "").unwrap();
        let nothing = Allowed { folders: &[], variables: &[] };
        let references = References::of(&document, &nothing, &[]).unwrap();
        let resolve = |length| {
            std::fs::write(&secret, vec![b'x'; length]).unwrap();
            references.resolve(&Reference::File(secret.to_str().unwrap().to_owned()))
        };
        assert_eq!(resolve(1 << 20).unwrap().len(), 1 << 20);
        assert!(resolve((1 << 20) + 1).unwrap_err().ends_with("is longer than 1048576 bytes"));
    }
}
