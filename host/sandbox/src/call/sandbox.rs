//! The sandbox that all components run in: one wasmtime engine, one linker, one clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store, Strategy,
};
use wasmtime_wasi::p2::bindings as wasi;

use super::state::State;
use crate::contract::v0_2::twofactor::provider as host;
use crate::egress::Network;
use crate::limits::SandboxLimits;
use crate::schedule::concurrency::Concurrency;
use crate::schedule::epoch_clock::EpochClock;

/// The sandbox of all components. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<State>,
    limits: SandboxLimits,
    network: Network,
    turns: Concurrency,
    clock: EpochClock,
    compiling: Arc<Semaphore>,
    aside: Arc<Semaphore>,
    manifests: Arc<Semaphore>,
    fixed_clock: FixedClock,
    /// The fuel that calls used, if it is measured.
    fuel: Option<AtomicU64>,
}

/// The calls in which clocks stand still and random numbers repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FixedClock {
    /// Calls that cannot reach anything.
    ReachingNobody,
    /// Calls that can reach an upstream.
    ReachingSomebody,
}

/// A sandbox that cannot be set up with the given limits.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up a sandbox with these limits: {0}")]
pub struct SandboxError(String);

impl SandboxError {
    #[allow(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
    fn new(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// The maximum number of concurrent tasks of [`Sandbox::aside`]. Each takes less than a second.
const ASIDE: usize = 4;

impl Sandbox {
    /// Creates a sandbox. In calls that cannot reach anything, clocks stand still and random
    /// numbers repeat. So the manifest and the requested connections depend only on the component's
    /// bytes and the options, and what was approved stays approved.
    ///
    /// # Errors
    /// If the limits are too large for this machine.
    pub fn new(limits: SandboxLimits, network: Network) -> Result<Self, SandboxError> {
        Self::with(limits, network, FixedClock::ReachingNobody, false)
    }

    /// Creates a sandbox for `provider check`: fixed time and randomness in `deliver`, so that two deliveries of one message can be
    /// compared, and real ones in `configure`, so that a component that depends on them is found.
    pub(crate) fn rehearsal(limits: SandboxLimits, network: Network) -> Result<Self, SandboxError> {
        Self::with(limits, network, FixedClock::ReachingSomebody, false)
    }

    /// Creates a sandbox that measures how much its components compute. They are slower in it.
    pub(crate) fn measuring(limits: SandboxLimits, network: Network) -> Result<Self, SandboxError> {
        Self::with(limits, network, FixedClock::ReachingNobody, true)
    }

    fn with(
        limits: SandboxLimits,
        network: Network,
        fixed_clock: FixedClock,
        measures: bool,
    ) -> Result<Self, SandboxError> {
        let mut config = config(&limits);
        if measures {
            // What is measured is the same for whatever code WebAssembly is compiled to, and this is compiled in three quarters of the time.
            config.consume_fuel(true).cranelift_opt_level(OptLevel::None);
        }
        let engine = Engine::new(&config).map_err(SandboxError::new)?;
        let linker = linker(&engine).map_err(SandboxError::new)?;
        let clock =
            EpochClock::start(&engine).map_err(|error| SandboxError(format!("no thread for the clock: {error}")))?;
        let turns = Concurrency::new(&limits);
        let [compiling, aside, manifests] = [1, ASIDE, 1].map(|turns| Arc::new(Semaphore::new(turns)));
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            limits,
            network,
            turns,
            clock,
            compiling,
            aside,
            manifests,
            fixed_clock,
            fuel: measures.then(AtomicU64::default),
        })))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.0.linker
    }

    /// Returns the bounds of each call.
    pub fn limits(&self) -> &SandboxLimits {
        &self.0.limits
    }

    /// Returns how upstreams are reached.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// Returns the semaphore of the one component that is being compiled.
    pub(crate) fn compiling(&self) -> Arc<Semaphore> {
        self.0.compiling.clone()
    }

    /// Runs a task whose cost depends on untrusted data, on a thread that serves no calls, and only
    /// a few at a time. It first waits for a slot of its own kind, then for one of all. `None` if
    /// there was none in time.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        kind: &Arc<Semaphore>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turns = async {
            let own = kind.clone().acquire_owned().await.ok()?;
            Some((own, self.0.aside.clone().acquire_owned().await.ok()?))
        };
        let turns = tokio::time::timeout(self.limits().queue_time, turns).await.ok()??;
        let working = tokio::task::spawn_blocking(move || {
            let _turns = turns;
            work()
        });
        working.await.ok()
    }

    /// Returns the semaphore of manifests that are being checked: one at a time.
    pub(crate) fn manifests(&self) -> &Arc<Semaphore> {
        &self.0.manifests
    }

    /// Returns whether a call has fixed clocks and random numbers.
    pub(crate) fn has_fixed_clock(&self, reaches_nobody: bool) -> bool {
        match self.0.fixed_clock {
            FixedClock::ReachingNobody => reaches_nobody,
            FixedClock::ReachingSomebody => !reaches_nobody,
        }
    }

    /// Gives a new store fuel, if it is measured: without end.
    pub(crate) fn fill_up(&self, store: &mut Store<State>) {
        if self.0.fuel.is_some()
            && let Err(error) = store.set_fuel(u64::MAX)
        {
            tracing::warn!(%error, "fuel cannot be measured");
        }
    }

    /// Adds the fuel that a store used.
    pub(crate) fn note_fuel(&self, store: &Store<State>) {
        if let (Some(fuel), Ok(left)) = (&self.0.fuel, store.get_fuel()) {
            fuel.fetch_add(u64::MAX - left, Ordering::Relaxed);
        }
    }

    /// Returns the fuel that calls used since the last time, and 0 if it is not measured.
    pub(crate) fn take_fuel(&self) -> u64 {
        self.0.fuel.as_ref().map_or(0, |fuel| fuel.swap(0, Ordering::Relaxed))
    }

    pub(crate) fn turns(&self) -> &Concurrency {
        &self.0.turns
    }

    pub(crate) fn clock(&self) -> &EpochClock {
        &self.0.clock
    }
}

/// Returns the engine's configuration: Cranelift, instances from a pool, and only the WebAssembly
/// features that providers' compilers emit. Code that is not used cannot be exploited.
fn config(limits: &SandboxLimits) -> Config {
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
        // The factors' components: a signature is verified in a quarter of the time.
        .wasm_wide_arithmetic(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        // Host calls run on the guest's stack too, so it must be "well above" what the guest alone
        // may use.
        .async_stack_size(limits.stack_bytes + (1 << 20));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

fn pool(limits: &SandboxLimits) -> PoolingAllocationConfig {
    // The pool has room for the maximum of one component in each call.
    let calls = limits.calls_in_flight;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_core_instances(calls.saturating_mul(limits.core_instances))
        .total_memories(calls.saturating_mul(limits.memories))
        .total_tables(calls.saturating_mul(limits.tables))
        .max_core_instances_per_component(limits.core_instances)
        .max_memories_per_component(limits.memories)
        .max_tables_per_component(limits.tables)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        // Memory that a guest wrote to stays mapped between calls, up to this size. The kernel
        // lists the written pages (Linux 6.7 and later) and they are reset one by one. Unmapping
        // them would interrupt every core, and each new call would fault them in again.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(512 << 10)
        .table_keep_resident(16 << 10);
    pool
}

/// Returns a linker with everything that may be linked. What a component can do with it is decided
/// by its grants, at each host call.
///
/// Of WASI it has what a language's runtime needs to start: an empty environment, closed input,
/// output that goes to the log, clocks and random numbers. There are no files and no sockets.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn untrusted_work_runs_on_separate_threads_and_a_few_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let sandbox = Sandbox::new(SandboxLimits::default(), Network::builder().build().unwrap()).unwrap();
        let here = std::thread::current().id();
        let kinds: Vec<_> = (0..2 * ASIDE).map(|_| Arc::new(Semaphore::new(1))).collect();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (now, most) = (Arc::new(now), Arc::new(most));
        let work = |kind: usize| {
            let (sandbox, kind, now, most) = (sandbox.clone(), kinds[kind].clone(), now.clone(), most.clone());
            async move {
                let done = sandbox.aside(&kind, move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                    std::thread::current().id()
                });
                assert!(done.await.is_some_and(|thread| thread != here));
            }
        };
        futures::future::join_all((0..kinds.len()).map(work)).await;
        assert_eq!(most.swap(0, Ordering::SeqCst), ASIDE);
        futures::future::join_all((0..3).map(|_| work(0))).await;
        assert_eq!(most.load(Ordering::SeqCst), 1, "one of a kind");
    }
}
