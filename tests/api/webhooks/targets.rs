//! Where webhooks go, and where they do not, whatever a URL, a name server or a receiver says.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use labour_exchange::db::{Id, Instant};
use labour_exchange::events::Event;
use labour_exchange::webhooks::DeliveryFailure;
use labour_exchange::webhooks::guard::Lookup;
use labour_exchange::webhooks::rules::Outcome;

use super::*;
use crate::on_both;
use crate::support::receiver::Reaction;

/// A name server that says something else each time.
struct Rebinding {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(self.answers[asked.min(self.answers.len() - 1)].clone())))
    }
}

fn event() -> Event {
    Event {
        position: 1,
        id: Id::new(),
        kind: "dispatch.departed".to_owned(),
        timestamp: Instant::from_micros(1_772_413_200_000_000),
        chain_id: Id::new(),
        sequence: 1,
        hash: "00".repeat(32),
        data: json!({}),
    }
}

async fn sent(guard: Guard, lookup: Arc<dyn Lookup>, url: &str, times: usize) -> Vec<Outcome> {
    let clock = labour_exchange::clock::Clock::System;
    let sender = Sender::new(guard, lookup, clock).unwrap().with_timeout(PATIENCE);
    let mut outcomes = Vec::new();
    for _ in 0..times {
        outcomes.push(sender.send(url, &[], &event()).await);
    }
    outcomes
}

/// Every hostile URL at the very moment of sending, as if it had been registered while the switch was set; a listener inside sees nothing.
#[actix_web::test]
async fn no_hostile_url_is_called() {
    let urls = include_str!("../../data/hostile_urls.txt");
    let inside = Receiver::willing().await;
    let lookup = Arc::new(Rebinding { answers: vec![vec![inside.address]], asked: AtomicUsize::new(0) });
    let urls: Vec<String> =
        urls.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).map(str::to_owned).collect();
    let own = [
        inside.url(),
        inside.url().replace("http:", "https:"),
        format!("https://localhost:{}/", inside.address.port()),
    ];
    let all: Vec<&String> = urls.iter().chain(&own).collect();
    assert!(all.len() > 200);
    for url in all {
        let outcome = sent(Guard::default(), lookup.clone(), url, 1).await[0];
        assert_eq!(outcome.failure, Some(DeliveryFailure::AddressRefused), "{url}");
    }
    assert_eq!((inside.connections(), lookup.asked.load(Ordering::SeqCst)), (0, 0), "nothing was even asked for");
}

/// A name that was public when it was registered and stands for this machine when it is called is refused as it is connected to.
#[actix_web::test]
async fn a_name_that_moves_inside_is_refused_as_it_is_connected_to() {
    let inside = Receiver::at(SocketAddr::from(([127, 77, 0, 1], 8443)), |_, _| Reaction::Status(200)).await;
    // Public by its form, and routed nowhere: that part of the space was never given away.
    let public: SocketAddr = "[2d00::1]:0".parse().unwrap();
    for answers in [
        vec![vec![inside.address]],
        vec![vec![public], vec![inside.address]],
        vec![vec![public, inside.address]],
        vec!["[::ffff:127.77.0.1]:0".parse().unwrap()].into_iter().map(|address| vec![address]).collect(),
        vec![vec![]],
    ] {
        let lookup = Arc::new(Rebinding { answers, asked: AtomicUsize::new(0) });
        let outcomes = sent(Guard::default(), lookup.clone(), "https://partner.example.cn:8443/hooks", 2).await;
        assert_eq!(outcomes[1].failure, Some(DeliveryFailure::AddressRefused), "{outcomes:?}");
        assert_eq!(lookup.asked.load(Ordering::SeqCst), 2, "the name is asked for at each attempt");
    }
    assert_eq!(inside.connections(), 0);
    let open = Arc::new(Rebinding { answers: vec![vec![inside.address]], asked: AtomicUsize::new(0) });
    let outcomes = sent(Guard { allow_private: true }, open, "http://partner.example.cn:8443/hooks", 1).await;
    assert_eq!(
        (outcomes[0].status, inside.connections()),
        (Some(200), 1),
        "the listener does hear, when it may be called"
    );
}

/// The variables that send other programs through a proxy are not heeded: a proxy would connect to anything for whoever asks.
#[actix_web::test]
async fn no_proxy_is_taken() {
    let receiver = Receiver::willing().await;
    let (clock, lookup) = (labour_exchange::clock::Clock::System, Arc::new(SystemLookup));
    let sender = Sender::new(Guard { allow_private: true }, lookup, clock).unwrap();
    assert_eq!(sender.send(&receiver.url(), &[], &event()).await.status, Some(204));
    let source = include_str!("../../../src/webhooks/sending.rs");
    assert!(
        source.contains(".no_proxy()") && source.contains("Policy::none()"),
        "the variables belong to the whole process"
    );
}

on_both! {
    /// An endpoint that was registered while inside addresses were allowed is not called any more when they are not.
    async fn the_guard_is_asked_at_every_attempt(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let receiver = Receiver::willing().await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        scene.quota(1).await;
        courier_with(app, Guard::default()).settle().await.unwrap();
        assert_eq!(receiver.connections(), 0);
        let log = log(app, party, &id, "").await;
        assert!(!log.is_empty() && log.iter().all(|delivery| delivery["failure"] == "address_refused"), "{log:?}");
    }
}
