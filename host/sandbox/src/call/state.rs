//! The host's state of one call. It is dropped at the end of the call.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use super::effects::Effects;
use super::log::LogStream;
use super::outside::Outside;
use super::wasi_http::Hooks;
use crate::limits::SandboxLimits;
use crate::schedule::fixed_clock;
use crate::schedule::memory::CallMemory;

/// The maximum number of random bytes that a component gets at a time. They are drawn while it cannot be interrupted.
const RANDOM_BYTES: u64 = 64 << 10;

pub(crate) struct State {
    /// The access of the component's host calls to the outside.
    pub(crate) outside: Arc<Outside>,
    hooks: Hooks,
    http: WasiHttpCtx,
    pub(crate) limits: CallLimits,
    table: ResourceTable,
    /// Whether clocks stand still and random numbers repeat.
    fixed_clock: bool,
    /// Created on first use: most calls never need it.
    wasi: Option<WasiCtx>,
}

impl State {
    pub(crate) fn new(outside: Arc<Outside>, limits: &SandboxLimits, memory: CallMemory, fixed_clock: bool) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            hooks: Hooks::new(outside.clone()),
            outside,
            http: WasiHttpCtx::new(),
            limits: CallLimits {
                own: StoreLimitsBuilder::new()
                    .memory_size(limits.memory_bytes)
                    .table_elements(limits.table_elements)
                    .instances(limits.core_instances as usize)
                    .memories(limits.memories as usize)
                    .tables(limits.tables as usize)
                    .trap_on_grow_failure(true)
                    .build(),
                memory,
            },
            table,
            fixed_clock,
            wasi: None,
        }
    }

    /// Returns the effects of this call outside of the sandbox.
    pub(crate) fn effects(&self) -> &Effects {
        &self.outside.effects
    }
}

/// The bounds of a call on its own, and those that it shares with the others in flight.
pub(crate) struct CallLimits {
    own: StoreLimits,
    memory: CallMemory,
}

impl ResourceLimiter for CallLimits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let is_allowed = self.own.memory_growing(current, desired, maximum)?;
        if is_allowed {
            self.memory.grow(desired.saturating_sub(current)).map_err(wasmtime::Error::new)?;
        }
        Ok(is_allowed)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.own.memory_grow_failed(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let is_allowed = self.own.table_growing(current, desired, maximum)?;
        if is_allowed {
            let bytes = desired.saturating_sub(current).saturating_mul(size_of::<usize>());
            self.memory.grow(bytes).map_err(wasmtime::Error::new)?;
        }
        Ok(is_allowed)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.own.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.own.instances()
    }

    fn tables(&self) -> usize {
        self.own.tables()
    }

    fn memories(&self) -> usize {
        self.own.memories()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (log, fixed) = (&self.outside.log, self.fixed_clock);
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut builder = WasiCtx::builder();
            builder.stdout(LogStream(log.clone())).stderr(LogStream(log.clone())).max_random_size(RANDOM_BYTES);
            if fixed {
                fixed_clock::fix(&mut builder);
            }
            builder.build()
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl wasmtime_wasi_http::WasiHttpView for State {
    fn http(&mut self) -> wasmtime_wasi_http::WasiHttpCtxView<'_> {
        wasmtime_wasi_http::WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
