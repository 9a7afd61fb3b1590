//! The memories of a process's guests, read from outside while a guest waits for its upstream.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

const PAGE: u64 = 4096;

/// After each memory, a range as large as an index of 32 bits can reach must not be accessed.
/// Nothing else in a process has such a range after it.
const GUARD: u64 = 1 << 30;

/// Returns all pages that guests of a process wrote to.
pub fn memories_of_guests(process: u32) -> Vec<u8> {
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
