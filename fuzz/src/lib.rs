//! Inputs of fuzz targets: seeds, and mutations of them that are the same in every run.
//!
//! A target takes any bytes and panics if the code under test breaks a promise. The targets of a crate are in its module `fuzzing`,
//! which exists in its tests, and where libFuzzer drives them (`./run fuzz`).

mod mutation;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use mutation::Mutations;

/// A fuzz target: its name, which is that of its folder in `seeds/`, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// The number of mutations in a short run.
const MUTATIONS: usize = 3000;

/// A short run ends after this time, even if there are mutations left: a slow machine tests fewer.
const TIME: Duration = Duration::from_secs(4);

/// An input that takes longer is a fault, since whatever reads it is bounded. A busy machine without optimisation stays below.
const ONE_INPUT: Duration = Duration::from_secs(20);

/// Runs targets with their seeds, and with mutations of these. If the environment has `FUZZ_SECONDS`, each target runs for this time, and the
/// number of its inputs is printed.
///
/// # Panics
/// If a target panics, takes too long for one input, or has no seeds. The input is printed.
pub fn run_briefly(targets: &[Target]) {
    let longer = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let (most, time) = longer.map_or((MUTATIONS, TIME), |time| (usize::MAX, time));
    for (name, target) in targets {
        let seeds = seeds(name);
        let mut mutations = Mutations::of(&seeds);
        let end = Instant::now() + time;
        seeds.iter().for_each(|seed| run(name, *target, seed));
        let mut inputs = seeds.len();
        for _ in 0..most {
            if Instant::now() > end {
                break;
            }
            run(name, *target, &mutations.next());
            inputs += 1;
        }
        if longer.is_some() {
            report(name, inputs);
        }
    }
}

#[allow(clippy::print_stdout, reason = "the output of a test that was asked to run longer")]
fn report(name: &str, inputs: usize) {
    println!("{name}: {inputs} inputs");
}

/// Runs a target with one input.
fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    /// Prints the input while the target's panic unwinds.
    struct Shown<'a>(&'a str, &'a [u8]);
    impl Drop for Shown<'_> {
        #[allow(clippy::print_stderr, reason = "the output of a failed test")]
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the target `{}` failed with the input b\"{}\"", self.0, self.1.escape_ascii());
            }
        }
    }
    let _shown = Shown(name, input);
    let began = Instant::now();
    target(input);
    let took = began.elapsed();
    assert!(took < ONE_INPUT, "the target `{name}` took {took:?} for one input");
}

/// Reads the seeds of a target, in the order of their names.
///
/// # Panics
/// If there are none, or one cannot be read.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let files = || -> io::Result<Vec<Vec<u8>>> {
        let mut paths = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        paths.iter().map(fs::read).collect()
    };
    let seeds = files().unwrap_or_else(|error| panic_without_seeds(&folder, &error.to_string()));
    assert!(!seeds.is_empty(), "there are no seeds in {}", folder.display());
    seeds
}

#[allow(clippy::panic, reason = "a test fails by panicking")]
fn panic_without_seeds(folder: &Path, error: &str) -> ! {
    panic!("the seeds in {} cannot be read: {error}", folder.display())
}
