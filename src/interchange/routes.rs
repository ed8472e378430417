//! HTTP of imports: sending a file, seeing what became of its rows, applying it, getting it back.

use std::sync::Arc;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpResponse, get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::applying::{self, Tools};
use super::intake::{self, TakenFile};
use super::layouts::{self, Layouts};
use super::reading::{self, FileFormat};
use super::store::rows::{self, ImportRowFilter, SealedRow};
use super::store::{self, ImportFilter};
use super::{Import, ImportOptions, ImportRow, ImportRowKind, ImportState, ROWS_PER_STEP, apply_command, returning};
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::http::extract::{EmptyBody, IfMatch};
use crate::http::query::Query;
use crate::http::{Answer, Listing, PageParams, Posted, PostedFile};
use crate::identity::Caller;
use crate::identity::policy::ImportsWrite;
use crate::parties::store::party;

/// Media type of a workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Media types of text with values between signs.
const CSV: [&str; 3] = ["text/csv", "application/csv", "text/tab-separated-values"];

/// Lists the layouts
///
/// The kinds of files that are taken, with their columns and every heading each column goes by.
#[utoipa::path(tag = "imports", responses((status = 200, description = "The layouts", body = Layouts, headers(("ETag")))), security(("oauth2" = ["imports.write"])))]
#[get("/v1/import-layouts")]
async fn list_import_layouts(_: Caller<ImportsWrite>) -> Result<Answer> {
    Ok(Answer::ok(&layouts::all())?.tagged())
}

/// A file that is ready to be kept.
struct Prepared {
    import: Import,
    sheets: Vec<String>,
    rows: Vec<SealedRow>,
}

/// Reads, checks and seals a file, on a thread that neither serves requests nor writes to the database.
async fn prepare(
    state: &State,
    caller: &Caller<ImportsWrite>,
    file: &PostedFile,
    options: ImportOptions,
) -> Result<Prepared> {
    let format = if CSV.contains(&file.media_type.as_str()) {
        FileFormat::Csv
    } else if file.media_type == XLSX {
        FileFormat::Xlsx
    } else {
        let refused = Error::new(Code::UnsupportedMediaType).param("media_types", vec![CSV[0], XLSX]);
        return Err(refused.detail(
            "send the file as text/csv or as an .xlsx workbook with its media type; save other formats as one of the two",
            "请以 text/csv 或 .xlsx 工作簿（及其 Content-Type）提交；其他格式请先另存为这两种之一",
        ));
    };
    let party_id = caller.scope.party_id;
    let own_county = state.db.read(move |connection| Ok(party(connection, party_id)?.region_code)).await?;
    let (bytes, charset, now) = (file.bytes.clone(), file.charset.clone(), state.clock.now());
    let (keys, scope) = (Arc::clone(&state.keys), caller.scope);
    let read = move || {
        let workbook = reading::read(&bytes, format, charset.as_deref()).map_err(intake::problem_of)?;
        let found = workbook.charset.map(ToOwned::to_owned);
        let named = Some(options.layout.as_str()).filter(|layout| !layout.is_empty());
        let TakenFile { layout, sheets, rows } = intake::take(workbook, named, now.day(), own_county)?;
        intake::check_options(layout, &options)?;
        let data = rows.iter().filter(|row| row.kind == ImportRowKind::Data).count();
        let import = Import {
            id: Id::new(),
            party_id,
            client_id: scope.client_id,
            target: layout.target,
            format,
            charset: found,
            byte_count: i64::try_from(bytes.len()).map_err(Error::internal)?,
            options: ImportOptions { layout: layout.code.to_owned(), ..options },
            state: ImportState::Received,
            row_count: i64::try_from(data).map_err(Error::internal)?,
            skipped_count: i64::try_from(rows.len() - data).map_err(Error::internal)?,
            done_count: 0,
            accepted: 0,
            unchanged: 0,
            rejected: 0,
            warned: 0,
            findings: store::Counts::default(),
            refusal: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Ok(Prepared { import, sheets, rows: rows::seal(&keys, rows)? })
    };
    web::block(read).await.map_err(Error::internal)?
}

/// What is done within the request that brings or applies an import: all of a small one; a large one is taken on as a job.
fn begin(connection: &mut DbConnection, tools: Tools<'_>, actor: &Actor, import: Import) -> Result<Import> {
    if import.row_count <= ROWS_PER_STEP {
        return applying::finish(connection, tools, actor.scope, import);
    }
    apply_command::queue(connection, actor, import.id)?;
    Ok(import)
}

/// 202 while it is under way, else `done`; where to look for it, unless it was there before and is done.
fn answer(import: &Import, done: u16) -> Result<Answer> {
    let status = if applying::is_under_way(import) { 202 } else { done };
    let location = (status != 200).then(|| format!("/v1/imports/{}", import.id));
    Ok(Answer { status, location, ..Answer::ok(import)?.version(import.version) })
}

/// Sends a file
///
/// CSV (UTF-8, GB18030 or GBK, said or found out) or XLSX, in a layout of `/v1/import-layouts`. Its rows are read, checked by the rules
/// R01-R15, and tried against the books; unless `validate_only` says otherwise they are then applied by the same commands as the API, so
/// the token needs their scopes too. A row that cannot be taken does not stop the others. The same file again changes nothing. Up to
/// 1,000 rows are done when the answer comes (201); a larger file answers 202 and goes on as a job of `/v1/jobs`, which may be cancelled.
/// Its rows are kept for 30 days.
#[utoipa::path(tag = "imports", params(ImportOptions),
    request_body(content((Vec<u8> = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")), description = "The file, at most 5 MiB unless the operator says otherwise"),
    responses((status = 201, description = "The import, done", body = Import, headers(("ETag"))), (status = 202, description = "The import, under way", body = Import, headers(("ETag")))),
    security(("oauth2" = ["imports.write"])))]
#[post("/v1/imports")]
async fn send_import(
    state: web::Data<State>,
    caller: Caller<ImportsWrite>,
    query: Query<ImportOptions>,
    file: PostedFile,
) -> Result<Answer> {
    let Prepared { import, sheets, rows } = prepare(&state, &caller, &file, query.0).await?;
    require_scopes(&caller, &import)?;
    let (actor, digest) = (caller.actor(&state), file.digest);
    let (keys, judge) = (Arc::clone(&state.keys), state.judge);
    let keep = move |connection: &mut DbConnection| {
        store::insert(connection, &keys, &import, digest, &sheets, &rows)?;
        answer(&begin(connection, Tools { keys: &keys, judge, now: actor.now }, &actor, import)?, 201)
    };
    let answered = file.key.run(&state, keep).await?;
    state.jobs_waiting.notify_one();
    Ok(answered)
}

/// Lists imports
///
/// The caller's own, also those of its other clients.
#[utoipa::path(tag = "imports", params(PageParams, ImportFilter), responses((status = 200, description = "A page of imports", body = Page<Import>)), security(("oauth2" = ["imports.write"])))]
#[get("/v1/imports")]
async fn list_imports(
    state: web::Data<State>,
    caller: Caller<ImportsWrite>,
    listing: Listing<ImportFilter>,
) -> Result<Answer> {
    let (page, keys) = (listing.page(&state)?, Arc::clone(&state.keys));
    let read = move |connection: &mut DbConnection| {
        let rows = store::list(connection, &caller.scope, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |import| import.id))
    };
    state.db.read(read).await
}

/// Reads an import
///
/// How far it is, what became of its rows, and what was found how often.
#[utoipa::path(tag = "imports", params(("import_id" = Id, Path, description = "The import")),
    responses((status = 200, description = "The import", body = Import, headers(("ETag")))), security(("oauth2" = ["imports.write"])))]
#[get("/v1/imports/{import_id}")]
async fn get_import(state: web::Data<State>, caller: Caller<ImportsWrite>, path: web::Path<Id>) -> Result<Answer> {
    let id = path.into_inner();
    let import = state.db.read(move |connection| store::import(connection, &caller.scope, id)).await?;
    Ok(Answer::ok(&import)?.version(import.version))
}

/// Lists the rows of an import
///
/// In the order of the file, titles and notes too: what became of each, what was found, with the cell. The cells themselves are sealed.
#[utoipa::path(tag = "imports", params(("import_id" = Id, Path, description = "The import"), PageParams, ImportRowFilter),
    responses((status = 200, description = "A page of rows", body = Page<ImportRow>)), security(("oauth2" = ["imports.write"])))]
#[get("/v1/imports/{import_id}/rows")]
async fn list_import_rows(
    state: web::Data<State>,
    caller: Caller<ImportsWrite>,
    path: web::Path<Id>,
    listing: Listing<ImportRowFilter>,
) -> Result<Answer> {
    let (page, keys, id) = (listing.page(&state)?, Arc::clone(&state.keys), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        store::import(connection, &caller.scope, id)?;
        let rows = rows::list(connection, &keys, id, &listing.filter, &page)?;
        Answer::page(&page.page_by_number(&keys, rows, |row| row.number))
    };
    state.db.read(read).await
}

/// Applies an import
///
/// Writes what can be written of an import that was only tried; of one whose rows are still being tried, when that is over.
#[utoipa::path(tag = "imports", params(("import_id" = Id, Path, description = "The import"), IfMatch), request_body = EmptyBody,
    responses((status = 200, description = "The import, applied", body = Import, headers(("ETag"))), (status = 202, description = "The import, under way", body = Import, headers(("ETag")))),
    security(("oauth2" = ["imports.write"])))]
#[post("/v1/imports/{import_id}/apply")]
async fn apply_import(
    state: web::Data<State>,
    caller: Caller<ImportsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (id, actor) = (path.into_inner(), caller.actor(&state));
    let (keys, judge) = (Arc::clone(&state.keys), state.judge);
    let apply = move |connection: &mut DbConnection| {
        let import = store::locked(connection, &actor.scope, id)?;
        if_match.check(import.version)?;
        require_scopes(&caller, &import)?;
        let has_job = applying::is_under_way(&import);
        let mut import = applying::shall_be_applied(connection, import, actor.now)?;
        if !has_job {
            import = begin(connection, Tools { keys: &keys, judge, now: actor.now }, &actor, import)?;
        }
        answer(&import, 200)
    };
    let answered = posted.key.run(&state, apply).await?;
    state.jobs_waiting.notify_one();
    Ok(answered)
}

/// The scopes of the commands behind an import.
fn require_scopes(caller: &Caller<ImportsWrite>, import: &Import) -> Result<()> {
    let roster = import.options.dispatch_id.map(|_| &"dispatches.write");
    import.target.scopes().iter().chain(roster).try_for_each(|scope| caller.require(scope))
}

/// Gets the file back
///
/// The same rows at the same numbers, with 校验结果 and 差异说明 beside each, in the format it came in. Mended, the same file can be sent
/// again. It holds the personal data it was sent with, so only the party that sent it gets it.
#[utoipa::path(tag = "imports", params(("import_id" = Id, Path, description = "The import")),
    responses((status = 200, description = "The file", content((Vec<u8> = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))),
    security(("oauth2" = ["imports.write"])))]
#[get("/v1/imports/{import_id}/file")]
async fn get_import_file(
    state: web::Data<State>,
    caller: Caller<ImportsWrite>,
    path: web::Path<Id>,
) -> Result<HttpResponse> {
    let (id, keys) = (path.into_inner(), Arc::clone(&state.keys));
    let read = move |connection: &mut DbConnection| {
        let import = store::import(connection, &caller.scope, id)?;
        Ok((import.format, store::sheets(connection, &keys, id)?, rows::all(connection, &keys, id)?))
    };
    let (format, sheets, rows) = state.db.read(read).await?;
    let written = web::block(move || returning::write(format, &sheets, &rows)).await.map_err(Error::internal)??;
    let (media_type, ending) = match format {
        FileFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        FileFormat::Xlsx => (XLSX, "xlsx"),
    };
    let disposition = (CONTENT_DISPOSITION, format!("attachment; filename=\"import-{id}.{ending}\""));
    Ok(HttpResponse::Ok().content_type(media_type).insert_header(disposition).body(written))
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(list_import_layouts)
        .service(send_import)
        .service(list_imports)
        .service(get_import)
        .service(list_import_rows)
        .service(apply_import)
        .service(get_import_file);
}
