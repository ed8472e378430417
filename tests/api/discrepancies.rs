//! Discrepancies as both sides meet them: found by a run, the same in every run, asked about, answered, decided by somebody else than the
//! reporter, matched by hand, undone, and counted as duties of each party.

use std::collections::BTreeMap;

use labour_exchange::db::{Id, statement};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number, name};
use crate::support::{Reply, TestApp, TestParty};

async fn run(scene: &Scene, cut_off_on: &str) -> BTreeMap<String, i64> {
    let body = json!({ "cut_off_on": cut_off_on });
    let run = scene.app.post(&scene.origin, &scene.path("/reconciliations"), body).await.expect(201).body;
    let counts = run["counts"]["situations"].as_array().unwrap().iter().filter(|count| count["rows"] != 0);
    counts.map(|count| (count["situation"].as_str().unwrap().to_owned(), count["rows"].as_i64().unwrap())).collect()
}

/// The discrepancies that fit a query, over as many pages as it takes.
async fn list(scene: &Scene, query: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = scene.path(&format!("/discrepancies?limit=7&{query}{cursor}"));
        let page = scene.app.get(&scene.destination, &path).await.expect(200).body;
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

async fn read(scene: &Scene, id: &Value) -> Value {
    let path = scene.path(&format!("/discrepancies/{}", id.as_str().unwrap()));
    scene.app.get(&scene.origin, &path).await.expect(200).body
}

/// What happened to a discrepancy, in order, each with the state after it.
async fn story(scene: &Scene, id: &Value) -> Vec<(String, String)> {
    let entries = read(scene, id).await["entries"].clone();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    entries.as_array().unwrap().iter().map(|entry| (text(entry, "kind"), text(entry, "state"))).collect()
}

fn told(story: &[(&str, &str)]) -> Vec<(String, String)> {
    story.iter().map(|(kind, state)| ((*kind).to_owned(), (*state).to_owned())).collect()
}

async fn act(scene: &Scene, by: &TestParty, id: &Value, step: &str, body: Value) -> Reply {
    scene.app.post(by, &scene.path(&format!("/discrepancies/{}/{step}", id.as_str().unwrap())), body).await
}

fn resolution(outcome: &str) -> Value {
    json!({ "outcome": outcome, "reason": "工资台账已核对" })
}

/// People sent on 5 March and expected on the 6th, of whom nobody says anything; on Monday the 16th a run finds them missing.
async fn missing(app: TestApp, count: usize) -> (Scene, Vec<String>, Vec<Value>) {
    let scene = Scene::in_force(app).await;
    let (_, placements) = scene.sent(0, count).await;
    scene.app.clock_set("2026-03-16");
    run(&scene, "2026-03-16").await;
    let found = list(&scene, "").await;
    assert_eq!(found.len(), count);
    (scene, placements, found)
}

/// The employer reports the arrival of a person by name and number.
async fn report(scene: &Scene, called: &str, number: &str, day: &str) -> String {
    let row = json!({ "name": called, "identity_number": number, "outcome": "onboarded", "happened_on": day, "evidence": "e2" });
    let told = scene.app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": [row] })).await.expect(207);
    assert_eq!(told.body["accepted"], 1, "{}", told.body);
    told.text("/results/0/id")
}

/// A second client of a party.
async fn colleague(app: &TestApp, party: &TestParty) -> TestParty {
    let other = TestParty { client_id: Id::new(), ..party.clone() };
    let (written, now) = (other.clone(), app.state.clock.now());
    let writing = app.state.db.write(move |connection| {
        statement(
            "insert into client (id, party_id, name, scopes, state, version, created_at, updated_at) \
                   select ?, party_id, '复核岗', scopes, state, 1, ?, ? from client where party_id = ?",
        )
        .bind(written.client_id)
        .bind(now)
        .bind(now)
        .bind(written.id)
        .run(connection)?;
        Ok(())
    });
    writing.await.unwrap();
    other
}

on_both! {
    /// F30: the same row is the same discrepancy in every run; nothing new writes nothing; who arrives is cleared in the run that finds it.
    async fn a_row_keeps_its_discrepancy_until_it_agrees(app: TestApp) {
        let (scene, placements, found) = missing(app, 4).await;
        for row in &found {
            assert_eq!((&row["code"], &row["situation"], &row["owner"], &row["state"]), (&json!("D04"), &json!("missing"), &json!("destination"), &json!("open")));
            assert_eq!((&row["due_on"], &row["is_overdue"], &row["reported_by"]), (&json!("2026-03-30"), &json!(false), &json!(scene.origin.id)));
            assert_eq!(row["detail"]["deadline_on"], "2026-03-13");
        }
        run(&scene, "2026-03-16").await;
        assert_eq!(list(&scene, "").await, found, "the second run changes nothing");

        // A fact in two halves: each half is found in its own run, and what is left stays what it was.
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        run(&scene, "2026-03-16").await;
        scene.claim(&placements[1..2], "onboarded", "2026-03-06").await.expect(207);
        run(&scene, "2026-03-16").await;
        assert_eq!(list(&scene, "state=open").await, found[2..], "the others are untouched, under the same ids");
        for row in &found[..2] {
            assert_eq!(story(&scene, &row["id"]).await, told(&[("opened", "open"), ("cleared", "cleared")]));
        }
        // Asking once more how things stood earlier does not bring them back.
        scene.app.clock_set("2026-03-17");
        run(&scene, "2026-03-17").await;
        run(&scene, "2026-03-15").await;
        assert_eq!(list(&scene, "state=cleared").await.len(), 2);
        assert_eq!(list(&scene, &format!("placement_id={}", placements[3])).await, found[3..]);
        for (query, count) in [("code=D04,D10", 4), ("code=D05", 0), ("owner=destination&state=open", 2), ("situation=unanswered", 0), ("overdue=true", 0)] {
            assert_eq!(list(&scene, query).await.len(), count, "{query}");
        }
        scene.app.clock_set("2026-03-31");
        assert_eq!(list(&scene, "overdue=true").await.len(), 2, "the clock alone makes them overdue");
        assert_eq!(list(&scene, "overdue=false").await.len(), 2);
    }

    /// F31: an undo restores the state before and leaves both entries; nobody decides about its own fact or undoes another's act.
    async fn an_undo_restores_what_was_before_and_both_entries_stay(app: TestApp) {
        let (scene, _, found) = missing(app, 1).await;
        let (origin, destination, id) = (&scene.origin, &scene.destination, &found[0]["id"]);
        let asked = act(&scene, origin, id, "evidence-requests", json!({ "question": "请提供签到表" })).await.expect(200);
        assert_eq!((&asked.body["state"], &asked.body["due_on"]), (&json!("asked"), &json!("2026-03-30")));
        act(&scene, origin, id, "answers", json!({ "answer": "已核实" })).await.expect(403).problem("role_not_allowed");
        act(&scene, origin, id, "resolution", resolution("origin_right")).await.expect(403).problem("own_fact");
        act(&scene, destination, id, "answers", json!({ "answer": " " })).await.expect(422).problem("field_invalid");
        act(&scene, destination, id, "answers", json!({ "answer": "车辆途中折返，人员未到" })).await.expect(200);
        let before = act(&scene, destination, id, "resolution", resolution("destination_right")).await.expect(200);
        assert_eq!((&before.body["state"], &before.body["outcome"]), (&json!("resolved"), &json!("destination_right")));
        act(&scene, destination, id, "answers", json!({ "answer": "补充" })).await.expect(409).problem("transition_not_allowed");
        act(&scene, origin, id, "undo", json!({ "reason": "不同意" })).await.expect(403).problem("role_not_allowed");
        let stale = [("if-match", "\"1\"")];
        let path = scene.path(&format!("/discrepancies/{}/undo", id.as_str().unwrap()));
        scene.app.post_with(destination, &path, json!({ "reason": "凭证有误" }), &stale).await.expect(412).problem("precondition_failed");
        let undone = act(&scene, destination, id, "undo", json!({ "reason": "凭证有误" })).await.expect(200);
        assert_eq!((&undone.body["state"], &undone.body["outcome"]), (&json!("answered"), &Value::Null));
        assert_eq!(
            story(&scene, id).await,
            told(&[("opened", "open"), ("asked", "asked"), ("answered", "answered"), ("resolved", "resolved"), ("undone", "answered")])
        );
        let entries = read(&scene, id).await["entries"].clone();
        assert_eq!((&entries[4]["undoes"], &entries[3]["outcome"]), (&entries[3]["id"], &json!("destination_right")));
        // The answer is what stands last now, and can be taken back too; then the question, which is the origin's; then there is nothing.
        assert_eq!(act(&scene, destination, id, "undo", json!({ "reason": "重新答复" })).await.expect(200).body["state"], "asked");
        assert_eq!(act(&scene, origin, id, "undo", json!({ "reason": "误发" })).await.expect(200).body["state"], "open");
        act(&scene, origin, id, "undo", json!({ "reason": "误发" })).await.expect(409).problem("transition_not_allowed");
        assert_eq!(list(&scene, "").await[0]["due_on"], found[0]["due_on"]);
    }

    /// What people resolved stays so in later runs, until the facts are others.
    async fn what_is_resolved_is_opened_again_only_by_other_facts(app: TestApp) {
        let (scene, placements, found) = missing(app, 1).await;
        let id = &found[0]["id"];
        act(&scene, &scene.destination, id, "resolution", resolution("void")).await.expect(200);
        scene.app.clock_set("2026-03-23");
        run(&scene, "2026-03-23").await;
        assert_eq!(read(&scene, id).await["state"], "resolved");
        let seen = json!({ "rows": [{ "placement_id": placements[0], "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2" }] });
        scene.app.post(&scene.origin, &scene.path("/claims"), seen).await.expect(207);
        run(&scene, "2026-03-23").await;
        let again = read(&scene, id).await;
        assert_eq!((&again["state"], &again["situation"], &again["code"], &again["owner"], &again["outcome"]), (&json!("open"), &json!("unanswered"), &json!("D06"), &json!("employer"), &Value::Null));
        // Two weeks from the 23rd is 6 April, the last day of the holiday of Qingming.
        assert_eq!(again["due_on"], "2026-04-07");
        assert_eq!(story(&scene, id).await, told(&[("opened", "open"), ("resolved", "resolved"), ("reopened", "open")]));
        scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207);
        run(&scene, "2026-03-23").await;
        assert_eq!(read(&scene, id).await["state"], "cleared");
    }

    /// F31: a second person of the same party confirms what goes over many rows; fewer take effect at once, and each row stands alone.
    async fn a_second_person_confirms_above_a_size(app: TestApp) {
        let (scene, placements, found) = missing(app, 23).await;
        let ids: Vec<&Value> = found.iter().map(|row| &row["id"]).collect();
        let path = scene.path("/discrepancy-resolutions");
        let many = |ids: &[&Value]| json!({ "discrepancy_ids": ids, "outcome": "void", "reason": "批次改期" });
        let own = scene.app.post(&scene.origin, &path, many(&ids[..2])).await.expect(207).body;
        assert_eq!((&own["receipts"]["rejected"], &own["receipts"]["results"][0]["errors"][0]["code"]), (&json!(2), &json!("own_fact")));
        let proposed = scene.app.post(&scene.destination, &path, many(&ids[..22])).await.expect(207).body;
        assert_eq!((&proposed["resolution"]["state"], &proposed["receipts"]["accepted"]), (&json!("proposed"), &json!(22)));
        assert_eq!(list(&scene, "state=open").await.len(), 23, "nothing has taken effect");
        let resolution = proposed["resolution"]["id"].as_str().unwrap().to_owned();
        let confirmation = format!("{path}/{resolution}/confirmation");
        scene.app.post(&scene.destination, &confirmation, json!({})).await.expect(403).problem("second_person_needed");
        scene.app.post(&scene.origin, &confirmation, json!({})).await.expect(403).problem("role_not_allowed");
        let of = |id: &Value, rows: &[Value]| rows.iter().find(|row| row["id"] == *id).unwrap().clone();
        act(&scene, &scene.destination, ids[0], "resolution", json!({ "outcome": "destination_right", "reason": "单独核实" })).await.expect(200);
        let second = colleague(&scene.app, &scene.destination).await;
        let confirmed = scene.app.post(&second, &confirmation, json!({})).await.expect(207).body;
        assert_eq!((&confirmed["receipts"]["accepted"], &confirmed["receipts"]["rejected"]), (&json!(21), &json!(1)));
        assert_eq!(confirmed["receipts"]["results"][0]["errors"][0]["code"], "transition_not_allowed");
        assert_eq!((&confirmed["resolution"]["state"], &confirmed["resolution"]["confirmed_by"]), (&json!("in_effect"), &json!(second.client_id)));
        scene.app.post(&second, &confirmation, json!({})).await.expect(409).problem("transition_not_allowed");
        let rows = list(&scene, "").await;
        assert_eq!((&of(ids[0], &rows)["outcome"], &of(ids[1], &rows)["outcome"]), (&json!("destination_right"), &json!("void")));
        let read = scene.app.get(&scene.origin, &format!("{path}/{resolution}")).await.expect(200).body;
        assert_eq!(read, confirmed["resolution"]);
        let few = scene.app.post(&scene.destination, &path, many(&[ids[22], ids[22], &json!(placements[0])])).await.expect(207).body;
        assert_eq!((&few["resolution"]["state"], &few["receipts"]["accepted"], &few["receipts"]["rejected"]), (&json!("in_effect"), &json!(1), &json!(2)));
        scene.app.post(&scene.destination, &path, many(&[])).await.expect(422).problem("field_invalid");
    }

    /// N11, F31: a claim under a wrong number is matched by hand to the nearest placement, with force and a reason; the next run reads it
    /// there. Undone, it is what it was, under the same id.
    async fn a_claim_is_matched_by_hand_and_the_match_is_undone(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 3).await;
        scene.app.clock_set("2026-03-10");
        let claim = report(&scene, &name(1), &identity_number(91), "2026-03-06").await;
        let before = run(&scene, "2026-03-10").await;
        assert_eq!(before, BTreeMap::from([("awaiting".to_owned(), 3), ("unannounced".to_owned(), 1)]));
        let found = list(&scene, "").await;
        let id = &found[0]["id"];
        assert_eq!((found.len(), &found[0]["code"], &found[0]["owner"], &found[0]["claim_id"], &found[0]["reported_by"]), (1, &json!("D10"), &json!("origin"), &json!(claim), &json!(scene.employer.id)));

        let shown = read(&scene, id).await;
        let nearest = &shown["candidates"][0];
        assert_eq!(nearest["placement_id"], json!(placements[1]), "{shown}");
        let field = |called: &str| nearest["fields"].as_array().unwrap().iter().find(|field| field["field"] == called).unwrap().clone();
        assert_eq!((&field("name")["level"], &field("name")["must_change"]), (&json!("equal"), &json!(false)));
        assert_eq!((&field("identity_number")["level"], &field("identity_number")["must_change"]), (&json!("different"), &json!(true)));
        for secret in [name(1), identity_number(1), identity_number(91)] {
            assert!(!shown.to_string().contains(&secret), "{shown}");
        }

        let to = |placement: &str, more: Value| {
            let mut body = json!({ "placement_id": placement });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let origin = &scene.origin;
        let told = act(&scene, origin, id, "match", to(&placements[1], json!({}))).await.expect(409).problem("match_needs_force");
        assert_eq!(told.body["errors"][0]["code"], "number_differs");
        act(&scene, origin, id, "match", to(&placements[1], json!({ "force": true }))).await.expect(422).problem("field_invalid");
        act(&scene, origin, id, "match", to(&scene.agreement, json!({}))).await.expect(422).problem("field_invalid");
        let forced = to(&placements[1], json!({ "force": true, "reason": "证件号码录入有误，照片核对为同一人" }));
        assert_eq!(act(&scene, origin, id, "match", forced.clone()).await.expect(200).body["state"], "resolved");
        let after = run(&scene, "2026-03-10").await;
        assert_eq!(after, BTreeMap::from([("awaiting".to_owned(), 2), ("matched".to_owned(), 1)]));
        assert_eq!(list(&scene, "").await.len(), 1, "nothing else was opened");

        act(&scene, &scene.destination, id, "undo", json!({ "reason": "认错人" })).await.expect(403).problem("role_not_allowed");
        assert_eq!(act(&scene, origin, id, "undo", json!({ "reason": "认错人" })).await.expect(200).body["state"], "open");
        assert_eq!(run(&scene, "2026-03-10").await, before);
        assert_eq!(story(&scene, id).await, told_of_match());
        act(&scene, origin, id, "match", forced).await.expect(200);
        assert_eq!(run(&scene, "2026-03-10").await, after);
    }

    /// F32: last season's placement is never swallowed; the same person in two seasons is two matters, and a corrected claim is the same one.
    async fn two_seasons_are_two_matters(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207);
        report(&scene, &name(80), &identity_number(80), "2026-03-06").await;
        run(&scene, "2026-03-07").await;
        let first = list(&scene, "").await;
        assert_eq!(first.len(), 1);
        report(&scene, &name(80), &identity_number(80), "2026-03-05").await;
        run(&scene, "2026-03-07").await;
        let corrected = list(&scene, "").await;
        assert_eq!((corrected.len(), &corrected[0]["id"]), (1, &first[0]["id"]), "the employer corrected its claim");
        assert_eq!(story(&scene, &first[0]["id"]).await, told(&[("opened", "open"), ("changed", "open")]));

        scene.app.clock_set("2027-03-08");
        report(&scene, &name(80), &identity_number(80), "2027-03-06").await;
        report(&scene, &name(0), &identity_number(0), "2027-03-06").await;
        run(&scene, "2027-03-08").await;
        let found = list(&scene, "situation=unannounced").await;
        assert_eq!(found.len(), 3, "{found:#?}");
        assert_eq!(found[0]["id"], first[0]["id"]);
        let this_year = &found[2]["id"];
        let last_season = json!({ "placement_id": placements[0] });
        let told = act(&scene, &scene.origin, this_year, "match", last_season).await.expect(409).problem("match_not_possible");
        assert!(told.body["detail"].as_str().unwrap().contains("has spoken of this placement already"), "{}", told.body);
        let forced = json!({ "placement_id": placements[0], "force": true, "reason": "同一人" });
        act(&scene, &scene.origin, this_year, "match", forced).await.expect(409).problem("match_not_possible");
    }

    /// F39, N15: what each party owes, what is overdue and how punctual it was, as of any day; the sum over the parties is the total.
    async fn every_party_sees_what_it_owes(app: TestApp) {
        let (scene, placements, found) = missing(app, 4).await;
        let duties = async |day: &str| scene.app.get(&scene.origin, &scene.path(&format!("/duties?as_of={day}"))).await.expect(200).body;
        let of = |duties: &Value, party: &TestParty, kind: &str| {
            let parties = duties["parties"].as_array().unwrap();
            let own = parties.iter().find(|row| row["party_id"] == json!(party.id)).unwrap_or_else(|| panic!("{duties}"));
            ["open", "overdue", "disputed", "due", "in_time"].map(|column| own[kind][column].as_i64().unwrap())
        };
        let summed = |duties: &Value| {
            for column in ["open", "overdue", "disputed", "due", "in_time"] {
                let sum: i64 = duties["parties"].as_array().unwrap().iter().map(|party| party["total"][column].as_i64().unwrap()).sum();
                assert_eq!(duties["total"][column], sum, "{column}: {duties}");
            }
        };
        let at_first = duties("2026-03-16").await;
        assert_eq!(of(&at_first, &scene.employer, "arrivals"), [4, 4, 0, 4, 0]);
        assert_eq!(of(&at_first, &scene.destination, "discrepancies"), [4, 0, 0, 0, 0]);
        assert_eq!(of(&at_first, &scene.origin, "total"), [0; 5]);
        let overdue = scene.app.get(&scene.origin, &scene.path("/overdue-arrivals")).await.expect(200).body;
        assert_eq!(overdue["items"].as_array().unwrap().len(), 4, "the queue and the list agree");
        summed(&at_first);

        // One is answered in time, one resolved without an answer before it was due, one contested; the last is overdue.
        act(&scene, &scene.destination, &found[0]["id"], "answers", json!({ "answer": "未到" })).await.expect(200);
        act(&scene, &scene.destination, &found[1]["id"], "resolution", resolution("void")).await.expect(200);
        let dispute = scene.path(&format!("/placements/{}/disputes", placements[2]));
        scene.app.post(&scene.destination, &dispute, json!({ "reason": "该人员未上车" })).await.expect(201);
        assert_eq!(read(&scene, &found[2]["id"]).await["is_disputed"], true);
        scene.app.clock_set("2026-03-31");
        let later = duties("2026-03-31").await;
        assert_eq!(of(&later, &scene.destination, "discrepancies"), [1, 1, 1, 4, 2]);
        assert_eq!(of(&later, &scene.employer, "arrivals"), [3, 3, 1, 4, 0]);
        summed(&later);
        assert_eq!(duties("2026-03-13").await["total"]["due"], 0, "on Friday the 13th the arrivals were still on time");
        // An undone answer is owed again, until the same day as before.
        act(&scene, &scene.destination, &found[0]["id"], "undo", json!({ "reason": "答复有误" })).await.expect(200);
        let undone = duties("2026-03-31").await;
        assert_eq!(of(&undone, &scene.destination, "discrepancies"), [2, 2, 1, 4, 1]);
        summed(&undone);
    }

    /// F33: a contested row is told by its dispute; both have to act, and it stands in a column of its own.
    async fn a_contested_row_is_a_matter_of_both(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        scene.app.clock_set("2026-03-10");
        scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207);
        let disputes = scene.path(&format!("/placements/{}/disputes", placements[0]));
        let dispute = scene.app.post(&scene.origin, &disputes, json!({ "reason": "该人员未到岗" })).await.expect(201).id();
        run(&scene, "2026-03-10").await;
        let found = list(&scene, "").await;
        assert_eq!((&found[0]["situation"], &found[0]["owner"], &found[0]["is_disputed"]), (&json!("disputed"), &json!("both"), &json!(true)));
        let duties = scene.app.get(&scene.employer, &scene.path("/duties")).await;
        duties.expect(404).problem("not_found");
        let duties = scene.app.get(&scene.origin, &scene.path("/duties")).await.expect(200).body;
        assert_eq!((&duties["total"]["open"], &duties["total"]["disputed"]), (&json!(0), &json!(2)));
        scene.app.post(&scene.origin, &format!("{disputes}/{dispute}/withdrawal"), json!({})).await.expect(200);
        run(&scene, "2026-03-10").await;
        assert_eq!(list(&scene, "").await[0]["state"], "cleared");
    }

    /// What belongs to others looks absent, and a station reads but does not decide.
    async fn only_the_sides_work_on_discrepancies(app: TestApp) {
        let (scene, _, found) = missing(app, 1).await;
        let outsider = scene.app.party("某县人社局", "authority", "430522").await;
        let id = &found[0]["id"];
        act(&scene, &outsider, id, "resolution", resolution("void")).await.expect(404).problem("not_found");
        scene.app.get(&outsider, &scene.path("/discrepancies")).await.expect(404).problem("not_found");
        scene.app.get(&outsider, &scene.path("/duties")).await.expect(404).problem("not_found");
        act(&scene, &scene.destination, &json!(scene.agreement), "resolution", resolution("void")).await.expect(404).problem("not_found");
    }
}

fn told_of_match() -> Vec<(String, String)> {
    told(&[("opened", "open"), ("matched", "resolved"), ("undone", "open")])
}
