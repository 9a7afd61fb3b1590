//! Each outcome of an upstream, as an application and as an administrator see it through the REST API.
//!
//! The upstreams are ours: they answer as the vendors document, whatever they are sent.

use std::sync::{Arc, Mutex};

use crate::scripted;
use scripted::Class::{
    Blocked, Delivered, Misconfigured, OutcomeUnknown, RejectedMessage, RejectedRecipient, RetryLater,
};
use scripted::{Bench, Class, Scripted};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail server that refuses at one stage: at `greeting`, or at the command that begins so; `dot` is the end of the mail.
#[derive(Clone, Default)]
struct MailServer(Arc<Mutex<(&'static str, String)>>);

impl MailServer {
    fn refuses(&self, stage: &'static str, reply: &str) {
        *self.0.lock().unwrap() = (stage, format!("{reply}\r\n"));
    }

    async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.converse(stream).await });
            }
        });
        address
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let reply = |here: &str, usual: &'static str| {
            let (stage, refusal) = self.0.lock().unwrap().clone();
            if here == stage { refusal } else { usual.to_owned() }
        };
        let mut stream = BufReader::new(stream);
        stream.write_all(reply("greeting", "220 ours\r\n").as_bytes()).await?;
        let (mut line, mut in_mail) = (String::new(), false);
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let answer = match (in_mail, line.get(..4).unwrap_or(&line)) {
                (true, ".\r\n") => {
                    in_mail = false;
                    reply("dot", "250 2.0.0 queued\r\n")
                }
                (true, _) => continue,
                (false, "EHLO") => "250-ours\r\n250 AUTH PLAIN\r\n".to_owned(),
                (false, "DATA") => {
                    let answer = reply("DATA", "354 go on\r\n");
                    in_mail = answer.starts_with("354");
                    answer
                }
                (false, verb) => {
                    reply(verb, "250 ok\r\n").replace("250 ok", if verb == "AUTH" { "235 ok" } else { "250 ok" })
                }
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

#[tokio::test]
async fn each_response_of_twilio_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    let mut bench = Bench::new(folder.path(), &http.listen().await, "127.0.0.1:1", "twilio", options).await;
    let rows: &[(&[u32], Class)] = &[
        (&[20003, 20403, 20404, 21212, 21601, 21603, 21606, 21608, 21659, 21660, 21661, 21408], Misconfigured),
        (&[21211, 21604, 21610, 21612, 21614, 30004, 30005, 30006], RejectedRecipient),
        (&[21617, 30007], RejectedMessage),
        (&[20429, 21611, 30001, 30003, 30008], RetryLater(None)),
        (&[30450, 60605], Blocked),
    ];
    for (codes, class) in rows {
        for code in *codes {
            http.answers(400, &[], &json!({"code": code, "message": "m", "details": null, "status": 400}));
            bench.shows(&format!("{code}"), *class).await;
        }
    }
    http.answers(429, &[("retry-after", "7")], &json!({"code": 20429}));
    bench.shows("429", RetryLater(Some(7))).await;
    http.answers(500, &[], &json!({}));
    bench.shows("500", OutcomeUnknown).await;
    http.answers(302, &[("location", "https://api.twilio.com/elsewhere")], &json!({}));
    bench.shows("302", Misconfigured).await;
    http.answers(201, &[], &json!({"sid": "SM1", "status": "queued", "error_code": 30450}));
    bench.shows("201 with an error", Blocked).await;
    http.answers(201, &[], &json!({"sid": "SM1", "status": "queued", "error_code": null}));
    bench.shows("201", Delivered).await;
}

#[tokio::test]
async fn each_response_of_ecall_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let options = json!({"ECallAccountName": "a", "ECallAccountPassword": "p", "ECallAccountFromNumber": "Shop"});
    let mut bench = Bench::new(folder.path(), &http.listen().await, "127.0.0.1:1", "ecall", options).await;
    let rows: &[(&[u32], Class)] = &[
        (&[11001, 11300, 11301, 11303, 11400, 11401, 11402, 11800], Misconfigured),
        (&[11100, 11102, 11105], RejectedRecipient),
        (&[11200, 11201, 11204], RejectedMessage),
        (&[11403], RetryLater(None)),
    ];
    for (codes, class) in rows {
        for code in *codes {
            http.answers(400, &[], &json!({"errorCode": code, "errorMessage": "m"}));
            bench.shows(&format!("{code}"), *class).await;
        }
    }
    let parameters = [("To", RejectedRecipient), ("From", Misconfigured), ("Content.Text", RejectedMessage)];
    for (parameter, class) in parameters {
        let details = json!({"errors": [{"parameter": parameter, "messages": ["m"]}]});
        http.answers(400, &[], &json!({"errorCode": "InvalidContent", "errorMessage": "m", "errorDetails": details}));
        bench.shows(parameter, class).await;
    }
    for (status, class) in [(401, Misconfigured), (403, Misconfigured), (503, OutcomeUnknown)] {
        http.answers(status, &[], &json!({}));
        bench.shows(&format!("{status}"), class).await;
    }
    http.answers(429, &[("retry-after", "9")], &json!({}));
    bench.shows("429", RetryLater(Some(9))).await;
    for code in [0, 11912] {
        http.answers(200, &[], &json!({"errorCode": code}));
        bench.shows(&format!("{code}"), Delivered).await;
    }
    http.answers(200, &[], &json!({"messageId": "m1"}));
    bench.shows("200", Delivered).await;
}

#[tokio::test]
async fn each_response_of_graph_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let server = json!({"MailType": "M365", "ClientId": "c", "ClientSecret": "s",
        "TenantId": "11111111-2222-3333-4444-555555555555", "UserId": "u"});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let mut bench = Bench::new(folder.path(), &http.listen().await, "127.0.0.1:1", "email", options).await;
    for (status, code, class) in [
        (400, "ErrorInvalidRecipients", RejectedRecipient),
        (400, "ErrorMessageSizeExceeded", RejectedMessage),
        (403, "ErrorAccessDenied", Misconfigured),
        (403, "ErrorSendAsDenied", Misconfigured),
        (404, "ErrorInvalidUser", Misconfigured),
        (404, "ResourceNotFound", Misconfigured),
        (401, "InvalidAuthenticationToken", Misconfigured),
        (400, "ErrorSomethingNew", RejectedMessage),
        (500, "InternalServerError", OutcomeUnknown),
        (503, "ServiceUnavailable", OutcomeUnknown),
    ] {
        http.answers(status, &[], &json!({"error": {"code": code, "message": "m", "innerError": {}}}));
        bench.shows(code, class).await;
    }
    let throttled = json!({"error": {"code": "ApplicationThrottled", "message": "m"}});
    http.answers(429, &[("retry-after", "30")], &throttled);
    bench.shows("429", RetryLater(Some(30))).await;
    http.answers(202, &[("request-id", "r1")], &json!({}));
    bench.shows("202", Delivered).await;
}

#[tokio::test]
async fn each_reply_of_a_mail_server_means_the_right_failure() {
    let (folder, mail) = (tempfile::tempdir().unwrap(), MailServer::default());
    let server = json!({"MailType": "SMTP", "Host": "mail.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "u", "Password": "p", "Timeout": 20000});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let mut bench = Bench::new(folder.path(), "127.0.0.1:1", &mail.listen().await, "email", options).await;
    for (stage, reply, class) in [
        ("AUTH", "530 5.7.0 must authenticate", Misconfigured),
        ("AUTH", "534 5.7.9 mechanism too weak", Misconfigured),
        ("AUTH", "535 5.7.8 wrong", Misconfigured),
        ("AUTH", "538 5.7.11 encryption required", Misconfigured),
        ("AUTH", "454 4.7.0 not now", RetryLater(None)),
        ("greeting", "421 busy", RetryLater(None)),
        // RFC 5321 section 3.1: this server accepts no mail at all; the refusal is not about this
        // one.
        ("greeting", "554 no SMTP service here", Misconfigured),
        ("MAIL", "451 4.3.0 not now", RetryLater(None)),
        ("MAIL", "550 5.7.1 not you", Misconfigured),
        ("RCPT", "450 4.2.1 not now", RetryLater(None)),
        ("RCPT", "550 5.1.1 unknown", RejectedRecipient),
        ("RCPT", "551 5.1.6 moved", RejectedRecipient),
        ("RCPT", "553 5.1.3 no", RejectedRecipient),
        ("DATA", "451 4.3.0 not now", RetryLater(None)),
        ("DATA", "554 5.6.0 no", RejectedMessage),
        ("dot", "452 4.3.1 full", RetryLater(None)),
        ("dot", "552 5.3.4 too big", RejectedMessage),
        ("dot", "554 5.7.1 spam", RejectedMessage),
        ("none", "", Delivered),
    ] {
        mail.refuses(stage, reply);
        bench.shows(&format!("{stage} {reply}"), class).await;
    }
}
