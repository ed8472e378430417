//! Problems: each one of the catalogue can be met, is told in the reader's language, and gives nothing away.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use labour_exchange::db::{DbConnection, Location, statement};
use labour_exchange::error::Code;
use labour_exchange::http::problem::status_of;
use labour_exchange::identity::client_key::ClientKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::agreements::register_key;
use crate::on_both;
use crate::support::scene::{Scene, identity_number, name, register, targets, terms};
use crate::support::{PUBLIC_URL, Reply, TestApp, together, wire};

type Met = Vec<(Code, Reply)>;

/// Writers of the exchange, so that all of them can be kept busy.
const WRITERS: usize = 8;
/// More reads than may wait at once.
const TOO_MANY_READS: usize = 5_000;

fn quota_of(scene: &Scene, places: i64) -> Value {
    json!({ "employer_id": scene.employer.id, "post_title": "普工", "region_code": "330782", "requested_places": places, "valid_until": "2026-12-31" })
}

async fn alter(app: &TestApp, sql: &'static str) {
    app.state.db.write(move |connection| Ok(statement(sql).run(connection)?)).await.unwrap();
}

/// What a monthly statement refuses.
async fn with_statements(scene: &Scene) -> Met {
    let (app, origin, destination) = (&scene.app, &scene.origin, &scene.destination);
    app.clock_set("2026-04-02");
    let (path, body) = (scene.path("/statements"), json!({ "month": "2026-02" }));
    let id = app.post(origin, &path, body.clone()).await.expect(201).id();
    let twice = app.post(destination, &path, body).await;
    let path = format!("{path}/{id}");
    app.post(origin, &format!("{path}/opening"), json!({})).await.expect(200);
    let (objections, objection) = (format!("{path}/objections"), json!({ "reason": "人数不符" }));
    let raised = app.post(destination, &objections, objection.clone()).await.expect(201).id();
    let key = ClientKey::generate().unwrap();
    register_key(app, origin, &key, "active").await;
    let bytes = app.get(origin, &format!("{path}/document")).await.expect(200).bytes;
    let digest = hex::encode(Sha256::digest(&bytes));
    let signature = json!({ "edition": 1, "digest": digest, "signature": key.sign_detached(&bytes).unwrap() });
    let sign = async |body: Value| app.post(origin, &format!("{path}/signature"), body).await;
    let standing = sign(signature.clone()).await;
    app.post(destination, &format!("{objections}/{raised}/withdrawal"), json!({})).await.expect(200);
    let other = sign(json!({ "edition": 1, "digest": "0".repeat(64), "signature": "nonsense" })).await;
    sign(signature.clone()).await.expect(200);
    let again = sign(signature).await;
    app.clock_set("2026-04-20");
    vec![
        (Code::StatementExists, twice),
        (Code::ObjectionStanding, standing),
        (Code::StatementDigestDiffers, other),
        (Code::AlreadySigned, again),
        (Code::ObjectionWindowOver, app.post(destination, &objections, objection).await),
    ]
}

/// What is wrong with a request, whoever sends it and whatever it is about.
async fn with_the_request(scene: &Scene) -> Met {
    let (app, party) = (&scene.app, &scene.destination);
    let quotas = scene.path("/quotas");
    let post = || app.call("POST", &quotas).by(party);
    let quota = scene.quota(3).await;
    let suspended = app.party("隆回县人力资源和社会保障局", "authority", "430524").await;
    alter(app, "update party set state = 'suspended' where region_code = '430524'").await;
    let worker = format!("/v1/workers/{}", register(app, &scene.origin, 900, 1).await[0]);
    let reused = || post().header("idempotency-key", "one-key-two-bodies");
    reused().json(&quota_of(scene, 1)).send().await.expect(201);
    let greedy = app.another_instance(|state| {
        state.limits.reads_per_client = 1;
        state.rate_limits = std::sync::Arc::default();
    });
    let greedy = greedy.await;
    greedy.get(party, "/v1/workers").await.expect(200);
    let batch = |path: &'static str| app.call("POST", path).by(&scene.origin).fresh_key();
    let workers = |media_type: &'static str, body: Vec<u8>| batch("/v1/worker-batches").bytes(media_type, body).send();
    let too_many =
        batch("/v1/worker-batches?atomic=true").header("prefer", "respond-async").json(&json!({ "rows": [] })).send();
    vec![
        (Code::JsonInvalid, post().fresh_key().bytes("application/json", "{bad").send().await),
        (Code::RowsUnreadable, workers("text/csv; charset=utf-8", b"name,\xff\n".to_vec()).await),
        (Code::TooManyRows, too_many.await),
        (Code::RateLimited, greedy.get(party, "/v1/workers").await),
        (Code::ParameterInvalid, app.get(party, "/v1/workers?limit=0").await),
        (Code::UnknownParameter, app.get(party, "/v1/workers?limlt=1").await),
        (Code::CursorInvalid, app.get(party, "/v1/workers?cursor=AAAA").await),
        (Code::IdempotencyKeyRequired, post().json(&json!({})).send().await),
        (Code::IdempotencyKeyInvalid, post().header("idempotency-key", "short").json(&json!({})).send().await),
        (Code::IdempotencyKeyReused, reused().json(&quota_of(scene, 2)).send().await),
        (Code::TokenInvalid, app.get_anonymous("/v1/workers").await),
        (
            Code::InsufficientScope,
            app.call("GET", "/v1/workers").bearer(&app.token(party, &["events.read"])).send().await,
        ),
        (Code::PartySuspended, app.get(&suspended, "/v1/workers").await),
        (Code::NotFound, app.get(party, "/v1/nothing-here").await),
        (Code::MethodNotAllowed, app.call("DELETE", "/v1/workers").by(party).send().await),
        (Code::PreconditionFailed, app.patch(&scene.origin, &worker, "\"99\"", json!({ "phone": null })).await),
        (
            Code::PreconditionRequired,
            app.call("PATCH", &worker).by(&scene.origin).merge_patch(&json!({ "phone": null })).send().await,
        ),
        (
            Code::BodyTooLarge,
            post().fresh_key().bytes("application/json", " ".repeat(5 * 1024 * 1024 + 1)).send().await,
        ),
        (Code::RequestTimeout, too_slow(scene).await),
        (Code::UnsupportedMediaType, post().fresh_key().bytes("text/plain", "quota").send().await),
        (
            Code::FieldInvalid,
            app.post(party, &scene.path(&format!("/quotas/{quota}/publication")), json!({ "approved_places": -1 }))
                .await,
        ),
        (Code::FieldMissing, app.post(party, &quotas, json!({})).await),
        (Code::UnknownField, app.post(party, &quotas, json!({ "post_titel": "普工" })).await),
        (Code::RoleNotAllowed, app.post(&scene.origin, &quotas, quota_of(scene, 1)).await),
    ]
}

/// What is wrong with a file.
async fn with_files(scene: &Scene) -> Met {
    let file = async |bytes: String| crate::imports::send(&scene.app, &scene.origin, "", "text/csv", bytes).await;
    vec![
        (Code::FileTooLarge, file(",".repeat(200) + "姓名").await),
        (Code::FileUnreadable, file("PK\u{3}\u{4}".to_owned()).await),
        (Code::LayoutUnknown, file("姓名,联系电话\n张三,14200000001".to_owned()).await),
    ]
}

/// A body that does not come, over a socket.
async fn too_slow(scene: &Scene) -> Reply {
    let mut state = scene.app.state.clone();
    state.limits.body = std::time::Duration::from_millis(200);
    let (path, token) = (scene.path("/quotas"), scene.app.token(&scene.destination, &[]));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: exchange.test\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: never-arrives\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    );
    wire::reply(&format!("POST {path}"), &wire::talk(&state, head).await)
}

/// What stands in the way of an agreement.
async fn with_agreements(scene: &Scene) -> Met {
    let (app, origin, destination) = (&scene.app, &scene.origin, &scene.destination);
    let draft = |number: &str, other: Value| {
        json!({ "number": number, "title": "劳务协作协议", "kind": "inter_provincial", "effective_from": "2026-01-01", "effective_to": "2028-12-31",
            "parties": [{ "party_id": origin.id, "role": "origin" }, { "party_id": other, "role": "destination" }], "terms": terms(&targets()) })
    };
    let second =
        app.post(origin, "/v1/agreements", draft("SY-YW-2026-02", json!(destination.id))).await.expect(201).id();
    let second = format!("/v1/agreements/{second}");
    app.post(origin, &format!("{second}/proposal"), json!({})).await.expect(200);
    let digest = app.get(origin, &format!("{second}/document")).await.expect(200).etag().trim_matches('"').to_owned();
    let ratification = format!("{second}/ratification");
    let mismatch = app.post(origin, &ratification, json!({ "digest": "0".repeat(64) })).await;
    let signature = app.post(origin, &ratification, json!({ "digest": digest, "signature": "nonsense" })).await;
    app.post(origin, &ratification, json!({ "digest": digest })).await.expect(200);
    let twice = app.post(origin, &ratification, json!({ "digest": digest })).await;
    let amend = |day: &str| json!({ "effective_on": day, "terms": terms(&targets()), "reason": "年度目标调整" });
    let amendments = scene.path("/amendments");
    app.post(origin, &amendments, amend("2026-03-03")).await.expect(201);
    let open = app.post(destination, &amendments, amend("2026-07-01")).await;
    let document = app.get(origin, &scene.path("/document?version=2")).await.expect(200);
    app.clock_set("2026-03-04");
    let late = json!({ "digest": document.etag().trim_matches('"'), "version": 2 });
    let passed = app.post(origin, &scene.path("/ratification"), late).await;
    app.post(origin, &scene.path("/amendments/2/withdrawal"), json!({})).await.expect(200);
    vec![
        (
            Code::AgreementNumberTaken,
            app.post(origin, "/v1/agreements", draft("SY-YW-2026-02", json!(destination.id))).await,
        ),
        (
            Code::ReferenceUnknown,
            app.post(origin, "/v1/agreements", draft("SY-YW-2026-03", json!("0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50")))
                .await,
        ),
        (Code::DigestMismatch, mismatch),
        (Code::SignatureInvalid, signature),
        (Code::AlreadyRatified, twice),
        (Code::AmendmentOpen, open),
        (Code::EffectiveDayPassed, passed),
        (Code::AgreementNotInForce, app.post(origin, &format!("{second}/dispatches"), dispatch()).await),
    ]
}

fn dispatch() -> Value {
    json!({ "title": "第一批", "mode": "agency", "legal_basis": "协议第六条", "consent_recorded": true,
        "planned_departure_on": "2026-03-10", "planned_arrival_on": "2026-03-11" })
}

/// What stands in the way of registering somebody.
async fn with_registers(scene: &Scene) -> Met {
    let (app, origin) = (&scene.app, &scene.origin);
    let operator = app.party("平台运营方", "operator", "").await;
    let worker = |n: usize, reference: &str| json!({ "name": "刘春", "identity_number": identity_number(n), "hukou_code": "430523", "partner_ref": reference });
    app.post(origin, "/v1/workers", worker(800, "SY-A")).await.expect(201);
    let erased = format!("/v1/workers/{}", app.post(origin, "/v1/workers", worker(801, "SY-B")).await.expect(201).id());
    let etag = app
        .post(origin, &format!("{erased}/erasure"), json!({ "reason": "person_request" }))
        .await
        .expect(200)
        .etag()
        .to_owned();
    let employer = json!({ "name": "义乌小商品制造有限公司", "kind": "employer", "region_code": "330782", "credit_code": "91350100M000100Y43" });
    app.post(&operator, "/v1/parties", employer.clone()).await.expect(201);
    let zone = json!({ "name": "邵阳经济技术开发区", "host_code": "430500" });
    app.post(&operator, "/v1/zones", zone.clone()).await.expect(201);
    let key = json!({ "public_key": ClientKey::generate().unwrap().public().to_jwk() });
    let keys = format!("/v1/clients/{}/keys", origin.client_id);
    app.post(&operator, &keys, key.clone()).await.expect(201);
    vec![
        (Code::WorkerAlreadyRegistered, app.post(origin, "/v1/workers", worker(800, "SY-C")).await),
        (Code::PartnerRefTaken, app.post(origin, "/v1/workers", worker(802, "SY-A")).await),
        (Code::WorkerErased, app.patch(origin, &erased, &etag, json!({ "phone": null })).await),
        (Code::CreditCodeTaken, app.post(&operator, "/v1/parties", employer).await),
        (Code::ZoneTaken, app.post(&operator, "/v1/zones", zone).await),
        (Code::KeyIdTaken, app.post(&operator, &keys, key).await),
    ]
}

/// What stands in the way of sending and receiving people.
async fn with_the_work(scene: &Scene) -> Met {
    let (app, origin) = (&scene.app, &scene.origin);
    let quota = scene.quota(2).await;
    let workers = scene.workers(0, 4).await;
    let prepare = async || {
        let made = app.post(origin, &scene.path("/dispatches"), dispatch()).await.expect(201);
        scene.path(&format!("/dispatches/{}", made.id()))
    };
    let enrol = async |dispatch: &str, worker: usize, quota: &str| {
        app.post(origin, &format!("{dispatch}/placements"), json!({ "worker_id": workers[worker], "quota_id": quota }))
            .await
    };
    let first = prepare().await;
    let empty = app.post(origin, &format!("{first}/lock"), json!({})).await;
    let placement = enrol(&first, 0, &quota).await.expect(201).id();
    enrol(&first, 1, &quota).await.expect(201);
    let second = prepare().await;
    let placed = enrol(&second, 0, &scene.quota(1).await).await;
    let full = enrol(&second, 2, &quota).await;
    let below = app
        .post(
            &scene.destination,
            &scene.path(&format!("/quotas/{quota}/approval")),
            json!({ "approved_places": 1, "reason": "减产" }),
        )
        .await;
    let withdrawn = scene.quota(1).await;
    app.post(
        &scene.destination,
        &scene.path(&format!("/quotas/{withdrawn}/withdrawal")),
        json!({ "reason": "企业停产" }),
    )
    .await
    .expect(200);
    let closed = enrol(&second, 2, &withdrawn).await;
    let claim = json!({ "outcome": "onboarded", "happened_on": "2026-03-02", "evidence": "e2" });
    let claims = scene.path(&format!("/placements/{placement}/claims"));
    let early = app.post(origin, &claims, claim).await;
    let departure = app.post(origin, &format!("{first}/departure"), json!({ "departed_on": "2026-03-02" })).await;

    let (_, sent) = scene.sent(10, 1).await;
    scene.claim(&sent, "onboarded", "2026-03-05").await.expect(207);
    let disputes = scene.path(&format!("/placements/{}/disputes", sent[0]));
    app.post(origin, &disputes, json!({ "reason": "该员工未到岗" })).await.expect(201);
    let standing = app.post(origin, &disputes, json!({ "reason": "该员工未到岗" })).await;

    app.post(origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-05" })).await.expect(201);
    alter(app, "update reconciliation_run set state = 'running', rows_hash = null, carried = null, row_sum = null where cut_off_on = '2026-03-05'")
        .await;
    let running = app.post(origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-05" })).await;

    app.post(origin, &format!("{first}/lock"), json!({})).await.expect(200);
    app.clock_set("2026-06-01");
    let lapsed = app.post(origin, &format!("{first}/departure"), json!({ "departed_on": "2026-05-31" })).await;
    vec![
        (Code::RosterEmpty, empty),
        (Code::WorkerAlreadyPlaced, placed),
        (Code::PlacesExhausted, full),
        (Code::PlacesBelowUse, below),
        (Code::QuotaNotOpen, closed),
        (Code::ClaimNotPossible, early),
        (Code::TransitionNotAllowed, departure),
        (Code::DisputeStanding, standing),
        (Code::RunInProgress, running),
        (Code::HoldLapsed, lapsed),
    ]
}

/// What stands in the way of settling a row that does not agree.
async fn with_discrepancies(scene: &Scene) -> Met {
    let (app, origin, destination) = (&scene.app, &scene.origin, &scene.destination);
    let (_, sent) = scene.sent(20, 2).await;
    app.clock_set("2026-03-16");
    let named = json!({ "name": name(20), "identity_number": identity_number(99), "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2" });
    app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": [named] })).await.expect(207);
    app.post(origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-16" })).await.expect(201);
    let found = async |situation: &str| {
        let path = scene.path(&format!("/discrepancies?situation={situation}"));
        let id = app.get(origin, &path).await.expect(200).text("/items/0/id");
        scene.path(&format!("/discrepancies/{id}"))
    };
    let (unannounced, missing) = (found("unannounced").await, found("missing").await);
    let resolved = json!({ "outcome": "void", "reason": "批次取消" });
    let own = app.post(origin, &format!("{missing}/resolution"), resolved).await;
    let matched = async |placement: &str| {
        app.post(origin, &format!("{unannounced}/match"), json!({ "placement_id": placement })).await
    };
    let forced = matched(&sent[0]).await;
    scene.claim(&sent[..1], "onboarded", "2026-03-06").await.expect(207);
    let spoken = matched(&sent[0]).await;
    let many = json!({ "discrepancy_ids": vec![&scene.agreement; 21], "outcome": "void", "reason": "批次取消" });
    let resolutions = scene.path("/discrepancy-resolutions");
    let proposed = app.post(destination, &resolutions, many).await.expect(207).text("/resolution/id");
    let alone = app.post(destination, &format!("{resolutions}/{proposed}/confirmation"), json!({})).await;
    vec![
        (Code::OwnFact, own),
        (Code::MatchNeedsForce, forced),
        (Code::MatchNotPossible, spoken),
        (Code::SecondPersonNeeded, alone),
    ]
}

/// What webhooks and the feed refuse.
async fn with_webhooks(scene: &Scene) -> Met {
    let (app, party) = (&scene.app, &scene.origin);
    let endpoints = "/v1/webhook-endpoints";
    let register = async || app.post(party, endpoints, json!({ "url": "https://partner.example.cn/hooks" })).await;
    let id = register().await.expect(201).id();
    for _ in 1..20 {
        register().await.expect(201);
    }
    let range = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-09T00:00:00Z" });
    let again = async || app.post(party, &format!("{endpoints}/{id}/redeliveries"), range.clone()).await;
    again().await.expect(200);
    vec![
        (Code::WebhookEndpointsExhausted, register().await),
        (Code::RedeliveryTooSoon, again().await),
        (Code::EventsExpired, app.get(party, "/v1/events?after=9007199254740991").await),
    ]
}

/// What is said of an operation whose last day is over.
async fn with_a_retired_operation(scene: &Scene) -> Met {
    let app = crate::edge::with_retiring(&scene.app).await;
    app.clock_set("2028-01-01");
    let gone = app.get(&scene.origin, "/v1/workers").await;
    scene.app.clock_set("2026-03-09");
    vec![(Code::OperationRetired, gone)]
}

/// What happens when the machine itself is in trouble.
async fn with_the_machine(scene: &Scene) -> Met {
    let app = &scene.app;
    app.expect_faults();
    alter(app, "alter table zone rename to zone_elsewhere").await;
    let broken = app.get(&scene.origin, "/v1/zones").await;
    alter(app, "alter table zone_elsewhere rename to zone").await;
    alter(app, "alter table feed_head rename to feed_head_elsewhere").await;
    let unready = app.get_anonymous("/readyz").await;
    alter(app, "alter table feed_head_elsewhere rename to feed_head").await;
    let twin = twin_of_a_running_request(scene).await;
    let busy = while_too_many_wait(scene).await;
    app.state.draining.store(true, std::sync::atomic::Ordering::Release);
    vec![
        (Code::InternalError, broken),
        (Code::DatabaseUnavailable, unready),
        (Code::IdempotencyKeyInUse, twin),
        (Code::DatabaseBusy, busy),
        (Code::Draining, app.get_anonymous("/readyz").await),
    ]
}

/// Threads of the database that wait until they are let go.
struct Held {
    gate: Option<crossbeam_channel::Sender<()>>,
    waiting: Vec<actix_web::rt::task::JoinHandle<labour_exchange::error::Result<()>>>,
}

impl Held {
    /// Hands `count` commands over that only end when they are let go, and waits until all of them are in the queue.
    async fn keep(app: &TestApp, count: usize, writing: bool) -> Self {
        let (gate, wait) = crossbeam_channel::bounded::<()>(0);
        let begun = Rc::new(Cell::new(0));
        let hold = |_| {
            let (begun, wait, db) = (Rc::clone(&begun), wait.clone(), app.state.db.clone());
            actix_web::rt::spawn(async move {
                begun.set(begun.get() + 1);
                let work = move |_: &mut DbConnection| {
                    let _ = wait.recv();
                    Ok(())
                };
                if writing { db.write(work).await } else { db.read(work).await }
            })
        };
        let waiting = (0..count).map(hold).collect();
        while begun.get() < count {
            tokio::task::yield_now().await;
        }
        Self { gate: Some(gate), waiting }
    }

    async fn let_go(mut self) {
        drop(self.gate.take());
        for held in self.waiting {
            // Those that found the queue full were refused, which is what they were for.
            drop(held.await.unwrap());
        }
    }
}

/// Two requests under one key while nothing can be written: one waits, the other is told so at once.
async fn twin_of_a_running_request(scene: &Scene) -> Reply {
    let held = Held::keep(&scene.app, WRITERS, true).await;
    let twin = || {
        let (scene, body) = (scene.clone(), quota_of(scene, 1));
        actix_web::rt::spawn(async move {
            let key = [("idempotency-key", "two-at-the-same-time")];
            scene.app.post_with(&scene.destination, &scene.path("/quotas"), body, &key).await
        })
    };
    let (mut left, mut right) = (twin(), twin());
    let (told, waits) = tokio::select! {
        reply = &mut left => (reply.unwrap(), right),
        reply = &mut right => (reply.unwrap(), left),
    };
    held.let_go().await;
    waits.await.unwrap().expect(201);
    told
}

/// One more read than the exchange lets wait.
async fn while_too_many_wait(scene: &Scene) -> Reply {
    let held = Held::keep(&scene.app, TOO_MANY_READS, false).await;
    let told = scene.app.get(&scene.destination, "/v1/zones").await;
    held.let_go().await;
    told
}

on_both! {
    /// Every code that is published can be met, with the status, the page and the promises of the catalogue.
    async fn every_problem_in_the_catalogue_can_be_produced(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let mut met = with_the_request(&scene).await;
        met.extend(with_registers(&scene).await);
        met.extend(with_discrepancies(&scene).await);
        scene.app.clock_set("2026-03-02");
        met.extend(with_the_work(&scene).await);
        scene.app.clock_set("2026-03-02");
        met.extend(with_agreements(&scene).await);
        met.extend(with_files(&scene).await);
        met.extend(with_statements(&scene).await);
        met.extend(with_webhooks(&scene).await);
        met.extend(with_a_retired_operation(&scene).await);
        met.extend(with_the_machine(&scene).await);
        let mut seen = BTreeSet::new();
        for (code, reply) in met {
            let definition = code.definition();
            let reply = reply.expect(status_of(definition.kind).as_u16()).problem(definition.name);
            assert_eq!(reply.body["status"], reply.status);
            // One problem has a type that a registry gives it.
            if code != Code::RateLimited {
                assert_eq!(reply.body["type"], format!("{PUBLIC_URL}/problems/{}", definition.name));
            }
            assert_eq!(reply.body["instance"], format!("urn:uuid:{}", reply.header("x-request-id")));
            assert_eq!(reply.body["title"], definition.title_en);
            assert!(reply.body["detail"].as_str().unwrap().ends_with(definition.remedy_en), "{}", reply.body);
            assert_eq!(reply.body["retryable"], definition.retryable);
            assert_eq!(reply.body["retry_after_s"].is_number(), definition.retryable, "{}", reply.body);
            seen.insert(code);
        }
        // Met before there is anything that could answer.
        seen.insert(Location::parse("exchange.db").unwrap_err().code);
        let missing: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
        assert!(missing.is_empty(), "nobody meets {missing:?}");
    }

    /// Whatever breaks inside, nothing of it is told outside.
    async fn nothing_of_the_inside_is_told(app: TestApp) {
        let scene = Scene::in_force(app).await;
        for (_, reply) in with_the_machine(&scene).await {
            let told = String::from_utf8(reply.bytes.clone()).unwrap().to_lowercase();
            for inside in ["zone_elsewhere", "feed_head", "no such table", "relation", "select", "panicked", "src/", ".rs", "sqlite", "postgres", "/dev/shm"] {
                assert!(!told.contains(inside), "{inside}: {told}");
            }
        }
    }

    /// Only the texts depend on the language: codes, places and figures are the same.
    async fn only_texts_follow_the_language(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": "", "region_code": "330782", "requested_places": 0, "valid_until": "2020-01-01" });
        let in_language = async |language: &str| {
            let call = scene.app.call("POST", &scene.path("/quotas")).by(&scene.destination).fresh_key();
            call.header("accept-language", language).json(&body).send().await.expect(422).problem("field_invalid")
        };
        let texts_of = |mut reply: Reply| {
            reply.body["instance"].take();
            let mut texts = vec![reply.body["title"].take(), reply.body["detail"].take()];
            let faults = reply.body["errors"].as_array_mut().unwrap();
            texts.extend(faults.iter_mut().map(|fault| fault["detail"].take()));
            (reply.body, texts)
        };
        let (chinese, english) = (in_language("zh-CN").await, in_language("en").await);
        assert_eq!((chinese.header("content-language"), english.header("content-language")), ("zh-CN", "en"));
        let ((chinese, chinese_texts), (english, english_texts)) = (texts_of(chinese), texts_of(english));
        assert_eq!(chinese, english);
        assert!(chinese_texts.len() >= 4, "all faults are told at once: {chinese}");
        for (chinese, english) in chinese_texts.iter().zip(&english_texts) {
            assert!(chinese.as_str().unwrap().chars().any(|letter| letter > '一'), "{chinese}");
            assert!(english.as_str().unwrap().is_ascii(), "{english}");
        }
    }

    /// A hundred faults are told, and that there were more.
    async fn at_most_a_hundred_faults_are_told(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let with_faults = async |count: usize| {
            let regions: Vec<Value> = (0..count).map(|_| json!({ "region_code": "000000", "places": 10 })).collect();
            let mut terms = terms(&targets());
            terms["caps"] = json!({ "regions": regions });
            let body = json!({ "effective_on": "2026-07-01", "terms": terms, "reason": "年度目标调整" });
            scene.app.post(&scene.origin, &scene.path("/amendments"), body).await.problem("field_invalid").body
        };
        let few = with_faults(3).await;
        assert!(few["errors_truncated"].is_null(), "{few}");
        let many = with_faults(101).await;
        assert_eq!((many["errors"].as_array().unwrap().len(), &many["errors_truncated"]), (100, &json!(true)));
    }

    /// Every pointer leads into the body that was sent.
    async fn every_pointer_leads_into_the_body(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let body = json!({ "employer_id": scene.employer.id, "post_title": "", "region_code": "330782", "requested_places": 0, "valid_until": "2020-01-01",
            "cohorts": [{ "starts_on": "2026-03-10", "places": -1 }] });
        let refused = scene.app.post(&scene.destination, &scene.path("/quotas"), body.clone()).await.expect(422);
        for fault in refused.body["errors"].as_array().unwrap() {
            let pointer = fault["pointer"].as_str().unwrap().strip_prefix('#').unwrap();
            assert!(body.pointer(pointer).is_some(), "{fault}");
        }
    }

    /// An identity number that was sent never comes back, however wrong the request was.
    async fn an_identity_number_is_never_told_back(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let number = identity_number(700);
        let mut wrong = number.clone();
        wrong.replace_range(17.., if number.ends_with('X') { "1" } else { "X" });
        let person = |number: &Value| json!({ "name": "刘春", "identity_number": number, "hukou_code": "430523" });
        let numeric: Value = json!(number.trim_end_matches('X').parse::<i64>().unwrap());
        let digits = numeric.to_string();
        let post = |path: &str, body: Value| {
            let (scene, path) = (scene.clone(), path.to_owned());
            Box::pin(async move { scene.app.post(&scene.origin, &path, body).await })
        };
        let mut replies = together([
            post("/v1/workers", person(&json!(wrong))),
            post("/v1/workers", person(&numeric)),
            post("/v1/workers", person(&json!([number]))),
            post("/v1/workers", person(&json!({ "number": number }))),
            post("/v1/workers", json!({ "name": number, "hukou_code": number })),
            post("/v1/workers", json!(number)),
            post("/v1/workers", json!([number])),
            post("/v1/worker-batches", json!({ "rows": [person(&json!(wrong)), person(&json!(number)), person(&json!(number))] })),
            post("/v1/worker-batches", json!({ "rows": number })),
            post("/v1/worker-searches", json!({ "identity_number": numeric })),
            post(&format!("/v1/workers/{number}/erasure"), json!({})),
        ])
        .await;
        replies.push(scene.app.get(&scene.origin, &format!("/v1/workers/{number}")).await);
        replies.push(scene.app.get(&scene.origin, &format!("/v1/workers?limit={number}")).await);
        replies.push(scene.app.get(&scene.origin, &format!("/v1/workers?cursor={number}")).await);
        let torn = scene.app.call("POST", "/v1/workers").by(&scene.origin).fresh_key();
        replies.push(torn.bytes("application/json", format!("{{\"identity_number\":\"{number}")).send().await);
        replies.push(post("/v1/workers", person(&json!(number))).await);
        for reply in replies {
            let told = String::from_utf8(reply.bytes.clone()).unwrap();
            for secret in [&number, &wrong, &digits] {
                assert!(!told.contains(secret.as_str()), "{}: {told}", reply.about);
            }
        }
    }
}
