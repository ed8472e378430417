//! A real file, dirty as published: 7,469 job orders, requested and certified numbers kept apart, and totals equal to another program's.

use std::process::Command;

use serde_json::{Value, json};

use super::{counts, send, settled};
use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::{targets, terms};

/// What `examples/count_h2a_orders.py` counts in the same file.
fn counted() -> Value {
    let root = env!("CARGO_MANIFEST_DIR");
    let script = Command::new("python3")
        .args([
            format!("{root}/examples/count_h2a_orders.py"),
            format!("{root}/tests/data/h2a_fy2006.csv"),
            "2005-11-01".to_owned(),
        ])
        .output()
        .unwrap();
    serde_json::from_slice(&script.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&script.stderr)))
}

on_both! {
    /// The orders become quotas with requested and certified places, what is dirty is told by code, and every total is that of an
    /// independent count.
    async fn real_orders_add_up_to_what_another_program_counts(app: TestApp) {
        app.clock_set("2005-11-01");
        let origin = app.party("邵阳县人力资源和社会保障局", "authority", "430523").await;
        let destination = app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        let employer = app.party("H-2A 订单汇总用人单位", "employer", "330782").await;
        let targets: Vec<Value> = targets().as_array().unwrap().iter().cloned().map(|mut target| {
            target["plan_year"] = json!(2006);
            target
        }).collect();
        let agreement = in_force_from_2005(&app, &origin, &destination, terms(&json!(targets))).await;
        let query = format!("?agreement_id={agreement}&employer_id={}&region_code=330782", employer.id);
        let file = std::fs::read(format!("{}/tests/data/h2a_fy2006.csv", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let sent = send(&app, &destination, &query, "text/csv", file).await.expect(202);
        let import = settled(&app, &destination, &sent.id()).await;
        let counted = counted();
        assert_eq!((&import["state"], &import["options"]["layout"]), (&json!("applied"), &json!("h2a_orders")), "{import}");
        assert_eq!(counts(&import), [counted["taken"].as_i64().unwrap(), 0, counted["refused"].as_i64().unwrap(), 1]);
        for (code, rows) in counted["findings"].as_object().unwrap() {
            let found = import["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == **code);
            assert_eq!(found.map(|finding| &finding["rows"]), Some(rows), "{code}: {}", import["findings"]);
        }
        let (mut requested, mut approved, mut published) = (0, 0, 0);
        let mut path = format!("/v1/agreements/{agreement}/quotas?limit=200");
        loop {
            let page = app.get(&destination, &path).await.expect(200).body;
            for quota in page["items"].as_array().unwrap() {
                requested += quota["requested_places"].as_i64().unwrap();
                approved += quota["approved_places"].as_i64().unwrap();
                published += i64::from(quota["state"] == "published");
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/agreements/{agreement}/quotas?limit=200&cursor={cursor}");
        }
        let expected = ["requested", "certified", "published"].map(|figure| counted[figure].as_i64().unwrap());
        assert_eq!([requested, approved, published], expected);
    }
}

async fn in_force_from_2005(
    app: &TestApp,
    origin: &crate::support::TestParty,
    destination: &crate::support::TestParty,
    terms: Value,
) -> String {
    let body = json!({
        "number": "H2A-2006", "title": "劳务协作协议", "kind": "inter_provincial", "effective_from": "2005-10-01", "effective_to": "2008-12-31",
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
