//! `twofactor demo`: everything on loopback, with a throw-away store.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use twofactor::{Actor, Assignment, Network, NewInstance, Policy, RateLimits, Role, SignInPage, TwoFactor};

use crate::serve::{announce, first_administrator, listen, run};
use crate::sign_in::PublicUrl;
use crate::{api, outbox};

/// Runs the demo until it is interrupted. Its last start-up line is one JSON object on standard output.
///
/// # Errors
/// If the address is taken, or the engine cannot be built.
pub async fn demo(address: SocketAddr) -> anyhow::Result<()> {
    let listener = listen(address)?;
    let outbox = outbox::start().await?;
    let network = Network::builder()
        .stand_in("https://api.twilio.com", outbox.http)
        .stand_in("https://rest.ecall.ch", outbox.http)
        .stand_in("smtp://smtp.example.com:465", outbox.smtp)
        .build()?;
    // The demo is for trying and measuring: countries are open, and only the limits on wrong answers are the usual ones.
    let usual = RateLimits::default();
    let limits = RateLimits {
        wrong_per_day: usual.wrong_per_day,
        wrong_in_a_row: usual.wrong_in_a_row,
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
    let engine =
        TwoFactor::builder().network(network).bundled_providers().policy(policy).rate_limits(limits).build().await?;
    let (application, admin) = furnish(&engine).await?;
    let url = format!("http://{}", listener.local_addr()?);
    // Browsers are sent to nowhere but loopback without TLS.
    let public = PublicUrl::parse(&url).ok();
    let mut ready = json!({
        "url": url,
        "application_token": application,
        "admin_token": admin,
        "outbox_url": format!("http://{}", outbox.http),
    });
    first_administrator(&engine, &url, &mut ready).await?;
    announce(&ready);
    run(listener, None, api::router_at(engine, Vec::new(), public), Duration::from_secs(5)).await
}

/// A subscription with an instance of each type, and a token for each role.
async fn furnish(engine: &TwoFactor) -> anyhow::Result<(String, String)> {
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
    ];
    for instance in instances {
        let instance = admin.create_instance("demo", instance).await?;
        admin.set_assignments("demo", &instance.id, vec![Assignment::tenant("demo")]).await?;
    }
    // Where `cargo run --example shop` waits.
    let page = SignInPage { return_urls: vec!["http://127.0.0.1:3000/signed-in".to_owned()], ..SignInPage::default() };
    admin.set_sign_in_page("demo", page, None).await?;
    let role = Role::Application { subscription: "demo".to_owned() };
    let (_, application) = admin.issue_token("demo application", role, None).await?;
    let (_, token) = admin.issue_token("demo administrator", Role::SystemAdmin, None).await?;
    Ok((application, token))
}
