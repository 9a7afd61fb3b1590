//! Errors that a test expects.

use twofactor::Error;

/// Returns the text of an error, after checking that it is about invalid input.
#[track_caller]
pub fn invalid_input<T>(result: Result<T, Error>) -> String {
    let Err(error) = result else { panic!("the input was accepted") };
    assert!(error.is_invalid_input(), "{error}");
    error.to_string()
}
