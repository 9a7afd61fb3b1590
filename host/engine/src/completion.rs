//! Calls that run to completion, even if their caller disconnects.

use std::future::Future;

use tracing::Instrument as _;
use twofactor_sandbox::DeliveryFailure;

use crate::error::Error;

/// Runs to completion even if the caller disconnects, which drops its future. A store finishes a call that was begun, so what belongs to
/// it must not be left out: the outcome of a message, an event, a notice, an entry of the audit log, another call.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => result,
        // It panicked or the runtime is shutting down, perhaps after a message was sent.
        Err(error) => Err(Error::delivery(&DeliveryFailure::OutcomeUnknown(Default::default())).with_detail(error)),
    }
}
