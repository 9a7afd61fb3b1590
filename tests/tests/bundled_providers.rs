//! The usual three providers are there by default; the others that come with TwoFactor where they are named.

use twofactor::{Actor, Builder, TwoFactor};

async fn types(builder: Builder) -> Vec<String> {
    let engine = builder.build().await.unwrap();
    let providers = engine.administration(Actor::new("test")).providers();
    let mut types: Vec<String> = providers.into_iter().map(|provider| provider.manifest.type_id).collect();
    types.sort();
    types
}

#[tokio::test]
async fn only_the_usual_three_are_loaded_unless_more_are_named() {
    let usual = ["ecall", "email", "twilio"];
    assert_eq!(types(TwoFactor::builder().bundled_providers()).await, usual);
    assert_eq!(types(TwoFactor::builder()).await, [""; 0]);
    let two = TwoFactor::builder().bundled_provider("slack").unwrap().bundled_provider("ses").unwrap();
    assert_eq!(types(two).await, ["ses", "slack"]);
    let mut all = TwoFactor::builder().bundled_providers();
    for (type_id, _) in twofactor_bundle::BY_TYPE {
        all = all.bundled_provider(type_id).unwrap();
    }
    assert_eq!(
        types(all).await,
        [
            "ecall",
            "email",
            "fido",
            "infobip",
            "recovery",
            "sendgrid",
            "ses",
            "slack",
            "telnyx",
            "totp",
            "twilio",
            "twilio-verify",
            "twilio-voice",
            "vonage",
            "webhook",
            "whatsapp"
        ]
    );
}

#[tokio::test]
async fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = TwoFactor::builder().bundled_provider("sns").err().unwrap();
    assert!(error.is_invalid_input());
    let said = error.to_string();
    for name in ["`sns`", "`email`", "`ses`", "`slack`", "`twilio-verify`", "`twilio-voice`", "`webhook`"] {
        assert!(said.contains(name), "{said}");
    }
}

#[tokio::test]
async fn each_component_says_the_type_that_it_is_named_by() {
    for (type_id, _) in twofactor_bundle::BY_TYPE {
        assert_eq!(types(TwoFactor::builder().bundled_provider(type_id).unwrap()).await, [type_id]);
    }
}
