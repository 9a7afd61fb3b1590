#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{HttpError, Upstream, configure, deliver, describe, failure_name, message};
use twofactor_provider::{Failure, MailError, Refusal, Retry, Stage};

use super::Email;

fn smtp(password: bool) -> Value {
    let mut server = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "user", "Timeout": 20000});
    if password {
        server["Password"] = "secret".into();
    }
    json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server})
}

fn m365(secret: bool) -> Value {
    let mut server =
        json!({"MailType": "M365", "ClientId": "c", "TenantId": "11111111-2222-3333-4444-555555555555", "UserId": "u"});
    if secret {
        server["ClientSecret"] = "secret".into();
    }
    json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server})
}

#[test]
fn the_schema_marks_the_secrets() {
    let schema = describe::<Email>().options_schema;
    assert_eq!(schema.matches("\"writeOnly\":true").count(), 2, "{schema}");
}

#[test]
fn ssl_and_port_decide_how_the_connection_is_protected() {
    for (ssl, port, expected) in
        [(true, 465, "ImplicitTls"), (true, 587, "Starttls"), (true, 25, "Starttls"), (false, 465, "Plaintext")]
    {
        let mut options = smtp(true);
        options["MailServerConfig"]["EnableSSL"] = ssl.into();
        options["MailServerConfig"]["Port"] = port.into();
        let connections = format!("{:?}", configure::<Email>(&options).unwrap());
        assert!(connections.contains(expected), "{connections}");
    }
}

#[test]
fn a_sender_that_no_mail_server_accepts_is_a_problem_of_its_option() {
    for (sender, fits) in [
        ("codes@example.com", true),
        ("c.o-d+e_s@mail.example.com", true),
        ("codes@bücher.example", true),
        ("códes@example.com", true),
        ("codes@xn--bcher-kva.example", true),
        ("codes@example.com.", false),
        ("codes@[192.0.2.1]", false),
        ("codes@192.0.2.1", false),
        ("codes@[IPv6:2001:db8::1]", false),
        ("codes@example..com", false),
        ("codes@-a.example", false),
        ("codes@localhost", false),
        ("co..des@example.com", false),
        (".codes@example.com", false),
        ("\"co des\"@example.com", false),
        ("Codes <codes@example.com>", false),
        ("a@codes@example.com", false),
        ("@example.com", false),
    ] {
        let mut options = smtp(true);
        options["EMailSenderAddress"] = sender.into();
        match configure::<Email>(&options) {
            Ok(_) => assert!(fits, "{sender}"),
            Err(problems) => {
                assert_eq!((problems[0].pointer.as_str(), fits), ("/EMailSenderAddress", false), "{sender}")
            }
        }
    }
}

#[test]
fn an_empty_user_and_password_are_no_login() {
    for (user, password, expected) in [
        (json!(""), json!(""), Ok("credentials: None")),
        (json!(null), json!(""), Ok("credentials: None")),
        (json!("user"), json!(""), Err("/MailServerConfig/UserName")),
        (json!(""), json!("secret"), Err("/MailServerConfig/UserName")),
    ] {
        let mut options = smtp(false);
        options["MailServerConfig"]["UserName"] = user;
        options["MailServerConfig"]["Password"] = password;
        match (configure::<Email>(&options), expected) {
            (Ok(connections), Ok(part)) => assert!(format!("{connections:?}").contains(part), "{connections:?}"),
            (Err(problems), Err(pointer)) => assert_eq!(problems[0].pointer, pointer),
            (was, expected) => panic!("{was:?} {expected:?}"),
        }
    }
    let schema: Value = serde_json::from_str(&describe::<Email>().options_schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut options = smtp(true);
    options["MailServerConfig"]["UserName"] = "".into();
    options["MailServerConfig"]["Password"] = "".into();
    assert!(schema.is_valid(&options));
}

#[test]
fn an_email_has_both_forms_of_the_text() {
    let upstream = Upstream::new().mail(Ok("2.0.0 queued as 1"));
    let receipt = deliver::<Email>(&smtp(false), &message("a@example.com")).unwrap();
    assert_eq!(receipt.reference, "2.0.0 queued as 1");
    let mail = &upstream.mails()[0];
    assert_eq!((mail.sender.address.as_str(), mail.sender.name.as_str()), ("codes@example.com", "Example"));
    assert_eq!((mail.recipient.as_str(), mail.html.is_some()), ("a@example.com", true));
}

#[test]
fn each_reply_of_a_mail_server_means_the_right_failure() {
    for (stage, code, expected) in [
        (Stage::Authentication, 530, "misconfigured"),
        (Stage::Authentication, 534, "misconfigured"),
        (Stage::Authentication, 535, "misconfigured"),
        (Stage::Authentication, 538, "misconfigured"),
        (Stage::Authentication, 454, "retry-later"),
        (Stage::Greeting, 421, "retry-later"),
        (Stage::Greeting, 554, "misconfigured"),
        (Stage::Sender, 451, "retry-later"),
        (Stage::Sender, 550, "misconfigured"),
        (Stage::Recipient, 450, "retry-later"),
        (Stage::Recipient, 550, "rejected"),
        (Stage::Recipient, 551, "rejected"),
        (Stage::Recipient, 553, "rejected"),
        (Stage::Data, 452, "retry-later"),
        (Stage::Data, 552, "rejected"),
        (Stage::Data, 554, "rejected"),
    ] {
        let refusal = Refusal { stage, code, enhanced: String::new() };
        let _upstream = Upstream::new().mail(Err(MailError::Refused(refusal)));
        let failure = deliver::<Email>(&smtp(false), &message("a@example.com")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{code} to {stage:?}");
    }
}

#[test]
fn the_hosts_result_of_an_email_keeps_its_meaning() {
    for (error, expected) in [
        (MailError::Invalid(String::new()), "rejected"),
        (MailError::Denied(String::new()), "misconfigured"),
        (MailError::NotSent(String::new()), "retry-later"),
        (MailError::OutcomeUnknown(String::new()), "outcome-unknown"),
    ] {
        let _upstream = Upstream::new().mail(Err(error));
        assert_eq!(failure_name(&deliver::<Email>(&smtp(false), &message("a@example.com")).unwrap_err()), expected);
    }
}

#[test]
fn graph_is_asked_as_microsoft_documents_it() {
    let upstream = Upstream::new().responds(202, &[("request-id", "r1")], "");
    assert_eq!(deliver::<Email>(&m365(false), &message("a@example.com")).unwrap().reference, "r1");
    let request = &upstream.requests()[0];
    assert_eq!(request.url, "https://graph.microsoft.com/v1.0/users/u/sendMail");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["saveToSentItems"], false);
    assert_eq!(body["message"]["toRecipients"], json!([{"emailAddress": {"address": "a@example.com"}}]));
    assert_eq!(body["message"]["body"]["contentType"], "HTML");
}

#[test]
fn graph_is_authenticated_with_client_credentials() {
    let connections = format!("{:?}", configure::<Email>(&m365(true)).unwrap());
    for part in [
        "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
        "https://graph.microsoft.com/.default",
        "\"https://graph.microsoft.com\"",
    ] {
        assert!(connections.contains(part), "{connections}");
    }
}

#[test]
fn each_response_of_graph_means_the_right_failure() {
    for (status, code, expected) in [
        (429, "ApplicationThrottled", "retry-later"),
        (400, "ErrorInvalidRecipients", "rejected"),
        (403, "ErrorAccessDenied", "misconfigured"),
        (403, "ErrorSendAsDenied", "misconfigured"),
        (404, "ErrorInvalidUser", "misconfigured"),
        (404, "ResourceNotFound", "misconfigured"),
        (401, "InvalidAuthenticationToken", "misconfigured"),
        (400, "ErrorSomethingNew", "rejected"),
        (500, "InternalServerError", "outcome-unknown"),
        (503, "ServiceUnavailable", "outcome-unknown"),
        (403, "ErrorMessageSubmissionBlocked", "retry-later"),
        (403, "ErrorExceededMessageLimit", "retry-later"),
        (403, "ErrorQuotaExceeded", "retry-later"),
        (500, "ErrorQuotaExceeded", "outcome-unknown"),
        (200, "x", "outcome-unknown"),
    ] {
        let body = json!({"error": {"code": code, "message": "m", "innerError": {}}}).to_string();
        let _upstream = Upstream::new().responds(status, &[], &body);
        let failure = deliver::<Email>(&m365(false), &message("a@example.com")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{status} {code}");
    }
    // With a time to wait it is throttling.
    let _upstream = Upstream::new().responds(503, &[("retry-after", "7")], "{}");
    let failure = deliver::<Email>(&m365(false), &message("a@example.com")).unwrap_err();
    assert!(matches!(failure, Failure::RetryLater(Retry { after_seconds: Some(7), .. })), "{failure:?}");
    let _upstream = Upstream::new().fails(HttpError::Unauthenticated("AADSTS".to_owned()));
    assert_eq!(failure_name(&deliver::<Email>(&m365(false), &message("a@example.com")).unwrap_err()), "misconfigured");
}

#[test]
fn a_reason_repeats_nothing_of_a_malformed_error_code() {
    let body = json!({"error": {"code": "to ann@example.org"}}).to_string();
    let _upstream = Upstream::new().responds(400, &[], &body);
    let failure = deliver::<Email>(&m365(false), &message("ann@example.org")).unwrap_err();
    assert!(!format!("{failure:?}").contains("ann"), "{failure:?}");
}

#[test]
fn options_that_would_escape_their_part_of_a_url_are_refused() {
    for (name, value) in [
        ("TenantId", "a/b"),
        ("TenantId", "a?b"),
        ("TenantId", ".."),
        ("UserId", "../x"),
        ("UserId", "a%2fb"),
        ("UserId", ".."),
        ("UserId", ""),
    ] {
        let mut options = m365(true);
        options["MailServerConfig"][name] = value.into();
        let problems = configure::<Email>(&options).unwrap_err();
        assert_eq!(problems[0].pointer, format!("/MailServerConfig/{name}"));
    }
}

#[test]
fn both_samples_of_the_documentation_satisfy_the_schema_to_the_letter() {
    let smtp = r#"{"MailType": "SMTP", "Host": "<smtp-host-address>", "Port": 465, "EnableSSL": true,
        "UserName": "<smtp-username>", "Password": "<smtp-password>", "Timeout": 20000}"#;
    let m365 = r#"{"MailType": "M365", "ClientId": "<aad-app-clientid>", "ClientSecret": "<aad-app-clientsecret>",
        "TenantId": "<aad-app-tenantid>", "UserId": "<aad-user-objectid>"}"#;
    let schema: Value = serde_json::from_str(&describe::<Email>().options_schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for sample in [smtp, m365] {
        let mut server: Value = serde_json::from_str(sample).unwrap();
        let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
        assert!(schema.is_valid(&options), "{:?}", schema.iter_errors(&options).collect::<Vec<_>>());
        server["MailType"] = "Pigeon".into();
        assert!(!schema.is_valid(&json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server})));
    }
}

#[test]
fn the_client_secret_of_microsoft_365_is_required() {
    let schema: Value = serde_json::from_str(&describe::<Email>().options_schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    assert!(schema.is_valid(&m365(true)));
    assert!(!schema.is_valid(&m365(false)));
}

#[test]
fn a_receipt_does_not_repeat_an_address_of_the_server() {
    let _upstream = Upstream::new().mail(Ok("2.0.0 <a@example.com> queued as 1"));
    let receipt = deliver::<Email>(&smtp(false), &message("a@example.com")).unwrap();
    assert_eq!(receipt.reference, "2.0.0 queued as 1");
}
