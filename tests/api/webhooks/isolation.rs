//! A slow receiver hurts itself only: a tenth of the great trial, which `cargo run --release --example bench -- sqlite 3 webhooks=1000` runs
//! whole.

use std::time::Instant;

use super::*;
use crate::on_both;
use crate::support::receiver::Reaction;

const HEALTHY: usize = 12;

/// How the others behave: tarpits, resets, endless bodies.
const OTHERS: [(Reaction, usize); 3] = [(Reaction::Silence, 5), (Reaction::Reset, 2), (Reaction::Endless, 1)];

on_both! {
    /// Among receivers that hang, reset or never end, the healthy ones get every event in order within five seconds.
    async fn a_slow_receiver_hurts_itself_only(app: TestApp) {
        let scene = scene(app).await;
        let app = &scene.app;
        let mut healthy = Vec::new();
        for _ in 0..HEALTHY {
            let receiver = Receiver::willing().await;
            endpoint(app, &scene.origin, &receiver, json!({})).await;
            healthy.push(receiver);
        }
        for (reaction, count) in OTHERS {
            for _ in 0..count {
                let receiver = Receiver::start(move |_, _| reaction).await;
                endpoint(app, &scene.origin, &receiver, json!({})).await;
            }
        }
        let stopping = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let running = actix_web::rt::spawn(courier(app).run(stopping.clone()));
        let mut recorded = Vec::new();
        for _ in 0..20 {
            scene.quota(1).await;
            recorded.push(Instant::now());
        }
        let complete = |receiver: &Receiver| receiver.arrivals().iter().filter(|arrival| arrival.kind() == "quota.published").count() >= recorded.len();
        let patience = Instant::now() + Duration::from_secs(30);
        while !healthy.iter().all(complete) {
            assert!(Instant::now() < patience, "events were lost");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stopping.store(true, std::sync::atomic::Ordering::SeqCst);
        running.await.unwrap();
        let mut delays = Vec::new();
        for receiver in &healthy {
            let arrivals: Vec<Arrival> = receiver.arrivals().into_iter().filter(|arrival| arrival.kind() == "quota.published").collect();
            let sequences: Vec<i64> = arrivals.iter().map(|arrival| arrival.body["sequence"].as_i64().unwrap()).collect();
            assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
            delays.extend(arrivals.iter().zip(&recorded).map(|(arrival, recorded)| arrival.at.saturating_duration_since(*recorded)));
        }
        delays.sort();
        let p99 = delays[delays.len() * 99 / 100];
        assert!(p99 <= Duration::from_secs(5), "{p99:?}");
    }
}
