//! `twofactor demo`: everything on loopback, with a throw-away store.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use ring::digest::{SHA256, digest};
use serde_json::json;
use twofactor::challenge::RateLimits;
use twofactor::instance::Policy;
use twofactor::sign_in::SignInPage;
use twofactor::token::Role;
use twofactor::{Actor, Assignment, Network, NewInstance, TwoFactor};
use twofactor_toolkit::{Cassette, CompileCacheArgs};

use crate::connections::ConnectionLimits;
use crate::serve::{announce, first_administrator, listen, run};
use crate::sign_in::PublicUrl;
use crate::{app, outbox};

/// The types of the factors that people hold.
const FACTORS: [&str; 3] = ["totp", "fido", "recovery"];

/// Runs the demo until it is interrupted, with additional providers if files are given. Their upstreams replay recorded responses. The
/// last line that it prints at the start is a JSON object.
///
/// # Errors
/// If the address is taken, the engine cannot be built, or a provider's example options are not valid.
pub(crate) async fn demo(
    address: SocketAddr,
    providers: &[PathBuf],
    replays: &[PathBuf],
    cache: &CompileCacheArgs,
) -> anyhow::Result<()> {
    let listener = listen(address)?;
    let mut answers = Vec::new();
    for file in replays {
        answers.extend(Cassette::read(file)?.accepted);
    }
    let outbox = outbox::start(answers).await?;
    let mut network = Network::builder()
        .override_endpoint("https://api.twilio.com", outbox.http)
        .override_endpoint("https://rest.ecall.ch", outbox.http)
        .override_endpoint("smtp://smtp.example.com:465", outbox.smtp);
    if !providers.is_empty() {
        network = network.override_all(outbox.http, outbox.smtp);
    }
    // The demo is for trials and benchmarks: all countries are enabled, and only the limits on wrong codes and passwords apply.
    let usual = RateLimits::default();
    let limits = RateLimits {
        wrong_answers_per_day: usual.wrong_answers_per_day,
        lockout_threshold: usual.lockout_threshold,
        passwords_per_account_and_address_per_hour: usual.passwords_per_account_and_address_per_hour,
        passwords_per_address_per_hour: usual.passwords_per_address_per_hour,
        passwords_per_account_per_hour: usual.passwords_per_account_per_hour,
        ..RateLimits::none()
    };
    let policy = Policy {
        application_name: "TwoFactor demo".to_owned(),
        countries: ["*".to_owned()].into(),
        ..Policy::default()
    };
    let mut builder =
        TwoFactor::builder().network(network.build()?).bundled_providers().policy(policy).rate_limits(limits);
    for factor in FACTORS {
        builder = builder.bundled_provider(factor)?;
    }
    // Passkeys need a name: they cannot be used at an address.
    let address = listener.local_addr()?;
    let site = format!("http://localhost:{}", address.port());
    builder = builder.public_url(&site);
    if let Some(cache) = cache.open()? {
        builder = builder.code_cache(cache);
    }
    let mut digests = Vec::new();
    for file in providers {
        let component = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        digests.push(hex::encode(digest(&SHA256, &component)));
        builder = builder.provider(component);
    }
    let engine = builder.build().await?;
    let (application, admin) = furnish(&engine, &site).await?;
    for (file, digest) in providers.iter().zip(&digests) {
        instance_of(&engine, file, digest).await?;
    }
    let url = format!("http://{address}");
    // Without TLS, browsers are only sent to loopback addresses.
    let public = PublicUrl::parse(if address.ip().is_loopback() { &site } else { &url }).ok();
    let mut ready = json!({
        "url": url,
        "application_token": application,
        "admin_token": admin,
        "outbox_url": format!("http://{}", outbox.http),
    });
    first_administrator(&engine, &url, &mut ready).await?;
    announce(&ready)?;
    let router = app::router_at(engine, Vec::new(), public);
    // Benchmarks connect from one address.
    let limits = ConnectionLimits { per_client: u32::MAX, ..ConnectionLimits::default() };
    run(listener, None, router, &limits, [].into(), Duration::from_secs(5)).await
}

/// Creates a subscription with an instance of each type, and two tokens.
async fn furnish(engine: &TwoFactor, site: &str) -> anyhow::Result<(String, String)> {
    let admin = engine.administration(Actor::new("demo"));
    admin.create_subscription("demo", "Demo").await?;
    let server = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "demo", "Password": "demo", "Timeout": 20000});
    let instances = [
        NewInstance::new(
            "email",
            "Email",
            json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server}),
        ),
        NewInstance::new(
            "ecall",
            "SMS through eCall",
            json!({"ECallAccountName": "demo", "ECallAccountPassword": "demo", "ECallAccountFromNumber": "Demo"}),
        ),
        NewInstance::new(
            "twilio",
            "SMS through Twilio",
            json!({"TwilioAccountSid": "AC00000000000000000000000000000000", "TwilioAuthToken": "demo",
                "TwilioSmsFromNumber": "+15005550006"}),
        ),
        NewInstance::new("totp", "Authenticator app", json!({})),
        NewInstance::new("fido", "Passkey", json!({})),
        NewInstance::new("recovery", "Recovery codes", json!({})),
    ];
    // Where `cargo run -p shop-example` waits, and where passkeys can be used.
    let page = SignInPage {
        return_urls: vec!["http://127.0.0.1:3000/signed-in".to_owned()],
        rp_id: Some("localhost".to_owned()),
        origins: vec![site.to_owned()],
        ..SignInPage::default()
    };
    admin.set_sign_in_page("demo", page, None).await?;
    for instance in instances {
        let instance = admin.create_instance("demo", instance).await?;
        admin.set_assignments("demo", &instance.id, vec![Assignment::tenant("demo")]).await?;
    }
    let role = Role::Application { subscription: "demo".to_owned() };
    let (_, application) = admin.issue_token("demo application", role, None).await?;
    let (_, token) = admin.issue_token("demo administrator", Role::SystemAdmin, None).await?;
    Ok((application, token))
}

/// Creates an instance of an additional provider, with the first example of its options schema.
async fn instance_of(engine: &TwoFactor, file: &Path, digest: &str) -> anyhow::Result<()> {
    let admin = engine.administration(Actor::new("demo"));
    let info = admin.providers().into_iter().find(|info| info.digest == digest);
    let manifest =
        info.with_context(|| format!("the type of {} is already used by another component", file.display()))?.manifest;
    let options = manifest.options_schema.pointer("/examples/0").cloned();
    let options = options.with_context(|| {
        format!("the options schema of {} has no `examples`; the demo uses the first as options", file.display())
    })?;
    let new = NewInstance::new(manifest.type_id.clone(), manifest.name, options);
    let instance = admin.create_instance("demo", new).await?;
    if let Some(problem) = instance.problems.first() {
        bail!("the example options of {} are not valid: `{}` {}", file.display(), problem.pointer, problem.detail);
    }
    admin.set_assignments("demo", &instance.id, vec![Assignment::tenant(manifest.type_id)]).await?;
    Ok(())
}
