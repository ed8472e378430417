//! A socket, for what only the wire can show.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use labour_exchange::app::State;

use super::Reply;

/// Longest wait for the server to say something or to hang up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves `state` on a port of its own, sends these bytes, and gives all that comes back until the server hangs up.
pub async fn talk(state: &State, sent: impl Into<Vec<u8>>) -> String {
    let (state, sent) = (state.clone(), sent.into());
    let server = HttpServer::new(move || labour_exchange::app::app(&state)).workers(1).bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.disable_signals().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let talk = actix_web::rt::task::spawn_blocking(move || {
        let mut wire = TcpStream::connect(address).unwrap();
        wire.set_read_timeout(Some(PATIENCE)).unwrap();
        wire.write_all(&sent).unwrap();
        let mut answer = String::new();
        wire.read_to_string(&mut answer).expect("the server hangs up in the end");
        answer
    });
    let answer = talk.await.unwrap();
    handle.stop(false).await;
    answer
}

/// The one answer that came over the wire.
pub fn reply(about: &str, answer: &str) -> Reply {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{about}: no answer: {answer:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let bytes = body.as_bytes().to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Reply { about: about.to_owned(), status, headers, body, bytes }
}
