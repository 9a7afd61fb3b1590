use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, SqliteStore, TwoFactor};

#[twofactor::tokio::main(crate = "twofactor::tokio")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = TwoFactor::builder()
        .store(SqliteStore::in_memory()?)
        .network(Network::builder().build()?)
        .bundled_providers()
        .build()
        .await?;
    let admin = engine.administration(Actor::new("setup"));
    admin.create_subscription("shop", "Shop").await?;
    let options = r#"{"ECallAccountName": "a", "ECallAccountPassword": "p", "ECallAccountFromNumber": "Shop"}"#;
    let sms = NewInstance::new("ecall", "SMS", options.parse()?);
    let sms = admin.create_instance("shop", sms).await?;
    admin.set_assignments("shop", &sms.id, vec![Assignment::tenant("main")]).await?;

    let sign_in = SignIn::new("shop").tenant("main").user("alice");
    if std::env::args().any(|argument| argument == "--send") {
        let challenge = engine.start(NewChallenge::new(sign_in).phone("+41791234567")).await?;
        let answer = std::io::stdin().lines().next().ok_or("no answer")??;
        println!("{:?}", engine.verify("shop", Answer::new(&challenge.id, &answer)).await?);
    }
    Ok(())
}
