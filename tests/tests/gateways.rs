//! The bundled providers for gateways, each before a strict stand-in for its vendor.

use serde_json::{Value, json};
use twofactor_tests::gateways::{Gateway, Refusal, code_in_body};
use twofactor_tests::vendors::recorder::Recorder;
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::{infobip, sendgrid, telnyx, trusting, vonage, whatsapp};

fn gateway(
    (type_id, component): (&'static str, &[u8]),
    (authority, vendor): (&Authority, Recorder),
    options: Value,
    secrets: &'static [&'static str],
    recipient: &'static str,
) -> Gateway {
    let network = vendor.on(trusting(authority)).build().unwrap();
    let component = component.to_vec();
    Gateway { type_id, component, vendor, network, options, secrets, recipient, code: code_in_body }
}

#[tokio::test]
async fn a_code_travels_through_infobip_and_what_it_refuses_has_its_outcome() {
    let authority = Authority::default();
    let vendor = infobip::start(&authority).await;
    let options =
        json!({"InfobipBaseUrl": infobip::HOST, "InfobipApiKey": infobip::KEY, "InfobipSender": infobip::SENDER});
    let provider = ("infobip", twofactor_bundle::INFOBIP);
    let gateway = gateway(provider, (&authority, vendor), options, &[infobip::KEY], "+41791234501");
    let refusals: [Refusal; 4] = [
        (json!({"InfobipApiKey": "0a1b2c3d-wrong"}), None, "misconfigured", "401"),
        (json!({"InfobipSender": "Other"}), None, "misconfigured", "REJECTED_SOURCE"),
        (json!({}), Some(infobip::DO_NOT_DISTURB), "rejected-recipient", "REJECTED_DND"),
        (json!({}), Some(infobip::EXPENSIVE), "misconfigured", "REJECTED_NOT_ENOUGH_CREDITS"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_through_telnyx_and_what_it_refuses_has_its_outcome() {
    let authority = Authority::default();
    let vendor = telnyx::start(&authority).await;
    let options = json!({"TelnyxApiKey": telnyx::KEY, "TelnyxFrom": telnyx::FROM});
    let provider = ("telnyx", twofactor_bundle::TELNYX);
    let gateway = gateway(provider, (&authority, vendor), options, &[telnyx::KEY], "+41791234502");
    let refusals: [Refusal; 3] = [
        (json!({"TelnyxApiKey": "KEY0wrong"}), None, "misconfigured", "10009"),
        (json!({"TelnyxFrom": "+15005550007"}), None, "misconfigured", "40305"),
        (json!({}), Some(telnyx::STOPPED), "rejected-recipient", "40300"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_through_sendgrid_and_what_it_refuses_has_its_outcome() {
    let authority = Authority::default();
    let vendor = sendgrid::start(&authority).await;
    let options = json!({"SendGridApiKey": sendgrid::KEY, "SendGridSenderAddress": sendgrid::SENDER});
    let provider = ("sendgrid", twofactor_bundle::SENDGRID);
    let gateway = gateway(provider, (&authority, vendor), options, &[sendgrid::KEY], "alice.of.sendgrid@example.org");
    let refusals: [Refusal; 3] = [
        (json!({"SendGridApiKey": "SG.wrong.key"}), None, "misconfigured", "401"),
        (json!({"SendGridSenderAddress": "other@example.com"}), None, "misconfigured", "403"),
        (json!({}), Some("älice@example.org"), "rejected-recipient", "400"),
    ];
    gateway.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_through_whatsapp_by_itself_and_what_it_refuses_has_its_outcome() {
    let authority = Authority::default();
    let vendor = whatsapp::start(&authority).await;
    let options = json!({"WhatsAppPhoneNumberId": whatsapp::NUMBER_ID, "WhatsAppAccessToken": whatsapp::TOKEN,
        "WhatsAppTemplateName": whatsapp::TEMPLATE, "WhatsAppTemplateLanguages": whatsapp::LANGUAGES});
    let provider = ("whatsapp", twofactor_bundle::WHATSAPP);
    let gateway = gateway(provider, (&authority, vendor), options, &[whatsapp::TOKEN], "+41791234503");
    let refusals: [Refusal; 5] = [
        (json!({"WhatsAppAccessToken": "EAAJBwrong"}), None, "misconfigured", "190"),
        (json!({"WhatsAppPhoneNumberId": "106540352242923"}), None, "misconfigured", "100"),
        (json!({"WhatsAppTemplateName": "other"}), None, "misconfigured", "132001"),
        (json!({"WhatsAppTemplateLanguages": ["fr"]}), None, "misconfigured", "132001"),
        (json!({}), Some(whatsapp::ABSENT), "rejected-recipient", "131026"),
    ];
    Gateway { code: whatsapp::code, ..gateway }.holds(&refusals).await;
}

#[tokio::test]
async fn a_code_travels_through_vonage_with_either_way_to_authenticate() {
    let application = json!({"VonageApplicationId": vonage::APPLICATION, "VonagePrivateKey": vonage::PRIVATE_KEY, "VonageFrom": vonage::FROM});
    let account =
        json!({"VonageApiKey": vonage::API_KEY, "VonageApiSecret": vonage::API_SECRET, "VonageFrom": vonage::FROM});
    let other = json!({"VonageFrom": "Other"});
    for (options, secrets, wrong) in [
        (account, &[vonage::API_SECRET], json!({"VonageApiSecret": "wrong-secret"})),
        (application, &[vonage::PRIVATE_KEY], json!({"VonageApplicationId": "78d335fa-323d-4114-9c3d-d6f0d48968ce"})),
    ] {
        let authority = Authority::default();
        let vendor = vonage::start(&authority).await;
        let provider = ("vonage", twofactor_bundle::VONAGE);
        let gateway = gateway(provider, (&authority, vendor), options, secrets, "+41791234504");
        let refusals: [Refusal; 3] = [
            (wrong, None, "misconfigured", "unauthorized"),
            (other.clone(), None, "misconfigured", "1120"),
            (json!({}), Some(vonage::BARRED), "rejected-recipient", "1050"),
        ];
        gateway.holds(&refusals).await;
    }
}
