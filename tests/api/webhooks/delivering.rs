//! How events are delivered: what a receiver gets, in which order, how often, and what its owner is told of it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::on_both;
use crate::support::receiver::Reaction;
use crate::support::scene::{ratified, targets, terms};

/// The sequences that came of each chain, without repeats.
fn sequences(receiver: &Receiver, chain: &str) -> Vec<i64> {
    let mut sequences: Vec<i64> = receiver
        .arrivals()
        .iter()
        .filter(|arrival| arrival.body["chain_id"] == chain)
        .map(|arrival| arrival.body["sequence"].as_i64().unwrap())
        .collect();
    sequences.dedup();
    sequences
}

fn whole(receiver: &Receiver, chain: &str) -> bool {
    let came = sequences(receiver, chain);
    !came.is_empty() && came.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// The types that came, whatever their order: different chains are sent side by side.
fn sorted(receiver: &Receiver) -> Vec<String> {
    let mut kinds = receiver.kinds();
    kinds.sort();
    kinds
}

on_both! {
    /// What is posted is the feed's own event, with the three headers, and the signature fits.
    async fn an_event_arrives_as_the_feed_shows_it(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let receiver = Receiver::willing().await;
        let (id, secret) = endpoint(app, party, &receiver, json!({})).await;
        scene.quota(3).await;
        courier(app).settle().await.unwrap();
        assert_eq!(sorted(&receiver), ["quota.published", "webhook_endpoint.registered"]);
        let feed = app.get(party, "/v1/events?limit=1000").await.expect(200).body["items"].clone();
        let now = app.state.clock.now().as_seconds();
        for arrival in receiver.arrivals() {
            let told = feed.as_array().unwrap().iter().find(|event| event["id"] == arrival.id()).unwrap();
            assert_eq!(&arrival.body, told, "the envelope is the feed's");
            assert_eq!(arrival.header("content-type"), "application/json");
            assert_eq!(arrival.header("webhook-timestamp"), now.to_string());
            verified(&arrival, &secret, now).unwrap();
            let theirs = standardwebhooks::Webhook::new(&secret).unwrap();
            assert_eq!(theirs.sign(arrival.id(), now, &arrival.bytes).unwrap(), arrival.header("webhook-signature"));
        }
        let log = log(app, party, &id, "").await;
        assert_eq!(log.len(), 2);
        assert!(log.iter().all(|delivery| delivery["state"] == "delivered" && delivery["response_status"] == 204 && delivery["attempts"] == 1));
        assert_eq!(courier(app).settle().await.unwrap(), 0, "once");
    }

    /// An endpoint gets the types it named and no others; a test event comes whatever it named, and to nobody else.
    async fn an_endpoint_gets_what_it_asked_for(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.destination);
        let (some, all) = (Receiver::willing().await, Receiver::willing().await);
        let (id, _) = endpoint(app, party, &some, json!({ "types": ["quota.published"] })).await;
        endpoint(app, party, &all, json!({ "types": ["quota.requested", "quota.published", "webhook_endpoint.tested"] })).await;
        scene.quota(3).await;
        let test = app.post(party, &format!("{ENDPOINTS}/{id}/test"), json!({})).await.expect(200).text("/event_id");
        courier(app).settle().await.unwrap();
        assert_eq!(sorted(&some), ["quota.published", "webhook_endpoint.tested"]);
        assert_eq!(sorted(&all), ["quota.published", "quota.requested"]);
        let tested = log(app, party, &id, &format!("&event_id={test}")).await;
        assert_eq!((tested.len(), &tested[0]["state"]), (1, &json!("delivered")));
        app.patch(party, &format!("{ENDPOINTS}/{id}"), "\"1\"", json!({ "types": ["quota.requested"] })).await.expect(200);
        scene.quota(3).await;
        courier(app).settle().await.unwrap();
        assert_eq!(some.kinds()[2..], ["quota.requested"], "from now on");
    }

    /// While an event fails, what follows it in its agreement waits; other agreements go on. Nothing is lost and the order is kept.
    async fn what_follows_a_failure_waits_in_its_agreement_only(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let (failing, broken) = (scene.agreement.clone(), Arc::new(AtomicBool::new(true)));
        let told = broken.clone();
        let receiver = Receiver::start(move |arrival, _| {
            let fails = arrival.body["chain_id"] == failing.as_str() && told.load(Ordering::SeqCst);
            Reaction::Status(if fails { 500 } else { 200 })
        }).await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        quotas(&scene, 3).await;
        let other = ratified(app, party, &scene.destination, "SY-YW-2026-02", terms(&targets())).await;
        let courier = courier(app);
        courier.settle().await.unwrap();
        assert_eq!(sequences(&receiver, &scene.agreement).len(), 1, "the first one failed, the others wait");
        assert!(sequences(&receiver, &other).len() >= 2 && whole(&receiver, &other), "the other agreement goes on");
        let behind = shown(app, party, &id).await.body["behind"].clone();
        assert_eq!((&behind["events"], &behind["is_capped"]), (&json!(3), &json!(false)));
        quotas(&scene, 1).await;
        wait(app, 6);
        courier.settle().await.unwrap();
        assert_eq!(sequences(&receiver, &scene.agreement).len(), 1, "it failed again");
        assert_eq!(shown(app, party, &id).await.body["behind"]["events"], 4);
        wait(app, 331);
        broken.store(false, Ordering::SeqCst);
        courier.settle().await.unwrap();
        assert_eq!(sequences(&receiver, &scene.agreement).len(), 4);
        assert!(whole(&receiver, &scene.agreement), "{:?}", sequences(&receiver, &scene.agreement));
        assert_eq!(shown(app, party, &id).await.body["behind"], json!({ "events": 0, "is_capped": false, "seconds": 0 }));
        let attempts: i64 = log(app, party, &id, "").await.iter().map(|delivery| delivery["attempts"].as_i64().unwrap()).sum();
        assert_eq!(attempts, i64::try_from(receiver.arrivals().len()).unwrap());
    }

    /// Ten attempts over three days; then the event lies among the failed ones, what waited behind it comes, and it can be asked for again.
    async fn after_ten_attempts_it_is_given_up_and_the_chain_goes_on(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let broken = Arc::new(AtomicBool::new(true));
        let told = broken.clone();
        let receiver = Receiver::start(move |arrival, _| {
            let poison = arrival.body["data"]["subject"]["kind"] == "quota" && arrival.body["sequence"].as_i64().unwrap() % 2 == 0;
            Reaction::Status(if poison && told.load(Ordering::SeqCst) { 500 } else { 200 })
        }).await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        quotas(&scene, 2).await;
        let courier = courier(app);
        let mut attempts = vec![courier.settle().await.unwrap()];
        for pause in [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] {
            wait(app, pause - 1);
            let early = courier.settle().await.unwrap();
            assert_eq!(early, 0, "not before its time: {pause}");
            wait(app, 2 + pause / 10);
            attempts.push(courier.settle().await.unwrap());
        }
        assert_eq!(log(app, party, &id, "&state=failed").await.len(), 1, "{attempts:?}");
        wait(app, 1);
        let failed = log(app, party, &id, "&state=failed").await[0].clone();
        assert_eq!((&failed["attempts"], &failed["failure"], &failed["response_status"]), (&json!(10), &json!("status"), &json!(500)));
        assert_eq!(sequences(&receiver, &scene.agreement).len(), 2, "the chain went on");
        broken.store(false, Ordering::SeqCst);
        let path = format!("{ENDPOINTS}/{id}/deliveries/{}", failed["id"].as_str().unwrap());
        assert_eq!(app.get(party, &path).await.expect(200).body, failed);
        let again = app.post(party, &format!("{path}/redelivery"), json!({})).await.expect(200);
        assert_eq!((&again.body["state"], &again.body["redelivery"]), (&json!("pending"), &json!(true)));
        assert_eq!(courier.settle().await.unwrap(), 1);
        assert_eq!(app.get(party, &path).await.expect(200).body["state"], "delivered");
    }

    /// Everything but 2xx is a failure, each with its name; redirects are not followed, and the log tells status and duration.
    async fn each_failure_has_its_name(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let elsewhere = Receiver::willing().await;
        let redirect: &'static str = Box::leak(format!("location: {}", elsewhere.url()).into_boxed_str());
        for (reaction, failure, status) in [
            (Reaction::Status(404), "status", json!(404)),
            (Reaction::With(307, redirect), "redirect", json!(307)),
            (Reaction::Silence, "timeout", json!(null)),
            (Reaction::Reset, "connection", json!(null)),
        ] {
            let receiver = Receiver::start(move |_, _| reaction).await;
            let (id, _) = endpoint(app, party, &receiver, json!({})).await;
            courier(app).settle().await.unwrap();
            let log = log(app, party, &id, "&state=pending").await;
            assert_eq!((&log[0]["failure"], &log[0]["response_status"]), (&json!(failure), &status), "{reaction:?}");
            assert!(log[0]["duration_ms"].as_i64().unwrap() < 10_000);
            assert!(!shown(app, party, &id).await.body["failing_since"].is_null());
            app.call("DELETE", &format!("{ENDPOINTS}/{id}")).by(party).send().await.expect(204);
        }
        assert_eq!(elsewhere.connections(), 0);
        let endless = Receiver::start(|_, _| Reaction::Endless).await;
        let (id, _) = endpoint(app, party, &endless, json!({})).await;
        courier(app).settle().await.unwrap();
        assert_eq!(log(app, party, &id, "").await[0]["state"], "delivered", "the status was 200; nobody reads on for ever");
    }

    /// A receiver that is busy says when to come back, by a number or a date.
    async fn a_busy_receiver_is_left_alone(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        for reaction in [Reaction::With(429, "retry-after: 3600"), Reaction::With(503, "retry-after: Mon, 02 Mar 2026 02:00:00 GMT")] {
            app.clock_set_to("2026-03-02T01:00:00Z");
            let receiver = Receiver::start(move |_, before| if before == 0 { reaction } else { Reaction::Status(200) }).await;
            let (id, _) = endpoint(app, party, &receiver, json!({})).await;
            let courier = courier(app);
            courier.settle().await.unwrap();
            app.clock_set_to("2026-03-02T01:59:59Z");
            assert_eq!(courier.settle().await.unwrap(), 0, "{reaction:?}");
            app.clock_set_to("2026-03-02T02:00:00Z");
            assert!(courier.settle().await.unwrap() > 0, "{reaction:?}");
            app.call("DELETE", &format!("{ENDPOINTS}/{id}")).by(party).send().await.expect(204);
        }
    }

    /// 410 disables an endpoint at once; five days without a success do; its owner is told by an event, and nothing is lost until it is enabled.
    async fn a_dead_endpoint_is_disabled_and_goes_on_where_it_stopped(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let dead = Arc::new(AtomicBool::new(true));
        let told = dead.clone();
        let receiver = Receiver::start(move |_, _| Reaction::Status(if told.load(Ordering::SeqCst) { 502 } else { 200 })).await;
        let gone = Receiver::start(|_, _| Reaction::Status(410)).await;
        let friend = Receiver::willing().await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        let (gone_id, _) = endpoint(app, party, &gone, json!({})).await;
        endpoint(app, party, &friend, json!({ "types": ["webhook_endpoint.disabled"] })).await;
        let courier = courier(app);
        courier.settle().await.unwrap();
        let disabled = shown(app, party, &gone_id).await.body;
        assert_eq!((&disabled["state"], &disabled["disabled_reason"]), (&json!("disabled"), &json!("gone")));
        assert_eq!(gone.arrivals().len(), 1, "and is not called again");
        quotas(&scene, 2).await;
        for _ in 0..12 {
            wait(app, 43_200);
            courier.settle().await.unwrap();
        }
        let disabled = shown(app, party, &id).await;
        assert_eq!((&disabled.body["state"], &disabled.body["disabled_reason"]), (&json!("disabled"), &json!("failing")));
        assert_eq!(friend.kinds(), ["webhook_endpoint.disabled", "webhook_endpoint.disabled"]);
        assert_eq!(friend.arrivals()[1].body["data"]["disabled_reason"], "failing");
        dead.store(false, Ordering::SeqCst);
        quotas(&scene, 2).await;
        app.post(party, &format!("{ENDPOINTS}/{id}/activation"), json!({})).await.expect(200);
        courier.settle().await.unwrap();
        assert_eq!(sequences(&receiver, &scene.agreement).len(), 4);
        assert!(whole(&receiver, &scene.agreement));
        let after = shown(app, party, &id).await.body;
        assert_eq!((&after["state"], &after["failing_since"], &after["behind"]["events"]), (&json!("enabled"), &json!(null), &json!(0)));
    }

    /// Old and new secret both sign for a day; with `revoke_others` the old one ends at once.
    async fn secrets_take_over_from_each_other(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let receiver = Receiver::willing().await;
        let (id, first) = endpoint(app, party, &receiver, json!({ "types": ["quota.published"] })).await;
        let path = format!("{ENDPOINTS}/{id}/secrets");
        let second = app.post(party, &path, json!({})).await.expect(200).text("/secret");
        let last = async || {
            scene.quota(1).await;
            courier(app).settle().await.unwrap();
            (receiver.arrivals().pop().unwrap(), app.state.clock.now().as_seconds())
        };
        let (arrival, now) = last().await;
        assert_eq!((verified(&arrival, &first, now), verified(&arrival, &second, now)), (Ok(()), Ok(())));
        wait(app, 86_401);
        let (arrival, now) = last().await;
        assert_eq!((verified(&arrival, &first, now), verified(&arrival, &second, now)), (Err(SignatureError::NoneFits), Ok(())));
        let third = app.post(party, &path, json!({ "revoke_others": true })).await.expect(200).text("/secret");
        let (arrival, now) = last().await;
        assert_eq!((verified(&arrival, &second, now), verified(&arrival, &third, now)), (Err(SignatureError::NoneFits), Ok(())));
        let (key_id, _) = endpoint(app, party, &receiver, json!({ "signature": "v1a", "types": ["quota.published"] })).await;
        app.call("DELETE", &format!("{ENDPOINTS}/{id}")).by(party).send().await.expect(204);
        let key = shown(app, party, &key_id).await.text("/secrets/0/public_key");
        let (arrival, now) = last().await;
        assert_eq!(verified(&arrival, &key, now), Ok(()));
    }

    /// Two servers over one database send each event once; what a killed one held is sent when its lease has run out.
    async fn several_servers_send_each_event_once(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let receiver = Receiver::willing().await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        quotas(&scene, 6).await;
        let (here, there) = (courier(app), courier(app));
        let (left, right) = tokio::join!(here.settle(), there.settle());
        let sent = left.unwrap() + right.unwrap();
        assert_eq!((sent, receiver.arrivals().len()), (7, 7), "{:?}", receiver.kinds());
        quotas(&scene, 2).await;
        let endpoint_id = labour_exchange::db::Id::parse(&id).unwrap();
        assert_eq!(here.waiting().await.unwrap(), [endpoint_id]);
        let now = app.state.clock.now();
        let killed = app.state.db.write(move |connection| labour_exchange::webhooks::delivery_store::take(connection, endpoint_id, now));
        assert_eq!(killed.await.unwrap().unwrap().chains.len(), 1);
        assert_eq!(there.settle().await.unwrap(), 0, "somebody is at it");
        wait(app, 61);
        assert_eq!(there.settle().await.unwrap(), 2);
        assert!(whole(&receiver, &scene.agreement));
    }

    /// A revoked client's endpoints and a suspended party's get nothing any more.
    async fn who_lost_the_right_gets_nothing(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let receiver = Receiver::willing().await;
        endpoint(app, party, &receiver, json!({})).await;
        let alter = async |sql: &'static str, id| {
            let write = app.state.db.write(move |connection| Ok(labour_exchange::db::statement(sql).bind(id).run(connection)?));
            assert_eq!(write.await.unwrap(), 1);
        };
        alter("update client set state = 'revoked' where id = ?", party.client_id).await;
        assert_eq!(courier(app).settle().await.unwrap(), 0);
        alter("update client set state = 'active' where id = ?", party.client_id).await;
        alter("update party set state = 'suspended' where id = ?", party.id).await;
        assert_eq!((courier(app).settle().await.unwrap(), receiver.connections()), (0, 0));
        alter("update party set state = 'active' where id = ?", party.id).await;
        assert_eq!(courier(app).settle().await.unwrap(), 1);
    }

    /// Down for an hour, then up: the owner asks for everything of that hour at once instead of waiting; not twice a minute.
    async fn everything_that_failed_can_be_asked_for_again(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let down = Arc::new(AtomicBool::new(true));
        let told = down.clone();
        let receiver = Receiver::start(move |_, _| Reaction::Status(if told.load(Ordering::SeqCst) { 503 } else { 200 })).await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        quotas(&scene, 3).await;
        let courier = courier(app);
        for pause in [0, 6, 331, 1_981] {
            wait(app, pause);
            courier.settle().await.unwrap();
        }
        down.store(false, Ordering::SeqCst);
        let range = json!({ "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z" });
        let path = format!("{ENDPOINTS}/{id}/redeliveries");
        let asked = app.post(party, &path, range.clone()).await.expect(200);
        assert_eq!(asked.body, json!({ "deliveries": 2, "more": false }), "one of the agreement, one of the party");
        app.post(party, &path, range.clone()).await.expect(409).problem("redelivery_too_soon");
        courier.settle().await.unwrap();
        assert_eq!(sequences(&receiver, &scene.agreement).len(), 3);
        assert!(whole(&receiver, &scene.agreement));
        wait(app, 60);
        let none = json!({ "from": "2026-03-03T00:00:00Z", "to": "2026-03-03T00:00:00Z" });
        app.post(party, &path, none).await.expect(422).problem("field_invalid");
        assert_eq!(app.post(party, &path, range).await.expect(200).body["deliveries"], 0);
    }

    /// The log is narrowed by state, type and time, and kept for thirty days.
    async fn the_log_is_searched_and_kept_for_thirty_days(app: TestApp) {
        let scene = scene(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let receiver = Receiver::start(|arrival, _| Reaction::Status(if arrival.kind() == "quota.published" { 500 } else { 200 })).await;
        let (id, _) = endpoint(app, party, &receiver, json!({})).await;
        scene.quota(1).await;
        let courier = courier(app);
        courier.settle().await.unwrap();
        let count = async |query: &str| log(app, party, &id, query).await.len();
        assert_eq!((count("").await, count("&state=delivered").await, count("&state=pending,failed").await), (2, 1, 1));
        assert_eq!((count("&types=quota.published").await, count("&types=a.b,c.d").await), (1, 0));
        assert_eq!((count("&from=2026-03-02T01:00:00Z").await, count("&from=2026-03-02T01:00:01Z").await), (2, 0));
        assert_eq!((count("&to=2026-03-02T01:00:00Z").await, count("&to=2026-03-02T01:00:01Z").await), (0, 2));
        app.get(party, &format!("{ENDPOINTS}/{id}/deliveries?state=lost")).await.problem("parameter_invalid");
        let page = app.get(party, &format!("{ENDPOINTS}/{id}/deliveries?limit=1")).await.expect(200);
        assert!(page.body["next_cursor"].is_string());
        app.clock_set("2026-04-02");
        assert_eq!(count("").await, 0, "older than thirty days");
    }
}
