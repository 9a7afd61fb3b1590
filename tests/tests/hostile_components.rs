//! Components that must not be loaded, or whose start must end.

use std::time::Duration;

use twofactor::Network;
use twofactor::sandbox::{Component, SandboxLimits};
use twofactor_tests::hostile::{HOSTILE, limits};
use twofactor_tests::wrong::component;

async fn refusal(bytes: &[u8]) -> String {
    refusal_within(bytes, limits()).await
}

async fn refusal_within(bytes: &[u8], limits: SandboxLimits) -> String {
    let network = Network::builder().build().unwrap();
    match Component::load(bytes, network, limits).await {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    }
}

/// Returns a component whose core module has this body. Its functions have the contract's names, though not its types: it is run
/// as far as its start.
fn with_module(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m {body} (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $configuration (export "describe" (func $f)) (export "configure" (func $f)))
            (export "twofactor:provider/configuration@0.2.0" (instance $configuration))
            (instance $delivery (export "deliver" (func $f)))
            (export "twofactor:provider/delivery@0.2.0" (instance $delivery)))"#
    );
    wat::parse_str(text).unwrap()
}

/// Returns the error of a component that starts well and then does not fit.
async fn misfit() -> String {
    refusal(&with_module("")).await
}

#[tokio::test]
async fn a_component_that_exports_both_delivery_and_verification_is_refused() {
    let text = r#"(component (instance $none)
        (export "twofactor:provider/delivery@0.2.0" (instance $none))
        (export "twofactor:provider/verification@0.2.0" (instance $none)))"#;
    let error = refusal(&wat::parse_str(text).unwrap()).await;
    assert!(error.contains("both `delivery` and `verification`"), "{error}");
}

#[tokio::test]
async fn a_loop_at_the_start_ends_at_its_running_time() {
    let error = refusal(&with_module("(func $s (loop br 0)) (start $s)")).await;
    assert!(error.contains("exceeded its running time"), "{error}");
    assert_ne!(error, misfit().await);
}

#[tokio::test]
async fn a_description_that_never_ends_is_ended_by_its_own_running_time_and_by_the_time_of_the_call() {
    let hour = Duration::from_secs(3600);
    for (running_time, configure_time, expected) in [
        (Duration::from_millis(200), hour, "the component exceeded its running time"),
        (hour, Duration::from_millis(200), "the component did not respond in time"),
    ] {
        let mut limits = limits();
        (limits.running_time, limits.configure_time) = (running_time, configure_time);
        let error = refusal_within(&component("describe never ends"), limits).await;
        assert!(error.contains(&format!("failed in `describe`: {expected}")), "{error}");
    }
}

#[tokio::test]
async fn recursion_and_traps_at_the_start_are_refused() {
    let misfit = misfit().await;
    for body in ["(func $s (call $s)) (start $s)", "(func $s unreachable) (start $s)"] {
        assert_ne!(refusal(&with_module(body)).await, misfit);
    }
}

#[tokio::test]
async fn memory_and_tables_do_not_grow_beyond_their_bounds() {
    // Each grows until it is refused, and loops if it got more than the limit: then the error is
    // about time.
    let pages = limits().memory_bytes / 65536;
    let memory = format!(
        "(memory 1) (func $s
            (block $no (loop $more (br_if $no (i32.eq (memory.grow (i32.const 16)) (i32.const -1))) (br $more)))
            (loop $late (br_if $late (i32.gt_u (memory.size) (i32.const {pages}))))) (start $s)"
    );
    let elements = limits().table_elements;
    let table = format!(
        "(table $t 1 funcref) (func $s
            (block $no (loop $more
                (br_if $no (i32.eq (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))) (br $more)))
            (loop $late (br_if $late (i32.gt_u (table.size $t) (i32.const {elements}))))) (start $s)"
    );
    let misfit = misfit().await;
    for body in [memory, table] {
        assert_eq!(refusal(&with_module(&body)).await, misfit, "{body}");
    }
}

#[tokio::test]
async fn memories_and_tables_that_begin_too_large_are_refused() {
    let misfit = misfit().await;
    for body in ["(memory 20000)", "(table 1000000 funcref)"] {
        assert_ne!(refusal(&with_module(body)).await, misfit, "{body}");
    }
}

#[tokio::test]
async fn an_import_that_cannot_be_granted_is_refused_by_name() {
    for import in [
        "wasi:filesystem/types@0.2.6",
        "wasi:filesystem/preopens@0.2.6",
        "wasi:sockets/tcp@0.2.6",
        "wasi:sockets/udp@0.2.6",
        "wasi:sockets/ip-name-lookup@0.2.6",
        "wasi:http/incoming-handler@0.2.6",
        "twofactor:provider/keys@0.2.0",
        "env",
    ] {
        let text = format!("(component (import \"{import}\" (instance (export \"f\" (func)))))");
        let text = if import.contains(':') { text } else { format!("(component (import \"{import}\" (func)))") };
        let error = refusal(&wat::parse_str(text).unwrap()).await;
        assert!(error.contains(import), "{error}");
        assert!(error.contains("unsupported imports"), "{error}");
    }
}

/// The beginning of a component.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Returns a component that contains only another.
fn within_a_component(inner: &[u8]) -> Vec<u8> {
    let mut outer = COMPONENT.to_vec();
    // The section of a nested component, and its length in LEB128.
    outer.push(4);
    let mut length = inner.len();
    while length >= 0x80 {
        outer.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    outer.push(length as u8);
    outer.extend(inner);
    outer
}

#[tokio::test]
async fn a_file_that_is_not_a_component_is_refused_with_the_reason() {
    let module = wat::parse_str("(module)").unwrap();
    let nested = (0..200).fold(COMPONENT.to_vec(), |inner, _| within_a_component(&inner));
    let cut = &HOSTILE[..HOSTILE.len() / 2];
    let mut bent = HOSTILE.to_vec();
    let middle = bent.len() / 3;
    bent[middle..middle + 64].fill(0xff);
    for bytes in [b"".as_slice(), b"\0asm", b"MZ not wasm", &module, &nested, cut, &bent, &[0x1f, 0x8b, 8, 0]] {
        let error = refusal(bytes).await;
        assert!(error.len() > 20 && error.len() < 1000 && !error.contains(char::is_control), "{error:?}");
    }
}

#[tokio::test]
async fn a_component_larger_than_its_bound_is_refused_before_it_is_compiled() {
    let mut limits = limits();
    limits.component_bytes = HOSTILE.len() - 1;
    let network = Network::builder().build().unwrap();
    let error = Component::load(HOSTILE, network, limits).await.err().unwrap().to_string();
    assert!(error.contains("component_bytes"), "{error}");
}
