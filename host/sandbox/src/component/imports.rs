//! A component's imports are its request for capabilities. They are compared by name before anything is linked,
//! so that a refusal says what was asked for and what to do.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::capability::Capability;
use crate::contract::Contract;

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

/// The maximum number of imports. A runtime's own are about thirty.
const IMPORTS: usize = 256;

/// How many imports that cannot be granted are named.
const NAMED: usize = 8;

/// The maximum length of a name that is shown as it is, in characters.
const NAME_CHARS: usize = 120;

/// The functions of the contract's interfaces. A later minor version may add some.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("twofactor:provider/http", &["send"]),
    ("twofactor:provider/smtp", &["send"]),
    ("twofactor:provider/log", &["write"]),
];

/// Returns why a component that was built for another version of the contract cannot be loaded.
pub(crate) fn unsupported_contract(component: &Component, engine: &Engine) -> Option<String> {
    let ty = component.component_type();
    let imports = ty.imports(engine).map(|(name, _)| name);
    let names = imports.chain(ty.exports(engine).map(|(name, _)| name));
    // The error shows the version. No contract has such a long one.
    Contract::of(names.filter(|name| name.len() <= NAME_CHARS)).err().map(|error| error.to_string())
}

/// Returns the names of the imports, in the component's order. The author of the component chose those that hold only types.
pub(crate) fn names(component: &Component, engine: &Engine) -> Vec<String> {
    component.component_type().imports(engine).take(IMPORTS).map(|(name, _)| shown(name)).collect()
}

/// Returns a name that the author of a component chose, for people.
fn shown(name: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '\u{fffd}' };
    let mut shown: String = name.chars().take(NAME_CHARS).map(printable).collect();
    if name.chars().nth(NAME_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns the first reasons why imports cannot be granted, and how many more there are. `imports` is the number of all imports.
fn first(reasons: impl Iterator<Item = String>, imports: usize) -> Vec<String> {
    let mut reasons = reasons.fuse();
    let mut first: Vec<String> = reasons.by_ref().take(NAMED).collect();
    let others = reasons.count();
    if others > 0 {
        first.push(format!("and {others} more"));
    }
    if imports > IMPORTS {
        first.push(format!("a component may have {IMPORTS} imports, and this one has {imports}"));
    }
    first
}

/// Returns the capabilities that the imports give, each once.
pub(crate) fn capabilities(names: &[String]) -> Vec<Capability> {
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

/// Returns the imports that cannot be granted, each with the remedy.
pub(crate) fn refused(component: &Component, engine: &Engine) -> Vec<String> {
    let ty = component.component_type();
    let reason = |(name, item): (&str, ComponentItem)| match is_grantable(name) {
        true => unknown_function(name, &item, engine).map(|function| {
            format!(
                "`{}`: this host has no function `{}` in it; run the component on a newer TwoFactor, or build it \
                 without this function",
                shown(name),
                shown(&function)
            )
        }),
        false => (!holds_types_only(&item, engine)).then(|| format!("`{}`: {}", shown(name), remedy(name))),
    };
    first(ty.imports(engine).filter_map(|(name, item)| reason((name, item.ty))), ty.imports(engine).len())
}

/// Returns the imports of a factor component, which may import nothing. Types alone are no import.
pub(crate) fn refused_of_factor(component: &Component, engine: &Engine) -> Vec<String> {
    let ty = component.component_type();
    let imports = ty.imports(engine).filter(|(_, import)| !holds_types_only(&import.ty, engine));
    first(imports.map(|(name, _)| format!("`{}`: {}", shown(name), remedy_of_factor(name))), ty.imports(engine).len())
}

/// Returns a function that a component imports from an interface of the contract and that this host does not have.
fn unknown_function(name: &str, item: &ComponentItem, engine: &Engine) -> Option<String> {
    let (_, functions) = FUNCTIONS.iter().find(|(known, _)| without_version(name) == *known)?;
    let ComponentItem::ComponentInstance(instance) = item else { return None };
    let mut exports = instance.exports(engine);
    exports
        .find(|(export, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)) && !functions.contains(export))
        .map(|(export, _)| export.to_owned())
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

fn remedy_of_factor(name: &str) -> &'static str {
    match without_version(name) {
        "wasi:clocks/monotonic-clock" | "wasi:clocks/wall-clock" => {
            "a factor component has no clock; the time is in `context.now`"
        }
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => {
            "a factor component has no random numbers of its own; they are in `context.entropy`"
        }
        name if name.starts_with("wasi:") => {
            "a factor component imports nothing; build it without the runtime of WASI, in Rust for `wasm32-unknown-unknown`"
        }
        _ => "a factor component imports nothing",
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_factor_component_may_import_types_and_nothing_else() {
        let engine = Engine::default();
        let refused = |import: &str| {
            let bytes = wat::parse_str(format!("(component (import {import}))")).unwrap();
            refused_of_factor(&Component::new(&engine, bytes).unwrap(), &engine)
        };
        let types = r#""twofactor:factor/types@0.1.0" (instance (type (enum "a")) (export "kind" (type (eq 0))))"#;
        assert_eq!(refused(types), Vec::<String>::new());
        for (import, remedy) in [
            (r#""wasi:clocks/wall-clock@0.2.6" (instance (export "now" (func (result u64))))"#, "context.now"),
            (r#""wasi:clocks/monotonic-clock@0.2.6" (instance (export "now" (func (result u64))))"#, "context.now"),
            (r#""wasi:random/random@0.2.6" (instance (export "get" (func (result u64))))"#, "context.entropy"),
            (r#""wasi:cli/exit@0.2.6" (instance (export "exit" (func)))"#, "wasm32-unknown-unknown"),
            (r#""twofactor:provider/http@0.2.0" (instance (export "send" (func)))"#, "imports nothing"),
            (r#""twofactor:provider/log@0.2.0" (instance (export "write" (func)))"#, "imports nothing"),
            (r#""help" (func)"#, "imports nothing"),
        ] {
            let refused = refused(import);
            let name = import.split('"').nth(1).unwrap();
            assert!(refused.len() == 1 && refused[0].contains(name) && refused[0].contains(remedy), "{refused:?}");
        }
    }

    #[test]
    fn a_name_is_shown_in_printable_characters_and_shortened() {
        assert_eq!(shown("wasi:io/poll@0.2.6"), "wasi:io/poll@0.2.6");
        assert_eq!(shown("a\u{1b}[31m\n\u{202e}b"), "a\u{fffd}[31m\u{fffd}\u{fffd}b");
        assert_eq!(shown(&"é".repeat(100_000)), "\u{fffd}".repeat(NAME_CHARS) + "…");
        let long = format!(r#"(component (import "a{}" (func)))"#, "b".repeat(90_000));
        let engine = Engine::default();
        let long = Component::new(&engine, wat::parse_str(long).unwrap()).unwrap();
        for all in [names(&long, &engine), refused(&long, &engine), refused_of_factor(&long, &engine)] {
            assert!(all.len() == 1 && all[0].contains(&"b".repeat(100)) && all[0].len() < 400, "{}", all[0].len());
        }
    }

    #[test]
    fn only_the_first_imports_that_cannot_be_granted_are_named_and_there_may_be_a_number_of_imports() {
        let engine = Engine::default();
        let component = |import: &str, count: usize| {
            let imports: String = (0..count).map(|n| import.replace('#', &n.to_string())).collect();
            Component::new(&engine, wat::parse_str(format!("(component {imports})")).unwrap()).unwrap()
        };
        let functions = component(r#"(import "f#" (func))"#, NAMED + 3);
        for refused in [refused(&functions, &engine), refused_of_factor(&functions, &engine)] {
            assert_eq!((refused.len(), &*refused[NAMED]), (NAMED + 1, "and 3 more"));
        }
        let types = r#"(import "a:b/c#" (instance))"#;
        for (count, expected) in [(IMPORTS, 0), (IMPORTS + 1, 1)] {
            let types = component(types, count);
            assert_eq!(refused(&types, &engine).len(), expected);
            assert_eq!(refused_of_factor(&types, &engine).len(), expected);
            assert_eq!(names(&types, &engine).len(), IMPORTS);
        }
    }
}
