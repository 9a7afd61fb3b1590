//! A secret that the host puts into requests: written where it goes, and where it does not.

use twofactor_provider::{Connection, Delivery, Http, Message, accepted, misconfigured, rejected_message};

use super::{Options, found, result};

/// A message with a secret.
#[derive(serde::Serialize)]
struct Keyed<'a> {
    key: &'a str,
    text: &'a str,
}

/// Where another origin of the instance gets the secret too.
const SECOND: &str = "place: at the second";

/// Adds to the connections what the options want placed.
pub(super) fn connections(options: &Options, mut connections: Vec<Connection>) -> Vec<Connection> {
    if options.key.is_some() || options.narrow.is_some() {
        let at = usize::from(options.behaviour == SECOND);
        let connection = connections.remove(at).place_secret("/Key").place_secret("/Narrow");
        connections.insert(at, connection);
    }
    if options.behaviour == "place: no such option" {
        connections = connections.into_iter().map(|connection| connection.place_secret("/Url")).collect();
    }
    if options.behaviour.starts_with("code in the query") {
        connections = connections.into_iter().map(Connection::code_in_query).collect();
    }
    connections
}

/// Writes the placeholder of `Key`, which may be everywhere, or of `Narrow`, which may be in the body, where the behaviour says.
pub(super) fn deliver(options: &Options, message: &Message, place: &str) -> Delivery {
    let key = options.key.as_ref().map(ToString::to_string).unwrap_or_default();
    let narrow = options.narrow.as_ref().map(ToString::to_string).unwrap_or_default();
    let (url, text) = (&options.url, &message.text);
    let post = || Http::post(url);
    let json = Keyed { key: &key, text };
    let request = match place {
        "json" => post().json(&json),
        "narrow json" => post().json(&Keyed { key: &narrow, text }),
        "form" => post().form([("key", &*key), ("text", text)]),
        "xml" => post().body("text/xml; charset=utf-8", format!("<m key=\"{key}\"><text>{text}</text></m>")),
        "raw" => post().body("text/plain", format!("{key}\n{text}")),
        "query" => Http::post(format!("{url}?a=b&key={key}")).json(text),
        "path" => Http::post(format!("{url}/bot{key}/send")).json(text),
        "header" => post().header("x-key", format!("App {key}")).json(text),
        "both" => Http::post(format!("{url}?key={key}")).json(&Keyed { key: &narrow, text }),
        "the name of a header" => post().header(&key, "a").json(text),
        "the method" => Http::new(&key, url).json(text),
        "the host" => Http::post(format!("https://{key}.example.com/")).json(text),
        "twice" => post().json(&[&*key, &*key, &**text]),
        "body and header" => post().header("x-key", &*key).json(&json),
        "elsewhere" => Http::post(&options.second).json(&json),
        "at an origin of nobody" => Http::post("https://elsewhere.example.com/").json(&json),
        "narrow in the query" => Http::post(format!("{url}?key={narrow}")).json(text),
        "narrow in the path" => Http::post(format!("{url}/{narrow}")).json(text),
        "narrow in a header" => post().header("x-key", narrow).json(text),
        // In another form it is letters to the host, and leaves as such.
        "in capitals" => post().json(&[&*key.to_uppercase(), &**text]),
        // What the upstream repeats of it is looked for in this component's memory.
        "then search" => {
            let answer = post().json(&json).send()?;
            let needle = options.needle.as_bytes();
            let at = |i: usize| needle[needle.len() - 1 - i];
            let before = found(needle.len(), at);
            let typed = std::hint::black_box((0..needle.len()).map(at).collect::<Vec<_>>());
            let after = found(needle.len(), at);
            drop((std::hint::black_box(typed), answer));
            return Err(rejected_message(&format!("{before} then {after}"), ""));
        }
        "then tell" => {
            let answer = post().json(&json).send()?;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            twofactor_provider::log(twofactor_provider::Level::Error, &body);
            return Err(rejected_message("told", &body));
        }
        _ => return Err(misconfigured("place", "there is no such place")),
    };
    result(request.send())
}

/// Writes the code into the query, and where else the behaviour says.
pub(super) fn deliver_by_query(options: &Options, message: &Message, where_else: &str) -> Delivery {
    let text = message.text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let code = &message.code;
    let url = &options.url;
    let request = match where_else {
        "" => Http::new("GET", format!("{url}?to={}&code={code}", message.recipient.replace('+', "%2B"))),
        ": encoded by letters" => Http::new("GET", format!("{url}?text={text}")),
        ": path" => Http::new("GET", format!("{url}/{code}")),
        ": header" => Http::new("GET", url).header("x-code", &**code),
        ": elsewhere" => Http::new("GET", format!("{}?code={code}", options.second)),
        _ => return Ok(accepted("")),
    };
    result(request.send())
}
