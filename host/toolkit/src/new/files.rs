//! The files of a new project. Sources in languages other than Rust are those of `examples/`, with other names and paths.

/// A path in the project, and the text of the file.
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
    "vendor/twofactor-provider/src/authentication.rs" from "../../sdk/authentication.rs",
    "vendor/twofactor-provider/src/bindings.rs" from "../../sdk/bindings.rs",
    "vendor/twofactor-provider/src/by_circumstance.rs" from "../../sdk/by_circumstance.rs",
    "vendor/twofactor-provider/src/delivery_bindings.rs" from "../../sdk/delivery_bindings.rs",
    "vendor/twofactor-provider/src/export.rs" from "../../sdk/export.rs",
    "vendor/twofactor-provider/src/failure.rs" from "../../sdk/failure.rs",
    "vendor/twofactor-provider/src/http.rs" from "../../sdk/http.rs",
    "vendor/twofactor-provider/src/json.rs" from "../../sdk/json.rs",
    "vendor/twofactor-provider/src/lib.rs" from "../../sdk/lib.rs",
    "vendor/twofactor-provider/src/log.rs" from "../../sdk/log.rs",
    "vendor/twofactor-provider/src/mail.rs" from "../../sdk/mail.rs",
    "vendor/twofactor-provider/src/message.rs" from "../../sdk/message.rs",
    "vendor/twofactor-provider/src/options.rs" from "../../sdk/options.rs",
    "vendor/twofactor-provider/src/placed_secret.rs" from "../../sdk/placed_secret.rs",
    "vendor/twofactor-provider/src/provider.rs" from "../../sdk/provider.rs",
    "vendor/twofactor-provider/src/report.rs" from "../../sdk/report.rs",
    "vendor/twofactor-provider/src/report_bindings.rs" from "../../sdk/report_bindings.rs",
    "vendor/twofactor-provider/src/testing.rs" from "../../sdk/testing.rs",
    "vendor/twofactor-provider/src/testing/placement.rs" from "../../sdk/testing/placement.rs",
    "vendor/twofactor-provider/src/verification_bindings.rs" from "../../sdk/verification_bindings.rs",
    "vendor/twofactor-provider/src/verify.rs" from "../../sdk/verify.rs",
];

pub(super) const RUST_FACTOR: &[File] = files![
    ".gitignore" from "factor/gitignore.txt",
    "Cargo.toml" from "factor/Cargo.toml.txt",
    "README.md" from "factor/README.md.txt",
    "examples/component.rs" from "factor/component.rs.txt",
    "src/lib.rs" from "factor/lib.rs.txt",
    "vendor/twofactor-factor/Cargo.toml" from "factor/sdk.toml.txt",
    "vendor/twofactor-factor/src/bindings.rs" from "../../factor-sdk/bindings.rs",
    "vendor/twofactor-factor/src/bytes.rs" from "../../factor-sdk/bytes.rs",
    "vendor/twofactor-factor/src/context.rs" from "../../factor-sdk/context.rs",
    "vendor/twofactor-factor/src/export.rs" from "../../factor-sdk/export.rs",
    "vendor/twofactor-factor/src/factor.rs" from "../../factor-sdk/factor.rs",
    "vendor/twofactor-factor/src/lib.rs" from "../../factor-sdk/lib.rs",
    "vendor/twofactor-factor/src/outcome.rs" from "../../factor-sdk/outcome.rs",
    "vendor/twofactor-factor/src/testing.rs" from "../../factor-sdk/testing.rs",
];

pub(super) const JAVASCRIPT: &[File] = files![
    ".gitignore" from "../../templates/gitignore",
    ".npmrc" from "../../templates/javascript/.npmrc",
    "README.md" from "../../templates/javascript/README.md",
    "jsconfig.json" from "../../templates/javascript/jsconfig.json",
    "package-lock.json" from "../../templates/javascript/package-lock.json",
    "package.json" from "../../templates/javascript/package.json",
    "provider.js" from "../../templates/javascript/provider.js",
    "provider.test.js" from "../../templates/javascript/provider.test.js",
    "wit.js" from "../../templates/javascript/wit.js",
    "world.wit" from "../../templates/javascript/world.wit",
];

pub(super) const PYTHON: &[File] = files![
    ".gitignore" from "../../templates/gitignore",
    "README.md" from "../../templates/python/README.md",
    "app.py" from "../../templates/python/app.py",
    "build" from "../../templates/python/build",
    "no_clock.py" from "../../templates/python/no_clock.py",
    "requirements.txt" from "../../templates/python/requirements.txt",
    "schema.json" from "../../templates/python/schema.json",
    "test_app.py" from "../../templates/python/test_app.py",
    "world.wit" from "../../templates/python/world.wit",
];

pub(super) const GO: &[File] = files![
    ".gitignore" from "../../templates/gitignore",
    "README.md" from "../../templates/go/README.md",
    "build" from "../../templates/go/build",
    "go.mod" from "../../templates/go/go.mod",
    "provider.go" from "../../templates/go/provider.go",
    "provider_test.go" from "../../templates/go/provider_test.go",
    "schema.json" from "../../templates/go/schema.json",
    "twofactor/abi_configuration.go" from "../../templates/go/twofactor/abi_configuration.go",
    "twofactor/abi_delivery.go" from "../../templates/go/twofactor/abi_delivery.go",
    "twofactor/abi_host.go" from "../../templates/go/twofactor/abi_host.go",
    "twofactor/abi_memory.go" from "../../templates/go/twofactor/abi_memory.go",
    "twofactor/abi_reports.go" from "../../templates/go/twofactor/abi_reports.go",
    "twofactor/authentication.go" from "../../templates/go/twofactor/authentication.go",
    "twofactor/connection.go" from "../../templates/go/twofactor/connection.go",
    "twofactor/failure.go" from "../../templates/go/twofactor/failure.go",
    "twofactor/http.go" from "../../templates/go/twofactor/http.go",
    "twofactor/json.go" from "../../templates/go/twofactor/json.go",
    "twofactor/json_test.go" from "../../templates/go/twofactor/json_test.go",
    "twofactor/mail.go" from "../../templates/go/twofactor/mail.go",
    "twofactor/message.go" from "../../templates/go/twofactor/message.go",
    "twofactor/native.go" from "../../templates/go/twofactor/native.go",
    "twofactor/provider.go" from "../../templates/go/twofactor/provider.go",
    "twofactor/reports.go" from "../../templates/go/twofactor/reports.go",
    "twofactor/verification.go" from "../../templates/go/twofactor/verification.go",
    "wasi-stub.wat" from "../../templates/go/wasi-stub.wat",
    "world.wit" from "../../templates/go/world.wit",
];

/// The contract of factors.
pub(super) const FACTOR_WIT: &[File] = files![
    "wit/factor/factor.wit" from "../../wit/factor/factor.wit",
    "wit/factor/types.wit" from "../../wit/factor/types.wit",
    "wit/factor/worlds.wit" from "../../wit/factor/worlds.wit",
];

/// The contract of providers, with the WASI packages that it refers to.
pub(super) const WIT: &[File] = files![
    "wit/configuration.wit" from "../../wit/configuration.wit",
    "wit/delivery.wit" from "../../wit/delivery.wit",
    "wit/http.wit" from "../../wit/http.wit",
    "wit/log.wit" from "../../wit/log.wit",
    "wit/reports.wit" from "../../wit/reports.wit",
    "wit/smtp.wit" from "../../wit/smtp.wit",
    "wit/types.wit" from "../../wit/types.wit",
    "wit/verification.wit" from "../../wit/verification.wit",
    "wit/worlds.wit" from "../../wit/worlds.wit",
    "wit/deps/cli.wit" from "../../wit/deps/cli.wit",
    "wit/deps/clocks.wit" from "../../wit/deps/clocks.wit",
    "wit/deps/filesystem.wit" from "../../wit/deps/filesystem.wit",
    "wit/deps/http.wit" from "../../wit/deps/http.wit",
    "wit/deps/io.wit" from "../../wit/deps/io.wit",
    "wit/deps/random.wit" from "../../wit/deps/random.wit",
    "wit/deps/sockets.wit" from "../../wit/deps/sockets.wit",
];
