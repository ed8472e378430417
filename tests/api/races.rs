//! Many at once: what must never happen, however they interleave.

use std::collections::HashSet;

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use labour_exchange::db::statement;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, ratified, register, targets, terms};
use crate::support::{TestApp, together};

/// Rows of one call in these races.
const ROWS: usize = 20;

/// A roster call that can run beside others.
async fn enrol(scene: Scene, dispatch: String, rows: Vec<Value>) -> crate::support::Reply {
    let path = scene.path(&format!("/dispatches/{dispatch}/roster"));
    scene.app.post(&scene.origin, &path, json!({ "rows": rows })).await
}

on_both! {
    /// Sixteen writers, a thousand places over ten quotas, ten thousand attempts: a thousand are held, and the ledger says the same.
    async fn a_place_is_never_sold_twice(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let mut quotas = Vec::new();
        for _ in 0..10 {
            quotas.push(scene.quota(100).await);
        }
        let mut workers = scene.workers(0, 5_000).await;
        workers.extend(scene.workers(5_000, 5_000).await);
        let mut dispatches = Vec::new();
        for _ in 0..16 {
            dispatches.push(scene.dispatch().await);
        }
        let calls: Vec<Vec<Value>> = workers.chunks(ROWS).enumerate().map(|(call, workers)| {
            workers.iter().enumerate().map(|(n, worker)| json!({ "worker_id": worker, "quota_id": quotas[(call + n) % 10] })).collect()
        }).collect();
        let mut accepted = 0;
        for wave in calls.chunks(16) {
            let requests: Vec<_> = wave.iter().zip(&dispatches).map(|(rows, dispatch)| enrol(scene.clone(), dispatch.clone(), rows.clone())).collect();
            for reply in together(requests).await {
                accepted += reply.expect(207).body["accepted"].as_i64().unwrap();
            }
        }
        assert_eq!(accepted, 1_000);
        for quota in &quotas {
            assert_eq!(scene.balance(quota).await, (100, 0, 0));
        }
        let wrong = scene.app.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        let open: i64 = scene.app.state.db.read(|connection| Ok(statement("select count(*) from open_placement").returning::<BigInt>().get_result(connection)?)).await.unwrap();
        assert_eq!(open, 1_000, "whoever got no place is free for others");
    }

    /// A thousand races of two counties for one person each: one winner each, and the loser's places stay free.
    async fn one_person_is_won_by_one_county(app: TestApp) {
        let first = Scene::in_force(app.clone()).await;
        let origin = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let agreement = ratified(&app, &origin, &first.destination, "LH-YW-2026-01", terms(&targets())).await;
        let second = Scene { origin, agreement, ..first.clone() };
        let people = 1_000;
        let mine = first.workers(0, people).await;
        let theirs = register(&app, &second.origin, 0, people).await;
        let (quota, other_quota) = (first.quota(1_000).await, second.quota(1_000).await);
        let (dispatch, other_dispatch) = (first.dispatch().await, second.dispatch().await);
        let mut winners = 0;
        for (ours, others) in mine.chunks(ROWS).zip(theirs.chunks(ROWS)) {
            let rows = |workers: &[String], quota: &str| workers.iter().map(|worker| json!({ "worker_id": worker, "quota_id": quota })).collect::<Vec<_>>();
            // The second county lists the same people the other way round: the order of the rows must not lock the two together.
            let mut reversed = others.to_vec();
            reversed.reverse();
            let requests = [
                enrol(first.clone(), dispatch.clone(), rows(ours, &quota)),
                enrol(second.clone(), other_dispatch.clone(), rows(&reversed, &other_quota)),
            ];
            for reply in together(requests).await {
                winners += reply.expect(207).body["accepted"].as_i64().unwrap();
            }
        }
        assert_eq!(winners, 1_000);
        let (held, other_held) = (first.balance(&quota).await.0, second.balance(&other_quota).await.0);
        assert_eq!(held + other_held, 1_000);
    }

    /// The feed has no gaps and no repeats while sixteen writers write and a reader reads; each chain is dense and verifies.
    async fn the_feed_misses_nothing_while_others_write(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(400).await;
        let workers = scene.workers(0, 320).await;
        let mut dispatches = Vec::new();
        for _ in 0..16 {
            dispatches.push(scene.dispatch().await);
        }
        let (mut after, mut positions, mut sequences) = (0, HashSet::new(), Vec::new());
        let mut read = async |after: &mut i64| {
            loop {
                let page = scene.app.get(&scene.origin, &format!("/v1/events?after={after}&limit=7")).await.expect(200).body;
                for event in page["items"].as_array().unwrap() {
                    assert!(positions.insert(event["position"].as_i64().unwrap()), "an event was read twice");
                    if event["chain_id"] == scene.origin.id.to_string() {
                        sequences.push(event["sequence"].as_i64().unwrap());
                    }
                }
                if page["items"].as_array().unwrap().is_empty() {
                    break;
                }
                *after = page["next_after"].as_i64().unwrap();
            }
        };
        for wave in workers.chunks(16) {
            let requests: Vec<_> = wave.iter().zip(&dispatches)
                .map(|(worker, dispatch)| enrol(scene.clone(), dispatch.clone(), vec![json!({ "worker_id": worker, "quota_id": quota })])).collect();
            for reply in together(requests).await {
                assert_eq!(reply.expect(207).body["accepted"], 1);
            }
            read(&mut after).await;
        }
        let expected: Vec<i64> = (1..=i64::try_from(sequences.len()).unwrap()).collect();
        assert_eq!(sequences, expected, "the chain came complete and in order");
        assert!(sequences.len() >= 320 + 16);
        let (entries, broken) = scene.app.state.db.read(labour_exchange::events::log::verify).await.unwrap();
        assert!(broken.is_empty() && entries > 0, "{broken:?}");
    }
}
