//! A call's access to upstreams, whichever interface it uses. Permissions are checked in
//! [`crate::egress`], against the grants of the instance.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};

use super::effects::{Effects, Sending};
use super::hide::{PlacedSecrets, Placeholder};
use super::log::CallLog;
use crate::egress::{Failed, Grants, HttpError, HttpRequest, HttpResponse, Network, UpstreamFailure};

/// A call's access to upstreams, with a record of what it did.
pub(crate) struct Outside {
    pub(crate) network: Network,
    pub(crate) grants: Arc<Grants>,
    pub(crate) log: Arc<CallLog>,
    /// The placeholder for the code, if the component does not see it.
    pub(crate) placeholder: Option<Arc<Placeholder>>,
    /// The secrets that the component has placeholders for.
    pub(crate) secrets: Option<Arc<PlacedSecrets>>,
    pub(crate) effects: Effects,
    pub(crate) host_calls: HostCalls,
    pub(crate) concurrently: Concurrently,
}

/// The number of requests, mails and log lines that a call may still make, whichever interfaces it uses.
pub(crate) struct HostCalls(AtomicU32);

impl HostCalls {
    pub(crate) fn new(most: u32) -> Self {
        Self(AtomicU32::new(most))
    }

    /// Counts a call. Returns whether it may be made.
    pub(crate) fn take(&self) -> bool {
        self.0.try_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work of the host that goes on while the component runs. It is done as part of the call, so that it counts as the call's own time.
pub(crate) struct Concurrently(mpsc::UnboundedSender<Task>);

impl Concurrently {
    /// Returns this and the tasks, for [`run_all`]. The number of tasks is bounded by that of the host calls.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Task>) {
        let (sender, tasks) = mpsc::unbounded_channel();
        (Self(sender), tasks)
    }

    /// Begins a task. Returns its result, or `None` if the call ended before.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let (sender, result) = oneshot::channel();
        let task = async move {
            let _ = sender.send(work.await);
        };
        let _ = self.0.send(Box::pin(task));
        async { result.await.ok() }
    }
}

/// Runs the tasks of a call while it lasts.
pub(super) async fn run_all(mut tasks: mpsc::UnboundedReceiver<Task>) -> Infallible {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(task) = tasks.recv() => running.push(task),
            Some(()) = running.next() => {}
            else => std::future::pending().await,
        }
    }
}

impl Outside {
    /// Sends a request, with the code in place of its placeholder.
    pub(crate) async fn exchange(&self, sending: Sending, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.exchange_hidden(request).await;
        if let Err(error) = &answer {
            if let HttpError::Denied(why)
            | HttpError::Unauthenticated(why)
            | HttpError::LoginRefused(Failed { text: why, .. }) = error
            {
                self.effects.note_denied();
                self.log.line(tracing::Level::WARN, why);
            }
            if error.is_before_sending() {
                sending.did_not_leave();
            }
        }
        answer
    }

    /// Returns a text of an upstream, such as the names in its certificate, with the placeholder in place of the code.
    pub(crate) fn covered(&self, text: String) -> String {
        match &self.placeholder {
            Some(placeholder) => placeholder.covered(text),
            None => text,
        }
    }

    async fn exchange_hidden(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = self.network.begins_exchange().then(|| request.clone());
        let url = request.url.clone();
        let code_in_query = self.grants.takes_code_in_query(&url);
        let filled = match &self.placeholder {
            Some(placeholder) => match placeholder.fill_request(&mut request, code_in_query) {
                Ok(filled) => filled,
                Err(typed) => match self.effects.end(typed).await {},
            },
            None => false,
        };
        // After the code: in a secret nothing is replaced.
        let complete = self.secrets.as_ref().map_or(Ok(()), |secrets| secrets.fill(&mut request, &self.grants));
        let answer = match complete {
            Ok(()) => self.network.send_http(&self.grants, request).await,
            Err(why) => Err(why),
        };
        self.log.note_upstream(match &answer {
            Ok(answer) => UpstreamFailure::of_status(&url, answer.status),
            Err(error) => error.upstream().cloned(),
        });
        if filled
            && let Some(placeholder) = &self.placeholder
            && answer.as_ref().is_err_and(HttpError::is_before_sending)
        {
            placeholder.did_not_leave();
        }
        let mut answer = answer?;
        if let Some(placeholder) = &self.placeholder {
            placeholder.cover(&mut answer);
        }
        if let Some(asked) = asked {
            self.network.record(asked, &answer);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Then it counts as the call's own time, and nothing goes on after the call.
    #[tokio::test]
    async fn work_of_the_host_is_done_only_as_part_of_its_call() {
        let (concurrently, tasks) = Concurrently::new();
        let ran = Arc::new(AtomicU32::new(0));
        let begin = || {
            let ran = ran.clone();
            concurrently.begin(async move { ran.fetch_add(1, Ordering::AcqRel) })
        };
        let first = begin();
        tokio::task::yield_now().await;
        assert_eq!(ran.load(Ordering::Acquire), 0);
        tokio::select! {
            first = first => assert_eq!(first, Some(0)),
            never = run_all(tasks) => match never {},
        }
        // The call has ended.
        assert_eq!(begin().await, None);
        assert_eq!(ran.load(Ordering::Acquire), 1);
    }
}
