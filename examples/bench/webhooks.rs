//! Two hundred receivers, of which fifty hang, twenty cut every connection and ten never end: whether the others get every event in order,
//! and how late.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use labour_exchange::db::Id;
use labour_exchange::events::{Actor, Chain, NewEvent, log};
use labour_exchange::identity::Scope;
use labour_exchange::webhooks::guard::Guard;
use labour_exchange::webhooks::signature::{SignatureKind, SigningSecret};
use labour_exchange::webhooks::{EventTypes, WebhookEndpoint, WebhookState, store};
use serde_json::json;

use crate::receiver::{Reaction, Receiver};
use crate::scene::Scene;

const HEALTHY: usize = 120;
/// How the others behave.
const OTHERS: [(Reaction, usize); 3] = [(Reaction::Silence, 50), (Reaction::Reset, 20), (Reaction::Endless, 10)];
/// Agreements the events are of.
const CHAINS: usize = 10;
/// Between two events.
const PAUSE: Duration = Duration::from_millis(10);
const KIND: &str = "quota.published";

/// Records that many events while a courier is at work, and measures.
pub async fn measure(scene: &Scene, events: usize) {
    let mut state = scene.state.clone();
    state.webhook_guard = Guard { allow_private: true };
    let mut chains = Vec::with_capacity(CHAINS);
    for place in 0..CHAINS {
        chains.push(Id::parse(&scene.county("430522", &format!("XS{place}")).await.agreement).unwrap());
    }
    let healthy = register(scene, HEALTHY, Reaction::Status(204)).await;
    for (reaction, count) in OTHERS {
        register(scene, count, reaction).await;
    }
    let stopping = Arc::new(AtomicBool::new(false));
    let courier = tokio::spawn(state.courier().unwrap().run(stopping.clone()));
    let recorded = record(scene, &chains, events).await;
    let deadline = Instant::now() + Duration::from_mins(2);
    while healthy.iter().any(|receiver| receiver.kinds().iter().filter(|kind| *kind == KIND).count() < events) {
        assert!(Instant::now() < deadline, "events were lost");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut delays = Vec::with_capacity(events * HEALTHY);
    let mut out_of_order = 0;
    for receiver in &healthy {
        let mut last: HashMap<String, i64> = HashMap::new();
        for arrival in receiver.arrivals().iter().filter(|arrival| arrival.kind() == KIND) {
            let place = arrival.body["data"]["place"].as_u64().unwrap() as usize;
            delays.push(arrival.at.saturating_duration_since(recorded[place]));
            let sequence = arrival.body["sequence"].as_i64().unwrap();
            let before = last.insert(arrival.body["chain_id"].to_string(), sequence);
            out_of_order += usize::from(before.is_some_and(|before| before + 1 != sequence));
        }
    }
    delays.sort();
    let at = |share: usize| delays[(delays.len() - 1) * share / 100].as_secs_f64();
    println!(
        "webhooks: {} deliveries to {HEALTHY} healthy of 200 receivers, 0 lost, {out_of_order} out of order, p50 {:.2} s, p99 {:.2} s, slowest {:.2} s",
        delays.len(),
        at(50),
        at(99),
        at(100)
    );
    stopping.store(true, Ordering::SeqCst);
    courier.await.unwrap();
}

/// Endpoints of the destination at receivers that behave in one way.
async fn register(scene: &Scene, count: usize, reaction: Reaction) -> Vec<Receiver> {
    let mut receivers = Vec::with_capacity(count);
    for _ in 0..count {
        let receiver = Receiver::start(move |_, _| reaction).await;
        let now = scene.state.clock.now();
        let endpoint = WebhookEndpoint {
            id: Id::new(),
            party_id: scene.destination.id,
            client_id: scene.destination.client_id,
            url: receiver.url(),
            description: None,
            partner_ref: None,
            types: EventTypes(vec![KIND.to_owned()]),
            signature: SignatureKind::V1,
            state: WebhookState::Enabled,
            disabled_reason: None,
            disabled_at: None,
            failing_since: None,
            position: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let (keys, secret) = (scene.state.keys.clone(), SigningSecret::generate(SignatureKind::V1));
        scene
            .write(move |connection| {
                store::insert(connection, &endpoint)?;
                store::add_secret(connection, &keys, endpoint.id, &secret, [now; 2])
            })
            .await;
        receivers.push(receiver);
    }
    receivers
}

/// Records events of the agreements in turn; when each was committed.
async fn record(scene: &Scene, chains: &[Id], events: usize) -> Vec<Instant> {
    let mut recorded = Vec::with_capacity(events);
    let scope = Scope { party_id: scene.destination.id, client_id: scene.destination.client_id };
    for place in 0..events {
        let (chain, actor) =
            (chains[place % chains.len()], Actor { scope, request_id: None, now: scene.state.clock.now() });
        let event = NewEvent {
            kind: KIND,
            chain: Chain::Agreement(chain),
            subject_kind: "quota",
            subject_id: chain,
            subject_version: 1,
            employer_id: None,
            payload: json!({ "place": place }),
        };
        scene.write(move |connection| log::record(connection, &actor, event)).await;
        recorded.push(Instant::now());
        tokio::time::sleep(PAUSE).await;
    }
    recorded
}
