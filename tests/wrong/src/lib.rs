//! A provider that posts JSON to `https://upstream.example.com`, and is wrong in the one way that its own data names.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only a component exports anything"))]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use twofactor_provider::bindings::exports::twofactor::provider::configuration;
use twofactor_provider::bindings::twofactor::provider::types::{
    Connection, Credentials, DeliveryFailure, Entry, HmacHash, HmacKey, HttpAuthentication, HttpConnection,
    HttpSetting, JwtAlgorithm, JwtKey, KeyEncoding, LoginFormat, Manifest, Message, Oauth2Client,
    Oauth2ClientAuthentication, Oauth2Grant, Problem, Reason, Receipt, RecipientKind, RejectedPart, Rejection,
    RequestSignature, Retry, SecretEntry, SignedJwt, SmtpConnection, SmtpSecurity, TokenLogin, TokenPlace,
};
use twofactor_provider::bindings::twofactor::provider::{http, smtp};
use twofactor_provider::delivery_bindings::exports::twofactor::provider::delivery;
use twofactor_provider::report_bindings::exports::twofactor::provider::reports;

/// Tests write the name of a fault in here.
static FAULT: [u8; 48] = *b"twofactor-fault:none                            ";

fn fault() -> &'static str {
    let bytes: &'static [u8; 48] = black_box(&FAULT);
    std::str::from_utf8(&bytes[16..]).unwrap_or_default().trim_end()
}

/// Tests write an options schema in here, to be described in place of the usual one.
static SCHEMA: [u8; 96 << 10] = room();

const SCHEMA_MARK: &[u8] = b"twofactor-schema:";

const fn room() -> [u8; 96 << 10] {
    let mut room = [b' '; 96 << 10];
    let mut at = 0;
    while at < SCHEMA_MARK.len() {
        room[at] = SCHEMA_MARK[at];
        at += 1;
    }
    room
}

fn written_schema() -> &'static str {
    let bytes: &'static [u8; 96 << 10] = black_box(&SCHEMA);
    std::str::from_utf8(&bytes[SCHEMA_MARK.len()..]).unwrap_or_default().trim_end()
}

struct Wrong;

impl configuration::Guest for Wrong {
    fn describe() -> Manifest {
        let mut manifest = Manifest {
            type_id: "wrong".to_owned(),
            name: "Wrong in one way".to_owned(),
            version: "1.0.0".to_owned(),
            channel: "sms".to_owned(),
            recipient: RecipientKind::PhoneNumber,
            options_schema: String::new(),
            needs_code: false,
            extra: Vec::new(),
        };
        let mut schema = json!({
            "type": "object", "additionalProperties": false, "required": ["Sender", "Key"],
            "properties": {
                "Sender": {"type": "string", "description": "Whom a message is from.", "default": "Shop"},
                "Key": {"type": "string", "title": "Key", "writeOnly": true},
                "Parts": {"type": "integer", "description": "The most parts of a message."}
            },
            "examples": [{"Sender": "Shop", "Key": "k3y-canary", "Parts": 2}]
        });
        match fault() {
            "type-id in capitals" => manifest.type_id = "Wrong".to_owned(),
            "no type-id" => manifest.type_id.clear(),
            "a long type-id" => manifest.type_id = "w".repeat(33),
            "a channel with a space" => manifest.channel = "text message".to_owned(),
            "no channel" => manifest.channel.clear(),
            "no name" => manifest.name.clear(),
            "a name of two lines" => manifest.name = "Wrong\nindeed".to_owned(),
            "a long name" => manifest.name = "w".repeat(101),
            "no version" => manifest.version.clear(),
            "a version with a letter" => manifest.version = "v1.0.0".to_owned(),
            "a version of two numbers" => manifest.version = "1.0".to_owned(),
            // Not wrong: it reaches other recipients.
            "its recipients are handles" => manifest.recipient = RecipientKind::Handle,
            fault if fault.starts_with("its mail ") => {
                manifest.recipient = RecipientKind::EmailAddress;
                manifest.needs_code = fault == "its mail does not need the code";
            }
            // Not wrong: it replaces `tests/verifying`, with the same options.
            "its type is verifying" => {
                manifest.type_id = "verifying".to_owned();
                schema = json!({"type": "object", "additionalProperties": false,
                    "properties": {"Behaviour": {"type": "string", "title": "Behaviour"}}});
            }
            // Not wrong by itself: each of two options requires the other.
            "two options lead elsewhere" => {
                schema["properties"]["Cloud"] = json!({"type": "string", "title": "Cloud"});
                schema["properties"]["Host"] = json!({"type": "string", "title": "Host"});
                schema["dependentRequired"] = json!({"Cloud": ["Host"], "Host": ["Cloud"]});
            }
            // Not wrong by itself, but a change that an upgrade must show.
            "its key is open" => schema["properties"]["Key"] = json!({"type": "string", "title": "Key"}),
            "it requires one more" => {
                schema["properties"]["More"] = json!({"type": "string", "title": "More"});
                schema["required"] = json!(["Sender", "Key", "More"]);
            }
            // Not wrong: another version of it.
            fault if fault.starts_with("version ") => manifest.version = fault["version ".len()..].to_owned(),
            "an option without words" => schema["properties"]["Parts"] = json!({"type": "integer"}),
            "a secret that is not marked" => {
                schema["properties"]["AccessToken"] = json!({"type": "string", "title": "Access token"});
            }
            "a Pwd that is open" => schema["properties"]["SmtpPwd"] = json!({"type": "string", "title": "Pwd"}),
            "a Pin that is open" => schema["properties"]["AccountPin"] = json!({"type": "string", "title": "Pin"}),
            "a Kennwort that is open" => schema["properties"]["Kennwort"] = json!({"type": "string", "title": "Wort"}),
            "an AuthKey that is open" => schema["properties"]["AuthKey"] = json!({"type": "string", "title": "Key"}),
            "a password by its format" => {
                schema["properties"]["Word"] = json!({"type": "string", "title": "Word", "format": "password"});
            }
            "a default for its secret" => schema["properties"]["Key"]["default"] = json!("s3cret-of-all"),
            "an option under then" => {
                schema["if"] = json!({"required": ["Parts"]});
                schema["then"] = json!({"properties": {"Region": {"type": "string", "title": "Region"}}});
                schema["additionalProperties"] = json!(true);
            }
            "an option by a dependent schema" => {
                schema["dependentSchemas"] =
                    json!({"Parts": {"properties": {"Region": {"type": "string", "title": "Region"}}}});
                schema["additionalProperties"] = json!(true);
            }
            "options by a pattern" => {
                schema["patternProperties"] = json!({"^X-": {"type": "string", "title": "Header"}});
            }
            fault if fault.starts_with("placed: ") => {
                let parts = match fault {
                    "placed: too many parts" => json!(["body", "query"]),
                    "placed: in the host" => json!(["host"]),
                    _ => json!(["body"]),
                };
                schema["properties"]["Token"] = json!({"type": "string", "title": "Token", "writeOnly": true,
                    "x-twofactor-placement": parts});
                schema["examples"][0]["Token"] = json!("t0ken-canary-of-placing");
                match fault {
                    "placed: an open option" => schema["properties"]["Token"]["writeOnly"] = json!(false),
                    "placed: and revealed" => schema["properties"]["Token"]["x-twofactor-revealed"] = json!(true),
                    "placed: no text" => schema["properties"]["Token"]["type"] = json!("integer"),
                    _ => {}
                }
            }
            "revealed: sent as it is" | "revealed: computed with" | "revealed: told" => {
                schema["properties"]["Token"] = json!({"type": "string", "title": "Token", "writeOnly": true,
                    "x-twofactor-revealed": true});
                schema["examples"][0]["Token"] = json!("t0ken-canary-of-placing");
            }
            "no examples" => {
                schema.as_object_mut().map(|schema| schema.remove("examples"));
            }
            "it reads the code for nothing" => manifest.needs_code = true,
            "the type of another" => manifest.type_id = "twilio".to_owned(),
            "the type of a factor" => manifest.type_id = "totp".to_owned(),
            "a default that does not fit" => schema["properties"]["Sender"]["default"] = json!(7),
            "a schema that takes anything" => schema["additionalProperties"] = json!(true),
            "a schema of an array" => schema["type"] = json!("array"),
            "a schema that is none" => schema["properties"]["Parts"]["type"] = json!("nonsense"),
            "a long schema" => schema["description"] = json!("x".repeat(300 << 10)),
            "describe breaks off" => std::process::abort(),
            "describe never ends" => forever(),
            "describe takes all memory" => take_all_memory(),
            _ => {}
        }
        manifest.options_schema = schema.to_string();
        if !written_schema().is_empty() {
            manifest.options_schema = written_schema().to_owned();
        }
        if fault() == "a schema that is no JSON" {
            manifest.options_schema.push('}');
        }
        manifest
    }

    fn configure(options: String) -> Result<Vec<Connection>, Vec<Problem>> {
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let text = |name: &str| options[name].as_str().unwrap_or_default().to_owned();
        let problem = |pointer: &str, message: String| Err(vec![Problem { pointer: pointer.to_owned(), message }]);
        let (mut sender, key) = (text("Sender"), text("Key"));
        if fault() == "its type is verifying" {
            sender = "Shop".to_owned();
        }
        let mut origins = vec!["https://upstream.example.com".to_owned()];
        match fault() {
            "configure refuses what is right" => return problem("/Sender", "is not liked".to_owned()),
            "configure breaks off at nothing" if sender.is_empty() => std::process::abort(),
            "configure breaks off at length" if sender.len() > 1000 => std::process::abort(),
            "configure never ends" if sender == "x" => forever(),
            "configure throws dice" => {
                origins = vec![format!("https://u{}.example.com", RandomState::new().build_hasher().finish())];
            }
            "configure by the date" => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_secs()).unwrap_or_default();
                origins = vec![format!("https://t{now}.example.com")];
            }
            // Not wrong by itself.
            "its sender is its upstream" => origins = vec![format!("https://{sender}.example.com")],
            "two options lead elsewhere" if !text("Host").is_empty() => {
                origins = vec![format!("https://{}.example.com", text("Host"))];
            }
            "a problem of no option" if sender.is_empty() => return problem("/From", "must not be empty".to_owned()),
            "a problem that is no pointer" if sender.is_empty() => return problem("Sender", "is empty".to_owned()),
            "a problem without a sentence" if sender.is_empty() => return problem("/Sender", String::new()),
            "a problem that tells a secret" if sender.is_empty() => {
                return problem("/Key", format!("{key} cannot be right"));
            }
            // Not wrong by itself.
            "it goes elsewhere" => origins = vec!["https://elsewhere.example.com".to_owned()],
            "placed: elsewhere" => origins.push("https://second.example.com".to_owned()),
            "an origin twice" => origins.push(origins[0].clone()),
            "an origin without TLS" => origins = vec!["http://10.0.0.1".to_owned()],
            "an address for an origin" => origins = vec!["https://192.0.2.1".to_owned()],
            "an origin with a path" => origins[0].push_str("/messages"),
            "too many origins" => origins = (0..9).map(|n| format!("https://u{n}.example.com")).collect(),
            _ => {}
        }
        if sender.is_empty() {
            return problem("/Sender", "must not be empty".to_owned());
        }
        let basic = |credentials: &str| {
            let value = format!("Basic {credentials}");
            HttpAuthentication::Header(SecretEntry { name: "authorization".to_owned(), value })
        };
        let connection = |origin| {
            let authentication = match fault() {
                "a host for a header" => {
                    HttpAuthentication::Header(SecretEntry { name: "Host".to_owned(), value: key.clone() })
                }
                fault if fault.contains("signature's") || fault.starts_with("a signature: ") => {
                    HttpAuthentication::Signature(signature(&key))
                }
                fault if fault.starts_with("a token: ") => HttpAuthentication::Jwt(token(&key)),
                fault if fault.starts_with("a login: ") => HttpAuthentication::Login(login(&key)),
                fault if fault.starts_with("a client: ") => HttpAuthentication::Oauth2(client(&key)),
                "placed: also in base64" => basic(&base64(&text("Token"))),
                // It knows the texts that it is shown in place of the secret.
                "placed: also, if it is real" if text("Token").starts_with("real-") => basic(&base64(&text("Token"))),
                "placed: also, if it is real" => basic(&key),
                _ => HttpAuthentication::Bearer(key.clone()),
            };
            let place = |option: &str| HttpSetting::PlaceSecret(option.to_owned());
            let settings = match fault() {
                "placed: never granted" => Vec::new(),
                "placed: no such option" => vec![place("/Tokn")],
                "placed: its key 8 times" => (0..8).map(|_| place("/Key")).collect(),
                "placed: its key 9 times" => (0..9).map(|_| place("/Key")).collect(),
                "placed: elsewhere" if origin != "https://upstream.example.com" => Vec::new(),
                "placed: code in query unused" => vec![place("/Token"), HttpSetting::CodeInQuery],
                "placed: an unknown setting" => {
                    let (name, value) = ("keep-open".to_owned(), String::new());
                    vec![place("/Token"), HttpSetting::Other(Entry { name, value })]
                }
                fault if fault.starts_with("placed: ") => vec![place("/Token")],
                _ => Vec::new(),
            };
            Connection::Http(HttpConnection { origin, authentication, settings })
        };
        let server = |host: &str| {
            Connection::Smtp(SmtpConnection {
                host: host.to_owned(),
                port: 465,
                security: SmtpSecurity::ImplicitTls,
                credentials: None,
                timeout_ms: 1000,
                settings: Vec::new(),
            })
        };
        let mut connections: Vec<Connection> = origins.into_iter().map(connection).collect();
        match fault() {
            "no connection" => connections.clear(),
            // Not wrong.
            "a mail server too" => connections.push(server("smtp.example.com")),
            fault if fault.starts_with("its mail ") => connections = vec![server("smtp.example.com")],
            _ => {}
        }
        Ok(connections)
    }
}

impl delivery::Guest for Wrong {
    fn deliver(options: String, message: Message) -> Result<Receipt, DeliveryFailure> {
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let mut text = message.text.clone();
        match fault() {
            "the text is cut" => text = text.chars().take(160).collect(),
            "the text is folded" => text = text.replace('\n', " "),
            "the text is made ASCII" => text = text.chars().filter(char::is_ascii).collect(),
            "the text gets an end" => text = text.replace("code.", "code!"),
            "a line after the last" => text.push_str("\nReply STOP to end this."),
            "English only" if message.locale != "en" => {
                return Err(DeliveryFailure::Misconfigured(reason("", "there is no template in this language")));
            }
            "sign-ins only" if message.purpose != "sign-in" => return Err(rejected(RejectedPart::Message, "")),
            "it needs an application" if message.application.is_empty() => std::process::abort(),
            "the log has the recipient" => eprintln!("sending to {}", message.recipient),
            "nothing is sent" => return Ok(receipt()),
            // Not wrong: it does not send there.
            "it takes no Swiss numbers" if message.recipient.starts_with("+41") => {
                return Err(rejected(RejectedPart::Recipient, ""));
            }
            _ => {}
        }
        if fault().starts_with("its mail ") {
            return mail(&message);
        }
        let to = if fault() == "it goes to the sender" { &options["Sender"] } else { &json!(message.recipient) };
        // Not wrong: its gateway serves one country.
        let national = message.recipient.replacen("+41", "0", 1);
        let to = if fault() == "national numbers" { &json!(national) } else { to };
        let mut body = json!({"from": options["Sender"], "to": to, "text": text}).to_string();
        if fault() == "JSON by hand" {
            body = format!("{{\"to\": \"{}\", \"text\": \"{text}\"}}", message.recipient);
        }
        let mut url = "https://upstream.example.com/messages".to_owned();
        match fault() {
            "the text in the URL" => {
                url = format!("{url}?text={}", message.text.bytes().map(|b| format!("%{b:02X}")).collect::<String>());
                body = "{}".to_owned();
            }
            "another origin" => url = "https://elsewhere.example.com/messages".to_owned(),
            "it sets a signature's parameter" => url.push_str("?sign=0"),
            "another path, unencoded" => url = "https://upstream.example.com/mess ages".to_owned(),
            _ => {}
        }
        let mut headers = header(if fault() == "a header of the host's" { "authorization" } else { "content-type" });
        match fault() {
            "a signature over the letters" => {
                headers.push(Entry { name: "x-signature".to_owned(), value: checksum(&body) });
            }
            "it sets a signature's header" => headers.push(entry("X-Signature", "0")),
            "it sets a signature's field" => {
                body = json!({"to": message.recipient, "text": text, "sign": "0"}).to_string();
            }
            "a checksum beside the text" => {
                body = json!({"to": message.recipient, "text": text, "check": checksum(&text)}).to_string();
            }
            // Not wrong.
            "nested JSON" => {
                let content = json!({"type": "text", "body": text}).to_string();
                body = json!({"messages": [{"destinations": [{"to": message.recipient}], "content": content}]})
                    .to_string();
            }
            // Not wrong: it shows what a message says besides its fields.
            "it passes extra on" => {
                let extra = message.extra.iter().map(|entry| (entry.name.clone(), json!(entry.value)));
                let extra = extra.collect::<serde_json::Map<_, _>>();
                body = json!({"to": message.recipient, "text": text, "extra": extra}).to_string();
            }
            // Not wrong: it makes a request before it sends, and needs the response.
            "it asks who that is" => {
                let answer = http::send(&http::Request {
                    method: "GET".to_owned(),
                    url: "https://upstream.example.com/users?name=alice".to_owned(),
                    headers: vec![],
                    body: vec![],
                })
                .map_err(without_answer)?;
                if answer.status != 200 {
                    return by_status(&answer, &message);
                }
                let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                if said["user"]["id"].as_str().is_none() {
                    return Err(DeliveryFailure::OutcomeUnknown(reason("", "nobody said who that is")));
                }
            }
            "a body of nested multiparts" => {
                let (mut head, mut tail) = (String::new(), String::new());
                for level in 0..6_000 {
                    let inner = level + 1;
                    head.push_str(&format!(
                        "--b{level:05}\r\ncontent-type: multipart/mixed; boundary=b{inner:05}\r\n\r\n"
                    ));
                }
                for level in (0..6_000).rev() {
                    tail.push_str(&format!("\r\n--b{level:05}--"));
                }
                body = format!("{head}{} {text}{tail}", message.recipient);
                headers = vec![entry("content-type", "multipart/mixed; boundary=b00000")];
            }
            // Not wrong.
            "XML" => {
                let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
                body = format!("<sms><to>{}</to><text>{escaped}</text></sms>", message.recipient);
                headers = vec![Entry { name: "content-type".to_owned(), value: "text/xml; charset=utf-8".to_owned() }];
            }
            _ => {}
        }
        let token = options["Token"].as_str().unwrap_or_default().to_owned();
        let second = "https://second.example.com/messages".to_owned();
        if fault().starts_with("placed: ") || fault().starts_with("revealed: ") {
            let with = |name: &str, value: &str| {
                json!({"from": options["Sender"], "to": to, "text": text, name: value}).to_string()
            };
            let token_header = |name: &str, value: &str| Entry { name: name.to_owned(), value: value.to_owned() };
            match fault() {
                "placed: never sent" => {}
                "placed: in the query" => url = format!("{url}?token={token}"),
                "placed: in the path" => url = format!("{url}/{token}"),
                "placed: in a header" => headers.push(token_header("x-token", &token)),
                "placed: in a header's name" => headers.push(token_header(&token, "x")),
                "placed: twice" => body = with("token", &format!("{token} {token}")),
                "placed: elsewhere" => (url, body) = (second, with("token", &token)),
                "placed: in base64" => body = with("token", &base64(&token)),
                "placed: in capitals" => body = with("token", &token.to_uppercase()),
                "placed: a checksum of it" => {
                    body = with("token", &token);
                    headers.push(token_header("x-checksum", &checksum(&token)));
                }
                "revealed: told" => {
                    eprintln!("the token is {token}");
                    return Err(DeliveryFailure::Misconfigured(reason("told", &format!("the token is {token}"))));
                }
                "revealed: computed with" => headers.push(token_header("x-checksum", &checksum(&token))),
                _ => body = with("token", &token),
            }
        }
        // Not wrong: it requests a session first.
        let login = match fault() {
            "it logs in" => Some("seat=1"),
            "it asks for a token" => Some("grant_type=client_credentials&client_id=a&client_secret=b"),
            "it needs a room" | "a room, and 500 is for later" => Some("seat=1"),
            _ => None,
        };
        if let Some(form) = login {
            let answer = http::send(&http::Request {
                method: "POST".to_owned(),
                url: "https://upstream.example.com/login".to_owned(),
                headers: vec![],
                body: form.as_bytes().to_vec(),
            })
            .map_err(without_answer)?;
            if answer.status == 500 {
                return Err(DeliveryFailure::OutcomeUnknown(reason("500", "")));
            }
            if !(200..300).contains(&answer.status) {
                return by_status(&answer, &message);
            }
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            if fault().contains("a room") && text("room").is_empty() {
                return Err(DeliveryFailure::OutcomeUnknown(reason("", "there is no room")));
            }
            headers.push(Entry { name: "x-auth".to_owned(), value: text("access_token") + &text("value") });
            url = format!("https://upstream.example.com/in:{}/messages?seat={}", text("room"), text("seat"));
            body = body.replacen('{', &format!("{{\"by\": \"whoever has {}\", ", text("pass")), 1);
        }
        // Not wrong: where its upstream may report.
        if let Some(report_url) = message.extra.iter().find(|entry| entry.name == "report-url") {
            body = body.replacen('{', &format!("{{\"report\": \"{}\", ", report_url.value), 1);
        }
        let request = || http::Request {
            method: "POST".to_owned(),
            url: url.clone(),
            headers: headers.clone(),
            body: body.clone().into_bytes(),
        };
        if fault() == "always sent twice" {
            let _ = http::send(&request());
        }
        let mut answer = http::send(&request());
        let again = match &answer {
            Ok(answer) => match fault() {
                "sent again after 500" => answer.status == 500,
                "sent again after 503" => answer.status == 503,
                "sent again after 429" => answer.status == 429,
                "sent again after 400" => answer.status == 400,
                _ => false,
            },
            Err(http::Error::NotSent(_)) => fault() == "sent again when not sent",
            Err(_) => fault() == "sent again after silence",
        };
        if again {
            answer = http::send(&request());
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(without_answer(error)),
        };
        by_status(&answer, &message)
    }
}

fn mail(message: &Message) -> Result<Receipt, DeliveryFailure> {
    let name = if fault() == "its mail is from a checksum" { checksum(&message.text) } else { String::new() };
    let to = if fault() == "its mail goes to eve" { "eve@example.org" } else { &message.recipient };
    let sent = smtp::send(&smtp::Mail {
        sender: smtp::Mailbox { name, address: "codes@example.com".to_owned() },
        recipient: to.to_owned(),
        subject: message.subject.clone(),
        text: message.text.clone(),
        html: message.html.clone(),
        id: message.id.clone(),
    });
    Err(match sent {
        Ok(_) => return Ok(receipt()),
        Err(smtp::Error::Denied(why)) => DeliveryFailure::Misconfigured(reason("denied", &why)),
        Err(smtp::Error::OutcomeUnknown(why)) => DeliveryFailure::OutcomeUnknown(reason("no-answer", &why)),
        Err(smtp::Error::NotSent(_)) => later(None, ""),
        Err(smtp::Error::Refused(refusal)) if refusal.code < 500 => later(None, ""),
        Err(smtp::Error::Refused(refusal)) if refusal.stage == smtp::Stage::Recipient => {
            rejected(RejectedPart::Recipient, "")
        }
        Err(smtp::Error::Refused(_) | smtp::Error::Invalid(_)) => rejected(RejectedPart::Message, ""),
    })
}

impl reports::Guest for Wrong {
    fn report_proof(options: String) -> Option<reports::Proof> {
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let text = |name: &str| options[name].as_str().unwrap_or_default().to_owned();
        match fault() {
            "reports break off at secrets" => std::process::abort(),
            "reports signed by dice" => {
                Some(reports::Proof::Twilio(RandomState::new().build_hasher().finish().to_string()))
            }
            "reports signed by a short secret" => Some(reports::Proof::Webhook("whsec_AAAA".to_owned())),
            "reports: an id is signed" => Some(signed("{header.x-id}", "", &text("Key"))),
            "reports: an unknown name" => Some(signed("{path}{body}", "", &text("Key"))),
            "reports: the time is not signed" => Some(signed("{body}", "x-time", &text("Key"))),
            "reports: a template of its key" => Some(signed(&format!("{{body}}{}", text("Key")), "", &text("Key"))),
            "reports: an empty password" => {
                Some(reports::Proof::Basic(Credentials { username: "reports".to_owned(), password: String::new() }))
            }
            "reports: a secret of its own" => Some(reports::Proof::Header(SecretEntry {
                name: "x-token".to_owned(),
                value: "the same for all".to_owned(),
            })),
            "reports: a header with a blank" => {
                Some(reports::Proof::Header(SecretEntry { name: "x token".to_owned(), value: text("Key") }))
            }
            "reports: a short public key" => Some(reports::Proof::Signature(reports::ReportSignature {
                key: reports::ReportKey::Ed25519("AAAA".to_owned()),
                ..report_signature("{body}", "", "")
            })),
            "reports: a token by no key" => Some(reports::Proof::Jwt(reports::ReportJwt {
                algorithm: JwtAlgorithm::Rs256,
                key: text("Key"),
                header: "authorization".to_owned(),
                claims: vec![],
                body_hash_claim: String::new(),
            })),
            // Not wrong.
            "reports by a header" => {
                Some(reports::Proof::Header(SecretEntry { name: "x-token".to_owned(), value: text("Key") }))
            }
            "reports by a signature" => Some(signed("{url}{body}", "", &text("Key"))),
            // Not wrong, but weak.
            "reports: their URL alone" => Some(reports::Proof::SecretUrl),
            "reports signed as a secret says" if text("Key").ends_with("of Standard Webhooks") => {
                Some(reports::Proof::Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()))
            }
            "reports signed by the sender" => Some(reports::Proof::Twilio(text("Sender"))),
            fault if fault.starts_with("reports") => Some(reports::Proof::Twilio(text("Key"))),
            _ => None,
        }
    }

    fn parse_report(_: String, request: reports::ReportRequest) -> Option<reports::Report> {
        let body = request.body;
        let told = |status, code: &str| {
            Some(reports::Report { status, code: code.to_owned(), price: None, extra: Vec::new() })
        };
        let said: Value = match &*request.method {
            "GET" => json!({"status": request.query.strip_prefix("status=")}),
            _ => serde_json::from_slice(&body).unwrap_or_default(),
        };
        match fault() {
            "reports of nothing are delivered" => return told(reports::DeliveryStatus::Delivered, ""),
            "reports break off at nothing" if body.is_empty() => std::process::abort(),
            "reports are not read" => return None,
            _ => {}
        }
        match said["status"].as_str()? {
            "delivered" => told(reports::DeliveryStatus::Delivered, ""),
            // Wrong with `To`, whom it may not name.
            "undelivered" => told(reports::DeliveryStatus::Failed, said["to"].as_str().unwrap_or("30003")),
            _ => told(reports::DeliveryStatus::Pending, ""),
        }
    }
}

fn entry(name: &str, value: &str) -> Entry {
    Entry { name: name.to_owned(), value: value.to_owned() }
}

fn hmac_key(key: &str) -> HmacKey {
    HmacKey { hash: HmacHash::Sha256, key: key.to_owned(), encoding: KeyEncoding::Text }
}

fn signed(text: &str, timestamp_header: &str, key: &str) -> reports::Proof {
    reports::Proof::Signature(report_signature(text, timestamp_header, key))
}

fn report_signature(text: &str, timestamp_header: &str, key: &str) -> reports::ReportSignature {
    reports::ReportSignature {
        key: reports::ReportKey::Hmac(hmac_key(key)),
        text: text.to_owned(),
        header: "x-signature".to_owned(),
        prefix: String::new(),
        encoding: reports::SignatureEncoding::Hex,
        timestamp_header: timestamp_header.to_owned(),
    }
}

fn signature(key: &str) -> RequestSignature {
    let mut signature = RequestSignature {
        key: hmac_key(key),
        key_steps: vec![],
        values: vec![],
        signed_headers: vec![entry("x-date", "{time}")],
        text: "{time}{body}".to_owned(),
        headers: vec![entry("x-signature", "{signature|hex}")],
        query: vec![],
        fields: vec![],
    };
    match fault() {
        "a signature: its key in the text" => signature.text = format!("{{body}}{key}"),
        "a signature: an unknown name" => signature.text = "{bodi}".to_owned(),
        "a signature: an unknown filter" => signature.text = "{body|crc32}".to_owned(),
        "a signature: a single brace" => signature.text = "{body".to_owned(),
        "a signature: put nowhere" => signature.headers.clear(),
        "a signature: bytes in a header" => signature.headers[0].value = "{signature}".to_owned(),
        "a signature: a routing header" => signature.headers.push(entry("x-forwarded-for", "{host}")),
        "a signature: a later header" => signature.values.push(entry("own", "{header.x-date}")),
        "a signature: of itself" => signature.text = "{signature|hex}".to_owned(),
        "a signature: no hexadecimal key" => signature.key.encoding = KeyEncoding::Hex,
        "it sets a signature's parameter" => signature.query.push(entry("sign", "{signature|hex}")),
        "it sets a signature's field" => signature.fields.push(entry("sign", "{signature|hex}")),
        _ => {}
    }
    signature
}

fn token(key: &str) -> SignedJwt {
    let mut token = SignedJwt {
        key: JwtKey { algorithm: JwtAlgorithm::Hs256, key: key.to_owned(), header: vec![] },
        claims: vec![entry("iss", "shop")],
        valid_seconds: 600,
    };
    match fault() {
        "a token: its key is no PEM" => token.key.algorithm = JwtAlgorithm::Rs256,
        "a token: a claim of the host's" => token.claims.push(entry("exp", "1")),
        "a token: an algorithm of its own" => token.key.header.push(entry("alg", "none")),
        "a token: valid for a day" => token.valid_seconds = 86_400,
        "a token: its key in a claim" => token.claims.push(entry("sub", key)),
        _ => {}
    }
    token
}

fn login(key: &str) -> TokenLogin {
    let mut login = TokenLogin {
        url: "https://login.example.com/token".to_owned(),
        fields: vec![SecretEntry { name: "key".to_owned(), value: key.to_owned() }],
        format: LoginFormat::Json,
        expected: vec![],
        token: "/token".to_owned(),
        valid_seconds: String::new(),
        default_valid_seconds: 600,
        place: TokenPlace::Bearer,
    };
    match fault() {
        "a login: without TLS" => login.url = "http://login.example.com/token".to_owned(),
        "a login: its key in the URL" => login.url = format!("https://login.example.com/{key}"),
        "a login: no pointer" => login.token = "token".to_owned(),
        "a login: a token in the host" => login.place = TokenPlace::Header("Host".to_owned()),
        _ => {}
    }
    login
}

fn client(key: &str) -> Oauth2Client {
    let mut client = Oauth2Client {
        token_url: "https://login.example.com/token".to_owned(),
        client_id: "shop".to_owned(),
        authentication: Oauth2ClientAuthentication::SecretInHeader(key.to_owned()),
        grant: Oauth2Grant::ClientCredentials,
        scope: String::new(),
        parameters: vec![],
    };
    match fault() {
        "a client: without an id" => client.client_id.clear(),
        "a client: its own secret too" => client.parameters.push(entry("client_secret", "x")),
        _ => {}
    }
    client
}

fn without_answer(error: http::Error) -> DeliveryFailure {
    let wrong = fault();
    match error {
        http::Error::Denied(why) | http::Error::Unauthenticated(why) => {
            DeliveryFailure::Misconfigured(reason("", &why))
        }
        http::Error::NotSent(_) if wrong == "not sent is final" => rejected(RejectedPart::Message, ""),
        http::Error::NotSent(why) => later(None, &why),
        http::Error::OutcomeUnknown(_) if wrong == "silence is for later" => later(None, ""),
        http::Error::OutcomeUnknown(_) if wrong == "silence is final" => rejected(RejectedPart::Message, ""),
        http::Error::OutcomeUnknown(_) if wrong == "break off at silence" => std::process::abort(),
        http::Error::OutcomeUnknown(why) => DeliveryFailure::OutcomeUnknown(reason("", &why)),
    }
}

fn by_status(answer: &http::Response, message: &Message) -> Result<Receipt, DeliveryFailure> {
    let wrong = fault();
    let status = answer.status.to_string();
    let wait =
        answer.headers.iter().find(|header| header.name == "retry-after").and_then(|header| header.value.parse().ok());
    let parsed = serde_json::from_slice::<Value>(&answer.body);
    match answer.status {
        200..300 if wrong == "2xx without JSON is for later" && parsed.is_err() => return Err(later(None, "")),
        200..300 if wrong == "break off without JSON" && parsed.is_err() => std::process::abort(),
        200..300 if wrong == "break off at other JSON" && !parsed.as_ref().is_ok_and(Value::is_object) => {
            std::process::abort()
        }
        200..300 if wrong == "2xx is for later" => return Err(later(None, "")),
        200..300 if wrong == "2xx without JSON is refused" && parsed.is_err() && answer.body.starts_with(b"{") => {
            return Err(rejected(RejectedPart::Message, ""));
        }
        200..300 => return Ok(taken(answer, message)),
        _ => {}
    }
    Err(match (answer.status, wrong) {
        (400, "400 is for later") => later(None, &status),
        (400, "400 is unknown") => DeliveryFailure::OutcomeUnknown(reason(&status, "")),
        (400, "400 is delivered") => return Ok(receipt()),
        (400, "the reason quotes the answer") => {
            rejected(RejectedPart::Message, &String::from_utf8_lossy(&answer.body))
        }
        (400, "the reason names the recipient") => rejected(RejectedPart::Recipient, &message.recipient),
        (401, "401 is for later") => later(None, &status),
        (401, "401 rejects the recipient") => rejected(RejectedPart::Recipient, &status),
        (403, "403 is for later") => later(None, &status),
        (404, "404 is for later") => later(None, &status),
        (429, "429 is final") => rejected(RejectedPart::Message, &status),
        (429, "429 is unknown") => DeliveryFailure::OutcomeUnknown(reason(&status, "")),
        (429, "429 without its wait") => later(None, &status),
        (429, "429 with a wait made up") => later(Some(60), &status),
        (500, "500 is for later" | "a room, and 500 is for later") => later(None, &status),
        (500, "500 is final") => rejected(RejectedPart::Message, &status),
        (502, "502 is for later") => later(None, &status),
        (302, "a redirect is delivered") => return Ok(receipt()),
        (400, _) => rejected(RejectedPart::Message, &status),
        (401 | 403 | 404, _) => DeliveryFailure::Misconfigured(reason(&status, "")),
        (429, _) => later(wait, &status),
        (500.., _) => DeliveryFailure::OutcomeUnknown(reason(&status, "")),
        _ => DeliveryFailure::Misconfigured(reason(&status, "")),
    })
}

fn header(name: &str) -> Vec<Entry> {
    vec![Entry { name: name.to_owned(), value: "application/json".to_owned() }]
}

/// Returns a receipt for what the upstream took.
fn taken(answer: &http::Response, message: &Message) -> Receipt {
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    match fault() {
        "the reference is the recipient" => Receipt { reference: message.recipient.clone(), ..receipt() },
        "extra quotes the answer" => {
            Receipt { extra: vec![Entry { name: "answer".to_owned(), value: said }], ..receipt() }
        }
        "the log has the answer" => {
            eprintln!("the upstream said {said}");
            receipt()
        }
        _ => receipt(),
    }
}

/// RFC 4648 section 4, of a text whose length is a multiple of three.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let three = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63]))
    };
    text.as_bytes().chunks(3).flat_map(three).collect()
}

/// FNV-1a.
fn checksum(text: &str) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let sum = text.bytes().fold(start, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{sum:016x}")
}

fn receipt() -> Receipt {
    Receipt { reference: String::new(), segments: None, price: None, extra: Vec::new() }
}

fn reason(code: &str, detail: &str) -> Reason {
    Reason { code: code.to_owned(), detail: detail.to_owned() }
}

fn later(after_seconds: Option<u32>, detail: &str) -> DeliveryFailure {
    DeliveryFailure::RetryLater(Retry { after_seconds, reason: reason("", detail) })
}

fn rejected(part: RejectedPart, detail: &str) -> DeliveryFailure {
    DeliveryFailure::Rejected(Rejection { part, reason: reason("", detail) })
}

fn forever() -> ! {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn take_all_memory() -> ! {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(black_box(vec![1; 1 << 20]));
    }
}

#[allow(unsafe_code, reason = "the exports of a component are generated")]
const _: () = {
    #[cfg(target_arch = "wasm32")]
    twofactor_provider::bindings::export_bindings!(Wrong with_types_in twofactor_provider::bindings);
    #[cfg(target_arch = "wasm32")]
    twofactor_provider::delivery_bindings::export_bindings!(Wrong with_types_in twofactor_provider::delivery_bindings);
    #[cfg(target_arch = "wasm32")]
    twofactor_provider::report_bindings::export_bindings!(Wrong with_types_in twofactor_provider::report_bindings);
};
