//! The log of one call: the lines that the component writes, and how its last exchange failed.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use super::hide::CallRedactor;
use crate::egress::{UpstreamCause, UpstreamFailure};
use crate::testing::Recording;

/// The log of one call: the lines that the component writes, through whatever interface, and how
/// its last exchange failed.
pub(crate) struct CallLog {
    type_id: String,
    redactor: CallRedactor,
    lines_left: AtomicU32,
    upstream: Mutex<Option<UpstreamFailure>>,
    /// Receives a copy of each line.
    recording: Option<Recording>,
}

impl CallLog {
    pub(crate) fn new(type_id: &str, redactor: CallRedactor, lines: u32) -> Arc<Self> {
        Self::recorded(type_id, redactor, lines, None)
    }

    pub(crate) fn recorded(
        type_id: &str,
        redactor: CallRedactor,
        lines: u32,
        recording: Option<Recording>,
    ) -> Arc<Self> {
        Arc::new(Self {
            type_id: type_id.to_owned(),
            redactor,
            lines_left: AtomicU32::new(lines),
            upstream: Mutex::default(),
            recording,
        })
    }

    pub(crate) fn redactor(&self) -> &CallRedactor {
        &self.redactor
    }

    /// Records how an exchange with an upstream failed, or that it succeeded.
    pub(crate) fn note_upstream(&self, mut failure: Option<UpstreamFailure>) {
        // An upstream that has the code chooses the names in its certificate.
        if let Some(UpstreamCause::CertificateName { certificate_names }) = failure.as_mut().map(|it| &mut it.cause) {
            certificate_names.iter_mut().for_each(|name| *name = self.redactor.clean(name));
        }
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Returns how the call's last exchange failed, if it did.
    pub(crate) fn upstream(&self) -> Option<UpstreamFailure> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes one line, if the call's quota is not used up.
    pub(crate) fn line(&self, level: tracing::Level, text: &str) {
        let quota = self.lines_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if quota.is_err() || text.is_empty() {
            return;
        }
        let text = self.redactor.clean(text);
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

/// Standard output and error of a component: each write is a line of the log.
pub(crate) struct LogStream(pub(crate) Arc<CallLog>);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_writes_no_more_lines_than_its_quota() {
        let recording = Recording::new();
        let log = CallLog::recorded("t", CallRedactor::new(100), 3, Some(recording.clone()));
        for n in 0..5 {
            log.line(tracing::Level::INFO, &format!("line {n}"));
        }
        assert_eq!(recording.lines(), ["line 0", "line 1", "line 2"]);
    }
}
