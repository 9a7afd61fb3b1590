//! A call's access to upstreams, whichever interface it uses. Permissions are checked in
//! [`crate::egress`], against the grants of the instance.

use std::sync::Arc;

use super::effects::{Effects, Sending};
use super::hide::{PlacedSecrets, Placeholder};
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
    /// The secrets that the component has placeholders for.
    pub(crate) secrets: Option<Arc<PlacedSecrets>>,
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
        let url = request.url.clone();
        let code_in_query = self.grants.takes_code_in_query(&url);
        let filled = match &self.placeholder {
            Some(placeholder) => placeholder.fill_request(&mut request, code_in_query).map_err(HttpError::Denied)?,
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
