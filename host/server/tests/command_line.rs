//! The help of `twofactor` and of each of its commands, against `texts/help.txt`.
//!
//! `UPDATE_TEXTS=1 cargo test -p twofactor-server --test server command_line::` writes the file again.

use std::path::Path;

use twofactor_tests::golden::{assert_golden, help};

#[test]
fn the_help_of_each_command_is_checked_in() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts/help.txt");
    assert_golden(&file, &help(Path::new(env!("CARGO_BIN_EXE_twofactor"))));
}
