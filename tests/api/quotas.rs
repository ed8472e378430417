//! Places: offered, held, filled, freed, and never sold twice.

use serde_json::json;

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::{Scene, targets, terms};

on_both! {
    /// F6: after its last day a quota takes nobody.
    async fn a_quota_past_its_last_day_takes_nobody(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let workers = scene.workers(0, 1).await;
        scene.app.clock_set("2027-01-04");
        let body = json!({ "title": "迟到的批次", "mode": "agency", "legal_basis": "协议第六条", "consent_recorded": true,
            "planned_departure_on": "2027-01-05", "planned_arrival_on": "2027-01-06" });
        let dispatch = scene.app.post(&scene.origin, &scene.path("/dispatches"), body).await.expect(201).id();
        let row = json!({ "worker_id": workers[0], "quota_id": quota });
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/placements")), row).await.problem("quota_not_open");
    }

    /// F7: requested and approved places are both kept, and a partial approval has its reason.
    async fn a_partial_approval_keeps_both_numbers_and_the_reason(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": "缝纫工", "region_code": "330782", "requested_places": 300, "valid_until": "2026-12-31" });
        let quota = scene.app.post(&scene.destination, &scene.path("/quotas"), body).await.expect(201).id();
        let publication = scene.path(&format!("/quotas/{quota}/publication"));
        let refused = scene.app.post(&scene.destination, &publication, json!({ "approved_places": 280 })).await.problem("field_invalid");
        assert_eq!(refused.body["errors"][0]["pointer"], "#/reason");
        let published = scene.app.post(&scene.destination, &publication, json!({ "approved_places": 280, "reason": "宿舍床位不足" })).await.expect(200);
        assert_eq!((&published.body["requested_places"], &published.body["approved_places"]), (&json!(300), &json!(280)));
        assert_eq!(published.body["approval_reason"], "宿舍床位不足");
    }

    /// F9: when the hold runs out the places are free at the next read, with no write in between.
    async fn a_lapsed_hold_is_free_at_the_next_read_without_a_write(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        assert_eq!(scene.balance(&quota).await, (3, 0, 2));
        scene.app.clock_set("2026-04-01");
        assert_eq!(scene.balance(&quota).await, (0, 0, 5));
        let holds = scene.app.get(&scene.origin, &scene.path(&format!("/quotas/{quota}/balance"))).await.expect(200);
        assert_eq!(holds.body["holds"], json!([]));
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
        let departure = scene.path(&format!("/dispatches/{dispatch}/departure"));
        scene.app.post(&scene.origin, &departure, json!({ "departed_on": "2026-03-31" })).await.problem("hold_lapsed");
    }

    /// The workers of a lapsed roster can be sent by somebody else, and the lapsed roster can be sent again.
    async fn a_lapsed_roster_frees_its_workers_and_may_be_sent_again(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 3).await;
        let first = scene.dispatch().await;
        scene.enrol(&first, &quota, &workers).await.expect(207);
        scene.app.clock_set("2026-04-01");
        let second = scene.app.post(&scene.origin, &scene.path("/dispatches"), json!({ "title": "第二批", "mode": "broker", "legal_basis": "协议第六条",
            "consent_recorded": true, "planned_departure_on": "2026-04-02", "planned_arrival_on": "2026-04-03" })).await.expect(201).id();
        let taken = scene.enrol(&second, &quota, &workers[..1]).await.expect(207);
        assert_eq!(taken.body["accepted"], 1);
        let again = scene.enrol(&first, &quota, &workers).await.expect(207);
        assert_eq!((&again.body["accepted"], &again.body["rejected"]), (&json!(2), &json!(1)));
        assert_eq!(again.body["results"][0]["errors"][0]["code"], "worker_already_placed");
        assert_eq!(scene.balance(&quota).await, (3, 0, 2));
    }

    /// F10: caps of the agreement and of a region bind across quotas.
    async fn caps_of_the_terms_bind_across_quotas(app: TestApp) {
        let mut capped = terms(&targets());
        capped["caps"] = json!({ "agreement": 5, "regions": [{ "region_code": "330782", "places": 4 }] });
        let scene = Scene::with_terms(app, capped).await;
        let (one, two) = (scene.quota(3).await, scene.quota(3).await);
        let workers = scene.workers(0, 6).await;
        let dispatch = scene.dispatch().await;
        assert_eq!(scene.enrol(&dispatch, &one, &workers[..3]).await.expect(207).body["accepted"], 3);
        let rest = scene.enrol(&dispatch, &two, &workers[3..]).await.expect(207);
        assert_eq!((&rest.body["accepted"], &rest.body["rejected"]), (&json!(1), &json!(2)));
        assert_eq!(rest.body["results"][1]["errors"][0]["code"], "places_exhausted");
        assert_eq!(scene.balance(&two).await, (1, 0, 2));
    }

    /// F11: in one snapshot the open holds add up to what is held.
    async fn open_holds_add_up_to_what_is_held(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(20).await;
        let workers = scene.workers(0, 9).await;
        for (from, to) in [(0, 4), (4, 6), (6, 9)] {
            let dispatch = scene.dispatch().await;
            scene.enrol(&dispatch, &quota, &workers[from..to]).await.expect(207);
        }
        let balance = scene.app.get(&scene.destination, &scene.path(&format!("/quotas/{quota}/balance"))).await.expect(200).body;
        let held: i64 = balance["holds"].as_array().unwrap().iter().map(|hold| hold["places"].as_i64().unwrap()).sum();
        assert_eq!(held, 9);
        assert_eq!(balance["accounts"][0]["held"], 9);
    }

    /// F13: staggered starts of one quota burn down on their own, under one approval.
    async fn cohorts_burn_down_on_their_own_under_one_approval(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": 6, "valid_until": "2026-12-31",
            "cohorts": [{ "starts_on": "2026-03-10", "places": 2 }, { "starts_on": "2026-04-10", "places": 2 }, { "starts_on": "2026-05-10", "places": 2 }] });
        let quota = scene.app.post(&scene.destination, &scene.path("/quotas"), body).await.expect(201).id();
        let approval = json!({ "approved_places": 5, "reason": "淡季" });
        scene.app.post(&scene.destination, &scene.path(&format!("/quotas/{quota}/publication")), approval).await.expect(200);
        let workers = scene.workers(0, 6).await;
        let dispatch = scene.dispatch().await;
        let starts = ["2026-03-10", "2026-03-10", "2026-03-10", "2026-04-10", "2026-04-10", "2026-05-10"];
        let rows: Vec<_> = workers.iter().zip(starts).map(|(worker, day)| json!({ "worker_id": worker, "quota_id": quota, "starts_on": day })).collect();
        let receipts = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/roster")), json!({ "rows": rows })).await.expect(207);
        let taken: Vec<bool> = receipts.body["results"].as_array().unwrap().iter().map(|row| row["status"] == "accepted").collect();
        assert_eq!(taken, [true, true, false, true, true, true]);
        let balance = scene.app.get(&scene.origin, &scene.path(&format!("/quotas/{quota}/balance"))).await.expect(200).body;
        let held: Vec<i64> = balance["accounts"].as_array().unwrap().iter().map(|account| account["held"].as_i64().unwrap()).collect();
        assert_eq!(held, [5, 2, 2, 1]);
        let unknown = json!({ "worker_id": workers[2], "quota_id": quota, "starts_on": "2026-06-10" });
        let refused = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/placements")), unknown).await.problem("field_invalid");
        assert_eq!(refused.body["errors"][0]["code"], "cohort_unknown");
    }

    /// The approved places cannot fall below what is taken, and can be raised again.
    async fn approval_never_falls_below_what_is_taken(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let workers = scene.workers(0, 4).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let approval = scene.path(&format!("/quotas/{quota}/approval"));
        let refused = scene.app.post(&scene.destination, &approval, json!({ "approved_places": 3, "reason": "减产" })).await.problem("places_below_use");
        assert_eq!(refused.body["places_in_use"], 4);
        scene.app.post(&scene.destination, &approval, json!({ "approved_places": 4, "reason": "减产" })).await.expect(200);
        assert_eq!(scene.balance(&quota).await, (4, 0, 0));
        scene.app.post(&scene.destination, &approval, json!({ "approved_places": 10 })).await.expect(200);
        assert_eq!(scene.balance(&quota).await, (4, 0, 6));
    }

    /// A draft and a withdrawn quota have no approval to change; each names the moves it has.
    async fn only_a_published_quota_has_its_approval_changed(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": 5, "valid_until": "2026-12-31" });
        let quota = scene.app.post(&scene.destination, &scene.path("/quotas"), body).await.expect(201).id();
        let approval = scene.path(&format!("/quotas/{quota}/approval"));
        let draft = scene.app.post(&scene.destination, &approval, json!({ "approved_places": 5 })).await.problem("transition_not_allowed");
        assert_eq!(draft.body["allowed_actions"], json!(["publish", "withdraw"]));
        let withdrawal = scene.path(&format!("/quotas/{quota}/withdrawal"));
        scene.app.post(&scene.destination, &withdrawal, json!({})).await.problem("field_missing");
        scene.app.post(&scene.destination, &withdrawal, json!({ "reason": "企业停产" })).await.expect(200);
        let withdrawn = scene.app.post(&scene.destination, &approval, json!({ "approved_places": 5 })).await.problem("transition_not_allowed");
        assert_eq!(withdrawn.body["allowed_actions"], json!([]));
    }

    /// Why a quota was withdrawn is told beside why fewer places were approved, in the words of the destination.
    async fn a_withdrawn_quota_says_why(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let approval = json!({ "approved_places": 6, "reason": "宿舍床位不足" });
        scene.app.post(&scene.destination, &scene.path(&format!("/quotas/{quota}/approval")), approval).await.expect(200);
        let withdrawal = scene.path(&format!("/quotas/{quota}/withdrawal"));
        let blank = scene.app.post(&scene.destination, &withdrawal, json!({ "reason": " " })).await.problem("field_invalid");
        assert_eq!(blank.body["errors"][0]["pointer"], "#/reason");
        scene.app.post(&scene.destination, &withdrawal, json!({ "reason": "企业停产" })).await.expect(200);
        let read = scene.app.get(&scene.origin, &scene.path(&format!("/quotas/{quota}"))).await.expect(200).body;
        assert_eq!((&read["withdrawal_reason"], &read["approval_reason"]), (&json!("企业停产"), &json!("宿舍床位不足")));
        assert_eq!((&read["state"], &read["standing"], &read["approved_places"]), (&json!("withdrawn"), &json!("withdrawn"), &json!(6)));
    }

    /// Whether a quota is filled or expired turns with its places and the day; nobody writes it.
    async fn a_quota_tells_whether_it_is_filled_or_expired(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let waiting = scene.quota(3).await;
        let (quota, placements) = scene.sent(0, 2).await;
        let standing = async |quota: &str| scene.app.get(&scene.origin, &scene.path(&format!("/quotas/{quota}"))).await.expect(200);
        let of = async |standing: &str| {
            let page = scene.app.get(&scene.origin, &scene.path(&format!("/quotas?standing={standing}"))).await.expect(200).body;
            page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let filled = standing(&quota).await;
        assert_eq!((&filled.body["standing"], &standing(&waiting).await.body["standing"]), (&json!("filled"), &json!("open")));
        assert_eq!((of("filled").await, of("open").await), (vec![quota.clone()], vec![waiting.clone()]));
        scene.app.clock_set("2026-03-06");
        scene.claim(&placements[..1], "no_show", "2026-03-06").await.expect(207);
        let open = standing(&quota).await;
        assert_eq!(open.body["standing"], "open", "a place is free again");
        assert_ne!(open.etag(), filled.etag(), "nobody keeps what was true yesterday");
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        scene.app.clock_set("2026-12-31");
        assert_eq!(of("expired").await, [""; 0], "the last day is still open");
        scene.app.clock_set("2027-01-01");
        assert_eq!((of("filled").await, of("expired").await, of("open").await), (vec![quota], vec![waiting], vec![]));
    }

    /// A code of former days is refused with the codes of today, so that it can be corrected without a look-up.
    async fn a_former_region_code_is_answered_with_its_successors(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "432621", "requested_places": 5, "valid_until": "2026-12-31" });
        let refused = scene.app.post(&scene.destination, &scene.path("/quotas"), body).await.problem("field_invalid");
        let fault = &refused.body["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"], &fault["params"]["successors"]), (&json!("#/region_code"), &json!("region_historic"), &json!(["430523"])));
        let (_, placements) = scene.sent(0, 1).await;
        let claim = json!({ "rows": [{ "placement_id": placements[0], "outcome": "diverted", "happened_on": "2026-03-05", "evidence": "e2", "region_code": "432621" }] });
        let told = scene.app.post(&scene.employer, &scene.path("/claims"), claim).await.expect(207).body;
        let fault = &told["results"][0]["errors"][0];
        assert_eq!((&fault["code"], &fault["params"]["successors"]), (&json!("region_historic"), &json!(["430523"])));
    }

    /// Every counter is the sum of ledger entries anybody can read.
    async fn the_ledger_explains_every_place(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (quota, _) = scene.sent(0, 3).await;
        let ledger = scene.app.get(&scene.destination, &scene.path(&format!("/quotas/{quota}/ledger"))).await.expect(200).body;
        let entries: Vec<(String, i64)> =
            ledger["items"].as_array().unwrap().iter().map(|entry| (entry["kind"].as_str().unwrap().to_owned(), entry["places"].as_i64().unwrap())).collect();
        assert_eq!(entries, [("reserve".to_owned(), 3), ("consume".to_owned(), 3)]);
        let newest = scene.path(&format!("/quotas/{quota}/ledger?sort=-id&limit=1"));
        let newest = scene.app.get(&scene.destination, &newest).await.expect(200).body;
        assert_eq!((&newest["items"], newest["next_cursor"].is_string()), (&json!([ledger["items"][1]]), true));
        let before = newest["next_cursor"].as_str().unwrap();
        let before = scene.path(&format!("/quotas/{quota}/ledger?sort=-id&limit=1&cursor={before}"));
        let before = scene.app.get(&scene.destination, &before).await.expect(200).body;
        assert_eq!(before, json!({ "items": [ledger["items"][0]], "next_cursor": null }));
        let wrong = scene.app.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// A wrong request names every field at once, and an outsider learns nothing.
    async fn a_wrong_quota_is_refused_with_every_fault_and_hidden_from_outsiders(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": " ", "region_code": "330000", "requested_places": 0, "valid_until": "2020-01-01",
            "monthly_wage_min_fen": 10, "monthly_wage_max_fen": 5 });
        let refused = scene.app.post(&scene.destination, &scene.path("/quotas"), body.clone()).await.problem("field_invalid");
        let pointers: Vec<&str> = refused.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
        for pointer in ["#/post_title", "#/requested_places", "#/valid_until", "#/monthly_wage_max_fen", "#/region_code"] {
            assert!(pointers.contains(&pointer), "{pointer} in {pointers:?}");
        }
        scene.app.post(&scene.origin, &scene.path("/quotas"), body).await.problem("role_not_allowed");
        let quota = scene.quota(1).await;
        let outsider = scene.app.party("海宁市人力资源和社会保障局", "authority", "330481").await;
        scene.app.get(&outsider, &scene.path(&format!("/quotas/{quota}"))).await.problem("not_found");
        let other = scene.app.party("海宁皮革有限公司", "employer", "330481").await;
        scene.app.get(&other, &scene.path("/quotas")).await.problem("not_found");
        let unknown = json!({ "employer_id": scene.origin.id, "post_title": "普工", "region_code": "330782", "requested_places": 1, "valid_until": "2026-12-31" });
        scene.app.post(&scene.destination, &scene.path("/quotas"), unknown).await.problem("reference_unknown");
    }

    /// Caps follow the terms: one that an amendment brings counts what is taken already, one that it takes away binds no more.
    async fn caps_follow_an_amendment(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let workers = scene.workers(0, 8).await;
        let first = scene.dispatch().await;
        assert_eq!(scene.enrol(&first, &quota, &workers[..3]).await.expect(207).body["accepted"], 3);
        scene.caps_amended("2026-03-02", json!({ "agreement": 4 })).await;
        scene.app.clock_set("2026-03-02");
        let more = scene.enrol(&first, &quota, &workers[3..6]).await.expect(207).body;
        assert_eq!((&more["accepted"], &more["rejected"]), (&json!(1), &json!(2)), "three of four were taken");
        scene.depart(&first).await;
        let placements = scene.app.get(&scene.origin, &scene.path("/placements")).await.expect(200).body;
        let placement = placements["items"][0]["id"].as_str().unwrap().to_owned();
        scene.app.clock_set("2026-03-06");
        assert_eq!(scene.claim(&[placement], "no_show", "2026-03-06").await.expect(207).body["accepted"], 1);
        scene.caps_amended("2026-03-07", json!({})).await;
        scene.app.clock_set("2026-03-07");
        let body = json!({ "title": "第二批", "mode": "broker", "legal_basis": "协议第六条", "consent_recorded": true,
            "planned_departure_on": "2026-03-08", "planned_arrival_on": "2026-03-09" });
        let second = scene.app.post(&scene.origin, &scene.path("/dispatches"), body).await.expect(201).id();
        assert_eq!(scene.enrol(&second, &quota, &workers[4..]).await.expect(207).body["accepted"], 4);
        let wrong = scene.app.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap();
        assert_eq!(wrong, []);
    }

    /// Places that lapsed are free for whoever arrived after all, and for a smaller approval.
    async fn lapsed_holds_stand_in_nobodys_way(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(3).await;
        let workers = scene.workers(0, 4).await;
        let first = scene.dispatch().await;
        scene.enrol(&first, &quota, &workers[..1]).await.expect(207);
        scene.depart(&first).await;
        let placements = scene.app.get(&scene.origin, &scene.path("/placements")).await.expect(200).body;
        let placement = placements["items"][0]["id"].as_str().unwrap().to_owned();
        scene.app.clock_set("2026-03-06");
        assert_eq!(scene.claim(std::slice::from_ref(&placement), "no_show", "2026-03-06").await.expect(207).body["accepted"], 1);
        let second = scene.dispatch().await;
        assert_eq!(scene.enrol(&second, &quota, &workers[1..]).await.expect(207).body["accepted"], 3);
        scene.app.clock_set("2026-04-10");
        let told = scene.claim(std::slice::from_ref(&placement), "onboarded", "2026-03-06").await.expect(207).body;
        assert_eq!(told["accepted"], 1, "{told}");
        assert_eq!(scene.balance(&quota).await, (0, 1, 2));
        let approval = scene.path(&format!("/quotas/{quota}/approval"));
        scene.app.post(&scene.destination, &approval, json!({ "approved_places": 1, "reason": "宿舍床位不足" })).await.expect(200);
        let events = scene.app.get(&scene.origin, "/v1/events?types=dispatch.hold_lapsed").await.expect(200).body;
        assert_eq!(events["items"].as_array().unwrap().len(), 1, "who reads the feed learns that the roster is empty");
        // Said not to have come after all, the person is free for another county's roster.
        scene.claim(&[placement], "no_show", "2026-03-06").await.expect(207);
        let again = scene.app.post(&scene.origin, &scene.path("/dispatches"), json!({ "title": "第三批", "mode": "broker", "legal_basis": "协议第六条",
            "consent_recorded": true, "planned_departure_on": "2026-04-11", "planned_arrival_on": "2026-04-12" })).await.expect(201).id();
        assert_eq!(scene.enrol(&again, &quota, &workers[..1]).await.expect(207).body["accepted"], 1);
    }
}
