//! Name resolution.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Looks names up. Only the addresses that [`Network`](crate::Network) allows are dialled of what it finds, and it is asked anew
/// for every connection, so it may answer as it likes.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a name, in the order they are to be tried.
    ///
    /// # Errors
    /// If there is none.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's way.
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}
