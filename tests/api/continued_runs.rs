//! Runs that continue an earlier one: whatever was recorded in between, a run that examines only what was touched comes to the figures, the
//! rows and the hash of one that examines everything.

use labour_exchange::db::{DbConnection, statement};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::chance::Chance;
use crate::support::scene::{Scene, identity_number, name};
use crate::support::{TestApp, TestParty};

/// Rounds of a mixture, two on a day, each with a few things that happen.
const ROUNDS: i64 = 44;
/// Invented persons; those from [`STRANGERS`] on are in no register.
const PERSONS: usize = 30;
const STRANGERS: usize = 26;

/// People in a year where anything may happen to anybody.
struct Mixture {
    scene: Scene,
    chance: Chance,
    quotas: Vec<String>,
    workers: Vec<String>,
    dispatches: Vec<String>,
    placements: Vec<String>,
    disputes: Vec<(String, String)>,
}

impl Mixture {
    async fn new(app: TestApp, seed: u64) -> Self {
        let scene = Scene::in_force(app).await;
        let workers = scene.workers(0, STRANGERS).await;
        let quotas = vec![scene.quota(40).await, scene.quota(40).await];
        let (dispatches, placements, disputes) = (Vec::new(), Vec::new(), Vec::new());
        Self { scene, chance: Chance(seed), quotas, workers, dispatches, placements, disputes }
    }

    /// Posts; what the exchange refuses has not happened.
    async fn try_post(&self, party: &TestParty, path: &str, body: Value) -> Option<Value> {
        let reply = self.scene.app.post(party, &self.scene.path(path), body).await;
        assert!(reply.status < 500, "{path}: {}", reply.body);
        (reply.status < 300).then_some(reply.body)
    }

    fn one_placement(&mut self) -> Option<String> {
        if self.placements.is_empty() { None } else { Some(self.chance.of(&self.placements).clone()) }
    }

    async fn something_happens(&mut self, day: &str) {
        let origin = self.scene.origin.clone();
        match self.chance.below(12) {
            0 | 1 => self.send(day).await,
            2 => {
                let Some(placement) = self.one_placement() else { return };
                self.try_post(&origin, &format!("/placements/{placement}/cancellation"), json!({})).await;
            }
            3 => {
                let n = self.chance.below(PERSONS);
                let row = json!({ "name": name(if self.chance.below(4) == 0 { n + 1 } else { n }), "identity_number": identity_number(n),
                    "outcome": self.outcome(), "happened_on": day, "evidence": "e2" });
                let party = self.claimant();
                self.try_post(&party, "/claims", json!({ "rows": [row] })).await;
            }
            4 => {
                let Some(placement) = self.one_placement() else { return };
                let path = format!("/placements/{placement}/disputes");
                let raised = self.try_post(&origin, &path, json!({ "reason": "该人员未到岗" })).await;
                self.disputes.extend(raised.map(|body| (placement, body["id"].as_str().unwrap().to_owned())));
            }
            5 => {
                let Some((placement, dispute)) = self.disputes.pop() else { return };
                let path = format!("/placements/{placement}/disputes/{dispute}/withdrawal");
                self.try_post(&origin, &path, json!({})).await;
            }
            6 => {
                let Some(placement) = self.one_placement() else { return };
                let row = json!({ "placement_id": placement, "in_post": true, "seen_from": day, "seen_to": day, "evidence": "e3", "source": "wage_ledger", "monthly_wage_fen": 480_000 });
                self.try_post(&self.scene.employer.clone(), "/observations", json!({ "rows": [row] })).await;
            }
            7 => {
                let Some(placement) = self.one_placement() else { return };
                let row = json!({ "placement_id": placement, "ended_on": day, "grain": "day", "reason": "resigned" });
                self.try_post(&self.scene.employer.clone(), "/exits", json!({ "rows": [row] })).await;
            }
            8 => self.register_changes().await,
            _ => {
                let Some(placement) = self.one_placement() else { return };
                let row = json!({ "placement_id": placement, "outcome": self.outcome(), "happened_on": day, "evidence": "e2" });
                let party = self.claimant();
                self.try_post(&party, "/claims", json!({ "rows": [row] })).await;
            }
        }
    }

    fn outcome(&mut self) -> &'static str {
        const OUTCOMES: [&str; 6] =
            ["onboarded", "onboarded", "onboarded", "onboarded", "no_show", "refused_by_worker"];
        OUTCOMES[self.chance.below(OUTCOMES.len())]
    }

    fn claimant(&mut self) -> TestParty {
        let (employer, destination) = (self.scene.employer.clone(), self.scene.destination.clone());
        if self.chance.below(3) == 0 { destination } else { employer }
    }

    /// A few people are enrolled, or a roster departs.
    async fn send(&mut self, day: &str) {
        let origin = self.scene.origin.clone();
        if self.chance.below(2) == 0 && !self.dispatches.is_empty() {
            let place = self.chance.below(self.dispatches.len());
            let dispatch = self.dispatches.swap_remove(place);
            self.try_post(&origin, &format!("/dispatches/{dispatch}/lock"), json!({})).await;
            self.try_post(&origin, &format!("/dispatches/{dispatch}/departure"), json!({ "departed_on": day })).await;
            return;
        }
        let body = json!({ "title": "批次", "mode": "point_to_point", "legal_basis": "协议第六条", "consent_recorded": true,
            "planned_departure_on": day, "planned_arrival_on": day });
        let Some(dispatch) = self.try_post(&origin, "/dispatches", body).await else { return };
        let dispatch = dispatch["id"].as_str().unwrap().to_owned();
        let first = self.chance.below(self.workers.len() - 4);
        let quota = self.chance.of(&self.quotas).clone();
        let workers = self.workers[first..first + 1 + self.chance.below(4)].to_vec();
        let receipts = self.scene.enrol(&dispatch, &quota, &workers).await;
        let results = receipts.body["results"].as_array().cloned().unwrap_or_default();
        self.placements.extend(results.iter().filter_map(|row| Some(row["id"].as_str()?.to_owned())));
        self.dispatches.push(dispatch);
    }

    /// A name is corrected, or a person erased.
    async fn register_changes(&mut self) {
        let place = self.chance.below(self.workers.len());
        let (path, origin) = (format!("/v1/workers/{}", self.workers[place]), self.scene.origin.clone());
        let reply = if self.chance.below(6) == 0 {
            self.scene.app.post(&origin, &format!("{path}/erasure"), json!({ "reason": "本人申请" })).await
        } else {
            let now = self.scene.app.get(&origin, &path).await;
            let named = json!({ "name": name(place + self.chance.below(2)) });
            self.scene.app.patch(&origin, &path, now.etag(), named).await
        };
        assert!(reply.status < 500, "{}", reply.body);
    }

    async fn run(&self, day: &str) -> (Value, Vec<Value>) {
        let body = json!({ "cut_off_on": day });
        let run =
            self.scene.app.post(&self.scene.origin, &self.scene.path("/reconciliations"), body).await.expect(201).body;
        let path = self.scene.path(&format!("/reconciliations/{}/rows?limit=200", run["id"].as_str().unwrap()));
        let rows = self.scene.app.get(&self.scene.destination, &path).await.expect(200).body;
        assert_eq!(rows["next_cursor"], Value::Null);
        assert_eq!(
            rows["items"].as_array().unwrap().len(),
            usize::try_from(run["row_count"].as_i64().unwrap()).unwrap()
        );
        (run, rows["items"].as_array().unwrap().clone())
    }

    /// No run after this one goes on from an earlier one.
    async fn forget(&self) {
        const BY_OTHER_RULES: &str =
            "update reconciliation_run set carried = replace(carried, '\"measured_by\":\"', '\"measured_by\":\"-')";
        let work = |connection: &mut DbConnection| Ok(statement(BY_OTHER_RULES).run(connection)?);
        assert!(self.scene.app.state.db.write(work).await.unwrap() > 0);
    }
}

/// Runs day by day, each beside one that examines everything.
async fn go_on(app: TestApp, seed: u64) {
    let mut mixture = Mixture::new(app, seed).await;
    let (mut continued, mut spared) = (0, 0);
    for round in 0..ROUNDS {
        let today = jiff::civil::date(2026, 3, 2).saturating_add(jiff::Span::new().days(round / 2)).to_string();
        let hour = if round % 2 == 0 { "09" } else { "17" };
        mixture.scene.app.clock_set_to(&format!("{today}T{hour}:00:00+08:00"));
        for _ in 0..mixture.chance.below(8) {
            mixture.something_happens(&today).await;
        }
        let (run, rows) = mixture.run(&today).await;
        continued += i64::from(run["step"] != 0);
        spared += run["row_count"].as_i64().unwrap() - run["examined_rows"].as_i64().unwrap();
        if round % 3 == 0 {
            continue;
        }
        mixture.forget().await;
        let (whole, whole_rows) = mixture.run(&today).await;
        assert_eq!(whole["step"], 0);
        assert_eq!(rows, whole_rows, "seed {seed}, {today}");
        assert_eq!(
            (&run["rows_hash"], &run["counts"]),
            (&whole["rows_hash"], &whole["counts"]),
            "seed {seed}, {today}"
        );
    }
    assert!(
        continued >= ROUNDS - 4 && spared > 4 * ROUNDS,
        "runs continue one another: {continued}, rows spared: {spared}"
    );
}

on_both! {
    /// F30: the same facts give the same rows and the same hash, in one run over all of them or in many over what came in between.
    async fn runs_that_continue_come_to_what_one_run_over_everything_comes_to(app: TestApp) {
        go_on(app, 3).await;
    }

    async fn so_they_do_in_another_year(app: TestApp) {
        go_on(app, 11).await;
    }

    /// A second run looks at what was recorded since, and at nothing else; an earlier run stays as it was.
    async fn a_second_run_examines_only_what_was_touched(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 20).await;
        scene.app.clock_set("2026-03-06");
        scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207);
        scene.app.clock_set("2026-03-10");
        let mixture = Mixture { scene, chance: Chance(1), quotas: Vec::new(), workers: Vec::new(), dispatches: Vec::new(), placements, disputes: Vec::new() };
        let (first, before) = mixture.run("2026-03-10").await;
        assert_eq!((&first["step"], &first["examined_rows"], &first["series_id"]), (&json!(0), &json!(20), &first["id"]));
        mixture.scene.claim(&mixture.placements[3..5], "no_show", "2026-03-09").await.expect(207);
        let (second, after) = mixture.run("2026-03-10").await;
        assert_eq!((&second["step"], &second["examined_rows"], &second["series_id"]), (&json!(1), &json!(2), &first["id"]));
        assert_eq!(after.iter().filter(|row| !before.contains(row)).count(), 2);
        assert_ne!(first["rows_hash"], second["rows_hash"]);

        let path = mixture.scene.path(&format!("/reconciliations/{}/rows?limit=200", first["id"].as_str().unwrap()));
        let still = mixture.scene.app.get(&mixture.scene.origin, &path).await.expect(200).body;
        assert_eq!(still["items"].as_array().unwrap(), &before, "the rows of the first run stand");
    }
}
