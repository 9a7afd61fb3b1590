//! The host's side of a provider's capabilities. Nothing is decided here: both HTTP interfaces and mail end in
//! [`crate::capability`], with the grants of the instance that is being served.

use super::bindings::twofactor::provider::{http, log, smtp, types};
use super::placeholder::Placeholder;
use super::state::{CallLog, State};
use crate::capability::{
    Failed, Grants, HttpError, HttpRequest, HttpResponse, Mail, MailError, MailStage, Network, UpstreamFailure,
};

impl types::Host for State {}

/// Sends a request, and the code with it where its place is held.
pub(super) async fn exchange(
    network: &Network,
    grants: &Grants,
    log: &CallLog,
    placeholder: Option<&Placeholder>,
    mut request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let asked = network.begins_exchange().then(|| request.clone());
    let filled = match placeholder {
        Some(placeholder) => placeholder.fill_request(&mut request).map_err(HttpError::Denied)?,
        None => false,
    };
    let url = request.url.clone();
    let answer = network.send_http(grants, request).await;
    log.note_upstream(match &answer {
        Ok(answer) => UpstreamFailure::of_status(&url, answer.status),
        Err(error) => error.upstream().cloned(),
    });
    if filled
        && let Some(placeholder) = placeholder
        && answer.as_ref().is_err_and(HttpError::is_before_sending)
    {
        placeholder.did_not_leave();
    }
    let mut answer = answer?;
    if let Some(placeholder) = placeholder {
        placeholder.cover(&mut answer);
    }
    if let Some(asked) = asked {
        network.record(asked, &answer);
    }
    Ok(answer)
}

impl State {
    fn charge_host_call(&mut self) -> wasmtime::Result<()> {
        self.host_calls_left = self
            .host_calls_left
            .checked_sub(1)
            .ok_or_else(|| wasmtime::Error::msg("the component made more host calls than it may"))?;
        Ok(())
    }
}

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Error>> {
        self.charge_host_call()?;
        let request = HttpRequest {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: request.body,
        };
        // Counted before: a call that is ended half-way may have sent it.
        self.sent += 1;
        let answer = exchange(&self.network, &self.grants, &self.log, self.placeholder.as_deref(), request).await;
        if let Err(
            HttpError::Denied(why)
            | HttpError::Unauthenticated(why)
            | HttpError::LoginRefused(Failed { text: why, .. }),
        ) = &answer
        {
            self.denied = true;
            self.log.line(tracing::Level::WARN, why);
        }
        if answer.as_ref().is_err_and(HttpError::is_before_sending) {
            self.sent -= 1;
        }
        Ok(match answer {
            Ok(answer) => Ok(http::Response {
                status: answer.status,
                headers: answer.headers.into_iter().map(|(name, value)| types::Entry { name, value }).collect(),
                body: answer.body,
            }),
            Err(HttpError::Denied(why)) => Err(http::Error::Denied(why)),
            Err(HttpError::Unauthenticated(why)) => Err(http::Error::Unauthenticated(why)),
            Err(HttpError::LoginRefused(why)) => Err(http::Error::Unauthenticated(why.text)),
            Err(HttpError::NotSent(why)) => Err(http::Error::NotSent(why.text)),
            Err(HttpError::OutcomeUnknown(why)) => Err(http::Error::OutcomeUnknown(why.text)),
        })
    }
}

impl smtp::Host for State {
    async fn send(&mut self, mail: smtp::Mail) -> wasmtime::Result<Result<smtp::Accepted, smtp::Error>> {
        self.charge_host_call()?;
        let mut mail = Mail {
            sender_name: mail.sender.name,
            sender: mail.sender.address,
            recipient: mail.recipient,
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            id: mail.id,
        };
        self.sent += 1;
        let filled = self.placeholder.as_ref().map_or(Ok(false), |placeholder| placeholder.fill_mail(&mut mail));
        let (answer, filled) = match filled {
            Ok(filled) => (self.network.send_mail(&self.grants, mail).await, filled),
            Err(why) => (Err(MailError::Denied(why)), false),
        };
        self.log.note_upstream(answer.as_ref().err().and_then(MailError::upstream).cloned());
        match &answer {
            Err(MailError::Denied(why)) => {
                self.denied = true;
                self.log.line(tracing::Level::WARN, why);
            }
            Err(MailError::Unsuitable(why)) => {
                self.denied = true;
                self.log.line(tracing::Level::WARN, &why.to_string());
            }
            Err(MailError::Invalid(why)) => self.log.line(tracing::Level::WARN, why),
            _ => {}
        }
        if !matches!(answer, Ok(_) | Err(MailError::OutcomeUnknown(_))) {
            self.sent -= 1;
            if filled && let Some(placeholder) = &self.placeholder {
                placeholder.did_not_leave();
            }
        }
        Ok(match answer {
            Ok(reply) => {
                let reply = match &self.placeholder {
                    Some(placeholder) => placeholder.covered(reply),
                    None => reply,
                };
                Ok(smtp::Accepted { reply })
            }
            Err(MailError::Invalid(why)) => Err(smtp::Error::Invalid(why)),
            Err(MailError::Denied(why)) => Err(smtp::Error::Denied(why)),
            Err(MailError::Unsuitable(why)) => Err(smtp::Error::Denied(why.to_string())),
            Err(MailError::NotSent(why)) => Err(smtp::Error::NotSent(why.to_string())),
            Err(MailError::OutcomeUnknown(why)) => Err(smtp::Error::OutcomeUnknown(why.to_string())),
            Err(MailError::Refused { stage, code, enhanced, .. }) => {
                Err(smtp::Error::Refused(smtp::Refusal { stage: stage.into(), code, enhanced }))
            }
        })
    }
}

impl From<MailStage> for smtp::Stage {
    fn from(stage: MailStage) -> Self {
        match stage {
            MailStage::Greeting => Self::Greeting,
            MailStage::Authentication => Self::Authentication,
            MailStage::Sender => Self::Sender,
            MailStage::Recipient => Self::Recipient,
            MailStage::Data => Self::Data,
        }
    }
}

impl log::Host for State {
    async fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => tracing::Level::DEBUG,
            log::Level::Info => tracing::Level::INFO,
            log::Level::Warn => tracing::Level::WARN,
            log::Level::Error => tracing::Level::ERROR,
        };
        self.log.line(level, &message);
        Ok(())
    }
}
