//! The main job from end to end, as design §1 tells it: two regions agree, publish places, send people, employers confirm, the exchange
//! reconciles, officials see fulfilment.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::Scene;

on_both! {
    /// From the agreement to the number both sides trust.
    async fn two_regions_walk_an_agreement_from_draft_to_day_ninety(app: TestApp) {
        // 1-2. The parties exist; the terms are ratified by both over one digest.
        let scene = Scene::in_force(app).await;
        let shown = scene.app.get(&scene.destination, &format!("/v1/agreements/{}", scene.agreement)).await.expect(200).body;
        assert_eq!((&shown["state"], &shown["standing"]), (&json!("ratified"), &json!("in_force")), "{shown}");

        // 3-5. Places, a roster of twelve, the departure.
        let (quota, placements) = scene.sent(0, 12).await;
        assert_eq!(scene.balance(&quota).await, (0, 12, 0));

        // 5. The employer confirms nine, one did not come, one was turned down, one is not heard of.
        scene.app.clock_set("2026-03-07");
        assert_eq!(scene.claim(&placements[..9], "onboarded", "2026-03-06").await.expect(207).body["accepted"], 9);
        scene.claim(&placements[9..10], "no_show", "2026-03-06").await.expect(207);
        scene.claim(&placements[10..11], "refused_by_employer", "2026-03-06").await.expect(207);
        assert_eq!(scene.balance(&quota).await, (0, 10, 2), "who did not arrive frees the place");
        scene.app.clock_set("2026-03-20");
        let overdue = scene.app.get(&scene.destination, &scene.path("/overdue-arrivals")).await.expect(200).body;
        assert_eq!(overdue["items"].as_array().unwrap().len(), 1, "{overdue}");

        // 6. Rosters show who is there; two leave.
        scene.app.clock_set("2026-06-10");
        let seen: Vec<Value> = placements[..7].iter().map(|placement| json!({ "placement_id": placement, "seen_from": "2026-03-06", "seen_to": "2026-06-08", "evidence": "e3", "source": "wage_ledger", "monthly_wage_fen": 480_000 })).collect();
        let observed = scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": seen })).await.expect(207).body;
        assert_eq!(observed["accepted"], 7, "{observed}");
        let left: Vec<Value> = placements[7..9].iter().map(|placement| json!({ "placement_id": placement, "ended_on": "2026-04-20", "grain": "day", "reason": "resigned" })).collect();
        let exits = scene.app.post(&scene.employer, &scene.path("/exits"), json!({ "rows": left })).await.expect(207).body;
        assert_eq!(exits["accepted"], 2, "{exits}");

        // 7. Both sides are compared, row by row, each row in exactly one situation.
        let run = scene.app.post(&scene.origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-06-09" })).await.expect(201).body;
        let counts: i64 = run["counts"]["situations"].as_array().unwrap().iter().filter_map(|row| row["rows"].as_i64()).sum();
        assert_eq!(counts, 12, "{run}");
        let again = scene.app.post(&scene.destination, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-06-09" })).await.expect(201).body;
        assert_eq!(run["rows_hash"], again["rows_hash"], "the same facts give the same rows");

        // 9. Officials see the figures and the rows behind them.
        let fulfilment = scene.fulfilment().await;
        let numerators: Vec<i64> = fulfilment["targets"].as_array().unwrap().iter().map(|target| target["numerator"].as_i64().unwrap()).collect();
        assert_eq!(numerators, [12, 9, 3, 7, 12], "sent, arrived, arrived of the formerly poor, still there after 90 days, person-times");
        let whole = &fulfilment["funnel"][0];
        let node = whole["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "90d").unwrap();
        assert_eq!((&node["due"], &node["retained"]["placements"], &node["left"]["placements"], &node["unverified"]), (&json!(9), &json!(7), &json!(2), &json!(0)));

        // And the log, the ledger and the tallies all verify.
        let (_, broken) = scene.app.state.db.read(labour_exchange::events::log::verify).await.unwrap();
        assert!(broken.is_empty());
        assert!(scene.app.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap().is_empty());
    }
}
