//! The memories of a server's guests, read from outside while a guest waits for its upstream.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};

use super::search::{Canaries, Search};

const PAGE: u64 = 4096;

/// After each memory, a range as large as an index of 32 bits can reach must not be accessed.
/// Nothing else in a process has such a range after it.
const GUARD: u64 = 1 << 30;

/// Returns all pages that guests of a process wrote to.
pub(crate) fn memories_of_guests(process: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let (mut row, mut ranges) = (Vec::new(), Vec::new());
    let mut end_of_row = 0;
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next().unwrap().split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let access = words.next().unwrap();
        if from != end_of_row {
            row.clear();
        }
        end_of_row = to;
        if access.starts_with("rw") {
            row.push((from, to));
            continue;
        }
        if access.starts_with("---") && to - from >= GUARD {
            ranges.append(&mut row);
        }
        row.clear();
    }
    let present = File::open(format!("/proc/{process}/pagemap")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut pages = Vec::new();
    for (from, to) in ranges {
        let mut entries = vec![0; usize::try_from((to - from) / PAGE * 8).unwrap()];
        present.read_exact_at(&mut entries, from / PAGE * 8).unwrap();
        for (n, entry) in entries.chunks_exact(8).enumerate() {
            // In memory or swapped out, and different from the component's file.
            if entry[7] & 0xc0 != 0 && entry[7] & 0x20 == 0 {
                let length = pages.len();
                pages.resize(length + PAGE as usize, 0);
                // What has disappeared since it was listed is no longer in use.
                let read = memory.read_exact_at(&mut pages[length..], from + n as u64 * PAGE);
                if read.is_err() || pages[length..] == [0; PAGE as usize] {
                    pages.truncate(length);
                }
            }
        }
    }
    pages
}

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
