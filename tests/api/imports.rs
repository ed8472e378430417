//! Files as people have them: what a county clerk or an employer sends comes to the same as the calls of the API, and comes back.

mod bombs;
mod exports;
mod orders;

use std::fmt::Write;

use labour_exchange::http::export::XLSX;
use labour_exchange::interchange::applying::{Tools, step};
use labour_exchange::interchange::reading::{self, Cell, FileFormat};
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number, name};
use crate::support::{Reply, TestApp, TestParty};

/// Sends a file; `query` begins with `?` or is empty.
pub async fn send(app: &TestApp, party: &TestParty, query: &str, media_type: &str, bytes: impl Into<Vec<u8>>) -> Reply {
    app.call("POST", &format!("/v1/imports{query}")).by(party).fresh_key().bytes(media_type, bytes).send().await
}

/// The import's counts: accepted, unchanged, rejected, skipped.
fn counts(import: &Value) -> [i64; 4] {
    ["accepted", "unchanged", "rejected", "skipped_count"].map(|field| import[field].as_i64().unwrap())
}

/// The rows of the list, each with number in the sheet, verdict and codes found.
async fn rows(app: &TestApp, party: &TestParty, import: &str) -> Vec<(i64, String, Vec<String>)> {
    let listed = app.get(party, &format!("/v1/imports/{import}/rows?limit=200")).await.expect(200);
    let codes = |row: &Value| -> Vec<String> {
        row["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    let items = listed.body["items"].as_array().unwrap().iter();
    items
        .filter(|row| row["kind"] == "data")
        .map(|row| (row["row"].as_i64().unwrap(), row["verdict"].as_str().unwrap().to_owned(), codes(row)))
        .collect()
}

async fn events(app: &TestApp, party: &TestParty) -> usize {
    app.get(party, "/v1/events?limit=200").await.expect(200).body["items"].as_array().unwrap().len()
}

/// A roster as a county has it: titles above, a sum and a note below, marks and spaces in the headings.
fn county_roster(people: std::ops::Range<usize>) -> String {
    let mut text = "邵阳县2026年务工人员花名册,,,,,\n填报单位：塘渡口镇,,,,,2026年3月\n 序 号,*姓　名,性别,身份证号（必填）,联系电话,家庭住址\n".to_owned();
    for n in people.clone() {
        let number = identity_number(n);
        let sex = if number.as_bytes()[16].is_multiple_of(2) { "女" } else { "男" };
        writeln!(text, "{},{},{sex},'{number},142{n:08},塘渡口镇{n}村", n + 1, name(n)).unwrap();
    }
    writeln!(text, "合计,{}人,,,,\n填表人：周建国,,,,审核人：刘伟,", people.len()).unwrap();
    text
}

on_both! {
    /// A county's own roster, in the encoding that Excel saves in China, becomes its register; sent again it changes nothing and no event is
    /// written.
    async fn a_county_roster_becomes_workers_and_the_same_file_changes_nothing(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let roster = county_roster(0..12);
        let (file, _, damaged) = encoding_rs::GB18030.encode(&roster);
        assert!(!damaged);
        let import = send(app, origin, "", "text/csv", file.to_vec()).await.expect(201);
        assert_eq!((import.text("/options/layout"), import.text("/state")), ("worker_roster".to_owned(), "applied".to_owned()));
        assert_eq!((counts(&import.body), import.text("/charset")), ([12, 0, 0, 5], "gb18030".to_owned()));
        let workers = app.get(origin, "/v1/workers").await.expect(200);
        assert_eq!(workers.body["items"].as_array().unwrap().len(), 12);
        assert_eq!(workers.text("/items/0/hukou_code"), "430523");
        let before = events(app, origin).await;
        let again = send(app, origin, "", "text/csv; charset=gbk", file.to_vec()).await.expect(201);
        assert_eq!((counts(&again.body), again.text("/state")), ([0, 12, 0, 5], "applied".to_owned()));
        assert_eq!(events(app, origin).await, before, "what changes nothing is no event");
        let changed = county_roster(0..12).replace("14200000003", "14299990003");
        let changed = send(app, origin, "", "text/csv", changed).await.expect(201);
        assert_eq!(counts(&changed.body), [1, 11, 0, 5]);
    }

    /// Rows that cannot be taken are told with code and cell, the others are taken, and the file comes back with the words beside each row.
    async fn what_cannot_be_taken_is_said_with_its_cell_and_the_file_comes_back(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let mut workbook = Workbook::new();
        for (sheet, first) in [("塘渡口镇", 0), ("白仓镇", 10)] {
            let sheet = workbook.add_worksheet().set_name(sheet).unwrap();
            sheet.write_string(0, 0, "务工人员花名册").unwrap();
            for (column, heading) in (0..).zip(["电话", "姓名", "公民身份号码", "备注"]) {
                sheet.write_string(1, column, heading).unwrap();
            }
            sheet.write_string(2, 0, "14200000001/14200000002").unwrap();
            sheet.write_string(2, 1, name(first)).unwrap();
            sheet.write_string(2, 2, identity_number(first)).unwrap();
            sheet.write_string(3, 1, name(first + 1)).unwrap();
            sheet.write_number(3, 2, 430_523_199_003_079_985.0).unwrap();
            sheet.write_string(4, 1, name(first + 2)).unwrap();
            sheet.write_string(4, 2, "430523********9985").unwrap();
            sheet.write_string(5, 1, name(first)).unwrap();
            sheet.write_string(5, 2, identity_number(first)).unwrap();
            sheet.write_string(6, 1, name(first + 3)).unwrap();
            sheet.write_string(7, 2, identity_number(first + 4)).unwrap();
        }
        let file = workbook.save_to_buffer().unwrap();
        let import = send(app, origin, "", XLSX, file).await.expect(201);
        assert_eq!(counts(&import.body), [2, 0, 10, 4], "{}", import.body);
        let found = rows(app, origin, &import.id()).await;
        let codes: Vec<&str> = found.iter().filter_map(|(_, _, codes)| codes.first()).map(String::as_str).collect();
        let of_a_sheet = ["phone_first_taken", "identity_number_damaged", "identity_number_masked", "R15", "identity_number_missing", "name_missing"];
        assert_eq!(codes, of_a_sheet.repeat(2), "{found:?}");
        let listed = app.get(origin, &format!("/v1/imports/{}/rows?verdict=rejected", import.id())).await.expect(200);
        assert_eq!((listed.text("/items/0/sheet"), listed.text("/items/0/findings/0/cell")), ("塘渡口镇".to_owned(), "C4".to_owned()));
        let file = app.get(origin, &format!("/v1/imports/{}/file", import.id())).await.expect(200);
        let back = reading::read(&file.bytes, FileFormat::Xlsx, None).unwrap();
        let names: Vec<&str> = back.sheets.iter().map(|sheet| sheet.name.as_str()).collect();
        assert_eq!(names, ["塘渡口镇", "白仓镇"]);
        let row = |number: usize| back.sheets[1].rows.iter().find(|row| row.number == number).unwrap();
        assert_eq!(row(2).cells[4..], [Cell::Text("校验结果".to_owned()), Cell::Text("差异说明".to_owned())]);
        assert_eq!(row(3).cells[2], Cell::Text(identity_number(10)));
        assert_eq!(row(4).cells[2], Cell::Text("4.30523E+17".to_owned()), "a number that is lost stays lost, as text");
        assert_eq!(row(4).cells[4], Cell::Text("已拒绝".to_owned()));
        assert!(row(4).cells[5].shown().starts_with("C4："), "{:?}", row(4).cells);
        let sent_again = send(app, origin, "?layout=worker_roster", XLSX, file.bytes.clone()).await.expect(201);
        assert_eq!(counts(&sent_again.body), [0, 2, 10, 4], "the added columns are no harm");
    }

    /// A trial writes nothing and says what the real run says afterwards.
    async fn a_trial_leaves_no_trace_and_says_what_the_real_run_says(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        scene.workers(3, 2).await;
        let before = (events(app, origin).await, app.get(origin, "/v1/workers").await.body["items"].as_array().unwrap().len());
        let file = county_roster(0..6).replace(&identity_number(5), "430523199003079980");
        let trial = send(app, origin, "?validate_only=true", "text/csv", file).await.expect(201);
        assert_eq!(trial.text("/state"), "checked");
        let foreseen = rows(app, origin, &trial.id()).await;
        let after = (events(app, origin).await, app.get(origin, "/v1/workers").await.body["items"].as_array().unwrap().len());
        assert_eq!(before, after);
        let apply = format!("/v1/imports/{}/apply", trial.id());
        app.post_with(origin, &apply, json!({}), &[("if-match", "\"99\"")]).await.problem("precondition_failed");
        let applied = app.post(origin, &apply, json!({})).await.expect(200);
        assert_eq!(applied.text("/state"), "applied");
        assert_eq!(rows(app, origin, &trial.id()).await, foreseen);
        assert_eq!(counts(&applied.body), [5, 0, 1, 5]);
        assert_eq!(app.get(origin, "/v1/workers").await.body["items"].as_array().unwrap().len(), 5);
        app.post(origin, &apply, json!({})).await.problem("transition_not_allowed");
    }

    /// A door-to-door list registers its people and puts them on the roster of the dispatch, each against the post the row names.
    async fn a_door_to_door_list_goes_on_a_dispatch(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let quota = scene.quota(3).await;
        let dispatch = scene.dispatch().await;
        let mut file = "车次,姓名,身份证号,联系电话,接收企业,岗位\n".to_owned();
        for n in 0..5 {
            let post = if n == 1 { "焊工" } else { "普工" };
            writeln!(file, "湘E03,{},{},142{n:08},义乌小商品制造有限公司,{post}", name(n), identity_number(n)).unwrap();
        }
        send(app, origin, "", "text/csv", file.clone()).await.problem("parameter_invalid");
        let query = format!("?agreement_id={}&dispatch_id={dispatch}", scene.agreement);
        let import = send(app, origin, &query, "text/csv", file.clone()).await.expect(201);
        assert_eq!((import.text("/options/layout"), counts(&import.body)), ("point_to_point".to_owned(), [3, 0, 2, 1]));
        let found = rows(app, origin, &import.id()).await;
        assert!(found[1].2.contains(&"quota_unknown".to_owned()) && found[4].2.contains(&"places_exhausted".to_owned()), "{found:?}");
        assert_eq!(scene.balance(&quota).await, (3, 0, 0));
        let again = send(app, origin, &query, "text/csv", file).await.expect(201);
        assert_eq!(counts(&again.body), [0, 3, 2, 1]);
        let named = format!("{query}&quota_id={quota}");
        let foreign = send(app, &scene.destination, &named, "text/csv", county_roster(20..21)).await;
        foreign.problem("role_not_allowed");
        let stranger = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
        send(app, &stranger, &query, "text/csv", county_roster(20..21)).await.problem("not_found");
    }

    /// An employer's filing of hires confirms the arrivals; its wage ledger shows month by month who is still there.
    async fn a_filing_of_hires_confirms_arrivals_and_a_wage_ledger_shows_who_stays(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, employer) = (&scene.app, &scene.employer);
        scene.sent(0, 3).await;
        app.clock_set("2026-04-10");
        let under = format!("?agreement_id={}", scene.agreement);
        let mut filing = "身份证号码,姓名,民族,合同状态,合同始期,合同终期,月收入,工种(岗位)\n".to_owned();
        for (n, state) in [(0, "新签"), (1, "新签"), (2, "终止")] {
            writeln!(filing, "{},{},汉族,{state},2026.3.6,2027.3.5,5000-6000,普工", identity_number(n), name(n)).unwrap();
        }
        let import = send(app, employer, &under, "text/csv", filing.clone()).await.expect(201);
        assert_eq!((import.text("/options/layout"), counts(&import.body)), ("recruitment_filing".to_owned(), [2, 0, 1, 1]), "{}", import.body);
        let claims = app.get(employer, &scene.path("/claims")).await.expect(200).body;
        let claims = claims["items"].as_array().unwrap();
        assert!(claims.len() == 2 && claims.iter().all(|claim| claim["evidence"] == "e4" && claim["outcome"] == "onboarded"), "{claims:?}");
        let again = send(app, employer, &under, "text/csv", filing).await.expect(201);
        assert_eq!(counts(&again.body), [0, 2, 1, 1]);
        let mut ledger = "工资支付台账\n单位名称,工资月份,姓名,身份证号码,应发工资,实发工资\n".to_owned();
        for n in 0..3 {
            writeln!(ledger, "义乌小商品制造有限公司,2026年3月,{},{},5600,{}.50", name(n), identity_number(n), 5200 + n).unwrap();
        }
        ledger.push_str("合计,,,,,15603\n");
        let import = send(app, employer, &under, "text/csv", ledger.clone()).await.expect(201);
        assert_eq!((import.text("/options/layout"), counts(&import.body)), ("wage_ledger".to_owned(), [2, 0, 1, 3]), "{}", import.body);
        let seen = app.get(employer, &scene.path("/observations?limit=200")).await.expect(200).body;
        let wages: Vec<i64> = seen["items"].as_array().unwrap().iter().filter(|row| row["evidence"] == "e3").map(|row| row["monthly_wage_fen"].as_i64().unwrap()).collect();
        assert_eq!(wages, [520_050, 520_150]);
        let again = send(app, employer, &under, "text/csv", ledger).await.expect(201);
        assert_eq!(counts(&again.body), [0, 2, 1, 3]);
    }

    /// A demand table becomes draft quotas of registered employers; a row that names conditions which must not be published is told so.
    async fn a_demand_table_becomes_quotas(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, destination) = (&scene.app, &scene.destination);
        let file = "东西部劳务协作岗位对接报表\n序号,地区,企业名称,岗位名称,招聘人数,薪资待遇,性别要求,学历要求,联系电话\n\
            1,浙江义乌,义乌小商品制造有限公司,普工,30人,5000-6000,不限,初中,14200000001\n\
            2,浙江义乌,义乌小商品制造有限公司,缝纫工,20,面议,女,不限,14200000001\n\
            3,浙江义乌,没有登记的工厂,普工,20,5千,,,\n\
            4,浙江义乌,义乌小商品制造有限公司,质检,,0.5万,,,\n\
            注：以上岗位均包吃住，有意者请与企业联系\n";
        let under = format!("?agreement_id={}", scene.agreement);
        let import = send(app, destination, &under, "text/csv", file).await.expect(201);
        assert_eq!((import.text("/options/layout"), counts(&import.body)), ("job_demand".to_owned(), [2, 0, 2, 3]), "{}", import.body);
        let found = rows(app, destination, &import.id()).await;
        let codes: Vec<&[String]> = found.iter().map(|(_, _, codes)| codes.as_slice()).collect();
        assert_eq!(codes, [vec![], vec!["condition_not_published".to_owned()], vec!["employer_unknown".to_owned()], vec!["places_missing".to_owned()]]);
        let quotas = app.get(destination, &scene.path("/quotas")).await.expect(200).body;
        let first = &quotas["items"][0];
        assert_eq!((&first["state"], &first["requested_places"], &first["monthly_wage_max_fen"]), (&json!("draft"), &json!(30), &json!(600_000)));
        assert_eq!((&first["region_code"], &first["valid_until"]), (&json!("330782"), &json!("2026-12-31")));
        let again = send(app, destination, &under, "text/csv", file).await.expect(201);
        assert_eq!(counts(&again.body), [0, 2, 2, 3]);
        send(app, &scene.origin, &under, "text/csv", file).await.problem("role_not_allowed");
    }

    /// A list of those paid a subsidy without identity numbers is read and sent back: a name alone never tells who somebody is.
    async fn a_name_alone_never_tells_who_somebody_is(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let file = "姓名,性别,年龄,务工时间,务工地点,务工单位,金额\n张三,男,36,2026.2-2026.3,浙江义乌,厂,400\n";
        let query = format!("?agreement_id={}", scene.agreement);
        let import = send(&scene.app, &scene.origin, &query, "text/csv", file).await.expect(201);
        assert_eq!((import.text("/options/layout"), import.text("/state")), ("subsidy_list".to_owned(), "rejected".to_owned()));
        assert_eq!(rows(&scene.app, &scene.origin, &import.id()).await[0].2, ["identity_number_missing"]);
    }

    /// A large file goes on after the answer as a job; what is cut off between or within steps leaves no row twice and none out.
    async fn a_large_file_can_be_cut_off_anywhere(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let sent = send(app, origin, "?validate_only=true", "text/csv", county_roster(0..2_100)).await.expect(202);
        let import = settled(app, origin, &sent.id()).await;
        assert_eq!((&import["state"], counts(&import)), (&json!("checked"), [2_100, 0, 0, 5]));
        let id = labour_exchange::db::Id::parse(&sent.id()).unwrap();
        let scope = labour_exchange::identity::Scope { party_id: origin.id, client_id: origin.client_id };
        let (keys, judge, now) = (app.state.keys.clone(), app.state.judge, app.state.clock.now());
        let applying = app.post(origin, &format!("/v1/imports/{id}/apply"), json!({})).await.expect(202).body;
        assert_eq!(applying["state"], "applying");
        // A step that is killed before its commit, behind one that stands.
        for stands in [true, false, true] {
            let keys = keys.clone();
            let cut = app.state.db.write(move |connection| {
                step(connection, Tools { keys: &keys, judge, now }, scope, id)?;
                if stands { Ok(()) } else { Err(labour_exchange::error::Error::internal("the power went away")) }
            });
            assert_eq!(cut.await.is_ok(), stands);
        }
        let import = app.get(origin, &format!("/v1/imports/{id}")).await.expect(200).body;
        assert_eq!((&import["state"], &import["done_count"]), (&json!("applying"), &json!(2_000)));
        app.post(origin, &format!("/v1/imports/{id}/apply"), json!({})).await.expect(202);
        let applied = settled(app, origin, &sent.id()).await;
        assert_eq!((&applied["state"], counts(&applied)), (&json!("applied"), [2_100, 0, 0, 5]));
        let jobs = app.get(origin, "/v1/jobs?kind=import").await.expect(200).body;
        let states: Vec<&Value> = jobs["items"].as_array().unwrap().iter().map(|job| &job["state"]).collect();
        assert_eq!(states, ["succeeded", "succeeded"], "one tried, one applied: {jobs}");
    }

    /// A large import that is cancelled stops where it is: what it has applied stands, and its rows go after 30 days like those of any other.
    async fn an_import_can_be_cancelled_and_goes_after_thirty_days(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let sent = send(app, origin, "", "text/csv", county_roster(0..1_100)).await.expect(202);
        let job = app.get(origin, "/v1/jobs?kind=import").await.expect(200).body["items"][0].clone();
        assert_eq!(job["about"]["import_id"], sent.id());
        let path = format!("/v1/jobs/{}/cancellation", job["id"].as_str().unwrap());
        assert_eq!(app.post(origin, &path, json!({})).await.expect(200).body["state"], "cancelled");
        let import = app.get(origin, &format!("/v1/imports/{}", sent.id())).await.expect(200).body;
        assert_eq!((&import["state"], &import["refusal"]), (&json!("rejected"), &json!("cancelled")));
        app.state.clock.set(app.state.clock.now().plus_days(31));
        labour_exchange::jobs::work::sweep(&app.state).await.unwrap();
        app.get(origin, &format!("/v1/imports/{}", sent.id())).await.problem("not_found");
        assert_eq!(app.get(origin, "/v1/imports").await.expect(200).body["items"], json!([]));
    }

    /// An import is its sender's own, and does nothing that its token may not do.
    async fn an_import_is_its_senders_own(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let import = send(app, origin, "?validate_only=true", "text/csv", county_roster(0..2)).await.expect(201).id();
        for path in ["", "/rows", "/file"] {
            app.get(&scene.destination, &format!("/v1/imports/{import}{path}")).await.problem("not_found");
        }
        app.post(&scene.destination, &format!("/v1/imports/{import}/apply"), json!({})).await.problem("not_found");
        let listed = app.get(&scene.destination, "/v1/imports").await.expect(200);
        assert_eq!(listed.body["items"], json!([]));
        let token = app.token(origin, &["imports.write"]);
        let weak = app.call("POST", "/v1/imports").bearer(&token).fresh_key().bytes("text/csv", county_roster(0..2)).send().await;
        assert_eq!(weak.problem("insufficient_scope").body["required_scope"], "workers.write");
        let weak = app.call("POST", &format!("/v1/imports/{import}/apply")).bearer(&token).fresh_key().json(&json!({})).send().await;
        weak.problem("insufficient_scope");
        let key = "the-same-key-0001";
        let keyed = async |query: &str| {
            let call = app.call("POST", &format!("/v1/imports{query}")).by(origin).header("idempotency-key", key);
            call.bytes("text/csv", county_roster(0..2)).send().await
        };
        let first = keyed("").await.expect(201);
        assert_eq!(keyed("").await.expect(201).body, first.body);
        keyed("?validate_only=true").await.problem("idempotency_key_reused");
        let found = app.get(origin, "/v1/imports?state=applied&target=workers").await.expect(200);
        assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    }

    /// No value of a cell stands readable in the database or in a finding.
    async fn the_cells_of_a_file_lie_sealed(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let file = county_roster(0..2).replace(&identity_number(1), "430523199003079980");
        let import = send(app, origin, "", "text/csv", file).await.expect(201);
        let told = app.get(origin, &format!("/v1/imports/{}/rows", import.id())).await.expect(200);
        for secret in [identity_number(0).as_str(), "430523199003079980", "14200000001"] {
            assert!(!String::from_utf8_lossy(&told.bytes).contains(secret), "{secret}");
        }
        let back = app.get(origin, &format!("/v1/imports/{}/file", import.id())).await.expect(200);
        let text = String::from_utf8(back.bytes).unwrap();
        assert!(text.starts_with('\u{feff}') && text.contains(&identity_number(0)) && text.contains("已接收"), "{text}");
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines[2].ends_with(",校验结果,差异说明") && lines[4].contains("已拒绝"), "{text}");
    }
}

/// The import once it is under way no more.
async fn settled(app: &TestApp, party: &TestParty, id: &str) -> Value {
    while labour_exchange::jobs::work::turn(&app.state).await.unwrap() {}
    let import = app.get(party, &format!("/v1/imports/{id}")).await.expect(200).body;
    assert!(!["received", "applying"].contains(&import["state"].as_str().unwrap()), "never settled: {import}");
    import
}

/// The sample file of a layout.
fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/examples/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn every_layout_has_a_sample_file_that_is_recognised_and_free_of_faults() {
    use labour_exchange::interchange::ImportRowKind;
    use labour_exchange::interchange::intake::take;
    use labour_exchange::interchange::layouts::catalogue::LAYOUTS;

    let today = labour_exchange::db::Day(jiff::civil::date(2026, 9, 1));
    for layout in LAYOUTS {
        let book = reading::read(&sample(&format!("{}.csv", layout.code)), FileFormat::Csv, None).unwrap();
        let taken = take(book, None, today, Some("430523".parse().unwrap())).unwrap();
        assert_eq!(taken.layout.code, layout.code);
        let data: Vec<_> = taken.rows.iter().filter(|row| row.kind == ImportRowKind::Data).collect();
        assert_eq!(data.len(), 8, "{}", layout.code);
        for row in data {
            let refused: Vec<_> = row.findings.iter().filter(|finding| finding.refuses()).collect();
            assert!(refused.is_empty(), "{}: {refused:?}", layout.code);
        }
    }
    for code in ["national_outside_workers", "point_to_point"] {
        let csv = reading::read(&sample(&format!("{code}.csv")), FileFormat::Csv, None).unwrap();
        let xlsx = reading::read(&sample(&format!("{code}.xlsx")), FileFormat::Xlsx, None).unwrap();
        assert_eq!(csv.sheets[0].rows, xlsx.sheets[0].rows, "{code}");
    }
}
