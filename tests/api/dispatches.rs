//! Rosters and dispatches: what is accepted is held, what is refused leaves no trace.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::{Scene, ratified, register, targets, terms};

on_both! {
    /// Rows stand alone: accepted, unchanged or rejected, each with its reason and place.
    async fn every_row_of_a_roster_has_a_receipt(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch().await;
        let first = json!({ "worker_id": workers[0], "quota_id": quota, "partner_ref": "1" });
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/placements")), first).await.expect(201);
        let rows = json!([
            { "worker_id": workers[0], "quota_id": quota, "partner_ref": "1" },
            { "worker_ref": "SY-00001", "quota_id": quota, "partner_ref": "2" },
            { "worker_ref": "SY-99999", "quota_id": quota, "partner_ref": "3" },
            { "worker_id": workers[2], "quota_id": workers[2], "partner_ref": "4" },
            { "worker_id": workers[2], "quota_id": quota, "consent_recorded": false, "partner_ref": "5" },
            { "worker_id": workers[1], "quota_id": quota, "partner_ref": "6" }
        ]);
        let receipts = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/roster")), json!({ "rows": rows })).await.expect(207).body;
        let seen: Vec<(String, Option<String>, Option<String>)> = receipts["results"].as_array().unwrap().iter().map(|row| {
            let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
            (text(&row["status"]).unwrap(), text(&row["errors"][0]["code"]), text(&row["errors"][0]["pointer"]))
        }).collect();
        let expected = [
            ("unchanged", None, None),
            ("accepted", None, None),
            ("rejected", Some("worker_unknown"), Some("#/rows/2/worker_ref")),
            ("rejected", Some("quota_unknown"), Some("#/rows/3/quota_id")),
            ("rejected", Some("consent_missing"), Some("#/rows/4/consent_recorded")),
            ("rejected", Some("repeated_in_call"), Some("#/rows/5/worker_id")),
        ];
        let expected: Vec<_> = expected.iter().map(|(status, code, pointer)| ((*status).to_owned(), code.map(ToOwned::to_owned), pointer.map(ToOwned::to_owned))).collect();
        assert_eq!(seen, expected);
        assert_eq!(scene.balance(&quota).await, (2, 0, 8));
    }

    /// F36: the same roster sent twice changes nothing, and nothing is recorded.
    async fn the_same_roster_sent_twice_is_unchanged(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let workers = scene.workers(0, 5).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let before = scene.app.get(&scene.origin, "/v1/events?limit=1000").await.expect(200).body["next_after"].clone();
        let again = scene.enrol(&dispatch, &quota, &workers).await.expect(207).body;
        assert_eq!((&again["accepted"], &again["unchanged"], &again["rejected"]), (&json!(0), &json!(5), &json!(0)));
        assert_eq!(scene.app.get(&scene.origin, "/v1/events?limit=1000").await.expect(200).body["next_after"], before);
    }

    /// Places run out in the order of the call: nothing is oversold, nothing that fits is refused.
    async fn places_are_given_in_the_order_of_the_call(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(3).await;
        let workers = scene.workers(0, 5).await;
        let dispatch = scene.dispatch().await;
        let receipts = scene.enrol(&dispatch, &quota, &workers).await.expect(207).body;
        let codes: Vec<Option<&str>> = receipts["results"].as_array().unwrap().iter().map(|row| row["errors"][0]["code"].as_str()).collect();
        assert_eq!(codes, [None, None, None, Some("places_exhausted"), Some("places_exhausted")]);
        let row = json!({ "worker_id": workers[3], "quota_id": quota });
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/placements")), row).await.problem("places_exhausted");
    }

    /// F20: a person with an open placement is refused in another county and agreement, and the loser learns nothing but a lookup id.
    async fn one_person_has_one_open_placement_in_the_whole_exchange(app: TestApp) {
        let scene = Scene::in_force(app.clone()).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);

        let origin = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let agreement = ratified(&app, &origin, &scene.destination, "LH-YW-2026-01", terms(&targets())).await;
        let other = Scene { origin, agreement, ..scene.clone() };
        let same_person = register(&app, &other.origin, 0, 1).await;
        let other_quota = other.quota(5).await;
        let other_dispatch = other.dispatch().await;
        let row = json!({ "worker_id": same_person[0], "quota_id": other_quota });
        let refused = app.post(&other.origin, &other.path(&format!("/dispatches/{other_dispatch}/placements")), row).await.problem("worker_already_placed");
        assert_eq!(refused.body["lookup_id"].as_str().unwrap().len(), 16);
        let text = refused.body.to_string();
        for secret in [&scene.agreement, &scene.origin.id.to_string(), &dispatch, &workers[0]] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(other.balance(&other_quota).await, (0, 0, 5));
    }

    /// A dispatch moves only along its life, and the answer names the moves that are legal.
    async fn illegal_moves_name_the_legal_ones(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let dispatch = scene.dispatch().await;
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.problem("roster_empty");
        let workers = scene.workers(0, 2).await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        scene.app.clock_set("2026-03-05");
        let departure = json!({ "departed_on": "2026-03-05" });
        let refused = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/departure")), departure).await.problem("transition_not_allowed");
        assert_eq!(refused.body["allowed_actions"], json!(["enrol", "reschedule", "lock", "cancel"]));
        scene.depart(&dispatch).await;
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/cancellation")), json!({})).await.problem("transition_not_allowed");
        let waiting = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/closure")), json!({})).await.problem("transition_not_allowed");
        assert_eq!(waiting.body["waiting"], 2);
    }

    /// A batch is closed once it is known of everybody whether they arrived; then nothing more is done with it.
    async fn a_batch_is_closed_when_it_is_known_of_everybody(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        let dispatch = scene.app.get(&scene.origin, &scene.path(&format!("/placements/{}", placements[0]))).await.expect(200).text("/dispatch_id");
        let closure = scene.path(&format!("/dispatches/{dispatch}/closure"));
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        let waiting = scene.app.post(&scene.origin, &closure, json!({})).await.problem("transition_not_allowed");
        assert_eq!(waiting.body["waiting"], 1);
        scene.claim(&placements[1..], "no_show", "2026-03-06").await.expect(207);
        assert_eq!(scene.app.post(&scene.origin, &closure, json!({})).await.expect(200).body["state"], "closed");
        scene.app.post(&scene.origin, &closure, json!({})).await.expect(409).problem("transition_not_allowed");
    }

    /// Cancelling gives places and people back, row by row or as a whole.
    async fn cancelling_frees_places_and_people(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch().await;
        let receipts = scene.enrol(&dispatch, &quota, &workers).await.expect(207).body;
        let placement = receipts["results"][0]["id"].as_str().unwrap();
        let cancelled = scene.app.post(&scene.origin, &scene.path(&format!("/placements/{placement}/cancellation")), json!({})).await.expect(200);
        assert_eq!(cancelled.body["state"], "cancelled");
        assert_eq!(scene.balance(&quota).await, (2, 0, 3));
        let back = scene.enrol(&dispatch, &quota, &workers[..1]).await.expect(207).body;
        assert_eq!(back["results"][0]["id"], placement, "a row taken up again keeps its id");
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/cancellation")), json!({})).await.expect(200);
        assert_eq!(scene.balance(&quota).await, (0, 0, 5));
        let next = scene.dispatch().await;
        assert_eq!(scene.enrol(&next, &quota, &workers).await.expect(207).body["accepted"], 3);
    }

    /// A roster is the origin's own until it is locked; destination and employer then see who comes, masked.
    async fn the_destination_sees_a_roster_once_it_is_locked_and_only_what_it_needs(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        let page = scene.app.get(&scene.employer, &scene.path("/placements")).await.expect(200).body;
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        let card = scene.app.get(&scene.employer, &scene.path(&format!("/placements/{}/worker", placements[0]))).await.expect(200).body;
        assert_eq!(card["name"], crate::support::scene::name(0));
        assert!(!card.to_string().contains(&crate::support::scene::identity_number(0)));
        let stranger = scene.app.party("永康五金有限公司", "employer", "330784").await;
        scene.app.get(&stranger, &scene.path(&format!("/placements/{}", placements[0]))).await.problem("not_found");
        let draft = scene.dispatch().await;
        scene.app.get(&scene.destination, &scene.path(&format!("/dispatches/{draft}"))).await.problem("not_found");
        scene.app.get(&scene.origin, &scene.path(&format!("/dispatches/{draft}"))).await.expect(200);
    }

    /// Whether an arrival is overdue stands in the placement and narrows the list; it turns with the day and with a claim, not with a write.
    async fn a_placement_tells_whether_its_arrival_is_overdue(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 3).await;
        let one = scene.path(&format!("/placements/{}", placements[0]));
        let narrowed = async |overdue: bool| {
            let path = scene.path(&format!("/placements?arrival_overdue={overdue}"));
            let rows = scene.app.get(&scene.origin, &path).await.expect(200).body["items"].clone();
            assert!(rows.as_array().unwrap().iter().all(|row| row["arrival_overdue"] == overdue), "{rows}");
            rows.as_array().unwrap().len()
        };
        scene.app.clock_set("2026-03-13");
        let before = scene.app.get(&scene.employer, &one).await.expect(200);
        assert_eq!((&before.body["arrival_overdue"], narrowed(true).await, narrowed(false).await), (&json!(false), 0, 3));
        scene.app.clock_set("2026-03-14");
        let after = scene.app.call("GET", &one).by(&scene.employer).header("if-none-match", before.etag()).send().await.expect(200);
        assert_eq!((&after.body["arrival_overdue"], narrowed(true).await), (&json!(true), 3));
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        assert_eq!((narrowed(true).await, narrowed(false).await), (2, 1));
    }

    /// F17: a row is sent back with a reason, corrected and sent again under the same key: the same placement, and both values are on record.
    async fn a_returned_row_comes_back_corrected_as_the_same_placement(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (welders, packers) = (scene.quota(2).await, scene.quota(2).await);
        let workers = scene.workers(0, 2).await;
        let dispatch = scene.dispatch().await;
        let row = |worker: &str, quota: &str| json!({ "worker_id": worker, "quota_id": quota, "partner_ref": format!("行-{worker}") });
        let roster = scene.path(&format!("/dispatches/{dispatch}/roster"));
        let enrolled = scene.app.post(&scene.origin, &roster, json!({ "rows": [row(&workers[0], &welders), row(&workers[1], &welders)] })).await.expect(207);
        let placement = enrolled.text("/results/0/id");
        let (one, returns) = (scene.path(&format!("/placements/{placement}")), scene.path(&format!("/placements/{placement}/returns")));
        let reason = json!({ "reason": "该工种须持焊工证" });
        scene.app.get(&scene.destination, &one).await.problem("not_found");
        scene.app.post(&scene.destination, &returns, reason.clone()).await.problem("not_found");
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
        let shown = scene.app.get(&scene.employer, &scene.path("/placements")).await.expect(200).body;
        assert_eq!(shown["items"].as_array().unwrap().len(), 2, "who comes is shown once the roster is locked");
        assert_eq!(scene.app.get(&scene.destination, &format!("{one}/worker")).await.expect(200).body["name"], crate::support::scene::name(0));
        assert_eq!(scene.app.get(&scene.destination, &returns).await.expect(200).body["items"], json!([]));
        scene.app.post(&scene.origin, &returns, reason.clone()).await.problem("role_not_allowed");
        let blank = scene.app.post(&scene.employer, &returns, json!({ "reason": " " })).await.problem("field_invalid");
        assert_eq!(blank.body["errors"][0]["pointer"], "#/reason");
        let returned = scene.app.post(&scene.employer, &returns, reason.clone()).await.expect(201).body;
        assert_eq!((&returned["quota_id"], &returned["returned_by"]), (&json!(welders), &json!(scene.employer.id)));
        scene.app.post(&scene.employer, &returns, reason.clone()).await.problem("not_found");
        assert_eq!(scene.balance(&welders).await, (1, 0, 1));
        assert_eq!(scene.app.get(&scene.origin, &one).await.expect(200).body["state"], "cancelled");
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/unlock")), json!({})).await.expect(200);
        let again = scene.app.post(&scene.origin, &roster, json!({ "rows": [row(&workers[0], &packers)] })).await.expect(207);
        assert_eq!((again.text("/results/0/status"), again.text("/results/0/id")), ("accepted".to_owned(), placement));
        assert_eq!(scene.app.get(&scene.origin, &one).await.expect(200).body["quota_id"], packers);
        for party in [&scene.origin, &scene.destination, &scene.employer] {
            let history = scene.app.get(party, &returns).await.expect(200).body;
            assert_eq!((&history["items"][0]["quota_id"], &history["items"][0]["reason"]), (&json!(welders), &reason["reason"]));
        }
        let told = scene.app.get(&scene.origin, "/v1/events?types=placement.returned").await.expect(200).body;
        assert_eq!(told["items"].as_array().unwrap().len(), 1);
        scene.depart(&dispatch).await;
        let late = scene.app.post(&scene.destination, &returns, reason).await.problem("transition_not_allowed");
        assert_eq!(late.body["allowed_actions"], json!(["close"]));
    }

    /// F18: a row sent back by the other side renews the holds of the batch, one that the origin takes off does not.
    async fn a_return_renews_the_holds_and_a_cancellation_does_not(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(3).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch_on("2026-04-10", "2026-04-11").await;
        let enrolled = scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let one = scene.path(&format!("/dispatches/{dispatch}"));
        let holds_until = async || scene.app.get(&scene.origin, &one).await.expect(200).text("/holds_until");
        let first = holds_until().await;
        scene.app.clock_set("2026-03-20");
        scene.app.post(&scene.origin, &format!("{one}/lock"), json!({})).await.expect(200);
        let of = |row: usize, action: &str| scene.path(&format!("/placements/{}/{action}", enrolled.text(&format!("/results/{row}/id"))));
        scene.app.post(&scene.origin, &of(0, "cancellation"), json!({})).await.expect(200);
        assert_eq!(holds_until().await, first);
        scene.app.post(&scene.destination, &of(1, "returns"), json!({ "reason": "企业停产" })).await.expect(201);
        assert!(holds_until().await.starts_with("2026-04-19"), "{}", holds_until().await);
        scene.app.clock_set("2026-04-10");
        assert_eq!(scene.balance(&quota).await, (1, 0, 2), "the rest is still held after the first term");
        scene.app.post(&scene.origin, &format!("{one}/departure"), json!({ "departed_on": "2026-04-10" })).await.expect(200);
        assert_eq!(scene.balance(&quota).await, (0, 1, 2));
        let wrong = scene.app.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// A row whose hold has lapsed is nobody's to return.
    async fn a_lapsed_row_is_not_returned(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(1).await;
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        let placement = scene.enrol(&dispatch, &quota, &workers).await.expect(207).text("/results/0/id");
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
        scene.app.clock_set("2026-04-10");
        let returns = scene.path(&format!("/placements/{placement}/returns"));
        scene.app.post(&scene.destination, &returns, json!({ "reason": "企业停产" })).await.problem("hold_lapsed");
    }

    /// A stale If-Match is told so, with the version that is current.
    async fn a_stale_version_is_refused_with_the_current_one(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let lock = scene.path(&format!("/dispatches/{dispatch}/lock"));
        let stale = scene.app.post_with(&scene.origin, &lock, json!({}), &[("If-Match", "\"1\"")]).await.problem("precondition_failed");
        assert_eq!(stale.etag(), "\"2\"");
        scene.app.post_with(&scene.origin, &lock, json!({}), &[("If-Match", "\"2\"")]).await.expect(200);
    }

    /// A county sends its five thousand in one call.
    async fn five_thousand_rows_go_through_in_one_call(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5_000).await;
        let workers = scene.workers(0, 5_000).await;
        let dispatch = scene.dispatch().await;
        assert_eq!(scene.enrol(&dispatch, &quota, &workers).await.expect(207).body["accepted"], 5_000);
        assert_eq!(scene.balance(&quota).await, (5_000, 0, 0));
        let too_many: Vec<Value> = (0..5_001).map(|_| json!({ "worker_id": workers[0], "quota_id": quota })).collect();
        let refused = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/roster")), json!({ "rows": too_many })).await.problem("field_invalid");
        assert_eq!(refused.body["errors"][0]["code"], "row_count");
    }

    /// A row sent again as something else is not taken for the same; one taken up again carries its new reference.
    async fn a_row_sent_again_with_other_words_is_told_so(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (quota, other) = (scene.quota(5).await, scene.quota(5).await);
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        let roster = scene.path(&format!("/dispatches/{dispatch}/roster"));
        let send = async |row: Value| {
            let receipts = scene.app.post(&scene.origin, &roster, json!({ "rows": [row] })).await.expect(207).body;
            let result = &receipts["results"][0];
            (result["status"].as_str().unwrap().to_owned(), result["errors"][0]["code"].as_str().unwrap_or_default().to_owned(), result["id"].clone())
        };
        let row = |quota: &str, reference: &str| json!({ "worker_id": workers[0], "quota_id": quota, "partner_ref": reference });
        let (status, _, placement) = send(row(&quota, "A-1")).await;
        assert_eq!(status, "accepted");
        assert_eq!(send(row(&quota, "A-1")).await.0, "unchanged");
        assert_eq!(send(row(&quota, "A-2")).await.1, "listed_with_other_reference");
        assert_eq!(send(row(&other, "A-1")).await.1, "listed_with_other_quota");
        let path = scene.path(&format!("/placements/{}", placement.as_str().unwrap()));
        scene.app.post(&scene.origin, &format!("{path}/cancellation"), json!({})).await.expect(200);
        assert_eq!(send(row(&other, "A-2")).await.0, "accepted");
        let revived = scene.app.get(&scene.origin, &path).await.expect(200).body;
        let found = scene.app.get(&scene.origin, &scene.path("/placements?partner_ref=A-2")).await.expect(200).body;
        assert_eq!(found["items"][0]["id"], placement);
        assert_eq!((revived["partner_ref"].as_str(), revived["quota_id"].as_str()), (Some("A-2"), Some(other.as_str())));
    }

    /// Requests for one worker at the same time: one places, all name the same placement, one event.
    async fn many_requests_for_one_worker_are_one_placement(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch().await;
        let path = scene.path(&format!("/dispatches/{dispatch}/placements"));
        let requests = (0..12).map(|n| {
            let (scene, path) = (scene.clone(), path.clone());
            let row = json!({ "worker_id": workers[n % 3], "quota_id": quota });
            async move { scene.app.post(&scene.origin, &path, row).await }
        });
        let replies = crate::support::together(requests).await;
        let mut placements: Vec<String> = replies.into_iter().map(|reply| reply.expect(201).id()).collect();
        placements.sort();
        placements.dedup();
        assert_eq!(placements.len(), 3);
        assert_eq!(scene.balance(&quota).await, (3, 0, 2));
        let events = scene.app.get(&scene.origin, "/v1/events?types=dispatch.roster_changed").await.expect(200).body;
        let counted: Vec<(i64, i64)> = events["items"].as_array().unwrap().iter()
            .map(|event| (event["data"]["placements"].as_i64().unwrap(), event["data"]["subject"]["version"].as_i64().unwrap())).collect();
        assert_eq!(counted, [(1, 2), (2, 3), (3, 4)], "each request has an event of its own, in order");
    }

    /// Labour Law art. 15: the day of the sixteenth birthday decides, not the year.
    async fn nobody_is_sent_before_the_sixteenth_birthday(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let born = |day: &str| {
            let body = format!("430523{day}997");
            let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
            let sum: u32 = body.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
            format!("{body}{}", "10X98765432".chars().nth((sum % 11) as usize).unwrap())
        };
        // The dispatch departs on 2026-03-05.
        let rows: Vec<Value> = ["20100305", "20100306", "20090101", "20110101"].iter()
            .map(|day| json!({ "name": "刘春", "identity_number": born(day), "hukou_code": "430523" })).collect();
        let registered = scene.app.post(&scene.origin, "/v1/worker-batches", json!({ "rows": rows })).await.expect(207).body;
        let workers: Vec<String> = registered["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        let dispatch = scene.dispatch().await;
        let receipts = scene.enrol(&dispatch, &quota, &workers).await.expect(207).body;
        let codes: Vec<Option<&str>> = receipts["results"].as_array().unwrap().iter().map(|row| row["errors"][0]["code"].as_str()).collect();
        assert_eq!(codes, [None, Some("under_sixteen"), None, Some("under_sixteen")]);
    }

    /// A batch that leaves later than planned is expected later, and nobody of it is late for that.
    async fn a_batch_planned_anew_is_expected_anew(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        let placement = scene.enrol(&dispatch, &quota, &workers).await.expect(207).body["results"][0]["id"].as_str().unwrap().to_owned();
        let due = async || scene.app.get(&scene.origin, &scene.path(&format!("/placements/{placement}"))).await.expect(200).body["arrival_due_on"].as_str().unwrap().to_owned();
        let before = due().await;
        let path = scene.path(&format!("/dispatches/{dispatch}/rescheduling"));
        let days = |departure: &str, arrival: &str| json!({ "planned_departure_on": departure, "planned_arrival_on": arrival });
        let moved = scene.app.post(&scene.origin, &path, days("2026-03-15", "2026-03-16")).await.expect(200).body;
        assert_eq!(moved["planned_departure_on"], "2026-03-15");
        let after = due().await;
        assert_eq!(after.parse::<jiff::civil::Date>().unwrap(), before.parse::<jiff::civil::Date>().unwrap().saturating_add(jiff::Span::new().days(10)));
        let wrong = scene.app.post(&scene.origin, &path, days("2027-01-05", "2027-01-04")).await.problem("field_invalid");
        let codes: Vec<&str> = wrong.body["errors"].as_array().unwrap().iter().map(|fault| fault["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["before_departure", "other_plan_year"]);
        scene.depart(&dispatch).await;
        scene.app.post(&scene.origin, &path, days("2026-03-20", "2026-03-21")).await.problem("transition_not_allowed");
    }

    /// Whom to call at the handover is told to both sides once the roster is locked, and to nobody else.
    async fn the_leader_of_a_batch_can_be_called(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let path = scene.path(&format!("/dispatches/{dispatch}/leader"));
        assert_eq!(scene.app.get(&scene.origin, &path).await.expect(200).body, json!({ "name": "周建国", "phone": "14000000001" }));
        scene.app.get(&scene.destination, &path).await.problem("not_found");
        scene.depart(&dispatch).await;
        assert_eq!(scene.app.get(&scene.destination, &path).await.expect(200).body["name"], "周建国");
        scene.app.get(&scene.employer, &path).await.problem("not_found");
    }

    /// A departure on the last day of the agreement may be recorded after it has expired.
    async fn a_departure_counts_by_its_own_day(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.app.clock_set("2028-12-20");
        let body = json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": 5, "valid_until": "2028-12-31" });
        let quota = scene.app.post(&scene.destination, &scene.path("/quotas"), body).await.expect(201).id();
        scene.app.post(&scene.destination, &scene.path(&format!("/quotas/{quota}/publication")), json!({ "approved_places": 5 })).await.expect(200);
        let workers = scene.workers(0, 1).await;
        let body = json!({ "title": "末批", "mode": "point_to_point", "legal_basis": "协议第六条", "consent_recorded": true,
            "planned_departure_on": "2028-12-31", "planned_arrival_on": "2028-12-31" });
        let dispatch = scene.app.post(&scene.origin, &scene.path("/dispatches"), body).await.expect(201).id();
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
        scene.app.clock_set("2029-01-02");
        let path = scene.path(&format!("/dispatches/{dispatch}/departure"));
        scene.app.post(&scene.origin, &path, json!({ "departed_on": "2029-01-01" })).await.problem("agreement_not_in_force");
        scene.app.post(&scene.origin, &path, json!({ "departed_on": "2028-12-31" })).await.expect(200);
    }

    /// What happens to a draft is its origin's own; the members learn of the batch when it is locked.
    async fn a_draft_is_not_in_the_feed_of_others(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 2).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let kinds = async |party| {
            let page = scene.app.get(party, "/v1/events?limit=1000").await.expect(200).body;
            let kinds: Vec<String> = page["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned())
                .filter(|kind| kind.starts_with("dispatch.")).collect();
            kinds
        };
        assert_eq!(kinds(&scene.origin).await, ["dispatch.prepared", "dispatch.roster_changed"]);
        assert!(kinds(&scene.destination).await.is_empty());
        scene.depart(&dispatch).await;
        assert_eq!(kinds(&scene.destination).await, ["dispatch.locked", "dispatch.departed"]);
    }
}
