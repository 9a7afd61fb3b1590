//! A component's imports are its request for capabilities. They are compared by name before anything is linked,
//! so that a refusal says what was asked for and what to do.

use semver::Version;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::capability::Capability;

/// Interfaces a provider may import, without their versions, and what each lets it do.
const GRANTABLE: &[(&str, Option<Capability>)] = &[
    ("twofactor:provider/types", None),
    ("twofactor:provider/http", Some(Capability::Http)),
    ("twofactor:provider/smtp", Some(Capability::Smtp)),
    ("twofactor:provider/log", Some(Capability::Log)),
    ("wasi:http/types", None),
    ("wasi:http/outgoing-handler", Some(Capability::WasiHttp)),
    ("wasi:cli/environment", Some(Capability::Environment)),
    ("wasi:cli/exit", None),
    ("wasi:cli/stdin", Some(Capability::StandardInput)),
    ("wasi:cli/stdout", Some(Capability::StandardOutput)),
    ("wasi:cli/stderr", Some(Capability::StandardError)),
    ("wasi:cli/terminal-input", None),
    ("wasi:cli/terminal-output", None),
    ("wasi:cli/terminal-stdin", None),
    ("wasi:cli/terminal-stdout", None),
    ("wasi:cli/terminal-stderr", None),
    ("wasi:clocks/monotonic-clock", Some(Capability::MonotonicClock)),
    ("wasi:clocks/wall-clock", Some(Capability::WallClock)),
    ("wasi:io/error", None),
    ("wasi:io/poll", None),
    ("wasi:io/streams", None),
    ("wasi:random/random", Some(Capability::Random)),
    ("wasi:random/insecure", Some(Capability::Random)),
    ("wasi:random/insecure-seed", Some(Capability::Random)),
];

/// The version of the contract that this host speaks.
const CONTRACT: &str = "0.2.0";

const PACKAGE: &str = "twofactor:provider/";

/// Why a component that was built for another version of the contract cannot be loaded: both versions, and what to do.
pub(super) fn other_contract(component: &Component, engine: &Engine) -> Option<String> {
    let ty = component.component_type();
    let imports = ty.imports(engine).map(|(name, _)| name);
    let names = imports.chain(ty.exports(engine).map(|(name, _)| name));
    let versions = names.filter(|name| name.starts_with(PACKAGE)).filter_map(|name| name.split_once('@'));
    let ours = Version::parse(CONTRACT).ok()?;
    let mut theirs = versions.filter_map(|(_, version)| Version::parse(version).ok());
    // Before 1.0.0 the second number says what fits.
    let fits = |theirs: &Version| theirs.major == ours.major && (ours.major > 0 || theirs.minor == ours.minor);
    let other = theirs.find(|theirs| !fits(theirs))?;
    let remedy = match other > ours {
        true => "run it on a newer TwoFactor, or build it against the `wit/` of this one",
        false => "build it against the `wit/` of this host",
    };
    Some(format!(
        "the component was built for version {other} of the contract `twofactor:provider`, and this host speaks {CONTRACT}: {remedy}"
    ))
}

/// The names of the imports, in the component's order.
pub(super) fn names(component: &Component, engine: &Engine) -> Vec<String> {
    component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect()
}

/// What the imports let the component do; each thing once.
pub(super) fn capabilities(names: &[String]) -> Vec<Capability> {
    let mut all = Vec::new();
    for (known, capability) in GRANTABLE {
        if let Some(capability) = capability
            && names.iter().any(|name| without_version(name) == *known)
            && !all.contains(capability)
        {
            all.push(capability.clone());
        }
    }
    all
}

/// The imports that cannot be granted, each with the remedy.
pub(super) fn refused(component: &Component, engine: &Engine) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(engine)
        .filter(|(name, item)| !is_grantable(name) && !holds_types_only(&item.ty, engine))
        .map(|(name, _)| format!("`{name}`: {}", remedy(name)))
        .collect()
}

fn is_grantable(name: &str) -> bool {
    GRANTABLE.iter().any(|(known, _)| without_version(name) == *known)
}

/// WASI's patch versions mix within one component, and the linker matches compatible ones.
fn without_version(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
}

fn holds_types_only(item: &ComponentItem, engine: &Engine) -> bool {
    match item {
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).all(|(_, export)| matches!(export.ty, ComponentItem::Type(_)))
        }
        _ => false,
    }
}

fn remedy(name: &str) -> &'static str {
    match without_version(name).split('/').next() {
        Some("wasi:filesystem") => {
            "a provider has no files; avoid the file functions of your language's library, \
             or build for wasm32-wasip2 with unused imports pruned"
        }
        Some("wasi:sockets") => "a provider opens no sockets; use `twofactor:provider/http`, `/smtp` or `wasi:http`",
        Some("wasi:http") => "of wasi:http only `outgoing-handler` can be granted",
        Some("twofactor:provider") => {
            "this host's contract has no such interface; build against the `wit/` of this version"
        }
        _ => "a provider may import only the interfaces of `twofactor:provider` and a runtime's own from WASI 0.2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_is_spoken_is_that_of_the_contract() {
        assert!(include_str!("../../../../wit/types.wit").contains(&format!("package twofactor:provider@{CONTRACT};")));
    }
}
