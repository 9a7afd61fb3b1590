//! Delivery reports, an optional part of the contract.

use serde_json::Value;

use super::Provider;
use crate::call::{CallFailure, CallLog, CallRedactor, DeliveryStatus};
use crate::contract::v0_2::reporting::exports::twofactor::provider::reports as wit;
use crate::egress::{ReportSignature, Secret};
use crate::schema::OptionsSchema;

/// The longest code of an upstream's that is kept, in characters.
const CODE: usize = 32;

impl Provider {
    /// Returns how delivery reports for these options are signed; `None` if the component reads none.
    pub(crate) async fn signed_by(&self, options: &Value) -> Result<Option<ReportSignature>, CallFailure> {
        let Some(reports) = &self.exports.reports else { return Ok(None) };
        let secrets = OptionsSchema::new(&self.manifest().options_schema).secrets(options);
        let log = self.log(self.redactor().without(secrets));
        let time = self.sandbox.limits().configure_time;
        let signature = self
            .run(self.call(log, time), async |instance, store| {
                let reports = reports.load(&mut *store, &instance)?;
                reports.call_report_proof(store, &options.to_string()).await
            })
            .await?;
        Ok(signature.and_then(|proof| match proof {
            wit::Proof::Twilio(token) => Some(ReportSignature::Twilio(Secret::new(token))),
            wit::Proof::Webhook(secret) => Some(ReportSignature::Webhook(Secret::new(secret))),
            _ => None,
        }))
    }

    /// Returns whether the component reads reports.
    pub(crate) fn reads_reports(&self) -> bool {
        self.exports.reports.is_some()
    }

    /// Has the component read a report that was checked. `options` is JSON, without the secrets; what it answers does not name the recipient,
    /// whom a report names as a rule.
    pub(crate) async fn read_report(
        &self,
        options: &str,
        content_type: &str,
        body: &[u8],
        recipient: &str,
    ) -> Result<Option<DeliveryStatus>, CallFailure> {
        let Some(reports) = &self.exports.reports else { return Ok(None) };
        // The body names the recipient, in whatever form: what it writes is not kept.
        let log = CallLog::new(&self.manifest().type_id, CallRedactor::new(0), 0);
        let time = self.sandbox.limits().configure_time;
        let report = self
            .run(self.call(log, time), async |instance, store| {
                let reports = reports.load(&mut *store, &instance)?;
                let request = wit::ReportRequest {
                    method: "POST".to_owned(),
                    query: String::new(),
                    content_type: content_type.to_owned(),
                    body: body.to_vec(),
                };
                reports.call_parse_report(store, options, &request).await
            })
            .await?;
        Ok(report.map(|report| match report.status {
            wit::DeliveryStatus::Pending => DeliveryStatus::Pending,
            wit::DeliveryStatus::Delivered => DeliveryStatus::Delivered,
            wit::DeliveryStatus::Failed => {
                let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
                // Searched as it is said and as it is kept.
                let plain: String = recipient.chars().filter(fits).collect();
                let redactor = CallRedactor::new(report.code.len()).without([plain]).without_recipient(recipient);
                let code: String = report.code.chars().filter(fits).collect();
                DeliveryStatus::Failed(redactor.clean(&code).chars().filter(fits).take(CODE).collect())
            }
        }))
    }
}
