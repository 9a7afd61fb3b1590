//! Delivery reports: what upstreams report later about messages. Each message has its own URL for
//! that. A report is accepted, once, if it arrives there and is proved as the instance's upstream
//! proves its reports.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

use super::history::{Facts, MessageOutcome};
use super::{Challenges, Details, code, limits};
use crate::error::Error;
use crate::store::ChallengeRecord;
use twofactor_sandbox::{DeliveryReport, DeliveryStatus, ReportRequest};

fn time(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millisecond().try_into().unwrap_or_default())
}

impl Challenges {
    /// Returns the URL at which the upstream of an instance may report on a message; `None` if
    /// reports are not accepted.
    pub(super) fn report_url(&self, record: &ChallengeRecord) -> Option<String> {
        let base = self.reports.as_ref()?;
        let (subscription, instance, challenge) = (&record.subscription, &record.instance, &record.id);
        let resends = record.resends.to_string();
        let proof = self.proof([subscription, instance, challenge, &resends]);
        Some(format!("{base}/{subscription}/{instance}/{challenge}/{resends}/{proof}"))
    }

    /// Returns the proof that a URL was made here.
    fn proof(&self, parts: [&str; 4]) -> String {
        hex::encode(self.keyring.bucket("report", &parts.map(str::as_bytes)))
    }

    /// Handles a report. Every report that is not accepted gets the same response.
    pub(crate) async fn report(&self, message: &str, request: &ReportRequest<'_>) -> Result<(), Error> {
        let not_found = || Error::not_found("message");
        let base = self.reports.as_ref().ok_or_else(not_found)?;
        let parts: Vec<&str> = message.split('/').collect();
        let [subscription, instance, challenge, resends, proof] = parts[..] else { return Err(not_found()) };
        let right = self.proof([subscription, instance, challenge, resends]);
        if !bool::from(right.as_bytes().ct_eq(proof.as_bytes())) {
            // Anybody can call such a URL, so this must not flood the log.
            tracing::debug!("a delivery report was refused: its URL was not issued here");
            return Err(not_found());
        }
        // Nobody needs reports on old messages, least of all repeated ones.
        let challenge_record = self.store.challenge(subscription, challenge).await?.ok_or_else(not_found)?;
        let details = self.details(&challenge_record)?;
        let record = self.store.instance(instance).await?.filter(|record| record.subscription == subscription);
        let record = record.ok_or_else(not_found)?;
        let prepared = self.instances.prepared(&record).await?;
        let now = self.clock.now();
        let url = format!("{base}/{message}");
        let DeliveryReport { status: fate, price } =
            match prepared.report(&url, request, &details.address, time(now)).await {
                Ok(report) => report.ok_or_else(not_found)?,
                Err(why) => {
                    tracing::warn!(%instance, type_id = %record.type_id, %why, "a delivery report was refused");
                    return Err(not_found());
                }
            };
        let (event, code) = match &fate {
            DeliveryStatus::Pending => return Ok(()),
            DeliveryStatus::Delivered => ("confirmed", ""),
            DeliveryStatus::Failed(said) if self.names_a_code(&challenge_record, &details, said) => {
                ("undelivered", "removed")
            }
            DeliveryStatus::Failed(code) => ("undelivered", &**code),
        };
        // Upstreams repeat their reports.
        let what = [instance, challenge, resends, event].map(str::as_bytes);
        let charge = limits::once(&self.keyring, "report", &what);
        if self.store.charge(vec![charge], now).await?.is_some() {
            return Ok(());
        }
        self.statistics.count(subscription, instance, event, "");
        let outcome = match &fate {
            DeliveryStatus::Failed(_) => MessageOutcome::ReportedFailed,
            _ => MessageOutcome::ReportedDelivered,
        };
        let facts = Facts {
            user: details.sign_in.user.clone(),
            hint: details.hint.clone(),
            instance: instance.to_owned(),
            type_id: record.type_id.clone(),
            code: code.to_owned(),
            // Digits could be those of the code.
            price: price.filter(|price| !self.names_a_code(&challenge_record, &details, price.amount())),
            ..Facts::default()
        };
        self.history.message(&details.about(&challenge_record), outcome, facts);
        metrics::counter!("twofactor_reports_total", "type" => record.type_id.clone(), "status" => event).increment(1);
        if matches!(fate, DeliveryStatus::Failed(_)) {
            tracing::warn!(%instance, type_id = %record.type_id, code, "a message was not delivered");
        }
        Ok(())
    }

    /// Returns whether a text contains one of the challenge's codes: its digits, forwards or
    /// backwards, with anything between them. An upstream that has the code could report it this
    /// way. The host knows the code only by its MAC.
    fn names_a_code(&self, record: &ChallengeRecord, details: &Details, text: &str) -> bool {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let backwards: String = digits.chars().rev().collect();
        let (binding, length) = (details.binding(&record.id), usize::from(details.digits));
        [digits, backwards].iter().any(|digits| {
            let mut windows = (length..=digits.len()).map(|end| &digits[end - length..end]);
            windows.any(|digits| code::fits(&self.keyring, &binding, &record.codes, digits).is_some())
        })
    }
}
