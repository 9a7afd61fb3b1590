//! The interfaces of the contract that a component can call: HTTP, mail and log.

use super::hide::MailRefused;
use super::outside::{REQUEST_BYTES, is_too_long};
use super::state::State;
use crate::contract::v0_2::twofactor::provider::{http, log, smtp, types};
use crate::egress::{HttpError, HttpRequest, Mail, MailError, MailStage};

impl types::Host for State {}

impl State {
    fn charge_host_call(&mut self) -> wasmtime::Result<()> {
        match self.outside.host_calls.take() {
            true => Ok(()),
            false => Err(wasmtime::Error::msg("the component exceeded the number of host calls")),
        }
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
        let answer = self.outside.exchange(self.outside.effects.begin_sending(), request).await;
        Ok(match answer {
            Ok(answer) => Ok(http::Response {
                status: answer.status,
                headers: answer.headers.into_iter().map(|(name, value)| types::Entry { name, value }).collect(),
                body: answer.body,
            }),
            Err(HttpError::Denied(why)) => Err(http::Error::Denied(why)),
            Err(HttpError::Unauthenticated(why)) => Err(http::Error::Unauthenticated(why)),
            Err(HttpError::LoginRefused(why)) => Err(http::Error::Unauthenticated(self.outside.covered(why.text))),
            Err(HttpError::NotSent(why)) => Err(http::Error::NotSent(self.outside.covered(why.text))),
            Err(HttpError::OutcomeUnknown(why)) => Err(http::Error::OutcomeUnknown(self.outside.covered(why.text))),
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
        let outside = &self.outside;
        let sending = outside.effects.begin_sending();
        // Before it is searched: that takes time in which nobody interrupts it.
        let too_long = is_too_long(&mail);
        let filled = match &outside.placeholder {
            Some(placeholder) if !too_long => placeholder.fill_mail(&mut mail),
            _ => Ok(false),
        };
        let (answer, filled) = match filled {
            _ if too_long => {
                (Err(MailError::Invalid(format!("the email is longer than {REQUEST_BYTES} bytes"))), false)
            }
            Ok(filled) => (outside.network.send_mail(&outside.grants, mail).await, filled),
            Err(MailRefused::Typed(typed)) => match outside.effects.end(typed).await {},
            Err(why) => (Err(MailError::Denied(why.to_string())), false),
        };
        outside.log.note_upstream(answer.as_ref().err().and_then(MailError::upstream).cloned());
        match &answer {
            Err(MailError::Denied(why)) => {
                outside.effects.note_denied();
                outside.log.line(tracing::Level::WARN, why);
            }
            Err(MailError::Unsuitable(why)) => {
                outside.effects.note_denied();
                outside.log.line(tracing::Level::WARN, &why.to_string());
            }
            Err(MailError::Invalid(why)) => outside.log.line(tracing::Level::WARN, why),
            _ => {}
        }
        if !matches!(answer, Ok(_) | Err(MailError::OutcomeUnknown(_))) {
            sending.did_not_leave();
            if filled && let Some(placeholder) = &outside.placeholder {
                placeholder.did_not_leave();
            }
        }
        Ok(match answer {
            Ok(reply) => Ok(smtp::Accepted { reply: outside.covered(reply) }),
            Err(MailError::Invalid(why)) => Err(smtp::Error::Invalid(why)),
            Err(MailError::Denied(why)) => Err(smtp::Error::Denied(why)),
            Err(MailError::Unsuitable(why)) => Err(smtp::Error::Denied(why.to_string())),
            Err(MailError::NotSent(why)) => Err(smtp::Error::NotSent(outside.covered(why.to_string()))),
            Err(MailError::OutcomeUnknown(why)) => Err(smtp::Error::OutcomeUnknown(outside.covered(why.to_string()))),
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
        self.outside.log.line(level, &message);
        Ok(())
    }
}
