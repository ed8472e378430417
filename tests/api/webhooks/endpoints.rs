//! Endpoints as their owners see them.

use labour_exchange::db::statement;
use labour_exchange::webhooks::signature::Verifier;

use super::*;
use crate::on_both;

const URL: &str = "https://partner.example.cn/hooks";

async fn origin(app: &TestApp) -> TestParty {
    app.party("邵阳县人力资源和社会保障局", "authority", "430523").await
}

/// Whether any stored answer or any secret lies in the database as it is told.
async fn stored_in_the_clear(app: &TestApp, secret: &str) -> bool {
    let secret = secret.as_bytes().to_vec();
    let read = app.state.db.read(move |connection| {
        let mut found = false;
        for sql in ["select body from idempotency_key", "select sealed from webhook_secret"] {
            let rows: Vec<Vec<u8>> =
                diesel::RunQueryDsl::load(statement(sql).returning::<diesel::sql_types::Binary>(), connection)?;
            assert!(!rows.is_empty());
            found |= rows.iter().any(|row| row.windows(secret.len()).any(|window| window == secret));
        }
        Ok(found)
    });
    read.await.unwrap()
}

on_both! {
    /// The secret is told once: in the first answer, not when the request is repeated, and it is stored nowhere in the clear.
    async fn a_secret_is_told_once(app: TestApp) {
        let party = origin(&app).await;
        let body = json!({ "url": URL, "types": ["dispatch.departed"], "description": "劳务输出管理系统", "partner_ref": "hooks-1" });
        let post = || app.post_with(&party, ENDPOINTS, body.clone(), &[("idempotency-key", "register-the-hooks")]);
        let made = post().await.expect(201);
        let secret = made.text("/secret");
        assert!(secret.starts_with("whsec_") && Verifier::parse(&secret).is_ok(), "{secret}");
        assert_eq!(made.header("location"), format!("{ENDPOINTS}/{}", made.id()));
        assert_eq!((&made.body["state"], &made.body["signature"]), (&json!("enabled"), &json!("v1")));
        let again = post().await.expect(201);
        assert_eq!((again.id(), again.header("idempotency-replayed")), (made.id(), "true"));
        assert!(again.body["secret"].is_null(), "{}", again.body);
        let read = shown(&app, &party, &made.id()).await;
        assert!(read.body["secret"].is_null() && !read.body.to_string().contains(&secret));
        assert_eq!(read.body["secrets"].as_array().unwrap().len(), 1);
        assert!(!stored_in_the_clear(&app, &secret).await);
    }

    /// Whoever will not hold a secret gets a public key.
    async fn a_private_key_is_never_told(app: TestApp) {
        let party = origin(&app).await;
        let made = app.post(&party, ENDPOINTS, json!({ "url": URL, "signature": "v1a" })).await.expect(201);
        assert!(made.body["secret"].is_null() && !made.body.to_string().contains("whsk_"), "{}", made.body);
        assert!(made.text("/secrets/0/public_key").starts_with("whpk_"));
    }

    /// All that is wrong with an endpoint is told at once, with its place.
    async fn a_wrong_endpoint_is_refused(app: TestApp) {
        let party = origin(&app).await;
        let wrong = json!({ "url": "https://169.254.169.254/latest", "types": ["Dispatch"], "description": "", "after": 9_999 });
        let refused = app.post(&party, ENDPOINTS, wrong).await.expect(422).problem("field_invalid");
        let places: Vec<(&str, &str)> = refused.body["errors"].as_array().unwrap().iter()
            .map(|fault| (fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap())).collect();
        let expected = [("#/url", "url_not_public"), ("#/types/0", "type_unknown"), ("#/description", "length"), ("#/after", "out_of_range")];
        assert_eq!(places, expected);
        assert!(app.get(&party, ENDPOINTS).await.expect(200).body["items"].as_array().unwrap().is_empty());
    }

    /// An endpoint is its party's: another sees nothing of it and can do nothing with it.
    async fn an_endpoint_is_its_partys_own(app: TestApp) {
        let party = origin(&app).await;
        let other = app.party("海宁市人力资源和社会保障局", "authority", "330481").await;
        let path = format!("{ENDPOINTS}/{}", app.post(&party, ENDPOINTS, json!({ "url": URL })).await.expect(201).id());
        let delivery = "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50";
        for (method, rest) in [
            ("GET", String::new()), ("PATCH", String::new()), ("DELETE", String::new()), ("GET", "/deliveries".to_owned()),
            ("GET", format!("/deliveries/{delivery}")), ("POST", format!("/deliveries/{delivery}/redelivery")),
            ("POST", "/secrets".to_owned()), ("POST", "/deactivation".to_owned()), ("POST", "/activation".to_owned()), ("POST", "/test".to_owned()),
        ] {
            let mut call = app.call(method, &format!("{path}{rest}")).by(&other);
            if method == "POST" { call = call.fresh_key().json(&json!({})); }
            if method == "PATCH" { call = call.header("if-match", "\"1\"").merge_patch(&json!({ "types": [] })); }
            call.send().await.expect(404).problem("not_found");
        }
        let range = json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z" });
        app.post(&other, &format!("{path}/redeliveries"), range).await.expect(404);
        assert!(app.get(&other, ENDPOINTS).await.body["items"].as_array().unwrap().is_empty());
        assert_eq!(app.get(&party, ENDPOINTS).await.body["items"].as_array().unwrap().len(), 1);
    }

    /// An endpoint is changed, disabled, enabled and removed by its version.
    async fn an_endpoint_is_changed_by_its_version(app: TestApp) {
        let party = origin(&app).await;
        let made = app.post(&party, ENDPOINTS, json!({ "url": URL, "partner_ref": "a" })).await.expect(201);
        let path = format!("{ENDPOINTS}/{}", made.id());
        app.post(&party, ENDPOINTS, json!({ "url": URL, "partner_ref": "a" })).await.expect(409).problem("partner_ref_taken");
        let changed = app.patch(&party, &path, "\"1\"", json!({ "types": ["claim.recorded"], "description": "新系统", "partner_ref": null })).await.expect(200);
        assert_eq!((&changed.body["types"], &changed.body["description"]), (&json!(["claim.recorded"]), &json!("新系统")));
        assert!(changed.body["partner_ref"].is_null() && changed.body["version"] == 2);
        app.patch(&party, &path, "\"1\"", json!({ "types": [] })).await.expect(412).problem("precondition_failed");
        app.patch(&party, &path, changed.etag(), json!({ "url": "http://partner.example.cn/" })).await.expect(422);
        let act = async |action: &str| app.post(&party, &format!("{path}/{action}"), json!({})).await;
        let disabled = act("deactivation").await.expect(200);
        assert_eq!((&disabled.body["state"], &disabled.body["disabled_reason"]), (&json!("disabled"), &json!("by_owner")));
        let refused = act("deactivation").await.expect(409).problem("transition_not_allowed");
        assert_eq!(refused.body["allowed_actions"], json!(["enable"]));
        act("test").await.expect(409).problem("transition_not_allowed");
        let listed = async |state: &str| app.get(&party, &format!("{ENDPOINTS}?state={state}")).await.expect(200).body["items"].as_array().unwrap().len();
        assert_eq!((listed("enabled").await, listed("disabled").await), (0, 1));
        assert_eq!(act("activation").await.expect(200).body["state"], "enabled");
        let stale = app.call("DELETE", &path).by(&party).header("if-match", "\"2\"").send().await;
        stale.expect(412).problem("precondition_failed");
        app.call("DELETE", &path).by(&party).send().await.expect(204);
        app.get(&party, &path).await.expect(404);
        let events = app.get(&party, "/v1/events?limit=1000").await.expect(200);
        let kinds: Vec<&str> = events.body["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
        let expected = ["registered", "changed", "disabled", "enabled", "removed"].map(|what| format!("webhook_endpoint.{what}"));
        assert_eq!(kinds, expected);
    }

    /// A client has at most twenty endpoints, so that nobody multiplies the exchange's traffic without end.
    async fn a_client_has_at_most_twenty(app: TestApp) {
        let party = origin(&app).await;
        for _ in 0..20 {
            app.post(&party, ENDPOINTS, json!({ "url": URL })).await.expect(201);
        }
        let refused = app.post(&party, ENDPOINTS, json!({ "url": URL })).await.expect(409).problem("webhook_endpoints_exhausted");
        assert_eq!(refused.body["limit"], 20);
    }
}
