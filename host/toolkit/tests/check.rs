//! `twofactor-toolkit check` finds the fault of each wrong component, and none in a correct one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use twofactor_tests::golden::assert_golden;
use twofactor_tests::wrong::component;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit")).args(arguments).output().unwrap()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Returns what a check says of a component: the rules it breaks, or why it is not even loaded.
fn faults(folder: &Path, name: &str, component: &[u8]) -> Result<Vec<String>, String> {
    checked(folder, name, component).map(|findings| rules_of_faults(&findings))
}

fn rules_of_faults(findings: &[Value]) -> Vec<String> {
    let faults = findings.iter().filter(|finding| finding["verdict"] == "fault");
    faults.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

/// Returns all findings of a check, or why the component is not even loaded.
fn checked(folder: &Path, name: &str, component: &[u8]) -> Result<Vec<Value>, String> {
    let file = write(folder, &format!("{name}.wasm").replace(['/', ' '], "_"), component);
    let report = write(folder, &format!("{name}.report").replace(['/', ' '], "_"), r#"{"status":"delivered"}"#);
    let output = run(&["check", file.to_str().unwrap(), "--json", "--report", report.to_str().unwrap()]);
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        assert!(!output.status.success());
        return Err(String::from_utf8(output.stderr).unwrap());
    };
    let all = report["findings"].as_array().unwrap().clone();
    assert_eq!(output.status.success(), rules_of_faults(&all).is_empty(), "{name}");
    Ok(all)
}

/// What checks found, against a checked-in file: each remedy once, under the last of its findings.
fn assert_texts(name: &str, mut checked: Vec<(&str, Result<Vec<Value>, String>)>) {
    checked.sort_by_key(|(fault, _)| *fault);
    let mut text = String::new();
    for (fault, found) in checked {
        text += &format!("# {fault}\n");
        match found {
            Err(refused) => text += refused.lines().next_back().unwrap_or_default(),
            Ok(findings) => {
                for finding in findings.iter().filter(|finding| finding["verdict"] != "passed") {
                    let word = |name: &str| finding[name].as_str().unwrap_or_default();
                    text += &format!("{} {}: {}\n", word("verdict"), word("rule"), word("what"));
                    text += &format!("    {}\n", word("remedy"));
                }
            }
        }
        text += "\n";
    }
    // Which of its two limits ends an endless call depends on how busy the machine is.
    let text = text.replace(
        "the component did not respond in time (time-out)",
        "the component exceeded its running time (running-time)",
    );
    assert_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts").join(name), &text);
}

/// Returns all that a check finds.
fn findings(file: &Path, more: &[&str]) -> Vec<Value> {
    let output = run(&[&["check", file.to_str().unwrap(), "--json"], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

/// Those that are no rule kept.
fn not_passed(file: &Path, more: &[&str]) -> Vec<Value> {
    findings(file, more).into_iter().filter(|finding| finding["verdict"] != "passed").collect()
}

/// Faults that `check` names by a rule of its own.
const BROKEN_RULES: &[(&str, &str)] = &[
    ("an option without words", "described"),
    ("a secret that is not marked", "secrets-marked"),
    ("its key is open", "credentials-marked"),
    ("a default that does not fit", "defaults"),
    ("configure refuses what is right", "configure"),
    ("an origin twice", "configure"),
    ("an origin without TLS", "configure"),
    ("an address for an origin", "configure"),
    ("an origin with a path", "configure"),
    ("a host for a header", "configure"),
    ("too many origins", "configure"),
    ("no connection", "connections"),
    ("configure throws dice", "deterministic"),
    ("configure breaks off at nothing", "configure-answers"),
    ("configure breaks off at length", "configure-answers"),
    ("configure never ends", "configure-answers"),
    ("a problem of no option", "problems-name-options"),
    ("a problem that is no pointer", "problems-name-options"),
    ("a problem without a sentence", "problems-name-options"),
    ("a problem that tells a secret", "problems-keep-secrets"),
    ("the text is cut", "texts-unchanged"),
    ("the text is folded", "texts-unchanged"),
    ("the text is made ASCII", "texts-unchanged"),
    ("the text gets an end", "texts-unchanged"),
    ("JSON by hand", "texts-unchanged"),
    ("the text in the URL", "texts-unchanged"),
    ("nothing is sent", "accepted"),
    ("it goes to the sender", "recipient"),
    ("another origin", "accepted"),
    ("another path, unencoded", "accepted"),
    ("a header of the host's", "accepted"),
    ("always sent twice", "accepted"),
    ("2xx is for later", "accepted"),
    ("2xx without JSON is for later", "accepted-without-json"),
    ("break off without JSON", "accepted-without-json"),
    ("break off at other JSON", "accepted-with-other-json"),
    ("break off at silence", "silence"),
    ("400 is for later", "status-400"),
    ("400 is unknown", "status-400"),
    ("400 is delivered", "status-400"),
    ("sent again after 400", "status-400"),
    ("the reason names the recipient", "leaks"),
    ("401 is for later", "status-401"),
    ("401 rejects the recipient", "status-401"),
    ("403 is for later", "status-403"),
    ("404 is for later", "status-404"),
    ("429 is final", "status-429"),
    ("429 is unknown", "status-429"),
    ("429 with a wait made up", "status-429"),
    ("sent again after 429", "status-429"),
    ("429 without its wait", "status-429-retry-after"),
    ("500 is for later", "status-500"),
    ("500 is final", "status-500"),
    ("sent again after 500", "status-500"),
    ("502 is for later", "status-502-html"),
    ("a redirect is delivered", "redirect"),
    ("silence is for later", "silence"),
    ("silence is final", "silence"),
    ("sent again after silence", "silence"),
    ("not sent is final", "no-connection"),
    ("reports break off at secrets", "reports-proved"),
    ("reports signed by dice", "reports-proved"),
    ("reports signed by a short secret", "reports-proved"),
    ("reports signed by the sender", "credentials-marked"),
    ("reports of nothing are delivered", "reports-of-nothing"),
    ("reports break off at nothing", "reports-of-nothing"),
    ("reports are not read", "reports-read"),
];

/// Faults in how a provider authenticates or has reports proved.
const BROKEN_AUTHENTICATION: &[(&str, &str)] = &[
    ("it sets a signature's parameter", "accepted"),
    ("it sets a signature's header", "accepted"),
    ("it sets a signature's field", "accepted"),
    ("reports: an id is signed", "reports-proved"),
    ("reports: an unknown name", "reports-proved"),
    ("reports: the time is not signed", "reports-proved"),
    ("reports: a template of its key", "reports-proved"),
    ("reports: an empty password", "reports-proved"),
    ("reports: a secret of its own", "reports-proved"),
    ("reports: a header with a blank", "reports-proved"),
    ("reports: a short public key", "reports-proved"),
    ("reports: a token by no key", "reports-proved"),
    ("a signature: its key in the text", "configure"),
    ("a signature: an unknown name", "configure"),
    ("a signature: an unknown filter", "configure"),
    ("a signature: a single brace", "configure"),
    ("a signature: put nowhere", "configure"),
    ("a signature: bytes in a header", "configure"),
    ("a signature: a routing header", "configure"),
    ("a signature: a later header", "configure"),
    ("a signature: of itself", "configure"),
    ("a signature: no hexadecimal key", "configure"),
    ("a token: its key is no PEM", "configure"),
    ("a token: a claim of the host's", "configure"),
    ("a token: an algorithm of its own", "configure"),
    ("a token: valid for a day", "configure"),
    ("a token: its key in a claim", "configure"),
    ("a login: without TLS", "configure"),
    ("a login: its key in the URL", "configure"),
    ("a login: no pointer", "configure"),
    ("a login: a token in the host", "configure"),
    ("a client: without an id", "configure"),
    ("a client: its own secret too", "configure"),
];

/// Faults that only the rule beside each finds: without that rule they would pass.
const CAUGHT_BY_ONE_RULE: &[(&str, &str)] = &[
    ("a signature over the letters", "placeholder"),
    ("a checksum beside the text", "placeholder"),
    ("the log has the recipient", "leaks"),
    ("the log has the answer", "leaks"),
    ("the reference is the recipient", "leaks"),
    ("extra quotes the answer", "leaks"),
    ("the reason quotes the answer", "leaks"),
    ("2xx without JSON is refused", "accepted-without-json"),
    ("no examples", "options"),
    ("a Pwd that is open", "secrets-marked"),
    ("a Pin that is open", "secrets-marked"),
    ("a Kennwort that is open", "secrets-marked"),
    ("an AuthKey that is open", "secrets-marked"),
    ("a password by its format", "secrets-marked"),
    ("a default for its secret", "secret-defaults"),
    ("an option under then", "options-known"),
    ("an option by a dependent schema", "options-known"),
    ("options by a pattern", "options-known"),
    ("English only", "locale"),
    ("sign-ins only", "purpose"),
    ("it needs an application", "application"),
    ("a line after the last", "last-line"),
    ("sent again after 503", "status-503"),
    ("sent again when not sent", "no-connection"),
    ("it reads the code for nothing", "needs-code"),
    ("its mail does not need the code", "needs-code"),
    ("its mail is from a checksum", "placeholder"),
    ("the type of another", "type-id-taken"),
    ("the type of a factor", "type-id-taken"),
];

/// Misuses of secrets that the host puts into requests, or could.
const MISPLACED: &[(&str, &str)] = &[
    ("placed: never granted", "placed-secrets"),
    ("placed: never sent", "placed-secrets"),
    ("placed: too many parts", "placed-secrets"),
    ("placed: in the query", "placed-secrets"),
    ("placed: in the path", "placed-secrets"),
    ("placed: in a header", "placed-secrets"),
    ("placed: in a header's name", "placed-secrets"),
    ("placed: twice", "placed-secrets"),
    ("placed: elsewhere", "placed-secrets"),
    ("placed: in base64", "placed-secrets"),
    ("placed: in capitals", "placed-secrets"),
    ("placed: a checksum of it", "placeholder"),
    ("placed: code in query unused", "code-in-query"),
    ("placed: no such option", "configure"),
    ("placed: an unknown setting", "configure"),
    ("revealed: sent as it is", "revealed-secrets"),
];

/// Faults for which a component is not loaded, neither by `check` nor by whoever adds it.
const REFUSED: &[(&str, &str)] = &[
    ("type-id in capitals", "type-id"),
    ("no type-id", "type-id"),
    ("a long type-id", "type-id"),
    ("a channel with a space", "channel"),
    ("no channel", "channel"),
    ("no name", "its name"),
    ("a name of two lines", "its name"),
    ("a long name", "its name"),
    ("no version", "its version"),
    ("a version with a letter", "its version"),
    ("a version of two numbers", "its version"),
    ("a schema of an array", "must be of type object"),
    ("a schema that is none", "its options-schema is not supported: `/properties/Parts/type` must be"),
    ("a schema that is no JSON", "is not JSON"),
    ("a long schema", "longer than"),
    ("placed: an open option", "needs `writeOnly: true`"),
    ("placed: and revealed", "either placed by the host or revealed"),
    ("placed: no text", "its `type` must be `string`"),
    ("placed: in the host", "a list of `body`, `query`, `path` and `header`"),
    ("describe breaks off", "failed in `describe`: the component trapped"),
    // Its own time or the call's, whichever ends first on a busy machine: `tests/tests/hostile_components.rs` tests each.
    ("describe never ends", "failed in `describe`: the component"),
    ("describe takes all memory", "failed in `describe`: the component exceeded a limit"),
];

/// Runs over all of them, as many at once as the machine has cores and two.
fn each<T: Sync>(all: &[T], look: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) + 2 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    look(one);
                }
            });
        }
    });
}

#[test]
fn each_wrong_signature_token_and_proof_is_caught_by_the_rule_it_breaks() {
    let (folder, missed) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    each(BROKEN_AUTHENTICATION, |(fault, rule)| {
        let found = checked(folder.path(), fault, &component(fault)).map(|findings| rules_of_faults(&findings));
        if !found.as_ref().is_ok_and(|rules| rules.iter().any(|found| found == rule)) {
            missed.lock().unwrap().push(format!("{fault}: {found:?} without `{rule}`"));
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn each_wrong_component_is_caught_by_the_rule_it_breaks() {
    let (folder, missed) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    let texts = Mutex::new(Vec::new());
    each(BROKEN_RULES, |(fault, rule)| {
        let found = checked(folder.path(), fault, &component(fault));
        texts.lock().unwrap().push((*fault, found.clone()));
        let found = found.map(|findings| rules_of_faults(&findings));
        if !found.as_ref().is_ok_and(|rules| rules.iter().any(|found| found == rule)) {
            missed.lock().unwrap().push(format!("{fault}: {found:?} without `{rule}`"));
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:#?}");
    println!("{} wrong components: each was caught by the rule it breaks", BROKEN_RULES.len());
    assert_texts("broken_rules.txt", texts.into_inner().unwrap());
}

#[test]
fn a_body_of_many_nested_multiparts_gets_an_ordinary_report() {
    let (folder, fault) = (tempfile::tempdir().unwrap(), "a body of nested multiparts");
    let rules = faults(folder.path(), fault, &component(fault)).unwrap();
    assert!(rules.iter().any(|rule| rule == "texts-unchanged"), "{rules:?}");
}

#[test]
fn each_misuse_of_a_placed_secret_is_caught_by_its_rule() {
    let (folder, missed) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    each(MISPLACED, |(fault, rule)| {
        let found = faults(folder.path(), fault, &component(fault));
        if !found.as_ref().is_ok_and(|rules| rules.iter().any(|found| found == rule)) {
            missed.lock().unwrap().push(format!("{fault}: {found:?} without `{rule}`"));
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:#?}");
    for right in ["placed: well", "revealed: computed with"] {
        assert_eq!(faults(folder.path(), right, &component(right)), Ok(Vec::new()), "{right}");
    }
    println!("{} wrong components: each was caught by the rule it breaks", MISPLACED.len());
}

#[test]
fn each_rule_alone_finds_its_fault() {
    let (folder, missed) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    let texts = Mutex::new(Vec::new());
    each(CAUGHT_BY_ONE_RULE, |(fault, rule)| {
        let found = checked(folder.path(), fault, &component(fault));
        texts.lock().unwrap().push((*fault, found.clone()));
        let mut found = found.map(|findings| rules_of_faults(&findings));
        if let Ok(rules) = &mut found {
            rules.dedup();
            // The same request is asked for with and without a wait.
            rules.retain(|rule| rule != "status-503-retry-after");
        }
        if found != Ok(vec![(*rule).to_owned()]) {
            missed.lock().unwrap().push(format!("{fault}: {found:?} is not `{rule}` alone"));
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:#?}");
    assert_texts("caught_by_one_rule.txt", texts.into_inner().unwrap());
}

#[test]
fn a_fault_of_a_second_request_is_found_with_the_answer_to_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "it.wasm", component("a room, and 500 is for later"));
    let accepted = write(folder.path(), "accepted.json", r#"{"room": "1"}"#);
    let [only] = not_passed(&file, &["--accepted-response", accepted.to_str().unwrap()]).try_into().unwrap();
    assert_eq!((&only["rule"], &only["verdict"]), (&json!("status-500"), &json!("fault")), "{only}");
    assert!(only["what"].as_str().unwrap().starts_with("at request 2 of 2, the outcome is retry-later"), "{only}");
}

#[test]
fn a_component_that_cannot_be_added_is_refused_with_the_name_of_its_fault() {
    let (folder, missed) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    each(REFUSED, |(fault, sentence)| {
        let found = faults(folder.path(), fault, &component(fault));
        if !found.as_ref().is_err_and(|said| said.contains(sentence)) {
            missed.lock().unwrap().push(format!("{fault}: {found:?} without `{sentence}`"));
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_component_that_is_not_a_provider_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let whole = component("none");
    let wants =
        |import: &str| format!(r#"(component (import "{import}" (instance (export "f" (func)))))"#).into_bytes();
    let cases: &[(&str, &[u8], &str)] = &[
        ("nothing", b"", "not a valid WebAssembly component"),
        ("text", b"hello", "not a valid WebAssembly component"),
        ("a core module", b"(module)", "not a valid WebAssembly component"),
        ("half a component", &whole[..whole.len() / 2], "not a valid WebAssembly component"),
        ("a component without exports", b"(component)", "does not implement the contract"),
        ("one that wants files", &wants("wasi:filesystem/preopens@0.2.0"), "a provider has no files"),
        ("one that wants sockets", &wants("wasi:sockets/tcp@0.2.0"), "opens no sockets"),
        ("one that wants to listen", &wants("wasi:http/incoming-handler@0.2.0"), "only `outgoing-handler`"),
        ("one that wants what no host has", &wants("twofactor:provider/codes@0.2.0"), "no such interface"),
        (
            "one for a later contract",
            &wants("twofactor:provider/http@0.3.0"),
            "built for version 0.3.0 of the contract `twofactor:provider`; this host supports 0.2.0",
        ),
    ];
    for (name, bytes, sentence) in cases {
        // As an author would have it: in the binary form.
        let bytes =
            if bytes.starts_with(b"(") { wat::parse_bytes(bytes).unwrap().into_owned() } else { bytes.to_vec() };
        let said = faults(folder.path(), name, &bytes).unwrap_err();
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

#[test]
fn a_right_component_has_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    for right in ["none", "reports", "national numbers", "XML", "its mail goes to its recipient"] {
        assert_eq!(faults(folder.path(), right, &component(right)), Ok(Vec::new()));
    }

    let smtp = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true, "UserName": "u",
        "Password": "pass-word", "Timeout": 20000});
    let m365 = json!({"MailType": "M365", "TenantId": "8f14e45f-ceea-467f-a0e6-7a1c7e3b0c11", "UserId": "codes@example.com",
        "ClientId": "8f14e45f-ceea-467f-a0e6-7a1c7e3b0c12", "ClientSecret": "very-secret"});
    let from = "codes@example.com";
    // Slack is asked for the member first: its answer to that and to the message in one.
    let by_slack =
        write(folder.path(), "slack.accepted", r#"{"ok":true,"user":{"id":"W012A3CDE"},"channel":"D1","ts":"1.2"}"#);
    let by_verify =
        write(folder.path(), "verify.accepted", r#"{"sid":"VE0123456789abcdef0123456789abcdef","status":"pending"}"#);
    let by_twilio = write(folder.path(), "twilio.report", "MessageSid=SM1&MessageStatus=delivered&To=%2B41791234567");
    let by_voice = write(folder.path(), "voice.report", "CallSid=CA1&CallStatus=completed&To=%2B41791234567");
    let approved = write(folder.path(), "verify.approved", r#"{"status":"approved"}"#);
    let by_gateways = [
        ("infobip", r#"{"messages":[{"messageId":"1","status":{"groupId":1,"name":"PENDING_ACCEPTED"}}]}"#),
        ("telnyx", r#"{"data":{"id":"1","parts":1}}"#),
        ("whatsapp", r#"{"messages":[{"id":"wamid.1"}]}"#),
    ]
    .map(|(name, body)| (name, write(folder.path(), &format!("{name}.accepted"), body)));
    let by_infobip =
        write(folder.path(), "infobip.report", r#"{"results":[{"status":{"groupId":3},"to":"41791234567"}]}"#);
    let by_vonage = write(folder.path(), "vonage.report", r#"{"status":"delivered","channel":"sms"}"#);
    // It accepts a message with 202 only.
    let accepted = json!({"request": "POST https://api.nexmo.com/v1/messages", "status": 202,
        "headers": [["content-type", "application/json"]], "body": r#"{"message_uuid":"aaaaaaaa-bbbb"}"#});
    let vonage = json!({"provider": "vonage", "accepted": [accepted]}).to_string();
    let vonage = write(folder.path(), "vonage.replay", vonage);
    let providers: [(&str, &[u8], Value); 14] = [
        (
            "twilio",
            twofactor_bundle::TWILIO,
            json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef",
            "TwilioAuthToken": "very-secret", "TwilioSmsFromNumber": "+15005550006"}),
        ),
        (
            "ecall",
            twofactor_bundle::ECALL,
            json!({"ECallAccountName": "a", "ECallAccountPassword": "very-secret",
            "ECallAccountFromNumber": "Shop"}),
        ),
        ("smtp", twofactor_bundle::EMAIL, json!({"EMailSenderAddress": from, "MailServerConfig": smtp})),
        ("m365", twofactor_bundle::EMAIL, json!({"EMailSenderAddress": from, "MailServerConfig": m365})),
        (
            "ses",
            twofactor_bundle::SES,
            json!({"SesRegion": "eu-central-1", "SesAccessKeyId": "AKIDEXAMPLE0000A",
            "SesSecretAccessKey": "very-secret", "SesSenderAddress": from, "SesSenderName": "Käse"}),
        ),
        ("slack", twofactor_bundle::SLACK, json!({"SlackBotToken": "xoxb-0123456789-very-secret"})),
        (
            "infobip",
            twofactor_bundle::INFOBIP,
            json!({"InfobipBaseUrl": "xyz.api.infobip.com", "InfobipApiKey": "very-secret-key", "InfobipSender": "Shop"}),
        ),
        ("telnyx", twofactor_bundle::TELNYX, json!({"TelnyxApiKey": "KEY-very-secret", "TelnyxFrom": "+15005550006"})),
        (
            "vonage",
            twofactor_bundle::VONAGE,
            json!({"VonageApiKey": "a1b2c3d4", "VonageApiSecret": "very-secret", "VonageFrom": "Shop",
            "VonageSignatureSecret": "signature-secret"}),
        ),
        (
            "sendgrid",
            twofactor_bundle::SENDGRID,
            json!({"SendGridApiKey": "SG.very.secret", "SendGridSenderAddress": from, "SendGridSenderName": "Käse"}),
        ),
        (
            "whatsapp",
            twofactor_bundle::WHATSAPP,
            json!({"WhatsAppPhoneNumberId": "106540352242922", "WhatsAppAccessToken": "EAA-very-secret",
            "WhatsAppTemplateName": "code", "WhatsAppTemplateLanguages": ["en_US", "de"]}),
        ),
        (
            "twilio-verify",
            twofactor_bundle::TWILIO_VERIFY,
            json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "very-secret",
            "TwilioVerifyServiceSid": "VA0123456789abcdef0123456789abcdef"}),
        ),
        (
            "twilio-voice",
            twofactor_bundle::TWILIO_VOICE,
            json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef",
            "TwilioAuthToken": "very-secret", "TwilioVoiceFromNumber": "+15005550006"}),
        ),
        (
            "webhook",
            twofactor_bundle::WEBHOOK,
            json!({"WebhookUrl": "https://gateway.example.com/codes",
            "WebhookSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
        ),
    ];
    each(&providers, |(name, component, options)| {
        let file = write(folder.path(), &format!("{name}.wasm"), component);
        let options = write(folder.path(), &format!("{name}.json"), options.to_string());
        let mut arguments = vec!["check", file.to_str().unwrap(), "--options", options.to_str().unwrap()];
        if *name == "slack" {
            arguments.extend(["--accepted-response", by_slack.to_str().unwrap()]);
        } else if *name == "twilio-verify" {
            arguments.extend([
                "--accepted-response",
                by_verify.to_str().unwrap(),
                "--approved-response",
                approved.to_str().unwrap(),
            ]);
        } else if *name == "vonage" {
            arguments.extend(["--replay", vonage.to_str().unwrap()]);
        }
        for (_, accepted) in by_gateways.iter().filter(|(gateway, _)| gateway == name) {
            arguments.extend(["--accepted-response", accepted.to_str().unwrap()]);
        }
        let reports =
            [("twilio", &by_twilio), ("twilio-voice", &by_voice), ("infobip", &by_infobip), ("vonage", &by_vonage)];
        for (_, report) in reports.iter().filter(|(reporting, _)| reporting == name) {
            arguments.extend(["--report", report.to_str().unwrap()]);
        }
        let output = run(&arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("faults: 0") && said.contains("skipped: 0"), "{name}: {said}");
    });
}

#[test]
fn without_options_it_fails_and_says_what_it_did_not_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "twilio.wasm", twofactor_bundle::TWILIO);
    let output = run(&["check", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("options: without options `configure` and `deliver` were not checked at all"), "{said}");
    assert!(said.contains("`examples` in the schema, or with `--options FILE`"), "{said}");
}

/// Returns the provider for email, and options of a server that wants no login.
fn relay(folder: &Path) -> (PathBuf, PathBuf) {
    let server = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let file = write(folder, "email.wasm", twofactor_bundle::EMAIL);
    (file, write(folder, "options.json", options.to_string()))
}

#[test]
fn a_relay_without_a_login_is_not_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let (file, options) = relay(folder.path());
    let output = run(&["check", file.to_str().unwrap(), "--options", options.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("faults: 0"), "{said}");
    assert!(said.contains("skipped login-refused: it does not log in with these options"), "{said}");
}

#[test]
fn the_finding_for_a_refused_recipient_says_how_to_choose_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "it.wasm", component("it takes no Swiss numbers"));
    let [only] = not_passed(&file, &[]).try_into().unwrap();
    assert_eq!((&only["rule"], &only["verdict"]), (&json!("accepted"), &json!("fault")), "{only}");
    assert!(only["what"].as_str().unwrap().starts_with("it rejects the recipient of this check"), "{only}");
    assert!(only["remedy"].as_str().unwrap().contains("--to"), "{only}");
    assert_eq!(not_passed(&file, &["--to", "+4915112345678"]), Vec::<Value>::new());
    // It is looked for in what is sent.
    let file = write(folder.path(), "other.wasm", component("it goes to the sender"));
    assert!(not_passed(&file, &["--to", "+4915112345678"]).iter().any(|finding| finding["rule"] == "recipient"));

    let output = run(&["check", file.to_str().unwrap(), "--to", "0151 123"]);
    assert!(!output.status.success() && String::from_utf8(output.stderr).unwrap().contains("E.164"));
    for to in ["Ann.B@upstream.example.com", "a@b.example.com", "ü@example.com"] {
        let (file, options) = relay(folder.path());
        let found = not_passed(&file, &["--options", options.to_str().unwrap(), "--to", to]);
        assert!(found.iter().all(|finding| finding["rule"] == "login-refused"), "{to}: {found:?}");
    }
}

#[test]
fn an_open_option_with_the_value_of_a_secret_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = write(folder.path(), "options.json", r#"{"Sender": "demo-canary", "Key": "demo-canary"}"#);
    let of = |fault: &str| {
        let file = write(folder.path(), "it.wasm", component(fault));
        not_passed(&file, &["--options", options.to_str().unwrap()])
    };
    assert_eq!(of("none"), Vec::<Value>::new());
    // Where none of them is marked, both may be it.
    let found = of("its key is open");
    let faults: Vec<_> = found.iter().filter(|finding| finding["rule"] == "credentials-marked").collect();
    assert_eq!(faults.len(), 2, "{found:?}");
}

#[test]
fn a_provider_with_http_and_mail_is_told_that_mail_was_not_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "it.wasm", component("a mail server too"));
    let [only] = not_passed(&file, &[]).try_into().unwrap();
    assert_eq!((&only["rule"], &only["verdict"]), (&json!("mail"), &json!("skipped")), "{only}");
}

#[test]
fn a_provider_with_a_lookup_is_told_how_to_supply_responses() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "it.wasm", component("it needs a room"));
    let found = not_passed(&file, &[]);
    assert!(found.iter().any(|finding| finding["rule"] == "texts-unchanged"), "{found:?}");
    for finding in &found {
        let remedy = finding["remedy"].as_str().unwrap();
        assert!(remedy.contains("`--replay FILE` or `--accepted-response FILE`"), "{finding}");
    }
    let accepted = write(folder.path(), "accepted.json", r#"{"room": "1"}"#);
    assert_eq!(not_passed(&file, &["--accepted-response", accepted.to_str().unwrap()]), Vec::<Value>::new());
}

#[test]
fn only_the_request_for_a_code_may_name_the_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "it.wasm", twofactor_tests::hostile::VERIFYING);
    let of = |behaviour: &str| {
        let options = write(folder.path(), "options.json", json!({ "Behaviour": behaviour }).to_string());
        findings(&file, &["--options", options.to_str().unwrap()])
    };
    let accepted = |findings: &[Value]| findings.iter().find(|finding| finding["rule"] == "accepted").unwrap().clone();
    assert_eq!(accepted(&of("name once"))["verdict"], "passed");
    let found = of("name twice");
    let accepted = accepted(&found);
    assert_eq!(accepted["what"], "the upstream was asked 2 times");
    assert!(accepted["remedy"].as_str().unwrap().contains("only that request may name the recipient"), "{accepted}");
    let said = |finding: &&Value| finding["what"].as_str().is_some_and(|what| what.contains("named the recipient"));
    assert!(found.iter().filter(said).count() > 0, "{found:?}");
}

#[test]
fn try_delivers_one_code_and_reports_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = runtime.block_on(twofactor_tests::upstream::Upstream::start());
    let file = write(folder.path(), "right.wasm", component("none"));
    let options = write(folder.path(), "options.json", r#"{"Sender": "Shop", "Key": "k3y-canary"}"#);
    let override_argument = format!("https://upstream.example.com={}", upstream.address);
    let of = |to: &str| {
        let (file, options) = (file.to_str().unwrap(), options.to_str().unwrap());
        run(&["try", file, "--options", options, "--to", to, "--override", &override_argument])
    };
    let output = of("+41791234567");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("https://upstream.example.com with a bearer token") && said.contains("Delivered in "),
        "{said}"
    );
    let seen = upstream.seen();
    let code = twofactor_tests::upstream::code(&seen[0].body).unwrap();
    assert!(said.contains(&format!("The code is {code}.")), "{said}");
    assert!(!said.contains("k3y-canary"));

    // One that the instance does not reach would have the code go out for real.
    let elsewhere = override_argument.replace("upstream", "upstraem");
    let (file, options) = (file.to_str().unwrap(), options.to_str().unwrap());
    let output = run(&["try", file, "--options", options, "--to", "+41791234567", "--override", &elsewhere]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("does not reach https://upstraem.example.com, so nothing was sent"), "{said}");
    assert!(said.contains("it reaches https://upstream.example.com"), "{said}");
    for number in ["079 123 45 67", "+41 79 123 45 67", "+"] {
        assert!(String::from_utf8(of(number).stderr).unwrap().contains("E.164"), "{number}");
    }
    assert_eq!(upstream.seen().len(), 1);
}

#[test]
fn the_wait_that_a_provider_passed_on_is_shown() {
    use axum::http::StatusCode;

    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let later = async || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]);
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(later)).await });
        address
    });
    let file = write(folder.path(), "right.wasm", component("none"));
    let options = write(folder.path(), "options.json", r#"{"Sender": "Shop", "Key": "k3y-canary"}"#);
    let (file, options) = (file.to_str().unwrap(), options.to_str().unwrap());
    let override_argument = format!("https://upstream.example.com={address}");
    let output = run(&["try", file, "--options", options, "--to", "+41791234567", "--override", &override_argument]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("retry-later after"), "{said}");
    assert!(said.contains("retry after 7 s"), "{said}");
}

#[test]
fn compiled_code_is_cached_and_code_written_by_others_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "it.wasm", component("none"));
    let cache = folder.path().join("cache");
    let check = || {
        let output = run(&["check", file.to_str().unwrap(), "--cache", cache.to_str().unwrap()]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let compiling = "compiling a provider for the first time";
    assert!(check().contains(compiling));
    assert!(!check().contains(compiling));
    let kept = cache.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "cwasm")).unwrap();
    let mut bytes = std::fs::read(&kept).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    let said = check();
    assert!(said.contains("was not written by this installation") && said.contains(compiling), "{said}");
}
