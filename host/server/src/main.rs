//! The program `twofactor`: see [`twofactor_server::cli`].

use std::process::ExitCode;

use clap::Parser as _;
use twofactor_server::cli::Arguments;

/// A delivery allocates in one thread what another frees; in the allocator of the system, both wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().on_thread_start(twofactor::sandbox::on_thread_start).build()?;
    let ended = runtime.block_on(twofactor_server::cli::start(Arguments::parse()));
    // Compilation in progress cannot be stopped, and nobody waits for it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ended
}
