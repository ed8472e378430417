//! What everybody may read: who concluded what with whom, and which posts are offered.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::Scene;

async fn read(app: &TestApp, path: &str) -> Vec<Value> {
    app.get_anonymous(path).await.expect(200).body["items"].as_array().unwrap().clone()
}

on_both! {
    /// Anybody can check that an agreement exists, between whom, until when, and what has come of it; nobody can be found in it.
    async fn everybody_sees_parties_dates_and_totals_and_nobody(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 5).await;
        scene.app.clock_set("2026-03-06");
        let claimed = scene.claim(&placements[0..3], "onboarded", "2026-03-06").await.expect(207);
        assert_eq!(claimed.body["accepted"], 3);
        let reply = scene.app.get_anonymous("/v1/public/agreements").await.expect(200);
        assert_eq!(reply.header("cache-control"), "public, max-age=60");
        let agreement = &reply.body["items"][0];
        let parties: Vec<(&str, &str)> = agreement["parties"].as_array().unwrap().iter().map(|party| (party["name"].as_str().unwrap(), party["role"].as_str().unwrap())).collect();
        assert_eq!(parties, [("邵阳县人力资源和社会保障局", "origin"), ("义乌市人力资源和社会保障局", "destination")]);
        assert_eq!((&agreement["effective_from"], &agreement["standing"]), (&json!("2026-01-01"), &json!("in_force")));
        let totals = ["places", "dispatched_person_times", "onboarded_person_times"].map(|name| agreement[name].as_i64().unwrap());
        assert_eq!(totals, [5, 5, 3]);
        let shown = reply.body.to_string();
        for personal in ["worker", "placement", "identity", "leader", "phone", "周建国", &placements[0]] {
            assert!(!shown.contains(personal), "{personal} is in {shown}");
        }
        assert_eq!(read(&scene.app, "/v1/public/agreements?region_code=330782").await.len(), 1);
        assert_eq!(read(&scene.app, "/v1/public/agreements?region_code=330481").await.len(), 0);
    }

    /// What has not been concluded is nobody's business.
    async fn a_draft_is_not_public(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({
            "number": "SY-YW-2026-02", "title": "协议草案", "kind": "inter_provincial", "effective_from": "2026-01-01", "effective_to": "2028-12-31",
            "parties": [{ "party_id": scene.origin.id, "role": "origin" }, { "party_id": scene.destination.id, "role": "destination" }],
            "terms": crate::support::scene::terms(&crate::support::scene::targets())
        });
        scene.app.post(&scene.origin, "/v1/agreements", body).await.expect(201);
        let numbers: Vec<String> = read(&scene.app, "/v1/public/agreements").await.iter().map(|one| one["number"].as_str().unwrap().to_owned()).collect();
        assert_eq!(numbers, ["SY-YW-2026-01"]);
        let body = json!({
            "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": 3, "valid_until": "2026-12-31"
        });
        let draft = scene.app.post(&scene.destination, &scene.path("/quotas"), body).await.expect(201).id();
        assert_eq!(read(&scene.app, "/v1/public/job-postings").await, Vec::<Value>::new());
        scene.app.get_anonymous(&format!("/v1/public/job-postings/{draft}")).await.expect(404).problem("not_found");
    }

    /// A job board takes the posts as schema.org knows them, and drops those whose `validThrough` is over.
    async fn a_post_is_a_job_posting_and_a_closed_one_is_over(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.quota(2).await;
        let reply = scene.app.get_anonymous(&format!("/v1/public/job-postings/{quota}")).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/ld+json");
        let posting = &reply.body;
        assert_eq!((&posting["@context"], &posting["@type"]), (&json!("https://schema.org"), &json!("JobPosting")));
        assert_eq!(posting["hiringOrganization"]["name"], "义乌小商品制造有限公司");
        assert_eq!(posting["jobLocation"]["address"]["addressRegion"], "浙江省");
        assert_eq!(posting["baseSalary"]["value"], json!({ "@type": "QuantitativeValue", "minValue": 4500.0, "maxValue": 6000.0, "unitText": "MONTH" }));
        let over = async || {
            let through = scene.app.get_anonymous(&format!("/v1/public/job-postings/{quota}")).await.expect(200).text("/validThrough");
            through.parse::<jiff::Timestamp>().unwrap() < scene.app.state.clock.now().timestamp()
        };
        assert!(!over().await);
        assert_eq!(read(&scene.app, "/v1/public/job-postings?open=true&region_code=330782").await.len(), 1);
        scene.app.clock_set("2026-03-02");
        scene.app.post(&scene.destination, &scene.path(&format!("/quotas/{quota}/withdrawal")), json!({ "reason": "订单减少" })).await.expect(200);
        scene.app.clock_set("2026-03-03");
        assert!(over().await, "a withdrawn post is over");
        assert_eq!(read(&scene.app, "/v1/public/job-postings?open=true").await.len(), 0);
        assert_eq!(read(&scene.app, "/v1/public/job-postings?open=false").await.len(), 1);
    }
}
