//! Options schemas of strangers: every component with one is loaded or refused, and options are checked, in an amount of work that is bounded.

use serde_json::{Value, json};
use twofactor::Network;
use twofactor::sandbox::Component;
use twofactor_tests::hostile::limits;
use twofactor_tests::wrong::{component_with_schema, schemas};

async fn load(schema: &Value) -> Result<Component, String> {
    let network = Network::builder().build().unwrap();
    let bytes = component_with_schema(&schema.to_string());
    Component::load(&bytes, network, limits()).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_component_with_an_endless_schema_is_refused_with_the_place_in_it() {
    for (name, schema, is_loaded) in schemas() {
        match load(&schema).await {
            Ok(_) => assert!(is_loaded, "{name} was loaded"),
            Err(error) => {
                assert!(!is_loaded, "{name}: {error}");
                assert!(error.contains("its options-schema is not supported: `"), "{name}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn options_that_take_too_much_work_are_invalid_and_say_so() {
    let (_, schema, _) = schemas().pop().unwrap();
    let component = load(&schema).await.unwrap_or_else(|error| panic!("{error}"));
    let mut options = json!({});
    for _ in 0..24 {
        options = json!({"a": options});
    }
    let Err(problems) = component.configure(&options).await else { panic!("they are valid") };
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert!(problem.detail.contains("more work than is allowed"), "{problem:?}");
}
