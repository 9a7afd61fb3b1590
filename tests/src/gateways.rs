//! What every provider for a gateway is held to: a code travels through the real component to the vendor's strict stand-in and is
//! accepted once; what the vendor refuses has its outcome; and neither the code nor a secret is in the component's memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;
use twofactor::admin::TestMessage;
use twofactor::instance::Policy;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, Recipient, SignIn, TwoFactor};

use crate::canaries::Canaries;
use crate::compiled;
use crate::guest_memory::memories_of_guests;
use crate::vendors::recorder::{Recorder, Reply, Seen};

/// Long enough that it is found nowhere by chance, and short enough for every gateway.
const CODE_LENGTH: u8 = 8;

/// A provider and its vendor.
pub struct Gateway {
    pub type_id: &'static str,
    pub component: Vec<u8>,
    pub vendor: Recorder,
    pub network: Network,
    /// Options that the vendor accepts.
    pub options: Value,
    /// The secrets among them.
    pub secrets: &'static [&'static str],
    /// A recipient that the vendor accepts, of the kind that the provider has.
    pub recipient: &'static str,
    /// Reads the code of an accepted request.
    pub code: fn(&Seen) -> String,
}

/// Options that differ from the accepted ones, a recipient if it is another, and the outcome with its code.
pub type Refusal = (Value, Option<&'static str>, &'static str, &'static str);

/// The code in a body: the only digits of its length.
pub fn code_in_body(seen: &Seen) -> String {
    code_in(&String::from_utf8_lossy(&seen.body))
}

/// The only digits of a code's length in a text.
pub fn code_in(text: &str) -> String {
    let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == usize::from(CODE_LENGTH));
    runs.next().unwrap().to_owned()
}

/// Waits until no other test of this process uses the provider of a type. Its secrets must be in no guest that another test made while
/// they are searched for; and what the first test compiles the others find in the cache.
pub async fn turn(type_id: &str) -> OwnedMutexGuard<()> {
    static TURNS: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let turn = TURNS.lock().unwrap().entry(type_id.to_owned()).or_default().clone();
    turn.lock_owned().await
}

fn recipient(address: &str) -> Recipient {
    match address.chars().next() {
        Some('+') => Recipient { phone: Some(address.to_owned()), ..Recipient::default() },
        Some('!') => Recipient { handle: Some(address.to_owned()), ..Recipient::default() },
        _ => Recipient { email: Some(address.to_owned()), ..Recipient::default() },
    }
}

impl Gateway {
    /// Holds the provider to all of it, and prints the request as it left.
    pub async fn holds(self, refusals: &[Refusal]) {
        let _turn = turn(self.type_id).await;
        let policy = Policy { countries: ["*".to_owned()].into(), code_length: CODE_LENGTH, ..Policy::default() };
        let builder = compiled::builder().network(self.network.clone()).policy(policy);
        let engine = builder.provider(self.component.clone()).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let instance = NewInstance::new(self.type_id, "x", self.options.clone());
        let instance = admin.create_instance("s", instance).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();

        let searched = self.search_memory();
        self.code_travels(&engine).await;
        let (bytes, found) = searched.lock().unwrap().clone();
        assert!(found.is_empty(), "{}: {found:#?}", self.type_id);
        assert!(bytes > 0);
        self.vendor.watch(|_| ());
        self.print(bytes);

        let test = async |options: Option<Value>, to: &str| {
            let test = TestMessage { options, ..TestMessage::to(recipient(to)) };
            admin.send_test("s", &instance.id, test).await.unwrap()
        };
        let accepted = self.vendor.accepted().len();
        for (changed, to, outcome, code) in refusals {
            let mut options = self.options.clone();
            options.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            let report = test(Some(options), to.unwrap_or(self.recipient)).await;
            let seen = (&*report.outcome, &*report.code);
            assert_eq!(seen, (*outcome, *code), "{} {changed} {to:?}: {}", self.type_id, report.detail);
        }
        let nothing = Value::Null;
        for (reply, outcome) in [
            (Reply::refuses(429, &json!({})).header("retry-after", "7"), "retry-later"),
            (Reply::refuses(500, &json!({})), "outcome-unknown"),
            (Reply::refuses(502, &nothing).text("<html>bad gateway</html>"), "outcome-unknown"),
            (Reply::refuses(200, &nothing).text("hello"), "outcome-unknown"),
            (Reply::refuses(302, &json!({})).header("location", "https://elsewhere.example.com/"), "misconfigured"),
        ] {
            self.vendor.answer_next(reply.clone());
            let report = test(None, self.recipient).await;
            assert_eq!(report.outcome, outcome, "{} {reply:?}: {}", self.type_id, report.detail);
        }
        assert_eq!(self.vendor.accepted().len(), accepted, "{}: something that was refused was sent", self.type_id);

        self.vendor.answer_next(Reply::refuses(429, &json!({})).header("retry-after", "7"));
        let error = engine.start(self.challenge("v")).await.unwrap_err();
        assert_eq!(
            (error.is_retryable(), error.retry_after()),
            (true, Some(Duration::from_secs(7))),
            "{}",
            self.type_id
        );
    }

    fn challenge(&self, user: &str) -> NewChallenge {
        let start = NewChallenge::new(SignIn::new("s").tenant("t").user(user));
        let Recipient { phone, email, handle, .. } = recipient(self.recipient);
        let start = phone.into_iter().fold(start, NewChallenge::phone);
        let start = email.into_iter().fold(start, NewChallenge::email);
        handle.into_iter().fold(start, NewChallenge::handle)
    }

    async fn code_travels(&self, engine: &TwoFactor) {
        let challenge = engine.start(self.challenge("u")).await.unwrap();
        let accepted = self.vendor.accepted();
        let [seen] = &accepted[..] else { panic!("{}: {} requests", self.type_id, accepted.len()) };
        let code = (self.code)(seen);
        engine.verify("s", Answer::new(&challenge.id, &code)).await.unwrap();
        assert!(engine.verify("s", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
    }

    /// Searches the memories of all guests whenever a request arrives, while its sender waits: how many bytes, and what was found.
    fn search_memory(&self) -> Arc<Mutex<(usize, Vec<String>)>> {
        let result = Arc::new(Mutex::new((0, Vec::new())));
        let (seen_so_far, secrets, to, code) = (result.clone(), self.secrets, self.recipient, self.code);
        self.vendor.watch(move |seen| {
            let memories = memories_of_guests(std::process::id());
            let mut hidden = Canaries::default();
            hidden.add("code", &code(seen));
            secrets.iter().for_each(|secret| hidden.add("secret", secret));
            let mut found = hidden.search().found_in(&memories);
            // What the guest does know shows that it was looked at.
            let mut known = Canaries::default();
            known.add("recipient", to.trim_start_matches('+'));
            if known.search().found_in(&memories).is_empty() {
                found.push("no recipient: this is not the guest's memory".to_owned());
            }
            let mut result = seen_so_far.lock().unwrap();
            result.0 += memories.len();
            result.1.extend(found);
        });
        result
    }

    #[allow(clippy::print_stdout, reason = "the request is what one looks for")]
    fn print(&self, bytes: usize) {
        let seen = self.vendor.accepted().remove(0);
        let shown = seen.shown(self.secrets).replace(&(self.code)(&seen), "########");
        println!("{}: searched {bytes} bytes of memory, found neither code nor secret\n{shown}\n", self.type_id);
    }
}
