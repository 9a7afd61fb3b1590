//! Whether what an upstream reports of messages is signed, and read for what it is.

use serde_json::Value;
use twofactor::sandbox::{Component, Configured, DeliveryStatus};

use super::report::Report;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

const NO_REPORT: &str =
    "What is no report of a message is none: only what says so tells that a message arrived, or did not.";

pub(super) async fn judge(
    component: &Component,
    configured: &Configured,
    options: &Value,
    sample: Option<&[u8]>,
    report: &mut Report,
) {
    if !component.reads_reports() {
        return;
    }
    let signed = component.signs_reports(options).await;
    let wrong = signed.as_ref().err().map(|why| format!("what upstreams report could not be checked: {why}"));
    report.judge(
        "reports-signed",
        wrong.into_iter().collect(),
        "Say in `signed-by` how reports are signed, by the options alone, or that none can be checked.",
    );

    let mut wrong = Vec::new();
    for (kind, content_type, body) in bodies() {
        match read(configured, content_type, &body).await {
            Ok(None | Some(DeliveryStatus::Pending)) => {}
            Ok(Some(_)) => wrong.push(format!("{kind} is taken for the report of a message's end")),
            Err(why) => wrong.push(format!("at {kind} there is no answer: {why}")),
        }
    }
    report.judge("reports-of-nothing", wrong, NO_REPORT);

    let Some(sample) = sample else {
        if matches!(signed, Ok(true)) {
            report.skip("reports-read", "give what the upstream reports of a message that arrived, `--report FILE`");
        }
        return;
    };
    let content_type = if serde_json::from_slice::<Value>(sample).is_ok() { JSON } else { FORM };
    let wrong = match read(configured, content_type, sample).await {
        Ok(Some(DeliveryStatus::Delivered)) => None,
        Ok(Some(_)) => Some("of a message that arrived it says something else".to_owned()),
        Ok(None) => Some("what the upstream reports is no report to it".to_owned()),
        Err(why) => Some(format!("there is no answer: {why}")),
    };
    report.judge("reports-read", wrong.into_iter().collect(), "Read what the upstream sends when a message arrived.");
}

async fn read(configured: &Configured, content_type: &str, body: &[u8]) -> Result<Option<DeliveryStatus>, String> {
    configured.read_report(content_type, body, "+41791234567").await.map_err(|why| why.to_string())
}

/// None is a report, whatever upstream it is said to be from.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("nothing", FORM, Vec::new()),
        ("nothing of no kind", "", Vec::new()),
        ("an empty object", JSON, b"{}".to_vec()),
        ("half an object", JSON, b"{\"status\":".to_vec()),
        ("other JSON", JSON, b"[null, {\"status\": [1e400]}]".to_vec()),
        ("deep JSON", JSON, b"[".repeat(60_000)),
        ("other fields", FORM, b"a=b&%=%FF%00&=&&status".to_vec()),
        ("bytes that are no UTF-8", FORM, vec![0xff, 0xfe, 0, b'=', 0xff]),
        ("a long line", "text/plain", vec![b'x'; 60_000]),
    ]
}
