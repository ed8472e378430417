//! Events reach those who asked for them: signed, in order, at least once, and nowhere they must not go.

mod delivering;
mod endpoints;
mod isolation;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use labour_exchange::webhooks::courier::Courier;
use labour_exchange::webhooks::guard::{Guard, SystemLookup};
use labour_exchange::webhooks::sending::Sender;
use labour_exchange::webhooks::signature::{SignatureError, Verifier};
use serde_json::{Value, json};

use crate::support::receiver::{Arrival, Receiver};
use crate::support::scene::Scene;
use crate::support::{Reply, TestApp, TestParty};

const ENDPOINTS: &str = "/v1/webhook-endpoints";
/// How long a receiver may take in a test that has one without an answer.
const PATIENCE: Duration = Duration::from_millis(400);

/// The application that lets webhooks go to this machine.
async fn lenient(app: &TestApp) -> TestApp {
    app.another_instance(|state| state.webhook_guard = Guard { allow_private: true }).await
}

/// A courier of another process than any other.
fn courier(app: &TestApp) -> Courier {
    courier_with(app, app.state.webhook_guard)
}

fn courier_with(app: &TestApp, guard: Guard) -> Courier {
    let sender = Sender::new(guard, Arc::new(SystemLookup), app.state.clock.clone()).unwrap().with_timeout(PATIENCE);
    Courier::new(app.state.db.clone(), app.state.clock.clone(), app.state.keys.clone(), sender)
}

/// An agreement in force, with webhooks that may go to this machine.
async fn scene(app: TestApp) -> Scene {
    Scene::in_force(lenient(&app).await).await
}

/// An endpoint of a party at a receiver, by default for everything from now on: its id and its secret.
async fn endpoint(app: &TestApp, party: &TestParty, receiver: &Receiver, more: Value) -> (String, String) {
    let mut body = json!({ "url": receiver.url() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = app.post(party, ENDPOINTS, body).await.expect(201);
    (made.id(), made.body["secret"].as_str().unwrap_or_default().to_owned())
}

async fn log(app: &TestApp, party: &TestParty, endpoint: &str, query: &str) -> Vec<Value> {
    let page = app.get(party, &format!("{ENDPOINTS}/{endpoint}/deliveries?limit=200{query}")).await.expect(200);
    page.body["items"].as_array().unwrap().clone()
}

async fn shown(app: &TestApp, party: &TestParty, endpoint: &str) -> Reply {
    app.get(party, &format!("{ENDPOINTS}/{endpoint}")).await.expect(200)
}

/// Moves the clock on.
fn wait(app: &TestApp, seconds: i64) {
    assert!(app.state.clock.set(app.state.clock.now().plus_seconds(seconds)));
}

fn verified(arrival: &Arrival, secret: &str, now_s: i64) -> Result<(), SignatureError> {
    let header = |name: &str| arrival.headers.get(name).map(String::as_str);
    let headers = [header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")];
    Verifier::parse(secret).unwrap().verify(headers, &arrival.bytes, now_s)
}

/// The agreement's quota is published so many times: two events each, in the agreement's chain and the destination's.
async fn quotas(scene: &Scene, count: usize) {
    for _ in 0..count {
        scene.quota(1).await;
    }
}
