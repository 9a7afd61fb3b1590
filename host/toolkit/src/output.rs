//! Writes to standard output without a panic if it was closed.

use std::fmt;
use std::io::{ErrorKind, Write as _};

/// The exit code of a program whose output was closed: 128 and the number of SIGPIPE, as shells report it.
pub const CLOSED: u8 = 141;

/// Standard output was closed, for instance by `| head -1`. The command ends, and does nothing that it had not begun.
#[derive(Debug)]
pub struct OutputClosed;

impl fmt::Display for OutputClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for OutputClosed {}

/// Prints a line as `println!` does, and returns an error where that would panic.
#[macro_export]
macro_rules! print_line {
    ($($words:tt)*) => {
        $crate::output::print(format_args!("{}\n", format_args!($($words)*)))
    };
}
pub use print_line;

/// Prints text without adding the end of a line.
///
/// # Errors
/// [`OutputClosed`], or why standard output cannot be written to.
pub fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => OutputClosed.into(),
        _ => anyhow::Error::new(error).context("cannot write to standard output"),
    })
}
