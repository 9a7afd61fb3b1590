//! HTTP to granted origins: checks a request, authenticates it and sends it.

mod clients;
mod digest;
mod exchange;
mod login;
mod message;
mod oauth;
mod retry_after;
mod send;
#[cfg(test)]
mod tests;
mod token;
mod token_cache;

pub(crate) use clients::{Clients, ForwardProxy, client};
pub(crate) use message::{Failed, HttpError, HttpRequest, HttpResponse};
#[cfg(any(test, fuzzing))]
pub(crate) use retry_after::seconds as retry_after_seconds;
pub(crate) use send::HttpEgress;
