//! A receiver of webhooks on a socket of this machine: takes what comes, remembers it, and behaves as a test wants it to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Reaction {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and one more header.
    With(u16, &'static str),
    /// Says nothing and keeps the connection.
    Silence,
    /// Cuts the connection with a reset.
    Reset,
    /// Answers 200 and then a body without end.
    Endless,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its headers, by their names in lower case.
    pub headers: HashMap<String, String>,
    /// Its body as it came.
    pub bytes: Vec<u8>,
    /// Its body as JSON.
    pub body: Value,
    /// When it came.
    pub at: Instant,
}

impl Arrival {
    /// The `webhook-id`.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// A header; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The type of the event.
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }
}

type React = dyn Fn(&Arrival, usize) -> Reaction + Send + Sync;

/// A receiver that listens until the test is over.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    /// Listens on a free port; `react` is told the request and how often this id came before.
    pub async fn start(react: impl Fn(&Arrival, usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), react).await
    }

    /// Takes everything.
    pub async fn willing() -> Self {
        Self::start(|_, _| Reaction::Status(204)).await
    }

    /// Listens at an address of this machine.
    pub async fn at(address: SocketAddr, react: impl Fn(&Arrival, usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let receiver =
            Self { address: listener.local_addr().unwrap(), arrivals: Arc::default(), connections: Arc::default() };
        let (react, listening): (Arc<React>, Self) = (Arc::new(react), receiver.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                listening.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(listening.clone().serve(stream, react.clone()));
            }
        });
        receiver
    }

    /// The URL it is registered by.
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Connections that were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Everything that came, in its order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }

    /// The types of what came, in their order.
    pub fn kinds(&self) -> Vec<String> {
        self.arrivals().iter().map(|arrival| arrival.kind().to_owned()).collect()
    }

    async fn serve(self, mut stream: TcpStream, react: Arc<React>) {
        while let Some(arrival) = read(&mut stream).await {
            let before = {
                let mut arrivals = self.arrivals.lock().unwrap();
                let before = arrivals.iter().filter(|earlier| earlier.id() == arrival.id()).count();
                arrivals.push(arrival.clone());
                before
            };
            let (status, header) = match react(&arrival, before) {
                Reaction::Status(status) => (status, ""),
                Reaction::With(status, header) => (status, header),
                Reaction::Silence => return std::future::pending().await,
                Reaction::Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
                Reaction::Endless => return endless(stream).await,
            };
            let length = if status == 204 { "" } else { "content-length: 0\r\n" };
            let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
            let answer = format!("HTTP/1.1 {status} Status\r\n{length}{header}\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn endless(mut stream: TcpStream) {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    while stream.write_all(&answer).await.is_ok() {
        answer = [b"400\r\n".as_slice(), &[b'a'; 1024], b"\r\n"].concat();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Arrival> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let headers: HashMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let bytes = bytes[head + 4..head + 4 + length].to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Some(Arrival { headers, bytes, body, at: Instant::now() })
}
