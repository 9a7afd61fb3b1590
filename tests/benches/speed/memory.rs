//! Resident memory of a process that does nothing else.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use twofactor::sandbox::{Component, SandboxLimits};
use twofactor::{SqliteStore, TwoFactor};

use crate::{row, setup};

/// Set for the process that is measured; its value is the upstream's address.
pub(crate) const CHILD: &str = "TWOFACTOR_BENCH_UPSTREAM";

const IN_FLIGHT: usize = 256;

/// KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

pub(crate) async fn child(upstream: &str) {
    let (upstream, folder) = upstream.split_once('|').unwrap();
    let folder = std::path::Path::new(folder);
    let store = SqliteStore::open(folder.join("a.db")).unwrap();
    let keys = twofactor::keyring::Keyring::open_or_create(&folder.join("a.keys")).unwrap();
    let builder = TwoFactor::builder().store(store).keyring(keys).bundled_providers();
    let engine = builder.cache_dir(folder.join("cache")).build().await.unwrap();
    engine.ready().await.unwrap();
    let idle = resident();

    let network = setup::network(upstream.parse().unwrap());
    let component = Component::load(twofactor_bundle::TWILIO, network, SandboxLimits::default()).await.unwrap();
    let Ok(component) = component.configure(&setup::options()).await else { panic!("the options are valid") };
    let component = Arc::new(component);
    component.deliver(setup::message()).await.unwrap();
    let before = resident();
    let deliveries: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let component = component.clone();
            tokio::spawn(async move { component.deliver(setup::message()).await.map(drop) })
        })
        .collect();
    // The upstream answers all of them late enough for each to be in flight when this looks.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let during = resident();
    for delivery in deliveries {
        delivery.await.unwrap().unwrap();
    }
    println!("{idle} {}", during.saturating_sub(before));
}

pub(crate) async fn rows() {
    let (upstream, _) = setup::upstream(Duration::from_secs(3)).await;
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    // The first run compiles, the second finds compiled code.
    for _ in 0..2 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(CHILD, format!("{upstream}|{}", folder.path().display())).stdout(Stdio::piped());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        said = String::from_utf8(output.stdout).unwrap();
    }
    let mut measured = said.split_whitespace().map(|number| number.parse::<u64>().unwrap());
    let (idle, flight) = (measured.next().unwrap(), measured.next().unwrap() / IN_FLIGHT as u64);
    row(
        "resident memory, idle with three providers / per delivery in flight",
        format!("{:.1} MiB / {flight} KiB", idle as f64 / 1024.0),
        "≤ 40 MiB / ≤ 128 KiB",
        idle <= 40 << 10 && flight <= 128,
    );
}
