//! A server whose messages are those of a test.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::super::session::Session;
use super::super::values::values;
use super::*;

/// Returns a message of the protocol.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

/// Connects to a server that answers each statement with these bytes.
async fn answering(answer: Vec<u8>) -> Session {
    let (near, mut far) = duplex(65536);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        let length = far.read(&mut buffer).await.unwrap();
        assert!(length > 0);
        let greeting = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
        far.write_all(&greeting).await.unwrap();
        while far.read(&mut buffer).await.is_ok_and(|length| length > 0) {
            far.write_all(&answer).await.unwrap();
        }
    });
    let mut config = tokio_postgres::Config::new();
    config.user("me").ssl_mode(tokio_postgres::config::SslMode::Disable);
    let (client, connection) = config.connect_raw::<DuplexStream, _>(near, tokio_postgres::NoTls).await.unwrap();
    let session = Session::new(client, connection);
    session.begin(StoreErrorKind::OutcomeUnknown);
    session
}

/// Returns the messages of a statement that changed one row, with a notice before its end.
fn changed_one(notice: &[u8]) -> Vec<u8> {
    let (parsed, bound, no_data) = (message(b'1', b""), message(b'2', b""), message(b'n', b""));
    [
        parsed,
        message(b't', &[0, 0]),
        no_data,
        bound,
        message(b'N', notice),
        message(b'C', b"UPDATE 1\0"),
        message(b'Z', b"I"),
    ]
    .concat()
}

#[tokio::test]
async fn a_warning_in_any_language_makes_the_outcome_unknown() {
    for (severity, is_doubtful) in [("SWARNUNG\0VWARNING\0", true), ("SHINWEIS\0VNOTICE\0", false)] {
        let notice = format!("{severity}C01000\0Mwarte nicht mehr auf die synchrone Replikation\0\0");
        let session = answering(changed_one(notice.as_bytes())).await;
        let result = session.execute("UPDATE it SET x = 1", values![]).await;
        if is_doubtful {
            assert_eq!(result.unwrap_err().kind(), StoreErrorKind::OutcomeUnknown);
        } else {
            assert_eq!(result.unwrap(), 1);
        }
        assert_eq!(session.is_sound(), !is_doubtful);
    }
}

#[tokio::test]
async fn after_a_message_that_cannot_be_understood_the_outcome_is_unknown_and_the_connection_unused() {
    // A message of another exchange, one that is malformed, and one of an unknown kind.
    for answer in [message(b'R', &[0; 4]), message(b'C', b"no end"), message(b'?', b"")] {
        let session = answering(answer).await;
        let error = session.execute("UPDATE it SET x = 1", values![]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
        assert!(!session.is_sound());
    }
}
