//! Every bound on what a component may use, in one place.

use std::time::Duration;

/// Bounds on what a component may use. Exceeding a bound ends only the call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SandboxLimits {
    /// The maximum size of a component, in bytes. Components of languages that need a runtime (JavaScript 13 MB, Python 19 MB) are
    /// far larger than those in Rust (0.25 to 0.5 MB).
    pub component_bytes: usize,
    /// How long compiling a component may take. On a busy machine, a component in Python takes minutes.
    pub compile_time: Duration,
    /// The size of each linear memory of a call, in bytes.
    pub memory_bytes: usize,
    /// The linear memories of all calls in flight, in bytes, without the first 2 MiB of each call. A call that needs more while others
    /// hold it ends, and can be tried again.
    pub memory_of_all_calls_bytes: usize,
    /// The same for the calls of one provider: enough for 64 with 34 MiB each, or 186 that begin with 13 MiB. The rest is for other providers.
    pub memory_of_one_provider_bytes: usize,
    /// Linear memories within one component. A component that is composed of several has one for each. Each memory of each call in
    /// flight reserves 4 GiB of address space.
    pub memories: u32,
    /// Tables within one component.
    pub tables: u32,
    /// Elements of each table.
    pub table_elements: usize,
    /// Core instances within one component. A component in Python has 38, because its libraries are linked when it starts.
    pub core_instances: u32,
    /// The guest's stack, in bytes.
    pub stack_bytes: usize,
    /// The guest's own running time in one call. Waiting for host calls does not count.
    pub running_time: Duration,
    /// How long `describe` and `configure` may take, including waiting.
    pub configure_time: Duration,
    /// How long `deliver` may take, including host calls.
    pub deliver_time: Duration,
    /// The own running time of a factor component in one call. It waits for nothing, and verifying a signature takes it about a
    /// millisecond; the rest is for machines that are busy.
    pub factor_running_time: Duration,
    /// How long a call of a factor component may take, including waiting for a processor.
    pub factor_time: Duration,
    /// Bytes of strings, lists and bodies that a guest may pass to the host in one host call, or return.
    pub exchanged_bytes: usize,
    /// Host calls (`http.send`, `smtp.send`) in one call.
    pub host_calls: u32,
    /// Log lines that are written in one call.
    pub log_lines: u32,
    /// Characters of one log line, or of one text that a component returns.
    pub text_chars: usize,
    /// Handles (streams, pollables, requests) open at the same time in one call.
    pub handles: usize,
    /// Calls in flight at the same time, over all providers.
    pub calls_in_flight: u32,
    /// Calls in flight at the same time of one provider. The rest is for other providers, however long its own calls hang.
    pub calls_of_one_provider: u32,
    /// How long a call may wait while the maximum number of calls is in flight.
    pub queue_time: Duration,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            component_bytes: 64 << 20,
            compile_time: Duration::from_secs(300),
            memory_bytes: 64 << 20,
            memory_of_all_calls_bytes: 3 << 30,
            memory_of_one_provider_bytes: 2 << 30,
            memories: 1,
            tables: 8,
            table_elements: 100_000,
            core_instances: 48,
            stack_bytes: 512 << 10,
            running_time: Duration::from_secs(1),
            configure_time: Duration::from_secs(5),
            deliver_time: Duration::from_secs(70),
            factor_running_time: Duration::from_millis(250),
            factor_time: Duration::from_secs(2),
            exchanged_bytes: 4 << 20,
            host_calls: 16,
            log_lines: 32,
            text_chars: 512,
            handles: 128,
            calls_in_flight: 1000,
            calls_of_one_provider: 750,
            queue_time: Duration::from_secs(2),
        }
    }
}

impl SandboxLimits {
    /// How often the clock that interrupts guests ticks.
    pub(crate) const TICK: Duration = Duration::from_millis(1);

    /// Returns a running time in ticks.
    pub(crate) fn ticks(running_time: Duration) -> u64 {
        let ticks = running_time.as_millis() / Self::TICK.as_millis();
        u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
    }
}
