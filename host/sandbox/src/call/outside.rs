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
use super::hide::{PlacedSecrets, Placeholder, RequestRefused};
use super::log::CallLog;
use crate::egress::{Failed, Grants, HttpError, HttpRequest, HttpResponse, Mail, Network, UpstreamFailure};

/// The maximum length of a request's body and of an email, in bytes.
pub(super) const REQUEST_BYTES: usize = 1 << 20;

/// The maximum length of the rest of a request, in bytes: as wasmtime bounds the headers of `wasi:http`.
const HEAD_BYTES: usize = 128 << 10;

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

/// The number of requests, emails and log lines that a call may still make, whichever interfaces it uses.
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
        // Before it is searched: that takes time in which nobody interrupts it.
        if let Some(why) = too_long(&request) {
            return Err(HttpError::Denied(why));
        }
        let asked = self.network.begins_exchange().then(|| request.clone());
        let url = request.url.clone();
        let code_in_query = self.grants.takes_code_in_query(&url);
        let filled = match &self.placeholder {
            Some(placeholder) => match placeholder.fill_request(&mut request, code_in_query) {
                Ok(filled) => Ok(filled),
                Err(RequestRefused::Typed(typed)) => match self.effects.end(typed).await {},
                Err(why @ RequestRefused::InEscape) => Err(HttpError::Denied(why.to_string())),
            },
            None => Ok(false),
        };
        let (filled, complete) = match (filled, &self.secrets) {
            // After the code: in a secret nothing is replaced.
            (Ok(filled), Some(secrets)) => (filled, secrets.fill(&mut request, &self.grants)),
            (Ok(filled), None) => (filled, Ok(())),
            (Err(why), _) => (false, Err(why)),
        };
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

/// Returns whether an email is too long to be searched and encoded.
pub(super) fn is_too_long(mail: &Mail) -> bool {
    let Mail { sender_name, sender, recipient, subject, text, html, id } = mail;
    let texts = [sender_name, sender, recipient, subject, text, id].into_iter().chain(html);
    texts.map(String::len).sum::<usize>() > REQUEST_BYTES
}

/// Returns why a request is too long, if it is.
fn too_long(request: &HttpRequest) -> Option<String> {
    let headers: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let head = request.method.len() + request.url.len() + headers;
    if request.body.len() > REQUEST_BYTES {
        return Some(format!("the body of a request is longer than {REQUEST_BYTES} bytes"));
    }
    (head > HEAD_BYTES).then(|| format!("the URL and the headers of a request are longer than {HEAD_BYTES} bytes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::call::hide::CallRedactor;

    #[tokio::test]
    async fn a_request_that_is_too_long_is_not_searched_and_not_sent() {
        let outside = Outside {
            network: Network::builder().build().unwrap(),
            grants: Arc::new(Grants::none()),
            log: CallLog::new("t", CallRedactor::new(100), 1),
            placeholder: None,
            secrets: None,
            effects: Effects::default(),
            host_calls: HostCalls::new(1),
            concurrently: Concurrently::new().0,
        };
        let request = |value: usize, body: usize| HttpRequest {
            method: "POST".to_owned(),
            url: "https://a.example.com/".to_owned(),
            headers: vec![("x".to_owned(), "v".repeat(value))],
            body: vec![b'b'; body],
        };
        for (value, body, is_too_long) in [
            (1, REQUEST_BYTES, false),
            (1, REQUEST_BYTES + 1, true),
            (HEAD_BYTES - 27, 0, false),
            (HEAD_BYTES - 26, 0, true),
        ] {
            let answer = outside.exchange(outside.effects.begin_sending(), request(value, body)).await;
            let Err(HttpError::Denied(why)) = answer else { panic!("{answer:?}") };
            assert_eq!(why.contains("longer than"), is_too_long, "{value} {body}: {why}");
        }
        assert!(!outside.effects.has_sent());
    }

    #[test]
    fn all_texts_of_an_email_count_toward_its_length() {
        let short = || Mail {
            sender_name: String::new(),
            sender: String::new(),
            recipient: String::new(),
            subject: String::new(),
            text: "t".repeat(REQUEST_BYTES / 2),
            html: Some("h".repeat(REQUEST_BYTES / 2)),
            id: String::new(),
        };
        assert!(!is_too_long(&short()));
        let longer: [fn(&mut Mail); 7] = [
            |mail| mail.sender_name.push('x'),
            |mail| mail.sender.push('x'),
            |mail| mail.recipient.push('x'),
            |mail| mail.subject.push('x'),
            |mail| mail.text.push('x'),
            |mail| mail.html.as_mut().unwrap().push('x'),
            |mail| mail.id.push('x'),
        ];
        for longer in longer {
            let mut mail = short();
            longer(&mut mail);
            assert!(is_too_long(&mail));
        }
    }

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
