//! What replaces the outside world in tests: emails are stored instead of sent, and HTTP exchanges are recorded.

mod outbox;
mod recording;

pub use outbox::{CapturedMail, Outbox};
pub use recording::{Exchange, Recording};
