//! Maps errors of Amazon SES to outcomes: those of `SendEmail`, and those that all AWS APIs share.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html>

use serde::Deserialize;
use twofactor_provider::{Failure, Response, misconfigured, outcome_unknown, rejected_message, retry_later};

#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "__type", alias = "code", alias = "Code")]
    kind: String,
}

/// Maps a response that does not accept the message to a failure.
pub fn of(response: &Response) -> Failure {
    let code = name(response).unwrap_or_else(|| response.status.to_string());
    match (response.status, code.as_str()) {
        (500.., _) => outcome_unknown(&code, "Amazon SES failed after it received the message"),
        (200..300, _) => outcome_unknown(&code, "Amazon SES's response is not documented"),
        (429, _) => retry_later(response.retry_after(), &code, "Amazon SES is throttling requests"),
        (_, "TooManyRequestsException" | "ThrottlingException" | "Throttling" | "LimitExceededException") => {
            retry_later(
                response.retry_after(),
                &code,
                "Amazon SES is throttling requests, or the account's quota is used up",
            )
        }
        (_, "AccountSuspendedException" | "SendingPausedException") => {
            misconfigured(&code, "the account is not allowed to send at the moment: see the Amazon SES console")
        }
        (_, "MailFromDomainNotVerifiedException") => misconfigured(&code, "the sender's domain is not verified"),
        (_, "NotFoundException") => misconfigured(&code, "the configuration set does not exist"),
        (_, "RequestExpired") => misconfigured(&code, "AWS rejects the time of the request: set this machine's clock"),
        (_, "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "OptInRequired") => {
            misconfigured(&code, "the access key is not allowed to send: grant it ses:SendEmail for this sender")
        }
        (_, "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature") => misconfigured(
            &code,
            "AWS does not accept the signature: the secret access key or this machine's clock is wrong",
        ),
        (_, "UnrecognizedClientException" | "InvalidClientTokenId" | "ExpiredTokenException" | "ExpiredToken") => {
            misconfigured(&code, "AWS does not recognize the access key")
        }
        (_, "MissingAuthenticationTokenException" | "MissingAuthenticationToken") => {
            misconfigured(&code, "AWS does not accept the credentials")
        }
        (_, "MessageRejected") => {
            let detail = "Amazon SES does not accept the message; it says the same of a sender that is not verified, and, as long as the \
                          account is in its sandbox, of such a recipient";
            rejected_message(&code, detail)
        }
        (_, "BadRequestException" | "ValidationException") => {
            rejected_message(&code, "Amazon SES does not accept the request")
        }
        _ => response.failure_by_status(&code),
    }
}

/// Returns the error's name: from a header, up to a colon, or from the body, after a number sign.
/// <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization>
fn name(response: &Response) -> Option<String> {
    let header = response.headers.iter().find(|(name, _)| name == "x-amzn-errortype").map(|(_, value)| value.clone());
    let said = header.or_else(|| response.json::<Refused>().map(|refused| refused.kind))?;
    let name = said.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    // Anything that is not a plain name may repeat what was sent.
    let is_name = (1..=60).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| name.to_owned())
}
