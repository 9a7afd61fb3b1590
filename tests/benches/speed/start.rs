//! A fresh instance, and a fresh engine.

use std::time::{Duration, Instant};

use twofactor::sandbox::{Component, SandboxLimits};
use twofactor::{Network, SqliteStore, TwoFactor};

use crate::{row, setup};

pub(crate) fn rows() {
    let one_thread = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    one_thread.block_on(async {
        let network = Network::builder().build().unwrap();
        let component = Component::load(twofactor_bundle::TWILIO, network, SandboxLimits::default()).await.unwrap();
        let round = async |calls: u32| {
            let begin = Instant::now();
            for _ in 0..calls {
                component.describe().await.unwrap();
            }
            begin.elapsed() / calls
        };
        round(2000).await;
        let mut rounds = Vec::new();
        for _ in 0..9 {
            rounds.push(round(2000).await);
        }
        rounds.sort_unstable();
        let took = rounds[rounds.len() / 2];
        let reached = took <= Duration::from_micros(25);
        row(
            "fresh instance and `describe`, one thread",
            format!("{:.1} µs", took.as_secs_f64() * 1e6),
            "≤ 25 µs",
            reached,
        );
    });

    setup::runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let ready = async || {
            let begin = Instant::now();
            let store = SqliteStore::open(folder.path().join("a.db")).unwrap();
            let keys = twofactor::keyring::Keyring::open_or_create(&folder.path().join("a.keys")).unwrap();
            let builder = TwoFactor::builder().store(store).keyring(keys).bundled_providers();
            let engine = builder.cache_dir(folder.path().join("cache")).build().await.unwrap();
            engine.ready().await.unwrap();
            begin.elapsed()
        };
        let first = ready().await;
        let mut rounds = Vec::new();
        for _ in 0..9 {
            rounds.push(ready().await);
        }
        rounds.sort_unstable();
        let took = rounds[rounds.len() / 2];
        row(
            "ready with three bundled providers, compiled code cached",
            format!("{:.1} ms   (first start {:.0} ms)", took.as_secs_f64() * 1e3, first.as_secs_f64() * 1e3),
            "≤ 60 ms",
            took <= Duration::from_millis(60),
        );
    });
}
