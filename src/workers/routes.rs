//! Routes of the register of workers.

use std::sync::Arc;

use actix_web::{get, patch, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::batch_command::RegisterWorkers;
use super::registration::Batch;
use super::store::changes::{self, Correction};
use super::store::{self, WorkerFilter, readings};
use super::{
    GroupMembership, IdentityReading, NewErasure, NewIdentityReading, NewWorker, NewWorkerBatch, UnmaskedIdentity,
    Worker, WorkerMatches, WorkerPatch, WorkerSearch, rules, sealing,
};
use crate::app::State;
use crate::bulk::{PostedRows, RowsMode};
use crate::db::{Day, DbConnection, Id, Page, PageRequest};
use crate::error::{Code, Error, Faults, Result};
use crate::http::export::{self, Listed, Reader, Source, TableParams, TableRow};
use crate::http::extract::{IfMatch, Patched};
use crate::http::query::NoFilter;
use crate::http::receipt::Receipts;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{WorkersIdentity, WorkersRead, WorkersWrite};
use crate::jobs::Job;

/// Register one person
///
/// The identity number is checked and normalised; a number that is damaged, masked or mistyped is refused with its code, never guessed.
/// A person who is already in the register answers 409 with `worker_id`. The answer is masked.
#[utoipa::path(
    tag = "workers",
    request_body = NewWorker,
    responses((status = 201, description = "Registered.", body = Worker, headers(("ETag")))),
    security(("oauth2" = ["workers.write"]))
)]
#[post("/v1/workers")]
async fn register_worker(
    state: web::Data<State>,
    caller: Caller<WorkersWrite>,
    posted: Posted<NewWorker>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let party_id = actor.scope.party_id;
    let registration = Batch::read_one(&state.keys, party_id, &posted.body, actor.now.day())?.plan_new(&state.keys)?;
    let keys = Arc::clone(&state.keys);
    posted
        .key
        .run(&state, move |connection| {
            let id = registration.commit_one(connection, &keys, &actor)?;
            let worker = store::worker(connection, &keys, party_id, id)?;
            Ok(Answer::created(format!("/v1/workers/{id}"), &worker)?.version(worker.version))
        })
        .await
}

/// Register many persons
///
/// Each row stands alone and has its own receipt. A person the register knows is compared: the same facts are `unchanged` and write
/// nothing, other facts (name, phone, place, reference, groups) are an `accepted` change. What a row does not mention stays as it is.
#[utoipa::path(
    tag = "workers",
    params(RowsMode),
    request_body(content((NewWorkerBatch = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 207, description = "What became of each row", body = Receipts), (status = 202, description = "The job the rows became", body = Job)),
    security(("oauth2" = ["workers.write"]))
)]
#[post("/v1/worker-batches")]
async fn register_worker_batch(
    state: web::Data<State>,
    caller: Caller<WorkersWrite>,
    posted: PostedRows<RegisterWorkers>,
) -> Result<Answer> {
    posted.run(&state, caller.actor(&state), RegisterWorkers {}).await
}

/// List the own register
///
/// Masked. Erased workers stay in the list without identity, so that a copy can follow. `Accept: text/csv` or a workbook gives all of it
/// as a file.
#[utoipa::path(
    tag = "workers",
    params(PageParams, WorkerFilter, TableParams),
    responses((status = 200, description = "A page of the register, or all of it as a file.", content((Page<Worker> = "application/json"), (Vec<u8> = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))),
    security(("oauth2" = ["workers.read"]))
)]
#[get("/v1/workers")]
async fn list_workers(
    state: web::Data<State>,
    caller: Caller<WorkersRead>,
    listing: Listing<WorkerFilter>,
    wanted: export::Wanted,
) -> Result<Listed> {
    let read = |connection: &mut DbConnection, reader: &Reader, filter: &WorkerFilter, page: &PageRequest| {
        store::list(connection, &reader.keys, reader.scope.party_id, filter, reader.today, page)
    };
    let reader = Reader::new(&state, caller.scope, [Id::NIL; 2]);
    export::list(&state, listing, wanted, reader, Source { read, id: |worker| worker.id }).await
}

impl TableRow for Worker {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("id", "人员标识"),
        ("partner_ref", "人员编号"),
        ("state", "状态"),
        ("masked_name", "姓名（脱敏）"),
        ("masked_identity_number", "身份证号码（脱敏）"),
        ("masked_phone", "联系电话（脱敏）"),
        ("sex", "性别"),
        ("birth_year", "出生年份"),
        ("hukou_code", "户籍区划代码"),
        ("groups", "人员类别"),
        ("version", "版本"),
        ("created_at", "登记时间"),
        ("updated_at", "更新时间"),
    ];
}

/// Find a person by identity number
///
/// An exact search in the own register, in the body so that the number never stands in an address. Nothing of the request is kept,
/// not even under its Idempotency-Key: a repeat searches again.
#[utoipa::path(
    tag = "workers",
    request_body = WorkerSearch,
    responses((status = 200, description = "Nobody or one.", body = WorkerMatches)),
    security(("oauth2" = ["workers.read"]))
)]
#[post("/v1/worker-searches")]
async fn search_workers(
    state: web::Data<State>,
    caller: Caller<WorkersRead>,
    posted: Posted<WorkerSearch>,
) -> Result<Answer> {
    let number = rules::read_number(posted.body.identity_number.expose(), "", state.clock.today())
        .map_err(|fault| Error::new(Code::FieldInvalid).fault(fault))?;
    let (keys, party_id) = (Arc::clone(&state.keys), caller.scope.party_id);
    let index = sealing::identity_index(&keys, party_id, &number);
    state
        .db
        .read(move |connection| {
            Answer::ok(&WorkerMatches { items: store::search(connection, &keys, party_id, index)? })
        })
        .await
}

/// Read a worker
///
/// Masked, with every group membership.
#[utoipa::path(
    tag = "workers",
    params(("worker_id" = Id, Path, description = "The worker.")),
    responses((status = 200, description = "The worker.", body = Worker, headers(("ETag")))),
    security(("oauth2" = ["workers.read"]))
)]
#[get("/v1/workers/{worker_id}")]
async fn get_worker(state: web::Data<State>, caller: Caller<WorkersRead>, path: web::Path<Id>) -> Result<Answer> {
    let (keys, party_id, worker_id) = (Arc::clone(&state.keys), caller.scope.party_id, path.into_inner());
    let worker = state.db.read(move |connection| store::worker(connection, &keys, party_id, worker_id)).await?;
    Ok(Answer::ok(&worker)?.version(worker.version))
}

/// Correct a worker
///
/// Name, phone, place of registration and reference. A correction that says nothing new changes no version.
#[utoipa::path(
    tag = "workers",
    params(("worker_id" = Id, Path, description = "The worker.")),
    request_body(content = WorkerPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The worker as it is now.", body = Worker, headers(("ETag")))),
    security(("oauth2" = ["workers.write"]))
)]
#[patch("/v1/workers/{worker_id}")]
async fn change_worker(
    state: web::Data<State>,
    caller: Caller<WorkersWrite>,
    path: web::Path<Id>,
    patched: Patched<WorkerPatch>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let correction = read_correction(patched.body, actor.now.day())?;
    let (keys, worker_id, version) = (Arc::clone(&state.keys), path.into_inner(), IfMatch(Some(patched.version)));
    let change =
        state.db.write(move |connection| changes::correct(connection, &keys, &actor, worker_id, version, correction));
    let worker = change.await?;
    Ok(Answer::ok(&worker)?.version(worker.version))
}

fn read_correction(patch: WorkerPatch, today: Day) -> Result<Correction> {
    let mut faults = Faults::new();
    let mut keep = |fault| faults.push(fault);
    let name = patch.name.map(|name| rules::read_name(name.expose(), "")).transpose().map_err(&mut keep);
    let phone = patch
        .phone
        .map(|phone| phone.map(|phone| rules::read_phone(phone.expose(), "")).transpose())
        .transpose()
        .map_err(&mut keep);
    let hukou_code = patch.hukou_code.map(|code| rules::read_hukou(&code, "")).transpose().map_err(&mut keep);
    if let Some(Some(partner_ref)) = &patch.partner_ref {
        rules::check_partner_ref(partner_ref, "", today).unwrap_or_else(&mut keep);
        faults.text("/partner_ref", partner_ref, 100);
    }
    match (name, phone, hukou_code) {
        (Ok(name), Ok(phone), Ok(hukou_code)) if faults.is_empty() => {
            Ok(Correction { name, phone, hukou_code, partner_ref: patch.partner_ref })
        }
        _ => Err(Error::new(Code::FieldInvalid).faults(faults.into_inner())),
    }
}

/// Add a group membership
///
/// Memberships are dated: a placement counts in the group its worker is in on the day of departure. A membership that is known with
/// the same group and first day takes the last day and source given here, which is how one is ended. Two memberships of one group
/// never share a day.
#[utoipa::path(
    tag = "workers",
    params(("worker_id" = Id, Path, description = "The worker."), IfMatch),
    request_body = GroupMembership,
    responses((status = 200, description = "The worker as it is now.", body = Worker, headers(("ETag")))),
    security(("oauth2" = ["workers.write"]))
)]
#[post("/v1/workers/{worker_id}/groups")]
async fn add_worker_group(
    state: web::Data<State>,
    caller: Caller<WorkersWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<GroupMembership>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let Posted { body, key } = posted;
    let (keys, worker_id) = (Arc::clone(&state.keys), path.into_inner());
    key.run(&state, move |connection| {
        let worker = changes::add_group(connection, &keys, &actor, worker_id, if_match, body)?;
        Ok(Answer::ok(&worker)?.version(worker.version))
    })
    .await
}

/// Read the unmasked identity
///
/// The purpose is recorded before the identity is answered, and both stand or fall together; the person can be told who read it. The
/// answer is never stored, so a repeat with the same Idempotency-Key is another reading and is recorded as one.
#[utoipa::path(
    tag = "workers",
    params(("worker_id" = Id, Path, description = "The worker.")),
    request_body = NewIdentityReading,
    responses((status = 200, description = "The identity.", body = UnmaskedIdentity)),
    security(("oauth2" = ["workers.identity"]))
)]
#[post("/v1/workers/{worker_id}/identity-readings")]
async fn read_worker_identity(
    state: web::Data<State>,
    caller: Caller<WorkersIdentity>,
    path: web::Path<Id>,
    posted: Posted<NewIdentityReading>,
) -> Result<Answer> {
    let mut faults = Faults::new();
    faults.text("/purpose", &posted.body.purpose, 200);
    faults.check()?;
    let actor = caller.actor(&state);
    let (keys, worker_id, purpose) = (Arc::clone(&state.keys), path.into_inner(), posted.body.purpose);
    // Not through the idempotency key: its table must never hold an identity in the clear.
    let reading = state.db.write(move |connection| readings::read(connection, &keys, &actor, worker_id, &purpose));
    Answer::ok(&reading.await?)
}

/// List who read an identity
///
/// Every unmasked reading of this worker: when, by which client, what for.
#[utoipa::path(
    tag = "workers",
    params(("worker_id" = Id, Path, description = "The worker."), PageParams),
    responses((status = 200, description = "A page of the readings.", body = Page<IdentityReading>)),
    security(("oauth2" = ["workers.read"]))
)]
#[get("/v1/workers/{worker_id}/identity-readings")]
async fn list_identity_readings(
    state: web::Data<State>,
    caller: Caller<WorkersRead>,
    path: web::Path<Id>,
    listing: Listing<NoFilter>,
) -> Result<Answer> {
    let page = listing.page(&state)?;
    let (keys, party_id, worker_id) = (Arc::clone(&state.keys), caller.scope.party_id, path.into_inner());
    state
        .db
        .read(move |connection| {
            let rows = readings::list(connection, party_id, worker_id, &page)?;
            Answer::page(&page.page(&keys, rows, |reading| reading.id))
        })
        .await
}

/// Erase an identity
///
/// Name, numbers, indexes, reference, groups, sex and birth year go for good; placements and totals stay. Refused while the worker has
/// an open placement of yours.
#[utoipa::path(
    tag = "workers",
    params(("worker_id" = Id, Path, description = "The worker."), IfMatch),
    request_body = NewErasure,
    responses((status = 200, description = "What is left of the record.", body = Worker, headers(("ETag")))),
    security(("oauth2" = ["workers.write"]))
)]
#[post("/v1/workers/{worker_id}/erasure")]
async fn erase_worker(
    state: web::Data<State>,
    caller: Caller<WorkersWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<NewErasure>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let Posted { body, key } = posted;
    let (keys, worker_id) = (Arc::clone(&state.keys), path.into_inner());
    key.run(&state, move |connection| {
        let worker = changes::erase(connection, &keys, &actor, worker_id, if_match, body.reason)?;
        Ok(Answer::ok(&worker)?.version(worker.version))
    })
    .await
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(register_worker)
        .service(register_worker_batch)
        .service(list_workers)
        .service(search_workers)
        .service(get_worker)
        .service(change_worker)
        .service(add_worker_group)
        .service(read_worker_identity)
        .service(list_identity_readings)
        .service(erase_worker);
}
