//! Delivering through a component against the same request made natively.

use std::sync::Arc;
use std::time::{Duration, Instant};

use twofactor::sandbox::{Component, Configured, SandboxLimits};

use crate::row;
use crate::setup::{self, SID};

/// Which way a request goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Component,
    Native,
}

struct Both {
    component: Configured,
    native: reqwest::Client,
    url: String,
}

impl Both {
    async fn send(&self, way: Way) {
        match way {
            Way::Component => {
                self.component.deliver(setup::message()).await.unwrap();
            }
            Way::Native => {
                let form = [
                    ("To", "+41791234567"),
                    ("From", "+15005550006"),
                    ("Body", "Your code is 123456"),
                    ("ValidityPeriod", "300"),
                    ("ContentRetention", "discard"),
                    ("AddressRetention", "obfuscate"),
                ];
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                let request = self.native.post(&self.url).basic_auth(SID, Some("secret"));
                let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
                let answer = request.send().await.unwrap().bytes().await.unwrap();
                let _: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            }
        }
    }
}

/// Requests a second, and the time of each in order.
async fn load(both: &Arc<Both>, way: Way, clients: usize, each: usize) -> (f64, Vec<Duration>) {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let both = both.clone();
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    let begin = Instant::now();
                    both.send(way).await;
                    times.push(begin.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let rate = times.len() as f64 / begin.elapsed().as_secs_f64();
    times.sort_unstable();
    (rate, times)
}

/// Returns the medians over rounds in turns: throughput of the component's way over the native one's, and its p50 over the native one's.
async fn compare(wait: Duration, clients: usize, each: usize) -> (f64, f64, f64) {
    let (address, _) = setup::upstream(wait).await;
    let limits = SandboxLimits::default();
    let component = Component::load(twofactor_bundle::TWILIO, setup::network(address), limits).await.unwrap();
    let Ok(component) = component.configure(&setup::options()).await else { panic!("the options are valid") };
    let native = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(clients).build().unwrap();
    let url = format!("http://{address}/2010-04-01/Accounts/{SID}/Messages.json");
    let both = Arc::new(Both { component, native, url });
    for way in [Way::Native, Way::Component] {
        load(&both, way, clients, each / 4 + 1).await;
    }
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let native = load(&both, Way::Native, clients, each).await;
        let component = load(&both, Way::Component, clients, each).await;
        let p50 = |times: &[Duration]| setup::percentile(times, 50).as_secs_f64();
        rounds.push((component.0 / native.0, p50(&component.1) / p50(&native.1), component.0));
    }
    let median = |pick: fn(&(f64, f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (median(|round| round.0), median(|round| round.1), median(|round| round.2))
}

pub(crate) async fn rows() {
    let (throughput, p50, rate) = compare(Duration::from_millis(20), 256, 60).await;
    row(
        "deliver against native, upstream answers in 20 ms, 256 clients: throughput / p50",
        format!("{throughput:.3} / {p50:.3}   {rate:.0} a second"),
        "≥ 0.98 / ≤ 1.03",
        throughput >= 0.98 && p50 <= 1.03,
    );
    let (throughput, _, rate) = compare(Duration::ZERO, 32, 600).await;
    row(
        "deliver against native, upstream answers at once, 32 clients: throughput",
        format!("{throughput:.3}   {rate:.0} a second"),
        "≥ 0.4",
        throughput >= 0.4,
    );
}
