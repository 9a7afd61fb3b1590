//! A TCP proxy that can be stalled and cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How a proxy handles data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It passes data on.
    Open,
    /// It reads nothing more. Connections stay, and new ones are accepted.
    Stalled,
    /// It closes connections, and refuses new ones.
    Cut,
    /// It passes on data of clients, and cuts the connection instead of passing on a response.
    LosesAnswers,
}

/// A proxy on its own port.
pub(super) struct Proxy {
    pub(super) port: u16,
    link: watch::Sender<Link>,
    close: Arc<Notify>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    pub(super) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (link, state) = watch::channel(Link::Open);
        let close = Arc::new(Notify::new());
        let closed = close.clone();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                if *state.borrow() == Link::Cut {
                    continue;
                }
                let (state, closed) = (state.clone(), closed.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        () = pass(from_client, to_server, state.clone(), false) => {}
                        () = pass(from_server, to_client, state, true) => {}
                        () = closed.notified() => {}
                    }
                });
            }
        });
        Self { port, link, close, accepted }
    }

    /// Returns how many connections clients have tried to open, also those that it has refused.
    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// Closes its connections, and goes on to accept new ones.
    pub(super) fn close_connections(&self) {
        self.close.notify_waiters();
    }
}

/// Passes on data until the link is cut.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<Link>, is_answer: bool) {
    let mut buffer = vec![0; 65536];
    loop {
        let link = *state.borrow_and_update();
        match link {
            Link::Cut => return,
            Link::Stalled => {
                let _ = state.changed().await;
                continue;
            }
            Link::Open | Link::LosesAnswers => {}
        }
        tokio::select! {
            _ = state.changed() => {}
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) if is_answer && *state.borrow() == Link::LosesAnswers => {
                    // By now, the server has executed the request.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return;
                }
                Ok(length) => if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                },
            },
        }
    }
}
