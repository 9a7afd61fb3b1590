//! What a new project is made of. Sources in other languages than Rust are those of `examples/`, with names and paths of its own.

/// Where the file goes, and what is in it.
pub(super) type File = (&'static str, &'static str);

macro_rules! files {
    ($($to:literal from $from:literal),* $(,)?) => { &[$(($to, include_str!($from))),*] };
}

pub(super) const RUST: &[File] = files![
    ".gitignore" from "rust/gitignore.txt",
    "Cargo.toml" from "rust/Cargo.toml.txt",
    "README.md" from "rust/README.md.txt",
    "src/lib.rs" from "rust/lib.rs.txt",
    "vendor/twofactor-provider/Cargo.toml" from "rust/sdk.toml.txt",
    "vendor/twofactor-provider/src/export.rs" from "../../../../providers/sdk/src/export.rs",
    "vendor/twofactor-provider/src/failure.rs" from "../../../../providers/sdk/src/failure.rs",
    "vendor/twofactor-provider/src/http.rs" from "../../../../providers/sdk/src/http.rs",
    "vendor/twofactor-provider/src/lib.rs" from "../../../../providers/sdk/src/lib.rs",
    "vendor/twofactor-provider/src/log.rs" from "../../../../providers/sdk/src/log.rs",
    "vendor/twofactor-provider/src/mail.rs" from "../../../../providers/sdk/src/mail.rs",
    "vendor/twofactor-provider/src/options.rs" from "../../../../providers/sdk/src/options.rs",
    "vendor/twofactor-provider/src/provider.rs" from "../../../../providers/sdk/src/provider.rs",
    "vendor/twofactor-provider/src/report.rs" from "../../../../providers/sdk/src/report.rs",
    "vendor/twofactor-provider/src/testing.rs" from "../../../../providers/sdk/src/testing.rs",
    "vendor/twofactor-provider/src/verify.rs" from "../../../../providers/sdk/src/verify.rs",
];

pub(super) const JAVASCRIPT: &[File] = files![
    ".gitignore" from "../../../../examples/.gitignore",
    ".npmrc" from "../../../../examples/javascript/.npmrc",
    "README.md" from "../../../../examples/javascript/README.md",
    "jsconfig.json" from "../../../../examples/javascript/jsconfig.json",
    "package-lock.json" from "../../../../examples/javascript/package-lock.json",
    "package.json" from "../../../../examples/javascript/package.json",
    "provider.js" from "../../../../examples/javascript/provider.js",
    "provider.test.js" from "../../../../examples/javascript/provider.test.js",
    "wit.js" from "../../../../examples/javascript/wit.js",
    "world.wit" from "../../../../examples/javascript/world.wit",
];

pub(super) const PYTHON: &[File] = files![
    ".gitignore" from "../../../../examples/.gitignore",
    "README.md" from "../../../../examples/python/README.md",
    "app.py" from "../../../../examples/python/app.py",
    "build" from "../../../../examples/python/build",
    "no_clock.py" from "../../../../examples/python/no_clock.py",
    "requirements.txt" from "../../../../examples/python/requirements.txt",
    "schema.json" from "../../../../examples/python/schema.json",
    "test_app.py" from "../../../../examples/python/test_app.py",
    "world.wit" from "../../../../examples/python/world.wit",
];

pub(super) const GO: &[File] = files![
    ".gitignore" from "../../../../examples/.gitignore",
    "README.md" from "../../../../examples/go/README.md",
    "build" from "../../../../examples/go/build",
    "go.mod" from "../../../../examples/go/go.mod",
    "provider.go" from "../../../../examples/go/provider.go",
    "provider_test.go" from "../../../../examples/go/provider_test.go",
    "schema.json" from "../../../../examples/go/schema.json",
    "twofactor/component.go" from "../../../../examples/go/twofactor/component.go",
    "twofactor/native.go" from "../../../../examples/go/twofactor/native.go",
    "twofactor/twofactor.go" from "../../../../examples/go/twofactor/twofactor.go",
    "wasi-stub.wat" from "../../../../examples/go/wasi-stub.wat",
    "world.wit" from "../../../../examples/go/world.wit",
];

/// The contract, with the WASI packages that it names.
pub(super) const WIT: &[File] = files![
    "wit/configuration.wit" from "../../../../wit/configuration.wit",
    "wit/delivery.wit" from "../../../../wit/delivery.wit",
    "wit/http.wit" from "../../../../wit/http.wit",
    "wit/log.wit" from "../../../../wit/log.wit",
    "wit/reports.wit" from "../../../../wit/reports.wit",
    "wit/smtp.wit" from "../../../../wit/smtp.wit",
    "wit/types.wit" from "../../../../wit/types.wit",
    "wit/verification.wit" from "../../../../wit/verification.wit",
    "wit/worlds.wit" from "../../../../wit/worlds.wit",
    "wit/deps/cli.wit" from "../../../../wit/deps/cli.wit",
    "wit/deps/clocks.wit" from "../../../../wit/deps/clocks.wit",
    "wit/deps/filesystem.wit" from "../../../../wit/deps/filesystem.wit",
    "wit/deps/http.wit" from "../../../../wit/deps/http.wit",
    "wit/deps/io.wit" from "../../../../wit/deps/io.wit",
    "wit/deps/random.wit" from "../../../../wit/deps/random.wit",
    "wit/deps/sockets.wit" from "../../../../wit/deps/sockets.wit",
];
