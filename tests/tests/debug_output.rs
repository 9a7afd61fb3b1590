//! `Debug` of the engine's inputs and results shows no secret, code, token, recipient or user: it
//! ends up in other programs' logs.

use serde_json::json;
use twofactor::admin::InstanceChange;
use twofactor::sandbox::{Message, Outbox, Secret};
use twofactor::store::Targets;
use twofactor::token::Role;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn};
use twofactor_tests::compiled;
use twofactor_tests::ecall::wrong;

const SECRET: &str = "canary-of-a-password";
const EMAIL: &str = "canary.person@example.org";
const PHONE: &str = "+41795550101";
const USER: &str = "canary-of-a-user";

#[tokio::test]
async fn debug_output_shows_no_secret_code_token_recipient_or_user() {
    let outbox = Outbox::new();
    let network = Network::builder().outbox(&outbox).build().unwrap();
    let engine = compiled::builder().network(network).bundled_providers().build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let server = json!({"MailType": "SMTP", "Host": "mail.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "mailer", "Password": SECRET, "Timeout": 5000});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let new = NewInstance::new("email", "x", options.clone());
    let change = InstanceChange { options: Some(options), ..InstanceChange::default() };
    let mut shown = format!("{new:?} {change:?} {:?}", Secret::new(SECRET));
    let instance = admin.create_instance("s", new).await.unwrap();
    let changed = admin.update_instance("s", &instance.id, change, None).await.unwrap();
    let assigned = admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    let targets = Targets { user: Some(USER), ..Targets::default() };
    let start = NewChallenge::new(SignIn::new("s").tenant("t").user(USER)).email(EMAIL).phone(PHONE);
    shown += &format!("{instance:?} {changed:?} {assigned:?} {targets:?} {start:?} {:?}", start.recipient);

    let challenge = engine.start(start.clone()).await.unwrap();
    let mails = outbox.mails();
    let code = mails[0].text.lines().find(|line| line.len() == 6 && line.parse::<u32>().is_ok()).unwrap();
    let rejected = engine.verify("s", Answer::new(&challenge.id, wrong(code))).await.unwrap_err();
    let verified = engine.verify("s", Answer::new(&challenge.id, code)).await.unwrap();
    let (issued, token) = admin.issue_token("a", Role::SystemAdmin, None).await.unwrap();
    let identity = engine.authenticate(&token).await.unwrap();
    let message = Message {
        id: "m".to_owned(),
        recipient: EMAIL.to_owned(),
        subject: format!("{code} for {USER}"),
        text: format!("{code} for {USER}"),
        html: Some(format!("{code} for {USER}")),
        code: code.to_owned(),
        valid_seconds: 1,
        locale: String::new(),
        purpose: String::new(),
        application: String::new(),
        extra: vec![("user".to_owned(), USER.to_owned())],
        tried_before: false,
    };
    let log = admin.audit_log(0, 100).await.unwrap();
    shown += &format!("{challenge:?} {mails:?} {outbox:?} {rejected:?} {verified:?}");
    shown += &format!("{issued:?} {identity:?} {message:?} {log:?}");

    for canary in [SECRET, EMAIL, PHONE, USER, code, &token] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
    for there in ["NewInstance", "InstanceChange", "NewChallenge", "Targets", "codes@example.com"] {
        assert!(shown.contains(there), "{there} is not in {shown}");
    }
}
