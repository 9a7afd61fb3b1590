//! Delivery reports, an optional part of the contract.

use serde_json::Value;

use super::Provider;
use super::authentication::{entries, hmac_key, jwt_algorithm};
use crate::call::{CallFailure, CallLog, CallRedactor, DeliveryReport, DeliveryStatus, Price};
use crate::contract::v0_2::reporting::exports::twofactor::provider::reports as wit;
use crate::egress::authentication::Credentials;
use crate::egress::{ReportJwt, ReportKey, ReportProof, ReportRequest, ReportSignature, Secret};
use crate::schema::OptionsSchema;

/// The longest code of an upstream's that is kept, in characters.
const CODE: usize = 32;

/// How many characters of such a code are searched for the recipient: more than anybody's address has.
const SEARCHED: usize = 1024;

/// The longest amount of a price, in characters.
const PRICE: usize = 16;

impl Provider {
    /// Returns how delivery reports for these options are proved; `None` if the component reads none.
    pub(crate) async fn report_proof(&self, options: &Value) -> Result<Option<ReportProof>, CallFailure> {
        let Some(reports) = self.reports() else { return Ok(None) };
        let secrets = OptionsSchema::new(&self.manifest().options_schema).secrets(options);
        let log = self.log(self.redactor().without(secrets));
        let time = self.sandbox.limits().configure_time;
        let proof = self
            .run(self.call(log, time), async |instance, store| {
                let reports = reports.load(&mut *store, &instance)?;
                reports.call_report_proof(store, &options.to_string()).await
            })
            .await?;
        Ok(proof.map(report_proof))
    }

    /// Returns whether the component reads reports.
    pub(crate) fn reads_reports(&self) -> bool {
        self.reports().is_some()
    }

    fn reports(&self) -> Option<&wit::GuestIndices> {
        self.exports.provider()?.reports.as_ref()
    }

    /// Has the component read a report that was verified. `options` is JSON, without the secrets; what it answers does not name the
    /// recipient, whom a report names as a rule.
    pub(crate) async fn read_report(
        &self,
        options: &str,
        report: &ReportRequest<'_>,
        recipient: &str,
    ) -> Result<Option<DeliveryReport>, CallFailure> {
        let Some(reports) = self.reports() else { return Ok(None) };
        // The body names the recipient, in whatever form: what it writes is not kept.
        let log = CallLog::new(&self.manifest().type_id, CallRedactor::new(0), 0);
        let time = self.sandbox.limits().configure_time;
        let content_type = report.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let report = self
            .run(self.call(log, time), async |instance, store| {
                let reports = reports.load(&mut *store, &instance)?;
                let request = wit::ReportRequest {
                    method: report.method.to_owned(),
                    query: report.query.to_owned(),
                    content_type: content_type.to_owned(),
                    body: report.body.to_vec(),
                };
                reports.call_parse_report(store, options, &request).await
            })
            .await?;
        Ok(report.map(|report| {
            let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
            // Searched as returned, and as stored.
            let plain: String = recipient.chars().filter(fits).collect();
            let redactor = CallRedactor::new(SEARCHED).without([plain]).without_recipient(recipient);
            let status = match report.status {
                wit::DeliveryStatus::Pending => DeliveryStatus::Pending,
                wit::DeliveryStatus::Delivered => DeliveryStatus::Delivered,
                wit::DeliveryStatus::Failed => {
                    let code: String = report.code.chars().take(SEARCHED).filter(fits).collect();
                    DeliveryStatus::Failed(redactor.clean(&code).chars().filter(fits).take(CODE).collect())
                }
            };
            let price = report.price.filter(|price| price.amount.len() <= PRICE);
            let price = price.and_then(|price| Price::new(&redactor.clean(&price.amount), &price.currency));
            DeliveryReport { status, price }
        }))
    }
}

fn report_proof(proof: wit::Proof) -> ReportProof {
    match proof {
        wit::Proof::SecretUrl => ReportProof::SecretUrl,
        wit::Proof::Basic(asked) => {
            ReportProof::Basic(Credentials { username: asked.username, password: Secret::new(asked.password) })
        }
        wit::Proof::Header(header) => ReportProof::Header { name: header.name, value: Secret::new(header.value) },
        wit::Proof::Signature(signature) => ReportProof::Signature(ReportSignature {
            key: match signature.key {
                wit::ReportKey::Hmac(key) => ReportKey::Hmac(hmac_key(key)),
                wit::ReportKey::Ed25519(key) => ReportKey::Ed25519(key),
            },
            text: signature.text,
            header: signature.header,
            prefix: signature.prefix,
            base64: signature.encoding == wit::SignatureEncoding::Base64,
            timestamp_header: signature.timestamp_header,
        }),
        wit::Proof::Jwt(token) => ReportProof::Jwt(ReportJwt {
            algorithm: jwt_algorithm(token.algorithm),
            key: Secret::new(token.key),
            header: token.header,
            claims: entries(token.claims),
            body_hash_claim: token.body_hash_claim,
        }),
        wit::Proof::Twilio(token) => ReportProof::Twilio(Secret::new(token)),
        wit::Proof::Webhook(secret) => ReportProof::Webhook(Secret::new(secret)),
    }
}
