//! Checks that delivery reports are proved, and read correctly.

use http::HeaderMap;
use serde_json::Value;
use twofactor_sandbox::{Component, Configured, DeliveryStatus, ProofOfReports, ReportRequest};

use super::report::Report;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

const NO_REPORT: &str =
    "Return nothing for what is not a report: only an explicit status says whether a message was delivered.";

pub(super) async fn check(
    component: &Component,
    configured: &Configured,
    options: &Value,
    sample: Option<&[u8]>,
    report: &mut Report,
) {
    if !component.reads_reports() {
        return;
    }
    let proved = component.proves_reports(options).await;
    let wrong = match &proved {
        Err(why) => Some(format!("reports cannot be verified: {why}")),
        Ok(ProofOfReports::None) => None,
        Ok(_) if configured.has_reports() => None,
        Ok(_) => {
            Some("the kind of proof, or a name or template in it, depends on a secret and would reveal it".to_owned())
        }
    };
    report.rule(
        "reports-proved",
        wrong.into_iter().collect(),
        "Return from `report-proof` how reports are proved, depending on the options only, or that the upstream sends none.",
    );

    let weak = matches!(proved, Ok(ProofOfReports::Url)).then(|| "reports are proved by their URL alone".to_owned());
    report.advise(
        "reports-proof",
        weak.into_iter().collect(),
        "If the upstream offers a signature, a token, a password or a secret header, return that: a URL is written to logs.",
    );

    let mut wrong = Vec::new();
    for (kind, content_type, body) in bodies() {
        match read(configured, content_type, &body).await {
            Ok(None | Some(DeliveryStatus::Pending)) => {}
            Ok(Some(_)) => wrong.push(format!("the provider reads {kind} as a final report about a message")),
            Err(why) => wrong.push(format!("no answer to {kind}: {why}")),
        }
    }
    report.rule("reports-of-nothing", wrong, NO_REPORT);

    let Some(sample) = sample else {
        if matches!(proved, Ok(ProofOfReports::Url | ProofOfReports::Secret)) {
            report.skip("reports-read", "pass the upstream's report about a delivered message, `--report FILE`");
        }
        return;
    };
    let content_type = if serde_json::from_slice::<Value>(sample).is_ok() { JSON } else { FORM };
    let wrong = match read(configured, content_type, sample).await {
        Ok(Some(DeliveryStatus::Delivered)) => None,
        Ok(Some(_)) => Some("the report about a delivered message is read as another status".to_owned()),
        Ok(None) => Some("the upstream's report is not read as a report".to_owned()),
        Err(why) => Some(format!("no answer: {why}")),
    };
    report.rule(
        "reports-read",
        wrong.into_iter().collect(),
        "Parse what the upstream sends when a message has been delivered.",
    );
}

async fn read(configured: &Configured, content_type: &str, body: &[u8]) -> Result<Option<DeliveryStatus>, String> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = content_type.parse() {
        headers.insert("content-type", value);
    }
    let report = ReportRequest { method: "POST", query: "", headers: &headers, body };
    let report = configured.read_report(&report, "+41791234567").await.map_err(|why| why.to_string())?;
    Ok(report.map(|report| report.status))
}

/// Bodies that are not a report of any upstream.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("an empty body", FORM, Vec::new()),
        ("an empty body without a content type", "", Vec::new()),
        ("an empty object", JSON, b"{}".to_vec()),
        ("an incomplete object", JSON, b"{\"status\":".to_vec()),
        ("other JSON", JSON, b"[null, {\"status\": [1e400]}]".to_vec()),
        ("deep JSON", JSON, b"[".repeat(60_000)),
        ("other fields", FORM, b"a=b&%=%FF%00&=&&status".to_vec()),
        ("bytes that are not UTF-8", FORM, vec![0xff, 0xfe, 0, b'=', 0xff]),
        ("a long line", "text/plain", vec![b'x'; 60_000]),
    ]
}
