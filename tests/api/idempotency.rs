//! Idempotency-Key: a partner who repeats a request after a broken line gets one effect and the same answer.

use labour_exchange::db::statement;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number};
use crate::support::{Reply, TestApp, together};

const KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";

fn quota(scene: &Scene) -> Value {
    json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": 10, "valid_until": "2026-12-31" })
}

async fn request_quota(scene: &Scene, key: &str, body: &Value) -> Reply {
    scene.app.post_with(&scene.destination, &scene.path("/quotas"), body.clone(), &[("idempotency-key", key)]).await
}

async fn quotas(scene: &Scene) -> usize {
    scene.app.get(&scene.destination, &scene.path("/quotas")).await.expect(200).body["items"].as_array().unwrap().len()
}

on_both! {
    /// Without a key a command is not even looked at.
    async fn a_command_without_a_key_is_refused(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let bare = scene.app.call("POST", &scene.path("/quotas")).by(&scene.destination).json(&quota(&scene));
        bare.send().await.expect(400).problem("idempotency_key_required");
        let overlong = "x".repeat(65);
        for key in ["short", "with space", "\"unfinished", "quo\"te-in-it", "", overlong.as_str(), "键键键键键键键键"] {
            request_quota(&scene, key, &quota(&scene)).await.expect(400).problem("idempotency_key_invalid");
        }
        assert_eq!(quotas(&scene).await, 0);
        for key in ["8-chars.", "x".repeat(64).as_str()] {
            request_quota(&scene, key, &quota(&scene)).await.expect(201);
        }
    }

    /// The repeat is the first answer, byte by byte, however the key is quoted, and nothing happens twice.
    async fn a_repeat_gets_the_same_answer_and_has_no_effect(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let first = request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        assert_eq!(first.header("idempotency-replayed"), "");
        for key in [KEY.to_owned(), format!("\"{KEY}\"")] {
            let again = request_quota(&scene, &key, &quota(&scene)).await.expect(201);
            assert_eq!(again.bytes, first.bytes);
            for header in ["location", "etag", "content-type"] {
                assert_eq!(again.header(header), first.header(header), "{header}");
            }
            assert_eq!(again.header("idempotency-replayed"), "true");
            assert_ne!(again.header("x-request-id"), first.header("x-request-id"), "each request has its own id");
        }
        assert_eq!(quotas(&scene).await, 1);
    }

    /// A key belongs to one request: with another body it is a mistake, and is told so.
    async fn a_key_with_another_body_is_refused(app: TestApp) {
        let scene = Scene::in_force(app).await;
        request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        let mut other = quota(&scene);
        other["requested_places"] = json!(11);
        request_quota(&scene, KEY, &other).await.expect(422).problem("idempotency_key_reused");
        let other_form = scene.app.call("POST", &scene.path("/quotas")).by(&scene.destination).header("idempotency-key", KEY);
        let body = quota(&scene).to_string();
        other_form.bytes("application/json; charset=utf-8", body).send().await.expect(422).problem("idempotency_key_reused");
        assert_eq!(quotas(&scene).await, 1);
    }

    /// Clients and addresses do not get in each other's way, even with the same key.
    async fn the_same_key_of_another_client_or_address_is_another_key(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let worker = json!({ "name": "刘春", "identity_number": identity_number(1), "hukou_code": "430523" });
        let one = scene.app.post_with(&scene.origin, "/v1/workers", worker.clone(), &[("idempotency-key", KEY)]).await.expect(201);
        let two = scene.app.post_with(&scene.destination, "/v1/workers", worker, &[("idempotency-key", KEY)]).await.expect(201);
        assert_ne!(one.id(), two.id());
        request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        assert_eq!(two.header("idempotency-replayed"), "");
    }

    /// Fifty twins at once: one effect; the others get the same answer, or are told that it is still being worked on.
    async fn fifty_twins_have_one_effect(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let twins = (0..50).map(|_| {
            let scene = scene.clone();
            async move { request_quota(&scene, KEY, &quota(&scene)).await }
        });
        let replies = together(twins).await;
        let (made, busy): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| reply.status == 201);
        assert_eq!(made.iter().filter(|reply| reply.header("idempotency-replayed").is_empty()).count(), 1);
        assert!(made.iter().all(|reply| reply.bytes == made[0].bytes));
        for reply in busy {
            assert_eq!(reply.clone().expect(409).problem("idempotency_key_in_use").header("retry-after"), "1");
            assert_eq!((&reply.body["retryable"], &reply.body["retry_after_s"]), (&json!(true), &json!(1)));
        }
        assert_eq!(quotas(&scene).await, 1);
        request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
    }

    /// What failed before it was carried out is not kept: the mended request may use the key again.
    async fn a_mended_request_may_use_its_key_again(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let mut broken = quota(&scene);
        broken["requested_places"] = json!(0);
        request_quota(&scene, KEY, &broken).await.expect(422);
        broken["requested_plaecs"] = json!(10);
        request_quota(&scene, KEY, &broken).await.expect(422).problem("unknown_field");
        let weak = scene.app.token(&scene.destination, &["agreements.read"]);
        let path = scene.path("/quotas");
        let refused = scene.app.call("POST", &path).bearer(&weak).header("idempotency-key", KEY).json(&quota(&scene)).send().await;
        refused.expect(403).problem("insufficient_scope");
        let text = scene.app.call("POST", &path).by(&scene.destination).header("idempotency-key", KEY).bytes("text/plain", "hello");
        text.send().await.expect(415);
        let mended = request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        assert_eq!(mended.header("idempotency-replayed"), "");
    }

    /// A refusal by the state of things was carried out: its repeat is the same refusal, even when the state has changed.
    async fn a_refusal_by_the_state_is_repeated_too(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let dispatch = scene.path(&format!("/dispatches/{}", scene.dispatch().await));
        let departure = || {
            let call = scene.app.call("POST", &format!("{dispatch}/departure")).by(&scene.origin).header("idempotency-key", KEY);
            call.json(&json!({ "departed_on": "2026-03-02" }))
        };
        let first = departure().header("accept-language", "zh-CN").send().await.expect(409).problem("transition_not_allowed");
        scene.app.post(&scene.origin, &format!("{dispatch}/cancellation"), json!({})).await.expect(200);
        let again = departure().header("accept-language", "en").send().await.expect(409);
        assert_eq!(again.bytes, first.bytes);
        assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
        assert_eq!((first.header("content-language"), again.header("content-language")), ("zh-CN", "zh-CN"));
    }

    /// Keys live for 72 hours; after that the same key is a new one.
    async fn a_key_lives_for_72_hours(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let first = request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        scene.app.clock_set_to("2026-03-05T00:59:59Z");
        let again = request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        assert_eq!((again.header("idempotency-replayed"), again.id()), ("true", first.id()));
        scene.app.clock_set_to("2026-03-05T01:00:01Z");
        let later = request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        assert_ne!(later.id(), first.id());
        assert_eq!(quotas(&scene).await, 2);
    }

    /// The key is written in the transaction of the command: when nothing can be written, neither is there.
    async fn the_key_and_the_effect_stand_or_fall_together(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let break_it = if scene.app.is_postgres() {
            "alter table idempotency_key add constraint nothing_fits check (status < 0) not valid"
        } else {
            "create trigger nothing_fits before insert on idempotency_key begin select raise(abort, 'nothing fits'); end"
        };
        scene.app.state.db.write(move |c| Ok(statement(break_it).run(c)?)).await.unwrap();
        scene.app.expect_faults();
        let before = quotas(&scene).await;
        let failed = request_quota(&scene, KEY, &quota(&scene)).await;
        assert!(failed.status >= 500, "{}", failed.body);
        assert_eq!(quotas(&scene).await, before);
        let mend = if scene.app.is_postgres() {
            "alter table idempotency_key drop constraint nothing_fits"
        } else {
            "drop trigger nothing_fits"
        };
        scene.app.state.db.write(move |c| Ok(statement(mend).run(c)?)).await.unwrap();
        request_quota(&scene, KEY, &quota(&scene)).await.expect(201);
        assert_eq!(quotas(&scene).await, before + 1);
    }
    /// A refusal that goes away by itself is not the answer for ever: the same request is tried again.
    async fn a_refusal_that_passes_is_not_kept(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let alter = async |sql: &'static str| scene.app.state.db.write(move |connection| Ok(labour_exchange::db::statement(sql).run(connection)?)).await.unwrap();
        let ask = async |key: &str| {
            let key = [("idempotency-key", key)];
            scene.app.post_with(&scene.origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-02" }), &key).await
        };
        ask("the-first-run").await.expect(201);
        alter("update reconciliation_run set state = 'running', rows_hash = null, carried = null, row_sum = null").await;
        let refused = ask("asked-meanwhile").await.expect(409).problem("run_in_progress");
        assert_eq!(refused.body["retryable"], true);
        alter("update reconciliation_run set state = 'failed'").await;
        let tried = ask("asked-meanwhile").await.expect(201);
        assert_eq!(tried.header("idempotency-replayed"), "");
    }
}
