//! `cargo bench`: every row of the table in `docs/performance.md`, and the pages of the admin UI,
//! measured in one run and printed with the target. Ratios compare two things that run in turns on
//! the same machine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that fails is no measurement"
)]

mod delay;
mod deliver;
mod factors;
mod http;
mod mail;
mod memory;
mod neighbours;
mod pages;
mod postgres;
mod rest;
mod setup;
mod start;
mod verify;

/// The same as in the server's program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One row of the table.
pub(crate) fn row(what: &str, measured: String, target: &str, reached: bool) {
    println!("{} {what}\n       {measured}   (target {target})", if reached { "  ok " } else { " MISS" });
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Cargo passes `--bench`; anything else selects rows by name.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Ok(upstream) = std::env::var(memory::CHILD) {
        return setup::runtime().block_on(memory::child(&upstream));
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| name.contains(one.as_str()));
    let runtime = setup::runtime();
    if wanted("deliver") {
        runtime.block_on(deliver::rows());
    }
    if wanted("mail") {
        runtime.block_on(mail::rows());
    }
    if wanted("neighbours") {
        runtime.block_on(neighbours::rows());
    }
    if wanted("start") {
        start::rows();
    }
    if wanted("factors") {
        factors::rows();
    }
    if wanted("rest") {
        runtime.block_on(rest::rows());
    }
    if wanted("pages") {
        runtime.block_on(pages::rows());
    }
    if wanted("memory") {
        runtime.block_on(memory::rows());
    }
    if wanted("verify") {
        runtime.block_on(verify::rows());
    }
    if wanted("postgres") {
        runtime.block_on(postgres::rows());
    }
    if chosen.iter().any(|one| one == "ten-million") {
        runtime.block_on(verify::very_many());
    }
}
