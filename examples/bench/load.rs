//! A load generator small enough to share two cores with what it measures: keep-alive connections, ready-made requests.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request as bytes.
#[derive(Debug, Clone)]
pub struct Request {
    address: Arc<str>,
    head: Arc<str>,
    body: Arc<str>,
    /// The status it must have; 0 takes any below 500.
    expected: u16,
    keyed: bool,
}

impl Request {
    /// A GET.
    pub fn get(address: &str, path: &str, token: Option<&str>) -> Self {
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        Self {
            address: address.into(),
            head: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{token}").into(),
            body: "".into(),
            expected: 200,
            keyed: false,
        }
    }

    /// A POST of JSON; each time it is sent under a fresh Idempotency-Key.
    pub fn post(address: &str, path: &str, token: &str, body: &str, expected: u16) -> Self {
        Self::post_as("application/json", address, path, token, body, expected)
    }

    /// A POST of this media type.
    pub fn post_as(media_type: &str, address: &str, path: &str, token: &str, body: &str, expected: u16) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n",
            body.len()
        );
        Self { address: address.into(), head: head.into(), body: body.into(), expected, keyed: true }
    }

    /// Sends it once.
    pub async fn send(&self, stream: &mut TcpStream) {
        stream.write_all(&self.bytes()).await.unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.as_bytes().to_vec();
        if self.keyed {
            bytes.extend_from_slice(format!("Idempotency-Key: {}\r\n", uuid::Uuid::now_v7()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_bytes());
        bytes
    }
}

/// What a measurement gave.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answers a second.
    pub per_second: f64,
    /// Median time of an answer.
    pub p50_ms: f64,
    /// 99 of 100 answers came within this time.
    pub p99_ms: f64,
}

/// Sends requests on `connections` until time is up or there are no more.
pub async fn run(
    connections: usize,
    time: Duration,
    next: impl Fn(usize) -> Option<Request> + Send + Sync + 'static,
) -> Load {
    let (next, times) = (Arc::new(next), Arc::new(Mutex::new(Vec::new())));
    let start = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|connection| {
            let (next, times) = (Arc::clone(&next), Arc::clone(&times));
            tokio::spawn(async move {
                let mut taken = Vec::new();
                let mut stream: Option<TcpStream> = None;
                let mut buffer = Vec::with_capacity(64 * 1024);
                while start.elapsed() < time {
                    let Some(request) = next(connection) else { break };
                    if stream.is_none() {
                        let fresh = TcpStream::connect(&*request.address).await.unwrap();
                        fresh.set_nodelay(true).unwrap();
                        stream = Some(fresh);
                    }
                    let sent = Instant::now();
                    let stream = stream.as_mut().unwrap();
                    request.send(stream).await;
                    let status = answer(stream, &mut buffer).await;
                    let fits = if request.expected == 0 { status < 500 } else { status == request.expected };
                    assert!(
                        fits,
                        "{} {}: {status}\n{}",
                        request.head.lines().next().unwrap(),
                        request.expected,
                        String::from_utf8_lossy(&buffer)
                    );
                    taken.push(sent.elapsed());
                }
                times.lock().unwrap().extend(taken);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let elapsed = start.elapsed();
    let mut times = std::mem::take(&mut *times.lock().unwrap());
    times.sort_unstable();
    let at = |share: f64| {
        times.get((times.len() as f64 * share) as usize).or(times.last()).map_or(0.0, Duration::as_secs_f64) * 1_000.0
    };
    Load { per_second: times.len() as f64 / elapsed.as_secs_f64(), p50_ms: at(0.5), p99_ms: at(0.99) }
}

/// Reads one answer; gives its status and leaves it in the buffer.
pub async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |text| text.trim().parse().unwrap());
        if buffer.len() >= end + 4 + length {
            return head[9..12].parse().unwrap();
        }
    }
}

/// The round in the middle.
pub fn median(rounds: &[Load]) -> Load {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(|left, right| left.per_second.total_cmp(&right.per_second));
    sorted[sorted.len() / 2]
}
