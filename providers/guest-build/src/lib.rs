//! Builds guests of this workspace from a build script: for `wasm32-unknown-unknown`, without WASI, or for `wasm32-wasip2`.
//!
//! The guests are members of the workspace, so they share its lock file and their unit tests run natively with all others;
//! the components come from a nested `cargo build` with its own target folder, because the outer build holds the lock of the other.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on standard output")]

mod early_read;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::ComponentEncoder;

/// Why guests were not built. A build script that returns it from `main` prints it with `Debug`, which therefore prints the message.
pub struct Error(String);

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<String>> From<T> for Error {
    fn from(sentence: T) -> Self {
        Self(sentence.into())
    }
}

/// What components are built for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// With WASI: the linker makes the component.
    Wasi,
    /// Without WASI: the standard library imports nothing there, and this crate makes the component.
    Bare,
}

impl Target {
    fn triple(self) -> &'static str {
        match self {
            Self::Wasi => "wasm32-wasip2",
            Self::Bare => "wasm32-unknown-unknown",
        }
    }

    /// Returns flags for the compiler. What is built without WASI runs in this host alone: it may use instructions that multiply numbers of
    /// 64 bits, without which cryptography takes four times as long. rustc warns that it may change how the feature is named.
    ///
    /// `curve25519-dalek` has to be told so: by itself it takes numbers of 32 bits where pointers have 32. And arithmetic is inlined
    /// more than usual, because a number of 256 bits costs less in locals than in memory.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Wasi => &[],
            Self::Bare => &[
                "-Ctarget-feature=+wide-arithmetic",
                "--cfg=curve25519_dalek_bits=\"64\"",
                "-Cllvm-args=--inline-threshold=600",
            ],
        }
    }
}

/// Builds the packages and puts each component at `OUT_DIR/<package with underscores>.wasm`. Rebuilds when one of `sources` (paths
/// from the workspace's root) changes.
///
/// # Errors
/// With a message that says what to do.
pub fn build(packages: &[&str], sources: &[&str]) -> Result<(), Error> {
    build_for(Target::Wasi, packages, sources)
}

/// Builds components that import no more than the interfaces they name: providers only capabilities, factors nothing. Otherwise as
/// [`build`].
///
/// # Errors
/// With a message that says what to do.
pub fn build_without_wasi(packages: &[&str], sources: &[&str]) -> Result<(), Error> {
    build_for(Target::Bare, packages, sources)
}

fn build_for(target: Target, packages: &[&str], sources: &[&str]) -> Result<(), Error> {
    let (root, up) = workspace_root()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("run this from a build script")?);
    for source in sources.iter().chain(&["Cargo.toml", "Cargo.lock", "wit", "providers/sdk", "providers/factor-sdk"]) {
        // Relative to the package, because two checkouts may share a target folder.
        println!("cargo::rerun-if-changed={}", up.join(source).display());
    }
    ensure_target(target.triple())?;
    let target_dir = shared(&out).join("guests");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&root)
        .args(["build", "--locked", "--release", "--target", target.triple(), "--target-dir"])
        .arg(&target_dir);
    for package in packages {
        cargo.args(["--package", package]);
    }
    for (key, value) in [
        ("opt-level", "3"),
        ("lto", "true"),
        ("codegen-units", "1"),
        ("panic", "\"abort\""),
        ("strip", "true"),
        ("debug", "false"),
    ] {
        cargo.arg("--config").arg(format!("profile.release.{key}={value}"));
    }
    // The variables that cargo sets for this build script, and flags for the host, must not reach the guests.
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let kept = name == "CARGO_HOME"
            || name.starts_with("CARGO_NET_")
            || name.starts_with("CARGO_HTTP_")
            || name.starts_with("CARGO_REGISTR")
            || name.starts_with("CARGO_SOURCE");
        if name.starts_with("CARGO_") && !kept
            || matches!(
                name,
                "RUSTFLAGS" | "RUSTDOCFLAGS" | "RUSTC_WORKSPACE_WRAPPER" | "RUSTC_WRAPPER" | "CLIPPY_ARGS"
            )
        {
            cargo.env_remove(name);
        }
    }
    let own = target.flags().iter().map(|flag| (*flag).to_owned());
    let flags: Vec<String> = same_everywhere().into_iter().chain(own).collect();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let output = cargo.output().map_err(|error| format!("cargo could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("the guests do not build:\n{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    for package in packages {
        let file = format!("{}.wasm", package.replace('-', "_"));
        let built = target_dir.join(target.triple()).join("release").join(&file);
        let bytes = std::fs::read(&built).map_err(|error| format!("{}: {error}", built.display()))?;
        let component = match target {
            Target::Wasi => bytes,
            Target::Bare => component(&bytes).map_err(|error| format!("{package}: {error:#}"))?,
        };
        std::fs::write(out.join(&file), component).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Returns a folder that all build scripts of a target folder share, as far as there is one: what guests have in common is built once, and
/// a guest once for all profiles of the host. Cargo locks it.
fn shared(out: &Path) -> &Path {
    let build = out.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    build.and_then(Path::parent).unwrap_or(out)
}

/// Makes a component of a core module that has its interfaces in a custom section, as `wit-bindgen` writes it.
fn component(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    early_read::check(module)?;
    ComponentEncoder::default().validate(true).module(module)?.encode()
}

/// Returns flags that keep local paths out of the components, so that the same sources give the same bytes, and the same digest, on
/// every machine.
fn same_everywhere() -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo"))).unwrap_or_default();
    let registries = home.join("registry/src").read_dir().into_iter().flatten().flatten();
    registries.map(|registry| format!("--remap-path-prefix={}=crates", registry.path().display())).collect()
}

/// Returns the workspace's root, and the relative path to it from the package.
fn workspace_root() -> Result<(PathBuf, PathBuf), String> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("run this from a build script")?);
    let is_root = |folder: &Path| folder.join("Cargo.lock").exists() && folder.join("wit").exists();
    let levels = here.ancestors().position(is_root).ok_or("the workspace's root was not found")?;
    let up: PathBuf = std::iter::repeat_n("..", levels).collect();
    let root = here.ancestors().nth(levels).ok_or("the workspace's root was not found")?;
    Ok((root.to_owned(), up))
}

/// Installs the target if rustup is there and the toolchain lacks it.
fn ensure_target(target: &str) -> Result<(), String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output();
    let installed = libdir.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists());
    if installed {
        return Ok(());
    }
    println!("cargo::warning=installing the Rust target {target}, which components are built for");
    let added = Command::new("rustup").args(["target", "add", target]).status();
    if added.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(format!("components are built for the Rust target {target}: run `rustup target add {target}`"))
}
