//! Monthly statements as both sides meet them: computed from the facts, objected to, signed over one digest, frozen, corrected only in
//! later statements, and checked by whoever holds the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use labour_exchange::db::{Day, Id, statement};
use labour_exchange::dispatches::tally::Standing;
use labour_exchange::identity::client_key::ClientKey;
use labour_exchange::reconciliation::consequences::CountsAs;
use labour_exchange::reconciliation::situations::Situation;
use labour_exchange::retention::verdict::NodeState;
use labour_exchange::statements::document::{DEFINITION, Document, canonical};
use labour_exchange::statements::figures::{Figures, RowContent, RowNode};
use labour_exchange::statements::merkle;
use labour_exchange::statements::month::Month;
use labour_exchange::statements::package::Package;
use labour_exchange::statements::verifying::verify;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::agreements::register_key;
use crate::on_both;
use crate::support::chance::Chance;
use crate::support::scene::{Scene, targets, terms};
use crate::support::{Reply, TestApp, TestParty};

/// Ten people sent on 5 March; seven confirmed on the 6th, one has gone home again on the 20th, one was refused, nobody speaks of two.
async fn march(app: TestApp) -> (Scene, Vec<String>) {
    let scene = Scene::in_force(app).await;
    let (_, placements) = scene.sent(0, 10).await;
    scene.app.clock_set("2026-03-07");
    assert_eq!(scene.claim(&placements[..7], "onboarded", "2026-03-06").await.expect(207).body["accepted"], 7);
    assert_eq!(
        scene.claim(&placements[7..8], "refused_by_employer", "2026-03-06").await.expect(207).body["accepted"],
        1
    );
    scene.app.clock_set("2026-03-20");
    exit(&scene, &placements[0], "2026-03-20").await;
    scene.app.clock_set("2026-04-02");
    (scene, placements)
}

async fn exit(scene: &Scene, placement: &str, day: &str) {
    let rows =
        json!({ "rows": [{ "placement_id": placement, "ended_on": day, "grain": "day", "reason": "resigned" }] });
    let told = scene.app.post(&scene.employer, &scene.path("/exits"), rows).await.expect(207);
    assert_eq!(told.body["accepted"], 1, "{}", told.body);
}

async fn drafted(scene: &Scene, month: &str) -> String {
    scene.app.post(&scene.origin, &scene.path("/statements"), json!({ "month": month })).await.expect(201).id()
}

async fn step(scene: &Scene, by: &TestParty, statement: &str, step: &str) -> Reply {
    scene.app.post(by, &scene.path(&format!("/statements/{statement}/{step}")), json!({})).await
}

async fn read(scene: &Scene, statement: &str, rest: &str) -> Value {
    scene.app.get(&scene.destination, &scene.path(&format!("/statements/{statement}{rest}"))).await.expect(200).body
}

/// A key of its own for a side.
async fn key_of(scene: &Scene, party: &TestParty) -> ClientKey {
    let key = ClientKey::generate().unwrap();
    register_key(&scene.app, party, &key, "active").await;
    key
}

async fn sign(scene: &Scene, by: &TestParty, key: &ClientKey, statement: &str) -> Reply {
    let path = scene.path(&format!("/statements/{statement}"));
    let edition = scene.app.get(by, &path).await.expect(200).body["edition"].clone();
    let bytes = scene.app.get(by, &format!("{path}/document")).await.expect(200).bytes;
    let body = json!({ "edition": edition, "digest": hex::encode(Sha256::digest(&bytes)), "signature": key.sign_detached(&bytes).unwrap() });
    scene.app.post(by, &format!("{path}/signature"), body).await
}

/// A month that both sides have signed.
async fn frozen(scene: &Scene, month: &str) -> String {
    let (one, other) = (key_of(scene, &scene.origin).await, key_of(scene, &scene.destination).await);
    let id = drafted(scene, month).await;
    step(scene, &scene.destination, &id, "opening").await.expect(200);
    assert_eq!(sign(scene, &scene.destination, &other, &id).await.expect(200).body["state"], "signed");
    assert_eq!(sign(scene, &scene.origin, &one, &id).await.expect(200).body["state"], "frozen");
    id
}

fn figure<'a>(detail: &'a Value, indicator: &str, basis: &str) -> &'a Value {
    let figures = detail["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["indicator"] == indicator && figure["basis"] == basis);
    found.unwrap_or_else(|| panic!("no {indicator} {basis} in {figures:?}"))
}

async fn all_rows(scene: &Scene, statement: &str, query: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(scene, statement, &format!("/rows?limit=4&{query}{cursor}")).await;
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

on_both! {
    /// The figures are what a clerk counts by hand.
    async fn a_month_says_what_was_sent_arrived_and_left(app: TestApp) {
        let (scene, _) = march(app).await;
        let detail = read(&scene, &drafted(&scene, "2026-03").await, "").await;
        assert_eq!((&detail["state"], &detail["edition"], &detail["row_count"]), (&json!("draft"), &json!(1), &json!(10)));
        for (indicator, basis, placements) in [
            ("dispatched", "month", 10), ("dispatched", "year", 10), ("onboarded", "month", 7), ("onboarded", "year", 7),
            ("ended", "month", 1), ("in_post", "month_end", 6),
        ] {
            let figure = figure(&detail, indicator, basis);
            assert_eq!(figure["certain"]["placements"], placements, "{figure}");
            assert_eq!(figure["certain"]["persons"], placements, "{figure}");
            assert_eq!((&figure["probable"]["placements"], &figure["disputed"]["placements"]), (&json!(0), &json!(0)), "{figure}");
        }
        // Every third is formerly poor: the first of the ten, and two more of those who came.
        assert_eq!(figure(&detail, "onboarded", "month")["certain"]["lifted_persons"], 3);
    }

    /// Whoever doubts a figure walks down to its rows, and there are as many as it says.
    async fn behind_every_figure_stand_as_many_rows_as_it_says(app: TestApp) {
        let (scene, placements) = march(app).await;
        let body = json!({ "reason": "该员工未到岗" });
        scene.app.post(&scene.origin, &scene.path(&format!("/placements/{}/disputes", placements[3])), body).await.expect(201);
        let id = drafted(&scene, "2026-03").await;
        let detail = read(&scene, &id, "").await;
        assert_eq!(all_rows(&scene, &id, "").await.len(), 10);
        assert_eq!(figure(&detail, "onboarded", "month")["disputed"]["placements"], 1);
        for figure in detail["figures"].as_array().unwrap() {
            for standing in ["certain", "probable", "disputed"] {
                let node = figure["node"].as_str().map(|node| format!("&node={node}")).unwrap_or_default();
                let query = format!("indicator={}&basis={}&standing={standing}{node}", figure["indicator"].as_str().unwrap(), figure["basis"].as_str().unwrap());
                let rows = all_rows(&scene, &id, &query).await;
                let persons: BTreeSet<&str> = rows.iter().map(|row| row["person"].as_str().unwrap()).collect();
                assert_eq!(figure[standing]["placements"], rows.len(), "{query}");
                assert_eq!(figure[standing]["persons"], persons.len(), "{query}");
            }
        }
    }

    /// Both sides sign the same digest; the second signature freezes, and nobody can change it any more.
    async fn both_sides_sign_one_digest_and_it_is_frozen(app: TestApp) {
        let (scene, _) = march(app).await;
        let id = frozen(&scene, "2026-03").await;
        let detail = read(&scene, &id, "").await;
        assert_eq!((&detail["state"], &detail["awaited"]), (&json!("frozen"), &json!([])));
        assert_eq!(detail["signatures"].as_array().unwrap().len(), 2);
        for action in ["recomputation", "opening"] {
            step(&scene, &scene.origin, &id, action).await.expect(409).problem("transition_not_allowed");
        }
        let objection = json!({ "reason": "太晚了" });
        scene.app.post(&scene.origin, &scene.path(&format!("/statements/{id}/objections")), objection).await.expect(409).problem("transition_not_allowed");
        for sql in ["update monthly_statement set edition = 9", "update statement_edition set row_count = 9", "delete from statement_row", "delete from statement_signature"] {
            let refused = scene.app.state.db.write(move |connection| Ok(statement(sql).run(connection)?)).await;
            assert!(refused.is_err(), "{sql}");
        }
    }

    /// The file that one side hands to an auditor says for itself whether it is true.
    async fn a_package_is_checked_with_nothing_but_itself(app: TestApp) {
        let (scene, _) = march(app).await;
        let id = drafted(&scene, "2026-03").await;
        let path = scene.path(&format!("/statements/{id}/package"));
        let unsigned = Package::read(&scene.app.get(&scene.origin, &path).await.expect(200).bytes).unwrap();
        assert_eq!(verify(&unsigned, &BTreeSet::new()).faults.len(), 2, "neither side has signed");
        let (one, other) = (key_of(&scene, &scene.origin).await, key_of(&scene, &scene.destination).await);
        step(&scene, &scene.origin, &id, "opening").await.expect(200);
        sign(&scene, &scene.origin, &one, &id).await.expect(200);
        sign(&scene, &scene.destination, &other, &id).await.expect(200);
        let reply = scene.app.get(&scene.destination, &path).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/zip");
        let file = tempfile::NamedTempFile::with_suffix(".zip").unwrap();
        std::fs::write(file.path(), &reply.bytes).unwrap();
        assert_eq!(recomputed(file.path()), (true, "1 statements, difference 0".to_owned()));
        let package = Package::read(&reply.bytes).unwrap();
        let verdict = verify(&package, &BTreeSet::new());
        assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
        let trusted = BTreeSet::from([one.public().jwk.thumbprint(), other.public().jwk.thumbprint()]);
        assert!(verify(&package, &trusted).faults.is_empty());
        assert!(!verify(&package, &BTreeSet::from(["somebody-else".to_owned()])).faults.is_empty());
        let spoilt: [fn(&mut Package); 8] = [
            |package| package.statement = package.statement.replacen('7', "8", 1),
            |package| package.statement.push(' '),
            |package| package.rows[2] = package.rows[2].replace("2026-03-06", "2026-03-05"),
            |package| drop(package.rows.pop()),
            |package| package.rows.swap(0, 1),
            |package| drop(package.signatures.pop()),
            |package| package.signatures[0].signature = package.signatures[1].signature.clone(),
            |package| package.terms[0].1 = package.terms[0].1.replace("2500", "9500").replace("100", "900"),
        ];
        for (number, spoil) in spoilt.into_iter().enumerate() {
            let mut package = package.clone();
            spoil(&mut package);
            assert!(!verify(&package, &BTreeSet::new()).faults.is_empty(), "spoilt in way {number}");
            let read_again = Package::read(&package.write().unwrap()).unwrap();
            assert!(!verify(&read_again, &BTreeSet::new()).faults.is_empty(), "spoilt in way {number}, written and read");
        }
    }

    /// A late fact leaves the month as it was published and stands as a correction in the next one.
    async fn a_late_fact_is_restated_and_the_frozen_month_stands(app: TestApp) {
        let (scene, placements) = march(app).await;
        let id = frozen(&scene, "2026-03").await;
        let published = scene.app.get(&scene.origin, &scene.path(&format!("/statements/{id}/document"))).await.expect(200).bytes;
        scene.app.clock_set("2026-04-10");
        assert_eq!(scene.claim(&placements[8..9], "onboarded", "2026-03-08").await.expect(207).body["accepted"], 1);
        scene.app.clock_set("2026-05-02");
        let april = read(&scene, &drafted(&scene, "2026-04").await, "").await;
        let [restated] = april["restatements"].as_array().unwrap().as_slice() else { panic!("{}", april["restatements"]) };
        assert_eq!((&restated["statement_id"], &restated["month"]), (&json!(id), &json!("2026-03")));
        assert_eq!(restated["digest"], hex::encode(Sha256::digest(&published)));
        let [row] = restated["rows"].as_array().unwrap().as_slice() else { panic!("{}", restated["rows"]) };
        assert_eq!(row["subject_id"], placements[8]);
        assert_eq!((&row["before"]["arrived_on"], &row["after"]["arrived_on"]), (&Value::Null, &json!("2026-03-08")));
        let changed = restated["figures"].as_array().unwrap();
        let onboarded = changed.iter().find(|figure| figure["indicator"] == "onboarded" && figure["basis"] == "month").unwrap();
        assert_eq!((&onboarded["before"][0]["persons"], &onboarded["after"][0]["persons"]), (&json!(7), &json!(8)));
        let now = scene.app.get(&scene.origin, &scene.path(&format!("/statements/{id}/document"))).await.expect(200).bytes;
        assert_eq!(now, published, "the frozen month stands");
    }

    /// A month that nothing has happened to since is not restated.
    async fn what_stands_is_not_restated(app: TestApp) {
        let (scene, _) = march(app).await;
        frozen(&scene, "2026-03").await;
        scene.app.clock_set("2026-05-02");
        let april = read(&scene, &drafted(&scene, "2026-04").await, "").await;
        assert_eq!(april["restatements"], json!([]));
        // Seven had come by March; in April nobody came, and six are still there.
        assert_eq!(figure(&april, "onboarded", "year")["certain"]["persons"], 7);
        assert_eq!(figure(&april, "in_post", "month_end")["certain"]["persons"], 6);
        assert!(april["figures"].as_array().unwrap().iter().all(|figure| figure["indicator"] != "dispatched" || figure["basis"] != "month"));
        assert_eq!(figure(&april, "retention_due", "month")["node"], "30d");
    }

    /// Whoever signs another edition than the latest is led to the first row that differs.
    async fn a_differing_digest_leads_to_the_first_differing_row(app: TestApp) {
        let (scene, placements) = march(app).await;
        let id = drafted(&scene, "2026-03").await;
        step(&scene, &scene.origin, &id, "opening").await.expect(200);
        let path = scene.path(&format!("/statements/{id}"));
        let key = key_of(&scene, &scene.destination).await;
        let bytes = scene.app.get(&scene.destination, &format!("{path}/document")).await.expect(200).bytes;
        let old = json!({ "edition": 1, "digest": hex::encode(Sha256::digest(&bytes)), "signature": key.sign_detached(&bytes).unwrap() });
        scene.claim(&placements[8..9], "no_show", "2026-03-09").await.expect(207);
        let second = step(&scene, &scene.origin, &id, "recomputation").await.expect(200);
        assert_eq!((&second.body["edition"], &second.body["state"]), (&json!(2), &json!("open")));
        let told = scene.app.post(&scene.destination, &format!("{path}/signature"), old).await.expect(409).problem("statement_digest_differs");
        assert_eq!(told.body["edition"], 2);
        let difference = scene.app.get(&scene.destination, told.body["difference"].as_str().unwrap()).await.expect(200).body;
        assert_eq!((&difference["same_rows"], &difference["rows_differing"]), (&json!(false), &json!(1)));
        assert_eq!(difference["first"]["subject_id"], placements[8]);
        assert_eq!((&difference["first"]["before"]["situation"], &difference["first"]["after"]["situation"]), (&json!("missing"), &json!("not_arrived")));
        let same = read(&scene, &id, "/difference?from=2&to=2").await;
        assert_eq!((&same["same_rows"], &same["first"], &same["figures"]), (&json!(true), &Value::Null, &json!([])));
        scene.app.get(&scene.origin, &format!("{path}/difference?from=2&to=1")).await.expect(400).problem("parameter_invalid");
        scene.app.get(&scene.origin, &format!("{path}/difference?to=7")).await.expect(404).problem("not_found");
        sign(&scene, &scene.destination, &key, &id).await.expect(200);
        sign(&scene, &scene.destination, &key, &id).await.expect(409).problem("already_signed");
    }

    /// An objection holds the signatures up until it is settled, and comes in time or not at all.
    async fn an_objection_holds_the_signatures_up(app: TestApp) {
        let (scene, placements) = march(app).await;
        let id = drafted(&scene, "2026-03").await;
        let path = scene.path(&format!("/statements/{id}/objections"));
        let body = json!({ "reason": "三月九日的未到岗未登记", "placement_id": placements[9] });
        scene.app.post(&scene.origin, &path, body.clone()).await.expect(409).problem("transition_not_allowed");
        assert_eq!(step(&scene, &scene.origin, &id, "opening").await.expect(200).body["objections_until"], "2026-04-09");
        let objection = scene.app.post(&scene.destination, &path, body.clone()).await.expect(201).id();
        let key = key_of(&scene, &scene.origin).await;
        sign(&scene, &scene.origin, &key, &id).await.expect(409).problem("objection_standing");
        let withdrawal = format!("{path}/{objection}/withdrawal");
        scene.app.post(&scene.origin, &withdrawal, json!({})).await.expect(403).problem("role_not_allowed");
        assert_eq!(scene.app.post(&scene.destination, &withdrawal, json!({})).await.expect(200).body["state"], "withdrawn");
        scene.app.post(&scene.destination, &withdrawal, json!({})).await.expect(409).problem("transition_not_allowed");
        let listed = scene.app.get(&scene.origin, &format!("{path}?state=withdrawn")).await.expect(200).body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let unknown = json!({ "reason": "", "placement_id": scene.agreement });
        scene.app.post(&scene.origin, &path, unknown).await.expect(422).problem("field_invalid");
        sign(&scene, &scene.origin, &key, &id).await.expect(200);
        scene.app.clock_set("2026-04-10");
        scene.app.post(&scene.destination, &path, body).await.expect(409).problem("objection_window_over");
    }

    /// A statement is about a month that is over, once, and for its sides only.
    async fn a_statement_is_asked_for_in_its_time_by_its_sides(app: TestApp) {
        let (scene, _) = march(app).await;
        let path = scene.path("/statements");
        for (month, code) in [("2026-04", "month_not_over"), ("2025-12", "before_the_agreement")] {
            let told = scene.app.post(&scene.origin, &path, json!({ "month": month })).await.expect(422).problem("field_invalid");
            assert_eq!(told.body["errors"][0]["code"], code);
        }
        scene.app.post(&scene.origin, &path, json!({ "month": "2026-3" })).await.expect(422);
        let id = drafted(&scene, "2026-03").await;
        let again = scene.app.post(&scene.destination, &path, json!({ "month": "2026-03" })).await.expect(409).problem("statement_exists");
        assert_eq!(again.body["statement_id"], id);
        let outsider = scene.app.party("某县人社局", "authority", "430522").await;
        scene.app.post(&outsider, &path, json!({ "month": "2026-02" })).await.expect(404).problem("not_found");
        scene.app.get(&outsider, &format!("{path}/{id}/rows")).await.expect(404).problem("not_found");
        scene.app.get(&scene.employer, &format!("{path}/{id}")).await.expect(404).problem("not_found");
        let listed = scene.app.get(&scene.destination, &format!("{path}?month=2026-03&state=draft,open")).await.expect(200).body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    }

    /// Two as-of times in, the rows that moved the number out; the moves add up to the difference, and the facts behind are named.
    async fn why_a_number_changed_is_told_row_by_row(app: TestApp) {
        let (scene, placements) = march(app).await;
        let edition = read(&scene, &drafted(&scene, "2026-03").await, "").await;
        scene.app.clock_set("2026-04-10");
        scene.claim(&placements[8..9], "onboarded", "2026-03-08").await.expect(207);
        let body = json!({ "reason": "该员工未到岗" });
        scene.app.post(&scene.origin, &scene.path(&format!("/placements/{}/disputes", placements[3])), body).await.expect(201);
        scene.app.clock_set("2026-04-11");
        exit(&scene, &placements[5], "2026-03-25").await;
        seen(&scene, &placements[1..3], "2026-04-08").await;
        scene.app.clock_set("2026-04-12");
        let told = scene.app.get(&scene.destination, &scene.path("/figure-changes?month=2026-03&from=2026-04-03T00:00:00Z")).await.expect(200).body;
        let rows = told["rows"].as_array().unwrap();
        let subjects: BTreeSet<&str> = rows.iter().map(|row| row["subject_id"].as_str().unwrap()).collect();
        assert_eq!(subjects, BTreeSet::from([placements[3].as_str(), placements[5].as_str(), placements[8].as_str()]));
        for (subject, kind) in [(8, "claim"), (3, "dispute"), (5, "exit")] {
            let row = rows.iter().find(|row| row["subject_id"] == placements[subject]).unwrap();
            assert_eq!(row["facts"][0]["kind"], kind, "{row}");
        }
        moves_add_up(&told);
        // What was known on 3 April is what the edition of 2 April says.
        for change in told["figures"].as_array().unwrap() {
            let known = edition["figures"].as_array().unwrap().iter().find(|figure| {
                figure["indicator"] == change["indicator"] && figure["basis"] == change["basis"] && figure["node"] == change["node"]
            });
            let then = known.map_or(json!([nobody(), nobody(), nobody()]), |figure| json!([figure["certain"], figure["probable"], figure["disputed"]]));
            assert_eq!(change["before"], then, "{change}");
        }
        let quiet = scene.app.get(&scene.origin, &scene.path("/figure-changes?month=2026-03&from=2026-04-03T00:00:00Z&to=2026-04-09T00:00:00Z")).await.expect(200).body;
        assert_eq!((&quiet["rows"], &quiet["figures"]), (&json!([]), &json!([])));
        let backwards = scene.path("/figure-changes?month=2026-03&from=2026-04-09T00:00:00Z&to=2026-04-03T00:00:00Z");
        scene.app.get(&scene.origin, &backwards).await.expect(400).problem("parameter_invalid");
    }

    /// Whatever happens in whatever order, what was known then can be read later, and every difference adds up.
    async fn the_past_is_read_as_it_was_known(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 12).await;
        let mut chance = Chance(17);
        let mut known: Vec<(String, Value)> = Vec::new();
        for day in 7..=30 {
            scene.app.clock_set(&format!("2026-03-{day:02}"));
            let placement = chance.of(&placements).clone();
            match chance.below(5) {
                0 | 1 => drop(scene.claim(&[placement], "onboarded", "2026-03-06").await.expect(207)),
                2 => drop(scene.claim(&[placement], "no_show", "2026-03-06").await.expect(207)),
                3 => seen(&scene, &[placement], &format!("2026-03-{day:02}")).await,
                _ => {
                    let rows = json!({ "rows": [{ "placement_id": placement, "ended_on": format!("2026-03-{day:02}"), "grain": "day", "reason": "resigned" }] });
                    // Who never arrived cannot leave; the receipt says so.
                    scene.app.post(&scene.employer, &scene.path("/exits"), rows).await.expect(207);
                }
            }
            let now = scene.app.get(&scene.origin, &scene.path(&format!("/figure-changes?month=2026-03&from=2026-03-01T00:00:00Z&to=2026-03-{day:02}T23:00:00Z"))).await.expect(200).body;
            known.push((format!("2026-03-{day:02}T23:00:00Z"), now["figures"].clone()));
        }
        scene.app.clock_set("2026-04-02");
        for (at, figures) in &known {
            let told = scene.app.get(&scene.origin, &scene.path(&format!("/figure-changes?month=2026-03&from=2026-03-01T00:00:00Z&to={at}"))).await.expect(200).body;
            assert_eq!(&told["figures"], figures, "{at}");
            moves_add_up(&told);
            moves_add_up(&scene.app.get(&scene.origin, &scene.path(&format!("/figure-changes?month=2026-03&from={at}"))).await.expect(200).body);
        }
    }

    /// Before both sides ratify an amendment they see what it would have meant; nothing is written.
    async fn an_amendment_shows_its_effect_on_a_past_month(app: TestApp) {
        let (scene, _) = march(app).await;
        let mut stricter = terms(&targets());
        stricter["arrival"]["minimum_evidence"] = json!("e3");
        let body = json!({ "effective_on": "2026-07-01", "terms": stricter, "reason": "提高证明等级" });
        let path = scene.path("/amendments");
        let number = scene.app.post(&scene.origin, &path, body).await.expect(201).body["number"].clone();
        let preview = format!("{path}/{number}/preview");
        let effect = scene.app.post(&scene.destination, &preview, json!({ "month": "2026-03" })).await.expect(200).body;
        assert_eq!((&effect["version"], effect["rows"].as_array().unwrap().len()), (&number, 7));
        let onboarded = effect["figures"].as_array().unwrap().iter().find(|figure| figure["indicator"] == "onboarded" && figure["basis"] == "month").unwrap();
        assert_eq!((&onboarded["before"][0]["persons"], &onboarded["after"][0]["persons"]), (&json!(7), &json!(0)));
        moves_add_up(&effect);
        let detail = read(&scene, &drafted(&scene, "2026-03").await, "").await;
        assert_eq!(figure(&detail, "onboarded", "month")["certain"]["persons"], 7, "the month counts as it was ratified");
        scene.app.post(&scene.origin, &preview, json!({ "month": "2026-04" })).await.expect(422).problem("field_invalid");
        scene.app.post(&scene.origin, &format!("{path}/9/preview"), json!({ "month": "2026-03" })).await.expect(404).problem("not_found");
    }
}

/// What the independent script says of a folder or file: whether it found no difference, and its last line.
fn recomputed(path: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recompute_statement.py");
    let run = std::process::Command::new("python3").arg(script).arg(path).output().expect("python3 runs");
    let told = String::from_utf8(run.stdout).unwrap();
    (run.status.success(), told.lines().last().unwrap_or_default().to_owned())
}

/// A month made up row by row: any mixture of days, standings, nodes and persons with several rows.
fn generated(chance: &mut Chance, number: u128) -> Package {
    let month = Month::parse(["2026-01", "2026-03", "2026-12"][chance.below(3)]).unwrap();
    let id = |value: u128| Id(uuid::Uuid::from_u128(value));
    let rows: Vec<RowContent> = (0..chance.below(40) as u128)
        .map(|place| {
            let day = |chance: &mut Chance| {
                let day = Day::parse("2025-11-01").unwrap().plus_days(i64::try_from(chance.below(500)).unwrap());
                (chance.below(4) > 0).then_some(day)
            };
            let standing =
                [None, Some(Standing::Certain), Some(Standing::Probable), Some(Standing::Disputed)][chance.below(4)];
            let node = |chance: &mut Chance| RowNode {
                node: ["30d", "90d"][chance.below(2)].to_owned(),
                due_on: Day::parse("2026-01-15").unwrap().plus_days(i64::try_from(chance.below(90)).unwrap()),
                state: [NodeState::Retained, NodeState::Left, NodeState::Unverifiable][chance.below(3)],
            };
            RowContent {
                placement_id: Some(id(place + 1)),
                claim_id: None,
                situation: Situation::Matched,
                counts_as: CountsAs::Counted,
                standing,
                person: (chance.below(10) > 0).then(|| format!("{:016x}", chance.below(25))),
                lifted: chance.below(3) == 0,
                scope: None,
                quota_id: None,
                departed_on: day(chance),
                arrived_on: day(chance),
                ended_on: day(chance),
                nodes: (0..chance.below(3)).map(|_| node(chance)).collect(),
            }
        })
        .collect();
    let mut figures = Figures::default();
    for row in &rows {
        figures.add(row, month);
    }
    let rows: Vec<String> = rows.iter().map(|row| canonical(row).unwrap()).collect();
    let document = Document {
        definition: DEFINITION.to_owned(),
        agreement_id: id(number + 1),
        agreement_number: "SY-YW-2026-01".to_owned(),
        month,
        edition: 1,
        cut_off_on: month.last_day(),
        computed_at: month.next().first_day().start(),
        terms: Vec::new(),
        retention_rule_id: "stay_3m_continuous".to_owned(),
        previous: None,
        row_count: i64::try_from(rows.len()).unwrap(),
        rows_root: hex::encode(merkle::root(rows.iter().map(|row| merkle::leaf(row.as_bytes())))),
        figures: figures.finish(),
        restatements: Vec::new(),
    };
    Package { statement: canonical(&document).unwrap(), rows, signatures: Vec::new(), terms: Vec::new() }
}

/// A program that shares nothing with the exchange but the definition counts the same.
#[test]
fn an_independent_program_agrees_with_a_thousand_generated_months() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(20_261_123);
    for number in 0..1_000 {
        let package = generated(&mut chance, number).write().unwrap();
        std::fs::write(folder.path().join(format!("{number:04}.zip")), package).unwrap();
    }
    assert_eq!(recomputed(folder.path()), (true, "1000 statements, difference 0".to_owned()));
    let mut spoilt = generated(&mut chance, 2_000);
    while spoilt.rows.is_empty() || !spoilt.statement.contains("\"certain\":{\"lifted_persons\":0,\"persons\":1") {
        spoilt = generated(&mut chance, 2_000);
    }
    spoilt.statement = spoilt.statement.replacen("\"persons\":1", "\"persons\":2", 1);
    let file = folder.path().join("spoilt.zip");
    std::fs::write(&file, spoilt.write().unwrap()).unwrap();
    assert_eq!(recomputed(&file), (false, "1 statements, difference 1".to_owned()));
}

fn nobody() -> Value {
    json!({ "placements": 0, "persons": 0, "lifted_persons": 0 })
}

async fn seen(scene: &Scene, placements: &[String], day: &str) {
    let rows: Vec<Value> = placements
        .iter()
        .map(|placement| json!({ "placement_id": placement, "in_post": true, "seen_from": day, "seen_to": day, "evidence": "e2", "source": "employer_roster" }))
        .collect();
    scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": rows })).await.expect(207);
}

/// The moves of all rows are the difference of the placements of every figure, and move nothing else.
fn moves_add_up(told: &Value) {
    let mut moved: BTreeMap<String, i64> = BTreeMap::new();
    for row in told["rows"].as_array().unwrap() {
        for one in row["moves"].as_array().unwrap() {
            *moved.entry(one["figure"].as_str().unwrap().to_owned()).or_default() += one["by"].as_i64().unwrap();
        }
    }
    moved.retain(|_, by| *by != 0);
    let mut difference: BTreeMap<String, i64> = BTreeMap::new();
    for change in told["figures"].as_array().unwrap() {
        let node = change["node"].as_str().map(|node| format!(":{node}")).unwrap_or_default();
        for (place, standing) in ["certain", "probable", "disputed"].into_iter().enumerate() {
            let of = |side: &str| change[side][place]["placements"].as_i64().unwrap();
            let name = format!(
                "{}{node}/{}/{standing}",
                change["indicator"].as_str().unwrap(),
                change["basis"].as_str().unwrap()
            );
            difference.insert(name, of("after") - of("before"));
        }
    }
    difference.retain(|_, by| *by != 0);
    assert_eq!(moved, difference);
}
