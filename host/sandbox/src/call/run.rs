//! Runs a component with all limits in force, in a store of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Store, Trap, UpdateDeadline};

use super::effects::{Effects, TypedCode};
use super::hide::{PlacedSecrets, Placeholder};
use super::log::CallLog;
use super::outcome::{DeliveryFailure, Reason};
use super::outside::{Concurrently, HostCalls, Outside, run_all};
use super::sandbox::Sandbox;
use super::state::State;
use crate::egress::Grants;
use crate::limits::SandboxLimits;
use crate::schedule::concurrency::Share;
use crate::schedule::epoch_clock::{CallTime, Found};
use crate::schedule::memory::NoMemory;

/// A call that is about to be made. By default it can reach nothing and nothing is hidden from it.
pub(crate) struct Call<'a> {
    sandbox: &'a Sandbox,
    share: Option<&'a Share>,
    grants: Arc<Grants>,
    log: Arc<CallLog>,
    placeholder: Option<Arc<Placeholder>>,
    secrets: Option<Arc<PlacedSecrets>>,
    /// How long it may take in total.
    time: Duration,
    /// How long the component may run in it.
    running_time: Duration,
    /// How many bytes it and the host may exchange.
    exchanged_bytes: usize,
}

/// A call that returned no result of the component.
#[derive(Debug)]
pub(crate) struct CallFailure {
    /// Why, for the operator.
    pub(crate) reason: Reason,
    /// Whether the host was too busy to start the call, or to give it memory before it had sent anything.
    pub(crate) busy: bool,
    /// Whether a message may have been sent before it failed.
    pub(crate) sent: bool,
    /// Whether it ran out of time, and might succeed when the machine is less busy.
    pub(crate) wanted_time: bool,
}

impl CallFailure {
    /// Creates the failure of a call that was never made, and never will be.
    pub(crate) fn before(reason: Reason) -> Self {
        Self { reason, busy: false, sent: false, wanted_time: false }
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, log: Arc<CallLog>, time: Duration) -> Self {
        let limits = sandbox.limits();
        Self {
            sandbox,
            share: None,
            grants: Arc::new(Grants::none()),
            log,
            placeholder: None,
            secrets: None,
            time,
            running_time: limits.running_time,
            exchanged_bytes: limits.exchanged_bytes,
        }
    }

    /// Counts it among the calls of one provider.
    pub(crate) fn share(mut self, share: &'a Share) -> Self {
        self.share = Some(share);
        self
    }

    /// Allows it to reach what was granted.
    pub(crate) fn grants(mut self, grants: Arc<Grants>) -> Self {
        self.grants = grants;
        self
    }

    /// Puts the code in place of this placeholder into what it sends.
    pub(crate) fn placeholder(mut self, placeholder: Option<Arc<Placeholder>>) -> Self {
        self.placeholder = placeholder;
        self
    }

    /// Puts secrets into what it sends in place of their placeholders.
    pub(crate) fn secrets(mut self, secrets: Option<Arc<PlacedSecrets>>) -> Self {
        self.secrets = secrets;
        self
    }

    /// Bounds it more tightly than others.
    pub(crate) fn within(mut self, running_time: Duration, exchanged_bytes: usize) -> Self {
        self.running_time = self.running_time.min(running_time);
        self.exchanged_bytes = self.exchanged_bytes.min(exchanged_bytes);
        self
    }

    /// Runs it. The store, with everything the component had, is dropped at the end.
    pub(crate) async fn run<T>(
        self,
        body: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallFailure> {
        let (sandbox, share) = (self.sandbox, self.share);
        let limits = sandbox.limits();
        let turn = tokio::time::timeout(limits.queue_time, sandbox.turns().take(share)).await;
        let Ok(Some(_turn)) = turn else {
            let reason = Reason::new(Reason::BUSY, "too many calls are in flight");
            return Err(CallFailure { reason, busy: true, sent: false, wanted_time: true });
        };
        let own_time = sandbox.clock().call(SandboxLimits::ticks(self.running_time));
        let effects = Effects::default();
        // This includes dropping all that the call had.
        let answer = own_time
            .run(share.map(|share| &share.habit), async {
                let (concurrently, tasks) = Concurrently::new();
                let mut store = self.store(own_time.clone(), effects.clone(), concurrently);
                let answer = tokio::select! {
                    biased;
                    typed = effects.ended() => Err(Some(wasmtime::Error::new(typed))),
                    never = run_all(tasks) => match never {},
                    answer = within(self.time, body(&mut store)) => answer,
                };
                sandbox.note_fuel(&store);
                match effects.was_ended() {
                    Some(typed) => Err(Some(wasmtime::Error::new(typed))),
                    None => answer,
                }
            })
            .await;
        answer.map_err(|error| {
            let reason = explain(error.as_ref());
            // The frames of a trap are for the provider's author. They contain names of functions
            // and no data.
            if let Some(error) = &error {
                tracing::debug!(target: "twofactor::provider", error = self.log.redactor().clean(&format!("{error:#}")), "a call failed");
            }
            let (sent, wanted_memory) = (effects.has_sent(), error.as_ref().is_some_and(|error| error.is::<NoMemory>()));
            let wanted_time = wanted_memory || error.as_ref().is_none_or(|error| error.is::<OutOfTime>());
            CallFailure { reason, busy: wanted_memory && !sent, sent, wanted_time }
        })
    }

    /// Returns a store with every bound of [`SandboxLimits`] in force.
    pub(super) fn store(&self, time: Arc<CallTime>, effects: Effects, concurrently: Concurrently) -> Store<State> {
        let (sandbox, limits) = (self.sandbox, self.sandbox.limits());
        let outside = Outside {
            network: sandbox.network().clone(),
            grants: self.grants.clone(),
            log: self.log.clone(),
            placeholder: self.placeholder.clone(),
            secrets: self.secrets.clone(),
            effects,
            host_calls: HostCalls::new(limits.host_calls),
            concurrently,
        };
        let memory = sandbox.turns().memory(self.share);
        let fixed_clock = sandbox.has_fixed_clock(self.grants.reach_nobody());
        let state = State::new(Arc::new(outside), limits, memory, fixed_clock);
        let mut store = Store::new(sandbox.engine(), state);
        store.limiter(|state| &mut state.limits);
        sandbox.fill_up(&mut store);
        store.set_hostcall_fuel(self.exchanged_bytes);
        // The epoch advances while a host call waits, so a deadline in epochs would punish a slow
        // upstream. Instead, each tick checks how long the guest itself has been running, and lets
        // others run if that was long.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| match time.found() {
            Found::Early => Ok(UpdateDeadline::Continue(1)),
            Found::Long => Ok(UpdateDeadline::Yield(1)),
            Found::OutOfTime => Err(wasmtime::Error::new(OutOfTime)),
        });
        store
    }
}

/// The error that the guest used up its running time.
#[derive(Debug, thiserror::Error)]
#[error("the component exceeded its running time")]
struct OutOfTime;

/// A component that failed after it had sent something may have delivered the message.
impl From<CallFailure> for DeliveryFailure {
    fn from(failure: CallFailure) -> Self {
        match failure.reason {
            reason if failure.busy => Self::RetryLater { after_seconds: Some(1), reason },
            reason if failure.sent => Self::OutcomeUnknown(reason),
            reason => Self::Misconfigured(reason),
        }
    }
}

/// `Err(None)` if the time is up.
async fn within<T>(
    time: Duration,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Option<wasmtime::Error>> {
    match tokio::time::timeout(time, call).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn explain(error: Option<&wasmtime::Error>) -> Reason {
    let Some(error) = error else {
        return Reason::new("time-out", "the component did not respond in time");
    };
    if let Some(typed) = error.downcast_ref::<TypedCode>() {
        return Reason::new("typed-code", typed.to_string());
    }
    if let Some(no_memory) = error.downcast_ref::<NoMemory>() {
        return Reason::new(Reason::BUSY, no_memory.to_string());
    }
    if error.is::<OutOfTime>() {
        return Reason::new("running-time", "the component exceeded its running time");
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Reason::new("stack", "the component exceeded its stack"),
        Some(_) => Reason::new("trap", "the component trapped"),
        None => Reason::new("limit", "the component exceeded a limit or trapped"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::call::hide::CallRedactor;
    use wasmtime::component::Component;

    use super::*;
    use crate::egress::Network;
    use crate::limits::SandboxLimits;

    /// Returns a component with this many core instances, each with this many memories and tables.
    fn component(instances: usize, memories: usize, tables: usize) -> String {
        let (memories, tables) = ("(memory 1)".repeat(memories), "(table 1 funcref)".repeat(tables));
        let instances = "(core instance (instantiate $m))".repeat(instances);
        format!("(component (core module $m {memories} {tables}) {instances})")
    }

    fn call<'a>(sandbox: &'a Sandbox, share: Option<&'a Share>) -> Call<'a> {
        let log = CallLog::new("t", CallRedactor::new(100), 1);
        Call { share, ..Call::new(sandbox, log, Duration::from_secs(1)) }
    }

    /// Returns as many calls of a component as can be in flight, and the error of the next one.
    async fn fill(sandbox: &Sandbox, share: Option<&Share>, text: &str) -> (Vec<Store<State>>, wasmtime::Error) {
        let component = Component::new(sandbox.engine(), wat::parse_str(text).unwrap());
        let mut stores = Vec::new();
        let pre = match component.and_then(|component| sandbox.linker().instantiate_pre(&component)) {
            Ok(pre) => pre,
            Err(error) => return (stores, error),
        };
        loop {
            let call = call(sandbox, share);
            let mut store = call.store(sandbox.clock().call(1000), Effects::default(), Concurrently::new().0);
            match pre.instantiate_async(&mut store).await {
                Ok(_) => stores.push(store),
                Err(error) => return (stores, error),
            }
        }
    }

    /// Returns how many calls of a component can be in flight, and the error of the next one.
    async fn in_flight(sandbox: &Sandbox, text: &str) -> (usize, String) {
        let (stores, error) = fill(sandbox, None, text).await;
        (stores.len(), format!("{error:#}"))
    }

    fn sandbox() -> Sandbox {
        let limits =
            SandboxLimits { calls_in_flight: 3, core_instances: 4, memories: 2, tables: 3, ..SandboxLimits::default() };
        Sandbox::new(limits, Network::builder().build().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_pool_has_room_for_the_limits_of_each_call_in_flight() {
        for (instances, memories, tables) in [(4, 0, 0), (2, 1, 0), (3, 0, 1), (2, 1, 1)] {
            let (calls, error) = in_flight(&sandbox(), &component(instances, memories, tables)).await;
            assert_eq!(calls, 3, "{instances} {memories} {tables}: {error}");
        }
    }

    #[tokio::test]
    async fn a_component_beyond_the_pools_limits_is_never_called() {
        for (instances, memories, tables) in [(5, 0, 0), (3, 1, 0), (4, 0, 1)] {
            let (calls, error) = in_flight(&sandbox(), &component(instances, memories, tables)).await;
            assert_eq!(calls, 0, "{instances} {memories} {tables}: {error}");
        }
    }

    /// Returns a component whose memory begins with this many MiB.
    fn with_memory(mib: usize) -> String {
        format!("(component (core module $m (memory {})) (core instance (instantiate $m)))", mib * 16)
    }

    /// Returns a sandbox whose calls share 24 MiB, those of one provider 16 MiB.
    fn of_little_memory() -> Sandbox {
        let (memory_of_all_calls_bytes, memory_of_one_provider_bytes) = (24 << 20, 16 << 20);
        let bounds =
            SandboxLimits { memory_of_all_calls_bytes, memory_of_one_provider_bytes, ..SandboxLimits::default() };
        let limits = SandboxLimits { calls_in_flight: 12, core_instances: 2, tables: 1, ..bounds };
        Sandbox::new(limits, Network::builder().build().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_memory_of_all_calls_and_of_one_provider_is_bounded_and_given_back() {
        let sandbox = of_little_memory();
        let [one, other] = ["one", "other"].map(|type_id| sandbox.turns().share(type_id));
        // The first 2 MiB of each are its own.
        let large = with_memory(10);
        for _ in 0..2 {
            let (of_one, error) = fill(&sandbox, Some(&one), &large).await;
            assert!(of_one.len() == 2 && error.is::<NoMemory>(), "{} {error:#}", of_one.len());
            let (of_other, error) = fill(&sandbox, Some(&other), &large).await;
            assert!(of_other.len() == 1 && error.is::<NoMemory>(), "{} {error:#}", of_other.len());
            // The others go on.
            let (small, error) = fill(&sandbox, None, &with_memory(2)).await;
            assert!(small.len() == 9 && !error.is::<NoMemory>(), "{} {error:#}", small.len());
        }
    }

    #[tokio::test]
    async fn tables_count_as_memory() {
        let limits = SandboxLimits {
            calls_in_flight: 12,
            core_instances: 2,
            tables: 1,
            memory_of_all_calls_bytes: 4 << 20,
            ..SandboxLimits::default()
        };
        let sandbox = Sandbox::new(limits, Network::builder().build().unwrap()).unwrap();
        // The memory is what each call has in any case; the table has 800,000 bytes.
        let with_table =
            "(component (core module $m (memory 32) (table 100000 funcref)) (core instance (instantiate $m)))";
        let (stores, error) = fill(&sandbox, None, with_table).await;
        assert!(stores.len() == 5 && error.is::<NoMemory>(), "{} {error:#}", stores.len());
    }

    #[tokio::test]
    async fn a_call_that_grows_while_others_hold_the_memory_can_be_tried_again() {
        let sandbox = of_little_memory();
        let (held, _) = fill(&sandbox, None, &with_memory(10)).await;
        let grows = "(component (core module $m (memory 1) (func $s (drop (memory.grow (i32.const 80)))) (start $s))
            (core instance (instantiate $m)))";
        let component = Component::new(sandbox.engine(), wat::parse_str(grows).unwrap()).unwrap();
        let pre = sandbox.linker().instantiate_pre(&component).unwrap();
        let run = async || {
            let body = async |store: &mut Store<State>| pre.instantiate_async(&mut *store).await.map(|_| ());
            call(&sandbox, None).run(body).await
        };
        let failure = run().await.unwrap_err();
        assert!(failure.busy && !failure.sent && failure.wanted_time);
        assert!(DeliveryFailure::from(failure).is_of_the_host());
        drop(held);
        assert!(run().await.is_ok());
    }

    #[tokio::test]
    async fn a_component_gets_few_random_bytes_at_once() {
        let sandbox = sandbox();
        for (bytes, expected) in [(64 << 10, true), ((64 << 10) + 1, false)] {
            let text = format!(
                r#"(component
                (import "wasi:random/random@0.2.0" (instance $random
                    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
                (core module $memory (memory (export "memory") 4)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))
                (core instance $memory (instantiate $memory))
                (core func $get (canon lower (func $random "get-random-bytes")
                    (memory $memory "memory") (realloc (func $memory "realloc"))))
                (core module $m (import "random" "get" (func $get (param i64 i32)))
                    (func (export "run") (call $get (i64.const {bytes}) (i32.const 0))))
                (core instance $m (instantiate $m (with "random" (instance (export "get" (func $get))))))
                (func (export "run") (canon lift (core func $m "run"))))"#
            );
            let component = Component::new(sandbox.engine(), wat::parse_str(text).unwrap()).unwrap();
            let pre = sandbox.linker().instantiate_pre(&component).unwrap();
            let body = async |store: &mut Store<State>| {
                let instance = pre.instantiate_async(&mut *store).await?;
                instance.get_typed_func::<(), ()>(&mut *store, "run")?.call_async(&mut *store, ()).await
            };
            assert_eq!(call(&sandbox, None).run(body).await.is_ok(), expected, "{bytes}");
        }
    }
}
