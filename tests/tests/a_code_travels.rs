//! Real components deliver codes to a substitute on loopback; the engine verifies them.
//!
//! The substitute responds as Twilio and eCall document, and the test checks the path and the
//! authentication.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::http_requests;

const SID: &str = "AC0123456789abcdef0123456789abcdef";

/// One request as it came over the wire.
type Requests = Arc<Mutex<Vec<String>>>;

async fn upstream(answer: &'static str) -> (std::net::SocketAddr, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Requests::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                while let Some((head, body)) = http_requests::Requests(&mut stream).next().await {
                    seen.lock().unwrap().push(format!("{head}\r\n\r\n{body}"));
                    let reply = format!(
                        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
                        answer.len()
                    );
                    stream.write_all(reply.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, requests)
}

async fn engine(origin: &str, address: std::net::SocketAddr, instance: NewInstance) -> TwoFactor {
    let network = Network::builder().override_endpoint(origin, address).build().unwrap();
    let engine = compiled::builder().network(network).bundled_providers().build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("demo", "Demo").await.unwrap();
    let instance = admin.create_instance("demo", instance).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("demo", &instance.id, vec![Assignment::tenant("demo")]).await.unwrap();
    engine
}

fn start() -> NewChallenge {
    NewChallenge::new(SignIn::new("demo").tenant("demo").user("alice")).phone("+41791234567")
}

fn code_in(request: &str) -> String {
    let mut digits = request.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 6);
    digits.next_back().unwrap().to_owned()
}

#[tokio::test]
async fn through_twilio_and_is_accepted_once() {
    let (address, requests) = upstream(r#"{"sid":"SM1","status":"queued","error_code":null,"num_segments":"1"}"#).await;
    let options =
        json!({"TwilioAccountSid": SID, "TwilioAuthToken": "secret-token", "TwilioSmsFromNumber": "+15005550006"});
    let engine = engine("https://api.twilio.com", address, NewInstance::new("twilio", "SMS", options)).await;

    let challenge = engine.start(start()).await.unwrap();
    let request = requests.lock().unwrap()[0].clone();
    assert!(request.starts_with(&format!("POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1\r\n")), "{request}");
    // Basic AC0123…:secret-token, attached by the host.
    assert!(
        request.contains("authorization: Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpzZWNyZXQtdG9rZW4="),
        "{request}"
    );
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let text = body.split('&').find(|field| field.starts_with("Body=")).unwrap();
    let code = code_in(text);

    let verified = engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap();
    assert_eq!((verified.user.as_deref(), verified.amr), (Some("alice"), vec!["otp".to_owned(), "sms".to_owned()]));
    assert!(engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn through_ecall_and_is_accepted_once() {
    let (address, requests) = upstream(r#"{"messageId":"4711"}"#).await;
    let options =
        json!({"ECallAccountName": "account", "ECallAccountPassword": "secret", "ECallAccountFromNumber": "Example"});
    let engine = engine("https://rest.ecall.ch", address, NewInstance::new("ecall", "SMS", options)).await;

    let challenge = engine.start(start()).await.unwrap();
    let request = requests.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /api/message HTTP/1.1\r\n"), "{request}");
    let body: serde_json::Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let code = code_in(body["content"]["text"].as_str().unwrap());
    engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap();
    assert!(engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn and_five_wrong_answers_close_its_challenge_however_many_come_at_once() {
    let (address, requests) = upstream(r#"{"messageId":"4711"}"#).await;
    let options =
        json!({"ECallAccountName": "account", "ECallAccountPassword": "secret", "ECallAccountFromNumber": "Example"});
    let engine = engine("https://rest.ecall.ch", address, NewInstance::new("ecall", "SMS", options)).await;
    let challenge = engine.start(start()).await.unwrap();
    let request = requests.lock().unwrap()[0].clone();
    let body: serde_json::Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let code = code_in(body["content"]["text"].as_str().unwrap());
    let wrong = if code == "000000" { "000001" } else { "000000" };

    let guesses: Vec<_> = (0..1000)
        .map(|_| {
            let (engine, id) = (engine.clone(), challenge.id.clone());
            tokio::spawn(async move { engine.verify("demo", Answer::new(&id, wrong)).await.unwrap_err() })
        })
        .collect();
    let mut evaluated = 0;
    for guess in guesses {
        evaluated += usize::from(guess.await.unwrap().is_code_rejected());
    }
    assert_eq!(evaluated, 5);
    assert!(engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
}
