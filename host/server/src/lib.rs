//! The server: it translates between the REST API and the engine, and decides nothing.

mod api;
mod demo;
mod inspect;
mod outbox;
mod problem;

pub use api::router;
pub use demo::demo;
pub use inspect::inspect;
