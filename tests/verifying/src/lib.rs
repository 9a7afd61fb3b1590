//! A provider whose upstream verifies the answers, correctly or in the wrong way that its options name.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{
    Connection, Failure, Http, Level, Message, Metadata, Problem, Recipient, Secret, StartedVerification, Verdict,
    Verifier, accepted, log, outcome_unknown,
};

struct Verifying;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Empty for one that is as it should be.
    #[serde(rename = "Behaviour", default)]
    behaviour: String,
    /// What a component may compute with.
    #[serde(rename = "Token")]
    #[schemars(extend("x-twofactor-revealed" = true))]
    token: Option<Secret>,
}

const ORIGIN: &str = "https://upstream.example.com";

impl Verifier for Verifying {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "verifying",
        name: "Verifying",
        version: "1.0.0",
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(_: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        Ok(vec![Connection::unauthenticated(ORIGIN)])
    }

    fn begin(options: &Options, message: &Message) -> Result<StartedVerification, Failure> {
        if options.behaviour == "tell the token" {
            let token = options.token.as_ref().map(Secret::reveal).unwrap_or_default();
            return Err(outcome_unknown("told", &format!("the token is {token}")));
        }
        let text = [&*message.subject, &message.text, message.html.as_deref().unwrap_or_default(), &message.code];
        // It says for whom, in as many requests as it is told.
        let named = match &*options.behaviour {
            "name once" => 1,
            "name twice" => 2,
            _ => 0,
        };
        for _ in 1..named {
            Http::post(format!("{ORIGIN}/look-up")).form([("to", &*message.recipient)]).send()?;
        }
        let to = if named > 0 { &*message.recipient } else { "" };
        Http::post(format!("{ORIGIN}/begin")).form([("", &*[&*text.concat(), to].concat())]).send()?;
        let (state, code_length) = match &*options.behaviour {
            "long state" => ("x".repeat(4097), 6),
            "short code" => ("state".to_owned(), 3),
            "long code" => ("state".to_owned(), 11),
            _ => ("state".to_owned(), 4),
        };
        Ok(StartedVerification { receipt: accepted("begun"), state, code_length })
    }

    fn check(options: &Options, state: &str, answer: &str) -> Result<Verdict, Failure> {
        if options.behaviour == "tell the token" {
            let token = options.token.as_ref().map(Secret::reveal).unwrap_or_default();
            return Err(outcome_unknown("told", &format!("the token is {token}")));
        }
        match &*options.behaviour {
            "lie" => return Ok(Verdict::Right),
            "lie in a URL" => {
                Http::post(format!("{ORIGIN}/check/{answer}")).form([("", state)]).send()?;
                return Ok(Verdict::Right);
            }
            "lie where it may not ask" => {
                let _ = Http::post("https://elsewhere.example.com/check").form([(state, answer)]).send();
                Http::post(format!("{ORIGIN}/hello")).form([("", "")]).send()?;
                return Ok(Verdict::Right);
            }
            "tell" => log(Level::Error, &format!("somebody typed {answer}")),
            "tell in a reason" => return Err(outcome_unknown(answer, answer)),
            // It does not go on unless it is let in.
            "log in" => {
                let said = Http::post(format!("{ORIGIN}/login")).form([("seat", "1")]).send()?;
                if !String::from_utf8_lossy(&said.body).contains("welcome") {
                    return Err(outcome_unknown("", "no welcome"));
                }
            }
            "trap" => panic!("it breaks off"),
            _ => {}
        }
        let said = Http::post(format!("{ORIGIN}/check")).form([(state, answer)]).send()?;
        match said.status {
            200 => Ok(Verdict::Right),
            403 => Ok(Verdict::Wrong),
            410 => Ok(Verdict::Expired),
            status => Err(said.failure_by_status(&status.to_string())),
        }
    }
}

twofactor_provider::export_verifier!(Verifying);
