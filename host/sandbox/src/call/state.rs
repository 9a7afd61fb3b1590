//! What the host keeps for one call of a component. Dropped with the call.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use super::engine::Sandbox;
use super::pace::{CallTime, Found};
use super::placeholder::Placeholder;
use super::speech::Speech;
use super::steady;
use super::wasi_http::Hooks;
use crate::capability::{Grants, Network, Recording, UpstreamFailure};

pub(super) struct State {
    pub(super) network: Network,
    pub(super) grants: Arc<Grants>,
    pub(super) log: Arc<CallLog>,
    /// What stands for the code, if the component does not see it.
    pub(super) placeholder: Option<Arc<Placeholder>>,
    pub(super) host_calls_left: u32,
    /// Requests and mails that may have gone out.
    pub(super) sent: u32,
    /// Whether one was not allowed, or no token could be had for it.
    pub(super) denied: bool,
    pub(super) hooks: Hooks,
    pub(super) http: WasiHttpCtx,
    limits: StoreLimits,
    table: ResourceTable,
    /// Whether time and chance are the same in each call.
    steady: bool,
    /// Made when it is first asked for: most calls never do.
    wasi: Option<WasiCtx>,
}

impl State {
    /// A store with every bound of [`super::Limits`] in force.
    pub(super) fn store(
        sandbox: &Sandbox,
        grants: Arc<Grants>,
        log: Arc<CallLog>,
        placeholder: Option<Arc<Placeholder>>,
        time: Arc<CallTime>,
    ) -> Store<Self> {
        let limits = sandbox.limits();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let state = Self {
            network: sandbox.network().clone(),
            hooks: Hooks::new(
                sandbox.network().clone(),
                grants.clone(),
                log.clone(),
                placeholder.clone(),
                limits.host_calls,
            ),
            steady: sandbox.is_steady(grants.reach_nobody()),
            grants,
            log,
            placeholder,
            host_calls_left: limits.host_calls,
            sent: 0,
            denied: false,
            http: WasiHttpCtx::new(),
            limits: StoreLimitsBuilder::new()
                .memory_size(limits.memory_bytes)
                .table_elements(limits.table_elements)
                .instances(limits.core_instances as usize)
                .memories(limits.memories as usize)
                .tables(limits.tables as usize)
                .trap_on_grow_failure(true)
                .build(),
            table,
            wasi: None,
        };
        let mut store = Store::new(sandbox.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(limits.exchanged_bytes);
        // The epoch moves on while a host call waits, so a deadline in epochs would punish a slow upstream: each tick asks how
        // long the guest itself has been at work, and where that is long others get their turn.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| match time.found() {
            Found::Early => Ok(UpdateDeadline::Continue(1)),
            Found::Long => Ok(UpdateDeadline::Yield(1)),
            Found::OutOfTime => Err(wasmtime::Error::new(OutOfTime)),
        });
        store
    }

    /// Whether anything may have been sent in this call.
    pub(super) fn has_sent(&self) -> bool {
        self.sent > 0 || self.hooks.has_sent()
    }

    /// Whether something was refused in this call that the operator must mend.
    pub(super) fn was_denied(&self) -> bool {
        self.denied || self.hooks.was_denied()
    }
}

/// The guest used up its running time.
#[derive(Debug, thiserror::Error)]
#[error("the component ran longer than it may")]
pub(super) struct OutOfTime;

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (log, steady) = (&self.log, self.steady);
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut builder = WasiCtx::builder();
            builder.stdout(LogStream(log.clone())).stderr(LogStream(log.clone()));
            if steady {
                steady::fix(&mut builder);
            }
            builder.build()
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl wasmtime_wasi_http::WasiHttpView for State {
    fn http(&mut self) -> wasmtime_wasi_http::WasiHttpCtxView<'_> {
        wasmtime_wasi_http::WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// What is noted of one call: the lines that the component writes, wherever it writes them, and how its last exchange failed.
pub(super) struct CallLog {
    type_id: String,
    speech: Speech,
    lines_left: AtomicU32,
    upstream: Mutex<Option<UpstreamFailure>>,
    /// Keeps the lines too.
    recording: Option<Recording>,
}

impl CallLog {
    pub(super) fn new(type_id: &str, speech: Speech, lines: u32) -> Arc<Self> {
        Self::recorded(type_id, speech, lines, None)
    }

    pub(super) fn recorded(type_id: &str, speech: Speech, lines: u32, recording: Option<Recording>) -> Arc<Self> {
        Arc::new(Self {
            type_id: type_id.to_owned(),
            speech,
            lines_left: AtomicU32::new(lines),
            upstream: Mutex::default(),
            recording,
        })
    }

    pub(super) fn speech(&self) -> &Speech {
        &self.speech
    }

    /// Notes how an exchange with an upstream failed, or that it did not.
    pub(super) fn note_upstream(&self, failure: Option<UpstreamFailure>) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Returns how the call's last exchange failed, if it did.
    pub(super) fn upstream(&self) -> Option<UpstreamFailure> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes one line, if the call's quota is not used up.
    pub(super) fn line(&self, level: tracing::Level, text: &str) {
        let quota = self.lines_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if quota.is_err() || text.is_empty() {
            return;
        }
        let text = self.speech.clean(text);
        if let Some(recording) = &self.recording {
            recording.keep_line(&text);
        }
        let provider = self.type_id.as_str();
        match level {
            tracing::Level::ERROR => {
                tracing::error!(target: "twofactor::provider", provider, "{text}")
            }
            tracing::Level::WARN => {
                tracing::warn!(target: "twofactor::provider", provider, "{text}")
            }
            tracing::Level::INFO => {
                tracing::info!(target: "twofactor::provider", provider, "{text}")
            }
            _ => tracing::debug!(target: "twofactor::provider", provider, "{text}"),
        }
    }
}

/// Standard output and error of a guest: each write is a line of its log.
struct LogStream(Arc<CallLog>);

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(LogWriter(self.0.clone()))
    }
}

struct LogWriter(Arc<CallLog>);

impl AsyncWrite for LogWriter {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        for line in String::from_utf8_lossy(bytes).lines() {
            self.0.line(tracing::Level::INFO, line.trim());
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
