//! The sandbox all components run in: one wasmtime engine, one linker, one clock.

use std::sync::Arc;
use std::thread;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy};
use wasmtime_wasi::p2::bindings as wasi;

use super::bindings::twofactor::provider as host;
use super::limits::Limits;
use super::state::State;
use crate::capability::Network;
use crate::keyring::Keyring;

/// What every call of a component needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sandbox(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<State>,
    limits: Limits,
    network: Network,
    keyring: Keyring,
    turns: Semaphore,
}

impl Sandbox {
    pub(crate) fn new(limits: Limits, network: Network, keyring: Keyring) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(&limits))?;
        let linker = linker(&engine)?;
        let turns = Semaphore::new(limits.calls_in_flight as usize);
        tick(&engine);
        Ok(Self(Arc::new(Inner { engine, linker, limits, network, keyring, turns })))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn linker(&self) -> &Linker<State> {
        &self.0.linker
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn network(&self) -> &Network {
        &self.0.network
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    pub(crate) fn turns(&self) -> &Semaphore {
        &self.0.turns
    }
}

/// Cranelift, instances from a pool, and of WebAssembly's features only what compilers of providers emit: code
/// that is not needed cannot be wrong.
fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_component_model(true)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_multi_memory(true)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        // Host calls run on the guest's stack too: "well above" what the guest alone may use.
        .async_stack_size(limits.stack_bytes + (1 << 20));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let calls = limits.calls_in_flight;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_core_instances(calls.saturating_mul(limits.core_instances))
        .total_memories(calls)
        .total_tables(calls.saturating_mul(4))
        .max_core_instances_per_component(limits.core_instances)
        .max_memories_per_component(4)
        .max_tables_per_component(8)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        // What a guest wrote to stays mapped between calls, up to here: the kernel names the written pages (Linux 6.7 and
        // later) and they are reset one by one. Unmapping them would interrupt every core, and each new call would fault
        // them in again.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(512 << 10)
        .table_keep_resident(16 << 10);
    pool
}

/// All that may be linked. What a given component gets of it is decided by its grants, at each host call.
///
/// Of WASI there is what a language's runtime needs to start: an empty environment, closed input, output that
/// goes to the log, clocks and random numbers. There are no files and no sockets.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    use wasmtime_wasi::WasiView;
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::random::WasiRandom;

    let mut linker = Linker::new(engine);
    let l = &mut linker;
    host::http::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    host::smtp::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    host::log::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(l)?;
    wasi::random::insecure::add_to_linker::<State, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    wasi::random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    wasi::cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasi::cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasi::cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasi::cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasi::cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasi::cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasi::cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    Ok(linker)
}

/// Moves the engine's epoch on for as long as the engine lives, so that running guests are interrupted.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    thread::spawn(move || {
        loop {
            thread::sleep(Limits::TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    });
}
