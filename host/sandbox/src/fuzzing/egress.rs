//! What upstreams and mail servers send, and how destinations are written.

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::egress::{
    Authentication, Destination, GrantedConnection, Origin, Replies, ReportJwt, ReportProof, ReportRequest,
    ReportVerifier, Secret, authentication::JwtAlgorithm, retry_after_seconds,
};

/// A destination, a connection, an authentication or an origin.
pub(super) fn destination(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(destination) = text.parse::<Destination>() {
        assert_eq!(destination.to_string().parse(), Ok(destination));
    }
    if let Ok(connection) = text.parse::<GrantedConnection>() {
        assert_eq!(connection.to_string().parse(), Ok(connection));
    }
    if let Ok(authentication) = text.parse::<Authentication>() {
        assert_eq!(authentication.to_string().parse(), Ok(authentication));
    }
    match Origin::of_url(&text) {
        Ok((origin, url)) => {
            assert_eq!(Origin::parse(&origin.to_string()), Ok(origin.clone()));
            assert_eq!((url.host_str(), url.port_or_known_default()), (Some(origin.host()), Some(origin.port())));
            assert!(url.username().is_empty() && url.password().is_none());
        }
        Err(error) => assert!(!error.contains(char::is_control), "{error:?}"),
    }
}

/// A delivery report: its URL, its headers in lines, an empty line, and its body.
pub(super) fn report_signature(input: &[u8]) {
    let (head, body) = super::halves(input);
    let mut lines = head.split(|byte| *byte == b'\n');
    let url = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut headers = HeaderMap::new();
    for line in lines.take(20) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii())) {
            headers.append(name, value);
        }
    }
    let report = ReportRequest { method: "POST", query: "", headers: &headers, body };
    let [one, other] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
    // The time of the seeds.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_614_265_330);
    let token = |secret| {
        ReportProof::Jwt(ReportJwt {
            algorithm: JwtAlgorithm::Hs256,
            key: secret,
            header: "authorization".to_owned(),
            claims: Vec::new(),
            body_hash_claim: String::new(),
        })
    };
    let twilio = ["12345", "54321"].map(|secret| ReportProof::Twilio(Secret::new(secret)));
    let webhook = [one, other].map(|secret| ReportProof::Webhook(Secret::new(secret)));
    let tokens = ["12345", "54321"].map(|secret| token(Secret::new(secret)));
    let is_proved = |proof: &ReportProof| {
        ReportVerifier::new(proof).is_ok_and(|verifier| verifier.verify(&url, &report, now).is_ok())
    };
    for two in [twilio, webhook, tokens] {
        assert!(!two.iter().all(is_proved), "it is proved with two secrets");
    }
}

/// The value of `Retry-After`.
pub(super) fn retry_after(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
    let now = Timestamp::from_second(784_111_777).unwrap_or_default();
    let seconds = retry_after_seconds(&headers, now);
    let later = Timestamp::from_second(784_111_778).unwrap_or_default();
    if let (Some(seconds), Some(later)) = (seconds, retry_after_seconds(&headers, later)) {
        assert!(later <= seconds, "the time to wait grows");
    }
}

/// All that a mail server says in one connection.
pub(super) fn smtp_replies(input: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    runtime.block_on(async {
        let mut passed = Vec::new();
        let _ = said(input).await.read_to_end(&mut passed).await;
        for line in passed.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\r\n");
            let is_reply = text.is_some_and(|text| match text {
                [b'2'..=b'5', second, third, b' ' | b'-', text @ ..] => {
                    let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
                    second.is_ascii_digit() && third.is_ascii_digit() && !text.is_empty() && text.iter().all(is_text)
                }
                _ => false,
            });
            assert!(is_reply, "not a reply: {}", line.escape_ascii());
        }
        let greeted = said(&[b"220 example.com\r\n", input].concat()).await;
        let hello = ClientId::Domain("example.com".to_owned());
        let _ = AsyncSmtpConnection::connect_with_transport(Box::new(greeted.or_helo(&hello)), &hello).await;
    });
}

/// A connection to a server that says this and closes it.
async fn said(bytes: &[u8]) -> Replies<DuplexStream> {
    let (mut server, client) = duplex(bytes.len().max(1));
    let _ = server.write_all(bytes).await;
    Replies::new(client)
}
