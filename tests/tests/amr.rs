//! The authentication methods that an application sees come from a closed list (RFC 8176), whatever a component calls its
//! channel.

use serde_json::json;
use twofactor::admin::InstanceChange;
use twofactor::{Actor, Answer, NewChallenge, SignIn};
use twofactor_tests::hostile::{HOSTILE, Neighbourhood, SECRET};
use twofactor_tests::upstream::code;

const PHONE: &str = "+41791110000";

/// Returns the hostile component under another word for its channel.
fn calling_its_channel(word: &str) -> Vec<u8> {
    let mut component = HOSTILE.to_vec();
    let places: Vec<usize> = (0..component.len() - 3).filter(|at| component[*at..].starts_with(b"sms")).collect();
    let [at] = places[..] else { panic!("its channel stands in {} places", places.len()) };
    component[at..at + 3].copy_from_slice(word.as_bytes());
    component
}

#[tokio::test]
async fn a_component_that_calls_its_channel_a_method_of_authentication_adds_nothing_to_amr() {
    for (word, amr) in [("hwk", &["otp"][..]), ("mfa", &["otp"]), ("pin", &["otp"]), ("sms", &["otp", "sms"])] {
        let world = Neighbourhood::of("hostile", &calling_its_channel(word)).await;
        let admin = world.engine.administration(Actor::new("test"));
        let all = admin.instances("s").await.unwrap();
        let hostile = all.iter().find(|one| one.type_id == "hostile").unwrap();
        let options = json!({"Behaviour": "send", "Url": "https://upstream.example.com/", "Secret": SECRET});
        let change = InstanceChange { options: Some(options), ..InstanceChange::default() };
        admin.update_instance("s", &hostile.id, change, None).await.unwrap();
        let mut start = NewChallenge::new(SignIn::new("s").tenant("bad").user("alice")).phone(PHONE);
        start.purpose = Some("payment".to_owned());
        let challenge = world.engine.start(start).await.unwrap();
        assert_eq!(challenge.channel, word);
        let code = code(&world.upstream.seen().last().unwrap().body).unwrap().to_owned();
        let verified = world.engine.verify("s", Answer::new(&challenge.id, &code)).await.unwrap();
        assert_eq!((verified.amr, &*verified.purpose), (amr.iter().map(|it| (*it).to_owned()).collect(), "payment"));
    }
}
