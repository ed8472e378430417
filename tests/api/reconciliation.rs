//! Reconciliation as both sides meet it: every row in exactly one situation, the clock decides what is missing, and the same facts give
//! the same rows and the same hash.

use std::collections::{BTreeMap, BTreeSet};

use labour_exchange::db::{DbConnection, Id, statement};
use labour_exchange::jobs::work;
use labour_exchange::reconciliation::report::RunCounts;
use labour_exchange::reconciliation::situations::{AppliesTo, SITUATIONS};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number, name};
use crate::support::{Reply, TestApp, TestParty};

/// Runs SQL as somebody who owns the database would.
async fn as_owner(app: &TestApp, sql: String) -> usize {
    app.state.db.write(move |connection: &mut DbConnection| Ok(statement(sql).run(connection)?)).await.unwrap()
}

/// A literal of an id, as each database writes it.
fn literal(app: &TestApp, id: &str) -> String {
    if app.is_postgres() { format!("'{id}'::uuid") } else { format!("x'{}'", id.replace('-', "")) }
}

/// A run at a cut-off, asked for by the origin.
async fn run(scene: &Scene, cut_off_on: &str) -> Value {
    let body = json!({ "cut_off_on": cut_off_on });
    scene.app.post(&scene.origin, &scene.path("/reconciliations"), body).await.expect(201).body
}

/// The rows of a run that fit the query, over as many pages as it takes.
async fn rows(scene: &Scene, run: &Value, query: &str) -> Vec<Value> {
    let path = scene.path(&format!("/reconciliations/{}/rows", run["id"].as_str().unwrap()));
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = scene.app.get(&scene.destination, &format!("{path}?limit=7&{query}{cursor}")).await.expect(200).body;
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

/// The row about a placement.
fn about<'a>(rows: &'a [Value], placement: &str) -> &'a Value {
    let mut found = rows.iter().filter(|row| row["placement_id"] == placement);
    let row = found.next().unwrap_or_else(|| panic!("no row about {placement}"));
    assert!(found.next().is_none(), "two rows about {placement}");
    row
}

fn situation<'a>(rows: &'a [Value], placement: &str) -> &'a str {
    about(rows, placement)["situation"].as_str().unwrap()
}

/// A dispatch with a plan and a roster of its own, not yet departed; the placements in the order of the workers.
async fn planned(
    scene: &Scene,
    quota: &str,
    workers: &[String],
    departure: &str,
    arrival: &str,
) -> (String, Vec<String>) {
    let body = json!({
        "title": "补充批次", "mode": "point_to_point", "legal_basis": "协议第六条", "consent_recorded": true,
        "planned_departure_on": departure, "planned_arrival_on": arrival
    });
    let dispatch = scene.app.post(&scene.origin, &scene.path("/dispatches"), body).await.expect(201).id();
    let receipts = scene.enrol(&dispatch, quota, workers).await.expect(207);
    assert_eq!(receipts.body["accepted"], workers.len(), "{}", receipts.body);
    let results = receipts.body["results"].as_array().unwrap();
    (dispatch, results.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect())
}

/// Locks a roster and lets it depart.
async fn depart(scene: &Scene, dispatch: &str, day: &str) {
    scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
    let body = json!({ "departed_on": day });
    scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/departure")), body).await.expect(200);
}

/// A batch that has departed.
async fn sent(scene: &Scene, quota: &str, workers: &[String], departure: &str, arrival: &str) -> Vec<String> {
    let (dispatch, placements) = planned(scene, quota, workers, departure, arrival).await;
    depart(scene, &dispatch, departure).await;
    placements
}

/// One claim of a party, accepted.
async fn claim(scene: &Scene, party: &TestParty, claim: Value) -> String {
    let receipts = scene.app.post(party, &scene.path("/claims"), json!({ "rows": [claim] })).await.expect(207);
    assert_eq!(receipts.body["accepted"], 1, "{}", receipts.body);
    receipts.text("/results/0/id")
}

fn onboarded(placement: &str, day: &str) -> Value {
    json!({ "placement_id": placement, "outcome": "onboarded", "happened_on": day, "evidence": "e2" })
}

fn no_show(placement: &str, day: &str) -> Value {
    json!({ "placement_id": placement, "outcome": "no_show", "happened_on": day, "evidence": "e2" })
}

/// A claim that names the `n`-th invented person.
fn names(n: usize, day: &str) -> Value {
    json!({ "name": name(n), "identity_number": identity_number(n), "outcome": "onboarded", "happened_on": day, "evidence": "e2" })
}

/// The job of a placement has ended. Recorded in the books directly.
async fn ended(scene: &Scene, placement: &str, day: &str) {
    let id = literal(&scene.app, placement);
    let closed = as_owner(
        &scene.app,
        format!(
            "update placement set state = 'ended', outcome_on = coalesce(outcome_on, '{day}'), ended_on = '{day}', end_reason = 'resigned' where id = {id}"
        ),
    );
    assert_eq!(closed.await, 1);
    assert_eq!(as_owner(&scene.app, format!("delete from open_placement where placement_id = {id}")).await, 1);
}

/// One row in each situation, at the end of March: what each is, by placement or claim.
async fn one_of_each(scene: &Scene) -> BTreeMap<String, &'static str> {
    let Scene { app, origin, destination, employer, .. } = scene;
    let other = app.party("义乌双江湖服饰有限公司", "employer", "330782").await;
    let workers = scene.workers(0, 20).await;
    let (quota, narrow) = (scene.quota(40).await, scene.quota(1).await);
    let mut expected = BTreeMap::new();

    // Enrolled and never departed; cancelled; and still on the way to a later batch.
    let (_, waiting) = planned(scene, &quota, &workers[9..11], "2026-03-05", "2026-03-06").await;
    expected.insert(waiting[0].clone(), "not_departed");
    expected.insert(waiting[1].clone(), "void");
    app.post(origin, &scene.path(&format!("/placements/{}/cancellation", waiting[1])), json!({})).await.expect(200);
    let (_, later) = planned(scene, &quota, &workers[11..12], "2026-03-28", "2026-03-29").await;
    expected.insert(later[0].clone(), "awaiting");

    let (first, people) = planned(scene, &quota, &workers[..9], "2026-03-05", "2026-03-06").await;
    let (crowd, early) = planned(scene, &narrow, &workers[12..13], "2026-03-05", "2026-03-06").await;
    let (twice, before) = planned(scene, &quota, &workers[14..15], "2026-03-05", "2026-03-06").await;
    let (double, double_first) = planned(scene, &quota, &workers[15..16], "2026-03-05", "2026-03-06").await;
    app.clock_set("2026-03-05");
    for dispatch in [first, crowd, twice, double] {
        depart(scene, &dispatch, "2026-03-05").await;
    }

    app.clock_set("2026-03-07");
    claim(scene, employer, onboarded(&people[0], "2026-03-06")).await;
    expected.insert(people[0].clone(), "matched");
    expected.insert(people[2].clone(), "missing");
    claim(scene, employer, no_show(&people[3], "2026-03-07")).await;
    expected.insert(people[3].clone(), "not_arrived");
    claim(scene, origin, onboarded(&people[4], "2026-03-06")).await;
    expected.insert(people[4].clone(), "unanswered");
    claim(scene, employer, onboarded(&people[5], "2026-03-06")).await;
    claim(scene, destination, no_show(&people[5], "2026-03-07")).await;
    expected.insert(people[5].clone(), "field_mismatch");
    let elsewhere = json!({ "placement_id": people[6], "outcome": "diverted", "happened_on": "2026-03-06", "evidence": "e2", "employer_id": other.id });
    claim(scene, destination, elsewhere).await;
    expected.insert(people[6].clone(), "wrong_employer");
    let away = json!({ "placement_id": people[7], "outcome": "diverted", "happened_on": "2026-03-06", "evidence": "e2", "region_code": "330481" });
    claim(scene, destination, away).await;
    expected.insert(people[7].clone(), "wrong_region");
    claim(scene, employer, onboarded(&people[8], "2026-03-06")).await;
    let dispute = scene.path(&format!("/placements/{}/disputes", people[8]));
    app.post(origin, &dispute, json!({ "reason": "该人员未到岗" })).await.expect(201);
    expected.insert(people[8].clone(), "disputed");
    expected.insert(claim(scene, employer, names(90, "2026-03-06")).await, "unannounced");

    // The place of a no-show goes to another, and then both arrive.
    claim(scene, employer, no_show(&early[0], "2026-03-07")).await;
    claim(scene, employer, no_show(&before[0], "2026-03-07")).await;
    expected.insert(before[0].clone(), "not_arrived");
    app.clock_set("2026-03-10");
    let in_time = sent(scene, &narrow, &workers[13..14], "2026-03-09", "2026-03-10").await;
    claim(scene, employer, onboarded(&in_time[0], "2026-03-10")).await;
    expected.insert(in_time[0].clone(), "matched");
    app.clock_set("2026-03-11");
    claim(scene, employer, onboarded(&early[0], "2026-03-11")).await;
    expected.insert(early[0].clone(), "over");

    // In post with two batches at once: the second is the duplicate.
    claim(scene, employer, onboarded(&double_first[0], "2026-03-06")).await;
    expected.insert(double_first[0].clone(), "matched");
    app.clock_set("2026-03-16");
    ended(scene, &double_first[0], "2026-03-15").await;
    let double_second = sent(scene, &quota, &workers[15..16], "2026-03-12", "2026-03-13").await;
    claim(scene, employer, onboarded(&double_second[0], "2026-03-13")).await;
    expected.insert(double_second[0].clone(), "duplicate");
    claim(scene, employer, onboarded(&people[1], "2026-03-12")).await;
    expected.insert(people[1].clone(), "late");

    // Sent twice in one season, and reported for a day that fits neither batch better.
    let again = sent(scene, &quota, &workers[14..15], "2026-03-15", "2026-03-16").await;
    expected.insert(again[0].clone(), "missing");
    app.clock_set("2026-03-31");
    expected.insert(claim(scene, employer, names(14, "2026-03-30")).await, "ambiguous");
    expected
}

on_both! {
    /// F25: every situation has its fixture, every row is in exactly one, and the figures add up to the rows.
    async fn every_row_is_in_exactly_one_situation(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let expected = one_of_each(&scene).await;
        let run = run(&scene, "2026-03-31").await;
        let rows = rows(&scene, &run, "").await;

        let subjects: Vec<&str> = rows.iter().map(|row| row["subject_id"].as_str().unwrap()).collect();
        assert!(subjects.is_sorted() && subjects.iter().collect::<BTreeSet<_>>().len() == rows.len());
        let mut seen = BTreeMap::new();
        for row in &rows {
            let key = row["placement_id"].as_str().or(row["claim_id"].as_str()).unwrap().to_owned();
            assert!(seen.insert(key, row["situation"].as_str().unwrap()).is_none(), "two rows: {row}");
        }
        assert_eq!(seen, expected);
        let of_rows: BTreeSet<&str> = SITUATIONS.iter().filter(|line| line.applies_to == AppliesTo::Row).map(|line| line.code).collect();
        assert_eq!(seen.values().copied().collect::<BTreeSet<_>>(), of_rows, "a situation without a fixture");

        let counts = &run["counts"];
        let sum = |list: &str| counts[list].as_array().unwrap().iter().map(|count| count["rows"].as_i64().unwrap()).sum::<i64>();
        let row_count = run["row_count"].as_i64().unwrap();
        assert_eq!([row_count, sum("situations"), sum("two_sided"), sum("counts_as")], [i64::try_from(rows.len()).unwrap(); 4]);
        for count in counts["situations"].as_array().unwrap() {
            let counted = rows.iter().filter(|row| row["situation"] == count["situation"]).count();
            assert_eq!(count["rows"], counted, "{count}");
        }
        assert_eq!(counts["quotas"], json!({ "under": 1, "places_under": 40 - 5, "over": 1, "places_over": 1 }), "{counts}");
        assert_eq!(counts["totals"]["disputed"], 1);
        assert_eq!(run["state"], "done");
        let read = scene.app.get(&scene.destination, &scene.path(&format!("/reconciliations/{}", run["id"].as_str().unwrap()))).await.expect(200);
        assert_eq!(read.body, run);
        let listed = scene.app.get(&scene.origin, &scene.path("/reconciliations?cut_off_on=2026-03-31")).await.expect(200);
        assert_eq!(listed.body["items"], json!([run]));
    }

    /// A row says who has to act, what to do, and both values where they differ; lists can be narrowed by each.
    async fn a_row_says_what_differs_and_who_has_to_act(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let expected = one_of_each(&scene).await;
        let run = run(&scene, "2026-03-31").await;
        let all = rows(&scene, &run, "").await;
        let of = |code: &str| all.iter().find(|row| row["situation"] == code).unwrap();

        let mismatch = of("field_mismatch");
        assert_eq!((&mismatch["two_sided"], &mismatch["discrepancy"], &mismatch["owner"]), (&json!("conflicting"), &json!("D06"), &json!("both")));
        assert_eq!(mismatch["detail"]["field"], "outcome");
        let said: Vec<(&Value, &Value)> = mismatch["detail"]["values"].as_array().unwrap().iter().map(|said| (&said["by"], &said["value"])).collect();
        assert_eq!(said, [(&json!("employer"), &json!("onboarded")), (&json!("destination"), &json!("no_show"))]);
        let region = of("wrong_region");
        assert_eq!(region["detail"]["values"][0], json!({ "by": "plan", "claim_id": null, "value": "330782" }));
        assert_eq!(region["detail"]["values"][1]["value"], "330481");
        assert_eq!(of("missing")["detail"]["deadline_on"], "2026-03-13");
        assert_eq!(of("over")["detail"], json!({ "arrived_on": "2026-03-11", "rank": 2, "approved_places": 1 }));
        assert_eq!(of("ambiguous")["detail"]["candidates"].as_array().unwrap().len(), 2);
        let duplicate = of("duplicate")["detail"]["duplicate_of_placement_id"].as_str().unwrap();
        assert_eq!(expected[duplicate], "matched");

        for (query, field, value) in [("situation=missing", "situation", "missing"), ("two_sided=agreed", "two_sided", "agreed"), ("owner=origin", "owner", "origin")] {
            let narrowed = rows(&scene, &run, query).await;
            let fitting: Vec<Value> = all.iter().filter(|row| row[field] == value).cloned().collect();
            assert!(!fitting.is_empty() && narrowed == fitting, "{query}: {narrowed:#?}");
        }
        let both = rows(&scene, &run, "owner=destination&two_sided=origin_only").await;
        assert!(both.iter().all(|row| row["situation"] == "missing") && !both.is_empty());
        assert!(rows(&scene, &run, "situation=matched&owner=origin").await.is_empty());
        let newest = scene.app.get(&scene.origin, &scene.path(&format!("/reconciliations/{}/rows?sort=-id&limit=1", run["id"].as_str().unwrap()))).await.expect(200);
        assert_eq!(newest.body["items"][0], *all.last().unwrap());
    }

    /// F26: missing comes from the day alone; a late arrival clears it, and what was known on the earlier day stays as it was.
    async fn missing_is_derived_from_the_clock_and_a_late_arrival_clears_it(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        scene.app.clock_set("2026-03-06");
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        scene.app.clock_set("2026-03-20");
        let of = async |day: &str| {
            let run = run(&scene, day).await;
            let rows = rows(&scene, &run, "").await;
            let both = placements.iter().map(|id| situation(&rows, id).to_owned()).collect::<Vec<_>>();
            (both, run["rows_hash"].as_str().unwrap().to_owned())
        };
        let due = of("2026-03-13").await;
        assert_eq!(due.0, ["matched", "awaiting"]);
        let over_due = of("2026-03-14").await;
        assert_eq!(over_due.0, ["matched", "missing"]);
        assert_ne!(due.1, over_due.1);
        assert_eq!(of("2026-03-05").await.0, ["awaiting", "awaiting"]);

        scene.claim(&placements[1..], "onboarded", "2026-03-12").await.expect(207);
        assert_eq!(of("2026-03-20").await.0, ["matched", "late"]);
        assert_eq!(of("2026-03-14").await, over_due, "recorded after the cut-off");
        assert_eq!(of("2026-03-13").await, due);
    }

    /// A claim that was replaced later still stood at the earlier cut-off; a dispute withdrawn later was still one.
    async fn a_past_cut_off_is_read_as_it_was(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        let at = async |day: &str| {
            let run = run(&scene, day).await;
            situation(&rows(&scene, &run, "").await, &placements[0]).to_owned()
        };
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements, "no_show", "2026-03-07").await.expect(207);
        scene.app.clock_set("2026-03-08");
        scene.claim(&placements, "onboarded", "2026-03-08").await.expect(207);
        scene.app.clock_set("2026-03-09");
        let disputes = scene.path(&format!("/placements/{}/disputes", placements[0]));
        let dispute = scene.app.post(&scene.origin, &disputes, json!({ "reason": "该人员未到岗" })).await.expect(201).id();
        scene.app.clock_set("2026-03-10");
        scene.app.post(&scene.origin, &format!("{disputes}/{dispute}/withdrawal"), json!({})).await.expect(200);
        let seen = [at("2026-03-06").await, at("2026-03-07").await, at("2026-03-08").await, at("2026-03-09").await, at("2026-03-10").await];
        assert_eq!(seen, ["awaiting", "not_arrived", "matched", "disputed", "matched"]);
    }

    /// What was recorded after a cut-off (a cancellation, an enrolment, a departure of an earlier day, an approval) changes no row of it.
    async fn what_is_recorded_later_leaves_a_past_cut_off_alone(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let workers = scene.workers(0, 5).await;
        let quota = scene.quota(20).await;
        let (first, people) = planned(&scene, &quota, &workers[..2], "2026-03-05", "2026-03-06").await;
        let (second, _) = planned(&scene, &quota, &workers[2..3], "2026-03-05", "2026-03-06").await;
        scene.app.clock_set("2026-03-06");
        depart(&scene, &second, "2026-03-05").await;
        scene.app.clock_set("2026-03-14");
        let before = run(&scene, "2026-03-14").await;
        let before_rows = rows(&scene, &before, "").await;
        let situations: Vec<&str> = before_rows.iter().map(|row| row["situation"].as_str().unwrap()).collect();
        assert_eq!(situations, ["not_departed", "not_departed", "missing"]);

        scene.app.clock_set("2026-03-16");
        scene.app.post(&scene.origin, &scene.path(&format!("/placements/{}/cancellation", people[0])), json!({})).await.expect(200);
        depart(&scene, &first, "2026-03-05").await;
        scene.claim(&people[1..], "onboarded", "2026-03-06").await.expect(207);
        planned(&scene, &quota, &workers[3..], "2026-03-05", "2026-03-06").await;
        let fewer = scene.path(&format!("/quotas/{quota}/approval"));
        scene.app.post(&scene.destination, &fewer, json!({ "approved_places": 10, "reason": "宿舍床位不足" })).await.expect(200);

        let again = run(&scene, "2026-03-14").await;
        assert_eq!(rows(&scene, &again, "").await, before_rows);
        assert_eq!((&again["rows_hash"], &again["counts"]), (&before["rows_hash"], &before["counts"]));
        let now = run(&scene, "2026-03-16").await;
        let now_rows = rows(&scene, &now, "").await;
        let situations: Vec<&str> = now_rows.iter().map(|row| row["situation"].as_str().unwrap()).collect();
        assert_eq!(situations, ["void", "late", "missing", "not_departed", "not_departed"]);
        assert_eq!(now["counts"]["quotas"]["places_under"], 9);
    }

    /// An amendment asks for stronger proof: those who had arrived before its day stay confirmed, in fulfilment and here.
    async fn an_arrival_is_judged_by_the_terms_of_its_day(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        scene.app.clock_set("2026-03-06");
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        let mut stricter = crate::support::scene::terms(&crate::support::scene::targets());
        stricter["arrival"]["minimum_evidence"] = json!("e4");
        scene.amended("2026-03-10", stricter).await;
        scene.app.clock_set("2026-03-12");
        scene.claim(&placements[1..], "onboarded", "2026-03-11").await.expect(207);
        scene.app.clock_set("2026-04-30");
        let run = run(&scene, "2026-04-30").await;
        let rows = rows(&scene, &run, "").await;
        assert_eq!((situation(&rows, &placements[0]), situation(&rows, &placements[1])), ("matched", "unanswered"));
        let path = |id: &str| scene.path(&format!("/placements/{id}"));
        for (placement, certain) in placements.iter().zip([true, false]) {
            assert_eq!(scene.app.get(&scene.origin, &path(placement)).await.expect(200).body["certain"], certain);
        }
    }

    /// Fulfilment says what claims and evidence say, reconciliation what both sides agree on: what is counted here is certain there, and
    /// what is certain there and not counted here has something left to settle.
    async fn what_reconciliation_counts_is_certain_in_fulfilment(app: TestApp) {
        let scene = Scene::in_force(app).await;
        one_of_each(&scene).await;
        let run = run(&scene, "2026-03-31").await;
        let mut unsettled = BTreeSet::new();
        for row in rows(&scene, &run, "").await {
            let Some(id) = row["placement_id"].as_str() else { continue };
            let placement = scene.app.get(&scene.origin, &scene.path(&format!("/placements/{id}"))).await.expect(200).body;
            let arrived = !placement["onboarded_on"].is_null();
            let certain = arrived && placement["certain"] == true && placement["disputed"] == false;
            match row["counts_as"].as_str().unwrap() {
                "counted" => assert!(certain, "{row} {placement}"),
                _ if certain => drop(unsettled.insert(row["situation"].as_str().unwrap().to_owned())),
                _ => {}
            }
            if row["situation"] == "disputed" {
                assert_eq!(placement["disputed"], true);
            }
        }
        assert_eq!(unsettled.iter().map(String::as_str).collect::<Vec<_>>(), ["duplicate", "over", "wrong_employer"]);
    }

    /// A dispute about a departure of which nobody has said anything is a dispute all the same.
    async fn a_dispute_stands_without_a_claim(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        let path = scene.path(&format!("/placements/{}/disputes", placements[0]));
        scene.app.post(&scene.destination, &path, json!({ "reason": "名单有误" })).await.expect(201);
        let run = run(&scene, "2026-03-05").await;
        assert_eq!(situation(&rows(&scene, &run, "").await, &placements[0]), "disputed");
        assert_eq!(run["counts"]["totals"], json!({ "announced": 0, "arrived": 0, "disputed": 1 }));
    }

    /// F30: the same facts give the same rows and the same hash, whenever asked, whoever asks, and in whatever order they lie in the books.
    async fn the_same_facts_give_the_same_rows_and_the_same_hash(app: TestApp) {
        let scene = Scene::in_force(app).await;
        one_of_each(&scene).await;
        let first = run(&scene, "2026-03-31").await;
        let first_rows = rows(&scene, &first, "").await;
        let on = if scene.app.is_postgres() { " on claim" } else { "" };
        as_owner(&scene.app, format!("drop trigger claim_append_only_delete{on}")).await;
        // What followed from the first run refers to claims.
        as_owner(&scene.app, format!("drop trigger discrepancy_entry_append_only_delete{}", on.replace("claim", "discrepancy_entry"))).await;
        for table in ["discrepancy_duty", "discrepancy_entry", "discrepancy"] {
            as_owner(&scene.app, format!("delete from {table}")).await;
        }
        for table in ["claim", "dispute"] {
            as_owner(&scene.app, format!("create table moved as select * from {table}")).await;
            as_owner(&scene.app, format!("delete from {table}")).await;
            as_owner(&scene.app, format!("insert into {table} select * from moved order by id desc")).await;
            as_owner(&scene.app, "drop table moved".to_owned()).await;
        }
        scene.app.clock_set("2026-06-01");
        let body = json!({ "cut_off_on": "2026-03-31" });
        let again = scene.app.post(&scene.destination, &scene.path("/reconciliations"), body).await.expect(201).body;
        assert_ne!(again["id"], first["id"]);
        assert_eq!(again["rows_hash"], first["rows_hash"]);
        assert_eq!(again["counts"], first["counts"]);
        assert_eq!(rows(&scene, &again, "").await, first_rows);
        assert_ne!(run(&scene, "2026-03-30").await["rows_hash"], first["rows_hash"]);
    }

    /// F32: the same worker next year is another placement; each season's claims go to its own.
    async fn the_same_worker_next_year_is_another_placement(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(5).await;
        let workers = scene.workers(0, 1).await;
        let mut placements = Vec::new();
        for year in ["2026", "2027"] {
            // The employer reports the person before the origin has announced anybody.
            scene.app.clock_set(&format!("{year}-03-06"));
            claim(&scene, &scene.employer, names(0, &format!("{year}-03-06"))).await;
            as_owner(&scene.app, "update quota set valid_until = '2028-12-31'".to_owned()).await;
            let season = sent(&scene, &quota, &workers, &format!("{year}-03-05"), &format!("{year}-03-06")).await;
            if year == "2026" {
                ended(&scene, &season[0], "2026-12-20").await;
            }
            placements.extend(season);
        }
        let run = run(&scene, "2027-03-06").await;
        let rows = rows(&scene, &run, "").await;
        assert_eq!(rows.len(), 2, "{rows:#?}");
        for placement in &placements {
            let row = about(&rows, placement);
            assert_eq!((&row["situation"], &row["tier"]), (&json!("matched"), &Value::Null), "said again of the placement: {row}");
        }
        assert_ne!(rows[0]["claim_id"], rows[1]["claim_id"]);
    }

    /// The identity number agrees and the name does not: a field mismatch on the name, which is not shown.
    async fn a_name_that_differs_is_said_to_differ_and_not_shown(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        scene.app.clock_set("2026-03-07");
        let misnamed = json!({ "name": "欧阳小明", "identity_number": identity_number(0), "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2" });
        let claim_id = claim(&scene, &scene.employer, misnamed).await;
        let run = run(&scene, "2026-03-07").await;
        let rows = rows(&scene, &run, "").await;
        let row = about(&rows, &placements[0]);
        assert_eq!(rows.len(), 1);
        assert_eq!((&row["situation"], &row["tier"], &row["discrepancy"], &row["claim_id"]), (&json!("field_mismatch"), &json!("t1"), &json!("D02"), &json!(claim_id)));
        assert_eq!(row["detail"]["field"], "name");
        assert!(row["detail"]["values"].as_array().unwrap().iter().all(|said| said["value"].is_null()));
        let shown = serde_json::to_string(&rows).unwrap();
        assert!(!shown.contains("欧阳") && !shown.contains(&name(0)) && !shown.contains(&identity_number(0)));
    }

    /// F24: employer and destination both report somebody nobody announced: one person, one row.
    async fn an_unannounced_person_is_one_row_however_many_report_it(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 1).await;
        scene.app.clock_set("2026-03-08");
        let by_employer = claim(&scene, &scene.employer, names(40, "2026-03-06")).await;
        claim(&scene, &scene.destination, names(40, "2026-03-07")).await;
        claim(&scene, &scene.destination, names(41, "2026-03-07")).await;
        let run = run(&scene, "2026-03-08").await;
        let rows = rows(&scene, &run, "situation=unannounced").await;
        assert_eq!(rows.len(), 2, "{rows:#?}");
        assert!(rows.iter().any(|row| row["claim_id"] == by_employer.as_str()), "the employer's word goes first");
        assert!(rows.iter().all(|row| row["placement_id"].is_null() && row["owner"] == "origin"));
        assert_eq!(run["counts"]["totals"]["arrived"], 2);
    }

    /// The parties of the agreement may run and read; to everybody else there is no such agreement.
    async fn only_the_parties_of_the_agreement_run_and_read(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 1).await;
        let run = run(&scene, "2026-03-05").await;
        let stranger = scene.app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let one = scene.path(&format!("/reconciliations/{}", run["id"].as_str().unwrap()));
        for outsider in [&stranger, &scene.employer] {
            for path in [scene.path("/reconciliations"), one.clone(), format!("{one}/rows")] {
                scene.app.get(outsider, &path).await.expect(404).problem("not_found");
            }
        }
        scene.app.post(&stranger, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-05" })).await.expect(404).problem("not_found");
        let unknown = scene.path(&format!("/reconciliations/{}/rows", Id::new()));
        scene.app.get(&scene.origin, &unknown).await.expect(404).problem("not_found");
        scene.app.get(&scene.destination, &one).await.expect(200);
    }

    /// A cut-off lies in the past or is today.
    async fn a_cut_off_cannot_lie_ahead(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let refused = scene.app.post(&scene.origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-03" })).await.expect(422).problem("field_invalid");
        assert_eq!((&refused.body["errors"][0]["pointer"], &refused.body["errors"][0]["code"]), (&json!("#/cut_off_on"), &json!("in_the_future")));
        let empty = run(&scene, "2026-03-02").await;
        assert_eq!((&empty["row_count"], &empty["state"]), (&json!(0), &json!("done")));
    }

    /// One run of an agreement at a time.
    async fn a_second_run_waits_for_the_first(app: TestApp) {
        let scene = Scene::in_force(app).await;
        run(&scene, "2026-03-02").await;
        as_owner(&scene.app, "update reconciliation_run set state = 'running', rows_hash = null, carried = null, row_sum = null".to_owned()).await;
        scene.app.post(&scene.origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-02" })).await.expect(409).problem("run_in_progress");
    }

    /// A long run is a job: everybody sees how far it is, a server that is lost costs one step, and what comes out is what a run at once
    /// gives.
    async fn a_long_run_is_a_job_that_survives_its_server(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 4_100).await;
        let (app, path) = (&scene.app, scene.path("/reconciliations"));
        let begin = async || {
            let call = app.call("POST", &path).by(&scene.origin).fresh_key().header("prefer", "respond-async");
            call.json(&json!({ "cut_off_on": "2026-03-05" })).send().await
        };
        let job = begin().await.expect(202).id();
        let mut progress = BTreeSet::new();
        let mut lost = 0;
        loop {
            // The server is gone in the middle of a step: its future is dropped wherever it stands.
            match tokio::time::timeout(std::time::Duration::from_millis(20 + 60 * lost), work::turn(&app.state)).await {
                Ok(Ok(false)) => break,
                Ok(worked) => drop(worked.unwrap()),
                Err(_) => {
                    lost += 1;
                    if let Reply { status: 200, body, .. } = app.get(&scene.destination, &format!("{path}/{job}")).await {
                        progress.insert(body["row_count"].as_i64().unwrap());
                    }
                    let later = app.state.clock.now().plus_seconds(121);
                    assert!(app.state.clock.set(later));
                }
            }
        }
        assert!(lost > 0 && !progress.is_empty(), "how far it was could be read {lost} times: {progress:?}");
        let long = app.get(&scene.origin, &format!("{path}/{job}")).await.expect(200).body;
        assert_eq!((&long["state"], &long["row_count"]), (&json!("done"), &json!(4_100)));
        let told = app.get(&scene.origin, &format!("/v1/jobs/{job}")).await.expect(200).body;
        assert_eq!((&told["state"], &told["processed_rows"], &told["row_count"]), (&json!("succeeded"), &json!(4_100), &json!(4_100)));
        as_owner(app, "update reconciliation_run set cut_off_on = '2026-12-31'".to_owned()).await;
        let at_once = run(&scene, "2026-03-05").await;
        assert_eq!(at_once["step"], 0, "it examined every row by itself");
        assert_eq!((&at_once["rows_hash"], &at_once["counts"]), (&long["rows_hash"], &long["counts"]));
    }

    /// Whoever cancels the job of a run breaks the run off, and another may begin.
    async fn a_cancelled_run_leaves_nothing_and_lets_another_begin(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 3).await;
        let (app, path) = (&scene.app, scene.path("/reconciliations"));
        let call = app.call("POST", &path).by(&scene.origin).fresh_key().header("prefer", "respond-async");
        let job = call.json(&json!({ "cut_off_on": "2026-03-05" })).send().await.expect(202).id();
        // As a server leaves it that is lost after the first step.
        let now = app.state.clock.now().as_micros();
        let (agreement, owner) = (scene.agreement.replace('-', ""), scene.origin.id.to_string().replace('-', ""));
        let uuid = |hex: &str| if app.is_postgres() { format!("'{hex}'::uuid") } else { format!("x'{hex}'") };
        let (agreement, id, owner) = (uuid(&agreement), uuid(&job.replace('-', "")), uuid(&owner));
        let counts = serde_json::to_string(&RunCounts::default()).unwrap();
        as_owner(app, format!(
            "insert into reconciliation_run (agreement_id, id, series_id, step, cut_off_on, state, row_count, examined_rows, counts, requested_by, \
             started_at) values ({agreement}, {id}, {id}, 0, '2026-03-05', 'running', 0, 0, '{counts}', {owner}, {now})"
        )).await;
        app.post(&scene.destination, &path, json!({ "cut_off_on": "2026-03-05" })).await.expect(409).problem("run_in_progress");
        app.post(&scene.origin, &format!("/v1/jobs/{job}/cancellation"), json!({})).await.expect(200);
        run(&scene, "2026-03-05").await;
    }

    /// Two that are asked for at once both end, one after the other, with the same hash.
    async fn runs_asked_for_at_once_agree(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 3).await;
        let asked = [&scene.origin, &scene.destination].map(|party| {
            let (app, party, path) = (scene.app.clone(), party.clone(), scene.path("/reconciliations"));
            async move { app.post(&party, &path, json!({ "cut_off_on": "2026-03-05" })).await }
        });
        let replies = crate::support::together(asked).await;
        let hashes: BTreeSet<String> = replies.into_iter().map(|reply| reply.expect(201).text("/rows_hash")).collect();
        assert_eq!(hashes.len(), 1);
    }

    /// A cursor goes on in the list it came from, and in no other.
    async fn a_cursor_of_other_rows_is_refused(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 3).await;
        let run = run(&scene, "2026-03-05").await;
        let path = scene.path(&format!("/reconciliations/{}/rows", run["id"].as_str().unwrap()));
        let cursor = scene.app.get(&scene.origin, &format!("{path}?limit=2")).await.expect(200).text("/next_cursor");
        let rest = scene.app.get(&scene.origin, &format!("{path}?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!(rest.body["items"][0], rows(&scene, &run, "").await[2]);
        scene.app.get(&scene.origin, &format!("{path}?limit=2&situation=awaiting&cursor={cursor}")).await.expect(400).problem("cursor_invalid");
        scene.app.get(&scene.origin, &scene.path(&format!("/reconciliations?cursor={cursor}"))).await.expect(400).problem("cursor_invalid");
    }

    /// What a run found is an event both sides read: figures and hash, nobody's name.
    async fn a_finished_run_is_an_event(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 2).await;
        let run = run(&scene, "2026-03-05").await;
        for party in [&scene.origin, &scene.destination] {
            let feed = scene.app.get(party, "/v1/events?limit=1000").await.expect(200);
            let event = feed.body["items"].as_array().unwrap().iter().find(|event| event["type"] == "reconciliation.finished").unwrap();
            assert_eq!((&event["data"]["rows_hash"], &event["data"]["row_count"]), (&run["rows_hash"], &json!(2)));
            assert_eq!(event["data"]["counts"], run["counts"]);
        }
    }

    /// The table of situations is data: what each means, whose turn it is, what to do.
    async fn the_situations_can_be_read(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let table = scene.app.get(&scene.employer, "/v1/situations").await.expect(200);
        let lines = table.body["items"].as_array().unwrap();
        let codes: Vec<&str> = lines.iter().map(|line| line["code"].as_str().unwrap()).collect();
        assert_eq!(codes, SITUATIONS.map(|line| line.code));
        assert!(lines.iter().all(|line| line["situation"] == line["code"] && !line["remedy_zh"].as_str().unwrap().is_empty()));
    }
}
