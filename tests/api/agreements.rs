//! Agreements: what two counties rely on when they draft, ratify, amend and end one.

use labour_exchange::db::{Id, statement};
use labour_exchange::identity::client_key::ClientKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::on_both;
use crate::support::{Reply, TestApp, TestParty, together};

/// Terms as two counties would write them.
pub fn terms() -> Value {
    json!({
        "targets": [
            { "plan_year": 2026, "indicator": "onboarded", "population": "all", "unit": "person", "number": 2500 },
            { "plan_year": 2026, "indicator": "dispatched", "population": "all", "unit": "person_time", "number": 3000 },
            {
                "plan_year": 2026, "indicator": "retained", "node": { "unit": "days", "length": 90 },
                "population": "lifted", "scope": "outside_province", "unit": "person", "number": 800
            }
        ],
        "arrival": { "meaning": "onboarded", "window_days": 14, "minimum_evidence": "e2" },
        "retention": {
            "rule_id": "stay_3m_continuous",
            "nodes": [{ "unit": "days", "length": 30 }, { "unit": "days", "length": 90 }],
            "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "same_region",
            "start_basis": "onboarded_day", "minimum_evidence": "e2", "monthly_wage_floor_fen": null,
            "evidence_valid_days": 45
        },
        "attribution": "earliest_confirmed_arrival",
        "caps": { "agreement": 5000, "regions": [{ "region_code": "330782", "places": 3000 }] },
        "hold_days": 30,
        "deadlines": { "answer_days": 14, "exit_days": 7 },
        "data_sharing": {
            "legal_basis": "就业促进法第三十五条", "purpose": "抵达交接与稳岗跟踪", "retention_days": 1095
        },
        "complaints_contact": "12333"
    })
}

/// A draft with these parties, from 2026-01-01 to 2026-12-31.
pub fn draft(number: &str, parties: &[(&TestParty, &str)]) -> Value {
    let parties: Vec<Value> =
        parties.iter().map(|(party, role)| json!({ "party_id": party.id, "role": role })).collect();
    json!({
        "number": number, "title": "邵阳县—义乌市劳务协作协议", "kind": "inter_provincial",
        "effective_from": "2026-01-01", "effective_to": "2026-12-31", "parties": parties, "terms": terms()
    })
}

/// The agreement's path, drafted and proposed by the first party.
pub async fn proposed(app: &TestApp, number: &str, parties: &[(&TestParty, &str)]) -> String {
    let drafter = parties[0].0;
    let made = app.post(drafter, "/v1/agreements", draft(number, parties)).await.expect(201);
    let path = made.header("location").to_owned();
    app.post(drafter, &format!("{path}/proposal"), json!({})).await.expect(200);
    path
}

/// The agreement's path, ratified by every party.
pub async fn ratified(app: &TestApp, number: &str, parties: &[(&TestParty, &str)]) -> String {
    let path = proposed(app, number, parties).await;
    for (party, _) in parties {
        ratify(app, party, &path, None).await.expect(200);
    }
    path
}

/// The digest of a version, computed from its bytes as a careful party does.
async fn digest(app: &TestApp, party: &TestParty, path: &str, version: Option<i64>) -> String {
    let query = version.map(|number| format!("?version={number}")).unwrap_or_default();
    let document = app.get(party, &format!("{path}/document{query}")).await.expect(200);
    hex::encode(Sha256::digest(&document.bytes))
}

/// Reads the document, computes its digest, and ratifies it.
pub async fn ratify(app: &TestApp, party: &TestParty, path: &str, version: Option<i64>) -> Reply {
    let digest = digest(app, party, path, version).await;
    app.post(party, &format!("{path}/ratification"), json!({ "digest": digest, "version": version })).await
}

async fn amend(app: &TestApp, party: &TestParty, path: &str, effective_on: &str, number: i64) -> Reply {
    let mut changed = terms();
    changed["targets"][0]["number"] = json!(number);
    let body = json!({ "effective_on": effective_on, "terms": changed, "reason": "年度目标调整" });
    app.post(party, &format!("{path}/amendments"), body).await
}

async fn shaoyang(app: &TestApp) -> TestParty {
    app.party("邵阳县人社局", "authority", "430523").await
}

async fn yiwu(app: &TestApp) -> TestParty {
    app.party("义乌市人社局", "authority", "330782").await
}

/// Pointers of the faults, each with its code.
fn faults(reply: &Reply) -> Vec<(String, String)> {
    let errors = reply.body["errors"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

pub async fn register_key(app: &TestApp, party: &TestParty, key: &ClientKey, state: &'static str) {
    let (client, kid, jwk) = (party.client_id, key.public().kid.clone(), key.public().to_jwk().to_string());
    let now = app.state.clock.now();
    let writing = app.state.db.write(move |connection| {
        statement("insert into client_key (client_id, kid, jwk, state, created_at) values (?, ?, ?, ?, ?)")
            .bind(client)
            .bind(kid)
            .bind(jwk)
            .bind(state)
            .bind(now)
            .run(connection)?;
        Ok(())
    });
    writing.await.unwrap();
}

fn dispatch(departure: &str) -> Value {
    json!({
        "title": "2026年春季第一批", "mode": "point_to_point", "legal_basis": "协议第六条", "consent_recorded": true,
        "planned_departure_on": departure, "planned_arrival_on": departure
    })
}

on_both! {
    /// F1: what one side has ratified binds nobody.
    async fn an_agreement_is_in_force_only_when_both_sides_have_ratified_it(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let dispatches = format!("{path}/dispatches");
        app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(409).problem("agreement_not_in_force");

        let one = ratify(&app, &origin, &path, None).await.expect(200);
        assert_eq!((one.text("/state"), one.text("/standing")), ("proposed".into(), "not_yet_in_force".into()));
        assert_eq!(one.body["current"]["ratifications"][0]["party_id"], json!(origin.id));
        let refused = app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(409).problem("agreement_not_in_force");
        assert_eq!(refused.body["standing"], "not_yet_in_force");

        let both = ratify(&app, &destination, &path, None).await.expect(200);
        assert_eq!((both.text("/state"), both.text("/standing")), ("ratified".into(), "in_force".into()));
        assert_eq!(both.body["current"]["state"], "ratified");
        assert_eq!(both.body["open_version"], Value::Null);
        app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(201);

        app.clock_set("2027-01-01");
        app.post(&origin, &dispatches, dispatch("2027-01-10")).await.expect(409).problem("agreement_not_in_force");
        assert_eq!(app.get(&origin, &path).await.expect(200).text("/standing"), "expired");
    }

    /// F2: the text of a day is the text of that day for ever.
    async fn an_amendment_holds_from_its_day_and_the_days_before_keep_their_text(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let first = app.get(&origin, &format!("{path}/document")).await.expect(200);

        let amendment = amend(&app, &destination, &path, "2026-07-01", 3000).await.expect(201);
        assert_eq!(amendment.body["number"], 2);
        let proposed = app.get(&origin, amendment.header("location")).await.expect(200);
        assert_eq!(proposed.body["previous_digest"], first.etag().trim_matches('"'));
        assert_eq!(app.get(&origin, &path).await.body["open_version"], 2);

        // Proposed, or ratified by one side, it changes nothing, not even for the days after its day.
        ratify(&app, &origin, &path, Some(2)).await.expect(200);
        let later = format!("{path}?as_of=2026-07-01");
        assert_eq!(app.get(&origin, &later).await.body["current"]["terms"]["targets"][0]["number"], 2500);

        ratify(&app, &destination, &path, None).await.expect(409).problem("digest_mismatch");
        ratify(&app, &destination, &path, Some(2)).await.expect(200);
        for today in ["2026-03-02", "2026-06-30", "2026-07-01", "2026-12-01"] {
            app.clock_set(today);
            for (day, version, number) in [("2026-06-30", 1, 2500), ("2026-07-01", 2, 3000), ("2026-12-31", 2, 3000)] {
                let read = app.get(&destination, &format!("{path}?as_of={day}")).await.expect(200);
                assert_eq!(read.body["current"]["number"], version, "{day} read on {today}");
                assert_eq!(read.body["current"]["terms"]["targets"][0]["number"], number, "{day} read on {today}");
            }
            let bytes = app.get(&origin, &format!("{path}/document?version=1")).await.expect(200).bytes;
            assert_eq!(bytes, first.bytes);
        }
        assert_eq!(app.get(&origin, &path).await.body["current"]["number"], 2);
        assert_eq!(app.get(&origin, &format!("{path}?as_of=2020-01-01")).await.body["current"]["number"], 1);
    }

    /// F3: every target says in which unit and by which definition it is counted.
    async fn targets_carry_their_unit_and_the_rule_they_are_counted_by(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let terms = app.get(&destination, &path).await.expect(200).body["current"]["terms"].clone();
        let units: Vec<&Value> = terms["targets"].as_array().unwrap().iter().map(|target| &target["unit"]).collect();
        assert_eq!(units, ["person", "person_time", "person"]);
        assert_eq!(terms["retention"]["rule_id"], "stay_3m_continuous");
        assert_eq!(terms["arrival"]["meaning"], "onboarded");

        let mut without_unit = draft("SY-YW-2026-02", &[(&origin, "origin"), (&destination, "destination")]);
        without_unit["terms"]["targets"][0].as_object_mut().unwrap().remove("unit");
        let refused = app.post(&origin, "/v1/agreements", without_unit).await.expect(422).problem("field_missing");
        assert_eq!(faults(&refused), [("#/terms/targets/0/unit".into(), "field_missing".into())]);
    }

    /// What is ratified is the SHA-256 of the bytes that were read.
    async fn the_document_is_served_byte_for_byte_with_its_digest(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let document = app.get(&destination, &format!("{path}/document")).await.expect(200);
        let sum = hex::encode(Sha256::digest(&document.bytes));
        assert_eq!(document.etag(), format!("\"{sum}\""));
        assert_eq!(app.get(&destination, &path).await.text("/current/digest"), sum);
        assert!(document.header("content-digest").starts_with("sha-256=:"));
        let canonical = serde_json_canonicalizer::to_vec(&document.body).unwrap();
        assert_eq!(document.bytes, canonical);
        assert_eq!(document.body["parties"][0]["name"], "邵阳县人社局");
        let again = app.call("GET", &format!("{path}/document")).by(&origin).header("if-none-match", document.etag());
        again.send().await.expect(304);
        app.get(&origin, &format!("{path}/document?version=2")).await.expect(404);
    }

    /// Nobody ratifies something else by mistake.
    async fn ratifying_other_bytes_than_those_proposed_is_refused(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let ratification = format!("{path}/ratification");
        let other = hex::encode(Sha256::digest(b"other bytes"));
        app.post(&destination, &ratification, json!({ "digest": other })).await.expect(409).problem("digest_mismatch");
        let short = app.post(&destination, &ratification, json!({ "digest": "abc" })).await.expect(422);
        assert_eq!(faults(&short), [("#/digest".into(), "digest_malformed".into())]);
        let good = digest(&app, &destination, &path, None).await;
        let unknown = app.post(&destination, &ratification, json!({ "digest": good, "version": 7 })).await.expect(422);
        unknown.problem("reference_unknown");
        ratify(&app, &destination, &path, None).await.expect(200);
        ratify(&app, &destination, &path, None).await.expect(409).problem("already_ratified");
        ratify(&app, &origin, &path, None).await.expect(200);
        ratify(&app, &origin, &path, None).await.expect(409).problem("already_ratified");
    }

    /// A document changed in the database is never served, ratified or worked by.
    async fn a_document_changed_behind_the_exchange_is_noticed(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let digest = digest(&app, &destination, &path, None).await;
        let id = Id::parse(path.rsplit('/').next().unwrap()).unwrap();
        let guard = if app.is_postgres() { " on agreement_version" } else { "" };
        let tampering = app.state.db.write(move |connection| {
            statement(format!("drop trigger agreement_version_append_only_update{guard}")).run(connection)?;
            statement("update agreement_version set document = replace(document, '2500', '9500') where agreement_id = ?")
                .bind(id)
                .run(connection)?;
            Ok(())
        });
        tampering.await.unwrap();
        app.expect_faults();
        app.get(&destination, &format!("{path}/document")).await.expect(500).problem("internal_error");
        app.get(&destination, &path).await.expect(500).problem("internal_error");
        let ratification = json!({ "digest": digest });
        app.post(&destination, &format!("{path}/ratification"), ratification).await.expect(500).problem("internal_error");
    }

    /// P08: the signature is verified over the exact bytes, with a key registered for the client, and kept.
    async fn a_detached_signature_is_verified_and_kept(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let (key, stranger, revoked) =
            (ClientKey::generate().unwrap(), ClientKey::generate().unwrap(), ClientKey::generate().unwrap());
        register_key(&app, &destination, &key, "active").await;
        register_key(&app, &destination, &revoked, "revoked").await;
        register_key(&app, &origin, &stranger, "active").await;
        let bytes = app.get(&destination, &format!("{path}/document")).await.expect(200).bytes;
        let digest = hex::encode(Sha256::digest(&bytes));
        let mut altered = bytes.clone();
        altered[10] ^= 1;
        let whole = key.sign_detached(&bytes).unwrap();
        let last = if whole.ends_with('A') { "B" } else { "A" };
        let refused = [
            stranger.sign_detached(&bytes).unwrap(),
            revoked.sign_detached(&bytes).unwrap(),
            key.sign_detached(&altered).unwrap(),
            format!("{}{last}", &whole[..whole.len() - 2]),
            "nonsense".to_owned(),
        ];
        for signature in refused {
            let body = json!({ "digest": digest, "signature": signature });
            let reply = app.post(&destination, &format!("{path}/ratification"), body).await.expect(422);
            assert_eq!(faults(&reply.problem("signature_invalid")), [("#/signature".into(), "signature_invalid".into())]);
        }
        let body = json!({ "digest": digest, "signature": whole });
        let taken = app.post(&destination, &format!("{path}/ratification"), body).await.expect(200);
        let kept = &taken.body["current"]["ratifications"][0];
        assert_eq!(kept["signature"], whole);
        assert_eq!(kept["key_id"], key.public().kid);
        assert_eq!((&kept["party_id"], &kept["client_id"]), (&json!(destination.id), &json!(destination.client_id)));
        assert_eq!(kept["digest"], digest);
        assert_eq!(kept["ratified_at"], "2026-03-02T01:00:00.000000Z");
    }

    /// A signature for one version says nothing about another.
    async fn a_signature_cannot_be_used_for_another_version(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let key = ClientKey::generate().unwrap();
        register_key(&app, &destination, &key, "active").await;
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let old = app.get(&destination, &format!("{path}/document?version=1")).await.expect(200).bytes;
        amend(&app, &origin, &path, "2026-07-01", 3000).await.expect(201);
        let new = digest(&app, &destination, &path, Some(2)).await;
        let body = json!({ "digest": new, "version": 2, "signature": key.sign_detached(&old).unwrap() });
        app.post(&destination, &format!("{path}/ratification"), body).await.expect(422).problem("signature_invalid");
    }

    /// Whoever is no party cannot even learn that there is an agreement.
    async fn outsiders_see_nothing(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let outsider = app.party("某县人社局", "authority", "430522").await;
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        for address in ["", "/document", "/document?version=1", "/versions"] {
            app.get(&outsider, &format!("{path}{address}")).await.expect(404).problem("not_found");
        }
        let amendment = json!({ "effective_on": "2026-07-01", "terms": terms(), "reason": "调整" });
        for (address, body) in [
            ("proposal", json!({})),
            ("withdrawal", json!({})),
            ("ratification", json!({ "digest": "0".repeat(64) })),
            ("suspension", json!({ "reason": "原因" })),
            ("resumption", json!({ "reason": "原因" })),
            ("termination", json!({ "reason": "原因" })),
            ("amendments", amendment),
            ("amendments/1/withdrawal", json!({})),
        ] {
            app.post(&outsider, &format!("{path}/{address}"), body).await.expect(404).problem("not_found");
        }
        app.patch(&outsider, &path, "\"1\"", json!({ "title": "改" })).await.expect(404).problem("not_found");
        let listed = app.get(&outsider, "/v1/agreements").await.expect(200);
        assert_eq!(listed.body["items"], json!([]));
    }

    /// A draft is the drafter's own until it is proposed, and again after it is withdrawn.
    async fn a_draft_is_seen_by_its_drafter_only(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let parties = [(&origin, "origin"), (&destination, "destination")];
        let made = app.post(&origin, "/v1/agreements", draft("SY-YW-2026-01", &parties)).await.expect(201);
        let path = made.header("location").to_owned();
        assert_eq!((made.text("/state"), made.text("/role")), ("draft".into(), "origin".into()));
        app.get(&origin, &path).await.expect(200);
        let hidden = async || {
            for address in ["", "/document", "/versions"] {
                app.get(&destination, &format!("{path}{address}")).await.expect(404);
            }
            assert_eq!(app.get(&destination, "/v1/agreements").await.body["items"], json!([]));
        };
        hidden().await;
        assert_eq!(app.get(&destination, "/v1/events").await.expect(200).body["items"], json!([]));
        app.post(&origin, &format!("{path}/proposal"), json!({})).await.expect(200);
        app.get(&destination, &path).await.expect(200);
        app.post(&destination, &format!("{path}/withdrawal"), json!({})).await.expect(403).problem("role_not_allowed");
        app.post(&origin, &format!("{path}/withdrawal"), json!({})).await.expect(200);
        hidden().await;
    }

    /// A withdrawn proposal stays on record with the ratifications it had; what is proposed next is another version.
    async fn a_withdrawn_proposal_is_changed_and_proposed_as_a_new_version(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let third = app.party("海宁市人社局", "authority", "330481").await;
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let old = digest(&app, &destination, &path, None).await;
        ratify(&app, &destination, &path, None).await.expect(200);
        let draft = app.post(&origin, &format!("{path}/withdrawal"), json!({})).await.expect(200);
        assert_eq!((draft.text("/state"), &draft.body["current"]["number"]), ("draft".into(), &json!(2)));

        let without = json!({ "parties": [
            { "party_id": origin.id, "role": "origin" }, { "party_id": third.id, "role": "destination" }
        ] });
        let refused = app.patch(&origin, &path, draft.etag(), without).await.expect(422);
        assert_eq!(faults(&refused), [("#/parties".into(), "signatory_missing".into())]);
        let change = json!({ "terms": { "hold_days": 20 } });
        let changed = app.patch(&origin, &path, draft.etag(), change).await.expect(200);
        assert_eq!(changed.body["current"]["terms"]["hold_days"], 20);
        assert_eq!(changed.body["current"]["terms"]["complaints_contact"], "12333");
        app.post(&origin, &format!("{path}/proposal"), json!({})).await.expect(200);

        app.post(&destination, &format!("{path}/ratification"), json!({ "digest": old })).await.expect(409)
            .problem("digest_mismatch");
        let named = json!({ "digest": old, "version": 1 });
        app.post(&origin, &format!("{path}/ratification"), named).await.expect(409).problem("transition_not_allowed");
        for party in [&origin, &destination] {
            ratify(&app, party, &path, None).await.expect(200);
        }
        let versions = app.get(&destination, &format!("{path}/versions")).await.expect(200);
        let states: Vec<&Value> = versions.body["items"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
        assert_eq!(states, ["withdrawn", "ratified"]);
        assert_eq!(versions.body["items"][0]["ratifications"][0]["digest"], old);
        assert_eq!(versions.body["items"][1]["ratifications"].as_array().unwrap().len(), 2);
    }

    /// What the state does not allow is refused with what it does allow.
    async fn illegal_moves_name_the_legal_ones(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let parties = [(&origin, "origin"), (&destination, "destination")];
        let made = app.post(&origin, "/v1/agreements", draft("SY-YW-2026-01", &parties)).await.expect(201);
        let path = made.header("location").to_owned();
        let reason = json!({ "reason": "双方协商一致" });
        let amendment = json!({ "effective_on": "2026-07-01", "terms": terms(), "reason": "调整" });
        let moves = async |allowed: &[&str], steps: &[&str]| {
            for step in steps {
                let body = match *step {
                    "proposal" | "withdrawal" => json!({}),
                    "ratification" => json!({ "digest": "0".repeat(64) }),
                    "amendments" => amendment.clone(),
                    _ => reason.clone(),
                };
                let refused = app.post(&origin, &format!("{path}/{step}"), body).await.expect(409);
                let refused = refused.problem("transition_not_allowed");
                assert_eq!(refused.body["allowed_actions"], json!(allowed), "{step}");
            }
        };
        let life = ["suspension", "resumption", "termination"];
        moves(&["change", "propose"], &[&life[..], &["withdrawal", "ratification", "amendments"]].concat()).await;
        app.post(&origin, &format!("{path}/proposal"), json!({})).await.expect(200);
        moves(&["withdraw", "ratify"], &[&life[..], &["proposal", "amendments"]].concat()).await;
        let etag = app.get(&origin, &path).await.etag().to_owned();
        let changed = app.patch(&origin, &path, &etag, json!({ "title": "改" })).await.expect(409);
        changed.problem("transition_not_allowed");
        for (party, _) in parties {
            ratify(&app, party, &path, None).await.expect(200);
        }
        moves(&["amend", "suspend", "terminate"], &["resumption", "proposal", "withdrawal"]).await;
        app.post(&destination, &format!("{path}/suspension"), reason.clone()).await.expect(200);
        moves(&["resume", "terminate"], &["suspension", "proposal", "withdrawal", "amendments"]).await;
        app.post(&origin, &format!("{path}/termination"), reason.clone()).await.expect(200);
        moves(&[], &[&life[..], &["proposal", "withdrawal", "amendments", "ratification"]].concat()).await;
    }

    /// Every fault of a draft is told at once, each with its place.
    async fn a_draft_with_many_faults_names_them_all(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let stranger = Id::new();
        let mut bad = draft("SY-YW-2026-01", &[(&destination, "destination"), (&destination, "destination")]);
        bad["number"] = json!(" ");
        bad["parties"][1] = json!({ "party_id": stranger, "role": "station" });
        bad["terms"]["targets"][0]["plan_year"] = json!(2030);
        bad["terms"]["targets"][1]["node"] = json!({ "unit": "days", "length": 90 });
        bad["terms"]["targets"][2]["node"] = json!({ "unit": "days", "length": 45 });
        bad["terms"]["arrival"]["window_days"] = json!(367);
        bad["terms"]["retention"]["rule_id"] = json!("Stay 3m");
        bad["terms"]["caps"]["regions"][0]["region_code"] = json!("999999");
        bad["terms"]["hold_days"] = json!(0);
        bad["terms"]["deadlines"]["exit_days"] = json!(91);
        bad["terms"]["data_sharing"]["purpose"] = json!("");
        let refused = app.post(&origin, "/v1/agreements", bad).await.expect(422).problem("field_invalid");
        let found = faults(&refused);
        let expected = [
            ("#/number", "length"),
            ("#/parties/1/party_id", "reference_unknown"),
            ("#/parties", "role_missing"),
            ("#/parties", "drafter_missing"),
            ("#/terms/targets/0/plan_year", "outside_term"),
            ("#/terms/targets/1/node", "node_not_allowed"),
            ("#/terms/targets/2/node", "node_unknown"),
            ("#/terms/arrival/window_days", "out_of_range"),
            ("#/terms/retention/rule_id", "malformed_rule_id"),
            ("#/terms/caps/regions/0/region_code", "region_unknown"),
            ("#/terms/hold_days", "out_of_range"),
            ("#/terms/deadlines/exit_days", "out_of_range"),
            ("#/terms/data_sharing/purpose", "length"),
        ];
        let found: Vec<(&str, &str)> = found.iter().map(|(place, code)| (place.as_str(), code.as_str())).collect();
        assert_eq!(found, expected);

        let mut unknown = draft("SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]);
        unknown["parties"][1]["party_id"] = json!(stranger);
        app.post(&origin, "/v1/agreements", unknown).await.expect(422).problem("reference_unknown");
    }

    /// An alliance of three is in force only with all three.
    async fn an_alliance_of_three_needs_all_three(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let other = app.party("隆回县人社局", "authority", "430524").await;
        let parties = [(&origin, "origin"), (&other, "origin"), (&destination, "destination")];
        let path = proposed(&app, "WL-2026-01", &parties).await;
        for (party, state) in [(&other, "proposed"), (&destination, "proposed"), (&origin, "ratified")] {
            let reply = ratify(&app, party, &path, None).await.expect(200);
            assert_eq!(reply.text("/state"), state);
        }
        amend(&app, &other, &path, "2026-07-01", 3000).await.expect(201);
        for (party, state) in [(&origin, "proposed"), (&other, "proposed"), (&destination, "ratified")] {
            ratify(&app, party, &path, Some(2)).await.expect(200);
            let versions = app.get(&other, &format!("{path}/versions")).await.expect(200);
            assert_eq!(versions.body["items"][1]["state"], state);
        }
    }

    /// A station may read and ratify; the life of the agreement belongs to the governments.
    async fn a_station_ratifies_but_does_not_suspend(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let station = app.party("驻义乌劳务工作站", "authority", "330782").await;
        let parties = [(&origin, "origin"), (&destination, "destination"), (&station, "station")];
        let path = ratified(&app, "SY-YW-2026-01", &parties).await;
        let reason = json!({ "reason": "原因" });
        for step in ["suspension", "resumption", "termination"] {
            let refused = app.post(&station, &format!("{path}/{step}"), reason.clone()).await.expect(403);
            assert_eq!(refused.problem("role_not_allowed").body["required_role"], json!(["origin", "destination"]));
        }
        amend(&app, &station, &path, "2026-07-01", 3000).await.expect(403).problem("role_not_allowed");
    }

    /// A suspended agreement takes no new dispatches until it is resumed; a terminated one never again.
    async fn suspending_and_terminating_stop_new_dispatches(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let dispatches = format!("{path}/dispatches");
        let reason = json!({ "reason": "因疫情暂停" });
        app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(201);
        let suspended = app.post(&destination, &format!("{path}/suspension"), reason.clone()).await.expect(200);
        assert_eq!((suspended.text("/state"), suspended.text("/standing")), ("suspended".into(), "suspended".into()));
        app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(409).problem("agreement_not_in_force");
        app.post(&origin, &format!("{path}/resumption"), reason.clone()).await.expect(200);
        app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(201);
        let blank = app.post(&origin, &format!("{path}/termination"), json!({ "reason": " " })).await.expect(422);
        assert_eq!(faults(&blank), [("#/reason".into(), "length".into())]);
        app.post(&origin, &format!("{path}/termination"), json!({})).await.expect(422).problem("field_missing");
        app.post(&origin, &format!("{path}/termination"), reason).await.expect(200);
        app.post(&origin, &dispatches, dispatch("2026-03-10")).await.expect(409).problem("agreement_not_in_force");
        assert_eq!(app.get(&destination, &path).await.expect(200).text("/standing"), "terminated");
    }

    /// One amendment at a time, and each side may take it off the table.
    async fn an_amendment_can_be_refused_by_either_side(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        amend(&app, &origin, &path, "2026-07-01", 3000).await.expect(201);
        let second = amend(&app, &destination, &path, "2026-08-01", 3100).await.expect(409).problem("amendment_open");
        assert_eq!(second.body["version"], 2);
        let withdrawn = app.post(&destination, &format!("{path}/amendments/2/withdrawal"), json!({})).await.expect(200);
        assert_eq!(withdrawn.text("/state"), "withdrawn");
        for number in [1, 2] {
            let again = app.post(&origin, &format!("{path}/amendments/{number}/withdrawal"), json!({})).await;
            again.expect(409).problem("transition_not_allowed");
        }
        app.post(&origin, &format!("{path}/amendments/9/withdrawal"), json!({})).await.expect(404);
        let third = amend(&app, &destination, &path, "2026-08-01", 3100).await.expect(201);
        assert_eq!(third.body["number"], 3);
        for party in [&origin, &destination] {
            ratify(&app, party, &path, Some(3)).await.expect(200);
        }
        // The chain of ratified texts leaps over what was withdrawn.
        let first = digest(&app, &origin, &path, Some(1)).await;
        let document = app.get(&origin, &format!("{path}/document?version=3")).await.expect(200);
        assert_eq!(document.body["previous_digest"], first);
    }

    /// One rule id stands for one retention rule for good: figures carry it.
    async fn a_changed_retention_rule_needs_an_id_of_its_own(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let mut changed = terms();
        changed["retention"]["allowed_gap_days"] = json!(3);
        let amendment = |terms: &Value| json!({ "effective_on": "2026-07-01", "terms": terms, "reason": "调整" });
        let refused = app.post(&origin, &format!("{path}/amendments"), amendment(&changed)).await.problem("field_invalid");
        assert_eq!(faults(&refused), [("#/terms/retention/rule_id".to_owned(), "rule_id_taken".to_owned())]);
        changed["retention"]["rule_id"] = json!("stay_shorter_gap");
        app.post(&origin, &format!("{path}/amendments"), amendment(&changed)).await.expect(201);
    }

    /// What the exchange does not record yet cannot be agreed on.
    async fn a_handover_is_refused_as_the_meaning_of_arrival(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let mut handed_over = terms();
        handed_over["arrival"]["meaning"] = json!("handed_over");
        let body = json!({
            "number": "SY-YW-2026-09", "title": "劳务协作协议", "kind": "inter_provincial", "effective_from": "2026-01-01", "effective_to": "2026-12-31",
            "parties": [{ "party_id": origin.id, "role": "origin" }, { "party_id": destination.id, "role": "destination" }], "terms": handed_over
        });
        let refused = app.post(&origin, "/v1/agreements", body).await.problem("field_invalid");
        assert_eq!(faults(&refused), [("#/terms/arrival/meaning".to_owned(), "meaning_not_offered".to_owned())]);
    }

    /// An amendment never changes what held on a day that is over.
    async fn an_amendment_whose_day_has_passed_cannot_be_ratified_any_more(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let late = amend(&app, &origin, &path, "2026-03-01", 3000).await.expect(422).problem("field_invalid");
        assert_eq!(faults(&late), [("#/effective_on".into(), "in_the_past".into())]);
        let outside = amend(&app, &origin, &path, "2027-01-01", 0).await.expect(422);
        let expected = [("#/effective_on", "outside_term"), ("#/terms/targets/0/number", "out_of_range")];
        let found = faults(&outside);
        let found: Vec<(&str, &str)> = found.iter().map(|(place, code)| (place.as_str(), code.as_str())).collect();
        assert_eq!(found[..2], expected);

        amend(&app, &origin, &path, "2026-03-02", 3000).await.expect(201);
        ratify(&app, &origin, &path, Some(2)).await.expect(200);
        app.clock_set("2026-03-03");
        ratify(&app, &destination, &path, Some(2)).await.expect(409).problem("effective_day_passed");
        assert_eq!(app.get(&origin, &path).await.body["current"]["number"], 1);
    }

    /// A change meant for an older version is refused, whether it is a patch or a step.
    async fn a_change_meant_for_an_older_version_is_refused(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let parties = [(&origin, "origin"), (&destination, "destination")];
        let made = app.post(&origin, "/v1/agreements", draft("SY-YW-2026-01", &parties)).await.expect(201);
        let path = made.header("location").to_owned();
        let change = json!({ "title": "新名", "partner_ref": "A-7", "effective_to": "2027-12-31" });
        let changed = app.patch(&origin, &path, made.etag(), change).await.expect(200);
        assert_eq!(changed.text("/title"), "新名");
        assert_eq!(changed.text("/effective_to"), "2027-12-31");
        assert_eq!(app.get(&origin, &format!("{path}/document")).await.body["title"], "新名");
        let stale = app.patch(&origin, &path, made.etag(), json!({ "title": "旧" })).await.expect(412);
        assert_eq!(stale.problem("precondition_failed").etag(), changed.etag());
        let stale = app.post_with(&origin, &format!("{path}/proposal"), json!({}), &[("if-match", made.etag())]).await;
        stale.expect(412).problem("precondition_failed");
        let cleared = app.patch(&origin, &path, changed.etag(), json!({ "partner_ref": null })).await.expect(200);
        assert_eq!(cleared.body["partner_ref"], Value::Null);
        app.post_with(&origin, &format!("{path}/proposal"), json!({}), &[("if-match", cleared.etag())]).await.expect(200);
    }

    /// The number on the paper and the drafter's own reference name one agreement.
    async fn a_number_or_reference_names_one_agreement(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let parties = [(&origin, "origin"), (&destination, "destination")];
        let with_reference = |number: &str| {
            let mut body = draft(number, &parties);
            body["partner_ref"] = json!("A-7");
            body
        };
        let made = app.post(&origin, "/v1/agreements", with_reference("SY-YW-2026-01")).await.expect(201);
        let again = app.post(&destination, "/v1/agreements", draft("SY-YW-2026-01", &parties)).await.expect(409);
        again.problem("agreement_number_taken");
        let again = app.post(&origin, "/v1/agreements", with_reference("SY-YW-2026-02")).await.expect(409);
        again.problem("partner_ref_taken");
        app.post(&destination, "/v1/agreements", with_reference("SY-YW-2026-03")).await.expect(201);
        let found = app.get(&origin, "/v1/agreements?partner_ref=A-7").await.expect(200);
        let ids: Vec<&Value> = found.body["items"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, [&made.body["id"]]);
    }

    /// The list is filtered by state, role and today's standing, and read page by page.
    async fn the_list_finds_agreements_by_state_role_and_standing(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let parties = [(&origin, "origin"), (&destination, "destination")];
        for number in ["1", "2"] {
            ratified(&app, number, &parties).await;
        }
        proposed(&app, "3", &parties).await;
        ratified(&app, "4", &[(&destination, "origin"), (&origin, "destination")]).await;
        app.post(&origin, "/v1/agreements", draft("5", &parties)).await.expect(201);
        let numbers = async |party: &TestParty, query: &str| {
            let listed = app.get(party, &format!("/v1/agreements?{query}")).await.expect(200);
            let numbers = listed.body["items"].as_array().unwrap().iter().map(|row| row["number"].as_str().unwrap().to_owned());
            (numbers.collect::<Vec<_>>().join(" "), listed)
        };
        for (query, expected) in [
            ("", "1 2 3 4 5"),
            ("sort=-id", "5 4 3 2 1"),
            ("state=ratified", "1 2 4"),
            ("state=draft", "5"),
            ("role=destination", "4"),
            ("standing=in_force", "1 2 4"),
            ("standing=not_yet_in_force", "3 5"),
            ("standing=expired", ""),
            ("state=proposed&role=origin", "3"),
        ] {
            assert_eq!(numbers(&origin, query).await.0, expected, "{query}");
        }
        assert_eq!(numbers(&destination, "").await.0, "1 2 3 4");
        let (first, page) = numbers(&origin, "limit=2").await;
        assert_eq!(first, "1 2");
        let next = page.text("/next_cursor");
        assert_eq!(numbers(&origin, &format!("limit=2&cursor={next}")).await.0, "3 4");
        app.clock_set("2026-12-01");
        assert_eq!(numbers(&origin, "standing=expiring").await.0, "1 2 4");
        assert_eq!(numbers(&origin, "standing=in_force").await.0, "");
        app.get(&origin, "/v1/agreements?standing=asleep").await.expect(400).problem("parameter_invalid");
    }

    /// Versions are paged like every list.
    async fn the_versions_are_read_page_by_page(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        for (number, day) in [(2, "2026-07-01"), (3, "2026-08-01")] {
            amend(&app, &origin, &path, day, 2600).await.expect(201);
            app.post(&origin, &format!("{path}/amendments/{number}/withdrawal"), json!({})).await.expect(200);
        }
        for (sort, expected) in [("id", [1, 2, 3]), ("-id", [3, 2, 1])] {
            let mut cursor = String::new();
            for number in expected {
                let page = app.get(&destination, &format!("{path}/versions?limit=1&sort={sort}{cursor}")).await.expect(200);
                assert_eq!(page.body["items"][0]["number"], number);
                cursor = page.body["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
            }
            assert_eq!(cursor, "");
        }
    }

    /// Both parties press the button at the same moment.
    async fn two_parties_ratifying_at_once_make_one_ratified_agreement(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = proposed(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        let digest = digest(&app, &origin, &path, None).await;
        let calls = [&origin, &destination, &origin, &destination].map(|party| {
            let (app, party, path, digest) = (app.clone(), party.clone(), path.clone(), digest.clone());
            async move { app.post(&party, &format!("{path}/ratification"), json!({ "digest": digest })).await }
        });
        let mut statuses: Vec<u16> = together(calls).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 409, 409]);
        let read = app.get(&origin, &path).await.expect(200);
        assert_eq!(read.text("/state"), "ratified");
        assert_eq!(read.body["current"]["ratifications"].as_array().unwrap().len(), 2);
    }

    /// The parties follow the agreement in the feed; the drafting is the drafter's own affair.
    async fn each_step_is_an_event_of_the_agreement(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let path = ratified(&app, "SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]).await;
        amend(&app, &origin, &path, "2026-07-01", 3000).await.expect(201);
        for party in [&origin, &destination] {
            ratify(&app, party, &path, Some(2)).await.expect(200);
        }
        let reason = json!({ "reason": "双方协商一致" });
        for step in ["suspension", "resumption", "termination"] {
            app.post(&origin, &format!("{path}/{step}"), reason.clone()).await.expect(200);
        }
        let kinds = async |party: &TestParty| {
            let feed = app.get(party, "/v1/events").await.expect(200);
            let kinds = feed.body["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned());
            kinds.collect::<Vec<_>>()
        };
        let shared = [
            "agreement.proposed", "ratification.recorded", "ratification.recorded", "agreement.ratified",
            "amendment.proposed", "ratification.recorded", "ratification.recorded", "amendment.ratified",
            "agreement.suspended", "agreement.resumed", "agreement.terminated",
        ];
        assert_eq!(kinds(&destination).await, shared);
        assert_eq!(kinds(&origin).await, [&["agreement.drafted"][..], &shared].concat());
    }

    /// F4: a clause that is not there is named.
    async fn an_agreement_without_a_complaints_contact_says_so(app: TestApp) {
        let (origin, destination) = (shaoyang(&app).await, yiwu(&app).await);
        let mut body = draft("SY-YW-2026-01", &[(&origin, "origin"), (&destination, "destination")]);
        body["terms"].as_object_mut().unwrap().remove("complaints_contact");
        let made = app.post(&origin, "/v1/agreements", body).await.expect(201);
        assert_eq!(made.body["current"]["missing_clauses"], json!(["complaints"]));
        let change = json!({ "terms": { "complaints_contact": "0739-12333" } });
        let path = made.header("location").to_owned();
        let changed = app.patch(&origin, &path, made.etag(), change).await.expect(200);
        assert_eq!(changed.body["current"]["missing_clauses"], json!([]));
    }
}
