//! A scene to act in: an origin, a destination, an employer, an agreement in force between them, and people to send.

use serde_json::{Value, json};

use super::{Reply, TestApp, TestParty};

/// What most tests start from.
#[derive(Clone)]
pub struct Scene {
    /// The application.
    pub app: TestApp,
    /// Shaoyang County.
    pub origin: TestParty,
    /// Yiwu.
    pub destination: TestParty,
    /// An employer in Yiwu.
    pub employer: TestParty,
    /// An agreement between origin and destination, ratified by both.
    pub agreement: String,
}

/// Terms both sides could ratify; targets as given.
pub fn terms(targets: &Value) -> Value {
    json!({
        "targets": targets,
        "arrival": { "meaning": "onboarded", "window_days": 7, "minimum_evidence": "e2" },
        "retention": {
            "rule_id": "stay_3m_continuous",
            "nodes": [
                { "unit": "days", "length": 30 }, { "unit": "days", "length": 90 },
                { "unit": "days", "length": 180 }, { "unit": "days", "length": 365 }
            ],
            "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "same_region", "start_basis": "onboarded_day",
            "minimum_evidence": "e2", "monthly_wage_floor_fen": null, "evidence_valid_days": 62
        },
        "attribution": "earliest_confirmed_arrival",
        "hold_days": 30,
        "deadlines": { "answer_days": 14, "exit_days": 7 },
        "data_sharing": { "legal_basis": "协议第六条", "purpose": "到岗交接与稳岗跟踪", "retention_days": 1095 }
    })
}

/// Targets of the plan year 2026: sent, arrived, retained 90 days.
pub fn targets() -> Value {
    json!([
        { "plan_year": 2026, "indicator": "dispatched", "population": "all", "unit": "person", "number": 100 },
        { "plan_year": 2026, "indicator": "onboarded", "population": "all", "scope": "outside_province", "unit": "person", "number": 90 },
        { "plan_year": 2026, "indicator": "onboarded", "population": "lifted", "unit": "person", "number": 30 },
        { "plan_year": 2026, "indicator": "retained", "node": { "unit": "days", "length": 90 }, "population": "all", "unit": "person", "number": 60 },
        { "plan_year": 2026, "indicator": "dispatched", "population": "all", "unit": "person_time", "number": 100 }
    ])
}

/// The identity number of the `n`-th invented person: an order number no living person has.
pub fn identity_number(n: usize) -> String {
    let day = jiff::civil::date(1970, 1, 1)
        .saturating_add(jiff::Span::new().try_days(i64::try_from(n / 4).unwrap()).unwrap());
    let body = format!("430523{:04}{:02}{:02}{}", day.year(), day.month(), day.day(), 996 + n % 4);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
    format!("{body}{}", "10X98765432".chars().nth((sum % 11) as usize).unwrap())
}

/// The name of the `n`-th invented person.
pub fn name(n: usize) -> String {
    let surnames = ["刘", "陈", "李", "王", "张", "欧阳", "谢", "唐"];
    let given = ["春", "建", "小", "玉", "志", "秀", "海", "伟"];
    format!("{}{}{}", surnames[n % 8], given[n / 8 % 8], given[n / 64 % 8])
}

impl Scene {
    /// Parties, and an agreement in force on the first day of the test.
    pub async fn in_force(app: TestApp) -> Self {
        Self::with_terms(app, terms(&targets())).await
    }

    /// The same with terms of one's own.
    pub async fn with_terms(app: TestApp, terms: Value) -> Self {
        let origin = app.party("邵阳县人力资源和社会保障局", "authority", "430523").await;
        let destination = app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        let employer = app.party("义乌小商品制造有限公司", "employer", "330782").await;
        let agreement = ratified(&app, &origin, &destination, "SY-YW-2026-01", terms).await;
        Self { app, origin, destination, employer, agreement }
    }

    /// The path of something under the agreement.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/agreements/{}{rest}", self.agreement)
    }

    /// A published quota with this many places.
    pub async fn quota(&self, places: i64) -> String {
        let body = json!({
            "employer_id": self.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": places,
            "monthly_wage_min_fen": 450_000, "monthly_wage_max_fen": 600_000, "valid_until": "2026-12-31"
        });
        let quota = self.app.post(&self.destination, &self.path("/quotas"), body).await.expect(201).id();
        self.app
            .post(
                &self.destination,
                &self.path(&format!("/quotas/{quota}/publication")),
                json!({ "approved_places": places }),
            )
            .await
            .expect(200);
        quota
    }

    /// Invented people in the origin's register, from the `first` on; the ids in their order. Every third is formerly poor.
    pub async fn workers(&self, first: usize, count: usize) -> Vec<String> {
        register(&self.app, &self.origin, first, count).await
    }

    /// New terms from a day on, ratified by both sides.
    pub async fn amended(&self, effective_on: &str, terms: Value) {
        let path = format!("/v1/agreements/{}", self.agreement);
        let body = json!({ "effective_on": effective_on, "terms": terms, "reason": "双方商定" });
        let number =
            self.app.post(&self.origin, &format!("{path}/amendments"), body).await.expect(201).body["number"].clone();
        let document = self.app.get(&self.origin, &format!("{path}/document?version={number}")).await.expect(200);
        let digest = document.etag().trim_matches('"').to_owned();
        for party in [&self.origin, &self.destination] {
            let body = json!({ "digest": digest, "version": number });
            self.app.post(party, &format!("{path}/ratification"), body).await.expect(200);
        }
    }

    /// A dispatch as a draft, planned for 5 March.
    pub async fn dispatch(&self) -> String {
        self.dispatch_on("2026-03-05", "2026-03-06").await
    }

    /// A dispatch as a draft, planned for two days.
    pub async fn dispatch_on(&self, departure: &str, arrival: &str) -> String {
        let body = json!({
            "title": "2026年春季第一批", "mode": "point_to_point", "vehicle": "湘E·大巴·03", "leader_name": "周建国", "leader_phone": "14000000001",
            "legal_basis": "协议第六条", "consent_recorded": true, "planned_departure_on": departure, "planned_arrival_on": arrival
        });
        self.app.post(&self.origin, &self.path("/dispatches"), body).await.expect(201).id()
    }

    /// Enrols workers on the roster of a dispatch.
    pub async fn enrol(&self, dispatch: &str, quota: &str, workers: &[String]) -> Reply {
        let rows: Vec<Value> = workers.iter().map(|worker| json!({ "worker_id": worker, "quota_id": quota })).collect();
        self.app
            .post(&self.origin, &self.path(&format!("/dispatches/{dispatch}/roster")), json!({ "rows": rows }))
            .await
    }

    /// Locks the roster and lets the dispatch depart on its day; the clock goes there.
    pub async fn depart(&self, dispatch: &str) {
        self.app.clock_set("2026-03-05");
        self.app.post(&self.origin, &self.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
        let body = json!({ "departed_on": "2026-03-05" });
        self.app.post(&self.origin, &self.path(&format!("/dispatches/{dispatch}/departure")), body).await.expect(200);
    }

    /// People sent with one departed dispatch: the quota, and the placements in the order of the workers.
    pub async fn sent(&self, first: usize, count: usize) -> (String, Vec<String>) {
        let quota = self.quota(i64::try_from(count).unwrap()).await;
        let workers = self.workers(first, count).await;
        let dispatch = self.dispatch().await;
        let receipts = self.enrol(&dispatch, &quota, &workers).await.expect(207);
        assert_eq!(receipts.body["accepted"], count, "{}", receipts.body);
        self.depart(&dispatch).await;
        let placements = receipts.body["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        (quota, placements)
    }

    /// The employer's claims about placements, one outcome for all.
    pub async fn claim(&self, placements: &[String], outcome: &str, day: &str) -> Reply {
        let rows: Vec<Value> =
            placements.iter().map(|placement| json!({ "placement_id": placement, "outcome": outcome, "happened_on": day, "evidence": "e2" })).collect();
        self.app.post(&self.employer, &self.path("/claims"), json!({ "rows": rows })).await
    }

    /// The balance of a quota's own account: held, filled, free.
    pub async fn balance(&self, quota: &str) -> (i64, i64, i64) {
        let balance =
            self.app.get(&self.origin, &self.path(&format!("/quotas/{quota}/balance"))).await.expect(200).body;
        let account =
            balance["accounts"].as_array().unwrap().iter().find(|account| account["id"] == quota).unwrap().clone();
        (account["held"].as_i64().unwrap(), account["filled"].as_i64().unwrap(), account["free"].as_i64().unwrap())
    }

    /// Other caps from a day on, ratified by both sides.
    pub async fn caps_amended(&self, day: &str, caps: Value) {
        let mut terms = terms(&targets());
        terms["caps"] = caps;
        self.amended(day, terms).await;
    }

    /// The agreement's fulfilment as the origin reads it.
    pub async fn fulfilment(&self) -> Value {
        self.app.get(&self.origin, &self.path("/fulfilment")).await.expect(200).body
    }
}

/// An agreement between two parties, drafted, proposed and ratified by both over the same digest.
pub async fn ratified(
    app: &TestApp,
    origin: &TestParty,
    destination: &TestParty,
    number: &str,
    terms: Value,
) -> String {
    let body = json!({
        "number": number, "title": "劳务协作协议", "kind": "inter_provincial", "effective_from": "2026-01-01", "effective_to": "2028-12-31",
        "parties": [{ "party_id": origin.id, "role": "origin" }, { "party_id": destination.id, "role": "destination" }], "terms": terms
    });
    let agreement = app.post(origin, "/v1/agreements", body).await.expect(201).id();
    app.post(origin, &format!("/v1/agreements/{agreement}/proposal"), json!({})).await.expect(200);
    let document = app.get(destination, &format!("/v1/agreements/{agreement}/document")).await.expect(200);
    let digest = document.etag().trim_matches('"').to_owned();
    for party in [origin, destination] {
        app.post(party, &format!("/v1/agreements/{agreement}/ratification"), json!({ "digest": digest }))
            .await
            .expect(200);
    }
    agreement
}

/// Registers invented people; the ids in their order.
pub async fn register(app: &TestApp, origin: &TestParty, first: usize, count: usize) -> Vec<String> {
    let rows: Vec<Value> = (first..first + count)
        .map(|n| {
            let groups = if n % 3 == 0 { json!([{ "group_code": "lifted", "valid_from": "2020-01-01", "source": "脱贫人口台账" }]) } else { json!([]) };
            json!({ "name": name(n), "identity_number": identity_number(n), "hukou_code": "430523", "partner_ref": format!("SY-{n:05}"), "groups": groups })
        })
        .collect();
    let receipts = app.post(origin, "/v1/worker-batches", json!({ "rows": rows })).await.expect(207);
    assert_eq!(receipts.body["rejected"], 0, "{}", receipts.body);
    receipts.body["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
