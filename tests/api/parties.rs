//! Parties and zones: the operator registers them, every partner reads them.

use labour_exchange::db::Id;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::{TestApp, TestParty};

async fn operator(app: &TestApp) -> TestParty {
    app.party("运营方", "operator", "").await
}

fn county() -> Value {
    json!({ "name": "邵阳县人力资源和社会保障局", "kind": "authority", "region_code": "430523" })
}

on_both! {
    /// What the operator registers is what every partner reads.
    async fn a_registered_party_can_be_read_by_every_partner(app: TestApp) {
        let operator = operator(&app).await;
        let made = app.post(&operator, "/v1/parties", county()).await.expect(201);
        assert_eq!(made.header("location"), format!("/v1/parties/{}", made.id()));
        assert_eq!(made.etag(), "\"1\"");
        assert_eq!((&made.body["state"], &made.body["credit_code_check"]), (&json!("active"), &Value::Null));
        let partner = app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        let read = app.get(&partner, made.header("location")).await.expect(200);
        assert_eq!(read.body, made.body);
        let again = app.call("GET", made.header("location")).by(&partner).header("if-none-match", read.etag()).send().await;
        again.expect(304);
        app.get(&partner, &format!("/v1/parties/{}", Id::new())).await.expect(404).problem("not_found");
    }

    /// A partner cannot register, change, suspend or activate anybody.
    async fn only_the_operator_writes(app: TestApp) {
        let operator = operator(&app).await;
        let party = app.post(&operator, "/v1/parties", county()).await.expect(201).id();
        let partner = app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        app.post(&partner, "/v1/parties", county()).await.expect(403).problem("insufficient_scope");
        app.patch(&partner, &format!("/v1/parties/{party}"), "\"1\"", json!({ "name": "别人" })).await.expect(403);
        app.post(&partner, &format!("/v1/parties/{party}/suspension"), json!({})).await.expect(403);
        app.post(&partner, "/v1/zones", json!({ "name": "经开区", "host_code": "430500" })).await.expect(403);
        app.post(&partner, "/v1/clients", json!({})).await.expect(403);
        app.get(&partner, "/v1/clients").await.expect(403);
    }

    /// A doubtful credit code is taken and the doubt is shown: such codes have really been issued.
    async fn a_doubtful_credit_code_warns_and_is_taken(app: TestApp) {
        let operator = operator(&app).await;
        let employer = |code: &str| json!({ "name": "义乌小商品制造有限公司", "kind": "employer", "region_code": "330782", "credit_code": code });
        let doubtful = app.post(&operator, "/v1/parties", employer("91350211M0000XUF46")).await.expect(201);
        assert_eq!(doubtful.body["credit_code_check"], json!({ "result": "warning", "reason": "check_character" }));
        let sound = app.post(&operator, "/v1/parties", employer("9135 0100 M000100Y43")).await.expect(201);
        assert_eq!(sound.body["credit_code"], "91350100M000100Y43", "blanks are folded away");
        assert_eq!(sound.body["credit_code_check"]["result"], "ok");
        let taken = app.post(&operator, "/v1/parties", employer("91350100M000100Y43")).await.expect(409).problem("credit_code_taken");
        assert_eq!(taken.body["party_id"], sound.id());
        let wrong = app.post(&operator, "/v1/parties", employer("91350100M000100Y4I")).await.expect(422).problem("field_invalid");
        assert_eq!(wrong.body["errors"][0]["code"], "credit_code_alphabet");
        assert_eq!(wrong.body["errors"][0]["pointer"], "#/credit_code");
    }

    /// A former code is refused with the codes of today, so that the clerk need not search.
    async fn a_former_region_code_is_answered_with_its_successors(app: TestApp) {
        let operator = operator(&app).await;
        let mut party = county();
        party["region_code"] = json!("330103");
        let reply = app.post(&operator, "/v1/parties", party).await.expect(422).problem("field_invalid");
        assert_eq!(reply.body["errors"][0]["code"], "region_historic");
        assert!(reply.body["errors"][0]["params"]["successors"].as_array().unwrap().contains(&json!("330105")));
    }

    /// A change touches what it names, null takes away, and a stale version is refused.
    async fn a_change_touches_what_it_names(app: TestApp) {
        let operator = operator(&app).await;
        let mut party = county();
        party["credit_code"] = json!("91350100M000100Y43");
        let made = app.post(&operator, "/v1/parties", party).await.expect(201);
        let path = made.header("location");
        let renamed = app.patch(&operator, path, made.etag(), json!({ "name": "邵阳县人社局" })).await.expect(200);
        assert_eq!((&renamed.body["name"], &renamed.body["credit_code"]), (&json!("邵阳县人社局"), &json!("91350100M000100Y43")));
        assert_eq!(renamed.etag(), "\"2\"");
        let stale = app.patch(&operator, path, made.etag(), json!({ "name": "另一个" })).await.expect(412).problem("precondition_failed");
        assert_eq!(stale.header("etag"), "\"2\"");
        let bare = app.patch(&operator, path, renamed.etag(), json!({ "credit_code": null })).await.expect(200);
        assert_eq!((&bare.body["credit_code"], &bare.body["credit_code_check"]), (&Value::Null, &Value::Null));
        let same = app.patch(&operator, path, bare.etag(), json!({ "name": "邵阳县人社局" })).await.expect(200);
        assert_eq!(same.etag(), bare.etag(), "a change that changes nothing makes no version");
        let homeless = app.patch(&operator, path, bare.etag(), json!({ "region_code": null })).await.expect(422).problem("field_invalid");
        assert_eq!(homeless.body["errors"][0]["code"], "region_needed");
        app.patch(&operator, path, bare.etag(), json!({ "kind": "employer" })).await.expect(422).problem("unknown_field");
        app.patch(&operator, path, bare.etag(), json!({ "name": null })).await.expect(422).problem("field_invalid");
        let unconditional = app.call("PATCH", path).by(&operator).merge_patch(&json!({ "name": "甲" })).send().await;
        unconditional.expect(428).problem("precondition_required");
    }

    /// Only moves that make sense are taken, and a refusal names those that do.
    async fn a_party_is_suspended_and_activated_in_turn(app: TestApp) {
        let operator = operator(&app).await;
        let party = app.post(&operator, "/v1/parties", county()).await.expect(201).header("location").to_owned();
        let early = app.post(&operator, &format!("{party}/activation"), json!({})).await.expect(409).problem("transition_not_allowed");
        assert_eq!(early.body["allowed_actions"], json!(["suspend"]));
        let suspended = app.post(&operator, &format!("{party}/suspension"), json!({})).await.expect(200);
        assert_eq!(suspended.body["state"], "suspended");
        let twice = app.post(&operator, &format!("{party}/suspension"), json!({})).await.expect(409).problem("transition_not_allowed");
        assert_eq!(twice.body["allowed_actions"], json!(["activate"]));
        let stale = app.post_with(&operator, &format!("{party}/activation"), json!({}), &[("if-match", "\"1\"")]).await;
        stale.expect(412).problem("precondition_failed");
        app.post_with(&operator, &format!("{party}/activation"), json!({}), &[("if-match", suspended.etag())]).await.expect(200);
        let own = format!("/v1/parties/{}/suspension", operator.id);
        app.post(&operator, &own, json!({})).await.expect(409).problem("transition_not_allowed");
        app.post(&operator, &format!("/v1/parties/{}/suspension", Id::new()), json!({})).await.expect(404);
    }

    /// A repeated registration makes one party.
    async fn a_repeated_registration_takes_effect_once(app: TestApp) {
        let operator = operator(&app).await;
        let key = [("idempotency-key", "register-shaoyang-county")];
        let first = app.post_with(&operator, "/v1/parties", county(), &key).await.expect(201);
        let second = app.post_with(&operator, "/v1/parties", county(), &key).await.expect(201);
        assert_eq!((first.id(), second.header("idempotency-replayed")), (second.id(), "true"));
        let listed = app.get(&operator, "/v1/parties?kind=authority").await.expect(200);
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    }

    /// A partner is found by its name, kind, state or division.
    async fn a_partner_can_be_found(app: TestApp) {
        let operator = operator(&app).await;
        for (name, kind, region) in [("邵阳县人社局", "authority", "430523"), ("隆回县人社局", "authority", "430524"), ("义乌100%电子厂", "employer", "330782")] {
            app.post(&operator, "/v1/parties", json!({ "name": name, "kind": kind, "region_code": region })).await.expect(201);
        }
        for (query, count) in [
            ("name=%E4%BA%BA%E7%A4%BE%E5%B1%80", 2),
            ("name=100%25", 1),
            ("name=1_0", 0),
            ("kind=employer", 1),
            ("region_code=430524", 1),
            ("state=suspended", 0),
            ("kind=authority&name=%E9%82%B5%E9%98%B3", 1),
        ] {
            let found = app.get(&operator, &format!("/v1/parties?{query}")).await.expect(200);
            assert_eq!(found.body["items"].as_array().unwrap().len(), count, "{query}");
        }
        app.get(&operator, "/v1/parties?kind=village").await.expect(400).problem("parameter_invalid");
    }

    /// A zone has no code of its own; its host stands for it, and an authority may act for it.
    async fn a_zone_counts_as_its_host(app: TestApp) {
        let operator = operator(&app).await;
        let zone = json!({ "name": "邵阳经济技术开发区", "host_code": "430500" });
        let made = app.post(&operator, "/v1/zones", zone.clone()).await.expect(201);
        let partner = app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        assert_eq!(app.get(&partner, made.header("location")).await.expect(200).body, made.body);
        app.post(&operator, "/v1/zones", zone).await.expect(409).problem("zone_taken");
        let hosted = app.get(&partner, "/v1/zones?host_code=430500").await.expect(200);
        assert_eq!(hosted.body["items"][0]["id"], made.id());
        let committee = json!({ "name": "邵阳经开区管委会", "kind": "authority", "zone_id": made.id() });
        let committee = app.post(&operator, "/v1/parties", committee).await.expect(201);
        assert_eq!((&committee.body["zone_id"], &committee.body["region_code"]), (&json!(made.id()), &Value::Null));
        let elsewhere = json!({ "name": "管委会", "kind": "authority", "zone_id": made.id(), "region_code": "330782" });
        let refused = app.post(&operator, "/v1/parties", elsewhere).await.expect(422).problem("field_invalid");
        assert_eq!(refused.body["errors"][0]["code"], "zone_host_mismatch");
        let nowhere = json!({ "name": "无", "host_code": "999999" });
        app.post(&operator, "/v1/zones", nowhere).await.expect(422).problem("field_invalid");
        app.get(&partner, &format!("/v1/zones/{}", Id::new())).await.expect(404).problem("not_found");
    }

    /// What happened to a party is in its own feed, without a name or a code in it.
    async fn a_party_learns_from_its_feed_what_happened_to_it(app: TestApp) {
        let operator = operator(&app).await;
        let party = app.party("义乌小商品制造有限公司", "employer", "330782").await;
        let path = format!("/v1/parties/{}", party.id);
        app.patch(&operator, &path, "\"1\"", json!({ "credit_code": "91350100M000100Y43" })).await.expect(200);
        let feed = app.get(&party, "/v1/events").await.expect(200);
        let last = feed.body["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["type"], "party.changed");
        assert!(!last.to_string().contains("91350100M000100Y43"));
    }
}
