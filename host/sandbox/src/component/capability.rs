//! Capabilities of a provider as data: an operator approves them, and they are compared when a component replaces another.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::schema::Placement;

/// One thing that a provider may do. `Display` writes its stable name, which stands with each variant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// `http`: send HTTP requests to the origins its instance is granted.
    Http,
    /// `smtp`: send mail through the SMTP server its instance is granted.
    Smtp,
    /// `log`: write lines to the log.
    Log,
    /// `wasi-http`: send HTTP requests to the origins its instance is granted, through `wasi:http`.
    WasiHttp,
    /// `environment`: read an environment, which is empty.
    Environment,
    /// `stdin`: read standard input, which is closed.
    StandardInput,
    /// `stdout`: write lines to the log as standard output.
    StandardOutput,
    /// `stderr`: write lines to the log as standard error.
    StandardError,
    /// `monotonic-clock`: measure time.
    MonotonicClock,
    /// `wall-clock`: read the time of day.
    WallClock,
    /// `random`: draw random numbers.
    Random,
    /// `code`: see the code, which others get as a placeholder.
    Code,
    /// `verification`: decide who is let in, because its upstream generates the codes and verifies the answers.
    Verification,
    /// `factor`: verify the answers of the factors of its type. Such a component has no network access.
    Factor,
    /// `reports`: read what its upstream reports of messages.
    Reports,
    /// `secret:NAME`: see this secret option while it delivers, which is withheld from others.
    Secret(String),
    /// `place-secret:PARTS:POINTER`: say where in its requests the host puts this secret option, within these parts. It does not see
    /// the secret. See [`Placement`].
    PlaceSecret(Placement),
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Log => "log",
            Self::WasiHttp => "wasi-http",
            Self::Environment => "environment",
            Self::StandardInput => "stdin",
            Self::StandardOutput => "stdout",
            Self::StandardError => "stderr",
            Self::MonotonicClock => "monotonic-clock",
            Self::WallClock => "wall-clock",
            Self::Random => "random",
            Self::Code => "code",
            Self::Verification => "verification",
            Self::Factor => "factor",
            Self::Reports => "reports",
            Self::Secret(option) => return write!(f, "secret:{option}"),
            Self::PlaceSecret(placement) => return write!(f, "place-secret:{placement}"),
        })
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
