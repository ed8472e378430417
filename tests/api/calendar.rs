//! The working-day calendar: which days are worked on, and what is on time because its last day was none of them.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::{Scene, targets, terms};

on_both! {
    /// Every day of a span is told with why, and a year whose notice is not known says so.
    async fn each_day_says_whether_people_work_and_why(app: TestApp) {
        let reader = app.party("邵阳县人力资源和社会保障局", "authority", "430523").await;
        let told = app.get(&reader, "/v1/working-days?from=2026-09-19&to=2026-10-11").await.expect(200);
        let of = |day: &str| told.body["items"].as_array().unwrap().iter().find(|item| item["day"] == day).unwrap().clone();
        assert_eq!((told.body["items"].as_array().unwrap().len(), &told.body["working_days"]), (23, &json!(11)));
        assert_eq!(of("2026-09-20"), json!({ "day": "2026-09-20", "is_working": true, "kind": "make_up", "holiday": "国庆节", "notice": "国办发明电〔2025〕7号", "is_published": true }));
        for (day, kind) in [("2026-09-19", "weekend"), ("2026-09-21", "weekday"), ("2026-09-25", "holiday"), ("2026-10-05", "holiday"), ("2026-10-10", "make_up")] {
            assert_eq!(of(day)["kind"], kind, "{day}");
        }
        let later = app.get(&reader, "/v1/working-days?from=2027-10-01&to=2027-10-02").await.expect(200);
        let plain: Vec<(&Value, &Value)> = later.body["items"].as_array().unwrap().iter().map(|day| (&day["kind"], &day["is_published"])).collect();
        assert_eq!(plain, [(&json!("weekday"), &json!(false)), (&json!("weekend"), &json!(false))]);
        for span in ["from=2026-03-02&to=2026-03-01", "from=2026-01-01&to=2027-01-02"] {
            app.get(&reader, &format!("/v1/working-days?{span}")).await.expect(400).problem("parameter_invalid");
        }
    }

    /// F23: an exit reported on a holiday's next working day is on time; a day later it is late.
    async fn an_exit_reported_on_the_next_working_day_is_on_time(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 2).await;
        scene.app.clock_set("2026-03-07");
        assert_eq!(scene.claim(&placements, "onboarded", "2026-03-06").await.expect(207).body["accepted"], 2);
        // Seven days after 29 March is Sunday 5 April, within the holiday of Qingming, which ends on Monday.
        for (placement, reported_on, late) in [(&placements[0], "2026-04-07", false), (&placements[1], "2026-04-08", true)] {
            scene.app.clock_set(reported_on);
            let left = json!({ "placement_id": placement, "ended_on": "2026-03-29", "grain": "day", "reason": "resigned" });
            let told = scene.app.post(&scene.employer, &scene.path("/exits"), json!({ "rows": [left] })).await.expect(207);
            assert_eq!(told.body["accepted"], 1, "{}", told.body);
            let retention = scene.app.get(&scene.origin, &scene.path(&format!("/placements/{placement}/retention"))).await.expect(200).body;
            assert_eq!(retention["exits"][0]["late"], late, "{reported_on}: {retention}");
        }
    }

    /// F22: an arrival whose last day on time is a Saturday is on time until Monday, in the list, in the claim and in the run.
    async fn an_arrival_due_on_a_saturday_is_on_time_until_monday(app: TestApp) {
        let mut nine_days = terms(&targets());
        nine_days["arrival"]["window_days"] = json!(8);
        let scene = Scene::with_terms(app, nine_days).await;
        let (_, placements) = scene.sent(0, 2).await;
        let overdue = async || {
            let rows = scene.app.get(&scene.origin, &scene.path("/overdue-arrivals")).await.expect(200).body["items"].clone();
            let narrowed = scene.app.get(&scene.origin, &scene.path("/placements?arrival_overdue=true")).await.expect(200).body;
            assert_eq!(narrowed["items"].as_array().unwrap().len(), rows.as_array().unwrap().len());
            rows
        };
        let situations = async |cut_off: &str| {
            let run = scene.app.post(&scene.origin, &scene.path("/reconciliations"), json!({ "cut_off_on": cut_off })).await.expect(201);
            let counts = run.body["counts"]["situations"].as_array().unwrap().iter().filter(|count| count["rows"] != 0);
            counts.map(|count| (count["situation"].as_str().unwrap().to_owned(), count["rows"].as_i64().unwrap())).collect::<Vec<_>>()
        };
        scene.app.clock_set("2026-03-16");
        assert_eq!(overdue().await, json!([]), "due on Saturday 14 March, it is on time on Monday");
        assert_eq!(situations("2026-03-16").await, [("awaiting".to_owned(), 2)]);
        scene.claim(&placements[..1], "onboarded", "2026-03-06").await.expect(207);
        scene.app.clock_set("2026-03-17");
        let rows = overdue().await;
        assert_eq!((rows[0]["placement"]["id"].as_str(), &rows[0]["days_overdue"]), (Some(placements[1].as_str()), &json!(1)));
        assert_eq!(rows[0]["placement"]["arrival_due_on"], "2026-03-14", "the day of the contract stands");
        let claim = scene.app.get(&scene.origin, &scene.path(&format!("/claims?placement_id={}", placements[0]))).await.expect(200);
        assert_eq!(claim.body["items"][0]["late"], false);
        assert_eq!(situations("2026-03-17").await, [("matched".to_owned(), 1), ("missing".to_owned(), 1)]);
    }
}
