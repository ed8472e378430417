//! Retention: what both sides rely on when they ask who is still there.

mod guarantee;
mod transfers;

use labour_exchange::agreements::rule_terms::EvidenceLevel;
use labour_exchange::db::{Day, Id, statement};
use labour_exchange::dispatches::PlacementState;
use labour_exchange::dispatches::outcomes::{self, Outcome};
use labour_exchange::dispatches::tally;
use labour_exchange::events::Actor;
use labour_exchange::identity::Scope;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::hand_case::{self, Fact, When};
use crate::support::scene::{Scene, targets, terms};
use crate::support::{Reply, TestApp, TestParty};

const YIWU: &str = "330782";
const HAINING: &str = "330481";
/// Everybody in these tests is accepted on 6 March; nodes fall on 5 April (30 d), 4 June (90 d) and 2 September (180 d).
const ACCEPTED_ON: &str = "2026-03-06";

/// A rule as strict as they come: same employer, 15 days of absence, sealed rosters, 45 days of silence.
fn strict() -> Value {
    let mut terms = terms(&targets());
    terms["retention"] = json!({
        "rule_id": "stay_days_continuous",
        "nodes": [{ "unit": "days", "length": 30 }, { "unit": "days", "length": 90 }, { "unit": "days", "length": 180 }],
        "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "first_employer", "start_basis": "onboarded_day",
        "minimum_evidence": "e2", "monthly_wage_floor_fen": null, "evidence_valid_days": 45
    });
    terms
}

fn with(mut terms: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        terms["retention"][name] = value.clone();
    }
    terms
}

/// A county's workers at an employer in Yiwu, an employer next door and one in Haining.
#[derive(Clone)]
struct Posts {
    scene: Scene,
    next_door: TestParty,
    haining: TestParty,
    quota: String,
    placements: Vec<String>,
}

impl std::ops::Deref for Posts {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Posts {
    /// So many workers, accepted on 6 March under these terms.
    async fn filled(app: TestApp, terms: Value, count: usize) -> Self {
        let scene = Scene::with_terms(app, terms).await;
        let next_door = scene.app.party("义乌针织有限公司", "employer", YIWU).await;
        let haining = scene.app.party("海宁皮革有限公司", "employer", HAINING).await;
        let (quota, placements) = scene.sent(0, count).await;
        scene.app.clock_set("2026-03-07");
        onboard(&scene, &placements).await;
        Self { scene, next_door, haining, quota, placements }
    }

    async fn observe(&self, by: &TestParty, rows: Vec<Value>) -> Reply {
        self.app.post(by, &self.path("/observations"), json!({ "rows": rows })).await.expect(207)
    }

    async fn leave(&self, by: &TestParty, rows: Vec<Value>) -> Reply {
        self.app.post(by, &self.path("/exits"), json!({ "rows": rows })).await.expect(207)
    }

    async fn begin(&self, by: &TestParty, rows: Vec<Value>) -> Reply {
        self.app.post(by, &self.path("/spells"), json!({ "rows": rows })).await.expect(207)
    }

    /// Sealed monthly rosters of an employer for whole months of 2026.
    async fn rosters(&self, by: &TestParty, worker: usize, months: std::ops::RangeInclusive<i8>) {
        let rows = months.map(|month| self.roster(worker, month)).collect();
        all_accepted(&self.observe(by, rows).await);
    }

    fn roster(&self, worker: usize, month: i8) -> Value {
        let first = jiff::civil::date(2026, month, 1);
        json!({
            "placement_id": self.placements[worker], "seen_from": first, "seen_to": first.last_of_month(),
            "evidence": "e2", "source": "employer_roster"
        })
    }

    fn exit(&self, worker: usize, on: &str, reason: &str) -> Value {
        json!({ "placement_id": self.placements[worker], "ended_on": on, "grain": "day", "reason": reason })
    }

    fn start(&self, worker: usize, at: &TestParty, on: &str) -> Value {
        let region = if at.id == self.haining.id { HAINING } else { YIWU };
        json!({ "placement_id": self.placements[worker], "employer_id": at.id, "region_code": region, "started_on": on, "grain": "day" })
    }

    async fn retention(&self, worker: usize) -> Value {
        let path = self.path(&format!("/placements/{}/retention", self.placements[worker]));
        self.app.get(&self.origin, &path).await.expect(200).body
    }

    /// State and reason at a node by first employer, region and any employer.
    async fn verdict(&self, worker: usize, node: &str, scope: &str) -> (String, String) {
        let body = self.retention(worker).await;
        let check = body["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["node"] == node && check["scope"] == scope)
            .unwrap_or_else(|| panic!("no check at {node} by {scope}: {body}"));
        (check["state"].as_str().unwrap().to_owned(), check["reason"].as_str().unwrap().to_owned())
    }

    /// What is stored about a placement: node, state and reason, in the order of the nodes.
    async fn stored(&self, worker: usize) -> Vec<(String, String)> {
        let placement = Id::parse(&self.placements[worker]).unwrap();
        let read = move |connection: &mut _| {
            let rows: Vec<(String, String)> = diesel::RunQueryDsl::load(
                statement("select node, state from retention_check where placement_id = ? order by length(node), node")
                    .bind(placement)
                    .returning::<(diesel::sql_types::Text, diesel::sql_types::Text)>(),
                connection,
            )?;
            Ok(rows)
        };
        self.app.state.db.read(read).await.unwrap()
    }

    /// Persons retained at a node, as fulfilment counts them: certain.
    async fn retained_in_fulfilment(&self, node: &str) -> i64 {
        let agreement = Id::parse(&self.agreement).unwrap();
        let figures = self.app.state.db.read(move |connection| tally::stored(connection, agreement)).await.unwrap();
        let cells = figures.tallies.iter().filter(|(cell, _)| {
            cell.measure == tally::Measure::Retained
                && cell.node == node
                && cell.quota_id == Id::NIL
                && cell.scope.is_none()
                && cell.population == labour_exchange::workers::Population::All
        });
        cells.map(|(_, count)| count.persons).sum()
    }

    /// The stored tallies are what the facts give.
    async fn tallies_are_true(&self) {
        let agreement = Id::parse(&self.agreement).unwrap();
        let off = self.app.state.db.read(move |connection| tally::differences(connection, agreement)).await.unwrap();
        assert_eq!(off, Vec::<String>::new());
    }

    async fn last_event(&self) -> Value {
        let feed = self.app.get(&self.origin, "/v1/events?limit=1000").await.expect(200).body;
        feed["items"].as_array().unwrap().last().unwrap().clone()
    }

    /// What the events of a kind say, oldest first.
    async fn events(&self, kind: &str) -> Vec<Value> {
        let feed = self.app.get(&self.origin, &format!("/v1/events?limit=1000&types={kind}")).await.expect(200).body;
        feed["items"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect()
    }
}

#[track_caller]
fn all_accepted(reply: &Reply) {
    let rows = reply.body["results"].as_array().unwrap().len();
    assert_eq!(reply.body["accepted"], rows, "{}", reply.body);
}

/// Status and first fault of each row.
fn outcomes_of(reply: &Reply) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = reply.body["results"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["status"]), text(&row["errors"][0]["code"]))).collect()
}

async fn onboard(scene: &Scene, placements: &[String]) {
    let agreement = Id::parse(&scene.agreement).unwrap();
    let scope = Scope { party_id: scene.employer.id, client_id: scene.employer.client_id };
    let actor = Actor { scope, request_id: None, now: scene.app.state.clock.now() };
    let day = Day::parse(ACCEPTED_ON).unwrap();
    let outcomes: Vec<Outcome> = placements
        .iter()
        .map(|id| Outcome {
            placement_id: Id::parse(id).unwrap(),
            state: PlacementState::Onboarded,
            outcome_on: day,
            onboarded_on: Some(day),
            real_employer_id: None,
            real_region_code: None,
            evidence: EvidenceLevel::E2,
            late: false,
            certain: true,
        })
        .collect();
    scene
        .app
        .state
        .db
        .write(move |connection| {
            let terms = labour_exchange::agreements::store::terms_on(connection, agreement, day)?;
            outcomes::apply(connection, &actor, agreement, &outcomes, &terms)
        })
        .await
        .unwrap();
}

/// Another empty exchange on the same back end.
async fn fresh(app: &TestApp) -> TestApp {
    if app.is_postgres() { TestApp::over_postgres().await } else { TestApp::over_sqlite().await }
}

/// The facts of a hand case about a worker, reported as the clerk wrote them down.
async fn report(posts: &Posts, worker: usize, facts: &[Fact]) {
    let at = |name: &str| match name {
        "本厂" => &posts.employer,
        "邻厂" => &posts.next_door,
        _ => &posts.haining,
    };
    let dated = |mut row: Value, when: &When| {
        row["grain"] = json!(if when.by_month { "month" } else { "day" });
        row
    };
    let mut employer = &posts.employer;
    for fact in facts {
        match fact {
            Fact::Began(to, when) => {
                employer = to.as_deref().map_or(employer, at);
                let row = dated(posts.start(worker, employer, &when.day.to_string()), when);
                all_accepted(&posts.begin(&posts.destination, vec![row]).await);
            }
            Fact::Left(reason, when) => {
                let row = dated(posts.exit(worker, &when.day.to_string(), reason), when);
                all_accepted(&posts.leave(employer, vec![row]).await);
            }
            Fact::Seen { employer, periods, evidence, source, monthly_wage_fen } => {
                let row = |(from, to): &(jiff::civil::Date, jiff::civil::Date)| {
                    json!({ "placement_id": posts.placements[worker], "seen_from": from, "seen_to": to, "employer_id": at(employer).id,
                        "evidence": evidence, "source": source, "monthly_wage_fen": monthly_wage_fen })
                };
                all_accepted(&posts.observe(&posts.destination, periods.iter().map(row).collect()).await);
            }
        }
    }
}

/// The usual terms with a rule of their own.
fn by_rule(rule: Value) -> Value {
    let mut terms = terms(&json!([]));
    terms["retention"] = rule;
    terms
}

fn word(state: &Value) -> &'static str {
    match state.as_str().unwrap() {
        "retained" => "在岗",
        "left" => "离岗",
        "unverifiable" | "pending" => "不明",
        _ => "未到期",
    }
}

on_both! {
    /// F34: twelve people through the API give the rates that a clerk computed on paper, and the rows behind them; what is stored about
    /// each is what is read.
    async fn twelve_people_give_the_hand_computed_rates(app: TestApp) {
        let posts = Posts::filled(app, by_rule(hand_case::strict_rule()), 12).await;
        posts.app.clock_set("2027-05-01");
        for (worker, person) in hand_case::persons().iter().enumerate() {
            report(&posts, worker, &person.facts).await;
        }
        let scopes = ["first_employer", "same_region", "any"];
        for (worker, person) in hand_case::persons().iter().enumerate() {
            let body = posts.retention(worker).await;
            for (place, scope) in scopes.iter().enumerate() {
                let checks = body["checks"].as_array().unwrap().iter().filter(|check| check["scope"] == *scope);
                let found: Vec<&str> = checks.map(|check| word(&check["state"])).collect();
                assert_eq!(found, person.verdicts[place], "第 {} 人，{}", person.number, hand_case::READINGS[place]);
            }
            let stored: Vec<&str> = posts.stored(worker).await.iter().map(|(_, state)| word(&json!(state))).collect();
            assert_eq!(stored, person.verdicts[0], "第 {} 人", person.number);
        }
        let figures = posts.app.get(&posts.destination, &posts.path("/retention?plan_year=2026")).await.expect(200).body;
        for ((reading, rates), scope) in hand_case::rates().iter().zip(scopes) {
            for ((retained, due), node) in rates.iter().zip(["30d", "90d", "180d", "365d"]) {
                let figure = figures["items"].as_array().unwrap().iter().find(|item| item["scope"] == scope && item["node"] == node).unwrap();
                assert_eq!(figure["rate"], json!({ "numerator": retained, "denominator": due }), "{reading} {figure}");
                assert_eq!((&figure["onboarded"], &figure["unit"], &figure["rule_id"]), (&json!(12), &json!("person_time"), &json!("stay_days_continuous")));
                assert_eq!(figure["counts"], scope == "first_employer");
            }
        }
        assert_eq!(posts.retained_in_fulfilment("90d").await, 6, "the agreement counts by first employer");
        posts.tallies_are_true().await;
        let one = posts.app.get(&posts.origin, &posts.path("/retention?node=90d&scope=any&as_of=2026-06-03")).await.expect(200).body;
        assert_eq!(one["items"].as_array().unwrap().len(), 1);
        assert_eq!((&one["items"][0]["not_due"], &one["items"][0]["due"]), (&json!(12), &json!(0)), "the day before the due day");
    }

    /// 返岗: home for the holiday and back within the allowed days is one spell; a day longer is not.
    async fn back_from_the_holiday_within_the_gap_is_one_spell(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        posts.app.clock_set("2026-07-01");
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-04-20", "holiday_home"), posts.exit(1, "2026-04-20", "holiday_home")]).await);
        assert_eq!(posts.verdict(0, "90d", "first_employer").await, ("left".into(), "not_back_within_gap".into()));
        // Away from 21 April: back on 6 May after 15 days, on 7 May after 16.
        all_accepted(&posts.begin(&posts.employer, vec![posts.start(0, &posts.employer, "2026-05-06"), posts.start(1, &posts.employer, "2026-05-07")]).await);
        for worker in [0, 1] {
            posts.rosters(&posts.employer, worker, 3..=6).await;
        }
        assert_eq!(posts.verdict(0, "90d", "first_employer").await, ("retained".into(), "seen_in_post".into()));
        assert_eq!(posts.verdict(1, "90d", "first_employer").await, ("left".into(), "break_too_long".into()));
        let (within, beyond) = (posts.retention(0).await, posts.retention(1).await);
        assert_eq!(within["spells"][1]["same_as_previous"], true, "{within}");
        assert_eq!(beyond["spells"][1]["same_as_previous"], false, "{beyond}");
        let placement = posts.app.get(&posts.origin, &posts.path(&format!("/placements/{}", posts.placements[0]))).await.expect(200).body;
        assert_eq!(placement["state"], "onboarded", "a holiday leaves the placement open");
    }

    /// F14: a transfer within the region keeps the region's clock and stops the first employer's; the new employer reports from then on.
    async fn a_transfer_keeps_the_clock_of_the_region(app: TestApp) {
        let posts = Posts::filled(app, with(strict(), &json!({ "employer_scope": "same_region" })), 1).await;
        posts.app.clock_set("2026-07-01");
        let unknown = posts.app.get(&posts.next_door, &posts.path("/observations")).await;
        unknown.problem("not_found");
        posts.rosters(&posts.employer, 0, 3..=4).await;
        let moved = posts.begin(&posts.destination, vec![posts.start(0, &posts.next_door, "2026-04-21")]).await;
        all_accepted(&moved);
        posts.rosters(&posts.next_door, 0, 4..=6).await;
        assert_eq!(posts.verdict(0, "90d", "same_region").await, ("retained".into(), "seen_in_post".into()));
        assert_eq!(posts.verdict(0, "90d", "first_employer").await, ("left".into(), "exited".into()));
        let spells = posts.retention(0).await["spells"].clone();
        let days = |spell: &Value| (spell["started_on"].clone(), spell["ended_on"].clone(), spell["end_reason"].clone());
        assert_eq!(days(&spells[0]), (json!("2026-03-06"), json!("2026-04-20"), json!("transferred")));
        assert_eq!(days(&spells[1]), (json!("2026-04-21"), Value::Null, Value::Null));
        let foreign = posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-20", "resigned")]).await;
        assert_eq!(outcomes_of(&foreign), [("rejected".to_owned(), "not_your_spell".to_owned())]);
        all_accepted(&posts.leave(&posts.next_door, vec![posts.exit(0, "2026-06-20", "resigned")]).await);
        posts.tallies_are_true().await;
    }

    /// A wage under the floor does not count, no wage does not count, and the reader is told what to ask for.
    async fn a_wage_under_the_floor_does_not_count(app: TestApp) {
        let posts = Posts::filled(app, with(strict(), &json!({ "monthly_wage_floor_fen": 100_000 })), 3).await;
        posts.app.clock_set("2026-05-01");
        let ledger = |worker: usize, month, fen: Value| {
            let mut row = posts.roster(worker, month);
            (row["evidence"], row["source"], row["monthly_wage_fen"]) = (json!("e3"), json!("wage_ledger"), fen);
            row
        };
        let rows = [3, 4].iter().flat_map(|month| {
            [ledger(0, *month, json!(100_000)), ledger(1, *month, json!(99_999)), ledger(2, *month, Value::Null)]
        }).collect();
        all_accepted(&posts.observe(&posts.employer, rows).await);
        assert_eq!(posts.verdict(0, "30d", "first_employer").await, ("retained".into(), "seen_in_post".into()));
        assert_eq!(posts.verdict(1, "30d", "first_employer").await, ("unverifiable".into(), "wage_below_floor".into()));
        assert_eq!(posts.verdict(2, "30d", "first_employer").await, ("unverifiable".into(), "wage_not_shown".into()));
        let corrected = [3, 4].map(|month| ledger(1, month, json!(120_000))).to_vec();
        all_accepted(&posts.observe(&posts.employer, corrected).await);
        assert_eq!(posts.verdict(1, "30d", "first_employer").await.0, "retained");
        assert_eq!(posts.retained_in_fulfilment("30d").await, 2);
    }

    /// Weak evidence does not count, stays in the denominator, and the remedy is told in both languages.
    async fn weak_evidence_shows_as_unverifiable_with_the_remedy(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-04-10");
        let call = json!({ "placement_id": posts.placements[0], "seen_from": "2026-04-06", "seen_to": "2026-04-06", "evidence": "e0", "source": "phone_call" });
        all_accepted(&posts.observe(&posts.origin, vec![call]).await);
        let check = posts.retention(0).await["checks"][0].clone();
        assert_eq!((&check["state"], &check["reason"], &check["evidence"]), (&json!("unverifiable"), &json!("evidence_below_minimum"), &json!("e0")));
        assert!(check["text_zh"].as_str().unwrap().starts_with("无法核实：有在岗记录，但证据等级低于协议要求"), "{check}");
        assert!(check["text_en"].as_str().unwrap().contains("sealed roster"), "{check}");
        assert_eq!(posts.stored(0).await[0], ("30d".to_owned(), "pending".to_owned()));
        let figure = posts.app.get(&posts.origin, &posts.path("/retention?node=30d&scope=first_employer")).await.expect(200).body["items"][0].clone();
        assert_eq!((&figure["unverifiable"], &figure["rate"]), (&json!(1), &json!({ "numerator": 0, "denominator": 1 })));
    }

    /// Who left the day before a node has left; the party that reported the day may correct it, and the verdict turns back.
    async fn a_corrected_exit_turns_a_verdict_back(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-07-01");
        posts.rosters(&posts.employer, 0, 3..=6).await;
        assert_eq!(posts.retained_in_fulfilment("90d").await, 1);
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-03", "resigned")]).await);
        assert_eq!(posts.verdict(0, "90d", "first_employer").await, ("left".into(), "exited".into()));
        assert_eq!(posts.retained_in_fulfilment("90d").await, 0);
        let placement = posts.app.get(&posts.origin, &posts.path(&format!("/placements/{}", posts.placements[0]))).await.expect(200).body;
        assert_eq!((&placement["state"], &placement["ended_on"], &placement["end_reason"]), (&json!("ended"), &json!("2026-06-03"), &json!("resigned")));

        let other_side = posts.leave(&posts.origin, vec![posts.exit(0, "2026-06-04", "returned_home")]).await;
        assert_eq!(outcomes_of(&other_side), [("rejected".to_owned(), "already_ended".to_owned())]);
        assert_eq!(other_side.body["results"][0]["errors"][0]["params"]["ended_on"], "2026-06-03");
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-04", "resigned")]).await);
        assert_eq!(posts.verdict(0, "90d", "first_employer").await.0, "retained", "in post on the due day");
        assert_eq!(posts.retained_in_fulfilment("90d").await, 1);
        let again = posts.begin(&posts.employer, vec![posts.start(0, &posts.employer, "2026-06-20")]).await;
        assert_eq!(outcomes_of(&again), [("rejected".to_owned(), "placement_ended".to_owned())]);
        posts.tallies_are_true().await;
    }

    /// An exit reported by mistake is taken back by its reporter: spell, placement, verdicts and figures go on, and both entries stay.
    async fn a_mistaken_exit_is_withdrawn_by_its_reporter(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-07-01");
        posts.rosters(&posts.employer, 0, 3..=6).await;
        let nothing = posts.path(&format!("/exits/{}/withdrawal", posts.placements[0]));
        posts.app.post(&posts.employer, &nothing, json!({})).await.problem("not_found");
        let left = posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-03", "resigned")]).await;
        all_accepted(&left);
        assert_eq!(posts.verdict(0, "90d", "first_employer").await.0, "left");
        let spell = left.body["results"][0]["id"].as_str().unwrap().to_owned();
        let path = posts.path(&format!("/exits/{spell}/withdrawal"));
        posts.app.post(&posts.origin, &path, json!({})).await.problem("role_not_allowed");
        let going_on = posts.app.post(&posts.employer, &path, json!({})).await.expect(200).body;
        assert_eq!((&going_on["id"], &going_on["ended_on"], &going_on["end_reason"]), (&json!(spell), &Value::Null, &Value::Null));
        assert_eq!(posts.events("exit.withdrawn").await.len(), 1);
        posts.app.post(&posts.employer, &path, json!({})).await.problem("transition_not_allowed");

        assert_eq!(posts.verdict(0, "90d", "first_employer").await.0, "retained");
        assert_eq!(posts.retained_in_fulfilment("90d").await, 1);
        let placement = posts.app.get(&posts.origin, &posts.path(&format!("/placements/{}", posts.placements[0]))).await.expect(200).body;
        assert_eq!((&placement["state"], &placement["ended_on"]), (&json!("onboarded"), &Value::Null));
        let quota = posts.quota(1).await;
        let dispatch = posts.dispatch_on("2026-07-05", "2026-07-06").await;
        let bound = posts.enrol(&dispatch, &quota, &[placement["worker_id"].as_str().unwrap().to_owned()]).await.expect(207).body;
        assert_eq!(bound["rejected"], 1, "the worker is bound to the placement again: {bound}");
        let exits = posts.retention(0).await["exits"].clone();
        let kinds: Vec<_> = exits.as_array().unwrap().iter().map(|entry| (entry["kind"].as_str().unwrap(), entry["late"].as_bool().unwrap())).collect();
        assert_eq!(kinds, [("reported", true), ("withdrawn", true)], "reported four weeks after the last day in post");
        posts.tallies_are_true().await;

        // Home for the holiday, and then reported as gone for good: taking that back leaves the holiday.
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-28", "holiday_home")]).await);
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-30", "returned_home")]).await);
        let home = posts.app.post(&posts.employer, &path, json!({})).await.expect(200).body;
        assert_eq!((&home["ended_on"], &home["end_reason"]), (&json!("2026-06-28"), &json!("holiday_home")));
        all_accepted(&posts.begin(&posts.employer, vec![posts.start(0, &posts.employer, "2026-06-30")]).await);
        posts.app.post(&posts.employer, &path, json!({})).await.problem("transition_not_allowed");
        posts.tallies_are_true().await;
    }

    /// A corrected day of arrival may lie under other terms: only the nodes of their rule are asked, and none is counted twice.
    async fn a_corrected_arrival_is_asked_by_the_rule_of_its_day(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        let by_month = json!({ "rule_id": "stay_months", "nodes": [{ "unit": "calendar_months", "length": 3 }] });
        let mut later = with(strict(), &by_month);
        later["targets"].as_array_mut().unwrap().retain(|target| target["indicator"] != "retained");
        posts.amended("2026-03-20", later).await;
        posts.app.clock_set("2026-03-25");
        posts.claim(&posts.placements, "onboarded", "2026-03-22").await.expect(207);
        assert_eq!(posts.stored(0).await, [("3m".to_owned(), "pending".to_owned())]);
        posts.tallies_are_true().await;
        posts.claim(&posts.placements, "onboarded", ACCEPTED_ON).await.expect(207);
        let nodes: Vec<String> = posts.stored(0).await.into_iter().map(|(node, _)| node).collect();
        assert_eq!(nodes, ["30d", "90d", "180d"]);
        posts.tallies_are_true().await;
    }

    /// A rule that counts from the listing day of the group keeps its due day through a denial and a confirmation.
    async fn a_rule_by_listing_day_keeps_its_due_days_through_corrections(app: TestApp) {
        let posts = Posts::filled(app, with(strict(), &json!({ "start_basis": "group_listing_day" })), 1).await;
        let due = async || {
            let agreement = Id::parse(&posts.agreement).unwrap();
            posts.app.state.db.read(move |connection| tally::stored(connection, agreement)).await.unwrap().due
        };
        let first = due().await;
        posts.claim(&posts.placements, "no_show", ACCEPTED_ON).await.expect(207);
        posts.claim(&posts.placements, "onboarded", ACCEPTED_ON).await.expect(207);
        assert_eq!(due().await, first);
        assert!(!first.is_empty());
        posts.tallies_are_true().await;
    }

    /// An arrival that is denied and then confirmed again is judged by what was seen before.
    async fn an_arrival_denied_and_confirmed_again_keeps_its_verdicts(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-07-01");
        posts.rosters(&posts.employer, 0, 3..=6).await;
        let arrived_on = posts.retention(0).await["onboarded_on"].as_str().unwrap().to_owned();
        let before = posts.stored(0).await;
        assert!(before.iter().any(|(_, state)| state == "retained"), "{before:?}");
        posts.claim(&posts.placements, "no_show", &arrived_on).await.expect(207);
        assert_eq!(posts.stored(0).await, []);
        posts.claim(&posts.placements, "onboarded", &arrived_on).await.expect(207);
        assert_eq!(posts.stored(0).await, before);
        assert_eq!(posts.retained_in_fulfilment("90d").await, 1);
        posts.tallies_are_true().await;
    }

    /// A stronger record that missed the worker turns "retained" back; the figures follow.
    async fn a_stronger_record_turns_a_verdict_back(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-07-01");
        posts.rosters(&posts.employer, 0, 3..=6).await;
        assert_eq!(posts.stored(0).await[1].1, "retained");
        let insured = json!({ "placement_id": posts.placements[0], "in_post": false, "seen_from": "2026-04-10", "seen_to": "2026-06-30", "evidence": "e5", "source": "social_insurance" });
        all_accepted(&posts.observe(&posts.destination, vec![insured]).await);
        assert_eq!(posts.stored(0).await[1].1, "left");
        assert_eq!(posts.retained_in_fulfilment("90d").await, 0);
        assert_eq!(posts.retained_in_fulfilment("30d").await, 1);
        posts.tallies_are_true().await;
    }

    /// Due days come by themselves: nobody writes, and "not due" becomes "cannot be verified".
    async fn the_clock_alone_makes_a_silent_row_unverifiable(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        let before = posts.last_event().await;
        posts.app.clock_set("2026-04-04");
        assert_eq!(posts.verdict(0, "30d", "first_employer").await, ("not_due".into(), "due_day_ahead".into()));
        posts.app.clock_set("2026-04-05");
        assert_eq!(posts.verdict(0, "30d", "first_employer").await, ("unverifiable".into(), "never_observed".into()));
        assert_eq!(posts.stored(0).await[0].1, "pending");
        assert_eq!(posts.last_event().await, before);
        let path = posts.path(&format!("/placements/{}/retention?as_of=2026-04-04", posts.placements[0]));
        assert_eq!(posts.app.get(&posts.employer, &path).await.expect(200).body["checks"][0]["state"], "not_due");
        posts.app.get(&posts.employer, &posts.path(&format!("/placements/{}/retention?as_of=2026-04-06", posts.placements[0]))).await.problem("parameter_invalid");
    }

    /// The monthly monitoring export knows only months: a named month counts whole, and sending it again changes nothing.
    async fn what_is_known_by_the_month_counts_whole_months(app: TestApp) {
        let posts = Posts::filled(app, with(strict(), &json!({ "employer_scope": "same_region" })), 2).await;
        posts.app.clock_set("2026-07-10");
        let moved = json!({ "placement_id": posts.placements[0], "employer_id": posts.next_door.id, "region_code": YIWU, "started_on": "2026-04-17", "grain": "month" });
        let left = |worker: usize, on: &str, reason: &str| json!({ "placement_id": posts.placements[worker], "ended_on": on, "grain": "month", "reason": reason });
        for expected in ["accepted", "unchanged"] {
            assert_eq!(posts.begin(&posts.origin, vec![moved.clone()]).await.body["results"][0]["status"], expected);
            assert_eq!(posts.leave(&posts.origin, vec![left(1, "2026-06-02", "returned_home")]).await.body["results"][0]["status"], expected);
        }
        posts.rosters(&posts.employer, 0, 3..=3).await;
        posts.rosters(&posts.next_door, 0, 4..=6).await;
        posts.rosters(&posts.employer, 1, 3..=6).await;
        let spells = posts.retention(0).await["spells"].clone();
        assert_eq!((&spells[0]["ended_on"], &spells[1]["started_on"], &spells[1]["grain"]), (&json!("2026-03-31"), &json!("2026-04-01"), &json!("month")));
        assert_eq!(posts.verdict(0, "90d", "same_region").await.0, "retained");
        // Left in June: in post until 30 June, so still there on 4 June.
        assert_eq!(posts.verdict(1, "90d", "same_region").await.0, "retained");
        assert_eq!(posts.retention(1).await["ended_on"], "2026-06-30");
        // A month that is not over ends today at the latest, and the same month again is the same report.
        let current = vec![left(0, "2026-07-01", "resigned")];
        all_accepted(&posts.leave(&posts.destination, current.clone()).await);
        assert_eq!(posts.retention(0).await["ended_on"], "2026-07-10");
        posts.app.clock_set("2026-07-20");
        assert_eq!(posts.leave(&posts.destination, current).await.body["unchanged"], 1);
    }

    /// The same file sent again changes nothing: no row, no event, no new version of the figures.
    async fn the_same_file_again_is_unchanged(app: TestApp) {
        let posts = Posts::filled(app, strict(), 3).await;
        posts.app.clock_set("2026-05-01");
        let file: Vec<Value> = (0..3).map(|worker| {
            let mut row = posts.roster(worker, 4);
            row["client_ref"] = json!(format!("2026-04/{worker}"));
            row
        }).collect();
        let exits = vec![posts.exit(2, "2026-04-20", "dismissed")];
        let first = posts.observe(&posts.employer, file.clone()).await;
        all_accepted(&first);
        all_accepted(&posts.leave(&posts.employer, exits.clone()).await);
        let event = posts.last_event().await;
        let again = posts.observe(&posts.employer, file.clone()).await;
        assert_eq!(again.body["unchanged"], 3);
        for row in 0..3 {
            assert_eq!(again.body["results"][row]["id"], first.body["results"][row]["id"]);
            assert_eq!(again.body["results"][row]["partner_ref"], format!("2026-04/{row}"));
        }
        assert_eq!(posts.leave(&posts.employer, exits).await.body["unchanged"], 1);
        assert_eq!(posts.last_event().await, event);
        let mut changed = file[0].clone();
        changed["monthly_wage_fen"] = json!(500_000);
        let refused = posts.observe(&posts.employer, vec![changed]).await;
        assert_eq!(outcomes_of(&refused), [("rejected".to_owned(), "client_ref_taken".to_owned())]);
        let twice = posts.observe(&posts.employer, vec![posts.roster(1, 3), posts.roster(1, 3)]).await;
        assert_eq!((&twice.body["accepted"], &twice.body["unchanged"]), (&json!(1), &json!(1)), "twice in one file is once");
        assert_eq!(twice.body["results"][0]["id"], twice.body["results"][1]["id"]);
    }

    /// One call carries a month of five thousand workers.
    async fn five_thousand_observations_go_through_in_one_call(app: TestApp) {
        let posts = Posts::filled(app, strict(), 5_000).await;
        posts.app.clock_set("2026-05-01");
        let rows: Vec<Value> = (0..5_000).map(|worker| posts.roster(worker, 4)).collect();
        all_accepted(&posts.observe(&posts.employer, rows.clone()).await);
        assert_eq!(posts.retained_in_fulfilment("30d").await, 5_000);
        let events = posts.app.get(&posts.origin, "/v1/events?limit=1000&types=observations.recorded").await.expect(200).body;
        let data: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|event| &event["data"]).collect();
        let told: std::collections::BTreeSet<&str> = data.iter().flat_map(|data| data["placement_ids"].as_array().unwrap()).map(|id| id.as_str().unwrap()).collect();
        assert_eq!((data.len(), told), (25, posts.placements.iter().map(String::as_str).collect()), "who follows the feed learns of each");
        let figure = posts.app.get(&posts.origin, &posts.path("/retention?node=30d&scope=first_employer")).await.expect(200).body["items"][0].clone();
        assert_eq!(figure["rate"], json!({ "numerator": 5_000, "denominator": 5_000 }));
       let mut too_many = rows;
        too_many.push(posts.roster(0, 3));
        let refused = posts.app.post(&posts.employer, &posts.path("/observations"), json!({ "rows": too_many })).await.problem("field_invalid");
        assert_eq!(refused.body["errors"][0]["code"], "row_count");
    }

    /// An employer that has nothing to do with the agreement finds nothing; one that has reports about its own workers only.
    async fn an_employer_reports_about_its_own_workers_only(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        posts.app.clock_set("2026-05-01");
        let path = posts.path("/observations");
        posts.app.post(&posts.haining, &path, json!({ "rows": [posts.roster(0, 4)] })).await.problem("not_found");
        posts.app.get(&posts.haining, &posts.path(&format!("/placements/{}/retention", posts.placements[0]))).await.problem("not_found");
        posts.app.get(&posts.haining, &posts.path("/retention")).await.problem("not_found");
        all_accepted(&posts.begin(&posts.destination, vec![posts.start(1, &posts.haining, "2026-04-01")]).await);
        let reply = posts.observe(&posts.haining, vec![posts.roster(0, 4), posts.roster(1, 4)]).await;
        assert_eq!(outcomes_of(&reply), [("rejected".to_owned(), "placement_unknown".to_owned()), ("accepted".to_owned(), String::new())]);
        let mut elsewhere = posts.roster(1, 3);
        elsewhere["employer_id"] = json!(posts.employer.id);
        let reply = posts.observe(&posts.haining, vec![elsewhere]).await;
        assert_eq!(outcomes_of(&reply), [("rejected".to_owned(), "employer_foreign".to_owned())]);
        let own = posts.app.get(&posts.haining, &path).await.expect(200).body;
        assert_eq!(own["items"].as_array().unwrap().len(), 1);
        assert_eq!((&own["items"][0]["region_code"], &own["items"][0]["employer_id"]), (&json!(HAINING), &json!(posts.haining.id)));
        assert_eq!(posts.app.get(&posts.employer, &path).await.expect(200).body["items"].as_array().unwrap().len(), 1, "who was with it before");
        posts.app.get(&posts.haining, &posts.path("/retention")).await.problem("not_found");
    }

    /// Every fault is told with its row and field; the rows without faults stand.
    async fn every_fault_of_an_observation_has_its_place(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-05-01");
        let row = |changes: Value| {
            let mut row = posts.roster(0, 4);
            for (name, value) in changes.as_object().unwrap() {
                row[name] = value.clone();
            }
            row
        };
        let table = [
            (json!({ "seen_to": "2026-05-02" }), "seen_to", "day_in_future"),
            (json!({ "seen_from": "2026-04-30", "seen_to": "2026-04-29" }), "seen_to", "period_reversed"),
            (json!({ "seen_from": "2026-03-01", "seen_to": "2026-03-05" }), "seen_to", "before_onboarding"),
            (json!({ "evidence": "e1", "source": "phone_call" }), "evidence", "evidence_above_source"),
            (json!({ "evidence": "e2", "source": "station_visit" }), "evidence", "evidence_above_source"),
            (json!({ "evidence": "e3" }), "evidence", "evidence_above_source"),
            (json!({ "evidence": "e4", "source": "wage_ledger" }), "evidence", "evidence_above_source"),
            (json!({ "evidence": "e5", "source": "registration" }), "evidence", "evidence_above_source"),
            (json!({ "monthly_wage_fen": -1 }), "monthly_wage_fen", "out_of_range"),
            (json!({ "region_code": "999999" }), "region_code", "region_unknown"),
            (json!({ "employer_id": posts.origin.id }), "employer_id", "employer_unknown"),
            (json!({ "placement_id": Id::new() }), "placement_id", "placement_unknown"),
            (json!({ "placement_ref": "7" }), "placement_id", "one_of_two"),
            (json!({ "placement_id": Value::Null }), "placement_ref", "one_of_two"),
            (json!({ "placement_id": Value::Null, "placement_ref": "7" }), "placement_ref", "placement_unknown"),
            (json!({ "client_ref": "" }), "client_ref", "length"),
        ];
        let mut rows: Vec<Value> = table.iter().map(|(changes, ..)| row(changes.clone())).collect();
        rows.push(row(json!({ "evidence": "e5", "source": "social_insurance" })));
        let reply = posts.observe(&posts.destination, rows).await;
        for (place, (changes, field, code)) in table.iter().enumerate() {
            let fault = &reply.body["results"][place]["errors"][0];
            assert_eq!((&fault["code"], &fault["pointer"]), (&json!(code), &json!(format!("#/rows/{place}/{field}"))), "{changes}");
        }
        assert_eq!((&reply.body["accepted"], &reply.body["rejected"]), (&json!(1), &json!(table.len())));
        let by_origin = posts.observe(&posts.origin, vec![row(json!({}))]).await;
        assert_eq!(outcomes_of(&by_origin), [("rejected".to_owned(), "evidence_above_role".to_owned())]);
    }

    /// Exits and starts that do not fit the recorded days are refused with the remedy, each by its own code.
    async fn reports_that_do_not_fit_the_days_are_refused(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        posts.app.clock_set("2026-05-01");
        let exits = vec![
            posts.exit(0, "2026-05-02", "resigned"),
            posts.exit(0, "2026-03-05", "resigned"),
            posts.exit(0, "2026-04-10", "holiday_home"),
            posts.exit(0, "2026-04-12", "holiday_home"),
        ];
        let refused = |code: &str| ("rejected".to_owned(), code.to_owned());
        let accepted = ("accepted".to_owned(), String::new());
        assert_eq!(outcomes_of(&posts.leave(&posts.employer, exits).await), [refused("day_in_future"), refused("before_onboarding"), accepted.clone(), refused("no_open_spell")]);
        let starts = vec![
            posts.start(1, &posts.employer, "2026-04-01"),
            posts.start(1, &posts.next_door, "2026-03-06"),
            posts.start(1, &posts.employer, "2026-03-06"),
            posts.start(1, &posts.next_door, "2026-04-01"),
            posts.start(1, &posts.origin, "2026-04-02"),
            posts.start(0, &posts.employer, "2026-04-15"),
            posts.start(0, &posts.employer, "2026-04-12"),
        ];
        assert_eq!(outcomes_of(&posts.begin(&posts.destination, starts).await), [
            refused("already_there"), refused("other_spell_that_day"), ("unchanged".to_owned(), String::new()), accepted.clone(),
            refused("employer_unknown"), accepted, refused("later_spell_recorded"),
        ]);
        let early = posts.leave(&posts.destination, vec![posts.exit(1, "2026-03-20", "resigned")]).await;
        assert_eq!(outcomes_of(&early), [refused("before_spell")]);
        // Gone home, and then for good: the day of leaving the post stays, the reason becomes final.
        all_accepted(&posts.leave(&posts.destination, vec![posts.exit(1, "2026-04-20", "holiday_home")]).await);
        all_accepted(&posts.leave(&posts.destination, vec![posts.exit(1, "2026-04-28", "returned_home")]).await);
        assert_eq!(posts.leave(&posts.destination, vec![posts.exit(1, "2026-04-28", "returned_home")]).await.body["unchanged"], 1);
        let gone = posts.retention(1).await;
        assert_eq!((&gone["ended_on"], &gone["spells"][1]["ended_on"]), (&json!("2026-04-28"), &json!("2026-04-20")));
        assert_eq!(posts.events("exits.recorded").await.last().unwrap()["side"], "destination");
    }

    /// Each parameter that the terms name is applied as the clerk's table says, one person under one rule at a time.
    async fn every_parameter_of_the_rule_is_applied(app: TestApp) {
        for case in hand_case::cases() {
            let scope = case.rule["employer_scope"].as_str().unwrap().to_owned();
            let posts = Posts::filled(fresh(&app).await, by_rule(case.rule), 1).await;
            posts.app.clock_set(&case.checked_on.to_string());
            report(&posts, 0, &case.facts).await;
            let (state, reason) = posts.verdict(0, &case.node, &scope).await;
            assert_eq!(word(&json!(state)), case.verdict, "{}: {reason}", case.name);
        }
    }

    /// The clock starts where the terms say; worker 1 is on no list (every third is), so a rule that counts from the listing has no start.
    async fn the_clock_starts_on_the_day_that_the_terms_name(app: TestApp) {
        for (basis, expected) in [("onboarded_day", "retained"), ("january_first", "retained"), ("group_listing_day", "unverifiable")] {
            let posts = Posts::filled(fresh(&app).await, with(strict(), &json!({ "start_basis": basis })), 2).await;
            posts.app.clock_set("2026-07-01");
            posts.rosters(&posts.employer, 1, 3..=6).await;
            assert_eq!(posts.verdict(1, "90d", "first_employer").await.0, expected, "{basis}");
        }
    }

    /// The clock of a listed worker starts with the listing; worker 0 was listed long before the arrival.
    async fn a_listed_worker_starts_with_the_arrival_when_listed_before(app: TestApp) {
        let posts = Posts::filled(app, with(strict(), &json!({ "start_basis": "group_listing_day" })), 1).await;
        assert_eq!(posts.retention(0).await["checks"][0]["due_on"], "2026-04-05");
    }

    /// Rows may name a placement by the origin's own reference; two of the same reference are never chosen between.
    async fn placements_are_named_by_the_origins_reference(app: TestApp) {
        let scene = Scene::with_terms(app, strict()).await;
        let (quota, workers) = (scene.quota(3).await, scene.workers(0, 3).await);
        let mut placements = Vec::new();
        for (roster, references) in [(&workers[..2], ["花-1", "花-2"].as_slice()), (&workers[2..], ["花-2"].as_slice())] {
            let dispatch = scene.dispatch().await;
            let rows: Vec<Value> = roster.iter().zip(references).map(|(worker, reference)| json!({ "worker_id": worker, "quota_id": quota, "partner_ref": reference })).collect();
            let sent = scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/roster")), json!({ "rows": rows })).await.expect(207);
            placements.extend(sent.body["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            scene.depart(&dispatch).await;
        }
        scene.app.clock_set("2026-03-07");
        onboard(&scene, &placements[..1]).await;
        scene.app.clock_set("2026-05-01");
        let row = |reference: &str| json!({ "placement_ref": reference, "seen_from": "2026-04-01", "seen_to": "2026-04-30", "evidence": "e2", "source": "employer_roster" });
        let reply = scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": [row("花-1"), row("花-2"), { "placement_id": placements[1], "seen_from": "2026-04-01", "seen_to": "2026-04-30", "evidence": "e2", "source": "employer_roster" }] })).await.expect(207);
        assert_eq!(outcomes_of(&reply), [("accepted".to_owned(), String::new()), ("rejected".to_owned(), "placement_ref_ambiguous".to_owned()), ("rejected".to_owned(), "not_onboarded".to_owned())]);
    }

    /// Observations are listed page by page and narrowed to a placement or a source.
    async fn observations_are_listed_with_their_filters(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        posts.app.clock_set("2026-07-01");
        posts.rosters(&posts.employer, 0, 3..=5).await;
        posts.rosters(&posts.employer, 1, 3..=3).await;
        let call = json!({ "placement_id": posts.placements[0], "seen_from": "2026-06-01", "seen_to": "2026-06-01", "evidence": "e0", "source": "phone_call" });
        all_accepted(&posts.observe(&posts.origin, vec![call]).await);
        let count = async |query: &str| posts.app.get(&posts.origin, &posts.path(&format!("/observations{query}"))).await.expect(200).body["items"].as_array().unwrap().len();
        assert_eq!(count("").await, 5);
        assert_eq!(count(&format!("?placement_id={}", posts.placements[0])).await, 4);
        assert_eq!(count("?source=phone_call").await, 1);
        let page = posts.app.get(&posts.origin, &posts.path("/observations?limit=2")).await.expect(200).body;
        let next = posts.app.get(&posts.origin, &posts.path(&format!("/observations?limit=3&cursor={}", page["next_cursor"].as_str().unwrap()))).await.expect(200).body;
        assert_eq!((next["items"].as_array().unwrap().len(), &next["next_cursor"]), (3, &Value::Null));
        assert!(posts.app.get(&posts.origin, &posts.path("/retention?node=45d")).await.problem("parameter_invalid").body["errors"][0]["params"]["nodes"].is_array());
    }
}

on_both! {
    /// The curve counts who is silent up to the day they were last seen, and hides a group so small that its steps are persons.
    async fn the_retention_curve_falls_where_people_left_and_hides_small_groups(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 12).await;
        scene.app.clock_set("2026-03-07");
        scene.claim(&placements[..9], "onboarded", "2026-03-06").await.expect(207);
        let path = scene.path("/retention/curve");
        scene.app.clock_set("2026-04-30");
        let small = scene.app.get(&scene.destination, &path).await.expect(200).body;
        assert_eq!((&small["hidden"], &small["placements"], &small["steps"]), (&json!(true), &Value::Null, &json!([])));
        scene.claim(&placements[9..], "onboarded", "2026-03-06").await.expect(207);
        for (placement, day) in [(&placements[0], "2026-03-16"), (&placements[1], "2026-03-16"), (&placements[2], "2026-04-05")] {
            let rows = json!({ "rows": [{ "placement_id": placement, "ended_on": day, "grain": "day", "reason": "resigned" }] });
            let told = scene.app.post(&scene.employer, &scene.path("/exits"), rows).await.expect(207).body;
            assert_eq!(told["accepted"], 1, "{told}");
        }
        let seen: Vec<Value> = placements[3..]
            .iter()
            .map(|placement| json!({ "placement_id": placement, "in_post": true, "seen_from": "2026-03-06", "seen_to": "2026-03-26", "evidence": "e2", "source": "employer_roster" }))
            .collect();
        scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": seen })).await.expect(207);
        let curve = scene.app.get(&scene.origin, &path).await.expect(200).body;
        assert_eq!((&curve["hidden"], &curve["placements"], &curve["scope"]), (&json!(false), &json!(12), &json!("first_employer")));
        let [first, last] = curve["steps"].as_array().unwrap().as_slice() else { panic!("{curve}") };
        assert_eq!((&first["day"], &first["at_risk"], &first["left"]), (&json!(10), &json!(12), &json!(2)));
        // Nine were last seen on day 20; on day 30 only the third who left is known to have been there.
        assert_eq!((&last["day"], &last["at_risk"], &last["left"]), (&json!(30), &json!(1), &json!(1)));
        let early = scene.app.get(&scene.origin, &format!("{path}?as_of=2026-03-20&scope=any")).await.expect(200).body;
        assert_eq!(early["steps"].as_array().unwrap().len(), 1);
        scene.app.get(&scene.origin, &format!("{path}?as_of=2026-05-20")).await.expect(400).problem("parameter_invalid");
        let outsider = scene.app.party("某县人社局", "authority", "430522").await;
        scene.app.get(&outsider, &path).await.expect(404).problem("not_found");
    }
}
