//! What a partner's system relies on in every list: how many there are, only what it needs of each, and what has changed since.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::Scene;
use crate::support::{TestApp, TestParty};

/// Lists whose rows are computed or written once and belong to something that has an instant itself, are part of the program, or shown to everybody as of today.
const WITHOUT_CHANGE: [&str; 16] = [
    "/v1/agreements/{agreement_id}/fulfilment/funnel/{step}/rows",
    "/v1/agreements/{agreement_id}/fulfilment/rows",
    "/v1/agreements/{agreement_id}/indicators/{indicator}/rows",
    "/v1/agreements/{agreement_id}/overdue-arrivals",
    "/v1/agreements/{agreement_id}/placements/{placement_id}/returns",
    "/v1/agreements/{agreement_id}/quotas/{quota_id}/ledger",
    "/v1/agreements/{agreement_id}/reconciliations/{run_id}/rows",
    "/v1/agreements/{agreement_id}/statements/{statement_id}/rows",
    "/v1/agreements/{agreement_id}/versions",
    "/v1/imports/{import_id}/rows",
    "/v1/jobs/{job_id}/results",
    "/v1/parties/{party_id}/indicators/{indicator}/rows",
    "/v1/public/agreements",
    "/v1/public/job-postings",
    "/v1/regions",
    "/v1/workers/{worker_id}/identity-readings",
];

async fn ids(app: &TestApp, party: &TestParty, path: &str) -> Vec<String> {
    let page = app.get(party, path).await.expect(200).body;
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    async fn a_list_says_how_many_it_has_when_it_is_asked(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.workers(0, 7).await;
        let first = scene.app.get(&scene.origin, "/v1/workers?limit=3&include_total=true").await.expect(200);
        assert_eq!((&first.body["total"], &first.body["total_is_capped"]), (&json!(7), &json!(false)));
        assert_eq!(first.body["items"].as_array().unwrap().len(), 3, "the page is as long as ever");
        let link = first.header("link");
        let next = link.trim_start_matches('<').split('>').next().unwrap();
        let next = &next[next.find("/v1/").unwrap()..];
        let second = scene.app.get(&scene.origin, next).await.expect(200).body;
        assert_eq!((second["items"].as_array().unwrap().len(), second.get("total")), (3, None), "told once");
        let unasked = scene.app.get(&scene.origin, "/v1/workers?limit=3").await.expect(200).body;
        assert_eq!(unasked.get("total"), None);
        let none = scene.app.get(&scene.origin, "/v1/workers?partner_ref=nobody&include_total=true").await.expect(200).body;
        assert_eq!(none["total"], 0, "of what was asked for");
        scene.app.get(&scene.origin, "/v1/workers?include_total=yes").await.problem("parameter_invalid");
    }

    async fn a_list_shows_only_the_fields_that_are_asked_for(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.workers(0, 5).await;
        let page = scene.app.get(&scene.origin, "/v1/workers?fields=id,partner_ref&limit=2").await.expect(200).body;
        for item in page["items"].as_array().unwrap() {
            let names: Vec<&String> = item.as_object().unwrap().keys().collect();
            assert_eq!(names, ["id", "partner_ref"]);
        }
        let cursor = page["next_cursor"].as_str().unwrap();
        let other = format!("/v1/workers?fields=state&limit=2&cursor={cursor}");
        assert_eq!(scene.app.get(&scene.origin, &other).await.expect(200).body["items"][0], json!({ "state": "active" }));
        let put_together = scene.app.get(&scene.origin, "/v1/agreements?fields=number,standing").await.expect(200).body;
        assert_eq!(put_together["items"], json!([{ "number": "SY-YW-2026-01", "standing": "in_force" }]));
        let wrong = scene.app.get(&scene.origin, "/v1/workers?fields=id,identity_number").await.problem("parameter_invalid").body;
        assert_eq!((&wrong["errors"][0]["name"], &wrong["errors"][0]["code"]), (&json!("fields"), &json!("not_offered")));
        let offered = wrong["errors"][0]["params"]["offered"].as_array().unwrap();
        assert!(offered.contains(&json!("masked_name")), "it says what there is: {wrong}");
        let file = scene.app.call("GET", "/v1/workers?fields=partner_ref,state").by(&scene.origin).header("accept", "text/csv").send().await;
        let text = String::from_utf8(file.expect(200).bytes).unwrap();
        assert_eq!(text.trim_start_matches('\u{feff}').lines().next(), Some("partner_ref,state"));
    }

    async fn a_list_tells_what_has_changed_since(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 4).await;
        let app = &scene.app;
        let path = scene.path("/placements");
        let since = |day: &str| format!("updated_since={day}T00:00:00Z");
        app.clock_set("2026-03-10");
        assert_eq!(ids(app, &scene.origin, &format!("{path}?{}", since("2026-03-09"))).await, Vec::<String>::new());
        assert_eq!(ids(app, &scene.origin, &format!("{path}?{}", since("2026-03-04"))).await, placements, "they departed on the 5th");
        scene.claim(&placements[1..2], "onboarded", "2026-03-06").await.expect(207);
        assert_eq!(ids(app, &scene.origin, &format!("{path}?{}", since("2026-03-09"))).await, placements[1..2]);
        let claims = ids(app, &scene.destination, &format!("{}?{}", scene.path("/claims"), since("2026-03-09"))).await;
        assert_eq!(claims.len(), 1);

        app.clock_set("2026-03-12");
        let contested = scene.path(&format!("/placements/{}/disputes", placements[1]));
        app.post(&scene.origin, &contested, json!({ "reason": "该人员未到岗" })).await.expect(201);
        assert_eq!(ids(app, &scene.origin, &format!("{path}?{}", since("2026-03-11"))).await, placements[1..2]);
        assert_eq!(ids(app, &scene.origin, &format!("{contested}?{}", since("2026-03-11"))).await.len(), 1);
        // A correction replaces a claim: both have changed.
        scene.claim(&placements[1..2], "no_show", "2026-03-06").await.expect(207);
        let both = ids(app, &scene.destination, &format!("{}?{}", scene.path("/claims"), since("2026-03-11"))).await;
        assert_eq!(both.len(), 2, "the new one, and the old one that it replaces");

        for (party, list) in [
            (&scene.origin, "/v1/agreements"),
            (&scene.origin, "/v1/workers"),
            (&scene.origin, "/v1/parties"),
            (&scene.destination, &scene.path("/quotas")),
            (&scene.origin, &scene.path("/dispatches")),
        ] {
            assert_eq!(ids(app, party, &format!("{list}?updated_since=2026-03-11T00:00:00Z")).await, Vec::<String>::new(), "{list}");
            assert_ne!(ids(app, party, &format!("{list}?updated_since=2026-01-01T00:00:00Z")).await, Vec::<String>::new(), "{list}");
        }
        let again = scene.quota(3).await;
        assert_eq!(ids(app, &scene.destination, &format!("{}?{}", scene.path("/quotas"), since("2026-03-11"))).await, [again]);
        app.get(&scene.origin, "/v1/workers?updated_since=yesterday").await.problem("parameter_invalid");
    }
}

#[test]
fn every_list_of_what_changes_knows_since_when() {
    let document: Value = serde_json::from_str(include_str!("../../openapi/openapi.json")).unwrap();
    let mut without = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let page = item.pointer("/get/responses/200/content/application~1json/schema/$ref").and_then(Value::as_str);
        if !page.is_some_and(|page| page.starts_with("#/components/schemas/Page_")) {
            continue;
        }
        let known: Vec<&str> = item["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for name in ["limit", "cursor", "sort", "include_total", "fields"] {
            assert!(known.contains(&name), "{path} does not know {name}");
        }
        if !known.contains(&"updated_since") {
            without.push(path.as_str());
        }
    }
    without.sort_unstable();
    assert_eq!(without, WITHOUT_CHANGE);
}
