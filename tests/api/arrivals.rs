//! Claims of arrivals: accepted late, never overwritten, the same whether one by one or by the thousand.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number, name, targets, terms};
use crate::support::{Reply, TestApp, TestParty};

fn statuses(receipts: &Value) -> (u64, u64, u64) {
    let count = |status: &str| receipts[status].as_u64().unwrap();
    (count("accepted"), count("unchanged"), count("rejected"))
}

/// Code and pointer of the first fault of each row; nothing for a row that was taken.
fn faults(receipts: &Value) -> Vec<Option<(String, String)>> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let rows = receipts["results"].as_array().unwrap();
    rows.iter().map(|row| text(&row["errors"][0]["code"]).zip(text(&row["errors"][0]["pointer"]))).collect()
}

fn items(reply: &Reply) -> Vec<Value> {
    reply.body["items"].as_array().unwrap().clone()
}

fn onboarded(placement: &str, day: &str) -> Value {
    json!({ "placement_id": placement, "outcome": "onboarded", "happened_on": day, "evidence": "e2" })
}

impl Scene {
    async fn claims_by(&self, party: &TestParty, rows: Value) -> Value {
        self.app.post(party, &self.path("/claims"), json!({ "rows": rows })).await.expect(207).body
    }

    async fn overdue(&self, party: &TestParty, query: &str) -> Vec<(String, i64)> {
        let page = self.app.get(party, &self.path(&format!("/overdue-arrivals{query}"))).await.expect(200);
        items(&page)
            .iter()
            .map(|row| (row["placement"]["id"].as_str().unwrap().to_owned(), row["days_overdue"].as_i64().unwrap()))
            .collect()
    }

    async fn placement(&self, id: &str) -> Value {
        self.app.get(&self.origin, &self.path(&format!("/placements/{id}"))).await.expect(200).body
    }

    async fn list(&self, party: &TestParty, query: &str) -> Vec<Value> {
        items(&self.app.get(party, &self.path(&format!("/claims{query}"))).await.expect(200))
    }

    async fn events(&self, party: &TestParty, types: &str) -> Vec<Value> {
        items(&self.app.get(party, &format!("/v1/events?limit=1000&types={types}")).await.expect(200))
    }

    /// Another employer with a quota of its own under the same agreement.
    async fn neighbour(&self) -> TestParty {
        let neighbour = self.app.party("义乌饰品有限公司", "employer", "330782").await;
        let there = Self { employer: neighbour.clone(), ..self.clone() };
        there.quota(5).await;
        neighbour
    }
}

on_both! {
    /// F22, F26: the overdue list turns with the clock and nothing else; a late arrival is accepted, marked, and clears it.
    async fn a_late_arrival_is_accepted_marked_and_clears_the_overdue_list(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 3).await;
        scene.claim(&placements[..1], "onboarded", "2026-03-05").await.expect(207);
        scene.app.clock_set("2026-03-13");
        assert_eq!(scene.overdue(&scene.origin, "").await, [], "the last day on time is still on time");
        assert_eq!(scene.overdue(&scene.origin, "?as_of=2026-03-20").await.len(), 2, "unless somebody speaks");
        scene.app.clock_set("2026-03-14");
        let expected = [(placements[1].clone(), 1), (placements[2].clone(), 1)];
        for party in [&scene.origin, &scene.destination, &scene.employer] {
            assert_eq!(scene.overdue(party, "").await, expected);
        }
        scene.app.clock_set("2026-03-15");
        let late = scene.claim(&placements[1..2], "onboarded", "2026-03-06").await.expect(207).body;
        assert_eq!(statuses(&late), (1, 0, 0));
        assert_eq!(scene.overdue(&scene.origin, "").await, [(placements[2].clone(), 2)]);
        assert_eq!(scene.overdue(&scene.origin, "?as_of=2026-03-14").await, expected, "what was overdue on a past day stays so");
        assert_eq!(scene.overdue(&scene.origin, "?as_of=2026-03-13").await, []);
        let placement = scene.placement(&placements[1]).await;
        assert_eq!((&placement["state"], &placement["late"], &placement["certain"]), (&json!("onboarded"), &json!(true), &json!(true)));
        assert_eq!(scene.placement(&placements[0]).await["late"], false);
        let marked = scene.list(&scene.origin, "?late=true").await;
        assert_eq!(marked.iter().map(|claim| &claim["placement_id"]).collect::<Vec<_>>(), [&json!(placements[1])]);
    }

    /// F36: the same file twice changes nothing and records no event, with references of its own or without.
    async fn the_same_file_twice_is_unchanged(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 4).await;
        let mut rows: Vec<Value> = placements.iter().map(|id| onboarded(id, "2026-03-05")).collect();
        rows[2]["client_ref"] = json!("GZ-3");
        rows[3]["outcome"] = json!("no_show");
        rows.push(json!({ "name": name(70), "identity_number": identity_number(70), "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" }));
        let first = scene.claims_by(&scene.employer, json!(rows)).await;
        assert_eq!(statuses(&first), (5, 0, 0), "{first}");
        let before = scene.app.get(&scene.origin, "/v1/events?limit=1000").await.expect(200).body["next_after"].clone();
        let versions = scene.placement(&placements[0]).await["version"].clone();
        let again = scene.claims_by(&scene.employer, json!(rows)).await;
        assert_eq!(statuses(&again), (0, 5, 0), "{again}");
        let ids = |receipts: &Value| receipts["results"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&first), ids(&again));
        assert_eq!(scene.app.get(&scene.origin, "/v1/events?limit=1000").await.expect(200).body["next_after"], before);
        assert_eq!(scene.placement(&placements[0]).await["version"], versions);
        assert_eq!(scene.list(&scene.origin, "").await.len(), 5);
    }

    /// A later claim replaces the earlier one in effect; both stay in history, and the placement follows.
    async fn a_correction_keeps_what_was_said_before(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (quota, placements) = scene.sent(0, 2).await;
        assert_eq!(scene.balance(&quota).await, (0, 2, 0));
        scene.claim(&placements[..1], "no_show", "2026-03-05").await.expect(207);
        assert_eq!(scene.balance(&quota).await, (0, 1, 1), "who did not arrive frees the place");
        scene.app.clock_set("2026-03-10");
        scene.claim(&placements[..1], "onboarded", "2026-03-08").await.expect(207);
        let placement = scene.placement(&placements[0]).await;
        assert_eq!((&placement["state"], &placement["onboarded_on"]), (&json!("onboarded"), &json!("2026-03-08")));
        assert_eq!(scene.balance(&quota).await, (0, 2, 0), "who came after all takes a place again");
        let query = format!("?placement_id={}", placements[0]);
        let history = scene.list(&scene.origin, &query).await;
        assert_eq!(history.iter().map(|claim| claim["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["no_show", "onboarded"]);
        assert_eq!((&history[0]["replaced_by"], &history[1]["replaced_by"]), (&history[1]["id"], &Value::Null));
        assert_eq!(scene.list(&scene.origin, &format!("{query}&in_effect=true")).await, [history[1].clone()]);
    }

    /// An employer may report before the origin has recorded the departure: the arrival reaches the placement all the same, in time.
    async fn an_arrival_reported_before_the_departure_is_recorded_reaches_the_placement(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(10).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch().await;
        scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        scene.app.clock_set("2026-03-06");
        let by_name = |n: usize, reference: &str| json!({ "name": name(n), "identity_number": identity_number(n), "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2", "client_ref": reference });
        let file = json!([by_name(0, "GZ-0"), by_name(1, "GZ-1"), by_name(70, "GZ-70")]);
        let first = scene.claims_by(&scene.employer, file.clone()).await;
        assert_eq!(statuses(&first), (3, 0, 0));
        let misspelt = json!({ "name": name(70), "identity_number": identity_number(2), "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2" });
        scene.claims_by(&scene.destination, json!([misspelt, by_name(0, "DST-0")])).await;
        assert_eq!(scene.fulfilment().await["targets"][1]["numerator"], 0);

        scene.app.clock_set("2026-03-20");
        let step = |name: &str| scene.path(&format!("/dispatches/{dispatch}/{name}"));
        scene.app.post(&scene.origin, &step("lock"), json!({})).await.expect(200);
        scene.app.post(&scene.origin, &step("departure"), json!({ "departed_on": "2026-03-05" })).await.expect(200);
        let page = items(&scene.app.get(&scene.origin, &scene.path("/placements?limit=10")).await.expect(200));
        let states: Vec<_> = page.iter().map(|row| (row["state"].as_str().unwrap(), row["onboarded_on"].as_str(), row["late"].as_bool().unwrap())).collect();
        let onboarded = ("onboarded", Some("2026-03-06"), false);
        assert_eq!(states, [onboarded, onboarded, ("departed", None, false)], "another name is for reconciliation to settle");
        assert!(page[0]["certain"].as_bool().unwrap());
        assert_eq!(scene.fulfilment().await["targets"][1]["numerator"], 2);
        let overdue: Vec<String> = scene.overdue(&scene.origin, "").await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(overdue, [page[2]["id"].as_str().unwrap()]);

        let again = scene.claims_by(&scene.employer, file).await;
        assert_eq!(statuses(&again), (0, 3, 0), "the same file again: {again}");
        let history = scene.list(&scene.employer, "?claimant_role=employer").await;
        let sent = &first["results"][0]["id"];
        let waited = history.iter().find(|claim| claim["id"] == *sent).unwrap();
        let attached = history.iter().find(|claim| claim["id"] == waited["replaced_by"]).unwrap();
        assert_eq!((&waited["announced"], &attached["announced"], &attached["placement_id"]), (&json!(false), &json!(true), &page[0]["id"]));
        assert_eq!(scene.list(&scene.origin, "?announced=false&in_effect=true").await.len(), 2, "the stranger and the other name wait");
        let events = scene.events(&scene.employer, "claims.attached").await;
        assert_eq!(events.iter().map(|event| event["data"]["claims"].as_array().unwrap().len()).sum::<usize>(), 3);
        let run = scene.app.post(&scene.origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-20" })).await.expect(201).body;
        let matched = run["counts"]["situations"].as_array().unwrap().iter().find(|count| count["situation"] == "matched").unwrap();
        assert_eq!(matched["rows"], 2);
    }

    /// Who is sent to a region outside the agreement has arrived, but is never certain under it; within it nothing changes.
    async fn an_arrival_outside_the_agreements_regions_is_not_certain(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        let away = json!({ "placement_id": placements[0], "outcome": "diverted", "happened_on": "2026-03-05", "evidence": "e2", "region_code": "330481" });
        let other = scene.neighbour().await;
        let near = json!({ "placement_id": placements[1], "outcome": "diverted", "happened_on": "2026-03-05", "evidence": "e2", "employer_id": other.id });
        assert_eq!(statuses(&scene.claims_by(&scene.destination, json!([away, near])).await), (2, 0, 0));
        assert_eq!(scene.placement(&placements[0]).await["certain"], false);
        assert_eq!(scene.placement(&placements[1]).await["certain"], true);
        let bounds = &scene.fulfilment().await["targets"][1]["bounds"];
        assert_eq!((&bounds["certain"], &bounds["probable"]), (&json!(1), &json!(1)));
    }

    /// Each bad row is told where and why; the good ones stand.
    async fn every_bad_row_points_at_its_field(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 3).await;
        let with = |mut row: Value, field: &str, value: Value| { row[field] = value; row };
        let good = onboarded(&placements[0], "2026-03-05");
        let rows = json!([
            good,
            with(onboarded(&placements[1], "2026-03-05"), "placement_ref", json!("1")),
            onboarded(&placements[1], "2026-03-06"),
            onboarded(&placements[1], "2026-03-04"),
            with(onboarded(&placements[1], "2026-03-05"), "outcome", json!("diverted")),
            with(onboarded(&placements[1], "2026-03-05"), "employer_id", json!(scene.origin.id)),
            with(onboarded(&placements[1], "2026-03-05"), "region_code", json!("330000")),
            onboarded(&scene.agreement, "2026-03-05"),
            { "placement_ref": "nobody's", "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" },
            { "name": name(0), "identity_number": "430523199003079986", "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" },
            { "name": name(70), "identity_number": identity_number(70), "outcome": "no_show", "happened_on": "2026-03-05", "evidence": "e2" },
            { "name": name(70), "identity_number": identity_number(70), "outcome": "onboarded", "happened_on": "2025-12-31", "evidence": "e2" },
            with(good.clone(), "outcome", json!("no_show")),
            good
        ]);
        let receipts = scene.claims_by(&scene.employer, rows).await;
        let expected = [
            None,
            Some(("target_not_single", "#/rows/1")),
            Some(("date_in_future", "#/rows/2/happened_on")),
            Some(("before_departure", "#/rows/3/happened_on")),
            Some(("place_as_planned", "#/rows/4/employer_id")),
            Some(("employer_unknown", "#/rows/5/employer_id")),
            Some(("region_not_a_workplace", "#/rows/6/region_code")),
            Some(("placement_unknown", "#/rows/7/placement_id")),
            Some(("placement_unknown", "#/rows/8/placement_ref")),
            Some(("identity_number_check_digit", "#/rows/9/identity_number")),
            Some(("not_announced", "#/rows/10/outcome")),
            Some(("date_out_of_range", "#/rows/11/happened_on")),
            Some(("person_repeated", "#/rows/12")),
            None,
        ];
        let expected: Vec<_> = expected.iter().map(|fault| fault.map(|(code, pointer)| (code.to_owned(), pointer.to_owned()))).collect();
        assert_eq!(faults(&receipts), expected);
        assert_eq!(statuses(&receipts), (1, 1, 12));
        assert!(!receipts.to_string().contains(&identity_number(70)));
        assert_eq!(scene.placement(&placements[0]).await["state"], "onboarded");
    }

    /// A reference of one's own names one claim for good.
    async fn a_reference_of_ones_own_names_one_claim(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        let named = |placement: &str, outcome: &str| json!({ "placement_id": placement, "outcome": outcome, "happened_on": "2026-03-05", "evidence": "e2", "client_ref": "GZ-1" });
        let first = scene.claims_by(&scene.employer, json!([named(&placements[0], "onboarded"), named(&placements[1], "onboarded")])).await;
        assert_eq!(faults(&first), [None, Some(("client_ref_taken".to_owned(), "#/rows/1/client_ref".to_owned()))]);
        let changed = scene.claims_by(&scene.employer, json!([named(&placements[0], "no_show")])).await;
        assert_eq!(faults(&changed)[0].as_ref().unwrap().0, "client_ref_taken");
        let other_party = scene.claims_by(&scene.destination, json!([named(&placements[1], "onboarded")])).await;
        assert_eq!(statuses(&other_party), (1, 0, 0), "another party's references are its own");
    }

    /// What belongs to another employer looks absent, word for word like what does not exist.
    async fn an_employer_cannot_speak_of_another_employers_people(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        let neighbour = scene.neighbour().await;
        let foreign = scene.claims_by(&neighbour, json!([onboarded(&placements[0], "2026-03-05")])).await;
        let absent = scene.claims_by(&neighbour, json!([onboarded(&scene.agreement, "2026-03-05")])).await;
        assert_eq!(foreign, absent);
        assert_eq!(faults(&foreign)[0].as_ref().unwrap().0, "placement_unknown");
        let single = |placement: &str| scene.path(&format!("/placements/{placement}/claims"));
        let body = json!({ "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" });
        scene.app.post(&neighbour, &single(&placements[0]), body.clone()).await.problem("not_found");
        assert_eq!(scene.list(&neighbour, "").await, Vec::<Value>::new());
        assert_eq!(scene.overdue(&neighbour, "?as_of=2026-04-01").await, []);
        scene.app.get(&neighbour, &scene.path(&format!("/placements/{}/disputes", placements[0]))).await.problem("not_found");

        let outsider = scene.app.party("海宁市人力资源和社会保障局", "authority", "330481").await;
        scene.app.post(&outsider, &scene.path("/claims"), json!({ "rows": [onboarded(&placements[0], "2026-03-05")] })).await.problem("not_found");
        scene.app.get(&outsider, &scene.path("/claims")).await.problem("not_found");
        scene.app.get(&outsider, &scene.path("/overdue-arrivals")).await.problem("not_found");
        assert_eq!(scene.placement(&placements[0]).await["state"], "departed");
    }

    /// One claim about one placement answers as a resource, and says what is wrong as a problem.
    async fn one_claim_is_a_resource_with_problems_of_its_own(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(2).await;
        let workers = scene.workers(0, 1).await;
        let dispatch = scene.dispatch().await;
        let placement = scene.enrol(&dispatch, &quota, &workers).await.expect(207).body["results"][0]["id"].as_str().unwrap().to_owned();
        let path = scene.path(&format!("/placements/{placement}/claims"));
        let body = json!({ "outcome": "onboarded", "happened_on": "2026-03-02", "evidence": "e2" });
        scene.app.post(&scene.origin, &path, body.clone()).await.expect(409).problem("claim_not_possible");
        scene.app.post(&scene.employer, &path, body).await.problem("not_found");
        scene.depart(&dispatch).await;

        let body = json!({ "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2", "client_ref": "GZ-1" });
        let made = scene.app.post(&scene.employer, &path, body.clone()).await.expect(201);
        assert_eq!(made.header("location"), scene.path(&format!("/claims/{}", made.id())));
        let facts = |claim: &Value| (claim["claimant_role"].clone(), claim["announced"].clone(), claim["first_arrival"].clone(), claim["late"].clone());
        assert_eq!(facts(&made.body), (json!("employer"), json!(true), json!(true), json!(false)));
        assert_eq!(scene.app.post(&scene.employer, &path, body).await.expect(200).body, made.body);
        for party in [&scene.origin, &scene.destination, &scene.employer] {
            assert_eq!(scene.app.get(party, made.header("location")).await.expect(200).body, made.body);
        }
        let early = json!({ "outcome": "onboarded", "happened_on": "2026-03-01", "evidence": "e2" });
        let refused = scene.app.post(&scene.employer, &path, early).await.expect(422).problem("field_invalid");
        assert_eq!((&refused.body["errors"][0]["code"], &refused.body["errors"][0]["pointer"]), (&json!("before_departure"), &json!("#/happened_on")));
        let elsewhere = json!({ "placement_id": scene.agreement, "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" });
        scene.app.post(&scene.employer, &path, elsewhere).await.problem("field_invalid");
        let event = &scene.events(&scene.employer, "claim.recorded").await[0]["data"];
        assert_eq!((&event["placement_id"], &event["placement_state"]), (&json!(placement), &json!("onboarded")));
    }

    /// F24: an arrival nobody announced stays visible, without showing who it is; the number is in no answer.
    async fn an_arrival_nobody_announced_stays_visible(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        let neighbour = scene.neighbour().await;
        let person = |number: usize, called: usize| json!({ "name": name(called), "identity_number": identity_number(number), "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" });
        let receipts = scene.claims_by(&scene.employer, json!([person(0, 0), person(1, 7), person(70, 70)])).await;
        assert_eq!(statuses(&receipts), (3, 0, 0), "{receipts}");
        let claims = scene.list(&scene.origin, "").await;
        let known: Vec<(Value, Value)> = claims.iter().map(|claim| (claim["placement_id"].clone(), claim["announced"].clone())).collect();
        let unknown = (Value::Null, json!(false));
        assert_eq!(known, [(json!(placements[0]), json!(true)), unknown.clone(), unknown], "another name is another matter for reconciliation");
        assert_eq!(claims[2]["employer_id"], json!(scene.employer.id));
        assert_eq!(claims[2]["first_arrival"], Value::Null);
        let unannounced = scene.list(&scene.origin, "?announced=false").await;
        assert_eq!(unannounced, claims[1..]);
        assert_eq!(claims[2]["name_masked"], format!("{}**", name(70).chars().next().unwrap()));
        let shown = json!(claims).to_string() + &receipts.to_string() + &json!(scene.events(&scene.origin, "claims.recorded").await).to_string();
        assert!(!shown.contains(&identity_number(70)) && !shown.contains(&name(70)), "{shown}");
        assert_eq!(scene.placement(&placements[0]).await["state"], "onboarded");
        assert_eq!(scene.placement(&placements[1]).await["state"], "departed");

        let theirs = scene.claims_by(&neighbour, json!([person(1, 1)])).await;
        assert_eq!(statuses(&theirs), (1, 0, 0), "people planned for another employer are not linked for this one");
        assert_eq!(scene.list(&neighbour, "").await[0]["announced"], false);
        let origins = scene.claims_by(&scene.origin, json!([person(70, 70)])).await;
        assert_eq!(faults(&origins)[0].as_ref().unwrap().0, "placement_unknown", "an origin announces with a dispatch");
    }

    /// An arrival elsewhere is a diversion; the employer that really took the person may confirm it from then on.
    async fn a_diverted_person_is_seen_by_the_employer_that_took_them(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        let elsewhere = scene.app.party("海宁皮革有限公司", "employer", "330481").await;
        scene.app.get(&elsewhere, &scene.path("/claims")).await.problem("not_found");
        let mut row = onboarded(&placements[0], "2026-03-05");
        row["employer_id"] = json!(elsewhere.id);
        row["region_code"] = json!("330481");
        assert_eq!(statuses(&scene.claims_by(&scene.destination, json!([row])).await), (1, 0, 0));
        let placement = scene.placement(&placements[0]).await;
        assert_eq!((&placement["state"], &placement["real_employer_id"], &placement["real_region_code"]), (&json!("diverted"), &json!(elsewhere.id), &json!("330481")));
        let confirmed = scene.claims_by(&elsewhere, json!([onboarded(&placements[0], "2026-03-05")])).await;
        assert_eq!(statuses(&confirmed), (1, 0, 0), "{confirmed}");
        let claims = scene.list(&elsewhere, "").await;
        assert_eq!(claims.iter().map(|claim| claim["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["diverted", "diverted"]);
        let placement = scene.placement(&placements[0]).await;
        assert_eq!((&placement["state"], &placement["real_employer_id"], &placement["real_region_code"], &placement["certain"]), (&json!("diverted"), &json!(elsewhere.id), &json!("330481"), &json!(false)), "nobody doubts it, and the place lies outside the agreement");
    }

    /// Two sides that contradict each other: the employer's word is the state, and nothing is certain.
    async fn a_contradiction_makes_nothing_certain(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        let facts = async || {
            let placement = scene.placement(&placements[0]).await;
            (placement["state"].clone(), placement["certain"].clone())
        };
        scene.claim(&placements, "onboarded", "2026-03-05").await.expect(207);
        assert_eq!(facts().await, (json!("onboarded"), json!(true)));
        let denied = json!([{ "placement_id": placements[0], "outcome": "no_show", "happened_on": "2026-03-05", "evidence": "e1" }]);
        scene.claims_by(&scene.destination, denied).await;
        assert_eq!(facts().await, (json!("onboarded"), json!(false)));
        scene.claims_by(&scene.destination, json!([onboarded(&placements[0], "2026-03-05")])).await;
        assert_eq!(facts().await, (json!("onboarded"), json!(true)));
    }

    /// A station's word makes an arrival probable; the origin's own report moves nothing.
    async fn a_report_confirms_nothing(app: TestApp) {
        let scene = Scene::with_station(app).await;
        let station = scene.employer.clone();
        let scene = Scene { employer: scene.app.party("义乌小商品制造有限公司", "employer", "330782").await, ..scene };
        let (_, placements) = scene.sent(0, 2).await;
        assert_eq!(statuses(&scene.claims_by(&scene.origin, json!([onboarded(&placements[0], "2026-03-05")])).await), (1, 0, 0));
        assert_eq!(scene.placement(&placements[0]).await["state"], "departed");
        assert_eq!(scene.list(&scene.destination, "?claimant_role=origin").await.len(), 1);
        assert_eq!(scene.overdue(&scene.origin, "?as_of=2026-04-01").await.len(), 2);
        assert_eq!(statuses(&scene.claims_by(&station, json!([onboarded(&placements[1], "2026-03-05")])).await), (1, 0, 0));
        let seen = scene.placement(&placements[1]).await;
        assert_eq!((&seen["state"], &seen["certain"], &seen["evidence"]), (&json!("onboarded"), &json!(false), &json!("e2")));
        assert_eq!(scene.overdue(&scene.origin, "?as_of=2026-04-01").await.len(), 1);
    }

    /// F33: a disputed row keeps its value and counts in a column of its own, until the last dispute is withdrawn by who raised it.
    async fn a_disputed_row_counts_in_its_own_column(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        scene.claim(&placements, "onboarded", "2026-03-05").await.expect(207);
        let figures = async || {
            let fulfilment = scene.fulfilment().await;
            let target = fulfilment["targets"].as_array().unwrap().iter().find(|target| target["target"]["indicator"] == "onboarded").unwrap().clone();
            let bound = |name: &str| target["bounds"][name].as_i64().unwrap();
            (bound("certain"), bound("disputed"))
        };
        assert_eq!(figures().await, (2, 0));
        let path = scene.path(&format!("/placements/{}/disputes", placements[0]));
        let reason = json!({ "reason": "该员工未到岗" });
        let origins = scene.app.post(&scene.origin, &path, reason.clone()).await.expect(201);
        assert_eq!(figures().await, (1, 1));
        let placement = scene.placement(&placements[0]).await;
        assert_eq!((&placement["state"], &placement["disputed"]), (&json!("onboarded"), &json!(true)));
        let twice = scene.app.post(&scene.origin, &path, reason.clone()).await.expect(409).problem("dispute_standing");
        assert_eq!(twice.body["dispute_id"], origins.body["id"]);
        let employers = scene.app.post(&scene.employer, &path, reason.clone()).await.expect(201);
        let withdrawal = |dispute: &Reply| format!("{path}/{}/withdrawal", dispute.id());
        scene.app.post(&scene.destination, &withdrawal(&origins), json!({})).await.expect(403).problem("role_not_allowed");
        scene.app.post(&scene.employer, &withdrawal(&employers), json!({})).await.expect(200);
        assert_eq!(figures().await, (1, 1), "one dispute still stands");
        let withdrawn = scene.app.post(&scene.origin, &withdrawal(&origins), json!({})).await.expect(200);
        assert_eq!(withdrawn.body["state"], "withdrawn");
        assert_eq!(figures().await, (2, 0));
        scene.app.post(&scene.origin, &withdrawal(&origins), json!({})).await.expect(409).problem("transition_not_allowed");
        assert_eq!(items(&scene.app.get(&scene.destination, &path).await.expect(200)).len(), 2);
        assert_eq!(items(&scene.app.get(&scene.destination, &format!("{path}?state=open")).await.expect(200)).len(), 0);
        let kinds = scene.events(&scene.employer, "dispute.raised,dispute.withdrawn").await.len();
        assert_eq!(kinds, 4, "the employer learns of disputes about its people");
        scene.app.post(&scene.origin, &path, json!({ "reason": " " })).await.problem("field_invalid");
    }

    /// A first arrival and a second sending are told apart, and coming back after leaving is no arrival at all.
    async fn first_arrivals_and_returns_are_told_apart(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        scene.claim(&placements, "onboarded", "2026-03-05").await.expect(207);
        scene.app.clock_set("2026-06-20");
        let exit = json!({ "rows": [{ "placement_id": placements[0], "ended_on": "2026-05-31", "grain": "day", "reason": "resigned" }] });
        assert_eq!(statuses(&scene.app.post(&scene.employer, &scene.path("/exits"), exit).await.expect(207).body), (1, 0, 0));
        let back = json!({ "outcome": "onboarded", "happened_on": "2026-06-15", "evidence": "e2" });
        let refused = scene.app.post(&scene.employer, &scene.path(&format!("/placements/{}/claims", placements[0])), back).await.expect(409).problem("claim_not_possible");
        assert_eq!(refused.body["errors"][0]["code"], "return_to_post");

        let worker = scene.placement(&placements[0]).await["worker_id"].as_str().unwrap().to_owned();
        let quota = scene.quota(1).await;
        let body = json!({
            "title": "2026年夏季", "mode": "self_arranged", "legal_basis": "协议第六条", "consent_recorded": true,
            "planned_departure_on": "2026-06-20", "planned_arrival_on": "2026-06-21"
        });
        let dispatch = scene.app.post(&scene.origin, &scene.path("/dispatches"), body).await.expect(201).id();
        let second = scene.enrol(&dispatch, &quota, &[worker]).await.expect(207).body["results"][0]["id"].as_str().unwrap().to_owned();
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/departure")), json!({ "departed_on": "2026-06-20" })).await.expect(200);
        scene.claim(std::slice::from_ref(&second), "onboarded", "2026-06-20").await.expect(207);
        let about = |claims: Vec<Value>| claims.iter().map(|claim| claim["placement_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(about(scene.list(&scene.destination, "?first_arrival=true").await), placements);
        assert_eq!(about(scene.list(&scene.destination, "?first_arrival=false").await), [second]);
    }

    /// A person with a number is found whatever way the origin refers to the placement; a reference used twice is not guessed at.
    async fn an_ambiguous_reference_is_not_guessed_at(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(3).await;
        let workers = scene.workers(0, 3).await;
        let dispatch = scene.dispatch().await;
        let rows: Vec<Value> = workers.iter().zip(["A", "B", "B"]).map(|(worker, reference)| json!({ "worker_id": worker, "quota_id": quota, "partner_ref": reference })).collect();
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/roster")), json!({ "rows": rows })).await.expect(207);
        scene.depart(&dispatch).await;
        let row = |reference: &str| json!({ "placement_ref": reference, "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" });
        let receipts = scene.claims_by(&scene.employer, json!([row("A"), row("B")])).await;
        assert_eq!(faults(&receipts), [None, Some(("reference_ambiguous".to_owned(), "#/rows/1/placement_ref".to_owned()))]);
    }

    /// Each employer reads what was recorded of its own people, as counts and ids.
    async fn each_employer_reads_the_events_of_its_own_people(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 3).await;
        let neighbour = scene.neighbour().await;
        let mut rows: Vec<Value> = placements.iter().map(|id| onboarded(id, "2026-03-05")).collect();
        rows[2]["outcome"] = json!("refused_by_worker");
        scene.claims_by(&scene.destination, json!(rows)).await;
        let events = scene.events(&scene.employer, "claims.recorded").await;
        assert_eq!(events.len(), 1);
        let data = &events[0]["data"];
        assert_eq!(data["outcomes"], json!({ "onboarded": 2, "refused_by_worker": 1 }));
        assert_eq!(data["placement_states"], json!({ "onboarded": 2, "refused_by_worker": 1 }));
        assert_eq!(data["placement_ids"].as_array().unwrap().len(), 3);
        assert!(scene.events(&neighbour, "claims.recorded").await.is_empty());
    }

    /// Employer and destination speak of the same people at the same time: both are heard, nothing is lost.
    async fn two_sides_at_the_same_time_are_both_heard(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 20).await;
        let requests = [scene.employer.clone(), scene.destination.clone()].map(|party| {
            let (scene, rows) = (scene.clone(), placements.iter().map(|id| onboarded(id, "2026-03-05")).collect::<Vec<_>>());
            async move { scene.app.post(&party, &scene.path("/claims"), json!({ "rows": rows })).await }
        });
        for reply in crate::support::together(requests).await {
            assert_eq!(statuses(&reply.expect(207).body), (20, 0, 0));
        }
        assert_eq!(scene.list(&scene.origin, "?in_effect=true&limit=200").await.len(), 40);
        let page = scene.app.get(&scene.origin, &scene.path("/placements?state=onboarded&limit=200")).await.expect(200);
        assert!(items(&page).len() == 20 && items(&page).iter().all(|placement| placement["certain"] == true));
    }

    /// A county's five thousand are confirmed in one call, and an empty or longer call is refused.
    async fn five_thousand_arrivals_go_through_in_one_call(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (quota, placements) = scene.sent(0, 5_000).await;
        let receipts = scene.claim(&placements, "onboarded", "2026-03-05").await.expect(207).body;
        assert_eq!(statuses(&receipts), (5_000, 0, 0));
        assert_eq!(scene.balance(&quota).await, (0, 5_000, 0));
        let events = scene.events(&scene.employer, "claims.recorded").await;
        let told: std::collections::BTreeSet<&str> = events.iter().flat_map(|event| event["data"]["placement_ids"].as_array().unwrap()).map(|id| id.as_str().unwrap()).collect();
        assert_eq!((events.len(), told), (25, placements.iter().map(String::as_str).collect()), "who follows the feed learns of each");
        assert_eq!(events.iter().map(|event| event["data"]["claims"].as_u64().unwrap()).sum::<u64>(), 5_000);
        let again = scene.claim(&placements, "onboarded", "2026-03-05").await.expect(207).body;
        assert_eq!(statuses(&again), (0, 5_000, 0));
        for rows in [vec![], vec![onboarded(&placements[0], "2026-03-05"); 5_001]] {
            let refused = scene.app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": rows })).await.problem("field_invalid");
            assert_eq!(refused.body["errors"][0]["code"], "row_count");
        }
    }
}

impl Scene {
    /// An agreement with a station, which stands in the place of the employer.
    async fn with_station(app: TestApp) -> Self {
        let origin = app.party("邵阳县人力资源和社会保障局", "authority", "430523").await;
        let destination = app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        let station = app.party("邵阳县驻义乌劳务工作站", "station", "330782").await;
        let body = json!({
            "number": "SY-YW-2026-02", "title": "劳务协作协议", "kind": "tripartite_station", "effective_from": "2026-01-01", "effective_to": "2028-12-31",
            "parties": [
                { "party_id": origin.id, "role": "origin" }, { "party_id": destination.id, "role": "destination" },
                { "party_id": station.id, "role": "station" }
            ],
            "terms": terms(&targets())
        });
        let agreement = app.post(&origin, "/v1/agreements", body).await.expect(201).id();
        app.post(&origin, &format!("/v1/agreements/{agreement}/proposal"), json!({})).await.expect(200);
        let document = app.get(&destination, &format!("/v1/agreements/{agreement}/document")).await.expect(200);
        let digest = document.etag().trim_matches('"').to_owned();
        for party in [&origin, &destination, &station] {
            let path = format!("/v1/agreements/{agreement}/ratification");
            app.post(party, &path, json!({ "digest": digest })).await.expect(200);
        }
        Self { app, origin, destination, employer: station, agreement }
    }
}
