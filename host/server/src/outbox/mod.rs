//! The demo's outbox: a mail server, eCall and Twilio in one, which lists the messages it received.
//! It checks only what it needs to recognize a message.

mod other;
mod sms;
mod smtp;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::Handle;
use serde::Serialize;
use tokio::net::TcpListener;
use twofactor_toolkit::RecordedResponse;

use crate::connections::{self, ConnectionLimits};
use crate::middleware::harden;
use crate::serve::listen;

/// The number of messages that are kept.
const KEPT: usize = 1000;

/// A message that was delivered.
#[derive(Clone, Serialize)]
struct Delivered {
    channel: &'static str,
    to: String,
    subject: String,
    text: String,
    at: jiff::Timestamp,
    provider: &'static str,
}

#[derive(Clone, Default)]
struct Messages {
    kept: Arc<Mutex<VecDeque<Delivered>>>,
    /// Recorded responses of the real upstreams of other providers.
    answers: Arc<[RecordedResponse]>,
}

impl Messages {
    fn add(&self, provider: &'static str, channel: &'static str, to: String, subject: String, text: String) {
        let mut messages = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        messages.truncate(KEPT - 1);
        messages.push_front(Delivered { channel, to, subject, text, at: jiff::Timestamp::now(), provider });
    }
}

/// The addresses of the outbox.
pub(crate) struct Outbox {
    pub(crate) http: SocketAddr,
    pub(crate) smtp: SocketAddr,
}

/// Starts the outbox on free ports of loopback. It repeats these responses for the requests that
/// they were recorded from.
pub(crate) async fn start(answers: Vec<RecordedResponse>) -> anyhow::Result<Outbox> {
    let messages = Messages { answers: answers.into(), ..Messages::default() };
    let smtp = TcpListener::bind("127.0.0.1:0").await?;
    let http = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let outbox = Outbox { http: http.local_addr()?, smtp: smtp.local_addr()? };
    let router = Router::new()
        .route("/messages", get(list).post(other::take).put(other::take))
        .route("/2010-04-01/Accounts/{sid}/Messages.json", post(sms::twilio))
        .route("/api/message", post(sms::ecall))
        .fallback(other::take)
        .with_state(messages.clone())
        .layer(axum::middleware::from_fn(harden));
    tokio::spawn(smtp::serve(smtp, messages));
    let limits = ConnectionLimits { per_client: u32::MAX, ..ConnectionLimits::default() };
    let (server, registering) = connections::server(http, Handle::new(), &limits, [].into())?;
    tokio::spawn(server.acceptor(registering).serve(router.into_make_service()));
    Ok(outbox)
}

async fn list(State(messages): State<Messages>) -> Json<Vec<Delivered>> {
    Json(messages.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect())
}
