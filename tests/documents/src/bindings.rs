//! The bindings that stand in the SDKs are those that `wit-bindgen` generates from the contract. They stand there so that nobody who builds a
//! provider has to build `wit-bindgen`'s macros, which take a minute of CPU time.
//!
//! `UPDATE_BINDINGS=1 cargo test -p twofactor-documents bindings` writes them again.

use std::fs;
use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};

/// Bindings of one world.
struct Bindings {
    /// File from the workspace's root.
    file: &'static str,
    /// Folder with the world's WIT, or with the packages that `inline` uses.
    wit: &'static str,
    /// A world that is not part of the contract.
    inline: Option<&'static str>,
    world: &'static str,
    options: Opts,
}

/// Returns options for bindings whose exports another crate implements.
fn exported(module: &str) -> Opts {
    Opts {
        format: true,
        pub_export_macro: true,
        default_bindings_module: Some(module.to_owned()),
        export_macro_name: Some("export_bindings".to_owned()),
        ..Opts::default()
    }
}

/// Returns options for one of several bindings of the SDK, which have their types in common.
fn with_common_types(module: &str) -> Opts {
    let types = "crate::bindings::twofactor::provider::types";
    Opts {
        with: vec![("twofactor:provider/types@0.2.0".to_owned(), WithOption::Path(types.to_owned()))],
        ..exported(module)
    }
}

fn all() -> Vec<Bindings> {
    vec![
        Bindings {
            file: "providers/sdk/src/bindings.rs",
            wit: "providers/sdk/wit",
            inline: Some(
                "package sdk:configuration;
                world every {
                    import twofactor:provider/http@0.2.0;
                    import twofactor:provider/smtp@0.2.0;
                    import twofactor:provider/log@0.2.0;
                    export twofactor:provider/configuration@0.2.0;
                }",
            ),
            world: "every",
            options: Opts { generate_all: true, ..exported("twofactor_provider::bindings") },
        },
        Bindings {
            file: "providers/sdk/src/delivery_bindings.rs",
            wit: "providers/sdk/wit",
            inline: Some("package sdk:delivery; world delivering { export twofactor:provider/delivery@0.2.0; }"),
            world: "delivering",
            options: with_common_types("twofactor_provider::delivery_bindings"),
        },
        Bindings {
            file: "providers/sdk/src/verification_bindings.rs",
            wit: "providers/sdk/wit",
            inline: Some("package sdk:verification; world verifying { export twofactor:provider/verification@0.2.0; }"),
            world: "verifying",
            options: with_common_types("twofactor_provider::verification_bindings"),
        },
        Bindings {
            file: "providers/sdk/src/report_bindings.rs",
            wit: "providers/sdk/wit",
            inline: None,
            world: "reporting",
            options: with_common_types("twofactor_provider::report_bindings"),
        },
        Bindings {
            file: "providers/factor-sdk/src/bindings.rs",
            wit: "providers/factor-sdk/wit",
            inline: None,
            world: "factor-provider",
            options: Opts {
                additional_derive_attributes: vec!["PartialEq".to_owned(), "Eq".to_owned()],
                generate_all: true,
                ..exported("twofactor_factor::bindings")
            },
        },
    ]
}

fn generate(root: &Path, bindings: Bindings) -> String {
    let mut resolve = Resolve::default();
    let (mut package, _) = resolve.push_path(root.join(bindings.wit)).unwrap();
    if let Some(inline) = bindings.inline {
        package = resolve.push_str("inline", inline).unwrap();
    }
    let world = resolve.select_world(&[package], Some(bindings.world)).unwrap();
    let mut files = Files::default();
    bindings.options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, source) = files.iter().next().unwrap();
    String::from_utf8(source.to_vec()).unwrap()
}

#[test]
fn the_bindings_of_the_sdks_are_generated_from_the_contract() {
    let root = super::root();
    for bindings in all() {
        let file = root.join(bindings.file);
        let (name, generated) = (bindings.file, generate(&root, bindings));
        if std::env::var_os("UPDATE_BINDINGS").is_some() {
            fs::write(&file, generated).unwrap();
        } else {
            let same = fs::read_to_string(&file).is_ok_and(|found| found == generated);
            assert!(same, "{name} is not what the contract gives: run this test again with UPDATE_BINDINGS=1");
        }
    }
}
