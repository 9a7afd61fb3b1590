//! A call's access to upstreams, whichever interface it uses. Permissions are checked in
//! [`crate::egress`], against the grants of the instance.

use std::sync::Arc;

use super::effects::{Effects, Sending};
use super::hide::Placeholder;
use super::log::CallLog;
use crate::egress::{Failed, Grants, HttpError, HttpRequest, HttpResponse, Network, UpstreamFailure};

/// A call's access to upstreams, with a record of what it did.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) network: Network,
    pub(crate) grants: Arc<Grants>,
    pub(crate) log: Arc<CallLog>,
    /// The placeholder for the code, if the component does not see it.
    pub(crate) placeholder: Option<Arc<Placeholder>>,
    pub(crate) effects: Effects,
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

    async fn exchange_hidden(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = self.network.begins_exchange().then(|| request.clone());
        let filled = match &self.placeholder {
            Some(placeholder) => placeholder.fill_request(&mut request).map_err(HttpError::Denied)?,
            None => false,
        };
        let url = request.url.clone();
        let answer = self.network.send_http(&self.grants, request).await;
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
