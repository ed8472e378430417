//! What every request passes and every answer has, whatever it is about.

use std::sync::Arc;
use std::time::Duration;

use labour_exchange::clock::Clock;
use labour_exchange::http::retiring::{self, Retiring};
use labour_exchange::http::route_table::RouteTable;
use serde_json::json;

use crate::on_both;
use crate::support::scene::{Scene, identity_number};
use crate::support::{PUBLIC_URL, TestApp, TestParty, wire};

const BODY_LIMIT: usize = 5 * 1024 * 1024;

async fn origin(app: &TestApp) -> TestParty {
    app.party("邵阳县人力资源和社会保障局", "authority", "430523").await
}

/// The same application with one operation, the list of workers, on its way out.
pub async fn with_retiring(app: &TestApp) -> TestApp {
    let old = Retiring {
        method: "get",
        path: "/v1/workers",
        deprecated_on: retiring::day(2026, 1, 1),
        sunset_on: retiring::day(2028, 1, 1),
        successor: "/v1/parties",
    };
    let mut document = labour_exchange::http::docs::document();
    retiring::announce(&mut document, &[old]);
    let routes = Arc::new(RouteTable::of(&document).unwrap());
    app.another_instance(|state| state.routes = routes).await
}

on_both! {
    /// In a sandbox the day is moved by hand, forward only; elsewhere nobody moves it.
    async fn the_clock_of_a_sandbox_is_moved_by_hand(app: TestApp) {
        let real = Clock::fixed(app.state.clock.now());
        let sandbox = app.another_instance(|state| (state.is_sandbox, state.token_clock) = (true, real)).await;
        let origin = origin(&app).await;
        let token = app.token(&origin, &["sandbox.write"]);
        let to = async |app: &TestApp, today: &str| {
            app.call("POST", "/v1/sandbox/clock").bearer(&token).fresh_key().json(&json!({ "today": today })).send().await
        };
        to(&app, "2026-04-01").await.expect(404).problem("not_found");
        assert_eq!(to(&sandbox, "2026-04-01").await.expect(200).body["today"], "2026-04-01");
        to(&sandbox, "2026-03-31").await.expect(422).problem("field_invalid");
    }
}

on_both! {
    /// Whoever calls what will be gone is told so in every answer, years before; afterwards it says where to go.
    async fn an_operation_on_its_way_out_says_so_and_then_is_gone(app: TestApp) {
        let app = with_retiring(&app).await;
        let origin = origin(&app).await;
        let told = app.get(&origin, "/v1/workers").await.expect(200);
        assert_eq!(told.header("deprecation"), "@1767196800");
        assert_eq!(told.header("sunset"), "Fri, 31 Dec 2027 16:00:00 GMT");
        assert!(told.header("link").contains("</v1/parties>; rel=\"successor-version\""), "{}", told.header("link"));
        assert_eq!(app.get_anonymous("/v1/workers").await.expect(401).header("sunset"), told.header("sunset"), "in refusals too");
        assert_eq!(app.get(&origin, "/v1/parties").await.expect(200).header("deprecation"), "", "others stay");
        app.clock_set("2028-01-01");
        let gone = app.get(&origin, "/v1/workers").await.expect(410).problem("operation_retired");
        assert_eq!(gone.body["sunset_on"], "2028-01-01");
    }
}

on_both! {
    /// An orchestrator can tell that the process lives without touching the database.
    async fn a_living_process_says_so(app: TestApp) {
        let reply = app.get_anonymous("/livez").await.expect(200);
        assert_eq!(reply.body["status"], "alive");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(app.get_anonymous("/readyz").await.expect(200).body["status"], "ready");
    }

    /// A mistyped address is answered in the same form as every other problem.
    async fn an_unknown_address_is_a_problem(app: TestApp) {
        for path in ["/v1/nothing-here", "/v1", "/v1/agreements/", "/V1/agreements", "/v1/%2e%2e/agreements", "/docs/../nothing"] {
            app.get_anonymous(path).await.expect(404).problem("not_found");
        }
    }

    /// Whoever comes by without knowing anything finds the document, the page to read it by, and the catalogue.
    async fn a_visitor_finds_the_way(app: TestApp) {
        let root = app.get_anonymous("/").await.expect(200);
        assert!(root.header("link").contains("</.well-known/api-catalog>; rel=\"api-catalog\""), "{}", root.header("link"));
        for path in ["document", "reader", "catalog"] {
            let path = root.text(&format!("/{path}"));
            let found = app.get_anonymous(&path).await;
            assert!(found.status == 200 || found.status == 308, "{path}: {}", found.status);
        }
        let catalog = app.get_anonymous("/.well-known/api-catalog").await.expect(200);
        assert_eq!(catalog.header("content-type"), "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"");
        assert_eq!(catalog.body["linkset"][0]["service-desc"][0]["href"], format!("{PUBLIC_URL}/openapi.json"));
        let head = app.call("HEAD", "/.well-known/api-catalog").send().await.expect(200);
        assert!(head.header("link").contains("rel=\"api-catalog\""));
    }

    /// Who calls too often is told when to come back, and nobody else is held back; another kind of call has an allowance of its own.
    async fn a_client_that_calls_too_often_is_told_when_to_come_back(app: TestApp) {
        let (greedy, other) = (origin(&app).await, app.party("隆回县人力资源和社会保障局", "authority", "430524").await);
        let app = app.another_instance(|state| {
            (state.limits.reads_per_client, state.limits.bulk_per_client) = (3, 1);
            state.rate_limits = std::sync::Arc::default();
        }).await;
        for left in (0..3).rev() {
            let reply = app.get(&greedy, "/v1/workers").await.expect(200);
            assert_eq!(reply.header("ratelimit-policy"), "\"read\";q=3;w=60");
            assert_eq!(reply.header("ratelimit"), format!("\"read\";r={left};t={}", (3 - left) * 20));
        }
        let refused = app.get(&greedy, "/v1/workers").await.expect(429).problem("rate_limited");
        assert_eq!((refused.header("retry-after"), &refused.body["retry_after_s"]), ("20", &json!(20)));
        assert_eq!(refused.text("/type"), "https://iana.org/assignments/http-problem-types#quota-exceeded");
        assert_eq!(refused.body["violated-policies"], json!(["read"]));
        app.get(&other, "/v1/workers").await.expect(200);
        let rows = json!({ "rows": [] });
        let key = [("idempotency-key", "the-same-key-again")];
        app.post_with(&greedy, "/v1/worker-batches", rows.clone(), &[]).await.expect(422);
        app.post_with(&greedy, "/v1/worker-batches", rows.clone(), &key).await.expect(429);
        let later = app.state.clock.now().plus_seconds(60);
        app.state.clock.set(later);
        app.post_with(&greedy, "/v1/worker-batches", rows, &key).await.expect(422);
        assert_eq!(app.get(&greedy, "/v1/workers").await.expect(200).header("ratelimit"), "\"read\";r=2;t=20");
        assert_eq!(app.get_anonymous("/livez").await.headers.get("ratelimit"), None, "nobody is counted who need not say who it is");
    }

    /// An id that is no id names the place and not the value.
    async fn a_malformed_id_is_named(app: TestApp) {
        let party = origin(&app).await;
        let refused = app.get(&party, "/v1/workers/430523199001019961").await.expect(400).problem("parameter_invalid");
        assert_eq!(refused.body["errors"][0]["in"], "path");
        assert!(!String::from_utf8_lossy(&refused.bytes).contains("430523199001019961"), "{}", refused.body);
    }

    /// The page to read the document by comes whole from the binary.
    async fn the_readers_page_needs_no_network(app: TestApp) {
        let page = app.get_anonymous("/docs/").await.expect(200);
        let html = String::from_utf8(page.bytes.clone()).unwrap();
        assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" src="), "no script in the page itself: {script}");
        }
        for file in html.split('"').filter_map(|part| part.strip_prefix("./").or((part == "index.css").then_some(part))) {
            app.get_anonymous(&format!("/docs/{file}")).await.expect(200);
        }
        let start = app.get_anonymous("/docs/swagger-initializer.js").await.expect(200);
        assert!(String::from_utf8_lossy(&start.bytes).contains("\"/openapi.json\""));
        app.get_anonymous("/docs").await.expect(308);
        app.get_anonymous("/docs/nothing.js").await.expect(404).problem("not_found");
    }

    /// What was read once is not sent again while it is the same; the language does not change the version.
    async fn what_is_unchanged_is_not_sent_again(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = scene.path(&format!("/quotas/{}", scene.quota(5).await));
        for path in ["/openapi.json", quota.as_str()] {
            let read = || scene.app.call("GET", path).by(&scene.origin);
            let first = read().send().await.expect(200);
            let etag = first.etag().to_owned();
            assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "a strong tag: {etag}");
            assert!(first.header("cache-control").contains("no-cache"), "{}", first.header("cache-control"));
            for tag in [etag.clone(), "*".to_owned(), format!("W/{etag}"), format!("\"other\", {etag}")] {
                let again = read().header("if-none-match", &tag).send().await.expect(304);
                assert_eq!(again.etag(), etag);
            }
            read().header("if-none-match", "\"other\"").send().await.expect(200);
            assert_eq!(read().header("accept-language", "zh-CN").send().await.expect(200).etag(), etag);
        }
    }

    /// No answer may be framed, sniffed, or kept where others could find it.
    async fn every_answer_is_guarded(app: TestApp) {
        let party = origin(&app).await;
        for (reply, stored) in [
            (app.get(&party, "/v1/workers").await.expect(200), "no-store"),
            (app.get_anonymous("/v1/workers").await.expect(401), "no-store"),
            (app.get_anonymous("/v1/nothing-here").await.expect(404), "no-store"),
            (app.get(&party, "/v1/workers?limlt=1").await.expect(400), "no-store"),
            (app.call("PUT", "/v1/workers").send().await.expect(405), "no-store"),
            (app.get_anonymous("/problems/not_found").await.expect(200), "public, max-age=3600"),
            (app.get_anonymous("/docs/").await.expect(200), "no-cache"),
        ] {
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("strict-transport-security", "max-age=31536000"),
                ("cache-control", stored),
            ] {
                assert_eq!(reply.header(name), value, "{name} of {}", reply.about);
            }
            assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{}", reply.about);
            assert_eq!(reply.header("server"), "", "{}", reply.about);
        }
    }

    /// RFC 4647 lookup: Chinese for those who ask for it first, English for everybody else, never a refusal.
    async fn texts_come_in_the_language_asked_for(app: TestApp) {
        for (wanted, got) in [
            ("zh", "zh-CN"),
            ("zh-CN", "zh-CN"),
            ("zh-Hans", "zh-CN"),
            ("zh-Hans-CN", "zh-CN"),
            ("ZH-cn", "zh-CN"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
            ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
            ("en;q=0.1,zh;q=0.2", "zh-CN"),
            ("fr,zh;q=0.5", "zh-CN"),
            ("fr", "en"),
            ("*", "en"),
            ("zh;q=0", "en"),
            ("zh-TW", "en"),
            ("", "en"),
            (";;;q=,,", "en"),
        ] {
            let reply = app.call("GET", "/v1/nothing-here").header("accept-language", wanted).send().await.expect(404);
            assert_eq!(reply.header("content-language"), got, "{wanted}");
            assert_eq!(reply.header("vary"), "Accept-Language", "{wanted}");
            assert_eq!(reply.body["title"] == "没有找到", got == "zh-CN", "{}", reply.body);
        }
        assert_eq!(app.get_anonymous("/v1/nothing-here").await.header("content-language"), "en");
    }

    /// A body that cannot be read is refused with the place, whatever is wrong with it.
    async fn a_body_that_cannot_be_read_is_refused(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let quota = |title: &str| format!(
            "{{\"employer_id\":\"{}\",\"post_title\":{title},\"region_code\":\"330782\",\"requested_places\":1,\"valid_until\":\"2026-12-31\"}}",
            scene.employer.id
        );
        let deep = "[".repeat(100_000);
        for (body, status, code) in [
            ("{bad".to_owned().into_bytes(), 400, "json_invalid"),
            (b"{\"post_title\":".to_vec(), 400, "json_invalid"),
            (format!("{} {{}}", quota("\"普工\"")).into_bytes(), 400, "json_invalid"),
            (b"\xff\xfe{}".to_vec(), 400, "json_invalid"),
            (quota("\"\\ud800\"").into_bytes(), 400, "json_invalid"),
            (quota(&deep).into_bytes(), 422, "field_invalid"),
            (deep.clone().into_bytes(), 422, "field_invalid"),
            (b"[]".to_vec(), 422, "field_invalid"),
            // Fields have names; a list of their values in some order is not what the document promises.
            (serde_json::to_vec(&json!([null, null, scene.employer.id, "普工", "330782", 1, "2026-12-31"])).unwrap(), 422, "field_invalid"),
            (b"null".to_vec(), 422, "field_invalid"),
            (b"\"text\"".to_vec(), 422, "field_invalid"),
            (b"{}".to_vec(), 422, "field_missing"),
            (Vec::new(), 422, "field_missing"),
            (quota("\"普\\u0000工\"").into_bytes(), 422, "field_invalid"),
            (quota("\"普\\n工\"").into_bytes(), 422, "field_invalid"),
            (quota("\"\"").into_bytes(), 422, "field_invalid"),
            (quota("null").into_bytes(), 422, "field_invalid"),
            (quota("\"普工\"").replace("330782", "33078").into_bytes(), 422, "field_invalid"),
            (quota("\"普工\"").replace(":1,", ":1e30,").into_bytes(), 422, "field_invalid"),
            (quota("\"普工\"").replace(":1,", ":9223372036854775808,").into_bytes(), 422, "field_invalid"),
            (quota("\"普工\"").replace("2026-12-31", "2026-02-30").into_bytes(), 422, "field_invalid"),
            (quota("\"普工\"").replace("post_title", "post_titel").into_bytes(), 422, "unknown_field"),
            (quota("\"普工\",\"post_title\":\"车工\"").into_bytes(), 422, "field_invalid"),
        ] {
            let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            let call = scene.app.call("POST", &scene.path("/quotas")).by(&scene.destination).fresh_key();
            let reply = call.bytes("application/json", body).send().await;
            assert_eq!((reply.status, reply.body["code"].as_str()), (status, Some(code)), "{shown}: {}", reply.body);
            if status == 422 {
                assert!(reply.body["errors"][0]["pointer"].as_str().unwrap().starts_with('#'), "{shown}: {}", reply.body);
            }
        }
        let fine = scene.app.call("POST", &scene.path("/quotas")).by(&scene.destination).fresh_key();
        fine.bytes("application/json; charset=utf-8", quota("\"普工 · 夜班\"")).send().await.expect(201);
    }

    /// Only JSON is taken, and the refusal says so.
    async fn other_media_types_are_refused(app: TestApp) {
        let party = origin(&app).await;
        for media_type in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""] {
            let call = app.call("POST", "/v1/workers").by(&party).fresh_key();
            let refused = call.bytes(media_type, "{}").send().await.expect(415).problem("unsupported_media_type");
            assert_eq!((refused.header("accept-post"), refused.header("accept-patch")), ("application/json", ""));
        }
        let rows = app.call("POST", "/v1/worker-batches").by(&party).fresh_key().bytes("text/plain", "{}").send().await;
        let rows = rows.expect(415).problem("unsupported_media_type");
        assert_eq!(rows.header("accept-post"), "application/json, application/x-ndjson, text/csv");
        assert_eq!(rows.body["media_types"], json!(["application/json", "application/x-ndjson", "text/csv"]));
        let worker = json!({ "name": "刘春玉", "identity_number": identity_number(1), "hukou_code": "430523" });
        let path = format!("/v1/workers/{}", app.post(&party, "/v1/workers", worker).await.expect(201).id());
        let patch = app.call("PATCH", &path).by(&party).header("if-match", "\"1\"").bytes("text/plain", "{}").send().await;
        assert_eq!(patch.expect(415).header("accept-patch"), "application/merge-patch+json");
    }

    /// A body over the limit is refused with the limit.
    async fn a_body_over_the_limit_is_refused(app: TestApp) {
        let party = origin(&app).await;
        let send = |size: usize| {
            let call = app.call("POST", "/v1/workers").by(&party).fresh_key();
            call.bytes("application/json", " ".repeat(size)).send()
        };
        let refused = send(BODY_LIMIT + 1).await.expect(413).problem("body_too_large");
        assert_eq!(refused.body["limit_bytes"], json!(BODY_LIMIT));
        send(BODY_LIMIT).await.expect(400).problem("json_invalid");
    }

    /// On the wire HEAD has the headers of GET and no body, and the connection goes on.
    async fn head_has_no_body_on_the_wire(app: TestApp) {
        let sent = "HEAD /livez HTTP/1.1\r\nHost: exchange.test\r\n\r\nGET /livez HTTP/1.1\r\nHost: exchange.test\r\nConnection: close\r\n\r\n";
        let answer = wire::talk(&app.state, sent).await;
        let parts: Vec<&str> = answer.split("\r\n\r\n").collect();
        assert_eq!(parts.len(), 3, "two heads and one body: {answer}");
        assert!(parts[0].to_lowercase().contains("content-length: 18") && parts[1].starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(parts[2], "{\"status\":\"alive\"}");
    }
    /// P18: whoever sends a body drop by drop is told so and hung up on, with a token or without.
    async fn a_body_that_does_not_arrive_in_time_is_refused(app: TestApp) {
        let party = origin(&app).await;
        let mut state = app.state.clone();
        state.limits.body = Duration::from_millis(300);
        let token = app.token(&party, &[]);
        let head = |path: &str, media_type: &str| format!(
            "POST {path} HTTP/1.1\r\nHost: exchange.test\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: drop-by-drop\r\nContent-Type: {media_type}\r\nContent-Length: 1000\r\n\r\n{{"
        );
        for (path, media_type) in [("/v1/workers", "application/json"), ("/oauth/token", "application/x-www-form-urlencoded")] {
            let answer = wire::talk(&state, head(path, media_type)).await;
            let reply = wire::reply(&format!("POST {path}"), &answer).expect(408);
            assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
            if path == "/v1/workers" {
                let problem = reply.problem("request_timeout");
                assert_eq!((problem.header("retry-after"), &problem.body["limit_s"]), ("1", &json!(0)));
            } else {
                assert_eq!(reply.body["error"], "invalid_request", "an OAuth client can read it: {}", reply.body);
            }
        }
    }
    /// The next page is on the exchange, whatever address the request was sent under: its reader brings the token along.
    async fn the_next_page_is_never_somewhere_else(app: TestApp) {
        let party = origin(&app).await;
        app.party("义乌市人力资源和社会保障局", "authority", "330782").await;
        let call = app.call("GET", "/v1/parties?limit=1&kind=authority").by(&party);
        let call = call.header("host", "evil.example").header("x-forwarded-host", "evil.example").header("forwarded", "host=evil.example;proto=https");
        let page = call.send().await.expect(200);
        let cursor = page.text("/next_cursor");
        assert_eq!(page.header("link"), format!("<{PUBLIC_URL}/v1/parties?limit=1&kind=authority&cursor={cursor}>; rel=\"next\""));
    }

    /// `If-None-Match` asks whether a copy is still good; a write is done and answered whatever it says.
    async fn a_write_is_answered_whatever_the_cache_holds(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let dispatch = scene.path(&format!("/dispatches/{}", scene.dispatch().await));
        let quota = scene.quota(1).await;
        let workers = scene.workers(0, 1).await;
        scene.enrol(dispatch.rsplit('/').next().unwrap(), &quota, &workers).await.expect(207);
        let locked = scene.app.post_with(&scene.origin, &format!("{dispatch}/lock"), json!({}), &[("if-none-match", "*")]).await.expect(200);
        assert!(locked.body["id"].is_string() && !locked.etag().is_empty());
    }

    /// A copy that is still good keeps what says for whom it is good.
    async fn an_unchanged_copy_keeps_its_cache_rules(app: TestApp) {
        let first = app.get_anonymous("/openapi.json").await.expect(200);
        let again = app.call("GET", "/openapi.json").header("if-none-match", first.etag()).send().await.expect(304);
        assert_eq!((again.etag(), again.header("cache-control")), (first.etag(), "no-cache"));
    }

    /// A wrong id is named by the parameter it was sent for.
    async fn a_malformed_path_parameter_is_named(app: TestApp) {
        let scene = Scene::in_force(app).await;
        for (path, name) in [
            (scene.path("/quotas/7"), "quota_id"),
            ("/v1/agreements/7/quotas/7".to_owned(), "agreement_id"),
            (scene.path("/claims/7"), "claim_id"),
            ("/v1/workers/7".to_owned(), "worker_id"),
        ] {
            let refused = scene.app.get(&scene.origin, &path).await.expect(400).problem("parameter_invalid");
            assert_eq!((&refused.body["errors"][0]["in"], &refused.body["errors"][0]["name"]), (&json!("path"), &json!(name)), "{path}");
        }
        let path = scene.path("/amendments/x/withdrawal");
        let refused = scene.app.post(&scene.origin, &path, json!({})).await.expect(400).problem("parameter_invalid");
        assert_eq!(refused.body["errors"][0]["name"], "number");
    }

    /// The reader's page can be read and nothing else.
    async fn the_readers_page_takes_no_other_method(app: TestApp) {
        for path in ["/docs", "/docs/", "/docs/index.css"] {
            let refused = app.call("POST", path).send().await.expect(405).problem("method_not_allowed");
            assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS", "{path}");
        }
    }

    /// What a day or another row says is part of what was read: yesterday's copy is not passed off as today's, and a change may still
    /// be made against it as long as the row is the same.
    async fn a_copy_of_yesterday_is_not_passed_off_as_todays(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let path = scene.path("");
        let read = || scene.app.call("GET", &path).by(&scene.origin);
        let first = read().send().await.expect(200);
        assert_eq!(first.body["standing"], "in_force");
        read().header("if-none-match", first.etag()).send().await.expect(304);
        scene.app.clock_set("2028-12-20");
        let later = read().header("if-none-match", first.etag()).send().await.expect(200);
        assert_eq!(later.body["standing"], "expiring");
        assert_ne!(later.etag(), first.etag());
        let suspend = [("if-match", first.etag())];
        let body = json!({ "reason": "企业停产" });
        scene.app.post_with(&scene.origin, &format!("{path}/suspension"), body.clone(), &suspend).await.expect(200);
        scene.app.post_with(&scene.origin, &format!("{path}/resumption"), body, &suspend).await.expect(412);
    }

    /// One list for several states: what has one of them, in the list's order, and a value nobody knows is refused.
    async fn a_filter_takes_several_values(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (drafts, published) = (scene.path("/quotas?state=draft"), scene.path("/quotas?state=published,withdrawn"));
        let quota = json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": 1, "valid_until": "2026-12-31" });
        let draft = scene.app.post(&scene.destination, &scene.path("/quotas"), quota).await.expect(201).id();
        let open = scene.quota(1).await;
        let closed = scene.quota(1).await;
        scene.app.post(&scene.destination, &scene.path(&format!("/quotas/{closed}/withdrawal")), json!({ "reason": "企业停产，不再招工" })).await.expect(200);
        let listed = async |path: &str| {
            let page = scene.app.get(&scene.destination, path).await.expect(200);
            page.body["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(listed(&drafts).await, [draft.as_str()]);
        assert_eq!(listed(&published).await, [open.as_str(), closed.as_str()]);
        assert_eq!(listed(&format!("{published},draft")).await, [draft, open, closed]);
        assert_eq!(listed("/v1/agreements?standing=in_force,expiring&state=ratified,suspended").await.len(), 1);
        assert_eq!(listed("/v1/agreements?standing=expired,terminated").await.len(), 0);
        for wrong in ["draft,closed", "draft,", "", &vec!["draft"; 21].join(",")] {
            let refused = scene.app.get(&scene.destination, &scene.path(&format!("/quotas?state={wrong}"))).await;
            assert_eq!(refused.problem("parameter_invalid").body["errors"][0]["name"], "state", "{wrong}");
        }
        let (_, placements) = scene.sent(0, 2).await;
        scene.claim(&placements[..1], "onboarded", "2026-03-05").await.expect(207);
        scene.claim(&placements[1..], "no_show", "2026-03-05").await.expect(207);
        let claims = scene.path("/claims?claimant_role=employer,destination&outcome=onboarded");
        assert_eq!(listed(&claims).await.len(), 1);
        assert_eq!(listed(&format!("{claims},no_show")).await.len(), 2);
    }

    /// Figures have no version; what they say is their tag, so that a reader who asks every minute is sent only what is new.
    async fn figures_that_say_the_same_are_not_sent_again(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (_, placements) = scene.sent(0, 1).await;
        for path in ["/fulfilment", "/retention", &format!("/placements/{}/retention", placements[0])].map(|rest| scene.path(rest)) {
            let read = || scene.app.call("GET", &path).by(&scene.origin);
            let first = read().send().await.expect(200);
            read().header("if-none-match", first.etag()).send().await.expect(304);
            scene.app.clock_set("2026-03-06");
            let later = read().header("if-none-match", first.etag()).send().await.expect(200);
            assert_ne!(later.body, first.body, "{path}: the day is part of what it says");
            scene.app.clock_set("2026-03-05");
        }
    }

    /// A roster may be sent against the version that was read: when somebody else has written it meanwhile, nothing of it is taken.
    async fn a_roster_is_refused_when_another_was_faster(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (dispatch, quota, workers) = (scene.dispatch().await, scene.quota(2).await, scene.workers(0, 2).await);
        let path = scene.path(&format!("/dispatches/{dispatch}"));
        let read = scene.app.get(&scene.origin, &path).await.expect(200);
        let version = [("if-match", read.etag())];
        let row = |worker: &String| json!({ "worker_id": worker, "quota_id": quota });
        let rows = json!({ "rows": [row(&workers[0])] });
        scene.app.post_with(&scene.origin, &format!("{path}/roster"), rows, &version).await.expect(207);
        let rows = json!({ "rows": [row(&workers[1])] });
        let stale = scene.app.post_with(&scene.origin, &format!("{path}/roster"), rows, &version).await.expect(412).problem("precondition_failed");
        let now = scene.app.get(&scene.origin, &path).await.expect(200);
        assert_eq!((stale.etag(), &now.body["placements"]), (now.etag(), &json!(1)));
        scene.app.post_with(&scene.origin, &format!("{path}/placements"), row(&workers[1]), &version).await.expect(412);
    }

    /// Two ways of typing the same letters are one reference.
    async fn texts_that_look_the_same_are_the_same(app: TestApp) {
        let party = origin(&app).await;
        let worker = |n: usize, reference: &str| json!({ "name": "刘春", "identity_number": identity_number(n), "hukou_code": "430523", "partner_ref": reference });
        let made = app.post(&party, "/v1/workers", worker(0, "Cafe\u{301}-7")).await.expect(201);
        assert_eq!(made.body["partner_ref"], "Café-7");
        app.post(&party, "/v1/workers", worker(1, "Café-7")).await.expect(409).problem("partner_ref_taken");
        let escaped = worker(2, "Caf#-7").to_string().replace('#', "e\\u0301");
        let call = app.call("POST", "/v1/workers").by(&party).fresh_key().bytes("application/json", escaped);
        call.send().await.expect(409).problem("partner_ref_taken");
    }
}
