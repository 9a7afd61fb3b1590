//! What is found in the memories of a server's guests whenever a message arrives.

use std::sync::{Arc, Mutex};

use twofactor_tests::canaries::{Canaries, Search};
use twofactor_tests::guest_memory::memories_of_guests;

/// Looks into the guests' memories whenever a message arrives somewhere.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    process: Option<u32>,
    secrets: Option<Search>,
    looks: usize,
    bytes: usize,
    found: Vec<String>,
}

impl Watch {
    /// From now on, for these.
    pub(crate) fn begin(&self, process: u32, secrets: &Canaries) {
        let mut state = self.0.lock().unwrap();
        (state.process, state.secrets) = (Some(process), Some(secrets.search()));
    }

    /// Searches when a message with a code has arrived and its sender waits for the response.
    pub(crate) fn look(&self, code: &str, recipient: &str) {
        let mut state = self.0.lock().unwrap();
        let Some(process) = state.process else { return };
        let memories = memories_of_guests(process);
        state.looks += 1;
        state.bytes += memories.len();
        let mut wanted = Canaries::default();
        wanted.add("code", code);
        let mut found = wanted.search().found_in(&memories);
        found.extend(state.secrets.iter().flat_map(|secrets| secrets.found_in(&memories)));
        // Data that the guest does know proves that its memory was searched.
        let mut known = Canaries::default();
        known.add("recipient", recipient);
        if known.search().found_in(&memories).is_empty() {
            found.push("no recipient: this is not the guest's memory".to_owned());
        }
        state.found.extend(found);
    }

    /// Returns the number of searches, the number of bytes searched, and what was found.
    pub(crate) fn seen(&self) -> (usize, usize, Vec<String>) {
        let state = self.0.lock().unwrap();
        (state.looks, state.bytes, state.found.clone())
    }
}
