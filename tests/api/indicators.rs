//! Indicators as officials meet them: defined in two languages, walked down to their rows, recounted over agreements, read again as they
//! were, and guarded against a person who is credited twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::on_both;
use crate::support::chance::Chance;
use crate::support::scene::{Scene, ratified, register, targets, terms};
use crate::support::{TestApp, TestParty};

/// The figures at an address, as a party reads them.
async fn read(app: &TestApp, by: &TestParty, address: &str) -> Value {
    app.get(by, address).await.expect(200).body
}

/// The figure of a code and part.
fn figure<'a>(reading: &'a Value, code: &str, part: Option<&str>) -> &'a Value {
    let fits = |figure: &&Value| figure["code"] == code && figure.get("part").and_then(Value::as_str) == part;
    reading["figures"]
        .as_array()
        .unwrap()
        .iter()
        .find(fits)
        .unwrap_or_else(|| panic!("no {code} {part:?} in {reading}"))
}

fn certain(reading: &Value, code: &str) -> i64 {
    figure(reading, code, None)["numerator"]["bounds"]["certain"].as_i64().unwrap()
}

/// All rows at an address, page by page.
async fn rows_at(app: &TestApp, by: &TestParty, address: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(app, by, &format!("{address}&limit=7{cursor}")).await;
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

/// F37 and N4: behind every number of every indicator stand as many rows as it says, and no part is more than its whole.
async fn assert_every_number_has_its_rows(app: &TestApp, by: &TestParty, reading: &Value) {
    for figure in reading["figures"].as_array().unwrap() {
        for side in ["numerator", "denominator"].into_iter().filter(|side| figure.get(side).is_some()) {
            let number = &figure[side];
            for standing in ["certain", "probable", "disputed"] {
                let all = number["bounds"][standing].as_u64().unwrap();
                let lifted = number["of_which_lifted"][standing].as_u64().unwrap();
                assert!(lifted <= all, "{figure}");
                let address = format!("{}&standing={standing}", number["rows"].as_str().unwrap());
                let rows = rows_at(app, by, &address).await;
                assert_eq!(u64::try_from(rows.len()).unwrap(), all, "{address}");
                let counted = rows.iter().filter(|row| row["lifted"] == true).count();
                assert_eq!(u64::try_from(counted).unwrap(), lifted, "{address}");
                if lifted > 0 {
                    assert_eq!(
                        u64::try_from(rows_at(app, by, &format!("{address}&population=lifted")).await.len()).unwrap(),
                        lifted
                    );
                }
                let placements: BTreeSet<String> = rows.iter().map(|row| row["placement_id"].to_string()).collect();
                assert_eq!(placements.len(), rows.len(), "no row comes twice: {address}");
            }
        }
    }
}

fn total(number: &Value) -> i64 {
    ["certain", "probable", "disputed"].iter().map(|standing| number["bounds"][standing].as_i64().unwrap()).sum()
}

/// A rate is of a whole, and parts are the whole.
fn assert_parts_are_of_their_whole(reading: &Value) {
    let mut parts: BTreeMap<&str, i64> = BTreeMap::new();
    for figure in reading["figures"].as_array().unwrap() {
        if let Some(whole) = figure.get("denominator") {
            assert!(total(&figure["numerator"]) <= total(whole), "{figure}");
            assert_eq!(figure.get("rate").is_some(), total(whole) > 0, "{figure}");
        }
        if let Some(rate) = figure.get("rate") {
            let (lowest, highest) = (rate["lowest"].as_f64().unwrap(), rate["highest"].as_f64().unwrap());
            assert!((0.0..=highest).contains(&lowest) && highest <= 1.0, "{figure}");
        }
        if figure.get("part").is_some() {
            *parts.entry(figure["code"].as_str().unwrap()).or_default() += total(&figure["numerator"]);
        }
    }
    for sum in parts.values() {
        assert_eq!(*sum, total(&figure(reading, "in_post", None)["numerator"]));
    }
}

/// The same origin and employer with another destination office under an agreement of its own.
async fn second_agreement(scene: &Scene, origin: &TestParty, number: &str, terms: Value) -> Scene {
    let destination = scene.app.party(&format!("义乌市就业服务中心{number}"), "authority", "330782").await;
    let agreement = ratified(&scene.app, origin, &destination, number, terms).await;
    Scene { app: scene.app.clone(), origin: origin.clone(), destination, employer: scene.employer.clone(), agreement }
}

/// Sends workers on a day; their placements.
async fn send(scene: &Scene, workers: &[String], day: &str, arrival: &str) -> Vec<String> {
    scene.app.clock_set(day);
    let quota = scene.quota(i64::try_from(workers.len()).unwrap()).await;
    let dispatch = scene.dispatch_on(day, arrival).await;
    let receipts = scene.enrol(&dispatch, &quota, workers).await.expect(207).body;
    let accepted = receipts["results"].as_array().unwrap().iter().filter(|row| row["status"] == "accepted");
    let placements: Vec<String> = accepted.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    if !placements.is_empty() {
        scene
            .app
            .post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({}))
            .await
            .expect(200);
        let body = json!({ "departed_on": day });
        scene
            .app
            .post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/departure")), body)
            .await
            .expect(200);
    }
    placements
}

async fn leave(scene: &Scene, placement: &str, day: &str, reason: &str) -> Value {
    let rows = json!({ "rows": [{ "placement_id": placement, "ended_on": day, "grain": "day", "reason": reason }] });
    scene.app.post(&scene.employer, &scene.path("/exits"), rows).await.expect(207).body
}

async fn seen(scene: &Scene, placements: &[String], from: &str, to: &str) {
    let row = |placement: &String| json!({ "placement_id": placement, "seen_from": from, "seen_to": to, "evidence": "e2", "source": "employer_roster" });
    let rows: Vec<Value> = placements.iter().map(row).collect();
    scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": rows })).await.expect(207);
}

/// What a random day does to an agreement.
async fn something_happens(scene: &Scene, placements: &[String], day: &str, chance: &mut Chance) {
    let outcomes = ["onboarded", "onboarded", "onboarded", "onboarded", "no_show", "refused_by_employer"];
    let claims: Vec<Value> = (0..2)
        .map(|_| {
            let mut row = json!({ "placement_id": chance.of(placements), "outcome": chance.of(&outcomes), "happened_on": day, "evidence": chance.of(&["e0", "e2", "e2", "e3"]) });
            if row["outcome"] == "onboarded" && chance.below(5) == 0 {
                row["outcome"] = json!("diverted");
                row["region_code"] = json!("430121");
            }
            row
        })
        .collect();
    let by = if chance.below(3) == 0 { &scene.destination } else { &scene.employer };
    scene.app.post(by, &scene.path("/claims"), json!({ "rows": claims })).await.expect(207);
    let placement = chance.of(placements).clone();
    match chance.below(6) {
        // What does not fit is refused; the receipt or the problem says so.
        0 => drop(
            scene
                .app
                .post(
                    &scene.origin,
                    &scene.path(&format!("/placements/{placement}/disputes")),
                    json!({ "reason": "本人称未到岗" }),
                )
                .await,
        ),
        1 => drop(leave(scene, &placement, day, "resigned").await),
        2 => drop(leave(scene, &placement, day, "holiday_home").await),
        3 => {
            let row = json!({ "placement_id": placement, "employer_id": scene.employer.id, "region_code": "330782", "started_on": day, "grain": "day" });
            drop(scene.app.post(&scene.employer, &scene.path("/spells"), json!({ "rows": [row] })).await.expect(207));
        }
        _ => seen(scene, &[placement], day, day).await,
    }
}

/// What a reading says, without the instant it was read at.
fn said(mut reading: Value) -> Value {
    reading.as_object_mut().unwrap().remove("known_before");
    for agreement in reading.get_mut("agreements").and_then(Value::as_array_mut).into_iter().flatten() {
        agreement.as_object_mut().unwrap().remove("indicators");
    }
    for figure in reading["figures"].as_array_mut().unwrap() {
        for side in ["numerator", "denominator"] {
            if let Some(number) = figure.get_mut(side) {
                number.as_object_mut().unwrap().remove("rows");
            }
        }
    }
    reading
}

on_both! {
    /// Each definition has code, version, unit, basis, rule and source in two languages, and what is not computed says why.
    async fn the_definitions_are_data_in_two_languages(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let reply = scene.app.get(&scene.destination, "/v1/indicators").await.expect(200);
        assert!(!reply.etag().is_empty());
        let definitions = reply.body["definitions"].as_array().unwrap().clone();
        let of = |code: &str| definitions.iter().find(|one| one["code"] == code).unwrap();
        assert_eq!((&of("keep_rate")["name_zh"], &of("keep_rate")["unit"], &of("keep_rate")["basis"]), (&json!("稳岗率"), &json!("person"), &json!("cumulative")));
        assert!(of("transfer_employment")["not_computed_en"].as_str().unwrap().contains("township"));
        let reading = read(&scene.app, &scene.origin, &scene.path("/indicators")).await;
        let figures: BTreeSet<&str> = reading["figures"].as_array().unwrap().iter().map(|figure| figure["code"].as_str().unwrap()).collect();
        let computed: BTreeSet<&str> = definitions.iter().filter(|one| one.get("counts").is_some()).map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(figures, computed, "every computed indicator has its figure, and no other");
    }

    /// The figures are what a clerk counts by hand.
    async fn a_reading_says_what_a_clerk_counts_by_hand(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 10).await;
        scene.app.clock_set("2026-03-07");
        assert_eq!(scene.claim(&placements[..8], "onboarded", "2026-03-06").await.expect(207).body["accepted"], 8);
        scene.claim(&placements[8..9], "no_show", "2026-03-06").await.expect(207);
        scene.app.clock_set("2026-03-20");
        assert_eq!(leave(&scene, &placements[0], "2026-03-20", "resigned").await["accepted"], 1);
        assert_eq!(leave(&scene, &placements[1], "2026-03-20", "holiday_home").await["accepted"], 1);
        assert_eq!(leave(&scene, &placements[2], "2026-03-20", "holiday_home").await["accepted"], 1);
        scene.app.clock_set("2026-04-02");
        let back = json!({ "rows": [{ "placement_id": placements[1], "employer_id": scene.employer.id, "region_code": "330782", "started_on": "2026-03-28", "grain": "day" }] });
        assert_eq!(scene.app.post(&scene.employer, &scene.path("/spells"), back).await.expect(207).body["accepted"], 1);
        let dispute = json!({ "reason": "本人称未到岗" });
        scene.app.post(&scene.origin, &scene.path(&format!("/placements/{}/disputes", placements[7])), dispute).await.expect(201);
        scene.app.clock_set("2026-06-10");
        seen(&scene, &placements[3..5], "2026-05-01", "2026-06-09").await;
        let reading = read(&scene.app, &scene.destination, &scene.path("/indicators")).await;
        let numbers = |code: &str| {
            let figure = figure(&reading, code, None);
            (certain(&reading, code), figure["numerator"]["bounds"]["disputed"].as_i64().unwrap(), figure.get("denominator").map(total))
        };
        assert_eq!(numbers("organised_export"), (10, 0, None));
        assert_eq!(numbers("organised_export_times"), (10, 0, None));
        assert_eq!(numbers("organised_export_month"), (0, 0, None), "nobody left in June");
        assert_eq!(numbers("onboarded"), (7, 1, None));
        assert_eq!(numbers("in_post"), (6, 1, None));
        assert_eq!(numbers("arrival_rate"), (7, 1, Some(10)));
        assert_eq!(numbers("keep_rate"), (6, 1, Some(8)));
        assert_eq!(numbers("return_to_post_rate"), (1, 0, Some(2)));
        assert_eq!(numbers("east_west_labour"), (0, 0, None), "this agreement is of another kind");
        // Of 0, 3 and 6, who are formerly poor, 0 has left.
        assert_eq!(numbers("lifted_pop_employment"), (2, 0, None));
        assert_eq!(figure(&reading, "onboarded", None)["numerator"]["of_which_lifted"]["certain"], 3);
        let stay = figure(&reading, "stay_3m", None);
        assert_eq!((numbers("stay_3m"), &stay["rule_ids"]), ((2, 0, Some(8)), &json!(["stay_3m_continuous"])));
        assert_eq!(numbers("stay_6m"), (0, 0, Some(0)), "nobody is due for six months yet");
        assert_eq!(figure(&reading, "scope_split", Some("outside_province"))["numerator"]["bounds"]["certain"], 6);
        assert_eq!(figure(&reading, "scope_split_local", Some("inside_county"))["numerator"]["bounds"]["certain"], 0);
        let rate = &figure(&reading, "arrival_rate", None)["rate"];
        assert_eq!((rate["lowest"].as_f64().unwrap(), rate["highest"].as_f64().unwrap()), (0.7, 0.8));
        assert_every_number_has_its_rows(&scene.app, &scene.destination, &reading).await;
        assert_parts_are_of_their_whole(&reading);
    }

    /// Whatever happens in whatever order: every number has its rows, persons are recounted over agreements, and what was read on a day is
    /// read again months later.
    async fn every_number_has_its_rows_and_is_read_again_as_it_was(app: TestApp) {
        let one = Scene::in_force(app).await;
        let other = second_agreement(&one, &one.origin, "SY-YW-2026-02", terms(&targets())).await;
        let workers = one.workers(0, 12).await;
        let mut of_one = send(&one, &workers[..9], "2026-03-03", "2026-03-04").await;
        let mut of_other = send(&other, &workers[9..], "2026-03-03", "2026-03-04").await;
        let mut chance = Chance(31);
        let mut known: Vec<(String, String, Value)> = Vec::new();
        let own = format!("/v1/parties/{}/indicators", one.origin.id);
        for step in 0..14 {
            let day = format!("2026-03-{:02}", 5 + step);
            one.app.clock_set(&day);
            something_happens(&one, &of_one, &day, &mut chance).await;
            something_happens(&other, &of_other, &day, &mut chance).await;
            match step {
                0 => {
                    let row = |placement: &String| json!({ "placement_id": placement, "outcome": "onboarded", "happened_on": day, "evidence": "e3" });
                    for (scene, placements) in [(&one, &of_one), (&other, &of_other)] {
                        let rows: Vec<Value> = placements.iter().map(row).collect();
                        scene.app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": rows })).await.expect(207);
                    }
                }
                4 => {
                    let mut stricter = terms(&targets());
                    stricter["arrival"]["minimum_evidence"] = json!("e3");
                    one.amended("2026-03-12", stricter).await;
                }
                8 => {
                    // Who is free again is sent under the other agreement; who is not is refused.
                    of_other.extend(send(&other, &workers[..9], &day, "2026-03-14").await);
                    let more = one.workers(12, 2).await;
                    of_one.extend(send(&one, &more, &day, "2026-03-14").await);
                }
                _ => {}
            }
            for address in [one.path("/indicators"), other.path("/indicators"), own.clone()] {
                known.push((day.clone(), address.clone(), read(&one.app, &one.origin, &address).await));
            }
        }
        for (_, address, reading) in known.iter().rev().take(3) {
            assert_parts_are_of_their_whole(reading);
            assert!(total(&figure(reading, "onboarded", None)["numerator"]) > 0, "{address}");
            assert_every_number_has_its_rows(&one.app, &one.origin, reading).await;
        }
        let [.., (_, _, first), (_, _, second), (_, _, over_both)] = known.as_slice() else { panic!("readings") };
        for code in ["organised_export", "onboarded", "in_post"] {
            let [one, other, both] = [first, second, over_both].map(|reading| total(&figure(reading, code, None)["numerator"]));
            assert!(both <= one + other && both >= one.max(other), "{code}: {one} and {other} are {both} persons");
        }
        // Months later, after many more facts.
        one.app.clock_set("2026-07-01");
        seen(&one, &of_one, "2026-03-20", "2026-06-29").await;
        for (day, address, reading) in &known {
            let again = read(&one.app, &one.origin, &format!("{address}?as_of={day}")).await;
            assert_eq!(said(again), said(reading.clone()), "{address} as of {day}");
        }
        let (day, address, reading) = &known[known.len() - 4];
        let at = reading["known_before"].as_str().unwrap();
        assert_eq!(&read(&one.app, &one.origin, &format!("{address}?as_of={day}&known_before={at}")).await, reading, "to the letter");
        assert_every_number_has_its_rows(&one.app, &one.origin, reading).await;
    }

    /// An indicator says what the statement of the month says: both read one book.
    async fn indicators_and_the_statement_of_a_month_agree(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let workers = scene.workers(0, 15).await;
        let placements = send(&scene, &workers, "2026-03-03", "2026-03-04").await;
        let mut chance = Chance(77);
        for step in 0..20 {
            let day = format!("2026-03-{:02}", 5 + step);
            scene.app.clock_set(&day);
            something_happens(&scene, &placements, &day, &mut chance).await;
        }
        scene.app.clock_set("2026-04-01");
        let id = scene.app.post(&scene.origin, &scene.path("/statements"), json!({ "month": "2026-03" })).await.expect(201).id();
        let statement = read(&scene.app, &scene.origin, &scene.path(&format!("/statements/{id}"))).await;
        let reading = read(&scene.app, &scene.origin, &scene.path("/indicators?as_of=2026-03-31")).await;
        let told = |indicator: &str, basis: &str| {
            let mut figures = statement["figures"].as_array().unwrap().iter();
            figures.find(|figure| figure["indicator"] == indicator && figure["basis"] == basis).cloned().unwrap_or(Value::Null)
        };
        for (code, indicator, basis, unit) in [
            ("organised_export", "dispatched", "year", "persons"), ("organised_export_times", "dispatched", "year", "placements"),
            ("organised_export_month", "dispatched", "month", "persons"), ("onboarded", "onboarded", "year", "persons"),
            ("onboarded_times", "onboarded", "year", "placements"), ("onboarded_month", "onboarded", "month", "persons"),
            ("in_post", "in_post", "month_end", "persons"),
        ] {
            for standing in ["certain", "probable", "disputed"] {
                let number = &figure(&reading, code, None)["numerator"]["bounds"][standing];
                let stated = told(indicator, basis)[standing][unit].as_i64().unwrap_or_default();
                assert_eq!(number, stated, "{code} {standing}: {statement}");
            }
        }
        assert!(certain(&reading, "onboarded") > 0);
    }

    /// N7: a person whom two counties count is told by an id both have, and by nothing else; the earlier arrival is the primary one.
    async fn two_counties_that_count_one_person_learn_of_the_clash_and_no_more(app: TestApp) {
        let first = Scene::in_force(app).await;
        let longhui = first.app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let second = second_agreement(&first, &longhui, "LH-YW-2026-01", terms(&targets())).await;
        let workers = first.workers(0, 3).await;
        let placements = send(&first, &workers, "2026-03-03", "2026-03-04").await;
        first.claim(&placements, "onboarded", "2026-03-03").await.expect(207);
        first.app.clock_set("2026-03-20");
        assert_eq!(leave(&first, &placements[1], "2026-03-20", "resigned").await["accepted"], 1);
        // The same human being in another county's register, sent again.
        let again = register(&first.app, &longhui, 1, 1).await;
        let sent = send(&second, &again, "2026-04-03", "2026-04-04").await;
        assert_eq!(second.claim(&sent, "onboarded", "2026-04-03").await.expect(207).body["accepted"], 1);
        first.app.clock_set("2026-05-04");
        let rows = async |scene: &Scene, by: &TestParty| rows_at(&scene.app, by, &scene.path("/indicators/onboarded/rows?clashing=true")).await;
        let (here, there) = (rows(&first, &first.destination).await, rows(&second, &second.destination).await);
        assert_eq!((here.len(), there.len()), (1, 1));
        assert_eq!(here[0]["clash"]["lookup_id"], there[0]["clash"]["lookup_id"], "both can talk about it");
        assert_eq!((&here[0]["clash"]["is_primary"], &there[0]["clash"]["is_primary"]), (&json!(true), &json!(false)));
        assert_eq!((&here[0]["clash"]["credit_ten_thousandths"], &there[0]["clash"]["credit_ten_thousandths"]), (&json!(10_000), &json!(0)));
        let (of_first, of_second) = (read(&first.app, &first.origin, &first.path("/indicators")).await, read(&first.app, &longhui, &second.path("/indicators")).await);
        let credit = |reading: &Value| figure(reading, "onboarded", None)["credit"].clone();
        assert_eq!(credit(&of_first), json!({ "primary": 3, "also_claimed": 1, "ten_thousandths": 30_000 }));
        assert_eq!(credit(&of_second), json!({ "primary": 0, "also_claimed": 1, "ten_thousandths": 0 }));
        assert_eq!(certain(&of_second, "onboarded"), 1, "what happened under an agreement stays its figure");
        assert_eq!(figure(&of_second, "in_post", None)["credit"]["also_claimed"], 0, "only one of them has the person in post");
        // Nothing of the one side is in anything the other side reads.
        let secrets = [first.agreement.clone(), placements[1].clone(), workers[1].clone(), first.origin.id.to_string(), first.destination.id.to_string(), "430523".to_owned(), "邵阳".to_owned()];
        let told = format!("{}{of_second}{}", json!(there), read(&first.app, &longhui, &format!("/v1/parties/{}/indicators", longhui.id)).await);
        for secret in secrets {
            assert!(!told.contains(&secret), "{secret} in {told}");
        }
        // Another indicator calls the same clash by another name, so that nobody puts the clashes of a person together.
        let export = rows_at(&first.app, &longhui, &second.path("/indicators/organised_export/rows?clashing=true")).await;
        assert_ne!(export[0]["clash"]["lookup_id"], there[0]["clash"]["lookup_id"]);
        // Before the second arrival there was no clash, and it is so read today.
        let before = read(&first.app, &first.origin, &first.path("/indicators?as_of=2026-03-31")).await;
        assert_eq!(figure(&before, "onboarded", None)["credit"]["also_claimed"], 0);
    }

    /// Where both agreements share the credit, each has half; the terms of one alone bind nobody else.
    async fn credit_is_split_where_every_agreement_says_so(app: TestApp) {
        let mut sharing = terms(&targets());
        sharing["split_credit"] = json!("equal_shares");
        let first = Scene::with_terms(app, sharing.clone()).await;
        let longhui = first.app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let second = second_agreement(&first, &longhui, "LH-YW-2026-01", terms(&targets())).await;
        let placements = send(&first, &first.workers(0, 1).await, "2026-03-03", "2026-03-04").await;
        first.claim(&placements, "onboarded", "2026-03-03").await.expect(207);
        first.app.clock_set("2026-03-20");
        leave(&first, &placements[0], "2026-03-20", "resigned").await;
        let sent = send(&second, &register(&first.app, &longhui, 0, 1).await, "2026-04-03", "2026-04-04").await;
        second.claim(&sent, "onboarded", "2026-04-03").await.expect(207);
        let credits = async |day: &str| {
            let mut credits = Vec::new();
            for scene in [&first, &second] {
                let reading = read(&scene.app, &scene.origin, &scene.path(&format!("/indicators?as_of={day}"))).await;
                credits.push(figure(&reading, "onboarded", None)["credit"]["ten_thousandths"].as_i64().unwrap());
            }
            credits
        };
        assert_eq!(credits("2026-04-03").await, [10_000, 0], "only one of them shares");
        first.app.clock_set("2026-05-06");
        second.amended("2026-05-08", sharing).await;
        first.app.clock_set("2026-05-09");
        assert_eq!(credits("2026-05-09").await, [5_000, 5_000]);
        let written = first.app.get(&first.origin, &first.path("/document")).await.expect(200).body;
        assert_eq!(written["terms"]["split_credit"], "equal_shares", "what is ratified says it");
    }

    /// A destination that takes from two counties counts a person once, and one who was placed twice is listed with both placements.
    async fn a_party_counts_its_persons_once_over_all_its_agreements(app: TestApp) {
        let first = Scene::in_force(app).await;
        let longhui = first.app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let agreement = ratified(&first.app, &longhui, &first.destination, "LH-YW-2026-01", terms(&targets())).await;
        let second = Scene { origin: longhui.clone(), agreement, ..first.clone() };
        let placements = send(&first, &first.workers(0, 2).await, "2026-03-03", "2026-03-04").await;
        first.claim(&placements, "onboarded", "2026-03-03").await.expect(207);
        first.app.clock_set("2026-03-20");
        leave(&first, &placements[0], "2026-03-20", "resigned").await;
        let sent = send(&second, &register(&first.app, &longhui, 0, 1).await, "2026-04-03", "2026-04-04").await;
        second.claim(&sent, "onboarded", "2026-04-03").await.expect(207);
        first.app.clock_set("2026-05-04");
        let address = format!("/v1/parties/{}/indicators", first.destination.id);
        let reading = read(&first.app, &first.destination, &address).await;
        assert_eq!((certain(&reading, "onboarded"), certain(&reading, "onboarded_times")), (2, 3));
        assert_eq!(reading["agreements"].as_array().unwrap().len(), 2);
        assert_eq!(figure(&reading, "onboarded", None)["credit"], json!({ "primary": 2, "also_claimed": 0, "ten_thousandths": 20_000 }), "no clash with oneself");
        let rows = rows_at(&first.app, &first.destination, figure(&reading, "onboarded", None)["numerator"]["rows"].as_str().unwrap()).await;
        let twice = rows.iter().find(|row| row["placement_id"] == placements[0].as_str()).unwrap();
        assert_eq!(twice["also_claimed_by"], json!([{ "agreement_id": second.agreement, "placement_id": sent[0] }]));
        assert_every_number_has_its_rows(&first.app, &first.destination, &reading).await;
        let own = reading["agreements"][0]["indicators"].as_str().unwrap();
        assert!(certain(&read(&first.app, &first.destination, own).await, "onboarded") > 0);
    }

    /// Figures are for the parties; what cannot be asked is refused with its place.
    async fn indicators_are_for_the_parties_and_asked_in_their_terms(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let outsider = scene.app.party("海宁市人力资源和社会保障局", "authority", "330481").await;
        for address in [scene.path("/indicators"), scene.path("/indicators/onboarded/rows"), format!("/v1/parties/{}/indicators", scene.origin.id), format!("/v1/parties/{}/indicators/onboarded/rows", scene.origin.id)] {
            scene.app.get(&outsider, &address).await.problem("not_found");
            scene.app.get(&scene.employer, &address).await.problem("not_found");
            scene.app.get(&scene.origin, &address).await.expect(200);
        }
        let nothing = read(&scene.app, &outsider, &format!("/v1/parties/{}/indicators", outsider.id)).await;
        assert_eq!((&nothing["agreements"], certain(&nothing, "onboarded")), (&json!([]), 0));
        scene.app.get(&scene.origin, &scene.path("/indicators/nothing/rows")).await.problem("not_found");
        scene.app.get(&scene.origin, &scene.path("/indicators/broker_count/rows")).await.problem("not_found");
        for (rest, name, code) in [
            ("?as_of=2026-03-03", "as_of", "day_in_future"), ("?known_before=2026-03-03T00:00:00Z", "known_before", "instant_in_future"),
            ("/onboarded/rows?side=denominator", "side", "no_denominator"), ("/scope_split/rows", "part", "part_unknown"),
            ("/onboarded/rows?part=outside_province", "part", "part_unknown"), ("/scope_split/rows?part=inside_prefecture", "part", "part_unknown"),
            ("/onboarded/rows?population=monitored", "population", "not_offered"),
        ] {
            let refused = scene.app.get(&scene.origin, &scene.path(&format!("/indicators{rest}"))).await.problem("parameter_invalid");
            assert_eq!((&refused.body["errors"][0]["name"], &refused.body["errors"][0]["code"]), (&json!(name), &json!(code)), "{rest}");
        }
        scene.app.get(&scene.origin, &scene.path("/indicators?as_of=2026-02-01")).await.problem("agreement_not_in_force");
    }
}
