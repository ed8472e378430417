//! Transfers: the clock of the region runs on, the clock of the first employer does not, and the place goes with the worker.

use serde_json::{Value, json};

use super::{Posts, all_accepted, outcomes_of, strict, with};
use crate::on_both;
use crate::support::{TestApp, TestParty};

impl Posts {
    /// A published quota of an employer in the employer's region.
    pub(super) async fn quota_at(&self, employer: &TestParty, places: i64) -> String {
        let region = if employer.id == self.haining.id { super::HAINING } else { super::YIWU };
        let body = json!({ "employer_id": employer.id, "post_title": "普工", "region_code": region, "requested_places": places, "valid_until": "2026-12-31" });
        let quota = self.app.post(&self.destination, &self.path("/quotas"), body).await.expect(201).id();
        let publication = self.path(&format!("/quotas/{quota}/publication"));
        self.app.post(&self.destination, &publication, json!({ "approved_places": places })).await.expect(200);
        quota
    }

    fn start_at(&self, worker: usize, at: &TestParty, on: &str, quota: &str) -> Value {
        let mut row = self.start(worker, at, on);
        row["quota_id"] = json!(quota);
        row
    }

    async fn filled_rows(&self, quota: &str) -> usize {
        let path = self.path(&format!("/fulfilment/funnel/filled/rows?quota_id={quota}"));
        self.app.get(&self.origin, &path).await.expect(200).body["items"].as_array().unwrap().len()
    }
}

on_both! {
    /// F14: in one transaction the old employer's place is released and one of the new employer's taken; the region's clock runs on, the
    /// first employer's stops.
    async fn a_transfer_takes_its_place_along(app: TestApp) {
        let posts = Posts::filled(app, with(strict(), &json!({ "employer_scope": "same_region" })), 3).await;
        let quota = posts.quota_at(&posts.next_door, 1).await;
        posts.app.clock_set("2026-07-01");
        assert_eq!((posts.balance(&posts.quota).await, posts.balance(&quota).await), ((0, 3, 0), (0, 0, 1)));
        all_accepted(&posts.begin(&posts.destination, vec![posts.start(0, &posts.next_door, "2026-04-21")]).await);
        assert_eq!((posts.balance(&posts.quota).await, posts.balance(&quota).await), ((0, 2, 1), (0, 1, 0)));
        assert_eq!((posts.filled_rows(&posts.quota).await, posts.filled_rows(&quota).await), (2, 1), "the rows are as many as the places");
        assert_eq!(posts.retention(0).await["place_quota_id"], json!(quota));
        let moved = posts.last_event().await;
        assert_eq!(moved["type"], "places.transferred");
        assert_eq!((&moved["data"]["from_quota_id"], &moved["data"]["to_quota_id"], &moved["data"]["placement_ids"]), (&json!(posts.quota), &json!(quota), &json!([posts.placements[0]])));
        posts.rosters(&posts.employer, 0, 3..=4).await;
        posts.rosters(&posts.next_door, 0, 4..=6).await;
        assert_eq!(posts.verdict(0, "90d", "same_region").await.0, "retained");
        assert_eq!(posts.verdict(0, "90d", "first_employer").await.0, "left");

        // The same report again changes nothing.
        let again = posts.begin(&posts.destination, vec![posts.start(0, &posts.next_door, "2026-04-21")]).await;
        assert_eq!((&again.body["unchanged"], posts.balance(&quota).await), (&json!(1), (0, 1, 0)));
        // The quota is full: who names it is refused and stays; who names none moves without a place.
        let refused = posts.begin(&posts.destination, vec![posts.start_at(1, &posts.next_door, "2026-05-01", &quota)]).await;
        assert_eq!(outcomes_of(&refused), [("rejected".to_owned(), "places_exhausted".to_owned())]);
        assert_eq!(refused.body["results"][0]["errors"][0]["pointer"], "#/rows/0/quota_id");
        assert_eq!((posts.balance(&posts.quota).await, posts.retention(1).await["spells"].as_array().unwrap().len()), ((0, 2, 1), 1));
        all_accepted(&posts.begin(&posts.destination, vec![posts.start(1, &posts.next_door, "2026-05-01")]).await);
        assert_eq!((posts.balance(&posts.quota).await, posts.balance(&quota).await), ((0, 1, 2), (0, 1, 0)));
        assert_eq!(posts.retention(1).await["place_quota_id"], Value::Null);
        // A claim that is repeated does not take the old place back.
        posts.claim(&posts.placements[1..2], "onboarded", "2026-03-06").await.expect(207);
        assert_eq!(posts.balance(&posts.quota).await, (0, 1, 2));
        posts.ledger_is_true().await;
        posts.tallies_are_true().await;
    }

    /// In one call the place that one gives back serves the next; who goes back takes a place at home again.
    async fn places_pass_from_hand_to_hand_within_a_call(app: TestApp) {
        let posts = Posts::filled(app, strict(), 2).await;
        let quota = posts.quota_at(&posts.next_door, 1).await;
        posts.app.clock_set("2026-07-01");
        let rows = vec![
            posts.start(0, &posts.next_door, "2026-04-21"),
            posts.start(0, &posts.employer, "2026-05-11"),
            posts.start_at(1, &posts.next_door, "2026-05-12", &quota),
        ];
        all_accepted(&posts.begin(&posts.destination, rows).await);
        assert_eq!((posts.balance(&posts.quota).await, posts.balance(&quota).await), ((0, 1, 1), (0, 1, 0)));
        assert_eq!((posts.retention(0).await["place_quota_id"].clone(), posts.retention(1).await["place_quota_id"].clone()), (json!(posts.quota), json!(quota)));
        posts.ledger_is_true().await;
        // A start before the latest one moves no place, and saying where it should go is refused.
        let earlier = posts.begin(&posts.destination, vec![posts.start_at(1, &posts.haining, "2026-04-01", &quota)]).await;
        assert_eq!(outcomes_of(&earlier), [("rejected".to_owned(), "place_moved_on".to_owned())]);
        all_accepted(&posts.begin(&posts.destination, vec![posts.start(1, &posts.haining, "2026-04-01")]).await);
        assert_eq!(posts.balance(&quota).await, (0, 1, 0));
        posts.ledger_is_true().await;
    }

    /// The quota is the new employer's; of several the report names one.
    async fn nobody_chooses_between_two_quotas(app: TestApp) {
        let posts = Posts::filled(app, strict(), 1).await;
        let (first, second) = (posts.quota_at(&posts.next_door, 1).await, posts.quota_at(&posts.next_door, 1).await);
        posts.app.clock_set("2026-07-01");
        let several = posts.begin(&posts.destination, vec![posts.start(0, &posts.next_door, "2026-04-21")]).await;
        assert_eq!(outcomes_of(&several), [("rejected".to_owned(), "quota_needed".to_owned())]);
        assert_eq!(several.body["results"][0]["errors"][0]["params"]["quotas"], json!([first, second]));
        let foreign = posts.begin(&posts.destination, vec![posts.start_at(0, &posts.next_door, "2026-04-21", &posts.quota)]).await;
        assert_eq!(outcomes_of(&foreign), [("rejected".to_owned(), "quota_unknown".to_owned())]);
        all_accepted(&posts.begin(&posts.destination, vec![posts.start_at(0, &posts.next_door, "2026-04-21", &second)]).await);
        assert_eq!((posts.balance(&first).await, posts.balance(&second).await, posts.balance(&posts.quota).await), ((0, 0, 1), (0, 1, 0), (0, 0, 1)));
        posts.ledger_is_true().await;
    }
}
