//! A TCP proxy that makes each round trip longer. Timers of the runtime are too coarse for it: a thread waits.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Bytes that are on their way to a client.
struct Late {
    due: Instant,
    bytes: Vec<u8>,
    to: UnboundedSender<Vec<u8>>,
}

/// A proxy to a port of this machine. What the server sends arrives later.
pub(crate) struct Delay {
    pub(crate) port: u16,
}

impl Delay {
    pub(crate) async fn start(to: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (late, queue) = mpsc::channel::<Late>();
        // In order: all wait equally long.
        std::thread::spawn(move || {
            for one in queue {
                std::thread::sleep(one.due.saturating_duration_since(Instant::now()));
                let _ = one.to.send(one.bytes);
            }
        });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(carry(client, server, delay, late.clone()));
            }
        });
        Self { port }
    }
}

async fn carry(client: TcpStream, server: TcpStream, delay: Duration, late: mpsc::Sender<Late>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (to, arriving) = unbounded_channel();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    tokio::spawn(arrive(arriving, to_client));
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        let one = Late { due: Instant::now() + delay, bytes: buffer[..read].to_vec(), to: to.clone() };
        if late.send(one).is_err() {
            return;
        }
    }
}

async fn arrive(mut arriving: UnboundedReceiver<Vec<u8>>, mut client: tokio::net::tcp::OwnedWriteHalf) {
    while let Some(bytes) = arriving.recv().await {
        if client.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
