//! Standard output, where commands say what somebody or some program reads.

use std::fmt;
use std::io::{ErrorKind, Write as _};

/// The exit code of a program whose output was closed: 128 and the number of SIGPIPE, as shells report it.
pub const CLOSED: u8 = 141;

/// Nobody reads on, as after `| head -1`. A command ends then, and what it had not begun is not done.
#[derive(Debug)]
pub struct OutputClosed;

impl fmt::Display for OutputClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads on")
    }
}

impl std::error::Error for OutputClosed {}

/// A line, as `println!` writes it, which would panic where nobody reads.
#[macro_export]
macro_rules! print_line {
    ($($words:tt)*) => {
        $crate::output::print(format_args!("{}\n", format_args!($($words)*)))
    };
}
pub use print_line;

/// Text that has its own ends of lines, or none.
///
/// # Errors
/// [`OutputClosed`], or that it cannot be written.
pub fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => OutputClosed.into(),
        _ => anyhow::Error::new(error).context("what there is to say cannot be written to standard output"),
    })
}
