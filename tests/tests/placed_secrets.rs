//! A secret that the host puts into a request is where its place is, in the spelling of that place, and nowhere else: the component has
//! letters.

use serde_json::{Value, json};
use twofactor::admin::{Administration, Instance, InstanceChange};
use twofactor::sandbox::{Component, Recording, SandboxLimits};
use twofactor::{Actor, Network, NewInstance, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::errors::invalid_input;
use twofactor_tests::hostile::{HOSTILE, Neighbourhood, SECRET, WASI_HTTP};
use twofactor_tests::sample;
use twofactor_tests::upstream::{Seen, Upstream, code};

const KEY: &str = "pl4ced \"canary\" <é> & more: 100%";
/// One that any header can hold.
const NARROW: &str = "n4rrow-canary-of-the-body";
const ORIGIN: &str = "https://upstream.example.com";
const SECOND: &str = "https://second.example.com";

async fn neighbourhood() -> Neighbourhood {
    let upstream = Upstream::start().await;
    let network = Network::builder()
        .override_endpoint(ORIGIN, upstream.address)
        .override_endpoint(SECOND, upstream.address)
        .override_endpoint("https://api.twilio.com", upstream.address)
        .allow_code_in_query(ORIGIN)
        .build()
        .unwrap();
    Neighbourhood::on(network, upstream).await
}

fn options(place: &str) -> Value {
    json!({"Behaviour": format!("place: {place}"), "Url": format!("{ORIGIN}/messages"), "Second": SECOND, "Key": KEY,
        "Narrow": NARROW})
}

#[tokio::test]
async fn a_secret_arrives_in_each_part_as_it_was_entered() {
    let place = neighbourhood().await;
    let read_query = |seen: &Seen| -> Vec<(String, String)> {
        url::form_urlencoded::parse(seen.query.as_bytes()).into_owned().collect()
    };
    let in_json = |seen: &Seen| serde_json::from_str::<Value>(&seen.body).unwrap()["key"].clone();
    type Arrived<'a> = &'a dyn Fn(&Seen) -> bool;
    let parts: [(&str, Arrived<'_>); 9] = [
        ("json", &|seen| in_json(seen) == KEY),
        ("narrow json", &|seen| in_json(seen) == NARROW),
        ("form", &|seen| {
            url::form_urlencoded::parse(seen.body.as_bytes()).any(|(key, value)| key == "key" && value == KEY)
        }),
        ("xml", &|seen| seen.body.contains("<m key=\"pl4ced &quot;canary&quot; &lt;é&gt; &amp; more: 100%\">")),
        ("raw", &|seen| seen.body.starts_with(&format!("{KEY}\n"))),
        ("query", &|seen| read_query(seen).contains(&("key".to_owned(), KEY.to_owned()))),
        ("path", &|seen| {
            let segment = seen.path.split('/').nth(2).unwrap().strip_prefix("bot").unwrap();
            url::form_urlencoded::parse(segment.as_bytes()).next().unwrap().0 == KEY && seen.path.ends_with("/send")
        }),
        ("header", &|seen| seen.header("x-key") == [format!("App {KEY}")]),
        ("both", &|seen| in_json(seen) == NARROW && read_query(seen) == [("key".to_owned(), KEY.to_owned())]),
    ];
    for (part, is_there) in parts {
        let report = place.attempt_alone(options(part)).await;
        assert_eq!((&*report.outcome, &*report.code), ("delivered", "201"), "{part}: {}", report.detail);
        let seen = place.upstream.seen().pop().unwrap();
        assert!(is_there(&seen), "{part}: {} {} {}", seen.path, seen.query, seen.body);
        assert!(code(&seen.body).is_some(), "{part}: {}", seen.body);
        assert!(seen.header("authorization")[0].starts_with("Basic "), "{part}");
    }
}

#[tokio::test]
async fn a_placeholder_in_another_place_stops_the_request() {
    let place = neighbourhood().await;
    for (part, word) in [
        ("the name of a header", "where no secret goes"),
        ("the method", "where no secret goes"),
        ("the host", "does not place it"),
        ("twice", "more than once"),
        ("body and header", "more than once"),
        ("elsewhere", "does not place it"),
        ("at an origin of nobody", "does not place it"),
        ("narrow in the query", "in the query"),
        ("narrow in the path", "in the path"),
        ("narrow in a header", "in the header"),
    ] {
        let report = place.attempt_alone(options(part)).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "denied"), "{part}: {}", report.detail);
        assert!(report.detail.contains(word), "{part}: {}", report.detail);
        assert!(place.upstream.seen().is_empty(), "{part}");
    }
    let report = place.attempt_alone(options("in capitals")).await;
    assert_eq!(&*report.outcome, "delivered", "{}", report.detail);
    let seen = place.upstream.seen().pop().unwrap();
    assert!(!seen.body.to_lowercase().contains("canary"), "{}", seen.body);
}

#[tokio::test]
async fn a_placed_secret_is_never_in_the_components_memory_nor_in_what_it_says() {
    let place = neighbourhood().await;
    let needle = |text: &str| text.chars().rev().collect::<String>();
    for _ in 0..10 {
        let mut options = options("then search");
        // In letters that no encoding changes, so that the upstream gives it back as it is.
        options["Key"] = json!(NARROW.repeat(2));
        options["Needle"] = json!(needle(&NARROW.repeat(2)));
        options["Url"] = json!(format!("{ORIGIN}/mirror"));
        options.as_object_mut().unwrap().remove("Narrow");
        let report = place.attempt_alone(options.clone()).await;
        let (before, after) = report.code.split_once(" then ").unwrap();
        assert_eq!(before, "0", "{report:?}");
        assert_ne!(after, "0", "{report:?}");
        assert!(place.upstream.seen().pop().unwrap().body.contains(&NARROW.repeat(2)));
        options["Behaviour"] = json!("place: then tell");
        let report = place.attempt_alone(options).await;
        assert!(report.detail.contains("***") && !report.detail.contains(NARROW), "{}", report.detail);
    }
    println!("10 deliveries: 10 secrets arrived and came back, none was in the component's memory");
}

#[tokio::test]
async fn a_recording_has_the_placeholder() {
    let (upstream, recording) = (Upstream::start().await, Recording::new());
    let network = Network::builder().override_endpoint(ORIGIN, upstream.address).recording(&recording).build().unwrap();
    let component = Component::load(HOSTILE, network, SandboxLimits::default()).await.unwrap();
    for place in ["json", "query", "path", "header", "narrow in the path", "then tell"] {
        let mut options = options(place);
        options["Secret"] = json!(SECRET);
        options["Url"] = json!(format!("{ORIGIN}/mirror"));
        options["Key"] = json!("k3y-canary");
        options.as_object_mut().unwrap().remove("Second");
        let configured = component.configure(&options).await.unwrap();
        let _ = configured.deliver(sample::message("+41791110000", "4829136057")).await;
    }
    assert_eq!(upstream.seen().len(), 5);
    assert!(recording.exchanges().len() == 5 && !recording.lines().is_empty());
    for exchange in recording.exchanges() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = format!("{} {:?} {}", exchange.url, exchange.request_headers, text(&exchange.request_body));
        let answer = format!("{:?} {}", exchange.headers, text(&exchange.body));
        assert!(!all.contains("canary") && !answer.contains("canary"), "{all} {answer}");
    }
    assert!(recording.lines().iter().all(|line| !line.contains("canary")), "{:?}", recording.lines());
}

#[tokio::test]
async fn through_wasi_http_a_secret_is_put_in_as_well() {
    let place = Neighbourhood::of("wasi-http", WASI_HTTP).await;
    let attempt = async |behaviour: &str| {
        let options = json!({"Behaviour": behaviour, "Url": format!("{ORIGIN}/a"), "Key": NARROW});
        place.attempt_alone(options).await
    };
    for behaviour in ["place in the body", "place in the query"] {
        let report = attempt(behaviour).await;
        assert_eq!((&*report.outcome, &*report.code), ("delivered", "201"), "{behaviour}: {}", report.detail);
        let seen = place.upstream.seen().pop().unwrap();
        assert!(format!("{} {}", seen.query, seen.body).contains(NARROW), "{behaviour}");
    }
    let report = attempt("place in the path").await;
    assert_eq!((&*report.outcome, place.upstream.seen().len()), ("misconfigured", 2), "{}", report.detail);
}

#[tokio::test]
async fn the_code_is_in_a_query_only_where_the_operator_allowed_it() {
    let place = neighbourhood().await;
    let attempt = async |behaviour: &str| {
        let url = format!("{ORIGIN}/send");
        place.attempt_alone(json!({"Behaviour": behaviour, "Url": url})).await
    };
    let report = attempt("code in the query").await;
    assert_eq!((&*report.outcome, &*report.code), ("delivered", "201"), "{}", report.detail);
    let seen = place.upstream.seen().pop().unwrap();
    assert!(code(&seen.query).is_some(), "{}", seen.query);
    // Letters in another place stay letters, and a message without its code does not count as sent.
    for where_else in [": encoded by letters", ": path", ": header"] {
        let report = attempt(&format!("code in the query{where_else}")).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "no-code"), "{where_else}: {}", report.detail);
        let seen = place.upstream.seen().pop().unwrap();
        assert_eq!(code(&format!("{} {}", seen.path, seen.header("x-code").concat())), None, "{where_else}");
    }
    // At the second origin nothing was allowed, so that the instance is not valid.
    let options = json!({"Behaviour": "code in the query: elsewhere", "Url": ORIGIN, "Second": SECOND});
    let report = place.try_alone(options).await.map(|report| report.outcome);
    assert!(report.as_ref().map_or(true, |outcome| outcome != "delivered"), "{report:?}");
    let engine = engine().await;
    let refused = instance(&engine, json!({"Behaviour": "code in the query", "Secret": SECRET})).await;
    let said = &refused.problems[0].detail;
    assert!(!refused.valid && said.contains("`allowed_code_in_query`"), "{said}");
}

async fn engine() -> TwoFactor {
    let engine = compiled::builder().network(Network::builder().build().unwrap()).provider(HOSTILE);
    let engine = engine.build().await.unwrap();
    admin(&engine).create_subscription("s", "S").await.unwrap();
    engine
}

fn admin(engine: &TwoFactor) -> Administration {
    engine.administration(Actor::new("test"))
}

async fn instance(engine: &TwoFactor, options: Value) -> Instance {
    admin(engine).create_instance("s", NewInstance::new("hostile", "x", options)).await.unwrap()
}

#[tokio::test]
async fn those_who_approve_are_shown_where_a_secret_goes() {
    let engine = engine().await;
    let mut options = options("json");
    options["Secret"] = json!(SECRET);
    let placed = instance(&engine, options.clone()).await;
    let connections: Vec<_> = placed.connections.iter().map(ToString::to_string).collect();
    let first = format!("{ORIGIN} basic place=body,query,path,header:/Key place=body:/Narrow");
    assert_eq!(connections, [first, SECOND.to_owned()]);
    options["Behaviour"] = json!("place: no such option");
    let refused = instance(&engine, options).await;
    assert!(!refused.valid && refused.problems[0].detail.contains("`/Url`"), "{:?}", refused.problems);
}

#[tokio::test]
async fn a_secret_that_responses_could_not_be_searched_for_is_not_placed() {
    let engine = engine().await;
    for (key, valid) in [("5char", false), ("6chars", true)] {
        let mut options = options("json");
        (options["Secret"], options["Key"]) = (json!(SECRET), json!(key));
        let made = instance(&engine, options).await;
        assert_eq!(made.valid, valid, "{:?}", made.problems);
        assert!(valid || made.problems[0].detail.contains("fewer than 6 characters"), "{:?}", made.problems);
    }
}

/// The two origins stay, and one secret goes to the other of them.
#[tokio::test]
async fn a_stored_secret_is_not_placed_elsewhere() {
    let engine = engine().await;
    let mut options = options("json");
    options["Secret"] = json!(SECRET);
    let placed = instance(&engine, options.clone()).await;
    assert!(placed.valid, "{:?}", placed.problems);
    let change = async |behaviour: &str, key: &str, narrow: &str| {
        let mut options = options.clone();
        (options["Behaviour"], options["Key"], options["Narrow"]) = (json!(behaviour), json!(key), json!(narrow));
        options["Secret"] = json!("********");
        let change = InstanceChange { options: Some(options), ..Default::default() };
        admin(&engine).update_instance("s", &placed.id, change, None).await
    };
    assert!(change("place: query", "********", "********").await.unwrap().valid);
    let said = invalid_input(change("place: at the second", "********", "********").await);
    assert!(said.contains("another destination"), "{said}");
}
