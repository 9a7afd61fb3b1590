//! Mail through Microsoft Graph. <https://learn.microsoft.com/graph/api/user-sendmail>

use serde::Deserialize;
use serde_json::json;
use twofactor_provider::{
    Connection, Delivery, Failure, Http, Message, OAuth2Client, Response, accepted, misconfigured, outcome_unknown,
    rejected_message, rejected_recipient, retry_later,
};

use crate::options::{Cloud, Options, Tenant};

/// Returns the origins of a cloud: the one that issues tokens, and the one that sends mail.
/// <https://learn.microsoft.com/graph/deployments>
fn origins(cloud: Cloud) -> (&'static str, &'static str) {
    match cloud {
        Cloud::Global => ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
        Cloud::UsGov => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
        Cloud::China => ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
    }
}

pub fn connection(tenant: &Tenant) -> Connection {
    let (login, graph) = origins(tenant.cloud);
    let token_url = format!("{login}/{}/oauth2/v2.0/token", tenant.tenant_id);
    let client = OAuth2Client::new(token_url, &tenant.client_id).secret_in_body(&tenant.client_secret);
    Connection::oauth2(graph, client.scope(format!("{graph}/.default")))
}

pub fn deliver(options: &Options, tenant: &Tenant, message: &Message) -> Delivery {
    let (_, graph) = origins(tenant.cloud);
    let (kind, content) = match &message.html {
        Some(html) => ("HTML", html),
        None => ("Text", &message.text),
    };
    let mut from = json!({"address": options.sender_address});
    if let Some(name) = &options.sender_name {
        from["name"] = name.as_str().into();
    }
    let body = json!({
        "message": {
            "subject": message.subject,
            "body": {"contentType": kind, "content": content},
            "toRecipients": [{"emailAddress": {"address": message.recipient}}],
            "from": {"emailAddress": from},
        },
        // Otherwise the code would be readable in Sent Items.
        "saveToSentItems": false,
    });
    // A user principal name may contain characters that end a path.
    let user = tenant.user_id.replace('#', "%23");
    let response = Http::post(format!("{graph}/v1.0/users/{user}/sendMail")).json(&body).send()?;
    match response.status {
        202 => {
            let id = response.headers.iter().find(|(name, _)| name == "request-id").map(|(_, id)| id.clone());
            Ok(accepted(id.unwrap_or_default()))
        }
        _ => Err(refused(&response)),
    }
}

#[derive(Deserialize)]
struct Refused {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
}

fn refused(response: &Response) -> Failure {
    let status = response.status.to_string();
    // Anything that is not a plain name may repeat what was sent.
    let is_name = |code: &String| code.len() <= 60 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let code = response.json::<Refused>().map(|refused| refused.error.code).filter(is_name).unwrap_or(status);
    match (response.status, code.as_str()) {
        (429, _) => retry_later(response.retry_after(), &code, "Microsoft Graph is throttling requests"),
        // Throttling too: <https://learn.microsoft.com/graph/throttling>. Without the header it is unknown how far the request got.
        (503, _) if response.retry_after().is_some() => {
            retry_later(response.retry_after(), &code, "Microsoft Graph is throttling requests")
        }
        (500.., _) => outcome_unknown(&code, "Microsoft Graph failed after it received the message"),
        (200..300, _) => outcome_unknown(&code, "Microsoft Graph's response is not documented"),
        (_, "ErrorInvalidRecipients") => rejected_recipient(&code, "Microsoft 365 does not accept the recipient"),
        (_, "ErrorMessageSizeExceeded") => rejected_message(&code, "the message is too large"),
        // Limits of the mailbox: <https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode>
        (
            _,
            "ErrorMessageSubmissionBlocked"
            | "ErrorExceededMessageLimit"
            | "ErrorQuotaExceeded"
            | "ErrorSubmissionQuotaExceeded"
            | "ErrorServerBusy"
            | "ErrorTooManyObjectsOpened"
            | "ApplicationThrottled"
            | "MailboxConcurrency"
            | "TooManyRequests",
        ) if response.status < 500 => {
            retry_later(response.retry_after(), &code, "the sending mailbox has reached a limit")
        }
        (_, "ErrorSendAsDenied" | "ErrorAccessDenied" | "Authorization_RequestDenied") => {
            misconfigured(&code, "the application is not allowed to send from this mailbox: grant it Mail.Send")
        }
        (_, "ErrorInvalidUser" | "MailboxNotEnabledForRESTAPI" | "ResourceNotFound" | "RequestResourceNotFound") => {
            misconfigured(&code, "the mailbox does not exist")
        }
        _ => response.failure_by_status(&code),
    }
}
