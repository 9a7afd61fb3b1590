//! Reads HTTP requests as they come over the wire.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// A connection whose requests are read one by one. They must not overlap.
pub struct Requests<'a>(pub &'a mut TcpStream);

impl Requests<'_> {
    /// Returns the head and the body of the next request, or `None` at the end of the connection.
    pub async fn next(&mut self) -> Option<(String, String)> {
        let mut text = String::new();
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = self.0.read(&mut bytes).await {
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        None
    }
}
