//! Every number can be walked down to its rows, and is what the facts say.

use labour_exchange::db::Id;
use labour_exchange::dispatches::tally;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::TestApp;
use crate::support::chance::Chance;
use crate::support::scene::{Scene, targets, terms};

/// Counts the rows at an address by walking every page.
async fn rows_at(scene: &Scene, address: &str, limit: usize) -> i64 {
    let mut count = 0;
    let mut cursor = String::new();
    loop {
        let page = scene.app.get(&scene.origin, &format!("{address}&limit={limit}{cursor}")).await.expect(200).body;
        count += i64::try_from(page["items"].as_array().unwrap().len()).unwrap();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// A number has the address of its rows beside it, and is as many; only a number without rows has none.
async fn assert_leads_to_its_rows(scene: &Scene, number: &Value, address: &Value) {
    let number = number.as_i64().unwrap();
    match address.as_str() {
        Some(address) => assert_eq!(rows_at(scene, address, 200).await, number, "{address}"),
        None => assert_eq!(number, 0, "a number without an address"),
    }
}

/// F37: every number of a funnel, of which lifted among them, leads to its rows.
async fn assert_every_cell_leads_to_its_rows(scene: &Scene, funnel: &Value) {
    let nodes = funnel["nodes"].as_array().unwrap();
    let steps = ["departed", "onboarded", "not_arrived", "ended"].map(|step| &funnel[step]);
    let groups = steps.into_iter().chain(nodes.iter().flat_map(|node| [&node["retained"], &node["left"]]));
    for group in groups {
        for number in ["placements", "persons", "lifted_persons"] {
            assert_leads_to_its_rows(scene, &group[number], &group["rows"][number]).await;
        }
    }
    for node in nodes.iter().filter(|_| funnel["scope"].is_null()) {
        for number in ["due", "unverified"] {
            assert_leads_to_its_rows(scene, &node[number], &node[format!("{number}_rows")]).await;
        }
    }
}

/// Offered is what the quota says was approved, held is what the open holds add up to, filled is a row each.
async fn assert_places_lead_to_what_they_are_made_of(scene: &Scene, places: &Value) {
    let read =
        async |of: &str| scene.app.get(&scene.origin, places["rows"][of].as_str().unwrap()).await.expect(200).body;
    let quota = read("offered").await;
    assert_eq!((&quota["requested_places"], &quota["approved_places"]), (&places["requested"], &places["offered"]));
    let balance = read("held").await;
    let own = balance["holds"].as_array().unwrap().iter().filter(|hold| hold["account_id"] == places["quota_id"]);
    let held: i64 = own.map(|hold| hold["places"].as_i64().unwrap()).sum();
    assert_eq!(places["held"], held);
    assert_leads_to_its_rows(scene, &places["filled"], &places["rows"]["filled"]).await;
}

/// F37: for every target and each of its three figures, the rows are as many as the figure says.
async fn assert_every_figure_has_its_rows(scene: &Scene) {
    let fulfilment = scene.fulfilment().await;
    for (place, target) in fulfilment["targets"].as_array().unwrap().iter().enumerate() {
        for standing in ["certain", "probable", "disputed"] {
            let figure = target["bounds"][standing].as_i64().unwrap();
            let address = scene.path(&format!("/fulfilment/rows?target={}&standing={standing}", place + 1));
            assert_eq!(rows_at(scene, &address, 3).await, figure, "{standing} of {target}");
        }
    }
    for funnel in fulfilment["funnel"].as_array().unwrap() {
        assert_every_cell_leads_to_its_rows(scene, funnel).await;
    }
    for places in fulfilment["places"].as_array().unwrap() {
        assert_places_lead_to_what_they_are_made_of(scene, places).await;
    }
    let agreement = Id::parse(&scene.agreement).unwrap();
    let wrong = scene.app.state.db.read(move |connection| tally::differences(connection, agreement)).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
}

on_both! {
    /// The figure, its unit, the rule behind it and its bounds stand together; persons are not person-times.
    async fn a_target_shows_numerator_denominator_unit_rule_and_bounds(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 9).await;
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements[..6], "onboarded", "2026-03-06").await.expect(207);
        scene.claim(&placements[6..8], "no_show", "2026-03-06").await.expect(207);
        let fulfilment = scene.fulfilment().await;
        let read = |place: usize| {
            let target = &fulfilment["targets"][place];
            (target["numerator"].as_i64().unwrap(), target["denominator"].as_i64().unwrap(), target["target"]["unit"].as_str().unwrap().to_owned(), target["rule_id"].as_str().unwrap().to_owned())
        };
        assert_eq!(read(0), (9, 100, "person".to_owned(), "dispatched/1".to_owned()));
        assert_eq!(read(1), (6, 90, "person".to_owned(), "onboarded/1".to_owned()));
        assert_eq!(read(2), (2, 30, "person".to_owned(), "onboarded/1".to_owned()), "workers 0 and 3 are formerly poor");
        assert_eq!(read(3), (0, 60, "person".to_owned(), "stay_3m_continuous/1".to_owned()));
        assert_eq!(read(4), (9, 100, "person_time".to_owned(), "dispatched/1".to_owned()));
        let whole = fulfilment["funnel"].as_array().unwrap().iter().find(|row| row["quota_id"] == Id::NIL.to_string() && row["scope"].is_null()).unwrap();
        assert_eq!((&whole["departed"]["placements"], &whole["onboarded"]["placements"], &whole["not_arrived"]["placements"]), (&json!(9), &json!(6), &json!(2)));
        assert_eq!(whole["onboarded"]["lifted_persons"], 2);
        assert_every_figure_has_its_rows(&scene).await;
    }

    /// Somebody who goes home and is sent again is one person and two person-times.
    async fn a_person_sent_twice_is_one_person_and_two_person_times(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207);
        scene.app.clock_set("2026-04-10");
        let exit = json!({ "rows": [{ "placement_id": placements[0], "ended_on": "2026-04-09", "grain": "day", "reason": "resigned" }] });
        let exits = scene.app.post(&scene.employer, &scene.path("/exits"), exit).await.expect(207).body;
        assert_eq!(exits["accepted"], 1, "{exits}");
        let quota = scene.quota(1).await;
        let worker = scene.app.get(&scene.origin, &scene.path(&format!("/placements/{}", placements[0]))).await.expect(200).text("/worker_id");
        let again = scene.app.post(&scene.origin, &scene.path("/dispatches"), json!({ "title": "再次输送", "mode": "point_to_point", "legal_basis": "协议第六条",
            "consent_recorded": true, "planned_departure_on": "2026-04-10", "planned_arrival_on": "2026-04-11" })).await.expect(201).id();
        assert_eq!(scene.enrol(&again, &quota, &[worker]).await.expect(207).body["accepted"], 1);
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{again}/lock")), json!({})).await.expect(200);
        scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{again}/departure")), json!({ "departed_on": "2026-04-10" })).await.expect(200);
        let fulfilment = scene.fulfilment().await;
        assert_eq!((&fulfilment["targets"][0]["numerator"], &fulfilment["targets"][4]["numerator"]), (&json!(2), &json!(3)));
        assert_every_figure_has_its_rows(&scene).await;
    }

    /// Who left before the day of a check is counted as left on that day, although nobody reports anything on it, and as nothing before.
    async fn who_left_before_the_due_day_is_counted_on_it(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 3).await;
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207);
        let node = async || {
            let fulfilment = scene.fulfilment().await;
            let whole = fulfilment["funnel"].as_array().unwrap().iter().find(|row| row["quota_id"] == Id::NIL.to_string() && row["scope"].is_null()).unwrap();
            let node = whole["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "90d").unwrap().clone();
            [&node["due"], &node["retained"]["placements"], &node["left"]["placements"], &node["unverified"]].map(|figure| figure.as_i64().unwrap())
        };
        scene.app.clock_set("2026-03-21");
        let exit = json!({ "rows": [{ "placement_id": placements[0], "ended_on": "2026-03-20", "grain": "day", "reason": "resigned" }] });
        let exits = scene.app.post(&scene.employer, &scene.path("/exits"), exit).await.expect(207).body;
        assert_eq!((&exits["accepted"], node().await), (&json!(1), [0, 0, 0, 0]));
        scene.app.clock_set("2026-06-10");
        assert_eq!(node().await, [3, 0, 1, 2]);
        let retention = scene.app.get(&scene.origin, &scene.path(&format!("/placements/{}/retention", placements[0]))).await.expect(200).body;
        let by_rule = |check: &&Value| check["node"] == "90d" && check["scope"] == "same_region";
        let said = retention["checks"].as_array().unwrap().iter().find(by_rule).unwrap();
        assert_eq!(said["state"], "left", "the placement itself says the same");
        assert_every_figure_has_its_rows(&scene).await;
    }

    /// Whatever happens in whatever order, every figure equals its rows and the tallies equal a recount of all facts.
    async fn every_figure_equals_its_rows_whatever_happens(app: TestApp) {
        let scene = Scene::with_terms(app, terms(&targets())).await;
        let (_, placements) = scene.sent(0, 24).await;
        let waiting = scene.workers(24, 4).await;
        let (quota, dispatch) = (scene.quota(5).await, scene.dispatch_on("2026-03-20", "2026-03-21").await);
        assert_eq!(scene.enrol(&dispatch, &quota, &waiting).await.expect(207).body["accepted"], 4);
        let mut chance = Chance(20_260_302);
        let outcomes = ["onboarded", "onboarded", "onboarded", "no_show", "refused_by_employer", "refused_by_worker"];
        for day in 0..10 {
            scene.app.clock_set(&format!("2026-03-{:02}", 7 + day));
            let rows: Vec<Value> = (0..6).map(|_| {
                let placement = &placements[chance.below(placements.len())];
                let evidence = ["e0", "e2", "e3"][chance.below(3)];
                let mut row = json!({ "placement_id": placement, "outcome": outcomes[chance.below(outcomes.len())], "happened_on": format!("2026-03-{:02}", 6 + day), "evidence": evidence });
                if row["outcome"] == "onboarded" && chance.below(4) == 0 {
                    row["outcome"] = json!("diverted");
                    row["region_code"] = json!("430121");
                }
                row
            }).collect();
            let by = if chance.below(3) == 0 { &scene.destination } else { &scene.employer };
            scene.app.post(by, &scene.path("/claims"), json!({ "rows": rows })).await.expect(207);
            let disputed = &placements[chance.below(placements.len())];
            scene.app.post(&scene.origin, &scene.path(&format!("/placements/{disputed}/disputes")), json!({ "reason": "本人称未到岗" })).await;
        }
        assert_every_figure_has_its_rows(&scene).await;
        scene.app.clock_set("2026-06-30");
        let seen: Vec<Value> = placements.iter().step_by(2).map(|placement| json!({ "placement_id": placement, "seen_from": "2026-03-20", "seen_to": "2026-06-29", "evidence": "e2", "source": "employer_roster" })).collect();
        scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": seen })).await.expect(207);
        let gone: Vec<Value> = placements.iter().skip(1).step_by(5).map(|placement| json!({ "placement_id": placement, "ended_on": "2026-05-01", "grain": "day", "reason": "returned_home" })).collect();
        scene.app.post(&scene.employer, &scene.path("/exits"), json!({ "rows": gone })).await.expect(207);
        assert_every_figure_has_its_rows(&scene).await;
        let retained = scene.fulfilment().await["targets"][3]["bounds"].clone();
        assert!(retained["certain"].as_i64().unwrap() + retained["probable"].as_i64().unwrap() > 0, "{retained}");
    }

    /// A group recorded on the day of departure decides "of which", and outsiders see no figure at all.
    async fn figures_are_for_the_parties_only(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let outsider = scene.app.party("海宁市人力资源和社会保障局", "authority", "330481").await;
        scene.app.get(&outsider, &scene.path("/fulfilment")).await.problem("not_found");
        scene.app.get(&outsider, &scene.path("/fulfilment/rows?target=1")).await.problem("not_found");
        scene.app.get(&scene.destination, &scene.path("/fulfilment/rows?target=99")).await.problem("parameter_invalid");
        scene.app.get(&scene.destination, &scene.path("/fulfilment/rows")).await.problem("parameter_invalid");
        let funnel = |of: &str| scene.path(&format!("/fulfilment/funnel/{of}"));
        scene.app.get(&outsider, &funnel("departed/rows")).await.problem("not_found");
        scene.app.get(&scene.destination, &funnel("vanished/rows")).await.problem("parameter_invalid");
        for (address, fault) in [("retained/rows", "node_needed"), ("departed/rows?node=90d", "node_not_asked")] {
            let refused = scene.app.get(&scene.destination, &funnel(address)).await.problem("not_found");
            assert_eq!((&refused.body["errors"][0]["name"], &refused.body["errors"][0]["code"]), (&json!("node"), &json!(fault)));
        }
    }
}
