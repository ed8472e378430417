//! The register of workers: what an origin county, and nobody else, relies on.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use labour_exchange::db::{Day, Id, Location, statement};
use labour_exchange::workers::GroupCode;
use labour_exchange::workers::store::{WorkerFacts, WorkerRef, card, resolve};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::on_both;
use crate::support::scene::{self, Scene};
use crate::support::{Reply, TestApp, TestParty, together};

/// The n-th made-up person: every call with the same number gives the same row.
fn person(n: usize) -> Value {
    json!({
        "name": scene::name(n),
        "identity_number": scene::identity_number(n),
        "phone": format!("139{n:08}"),
        "hukou_code": "430523",
        "partner_ref": format!("SY-{n:06}"),
    })
}

fn people(numbers: std::ops::Range<usize>) -> Value {
    json!({ "rows": numbers.map(person).collect::<Vec<_>>() })
}

async fn county(app: &TestApp) -> TestParty {
    app.party("邵阳县人力资源和社会保障局", "authority", "430523").await
}

async fn register(app: &TestApp, party: &TestParty, person: Value) -> Id {
    Id::parse(&app.post(party, "/v1/workers", person).await.expect(201).id()).unwrap()
}

/// How many events the party's chain has.
async fn events(app: &TestApp, party: &TestParty) -> i64 {
    let party_id = party.id;
    let count = app.state.db.read(move |connection| {
        let counted = statement("select cast(count(*) as bigint) from event where chain_id = ?").bind(party_id);
        Ok(counted.returning::<BigInt>().get_result::<i64>(connection)?)
    });
    count.await.unwrap()
}

async fn facts(app: &TestApp, party: &TestParty, refs: Vec<WorkerRef>, day: &str) -> Vec<Option<WorkerFacts>> {
    let (party_id, day) = (party.id, Day::parse(day).unwrap());
    app.state.db.write(move |connection| resolve(connection, party_id, &refs, day)).await.unwrap()
}

/// The status and the first fault (code and place) of each row.
fn told(reply: &Reply) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = reply.body["results"].as_array().unwrap();
    results
        .iter()
        .map(|row| (text(&row["status"]), text(&row["errors"][0]["code"]), text(&row["errors"][0]["pointer"])))
        .collect()
}

fn counts(reply: &Reply) -> [u64; 3] {
    ["accepted", "unchanged", "rejected"].map(|name| reply.body[name].as_u64().unwrap())
}

on_both! {
    async fn a_person_is_registered_once_and_answered_masked(app: TestApp) {
        let county = county(&app).await;
        let sent = json!({
            "name": "张　三", "identity_number": "430523199003079985", "phone": "138 0000 1234", "hukou_code": "430523",
            "partner_ref": "SY-1",
            "groups": [{ "group_code": "lifted", "valid_from": "2014-12-31", "source": "全国防返贫监测信息系统" }],
        });
        let made = app.post(&county, "/v1/workers", sent.clone()).await.expect(201);
        assert_eq!(made.body["masked_name"], "张*");
        assert_eq!(made.body["masked_identity_number"], "430*************85");
        assert_eq!(made.body["masked_phone"], "138****1234");
        assert_eq!(made.body["sex"], "female");
        assert_eq!(made.body["birth_year"], 1990);
        assert_eq!(made.body["groups"][0]["group_code"], "lifted");
        assert_eq!(made.header("location"), format!("/v1/workers/{}", made.id()));
        assert_eq!(made.etag(), "\"1\"");

        let read = app.get(&county, &format!("/v1/workers/{}", made.id())).await.expect(200);
        assert_eq!(read.body, made.body);
        let again = app.post(&county, "/v1/workers", sent.clone()).await.expect(409).problem("worker_already_registered");
        assert_eq!(again.body["worker_id"], made.id());

        let key = [("idempotency-key", "0f8b7c52-7f0e-4b3c-9d55-3c8f2f6f1a01")];
        let other = person(1);
        let first = app.post_with(&county, "/v1/workers", other.clone(), &key).await.expect(201);
        let repeat = app.post_with(&county, "/v1/workers", other, &key).await.expect(201);
        assert_eq!(repeat.bytes, first.bytes);
        assert_eq!(repeat.header("idempotency-replayed"), "true");
        assert_eq!(events(&app, &county).await, 2);
    }

    async fn the_fifteen_digit_form_is_the_same_person(app: TestApp) {
        let county = county(&app).await;
        let old = json!({ "name": "李四", "identity_number": "432621750101999", "hukou_code": "432621" });
        let made = app.post(&county, "/v1/workers", old).await.expect(201);
        assert_eq!(made.body["birth_year"], 1975);
        assert_eq!(made.body["hukou_code"], "430523", "邵阳县 had the code 432621 until 1986");
        let new = json!({ "name": "李四", "identity_number": "432621197501019999", "hukou_code": "430523" });
        app.post(&county, "/v1/workers", new.clone()).await.expect(409).problem("worker_already_registered");
        let batch = app.post(&county, "/v1/worker-batches", json!({ "rows": [new] })).await.expect(207);
        assert_eq!(counts(&batch), [0, 1, 0]);
        assert_eq!(batch.body["results"][0]["id"], made.id());
        for spelling in ["432621750101999", "４３２６２１１９７５０１０１９９９９", "43262119750101999912"] {
            let search = json!({ "identity_number": spelling });
            let found = app.post(&county, "/v1/worker-searches", search).await.expect(200);
            assert_eq!(found.body["items"][0]["id"], made.id(), "{spelling}");
        }
    }

    /// A rounded number may fit by chance and be another person's: beside damaged ones it is asked for, alone it is taken.
    async fn a_number_that_may_be_rounded_is_not_taken_beside_damaged_ones(app: TestApp) {
        let county = county(&app).await;
        // Prefix 999999 was never given to anybody.
        let round = json!({ "name": "刘春", "identity_number": "999999199003076000", "hukou_code": "430523" });
        let damaged = json!({ "name": "陈建", "identity_number": "4.30523E+17", "hukou_code": "430523" });
        let batch = app.post(&county, "/v1/worker-batches", json!({ "rows": [round, damaged] })).await.expect(207);
        let codes: Vec<_> = (0..2).map(|row| batch.text(&format!("/results/{row}/errors/0/code"))).collect();
        assert_eq!(codes, ["identity_number_may_be_rounded", "identity_number_damaged"]);
        app.post(&county, "/v1/workers", round).await.expect(201);
    }

    async fn what_cannot_be_read_with_certainty_is_refused_with_its_code_and_the_other_rows_stand(app: TestApp) {
        let county = county(&app).await;
        let table = [
            ("identity_number", json!("4.30523E+17"), "identity_number_damaged"),
            ("identity_number", json!("430523199003079000"), "identity_number_damaged"),
            ("identity_number", json!("430523********9985"), "identity_number_masked"),
            ("identity_number", json!("430523199003079984"), "identity_number_check_digit"),
            ("identity_number", json!("43052319900307998"), "identity_number_length"),
            ("identity_number", json!(""), "identity_number_empty"),
            ("name", json!(" "), "person_name_empty"),
            ("name", json!("***"), "person_name_no_letter"),
            ("phone", json!("13900000001/13900000002"), "phone_several"),
            ("phone", json!("1.39E+10"), "phone_damaged"),
            ("hukou_code", json!("999999"), "region_unknown"),
            ("hukou_code", json!("430500"), "region_too_coarse"),
            ("hukou_code", json!("430523101000"), "region_code_not_a_division"),
            ("partner_ref", json!("430523199003079985"), "partner_ref_personal"),
        ];
        let mut rows: Vec<Value> = (0..).zip(&table).map(|(n, (field, value, _))| {
            let mut row = person(n);
            row[*field] = value.clone();
            row
        }).collect();
        rows.push(person(900));
        let reply = app.post(&county, "/v1/worker-batches", json!({ "rows": rows })).await.expect(207);
        assert_eq!(counts(&reply), [1, 0, 14]);
        for (row, ((field, _, code), told)) in table.iter().zip(told(&reply)).enumerate() {
            assert_eq!(told, ("rejected".to_owned(), (*code).to_owned(), format!("#/rows/{row}/{field}")));
        }
        for (field, value, code) in &table {
            let mut alone = person(901);
            alone[*field] = value.clone();
            let refused = app.post(&county, "/v1/workers", alone).await.expect(422).problem("field_invalid");
            assert_eq!(refused.body["errors"][0]["code"], *code);
            assert_eq!(refused.body["errors"][0]["pointer"], format!("#/{field}"));
        }
        let listed = app.get(&county, "/v1/workers").await.expect(200);
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    }

    async fn a_call_of_the_wrong_shape_is_refused_whole(app: TestApp) {
        let county = county(&app).await;
        app.post(&county, "/v1/worker-batches", json!({ "rows": [] })).await.expect(422).problem("field_invalid");
        let mut long = person(1);
        long["partner_ref"] = json!("x".repeat(101));
        let reply = app.post(&county, "/v1/worker-batches", json!({ "rows": [person(0), long] })).await.expect(422);
        assert_eq!(reply.body["errors"][0]["pointer"], "#/rows/1/partner_ref");
        let mut number = person(2);
        number["identity_number"] = json!(430_523_199_003_079_985_u64);
        let reply = app.post(&county, "/v1/worker-batches", json!({ "rows": [number] })).await.expect(422);
        assert!(!String::from_utf8_lossy(&reply.bytes).contains("430523199003079985"));
        assert_eq!(events(&app, &county).await, 0);
    }

    async fn the_same_file_sent_twice_changes_nothing_and_tells_nobody(app: TestApp) {
        let county = county(&app).await;
        let first = app.post(&county, "/v1/worker-batches", people(0..60)).await.expect(207);
        assert_eq!(counts(&first), [60, 0, 0]);
        assert_eq!(events(&app, &county).await, 1);
        let second = app.post(&county, "/v1/worker-batches", people(0..60)).await.expect(207);
        assert_eq!(counts(&second), [0, 60, 0]);
        let ids = |reply: &Reply| -> Vec<Value> {
            reply.body["results"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect()
        };
        assert_eq!(ids(&first), ids(&second));
        assert_eq!(events(&app, &county).await, 1);
    }

    async fn the_same_file_with_five_changed_rows_changes_five_persons(app: TestApp) {
        let county = county(&app).await;
        app.post(&county, "/v1/worker-batches", people(0..40)).await.expect(207);
        let mut file = people(0..40);
        file["rows"][3]["name"] = json!("测改名");
        file["rows"][7]["phone"] = json!("13700000007");
        file["rows"][11]["groups"] = json!([{ "group_code": "marginal", "valid_from": "2025-06-01", "source": "防返贫监测" }]);
        file["rows"][19]["hukou_code"] = json!("430582");
        file["rows"][23]["partner_ref"] = json!("SY-NEW");
        let reply = app.post(&county, "/v1/worker-batches", file.clone()).await.expect(207);
        assert_eq!(counts(&reply), [5, 35, 0]);
        let changed: Vec<usize> = told(&reply).iter().enumerate().filter(|(_, row)| row.0 == "accepted").map(|(row, _)| row).collect();
        assert_eq!(changed, [3, 7, 11, 19, 23]);
        let of = |row: usize| format!("/v1/workers/{}", reply.body["results"][row]["id"].as_str().unwrap());
        let renamed = app.get(&county, &of(3)).await.expect(200);
        assert_eq!((&renamed.body["masked_name"], &renamed.body["version"]), (&json!("测**"), &json!(2)));
        assert_eq!(app.get(&county, &of(7)).await.body["masked_phone"], "137****0007");
        assert_eq!(app.get(&county, &of(11)).await.body["groups"][0]["group_code"], "marginal");
        assert_eq!(app.get(&county, &of(19)).await.body["hukou_code"], "430582");
        assert_eq!(app.get(&county, &of(23)).await.body["partner_ref"], "SY-NEW");
        assert_eq!(app.get(&county, &of(4)).await.body["version"], 1);
        let repeat = app.post(&county, "/v1/worker-batches", file).await.expect(207);
        assert_eq!(counts(&repeat), [0, 40, 0]);
        assert_eq!(events(&app, &county).await, 2);
    }

    async fn what_a_row_does_not_mention_stays(app: TestApp) {
        let county = county(&app).await;
        let mut full = person(5);
        full["groups"] = json!([{ "group_code": "lifted", "valid_from": "2014-12-31", "source": "甲" }]);
        let worker = register(&app, &county, full.clone()).await;
        let bare = json!({ "name": full["name"], "identity_number": full["identity_number"], "hukou_code": "430523" });
        let reply = app.post(&county, "/v1/worker-batches", json!({ "rows": [bare] })).await.expect(207);
        assert_eq!(counts(&reply), [0, 1, 0]);
        let kept = app.get(&county, &format!("/v1/workers/{worker}")).await.expect(200);
        assert_eq!(kept.body["partner_ref"], "SY-000005");
        assert_ne!(kept.body["masked_phone"], Value::Null);
        assert_eq!(kept.body["groups"].as_array().unwrap().len(), 1);
    }

    async fn a_person_or_reference_that_comes_twice_in_a_call_is_taken_once(app: TestApp) {
        let county = county(&app).await;
        let holder = register(&app, &county, person(50)).await;
        let mut same_reference = person(2);
        same_reference["partner_ref"] = person(1)["partner_ref"].clone();
        let mut taken = person(3);
        taken["partner_ref"] = person(50)["partner_ref"].clone();
        let mut couple = person(4);
        couple["phone"] = person(1)["phone"].clone();
        let mut broken_first = person(6);
        broken_first["name"] = json!("");
        let rows = json!({ "rows": [person(1), person(1), same_reference, taken, couple, broken_first, person(6)] });
        let reply = app.post(&county, "/v1/worker-batches", rows).await.expect(207);
        let codes: Vec<(String, String)> = told(&reply).into_iter().map(|(status, code, _)| (status, code)).collect();
        let row = |status: &str, code: &str| (status.to_owned(), code.to_owned());
        assert_eq!(codes, [
            row("accepted", ""),
            row("rejected", "identity_number_repeated"),
            row("rejected", "partner_ref_repeated"),
            row("rejected", "partner_ref_taken"),
            row("accepted", ""),
            row("rejected", "person_name_empty"),
            row("accepted", ""),
        ]);
        let mut alone = person(7);
        alone["partner_ref"] = person(50)["partner_ref"].clone();
        app.post(&county, "/v1/workers", alone).await.expect(409).problem("partner_ref_taken");
        let etag = app.get(&county, &format!("/v1/workers/{holder}")).await.etag().to_owned();
        let patch = json!({ "partner_ref": person(1)["partner_ref"] });
        app.patch(&county, &format!("/v1/workers/{holder}"), &etag, patch).await.expect(409).problem("partner_ref_taken");
    }

    async fn two_calls_with_the_same_people_at_once_register_each_once(app: TestApp) {
        let county = county(&app).await;
        let calls = (0..4).map(|_| {
            let (app, county) = (app.clone(), county.clone());
            async move { app.post(&county, "/v1/worker-batches", people(0..30)).await }
        });
        let replies = together(calls).await;
        let accepted: u64 = replies.iter().map(|reply| counts(reply)[0]).sum();
        let unchanged: u64 = replies.iter().map(|reply| counts(reply)[1]).sum();
        assert_eq!((accepted, unchanged), (30, 90));
    }

    async fn another_county_neither_sees_nor_infers(app: TestApp) {
        let county = county(&app).await;
        let other = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let worker = register(&app, &county, person(1)).await;
        let path = format!("/v1/workers/{worker}");
        app.get(&other, &path).await.expect(404).problem("not_found");
        app.get(&other, &format!("{path}/identity-readings")).await.expect(404);
        app.patch(&other, &path, "\"1\"", json!({ "phone": null })).await.expect(404);
        app.post(&other, &format!("{path}/erasure"), json!({ "reason": "person_request" })).await.expect(404);
        app.post(&other, &format!("{path}/identity-readings"), json!({ "purpose": "核对" })).await.expect(404);
        let group = json!({ "group_code": "lifted", "valid_from": "2020-01-01", "source": "甲" });
        app.post(&other, &format!("{path}/groups"), group).await.expect(404);
        assert_eq!(app.get(&other, "/v1/workers").await.expect(200).body["items"], json!([]));
        let search = json!({ "identity_number": person(1)["identity_number"] });
        assert_eq!(app.post(&other, "/v1/worker-searches", search).await.expect(200).body["items"], json!([]));
        assert_eq!(facts(&app, &other, vec![WorkerRef::Id(worker), WorkerRef::PartnerRef("SY-000001".into())], "2026-03-02").await, [None, None]);

        // The same person, the same reference: a register of its own, with an index of its own.
        let theirs = register(&app, &other, person(1)).await;
        assert_ne!(theirs, worker);
        let [here] = facts(&app, &county, vec![WorkerRef::Id(worker)], "2026-03-02").await.try_into().unwrap();
        let [there] = facts(&app, &other, vec![WorkerRef::Id(theirs)], "2026-03-02").await.try_into().unwrap();
        assert_eq!(here.unwrap().person_id, there.unwrap().person_id);
        let indexes = app.state.db.read(|connection| {
            let distinct = statement("select cast(count(distinct identity_index) as bigint) from worker");
            Ok(distinct.returning::<BigInt>().get_result::<i64>(connection)?)
        });
        assert_eq!(indexes.await.unwrap(), 2);
    }

    async fn a_roster_finds_its_workers_in_its_order_with_the_group_of_the_day(app: TestApp) {
        let county = county(&app).await;
        let mut moved = person(1);
        moved["groups"] = json!([
            { "group_code": "lifted", "valid_from": "2014-12-31", "source": "甲" },
            { "group_code": "unstable_lifted", "valid_from": "2025-01-01", "valid_to": "2025-12-31", "source": "甲" },
            { "group_code": "sudden_hardship", "valid_from": "2025-06-01", "valid_to": "2025-06-30", "source": "甲" },
        ]);
        let moved = register(&app, &county, moved).await;
        let plain = register(&app, &county, person(2)).await;
        let refs = vec![
            WorkerRef::PartnerRef("SY-000002".into()), WorkerRef::Id(Id::new()), WorkerRef::Id(moved),
            WorkerRef::PartnerRef("nobody".into()), WorkerRef::Id(moved),
        ];
        let found = facts(&app, &county, refs, "2026-03-02").await;
        let ids: Vec<Option<Id>> = found.iter().map(|facts| facts.as_ref().map(|facts| facts.id)).collect();
        assert_eq!(ids, [Some(plain), None, Some(moved), None, Some(moved)]);
        assert_eq!(found[0].as_ref().unwrap().group_code, GroupCode::Ordinary);
        assert_eq!(found[0].as_ref().unwrap().hukou_code.to_string(), "430523");
        for (day, group) in [
            ("2014-12-30", GroupCode::Ordinary), ("2014-12-31", GroupCode::Lifted), ("2025-05-31", GroupCode::UnstableLifted),
            ("2025-06-30", GroupCode::SuddenHardship), ("2025-07-01", GroupCode::UnstableLifted), ("2026-01-01", GroupCode::Lifted),
        ] {
            let found = facts(&app, &county, vec![WorkerRef::Id(moved)], day).await;
            assert_eq!(found[0].as_ref().unwrap().group_code, group, "{day}");
        }
        for (group, expected) in [("lifted", vec![moved]), ("ordinary", vec![plain]), ("marginal", vec![]), ("unstable_lifted", vec![]), ("sudden_hardship", vec![])] {
            let listed = app.get(&county, &format!("/v1/workers?group={group}")).await.expect(200);
            let ids: Vec<String> = listed.body["items"].as_array().unwrap().iter().map(|worker| worker["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(ids, expected.iter().map(Id::to_string).collect::<Vec<_>>(), "{group}");
        }
        let (keys, party_id) = (app.state.keys.clone(), county.id);
        let card = app.state.db.read(move |connection| card(connection, &keys, party_id, plain)).await.unwrap();
        assert_eq!(json!(card)["name"], person(2)["name"]);
        assert_eq!(json!(card)["phone"], person(2)["phone"]);
        assert!(json!(card)["masked_identity_number"].as_str().unwrap().contains("*************"));
    }

    async fn a_membership_is_added_and_ended_and_never_overlaps_itself(app: TestApp) {
        let county = county(&app).await;
        let path = format!("/v1/workers/{}", register(&app, &county, person(1)).await);
        let groups = format!("{path}/groups");
        let group = |from: &str, to: Value, code: &str| json!({ "group_code": code, "valid_from": from, "valid_to": to, "source": "防返贫监测" });
        let added = app.post(&county, &groups, group("2020-01-01", Value::Null, "lifted")).await.expect(200);
        assert_eq!(added.etag(), "\"2\"");
        let same = app.post(&county, &groups, group("2020-01-01", Value::Null, "lifted")).await.expect(200);
        assert_eq!(same.etag(), "\"2\"");
        let overlap = app.post(&county, &groups, group("2024-01-01", Value::Null, "lifted")).await.expect(422).problem("field_invalid");
        assert_eq!(overlap.body["errors"][0]["code"], "group_overlaps");
        let reversed = app.post(&county, &groups, group("2024-01-01", json!("2023-12-31"), "marginal")).await.expect(422);
        assert_eq!(reversed.body["errors"][0]["code"], "group_days_reversed");
        let stale = [("if-match", "\"1\"")];
        app.post_with(&county, &groups, group("2020-01-01", json!("2023-12-31"), "lifted"), &stale).await.expect(412);
        app.post(&county, &groups, group("2020-01-01", json!("2023-12-31"), "lifted")).await.expect(200);
        app.post(&county, &groups, group("2024-01-01", Value::Null, "lifted")).await.expect(200);
        let now = app.post(&county, &groups, group("2024-06-01", Value::Null, "marginal")).await.expect(200);
        assert_eq!(now.body["groups"].as_array().unwrap().len(), 3);
        assert_eq!(now.body["groups"][0]["valid_to"], "2023-12-31");
        assert_eq!(now.etag(), "\"5\"");
        let mut row = person(1);
        row["groups"] = json!([group("2025-01-01", Value::Null, "lifted")]);
        let reply = app.post(&county, "/v1/worker-batches", json!({ "rows": [row] })).await.expect(207);
        assert_eq!(told(&reply)[0], ("rejected".into(), "group_overlaps".into(), "#/rows/0/groups/0/valid_from".into()));
    }

    async fn a_correction_needs_the_version_it_is_meant_for(app: TestApp) {
        let county = county(&app).await;
        let path = format!("/v1/workers/{}", register(&app, &county, person(1)).await);
        app.call("PATCH", &path).by(&county).merge_patch(&json!({ "phone": null })).send().await.expect(428);
        app.patch(&county, &path, "\"9\"", json!({ "phone": null })).await.expect(412).problem("precondition_failed");
        let changed = app.patch(&county, &path, "\"1\"", json!({ "phone": null, "name": "测改", "hukou_code": "430582" })).await.expect(200);
        assert_eq!(changed.body["masked_phone"], Value::Null);
        assert_eq!(changed.body["hukou_code"], "430582");
        assert_eq!(changed.etag(), "\"2\"");
        let same = app.patch(&county, &path, "\"2\"", json!({ "name": "测　改" })).await.expect(200);
        assert_eq!(same.etag(), "\"2\"");
        assert_eq!(events(&app, &county).await, 2);
        let refused = app.patch(&county, &path, "\"2\"", json!({ "name": "", "phone": "12345", "hukou_code": "430500" })).await.expect(422);
        let codes: BTreeSet<&str> = refused.body["errors"].as_array().unwrap().iter().map(|fault| fault["code"].as_str().unwrap()).collect();
        assert_eq!(codes, BTreeSet::from(["person_name_empty", "phone_not_mobile", "region_too_coarse"]));
        app.patch(&county, &path, "\"2\"", json!({ "identity_number": "430523199003079985" })).await.expect(422).problem("unknown_field");
        app.patch(&county, &path, "\"2\"", json!({ "name": null })).await.expect(422).problem("field_invalid");
        app.patch(&county, &path, "\"2\"", json!({ "partner_ref": "13900000001" })).await.expect(422);
        let renamed = app.patch(&county, &path, "\"2\"", json!({ "partner_ref": null })).await.expect(200);
        assert_eq!(renamed.body["partner_ref"], Value::Null);
    }

    async fn the_register_is_read_in_pages_and_by_filters(app: TestApp) {
        let county = county(&app).await;
        let mut file = people(0..7);
        file["rows"][6]["hukou_code"] = json!("430582");
        app.post(&county, "/v1/worker-batches", file).await.expect(207);
        let mut seen = Vec::new();
        let mut path = "/v1/workers?limit=3".to_owned();
        loop {
            let page = app.get(&county, &path).await.expect(200);
            seen.extend(page.body["items"].as_array().unwrap().iter().map(|worker| worker["partner_ref"].as_str().unwrap().to_owned()));
            let Some(cursor) = page.body["next_cursor"].as_str() else { break };
            path = format!("/v1/workers?limit=3&cursor={cursor}");
        }
        assert_eq!(seen, (0..7).map(|n| format!("SY-{n:06}")).collect::<Vec<_>>());
        let newest = app.get(&county, "/v1/workers?limit=1&sort=-id").await.expect(200);
        assert_eq!(newest.body["items"][0]["partner_ref"], "SY-000006");
        for (filter, expected) in [("hukou_code=430582", 1), ("partner_ref=SY-000002", 1), ("partner_ref=none", 0), ("state=active", 7), ("state=erased", 0)] {
            let listed = app.get(&county, &format!("/v1/workers?{filter}")).await.expect(200);
            assert_eq!(listed.body["items"].as_array().unwrap().len(), expected, "{filter}");
        }
        app.get(&county, "/v1/workers?identity_number=1").await.expect(400).problem("unknown_parameter");
    }

    async fn nobody_sees_an_identity_without_a_right_a_purpose_and_a_record(app: TestApp) {
        let county = county(&app).await;
        let worker = register(&app, &county, person(1)).await;
        let path = format!("/v1/workers/{worker}/identity-readings");
        let read_only = app.token(&county, &["workers.read", "workers.write"]);
        let refused = app.call("POST", &path).bearer(&read_only).fresh_key().json(&json!({ "purpose": "核对社保" })).send().await;
        refused.expect(403).problem("insufficient_scope");
        app.post(&county, &path, json!({})).await.expect(422).problem("field_missing");
        app.post(&county, &path, json!({ "purpose": "  " })).await.expect(422).problem("field_invalid");
        assert_eq!(app.get(&county, &path).await.expect(200).body["items"], json!([]));

        let key = [("idempotency-key", "7d0f6f0e-1a57-4a07-8a5e-0b7f1c9f2b11")];
        let reading = app.post_with(&county, &path, json!({ "purpose": "核对社保参保信息" }), &key).await.expect(200);
        for field in ["name", "identity_number", "phone"] {
            assert_eq!(reading.body[field], person(1)[field]);
        }
        assert_eq!(reading.header("cache-control"), "no-store");
        let again = app.post_with(&county, &path, json!({ "purpose": "核对社保参保信息" }), &key).await.expect(200);
        assert_ne!(again.body["reading_id"], reading.body["reading_id"], "nothing was stored to be replayed");

        let recorded = app.get(&county, &path).await.expect(200);
        let records = recorded.body["items"].as_array().unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0]["id"], reading.body["reading_id"]);
        assert_eq!(records[0]["purpose"], "核对社保参保信息");
        assert_eq!(records[0]["client_id"], county.client_id.to_string());
        assert_eq!(records[0]["request_id"], reading.header("x-request-id"));
        assert_eq!(events(&app, &county).await, 3, "the chain knows of each reading");
    }

    async fn an_identity_that_cannot_be_put_on_record_is_not_shown(app: TestApp) {
        let county = county(&app).await;
        let worker = register(&app, &county, person(1)).await;
        let lost = app.state.db.write(|connection| Ok(statement("drop table identity_read").run(connection)?));
        lost.await.unwrap();
        app.expect_faults();
        let path = format!("/v1/workers/{worker}/identity-readings");
        let refused = app.post(&county, &path, json!({ "purpose": "核对" })).await.expect(500).problem("internal_error");
        for field in ["name", "identity_number", "phone"] {
            assert!(!holds(&refused.bytes, person(1)[field].as_str().unwrap().as_bytes()));
        }
        assert_eq!(events(&app, &county).await, 1);
    }

    async fn an_erased_person_is_gone_and_cannot_be_found(app: TestApp) {
        let county = county(&app).await;
        let mut sent = person(1);
        sent["groups"] = json!([{ "group_code": "lifted", "valid_from": "2014-12-31", "source": "甲" }]);
        let worker = register(&app, &county, sent.clone()).await;
        let path = format!("/v1/workers/{worker}");
        let erasure = json!({ "reason": "person_request" });
        app.post(&county, &format!("{path}/erasure"), json!({ "reason": "张三要求" })).await.expect(422);
        let erased = app.post(&county, &format!("{path}/erasure"), erasure.clone()).await.expect(200);
        assert_eq!(erased.body["state"], "erased");
        for field in ["masked_name", "masked_identity_number", "masked_phone", "partner_ref", "birth_year"] {
            assert_eq!(erased.body[field], Value::Null, "{field}");
        }
        assert_eq!((&erased.body["sex"], &erased.body["groups"]), (&json!("unknown"), &json!([])));
        let left = app.state.db.read(move |connection| {
            let columns = statement(
                "select cast(count(*) as bigint) from worker where id = ? and (name_sealed is not null or identity_sealed is not null \
                 or phone_sealed is not null or identity_index is not null or exchange_index is not null or name_index is not null)",
            );
            Ok(columns.bind(worker).returning::<BigInt>().get_result::<i64>(connection)?)
        });
        assert_eq!(left.await.unwrap(), 0);
        assert_eq!(facts(&app, &county, vec![WorkerRef::Id(worker), WorkerRef::PartnerRef("SY-000001".into())], "2026-03-02").await, [None, None]);
        let search = json!({ "identity_number": sent["identity_number"] });
        assert_eq!(app.post(&county, "/v1/worker-searches", search).await.expect(200).body["items"], json!([]));
        app.post(&county, &format!("{path}/erasure"), erasure).await.expect(409).problem("worker_erased");
        app.post(&county, &format!("{path}/identity-readings"), json!({ "purpose": "核对" })).await.expect(409).problem("worker_erased");
        app.patch(&county, &path, erased.etag(), json!({ "phone": null })).await.expect(409).problem("worker_erased");
        assert_eq!(app.get(&county, &format!("{path}/identity-readings")).await.expect(200).body["items"], json!([]));
        let anew = register(&app, &county, sent).await;
        assert_ne!(anew, worker);
        let listed = app.get(&county, "/v1/workers?state=erased").await.expect(200);
        assert_eq!(listed.body["items"][0]["id"], worker.to_string());
    }

    async fn whoever_has_an_open_placement_is_not_erased_and_another_county_learns_nothing_of_it(app: TestApp) {
        let scene = Scene::in_force(app.clone()).await;
        let (quota, workers, dispatch) = (scene.quota(5).await, scene.workers(0, 2).await, scene.dispatch().await);
        let receipts = scene.enrol(&dispatch, &quota, &workers).await.expect(207);
        let erasure = json!({ "reason": "purpose_met" });
        let path = format!("/v1/workers/{}/erasure", workers[0]);
        let refused = app.post(&scene.origin, &path, erasure.clone()).await.expect(409).problem("transition_not_allowed");
        assert_eq!(refused.body["allowed_actions"], json!(["change"]));

        let other = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let theirs = scene::register(&app, &other, 0, 1).await;
        app.post(&other, &format!("/v1/workers/{}/erasure", theirs[0]), erasure.clone()).await.expect(200);

        let placement = receipts.text("/results/0/id");
        let cancellation = scene.path(&format!("/placements/{placement}/cancellation"));
        app.post(&scene.origin, &cancellation, json!({})).await.expect(200);
        app.post(&scene.origin, &path, erasure).await.expect(200);
        let kept = app.get(&scene.origin, &scene.path(&format!("/placements/{placement}"))).await.expect(200);
        assert_eq!(kept.body["worker_id"], json!(workers[0]), "the placement stays");
        let again = scene.enrol(&dispatch, &quota, &workers[..1]).await.expect(207);
        assert_eq!(counts(&again), [0, 0, 1], "an erased person cannot be sent");
    }

    async fn names_and_numbers_never_leave_the_sealed_columns_in_clear(app: TestApp) {
        let county = county(&app).await;
        let other = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        let canary = json!({
            "name": "欧阳金丝雀", "identity_number": scene::identity_number(9_997), "phone": "17799988877", "hukou_code": "430523",
        });
        let mut replies = Vec::new();
        replies.push(app.post(&county, "/v1/workers", canary.clone()).await.expect(201));
        let worker = replies[0].id();
        let path = format!("/v1/workers/{worker}");
        replies.push(app.post(&county, "/v1/workers", canary.clone()).await.expect(409));
        replies.push(app.post(&other, "/v1/worker-batches", json!({ "rows": [canary.clone(), canary.clone(), person(1)] })).await.expect(207));
        for (field, value) in [("phone", json!("17799988877 17799988876")), ("hukou_code", json!("999999")), ("partner_ref", canary["identity_number"].clone())] {
            let mut faulty = canary.clone();
            faulty[field] = value;
            replies.push(app.post(&county, "/v1/worker-batches", json!({ "rows": [faulty.clone()] })).await.expect(207));
            replies.push(app.post(&county, "/v1/workers", faulty).await.expect(422));
        }
        let mistyped = canary["identity_number"].as_str().unwrap().replacen("430523", "430524", 1);
        replies.push(app.post(&county, "/v1/worker-searches", json!({ "identity_number": mistyped })).await.expect(422));
        replies.push(app.post(&county, "/v1/worker-searches", json!({ "identity_number": canary["identity_number"] })).await.expect(200));
        replies.push(app.patch(&county, &path, "\"1\"", json!({ "phone": "17799988876" })).await.expect(200));
        replies.push(app.patch(&county, &path, "\"2\"", json!({ "phone": canary["phone"] })).await.expect(200));
        app.post(&county, &format!("{path}/identity-readings"), json!({ "purpose": "核对" })).await.expect(200);
        replies.push(app.get(&county, &format!("{path}/identity-readings")).await);
        replies.push(app.get(&county, "/v1/workers").await.expect(200));
        replies.push(app.get(&county, &path).await.expect(200));
        replies.push(app.get(&county, "/v1/events").await);
        let stored = everything_stored(&app).await;
        for field in ["name", "identity_number", "phone"] {
            for spelling in spellings(canary[field].as_str().unwrap()) {
                for reply in &replies {
                    let headers = format!("{:?}", reply.headers);
                    assert!(!holds(&reply.bytes, &spelling) && !holds(headers.as_bytes(), &spelling), "{}: {field}", reply.about);
                }
                assert!(!holds(&stored, &spelling), "{field} in the database");
            }
        }
        assert!(holds(&stored, county.name.as_bytes()), "the scan sees what is stored");
        // Whoever holds a plain hash of a body or a number finds the number by trying all.
        let search = json!({ "identity_number": canary["identity_number"] }).to_string();
        let number = canary["identity_number"].as_str().unwrap().to_owned();
        for hashed in [format!("application/json\0{canary}"), format!("application/json\0{search}"), canary.to_string(), search, number] {
            let hash = Sha256::digest(&hashed);
            let found = holds(&stored, &hash) || holds(&stored, hex::encode(hash).as_bytes());
            assert!(!found, "a plain hash is stored: {hashed}");
        }
    }
}

/// Plain, hexadecimal in both cases, base64, URL, UTF-16 and backwards.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let backwards: String = text.chars().rev().collect();
    let standard = BASE64_STANDARD.encode(text);
    vec![
        text.as_bytes().to_vec(),
        hex::encode(text).into_bytes(),
        hex::encode_upper(text).into_bytes(),
        standard.trim_end_matches('=').as_bytes().to_vec(),
        BASE64_URL_SAFE_NO_PAD.encode(text).into_bytes(),
        text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat().into_bytes(),
        utf16,
        backwards.into_bytes(),
    ]
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Every byte of the SQLite files, or every row of every table of PostgreSQL as text.
async fn everything_stored(app: &TestApp) -> Vec<u8> {
    if let Location::Sqlite(path) = app.state.db.location() {
        let files = ["", "-wal", "-shm"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
        return files.concat();
    }
    let dump = app.state.db.read(|connection| {
        let tables: Vec<String> =
            statement("select cast(table_name as text) from information_schema.tables where table_schema = 'public'")
                .returning::<Text>()
                .load(connection)?;
        let mut dump = String::new();
        for table in tables {
            let text = statement(format!("select coalesce(string_agg(cast(t as text), '|'), '') from {table} t"));
            dump.push_str(&text.returning::<Text>().get_result::<String>(connection)?);
        }
        Ok(dump.into_bytes())
    });
    dump.await.unwrap()
}
