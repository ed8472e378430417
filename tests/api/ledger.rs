//! Whatever is done to quotas in whatever order, the ledger explains the counters and nobody gets a place that is not there.

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use labour_exchange::db::{Day, Id, Uid, statement};
use labour_exchange::quotas::accounts;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::chance::Chance;
use crate::support::scene::{Scene, targets, terms};
use crate::support::{Reply, TestApp};

/// Operations of one run.
const STEPS: usize = 150;

/// Both sides at work on a few quotas, each doing what comes to mind; what is not possible is refused, and that is fine.
struct Work {
    scene: Scene,
    chance: Chance,
    today: Day,
    workers: Vec<String>,
    quotas: Vec<String>,
    dispatches: Vec<String>,
}

impl Work {
    async fn begin(app: TestApp) -> Self {
        let mut terms = terms(&targets());
        terms["hold_days"] = json!(3);
        terms["caps"] = json!({ "agreement": 40, "regions": [{ "region_code": "330782", "places": 25 }] });
        let scene = Scene::with_terms(app, terms).await;
        let workers = scene.workers(0, 60).await;
        let today = Day::parse("2026-03-02").unwrap();
        Self { scene, chance: Chance(20_260_823), today, workers, quotas: Vec::new(), dispatches: Vec::new() }
    }

    async fn destination(&self, rest: &str, body: Value) -> Reply {
        self.scene.app.post(&self.scene.destination, &self.scene.path(rest), body).await
    }

    async fn origin(&self, rest: &str, body: Value) -> Reply {
        self.scene.app.post(&self.scene.origin, &self.scene.path(rest), body).await
    }

    async fn step(&mut self) {
        match self.chance.below(12) {
            0 if self.quotas.len() < 5 => self.request().await,
            0 | 1 => self.approve().await,
            2..=4 => self.enrol().await,
            5 => self.depart().await,
            6..=8 => self.claim().await,
            9 => self.cancel().await,
            _ => {
                self.today = self.today.plus_days(1 + i64::try_from(self.chance.below(3)).unwrap());
                self.scene.app.clock_set(&self.today.to_string());
            }
        }
    }

    /// Requested, and approved in part.
    async fn request(&mut self) {
        let places = 4 + self.chance.below(8);
        let body = json!({ "employer_id": self.scene.employer.id, "post_title": "普工", "region_code": self.chance.of(&["330782", "330781"]),
            "requested_places": places, "valid_until": "2026-12-31" });
        let quota = self.destination("/quotas", body).await.expect(201).id();
        let approval = json!({ "approved_places": places - 2, "reason": "宿舍床位不足" });
        self.destination(&format!("/quotas/{quota}/publication"), approval).await.expect(200);
        self.quotas.push(quota);
    }

    async fn approve(&mut self) {
        if self.quotas.is_empty() {
            return;
        }
        let quota = self.chance.of(&self.quotas).clone();
        let approval = json!({ "approved_places": self.chance.below(12), "reason": "按产能调整" });
        self.destination(&format!("/quotas/{quota}/approval"), approval).await;
    }

    /// Some people are put on a batch of today, or on an earlier one that has not left.
    async fn enrol(&mut self) {
        if self.quotas.is_empty() {
            return;
        }
        if self.dispatches.is_empty() || self.chance.below(3) == 0 {
            let (today, tomorrow) = (self.today.to_string(), self.today.plus_days(1).to_string());
            self.dispatches.push(self.scene.dispatch_on(&today, &tomorrow).await);
        }
        let dispatch = self.chance.of(&self.dispatches).clone();
        let mut rows = Vec::new();
        for _ in 0..=self.chance.below(5) {
            rows.push(json!({ "worker_id": self.chance.of(&self.workers), "quota_id": self.chance.of(&self.quotas) }));
        }
        self.origin(&format!("/dispatches/{dispatch}/roster"), json!({ "rows": rows })).await;
    }

    async fn depart(&mut self) {
        if self.dispatches.is_empty() {
            return;
        }
        let dispatch = self.dispatches.remove(self.chance.below(self.dispatches.len()));
        self.origin(&format!("/dispatches/{dispatch}/lock"), json!({})).await;
        self.origin(&format!("/dispatches/{dispatch}/departure"), json!({ "departed_on": self.today })).await;
    }

    /// A row is taken off its roster, or a whole batch is cancelled.
    async fn cancel(&mut self) {
        let enrolled = self.placements("enrolled").await;
        if self.chance.below(3) > 0 && !enrolled.is_empty() {
            let placement = self.chance.of(&enrolled).clone();
            self.origin(&format!("/placements/{placement}/cancellation"), json!({})).await;
        } else if !self.dispatches.is_empty() {
            let dispatch = self.dispatches.remove(self.chance.below(self.dispatches.len()));
            self.origin(&format!("/dispatches/{dispatch}/cancellation"), json!({})).await;
        }
    }

    /// Who has left arrives, or does not, or after all.
    async fn claim(&mut self) {
        let mut gone = self.placements("departed").await;
        for state in ["no_show", "onboarded"] {
            gone.extend(self.placements(state).await);
        }
        if gone.is_empty() {
            return;
        }
        let placement = self.chance.of(&gone).clone();
        let outcome = *self.chance.of(&["onboarded", "no_show", "refused_by_employer"]);
        let (today, one) = (self.today.to_string(), [placement]);
        self.scene.claim(&one, outcome, &today).await;
    }

    async fn placements(&self, state: &str) -> Vec<String> {
        let path = self.scene.path(&format!("/placements?state={state}&limit=200"));
        let page = self.scene.app.get(&self.scene.origin, &path).await.expect(200).body;
        page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The ledger is the counters, the counters are the rows, nothing is over its limit, and open holds add up to what is held.
    async fn assert_sound(&self, step: usize) {
        let wrong = self.scene.app.state.db.read(accounts::differences).await.unwrap();
        assert_eq!(wrong, [], "step {step}");
        let astray: Vec<(Id, i64)> = self.scene.app.state.db.read(|connection| {
            Ok(statement(
                "select a.id, (select count(*) from placement p where p.agreement_id = a.agreement_id and p.quota_id = a.id and p.holds_place) \
                 - a.reserved - a.consumed from place_account a where a.kind = 'quota' and a.reserved + a.consumed <> \
                 (select count(*) from placement p where p.agreement_id = a.agreement_id and p.quota_id = a.id and p.holds_place)",
            )
            .returning::<(Uid, BigInt)>()
            .load(connection)?)
        }).await.unwrap();
        assert_eq!(astray, [], "step {step}");
        for quota in &self.quotas {
            let path = self.scene.path(&format!("/quotas/{quota}/balance"));
            let balance = self.scene.app.get(&self.scene.origin, &path).await.expect(200).body;
            for account in balance["accounts"].as_array().unwrap() {
                let [places, held, filled, free] =
                    ["places", "held", "filled", "free"].map(|of| account[of].as_i64().unwrap());
                assert!(
                    held >= 0 && filled >= 0 && free >= 0 && held + filled + free == places,
                    "step {step}: {account}"
                );
            }
            let holds = balance["holds"].as_array().unwrap().iter();
            assert_eq!(
                holds.map(|hold| hold["places"].as_i64().unwrap()).sum::<i64>(),
                balance["accounts"][0]["held"],
                "step {step}"
            );
        }
    }
}

on_both! {
    /// F8: requested, approved, reduced, held, released, lapsed, departed, not arrived, arrived after all, in any order.
    async fn whatever_happens_to_quotas_the_ledger_explains_every_place(app: TestApp) {
        let mut work = Work::begin(app).await;
        for step in 0..STEPS {
            work.step().await;
            work.assert_sound(step).await;
        }
        let moved: Vec<(String, String)> = work.scene.app.state.db.read(|connection| {
            Ok(statement("select distinct kind, reason from place_entry order by kind, reason")
                .returning::<(diesel::sql_types::Text, diesel::sql_types::Text)>().load(connection)?)
        }).await.unwrap();
        let moved: Vec<&str> = moved.iter().map(|(_, reason)| reason.as_str()).collect();
        for reason in ["enrolled", "departed", "cancelled", "hold_lapsed", "not_arrived", "arrived_after_all"] {
            assert!(moved.contains(&reason), "{reason} never happened: {moved:?}");
        }
    }
}
