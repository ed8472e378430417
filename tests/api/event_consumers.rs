//! Who reads the feed: from zero, by ids, as CloudEvents, and after the exchange was restored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::Scene;
use crate::support::{TestApp, TestParty};

/// A partner's own copy of an agreement's placements, kept by nothing but the feed and the details that its events name.
struct Consumer<'a> {
    scene: &'a Scene,
    party: &'a TestParty,
    after: i64,
    sequence: i64,
    placements: BTreeMap<String, Value>,
}

impl<'a> Consumer<'a> {
    fn from_zero(scene: &'a Scene, party: &'a TestParty) -> Self {
        Self { scene, party, after: 0, sequence: 0, placements: BTreeMap::new() }
    }

    /// Reads what is new, a few events at a time.
    async fn follow(&mut self) {
        loop {
            let path = format!("/v1/events?after={}&limit=3", self.after);
            let page = self.scene.app.get(self.party, &path).await.expect(200).body;
            for event in page["items"].as_array().unwrap() {
                self.apply(event).await;
            }
            if page["next_after"] == self.after {
                return;
            }
            self.after = page["next_after"].as_i64().unwrap();
        }
    }

    async fn apply(&mut self, event: &Value) {
        if event["chain_id"] != self.scene.agreement.as_str() {
            return;
        }
        let sequence = event["sequence"].as_i64().unwrap();
        assert_eq!(sequence, self.sequence + 1, "a party of the agreement sees its whole chain, so a gap is a loss");
        self.sequence = sequence;
        let (data, mut queries) = (&event["data"], Vec::new());
        if data["subject"]["kind"] == "dispatch" {
            queries.push(format!("dispatch_id={}", data["subject"]["id"].as_str().unwrap()));
        }
        let named = data["placement_ids"].as_array().into_iter().flatten().chain([&data["placement_id"]]);
        let mut ids: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
        if data["subject"]["kind"] == "placement" {
            ids.push(data["subject"]["id"].as_str().unwrap().to_owned());
        }
        for id in ids {
            let placement =
                self.scene.app.get(self.party, &self.scene.path(&format!("/placements/{id}"))).await.expect(200).body;
            self.keep(&placement);
        }
        for query in queries {
            for placement in all_placements(self.scene, self.party, &query).await {
                self.keep(&placement);
            }
        }
    }

    fn keep(&mut self, placement: &Value) {
        self.placements.insert(placement["id"].as_str().unwrap().to_owned(), placement["state"].clone());
    }
}

async fn all_placements(scene: &Scene, party: &TestParty, query: &str) -> Vec<Value> {
    let page = scene.app.get(party, &scene.path(&format!("/placements?limit=200&{query}"))).await.expect(200).body;
    assert!(page["next_cursor"].is_null());
    page["items"].as_array().unwrap().clone()
}

on_both! {
    /// Whoever begins with nothing and follows the feed has every placement in the state it is in, after each step and from zero at the end.
    async fn a_consumer_from_zero_comes_to_the_same_state(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let mut follower = Consumer::from_zero(&scene, &scene.destination);
        let same = async |consumer: &Consumer<'_>| {
            let stored: BTreeMap<String, Value> = all_placements(&scene, &scene.destination, "").await.iter()
                .map(|placement| (placement["id"].as_str().unwrap().to_owned(), placement["state"].clone())).collect();
            assert_eq!(consumer.placements, stored);
            stored.into_values().collect::<Vec<_>>()
        };
        let (_, placements) = scene.sent(0, 6).await;
        follower.follow().await;
        same(&follower).await;
        scene.app.clock_set("2026-03-06");
        scene.claim(&placements[..3], "onboarded", "2026-03-06").await.expect(207);
        follower.follow().await;
        same(&follower).await;
        scene.claim(&placements[3..4], "no_show", "2026-03-06").await.expect(207);
        let exit = json!({ "rows": [{ "placement_id": placements[0], "ended_on": "2026-03-10", "grain": "day", "reason": "resigned" }] });
        scene.app.clock_set("2026-03-11");
        scene.app.post(&scene.employer, &scene.path("/exits"), exit).await.expect(207);
        follower.follow().await;
        let states = same(&follower).await;
        assert!(states.len() == 6 && states.contains(&json!("onboarded")) && states.contains(&json!("no_show")), "{states:?}");
        let mut late = Consumer::from_zero(&scene, &scene.destination);
        late.follow().await;
        same(&late).await;
        assert_eq!((late.sequence, late.after), (follower.sequence, follower.after));
    }

    /// Details of what a webhook told: events by their ids, and nobody else's.
    async fn events_are_found_by_their_ids(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.quota(3).await;
        let all = scene.app.get(&scene.destination, "/v1/events").await.expect(200).body["items"].as_array().unwrap().clone();
        let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
        let (first, last) = (&all[0], all.last().unwrap());
        let path = format!("/v1/events?ids={},{}", id(last), id(first));
        assert_eq!(scene.app.get(&scene.destination, &path).await.expect(200).body["items"], json!([first, last]));
        let own = all.iter().find(|event| event["type"] == "quota.requested").unwrap();
        let found = scene.app.get(&scene.origin, &format!("/v1/events?ids={}", id(own))).await.expect(200);
        assert_eq!(found.body["items"], json!([]), "a draft is its destination's own");
        scene.app.get(&scene.origin, "/v1/events?ids=1").await.problem("parameter_invalid");
    }

    /// The same events under the names of CloudEvents 1.0.
    async fn events_can_be_read_as_cloud_events(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let feed = scene.app.get(&scene.origin, "/v1/events").await.expect(200).body["items"].as_array().unwrap().clone();
        let call = scene.app.call("GET", "/v1/events").by(&scene.origin).header("accept", "application/cloudevents+json");
        let batch = call.send().await.expect(200);
        assert_eq!(batch.header("content-type"), "application/cloudevents-batch+json");
        let batch = batch.body.as_array().unwrap().clone();
        assert_eq!(batch.len(), feed.len());
        for (cloud, event) in batch.iter().zip(&feed) {
            assert_eq!((&cloud["specversion"], &cloud["id"], &cloud["data"]), (&json!("1.0"), &event["id"], &event["data"]));
            assert_eq!(cloud["type"], format!("cn.labour-exchange.{}", event["type"].as_str().unwrap()));
            assert_eq!((&cloud["time"], &cloud["partitionkey"]), (&event["timestamp"], &event["chain_id"]));
            assert_eq!(cloud["position"], event["position"].to_string());
            assert!(cloud.as_object().unwrap().keys().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase())), "{cloud}");
        }
    }

    /// A position the feed has not come to was given before the exchange was restored: the reader is told, and where to begin.
    async fn a_position_of_another_life_is_told(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let newest = scene.app.get(&scene.origin, "/v1/events").await.expect(200).body["next_after"].as_i64().unwrap();
        scene.app.get(&scene.origin, &format!("/v1/events?after={newest}")).await.expect(200);
        let refused = scene.app.get(&scene.origin, &format!("/v1/events?after={}", newest + 1_000)).await.expect(410).problem("events_expired");
        assert_eq!(refused.body["oldest_after"], 0);
        assert!(refused.body["newest"].as_i64().unwrap() >= newest);
    }

    /// An erased worker stands in the feed as an event, so that copies elsewhere can follow.
    async fn an_erasure_is_an_event_of_its_own(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let worker = scene.workers(0, 1).await.remove(0);
        let path = format!("/v1/workers/{worker}/erasure");
        scene.app.post(&scene.origin, &path, json!({ "reason": "person_request" })).await.expect(200);
        let events = scene.app.get(&scene.origin, "/v1/events?types=worker.erased").await.expect(200).body;
        assert_eq!(events["items"][0]["data"]["subject"]["id"], worker);
    }
}
