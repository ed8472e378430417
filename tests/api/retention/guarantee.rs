//! The guarantee: who leaves too early is replaced, and everybody sees by whom, until when, and what became of it.

use serde_json::{Value, json};

use super::{Posts, all_accepted, fresh, onboard, strict};
use crate::on_both;
use crate::support::{Reply, TestApp, TestParty};

/// The strict terms with a guarantee of their own.
fn guaranteed(guarantee: Value) -> Value {
    let mut terms = strict();
    terms["guarantee"] = guarantee;
    terms
}

impl Posts {
    async fn duties(&self, by: &TestParty, query: &str) -> Vec<Value> {
        let list = self.app.get(by, &self.path(&format!("/replacement-duties{query}"))).await.expect(200).body;
        list["items"].as_array().unwrap().clone()
    }

    /// The duty for the worker's placement.
    async fn duty(&self, worker: usize) -> Value {
        self.retention(worker).await["replacement_duty"].clone()
    }

    async fn act(&self, by: &TestParty, duty: &Value, what: &str, body: Value) -> Reply {
        let path = self.path(&format!("/replacement-duties/{}/{what}", duty["id"].as_str().unwrap()));
        self.app.post(by, &path, body).await
    }

    /// Another worker sent against the quota and departed on a day; the placement.
    async fn sent_again(&self, quota: &str, number: usize, on: &str) -> String {
        self.app.clock_set(on);
        let dispatch = self.dispatch_on(on, on).await;
        let workers = self.workers(number, 1).await;
        let roster = self.enrol(&dispatch, quota, &workers).await.expect(207);
        assert_eq!(roster.body["accepted"], 1, "{}", roster.body);
        let of_dispatch = |what: &str| self.path(&format!("/dispatches/{dispatch}/{what}"));
        self.app.post(&self.origin, &of_dispatch("lock"), json!({})).await.expect(200);
        self.app.post(&self.origin, &of_dispatch("departure"), json!({ "departed_on": on })).await.expect(200);
        roster.text("/results/0/id")
    }

    /// The counters of every account are the sum of its entries, and as many places are filled as placements take.
    pub(super) async fn ledger_is_true(&self) {
        let off = self.app.state.db.read(labour_exchange::quotas::accounts::differences).await.unwrap();
        assert_eq!(off, []);
        let off = self.app.state.db.read(labour_exchange::dispatches::outcomes::differences).await.unwrap();
        assert_eq!(off, []);
    }
}

on_both! {
    /// F35: an exit on day 89 opens a replacement, on day 90 and 91 it does not. The default is written out in what both sides ratify.
    async fn an_exit_on_day_89_opens_a_replacement_and_one_on_day_91_does_not(app: TestApp) {
        let posts = Posts::filled(app, strict(), 3).await;
        let terms = posts.app.get(&posts.origin, &posts.path("/document")).await.expect(200).body["terms"]["guarantee"].clone();
        assert_eq!(terms, json!({ "window_days": 90, "replacement_days": 30, "reasons": ["resigned", "left_without_notice", "returned_home"] }));
        posts.app.clock_set("2026-06-08");
        assert_eq!(posts.balance(&posts.quota).await, (0, 3, 0));
        // Day 0 is 6 March.
        let exits = vec![posts.exit(0, "2026-06-03", "resigned"), posts.exit(1, "2026-06-04", "resigned"), posts.exit(2, "2026-06-05", "resigned")];
        all_accepted(&posts.leave(&posts.employer, exits).await);

        let owed = posts.duties(&posts.origin, "").await;
        assert_eq!(owed.len(), 1, "{owed:?}");
        let duty = &owed[0];
        assert_eq!((&duty["placement_id"], &duty["owner_id"], &duty["employer_id"]), (&json!(posts.placements[0]), &json!(posts.origin.id), &json!(posts.employer.id)));
        assert_eq!((&duty["reason"], &duty["side"], &duty["ended_on"], &duty["window_days"]), (&json!("resigned"), &json!("worker"), &json!("2026-06-03"), &json!(90)));
        // Recorded on 8 June; 30 days later is Wednesday, 8 July.
        assert_eq!((&duty["standing"], &duty["due_on"], &duty["quota_id"]), (&json!("open"), &json!("2026-07-08"), &json!(posts.quota)));
        assert_eq!((posts.duty(0).await, posts.duty(2).await), (duty.clone(), Value::Null));
        assert_eq!(posts.balance(&posts.quota).await, (0, 2, 1), "the place is free for the replacement");
        assert_eq!(posts.retention(0).await["place_quota_id"], Value::Null);
        let events = posts.events("replacement_duty.opened").await;
        assert_eq!((events.len(), &events[0]["placement_id"], &events[0]["due_on"]), (1, &json!(posts.placements[0]), &json!("2026-07-08")));
        let rows = posts.app.get(&posts.origin, &posts.path(&format!("/fulfilment/funnel/filled/rows?quota_id={}", posts.quota))).await.expect(200).body;
        assert_eq!(rows["items"].as_array().unwrap().len(), 2, "as many rows as places filled");
        posts.ledger_is_true().await;
        posts.tallies_are_true().await;
    }

    /// A replacement takes the free place and fulfils the duty, late or in time; fulfilment counts what became of each.
    async fn a_replacement_who_arrives_late_fulfils_the_duty_all_the_same(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        posts.app.clock_set("2026-06-08");
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-05-20", "left_without_notice"), posts.exit(1, "2026-05-20", "returned_home")]).await);
        let (first, second) = (posts.duty(0).await, posts.duty(1).await);
        let in_time = posts.sent_again(&posts.quota, 100, "2026-07-08").await;
        let not_yet = posts.act(&posts.origin, &first, "fulfilment", json!({ "placement_id": in_time })).await.problem("field_invalid");
        assert_eq!(not_yet.body["errors"][0]["code"], "not_onboarded");
        posts.claim(std::slice::from_ref(&in_time), "onboarded", "2026-07-08").await.expect(207);
        posts.act(&posts.employer, &first, "fulfilment", json!({ "placement_id": in_time })).await.problem("role_not_allowed");
        let own = posts.act(&posts.origin, &first, "fulfilment", json!({ "placement_id": posts.placements[0] })).await.problem("field_invalid");
        assert_eq!(own.body["errors"][0]["code"], "placement_unknown");
        let fulfilled = posts.act(&posts.origin, &first, "fulfilment", json!({ "placement_id": in_time })).await.expect(200).body;
        assert_eq!((&fulfilled["standing"], &fulfilled["late"], &fulfilled["replacement_arrived_on"]), (&json!("fulfilled"), &json!(false), &json!("2026-07-08")));
        posts.act(&posts.origin, &first, "fulfilment", json!({ "placement_id": in_time })).await.problem("transition_not_allowed");
        let twice = posts.act(&posts.origin, &second, "fulfilment", json!({ "placement_id": in_time })).await.problem("field_invalid");
        assert_eq!(twice.body["errors"][0]["code"], "replaces_another");

        posts.app.clock_set("2026-07-09");
        assert_eq!(posts.duties(&posts.employer, "?standing=lapsed").await.len(), 1);
        assert_eq!(posts.duties(&posts.employer, "?standing=open").await.len(), 0);
        assert_eq!(posts.duties(&posts.employer, "?standing=open,fulfilled,lapsed").await.len(), 2);
        let late = posts.sent_again(&posts.quota, 101, "2026-07-10").await;
        posts.claim(std::slice::from_ref(&late), "onboarded", "2026-07-10").await.expect(207);
        let fulfilled = posts.act(&posts.origin, &second, "fulfilment", json!({ "placement_id": late })).await.expect(200).body;
        assert_eq!((&fulfilled["standing"], &fulfilled["late"]), (&json!("fulfilled"), &json!(true)));
        let counts = posts.fulfilment().await["replacements"].clone();
        let rows = posts.path("/replacement-duties");
        assert_eq!(counts, json!({ "owed": 2, "open": 0, "lapsed": 0, "fulfilled": 2, "fulfilled_late": 1, "waived": 0, "rows": rows }));

        // The arrival turns out not to have been one: the replacement is owed again.
        posts.claim(std::slice::from_ref(&late), "no_show", "2026-07-10").await.expect(207);
        assert_eq!(posts.duty(1).await["standing"], "lapsed");
        assert_eq!(posts.fulfilment().await["replacements"]["lapsed"], 1);
        assert_eq!(posts.events("replacement_duty.fulfilled").await.len(), 2);
        posts.ledger_is_true().await;
    }

    /// An exit that is withdrawn is owed no more, and the worker takes the place again; corrected across the end of the window it goes and comes.
    async fn the_duty_follows_corrections_of_the_exit(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        posts.app.clock_set("2026-06-08");
        let left = posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-03", "resigned")]).await;
        let spell = left.text("/results/0/id");
        assert_eq!(posts.duty(0).await["standing"], "open");
        assert_eq!(posts.balance(&posts.quota).await, (0, 0, 1));
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-04", "resigned")]).await);
        assert_eq!((posts.duty(0).await["standing"].clone(), posts.balance(&posts.quota).await), (json!("cancelled"), (0, 1, 0)));
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-02", "dismissed")]).await);
        assert_eq!(posts.duty(0).await["standing"], "cancelled", "the employer's own doing");
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-02", "resigned")]).await);
        assert_eq!((posts.duty(0).await["standing"].clone(), posts.duty(0).await["ended_on"].clone()), (json!("open"), json!("2026-06-02")));
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-06-01", "returned_home")]).await);
        let corrected = posts.duty(0).await;
        assert_eq!((&corrected["ended_on"], &corrected["reason"], &corrected["standing"]), (&json!("2026-06-01"), &json!("returned_home"), &json!("open")));

        // While the place is given to somebody else, taking the exit back leaves the worker without one.
        let other = posts.sent_again(&posts.quota, 100, "2026-06-10").await;
        posts.claim(std::slice::from_ref(&other), "onboarded", "2026-06-10").await.expect(207);
        posts.app.post(&posts.employer, &posts.path(&format!("/exits/{spell}/withdrawal")), json!({})).await.expect(200);
        assert_eq!((posts.duty(0).await["standing"].clone(), posts.balance(&posts.quota).await), (json!("cancelled"), (0, 1, 0)));
        assert_eq!(posts.retention(0).await["place_quota_id"], Value::Null);
        let kinds = ["opened", "corrected", "cancelled"].map(|kind| format!("replacement_duty.{kind}"));
        let mut counts = Vec::new();
        for kind in &kinds {
            counts.push(posts.events(kind).await.len());
        }
        assert_eq!(counts, [2, 1, 2]);
        assert_eq!(posts.fulfilment().await["replacements"]["owed"], 0);
        posts.ledger_is_true().await;
        posts.tallies_are_true().await;
    }

    /// The side it is owed to may do without, with a reason; the side that owes it may not.
    async fn the_employer_or_the_destination_may_do_without(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        posts.app.clock_set("2026-06-08");
        all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, "2026-05-20", "resigned"), posts.exit(1, "2026-05-20", "resigned")]).await);
        let (first, second) = (posts.duty(0).await, posts.duty(1).await);
        posts.act(&posts.origin, &first, "waiver", json!({ "reason": "订单减少" })).await.problem("role_not_allowed");
        posts.act(&posts.next_door, &first, "waiver", json!({ "reason": "订单减少" })).await.problem("not_found");
        posts.act(&posts.employer, &first, "waiver", json!({ "reason": " " })).await.problem("field_invalid");
        let waived = posts.act(&posts.employer, &first, "waiver", json!({ "reason": "订单减少，不再补员" })).await.expect(200).body;
        assert_eq!((&waived["standing"], &waived["waived_by"], &waived["waiver_reason"]), (&json!("waived"), &json!(posts.employer.id), &json!("订单减少，不再补员")));
        posts.act(&posts.employer, &first, "waiver", json!({ "reason": "再次" })).await.problem("transition_not_allowed");
        posts.act(&posts.destination, &second, "waiver", json!({ "reason": "岗位撤销" })).await.expect(200);
        assert_eq!(posts.fulfilment().await["replacements"]["waived"], 2);
        assert_eq!(posts.events("replacement_duty.waived").await.len(), 2);
        let read = posts.app.get(&posts.destination, &posts.path(&format!("/replacement-duties/{}", first["id"].as_str().unwrap()))).await.expect(200).body;
        assert_eq!(read, waived);
        assert_eq!(posts.duties(&posts.destination, &format!("?placement_id={}&employer_id={}", posts.placements[1], posts.employer.id)).await.len(), 1);
    }

    /// Days, reasons and time to replace are terms of the agreement; without days there is no guarantee.
    async fn the_terms_decide_which_exits_count(app: TestApp) {
        let table = [
            ("30 天内，辞退也补", json!({ "window_days": 30, "replacement_days": 7, "reasons": ["dismissed"] }), "2026-03-20", "dismissed", true),
            ("30 天内，只管辞退", json!({ "window_days": 30, "reasons": ["dismissed"] }), "2026-03-20", "resigned", false),
            ("第 30 天已满", json!({ "window_days": 30 }), "2026-04-05", "resigned", false),
            ("不设保障期", json!({ "window_days": 0 }), "2026-03-20", "resigned", false),
            ("返乡过节不是离岗", json!({ "window_days": 90 }), "2026-03-20", "holiday_home", false),
        ];
        for (case, guarantee, ended_on, reason, owed) in table {
            let posts = Posts::filled(fresh(&app).await, guaranteed(guarantee), 1).await;
            posts.app.clock_set("2026-04-13");
            all_accepted(&posts.leave(&posts.employer, vec![posts.exit(0, ended_on, reason)]).await);
            let duties = posts.duties(&posts.destination, "").await;
            assert_eq!(duties.len() == 1, owed, "{case}: {duties:?}");
            if owed {
                assert_eq!((&duties[0]["due_on"], &duties[0]["side"]), (&json!("2026-04-20"), &json!("employer")), "{case}");
            }
        }
        let posts = Posts::filled(fresh(&app).await, strict(), 1).await;
        let body = json!({ "effective_on": "2026-03-20", "terms": guaranteed(json!({ "window_days": 367, "replacement_days": 0, "reasons": ["transferred"] })), "reason": "双方商定" });
        let refused = posts.app.post(&posts.origin, &posts.path("/amendments"), body).await.problem("field_invalid").body;
        let faults: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|fault| (fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap())).collect();
        assert_eq!(faults, [("#/terms/guarantee/window_days", "out_of_range"), ("#/terms/guarantee/replacement_days", "out_of_range"), ("#/terms/guarantee/reasons/0", "reason_no_exit")]);
    }

    /// Who moved and then left is replaced at the employer that was left, whose place is free again.
    async fn after_a_transfer_the_employer_that_was_left_is_owed_the_replacement(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        let quota = posts.quota_at(&posts.next_door, 1).await;
        posts.app.clock_set("2026-05-25");
        all_accepted(&posts.begin(&posts.destination, vec![posts.start(0, &posts.next_door, "2026-04-21")]).await);
        all_accepted(&posts.leave(&posts.next_door, vec![posts.exit(0, "2026-05-20", "resigned")]).await);
        let duty = posts.duty(0).await;
        assert_eq!((&duty["employer_id"], &duty["quota_id"]), (&json!(posts.next_door.id), &json!(quota)));
        assert_eq!(posts.balance(&quota).await, (0, 0, 1));
        assert_eq!(posts.duties(&posts.next_door, "").await.len(), 1);
        assert_eq!(posts.duties(&posts.employer, "").await.len(), 0);
        let elsewhere = posts.sent_again(&posts.quota, 100, "2026-05-26").await;
        onboard(&posts.scene, std::slice::from_ref(&elsewhere)).await;
        let refused = posts.act(&posts.origin, &duty, "fulfilment", json!({ "placement_id": elsewhere })).await.problem("field_invalid");
        assert_eq!(refused.body["errors"][0]["code"], "other_employer");
        posts.ledger_is_true().await;
    }
}
