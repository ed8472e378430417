//! What was said, seen, given, read or has happened stands: the database itself refuses to change it, whoever asks.

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use labour_exchange::db::{DbConnection, statement};
use serde_json::json;

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::{Scene, identity_number, name, targets, terms};

/// Each table that is only added to, with the columns that may still change.
const TABLES: [(&str, &[&str]); 12] = [
    ("event", &["salt", "payload", "position"]),
    ("agreement_version", &["state", "ratified_at"]),
    ("ratification", &[]),
    ("quota_approval", &[]),
    ("place_entry", &[]),
    ("roster_return", &[]),
    ("claim", &["replaced_by"]),
    ("observation", &[]),
    ("exit_entry", &[]),
    ("identity_read", &[]),
    ("discrepancy_entry", &[]),
    ("claim_match", &["undone_at"]),
];

/// Runs SQL as somebody who owns the database would; what the database says against it.
async fn refusal(app: &TestApp, sql: String) -> Option<String> {
    let running = app.state.db.write(move |connection: &mut DbConnection| Ok(statement(sql).run(connection)?));
    running.await.err().map(|error| error.to_string())
}

async fn columns(app: &TestApp, table: &'static str) -> Vec<String> {
    let sql = if app.is_postgres() {
        format!("select cast(column_name as text) from information_schema.columns where table_name = '{table}'")
    } else {
        format!("select name from pragma_table_info('{table}')")
    };
    app.state.db.read(move |connection| Ok(statement(sql).returning::<Text>().load(connection)?)).await.unwrap()
}

/// At least one row in each of the tables.
async fn filled(app: TestApp) -> Scene {
    let scene = Scene::in_force(app).await;
    let (_, placements) = scene.sent(0, 2).await;
    scene.claim(&placements[..1], "onboarded", "2026-03-05").await.expect(207);
    let row = json!({ "placement_id": placements[0], "in_post": true, "seen_from": "2026-03-05", "seen_to": "2026-03-05",
        "evidence": "e2", "source": "employer_roster" });
    let seen =
        scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": [row] })).await.expect(207);
    assert_eq!(seen.body["accepted"], 1, "{}", seen.body);
    let left = json!({ "placement_id": placements[0], "ended_on": "2026-03-05", "grain": "day", "reason": "resigned" });
    let left = scene.app.post(&scene.employer, &scene.path("/exits"), json!({ "rows": [left] })).await.expect(207);
    assert_eq!(left.body["accepted"], 1, "{}", left.body);
    let workers = scene.workers(10, 1).await;
    let (quota, dispatch) = (scene.quota(1).await, scene.dispatch().await);
    let sent_back = scene.enrol(&dispatch, &quota, &workers).await.expect(207).text("/results/0/id");
    scene.app.post(&scene.origin, &scene.path(&format!("/dispatches/{dispatch}/lock")), json!({})).await.expect(200);
    let returns = scene.path(&format!("/placements/{sent_back}/returns"));
    scene.app.post(&scene.destination, &returns, json!({ "reason": "须持焊工证" })).await.expect(201);
    let worker = &workers[0];
    let purpose = json!({ "purpose": "核对社保参保信息" });
    scene.app.post(&scene.origin, &format!("/v1/workers/{worker}/identity-readings"), purpose).await.expect(200);
    matched_by_hand(&scene, &placements[1]).await;
    scene
}

/// A claim under a wrong number, put to a placement by hand.
async fn matched_by_hand(scene: &Scene, placement: &str) {
    let named = json!({ "name": name(1), "identity_number": identity_number(99), "outcome": "onboarded", "happened_on": "2026-03-05", "evidence": "e2" });
    scene.app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": [named] })).await.expect(207);
    let cut_off = json!({ "cut_off_on": "2026-03-05" });
    scene.app.post(&scene.origin, &scene.path("/reconciliations"), cut_off).await.expect(201);
    let found = scene.app.get(&scene.origin, &scene.path("/discrepancies?situation=unannounced")).await.expect(200);
    let path = scene.path(&format!("/discrepancies/{}/match", found.text("/items/0/id")));
    let body = json!({ "placement_id": placement, "force": true, "reason": "证件号码录入有误" });
    scene.app.post(&scene.origin, &path, body).await.expect(200);
}

on_both! {
    /// No column but those that say what became of it later can be changed, and no row goes away.
    async fn what_stands_cannot_be_changed_or_deleted(app: TestApp) {
        let scene = filled(app).await;
        for (table, may_change) in TABLES {
            let columns = columns(&scene.app, table).await;
            assert!(columns.len() >= 5 && may_change.iter().all(|name| columns.iter().any(|column| column == name)), "{table}: {columns:?}");
            let mut forbidden = vec![format!("delete from {table}")];
            for column in &columns {
                let update = format!("update {table} set {column} = {column}");
                if may_change.contains(&column.as_str()) {
                    assert_eq!(refusal(&scene.app, update.clone()).await, None, "{update}");
                } else {
                    forbidden.push(update);
                }
            }
            if scene.app.is_postgres() {
                forbidden.push(format!("truncate {table} cascade"));
            }
            for sql in forbidden {
                let refused = refusal(&scene.app, sql.clone()).await.unwrap_or_else(|| panic!("{sql} went through"));
                assert!(refused.contains(&format!("{table} is append-only")), "{sql}: {refused}");
            }
        }
    }

    /// A draft is still being written: its terms may change until they are put before the parties.
    async fn a_draft_may_still_change(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let draft = json!({ "number": "SY-YW-2026-09", "title": "劳务协作协议", "kind": "inter_provincial",
            "effective_from": "2026-01-01", "effective_to": "2028-12-31",
            "parties": [{ "party_id": scene.origin.id, "role": "origin" }, { "party_id": scene.destination.id, "role": "destination" }],
            "terms": terms(&targets()) });
        scene.app.post(&scene.origin, "/v1/agreements", draft).await.expect(201);
        let sql = "update agreement_version set document = document, digest = digest where state = 'draft'";
        assert_eq!(refusal(&scene.app, sql.to_owned()).await, None);
    }
}
