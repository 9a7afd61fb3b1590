//! Builds the components: every package in `providers/` that is one (`cdylib`). It is named after its folder: `providers/slack` is the
//! package `twofactor-slack` and the type `slack`. They are built without WASI: a provider imports the capabilities that it uses, a factor nothing.
//!
//! As a package of a registry this crate has the components in `components/`, and nothing is built: `packaging/crates`.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on standard output")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use twofactor_guest_build::Error;

fn main() -> Result<(), Error> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("run this from a build script")?);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let types = if here.join("../guest-build").exists() {
        let types = components().map_err(|error| format!("providers/ cannot be read: {error}"))?;
        let packages: Vec<String> = types.iter().map(|type_id| format!("twofactor-{type_id}")).collect();
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        twofactor_guest_build::build_without_wasi(&packages, &["providers"])?;
        types
    } else {
        packaged(&here.join("components"), &out).map_err(|error| format!("components/ cannot be read: {error}"))?
    };
    let out = out.join("providers.rs");
    fs::write(&out, source(&types)).map_err(|error| format!("{}: {error}", out.display()))?;
    Ok(())
}

/// Copies components that were built before to where those are that are built here, and returns their types.
fn packaged(components: &Path, out: &Path) -> io::Result<Vec<String>> {
    println!("cargo::rerun-if-changed=components");
    let mut types = Vec::new();
    for entry in fs::read_dir(components)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        fs::copy(components.join(&file), out.join(&file))?;
        types.extend(
            file.strip_prefix("twofactor_").and_then(|it| it.strip_suffix(".wasm")).map(|it| it.replace('_', "-")),
        );
    }
    types.sort();
    Ok(types)
}

/// Returns the types of all components, in alphabetical order.
fn components() -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))? {
        let folder = entry?;
        let Ok(manifest) = fs::read_to_string(folder.path().join("Cargo.toml")) else { continue };
        if is_component(&manifest) {
            found.push(folder.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// Returns whether a package's library is a component. An example of the SDK is one as well, and no provider.
fn is_component(manifest: &str) -> bool {
    manifest.split("\n[").any(|table| table.starts_with("lib]") && table.contains("\"cdylib\""))
}

/// Returns Rust with a constant for each component, and a table of all.
fn source(types: &[String]) -> String {
    let mut constants = String::new();
    let mut rows = String::new();
    for type_id in types {
        let (file, name) = (type_id.replace('-', "_"), type_id.replace('-', "_").to_uppercase());
        let _ = writeln!(
            constants,
            "/// The component `{type_id}`.\n\
             pub const {name}: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/twofactor_{file}.wasm\"));"
        );
        let _ = writeln!(rows, "    ({type_id:?}, {name}),");
    }
    let count = types.len();
    format!(
        "{constants}\n/// All components, by the type of their instances.\n\
         pub const BY_TYPE: [(&str, &[u8]); {count}] = [\n{rows}];\n"
    )
}
