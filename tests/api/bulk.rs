//! Many rows in one call: three encodings, a verdict for each row, and the file that is too long for one answer.

use encoding_rs::GB18030;
use labour_exchange::bulk::records::Record;
use labour_exchange::error::Language;
use labour_exchange::events::Actor;
use labour_exchange::identity::Scope;
use labour_exchange::jobs::{receiving, work};
use labour_exchange::workers::batch_command::RegisterWorkers;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number, name};
use crate::support::{Reply, TestApp, TestParty};

const WORKERS: &str = "/v1/worker-batches";

fn worker(n: usize) -> Value {
    json!({ "name": name(n), "identity_number": identity_number(n), "hukou_code": "430523", "partner_ref": format!("SY-{n:05}") })
}

fn ndjson(rows: impl IntoIterator<Item = Value>) -> String {
    rows.into_iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat()
}

fn csv(workers: impl IntoIterator<Item = usize>) -> String {
    let rows = workers.into_iter().map(|n| format!("SY-{n:05},{},{},430523\r\n", name(n), identity_number(n)));
    format!("对方编号,姓名,身份证号码,户籍地代码\r\n{}", rows.collect::<String>())
}

async fn send(app: &TestApp, party: &TestParty, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Reply {
    app.call("POST", path).by(party).fresh_key().bytes(media_type, body).send().await
}

async fn origin(app: &TestApp) -> TestParty {
    app.party("邵阳县人力资源和社会保障局", "authority", "430523").await
}

/// Gives jobs their turn until none waits.
async fn work_off(app: &TestApp) {
    while work::turn(&app.state).await.unwrap() {}
}

fn statuses(reply: &Reply) -> Vec<String> {
    let results = reply.body["results"].as_array().unwrap();
    results.iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
}

async fn count_of_workers(app: &TestApp, party: &TestParty) -> usize {
    let (mut count, mut path) = (0, "/v1/workers?limit=200".to_owned());
    loop {
        let page = app.get(party, &path).await.expect(200);
        count += page.body["items"].as_array().unwrap().len();
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/workers?limit=200&cursor={cursor}"),
            None => return count,
        }
    }
}

on_both! {
    async fn three_encodings_take_the_same_rows(app: TestApp) {
        let party = origin(&app).await;
        let csv_text = csv(1..4);
        let (gb, _, _) = GB18030.encode(&csv_text);
        let files: [(&str, Vec<u8>); 6] = [
            ("application/json", json!({ "rows": (1..4).map(worker).collect::<Vec<_>>() }).to_string().into()),
            ("application/x-ndjson", ndjson((1..4).map(worker)).into()),
            ("application/jsonl", ndjson((1..4).map(worker)).into()),
            ("text/csv", csv_text.clone().into()),
            ("text/csv; charset=utf-8", format!("\u{feff}{csv_text}").into()),
            ("text/csv", gb.into_owned()),
        ];
        let mut ids: Option<Vec<Value>> = None;
        for (media_type, file) in files {
            let reply = send(&app, &party, WORKERS, media_type, file).await.expect(207);
            let expected = if ids.is_none() { "accepted" } else { "unchanged" };
            assert_eq!(statuses(&reply), [expected; 3], "{media_type}: {}", reply.body);
            let now: Vec<Value> = reply.body["results"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
            assert_eq!(*ids.get_or_insert_with(|| now.clone()), now, "{media_type}: the same people");
        }
        let declared = send(&app, &party, WORKERS, "text/csv; charset=gb18030", csv(1..4)).await;
        assert_ne!(declared.status, 200, "UTF-8 that is said to be GB18030 is not taken for people");
        assert_eq!(count_of_workers(&app, &party).await, 3);
    }
}

on_both! {
    async fn a_row_that_cannot_be_read_does_not_stop_the_others(app: TestApp) {
        let party = origin(&app).await;
        let lines = [
            worker(1).to_string(),
            "{\"name\": \"张三\"".to_owned(),
            String::new(),
            json!({ "name": 7, "identity_number": identity_number(2), "hukou_code": "430523" }).to_string(),
            json!({ "name": name(3), "hukou_code": "430523" }).to_string(),
            worker(4).to_string(),
            json!({ "name": "长".repeat(300), "identity_number": identity_number(5), "hukou_code": "430523" }).to_string(),
        ];
        let reply = send(&app, &party, WORKERS, "application/x-ndjson", lines.join("\n")).await.expect(207);
        assert_eq!(statuses(&reply), ["accepted", "rejected", "rejected", "rejected", "accepted", "rejected"]);
        let told = |row: usize| {
            let row = &reply.body["results"][row];
            (row["line"].clone(), row["errors"][0]["pointer"].clone(), row["errors"][0]["code"].clone())
        };
        assert_eq!(told(1), (json!(2), json!("#/rows/1"), json!("json_invalid")));
        assert_eq!(told(2), (json!(4), json!("#/rows/2/name"), json!("type_invalid")));
        assert_eq!(told(3), (json!(5), json!("#/rows/3/identity_number"), json!("field_missing")));
        assert_eq!(told(5), (json!(7), json!("#/rows/5/name"), json!("length")), "{}", reply.body);

        let file =
            format!("姓名,身份证号码,户籍地代码,年龄\n{},{},430523,36\n李四,,430523,1,2\n", name(9), identity_number(9));
        let reply = send(&app, &party, WORKERS, "text/csv", file).await.expect(207);
        assert_eq!(statuses(&reply), ["accepted", "rejected"]);
        assert_eq!(reply.body["unknown_columns"], json!(["年龄"]), "a heading nobody knows is told, not refused");
        assert_eq!(reply.body["results"][1]["errors"][0]["code"], "too_many_cells");
    }
}

on_both! {
    async fn what_is_wrong_with_the_file_is_one_fault(app: TestApp) {
        let party = origin(&app).await;
        let file = "姓名,对方编号\n张三,1\n李四,2\n";
        let reply = send(&app, &party, WORKERS, "text/csv", file).await.expect(422).problem("field_missing");
        let errors = reply.body["errors"].as_array().unwrap();
        let columns: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(columns, ["#/headings/identity_number", "#/headings/hukou_code"]);
        let chinese = app.call("POST", WORKERS).by(&party).fresh_key().header("accept-language", "zh-CN");
        let reply = chinese.bytes("text/csv", file).send().await.expect(422);
        assert!(reply.text("/errors/0/detail").contains("身份证号码"), "{}", reply.body);
        for (media_type, body) in
            [("text/csv", ""), ("text/csv", "姓名,身份证号码,户籍地代码\n\n"), ("application/x-ndjson", " \n")]
        {
            send(&app, &party, WORKERS, media_type, body).await.expect(422).problem("field_invalid");
        }
        send(&app, &party, WORKERS, "text/csv; charset=big5", "姓名\n").await.expect(415);
        send(&app, &party, WORKERS, "text/plain", "姓名\n").await.expect(415);
        assert_eq!(count_of_workers(&app, &party).await, 0);
    }
}

/// A quota of three places, a dispatch, and a roster of four workers and one nobody knows.
async fn scene_with_roster(app: TestApp) -> (Scene, String, Vec<Value>) {
    let scene = Scene::in_force(app).await;
    let quota = scene.quota(3).await;
    let mut workers = scene.workers(1, 4).await;
    workers.insert(2, "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50".to_owned());
    let dispatch = scene.dispatch().await;
    let path = scene.path(&format!("/dispatches/{dispatch}/roster"));
    let rows = workers.iter().map(|worker| json!({ "worker_id": worker, "quota_id": quota })).collect();
    (scene, path, rows)
}

on_both! {
    async fn validation_gives_the_verdicts_of_the_real_call_and_writes_nothing(app: TestApp) {
        let (scene, path, rows) = scene_with_roster(app).await;
        let quota = rows[0]["quota_id"].as_str().unwrap().to_owned();
        let balance = scene.balance(&quota).await;
        let events = scene.app.get(&scene.origin, "/v1/events").await.body["next_after"].clone();
        let tried = send(
            &scene.app,
            &scene.origin,
            &format!("{path}?validate_only=true"),
            "application/x-ndjson",
            ndjson(rows.clone()),
        )
        .await
        .expect(207);
        assert_eq!((&tried.body["applied"], &tried.body["accepted"]), (&json!(false), &json!(3)), "{}", tried.body);
        assert!(tried.body["results"][0]["id"].is_null(), "what was not written has no id");
        assert_eq!(scene.balance(&quota).await, balance);
        assert_eq!(scene.app.get(&scene.origin, "/v1/events").await.body["next_after"], events);
        let real = scene.app.post(&scene.origin, &path, json!({ "rows": rows })).await.expect(207);
        assert_eq!(statuses(&tried), statuses(&real));
        let errors = |reply: &Reply| -> Vec<Value> {
            reply.body["results"].as_array().unwrap().iter().map(|row| row["errors"].clone()).collect()
        };
        assert_eq!(errors(&tried), errors(&real), "the same words about the same rows");
        assert_eq!(real.body["applied"], true);
    }
}

on_both! {
    async fn all_or_none_is_for_the_sender_to_choose(app: TestApp) {
        let (scene, path, rows) = scene_with_roster(app).await;
        let quota = rows[0]["quota_id"].as_str().unwrap().to_owned();
        let atomic = format!("{path}?atomic=true");
        let reply = scene.app.post(&scene.origin, &atomic, json!({ "rows": rows })).await.expect(207);
        assert_eq!(statuses(&reply), ["skipped", "skipped", "rejected", "skipped", "rejected"], "{}", reply.body);
        assert_eq!((&reply.body["applied"], &reply.body["skipped"]), (&json!(false), &json!(3)));
        assert_eq!(scene.balance(&quota).await, (0, 0, 3), "nobody holds a place");
        let good: Vec<Value> = [0, 1, 3].map(|at| rows[at].clone()).into();
        let reply = scene.app.post(&scene.origin, &atomic, json!({ "rows": good })).await.expect(207);
        assert_eq!((&reply.body["applied"], &reply.body["accepted"]), (&json!(true), &json!(3)));
        assert_eq!(scene.balance(&quota).await, (3, 0, 0));
    }
}

on_both! {
    async fn a_long_file_becomes_a_job_whose_rows_are_all_accounted_for(app: TestApp) {
        let party = origin(&app).await;
        let mut rows: Vec<Value> = (0..5_004).map(worker).collect();
        rows[10]["identity_number"] = json!("430523199003079986");
        rows[5_001]["hukou_code"] = json!("999999");
        rows[5_002] = rows[20].clone();
        let reply = send(&app, &party, WORKERS, "application/x-ndjson", ndjson(rows)).await.expect(202);
        assert_eq!((&reply.body["state"], &reply.body["row_count"]), (&json!("queued"), &json!(5_004)));
        let path = reply.header("location").to_owned();
        assert!(!reply.header("retry-after").is_empty());
        assert_eq!(path, format!("/v1/jobs/{}", reply.id()));
        work_off(&app).await;
        let job = app.get(&party, &path).await.expect(200).body;
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!((&job["processed_rows"], &job["rejected_rows"]), (&json!(5_004), &json!(2)), "{job}");
        assert_eq!((&job["accepted_rows"], &job["unchanged_rows"]), (&json!(5_001), &json!(1)), "{job}");
        let rejected = app.get(&party, &format!("{path}/results?status=rejected")).await.expect(200).body;
        let places: Vec<(i64, &str)> = rejected["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["row"].as_i64().unwrap(), row["errors"][0]["pointer"].as_str().unwrap()))
            .collect();
        assert_eq!(places, [(11, "#/rows/10/identity_number"), (5_002, "#/rows/5001/hukou_code")]);
        let page = app.get(&party, &format!("{path}/results?limit=200")).await.expect(200).body;
        assert_eq!(page["items"].as_array().unwrap().len(), 200);
        let next = format!("{path}/results?limit=200&cursor={}", page["next_cursor"].as_str().unwrap());
        assert_eq!(app.get(&party, &next).await.expect(200).body["items"][0]["row"], 201);
        let events = app.get(&party, "/v1/events?types=job.finished").await.expect(200).body;
        assert_eq!(events["items"][0]["data"]["accepted_rows"], 5_001);
        let stranger = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        for path in [path.clone(), format!("{path}/results"), format!("{path}/rejected-rows")] {
            app.get(&stranger, &path).await.expect(404);
        }
        assert_eq!(app.get(&stranger, "/v1/jobs").await.expect(200).body["items"], json!([]));
    }
}

on_both! {
    async fn rejected_rows_come_back_in_the_senders_own_layout_to_be_mended(app: TestApp) {
        let party = origin(&app).await;
        let file = format!(
            "备注2,姓名,户籍地代码,身份证号码\r\n\"甲, 乙\",{},430523,{}\r\n无,{},999999,{}\r\n",
            name(1),
            identity_number(1),
            name(2),
            identity_number(2)
        );
        let call = app.call("POST", WORKERS).by(&party).fresh_key().header("prefer", "respond-async");
        let path = call.bytes("text/csv", file).send().await.expect(202).header("location").to_owned();
        work_off(&app).await;
        let reply = app.get(&party, &format!("{path}/rejected-rows")).await.expect(200);
        let text = String::from_utf8(reply.bytes.clone()).unwrap();
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines[0], "备注2,姓名,户籍地代码,身份证号码,result,error_code,error_message");
        assert!(lines[1].starts_with(&format!("无,{},999999,", name(2))), "{text}");
        assert!(lines[1].contains(",rejected,"), "{text}");
        assert_eq!(lines.len(), 2);
        let mended = text.replace("999999", "430523");
        let reply = send(&app, &party, WORKERS, "text/csv", mended).await.expect(207);
        assert_eq!(statuses(&reply), ["accepted"], "{}", reply.body);
        assert_eq!(count_of_workers(&app, &party).await, 2);
    }
}

on_both! {
    async fn a_cancelled_job_does_nothing_more_and_a_failed_one_says_why(app: TestApp) {
        let (scene, path, rows) = scene_with_roster(app).await;
        let (app, party) = (&scene.app, &scene.origin);
        let begin = async || {
            let call = app.call("POST", &path).by(party).fresh_key().header("prefer", "respond-async");
            call.json(&json!({ "rows": rows })).send().await.expect(202).header("location").to_owned()
        };
        let job = begin().await;
        let cancelled = app.post(party, &format!("{job}/cancellation"), json!({})).await.expect(200);
        assert_eq!(cancelled.body["state"], "cancelled");
        assert!(!work::turn(&app.state).await.unwrap(), "nothing waits");
        assert_eq!(app.get(party, &format!("{job}/results")).await.expect(200).body["items"], json!([]));
        app.post(party, &format!("{job}/cancellation"), json!({})).await.expect(409).problem("transition_not_allowed");

        let job = begin().await;
        let dispatch = path.strip_suffix("/roster").unwrap();
        app.post(party, &format!("{dispatch}/cancellation"), json!({})).await.expect(200);
        work_off(app).await;
        let job = app.get(party, &job).await.expect(200).body;
        assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("transition_not_allowed")), "{job}");
        app.call("POST", &path)
            .by(party)
            .fresh_key()
            .header("prefer", "respond-async")
            .json(&json!({ "rows": rows }))
            .send()
            .await
            .expect(409)
            .problem("transition_not_allowed");
        let jobs = app.get(party, "/v1/jobs?state=failed,cancelled&kind=roster").await.expect(200).body;
        assert_eq!(jobs["items"].as_array().unwrap().len(), 2, "what could be refused at once became no job");
    }
}

on_both! {
    async fn a_job_that_lost_its_server_is_finished_by_another_without_a_doubled_row(app: TestApp) {
        let party = origin(&app).await;
        let rows = ndjson((0..6_000).map(worker));
        let path =
            send(&app, &party, WORKERS, "application/x-ndjson", rows).await.expect(202).header("location").to_owned();
        let mut lost = 0;
        loop {
            // The server is gone in the middle of a step: its future is dropped wherever it stands.
            let patience = std::time::Duration::from_millis(40 + 90 * lost);
            match tokio::time::timeout(patience, work::turn(&app.state)).await {
                Err(_) => {
                    lost += 1;
                    let other = app.another_instance(|_| {}).await;
                    assert!(!work::turn(&other.state).await.unwrap(), "while the lease lasts nobody else touches the job");
                    let later = app.state.clock.now().plus_seconds(121);
                    assert!(app.state.clock.set(later));
                }
                Ok(worked) => {
                    if !worked.unwrap() {
                        break;
                    }
                }
            }
        }
        assert!(lost > 0, "the server was lost at least once");
        let job = app.get(&party, &path).await.expect(200).body;
        assert_eq!((&job["state"], &job["processed_rows"]), (&json!("succeeded"), &json!(6_000)), "{job}");
        assert_eq!(job["accepted_rows"], 6_000, "no row twice: a second time it would be unchanged");
        assert_eq!(count_of_workers(&app, &party).await, 6_000);
    }
}

on_both! {
    async fn a_file_sent_twice_is_one_job_and_a_cut_one_leaves_nothing(app: TestApp) {
        let party = origin(&app).await;
        let again = || {
            let call = app.call("POST", WORKERS).by(&party).header("idempotency-key", "one-file-one-job");
            call.header("prefer", "respond-async").bytes("text/csv", csv(1..20)).send()
        };
        let (first, second) = (again().await.expect(202), again().await.expect(202));
        assert_eq!((first.id(), second.header("idempotency-replayed")), (second.id(), "true"));
        let other = app.call("POST", WORKERS).by(&party).header("idempotency-key", "one-file-one-job");
        let other = other.header("prefer", "respond-async").bytes("text/csv", csv(1..21)).send().await;
        other.expect(422).problem("idempotency_key_reused");

        let actor = Actor {
            scope: Scope { party_id: party.id, client_id: party.client_id },
            request_id: None,
            now: app.state.clock.now(),
        };
        let form = labour_exchange::bulk::parsing::Form::Ndjson;
        let command = RegisterWorkers {};
        let mut cut = receiving::begin(&app.state, &actor, &command, (&form, Language::English)).await.unwrap();
        let records = (0..1_500).map(|n| Record { line: n + 1, text: worker(n).to_string() }).collect();
        cut.put(records).await.unwrap();
        let receiving = app.get(&party, "/v1/jobs?state=receiving").await.expect(200).body;
        assert_eq!(receiving["items"].as_array().unwrap().len(), 1);
        // The process itself went away: nobody takes the rows back but the sweep.
        std::mem::forget(cut);
        app.state.clock.set(actor.now.plus_seconds(301));
        work::sweep(&app.state).await.unwrap();
        let jobs = app.get(&party, "/v1/jobs").await.expect(200).body;
        assert_eq!(jobs["items"].as_array().unwrap().len(), 1, "{jobs}");
        work_off(&app).await;
        assert_eq!(count_of_workers(&app, &party).await, 19);
        app.state.clock.set(actor.now.plus_days(31));
        assert_eq!(work::sweep(&app.state).await.unwrap(), 1, "what is over is kept for 30 days");
        assert_eq!(app.get(&party, "/v1/jobs").await.expect(200).body["items"], json!([]));
    }
}

on_both! {
    async fn what_is_meant_for_a_short_call_is_refused_for_a_long_file(app: TestApp) {
        let party = origin(&app).await;
        let rows = ndjson((0..5_001).map(worker));
        let path = format!("{WORKERS}?validate_only=true");
        send(&app, &party, &path, "application/x-ndjson", rows).await.expect(422).problem("too_many_rows");
        assert_eq!(app.get(&party, "/v1/jobs").await.expect(200).body["items"], json!([]));
    }
}
