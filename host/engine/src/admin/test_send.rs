//! Test messages, so that an administrator learns whether an instance works before a sign-in does.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Administration;
use crate::challenge::{CountedFor, Recipient, sample_message};
use crate::error::Error;
use crate::instance::Layers;
use twofactor_sandbox::{FieldError, Price, UpstreamFailure};

/// The provider's result for a test message.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TestReport {
    /// `delivered`, or how it failed: `retry-later`, `outcome-unknown`, `rejected-recipient`, `rejected-message`,
    /// `misconfigured` or `blocked`.
    pub outcome: String,
    /// The upstream's reference, or its code of the failure; may be empty.
    pub code: String,
    /// A description; may be empty.
    pub detail: String,
    /// The price, if the upstream reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Where the exchange with the upstream failed, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamFailure>,
}

/// A test message. `Debug` shows neither recipient nor options.
#[derive(Clone, Default)]
pub struct TestMessage {
    /// The recipient.
    pub recipient: Recipient,
    /// Options that are not saved yet, in place of the instance's own; a mask keeps the stored
    /// secret.
    pub options: Option<Value>,
    /// A policy that is not saved yet, in place of the instance's own; `Some(None)` for none of its
    /// own.
    pub policy: Option<Option<Value>>,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
}

impl TestMessage {
    /// Creates a test message through the instance as it is saved.
    pub fn to(recipient: Recipient) -> Self {
        Self { recipient, ..Self::default() }
    }

    /// Sets the language.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }
}

impl fmt::Debug for TestMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestMessage").field("locale", &self.locale).finish_non_exhaustive()
    }
}

impl Administration {
    /// Sends a message with a sample code through an instance, with its saved or with unsaved
    /// settings. The code is not accepted anywhere, and the message says that it is a test.
    ///
    /// # Errors
    /// [`Error::is_not_found`]. Invalid input, with the reason, if the options or the policy are not valid. A
    /// recipient that is missing or malformed.
    pub async fn send_test(&self, subscription: &str, id: &str, test: TestMessage) -> Result<TestReport, Error> {
        let TestMessage { recipient, options, policy, locale } = test;
        let mut record = self.record(subscription, id).await?;
        if let Some(policy) = policy {
            self.check_policy(policy.as_ref())?;
            record.policy = policy;
        }
        self.audit("instance.test", id, "").await?;
        let unsaved;
        let saved;
        let prepared = match options {
            Some(options) => {
                let stored = self.instances.open_options(&record)?;
                let (options, kept) = self.instances.read_options(&record.type_id, options, &stored, "/options")?;
                let base = &self.instances.base_options(&record.type_id).await?;
                let unsaved_layers = Layers { base, own: &options, site: None };
                if kept {
                    let saved_layers = Layers { base, own: &stored, site: None };
                    let (type_id, sent_to) = (&record.type_id, self.instances.sent_to(&record)?);
                    self.instances.kept_destinations(type_id, saved_layers, unsaved_layers, sent_to).await?;
                }
                let provider = self.instances.provider(&record.type_id);
                let evaluated = self.instances.evaluate_over(provider, unsaved_layers).await?;
                unsaved = evaluated.under(&self.instances.policy(&record));
                &unsaved
            }
            None => {
                saved = self.instances.prepared(&record).await?;
                &*saved
            }
        };
        if !prepared.problems.is_empty() {
            let problems = prepared.problems.iter();
            let problems = problems.map(|it| FieldError::new(format!("/options{}", it.pointer), it.detail.clone()));
            return Err(Error::invalid_because(problems.collect()));
        }
        let Some(provider) = &prepared.provider else {
            return Err(Error::not_found("provider"));
        };
        let policy = self.instances.policy(&record);
        let message = sample_message(&policy, provider.manifest(), &recipient, locale.as_deref(), self.clock.now())?;
        // Tests that hang must not keep the messages of others from their turn.
        let outcome = match self.challenges.turn_of(&record.type_id, CountedFor::Subscription(subscription)).await {
            Ok(_turn) => prepared.deliver(message).await,
            Err(busy) => Err(busy),
        };
        Ok(match outcome {
            Ok(sent) => {
                self.statistics.count(subscription, id, "tested", "");
                TestReport {
                    outcome: "delivered".to_owned(),
                    code: sent.receipt.reference,
                    detail: String::new(),
                    price: sent.receipt.price,
                    upstream: None,
                }
            }
            Err(failure) => TestReport {
                outcome: failure.name().to_owned(),
                code: failure.reason().code.clone(),
                detail: failure.reason().detail.clone(),
                price: None,
                upstream: failure.reason().upstream.as_deref().cloned(),
            },
        })
    }
}
