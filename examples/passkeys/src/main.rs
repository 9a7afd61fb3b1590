use twofactor::factor::{EnrolmentAnswer, NewEnrolment, Proof};
use twofactor::{Actor, Answer, Assignment, NewChallenge, NewInstance, SignIn, TwoFactor};

#[twofactor::tokio::main(crate = "twofactor::tokio")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = TwoFactor::builder().bundled_provider("fido")?.public_url("http://localhost:3000").build().await?;
    let admin = engine.administration(Actor::new("setup"));
    admin.create_subscription("shop", "Shop").await?;
    let fido = admin.create_instance("shop", NewInstance::new("fido", "Passkey", "{}".parse()?)).await?;
    admin.set_assignments("shop", &fido.id, vec![Assignment::tenant("main")]).await?;
    let sign_in = SignIn::new("shop").tenant("main").user("alice");

    // The page calls `navigator.credentials.create` with this, and sends the credential back.
    let new = NewEnrolment::new(sign_in.clone(), &fido.id, Proof::FirstFactor).user_name("alice@example.com");
    let enrolment = engine.enrol(new).await?;
    println!("{}", enrolment.public);
    let Some(credential) = std::io::stdin().lines().next() else { return Ok(()) };
    let answer = EnrolmentAnswer::credential(&enrolment.id, credential?).label("My laptop");
    println!("{:?}", engine.finish_enrolment("shop", answer).await?);

    // Later, the page calls `navigator.credentials.get` with this.
    let challenge = engine.start(NewChallenge::new(sign_in).two_factor(&fido.id).after_first_factor()).await?;
    println!("{}", challenge.public.unwrap_or_default());
    let credential = std::io::stdin().lines().next().ok_or("no answer")??;
    println!("{:?}", engine.verify("shop", Answer::credential(&challenge.id, &credential)).await?);
    Ok(())
}
