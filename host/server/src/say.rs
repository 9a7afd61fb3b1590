//! Standard output, where commands say what somebody or some program reads.

use std::fmt;
use std::io::{ErrorKind, Write as _};

/// Nobody reads on, as after `| head -1`. A command ends then, and what it had not begun is not done.
#[derive(Debug)]
pub struct NobodyReads;

impl fmt::Display for NobodyReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads on")
    }
}

impl std::error::Error for NobodyReads {}

/// A line, as `println!` writes it, which would panic where nobody reads.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::say::write(format_args!("{}\n", format_args!($($words)*)))
    };
}
pub(crate) use say;

/// Text that has its own ends of lines, or none.
///
/// # Errors
/// [`NobodyReads`], or that it cannot be written.
pub fn write(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => NobodyReads.into(),
        _ => anyhow::Error::new(error).context("what there is to say cannot be written to standard output"),
    })
}
