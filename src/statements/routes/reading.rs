//! Reading statements: the list, one with its figures, rows, differences, the signed bytes and the package.

use actix_web::{Responder, get, web};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::agreements::store::membership;
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::error::{Code, Error, Fault, Result};
use crate::http::query::Query;
use crate::http::{Answer, Listing, PageParams};
use crate::identity::Caller;
use crate::identity::policy::AgreementsRead;
use crate::statements::commands;
use crate::statements::difference::{EditionDifference, EditionRef, differing, figure_changes, row_change};
use crate::statements::package::Package;
use crate::statements::store::editions::{self, Edition, EditionParam, RowsFilter, StatementRow};
use crate::statements::store::{self, StatementFilter};
use crate::statements::{MonthlyStatement, StatementDetail};

pub(super) fn mount_within(config: &mut ServiceConfig) {
    config
        .service(list_statements)
        .service(get_statement)
        .service(list_statement_rows)
        .service(get_statement_difference)
        .service(get_statement_document)
        .service(get_statement_package);
}

/// Which two editions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Between {
    /// The earlier edition; the one before `to` unless told.
    #[param(minimum = 1, maximum = 1_000_000, example = 1)]
    from: Option<i64>,
    /// The later edition; the latest unless told.
    #[param(minimum = 1, maximum = 1_000_000, example = 2)]
    to: Option<i64>,
}

/// List statements
///
/// The months of an agreement and how far each has got. For its parties.
#[utoipa::path(tag = "statements", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, StatementFilter),
    responses((status = 200, description = "A page of statements", body = Page<MonthlyStatement>)), security(("oauth2" = ["agreements.read"])))]
#[get("/statements")]
async fn list_statements(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<StatementFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let rows = store::list(connection, agreement_id, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    };
    state.db.read(read).await
}

/// Read a statement
///
/// One edition with its digest, figures, restatements of frozen months, and who has signed it.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), EditionParam),
    responses((status = 200, description = "The statement", body = StatementDetail, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/statements/{statement_id}")]
async fn get_statement(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    query: Query<EditionParam>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        let version = row.version;
        Ok(Answer::ok(&commands::detail(connection, row, query.0.edition)?)?.shown(version))
    };
    state.db.read(read).await
}

/// List the rows of a statement
///
/// Every row, or those behind one figure: their number is the figure's placements, and their distinct persons its persons as far as
/// nobody counts by a surer row. In the order of their place; `sort` takes `id` for that order.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), PageParams, RowsFilter),
    responses((status = 200, description = "A page of rows", body = Page<StatementRow>)), security(("oauth2" = ["agreements.read"])))]
#[get("/statements/{statement_id}/rows")]
async fn list_statement_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<RowsFilter>,
) -> Result<Answer> {
    let (page, keys, (agreement_id, id)) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        let rows = editions::rows(connection, &row, &listing.filter, &page)?;
        Answer::page(&page.page_by_number(&keys, rows, |row| row.ordinal))
    };
    state.db.read(read).await
}

/// Find out where two editions differ
///
/// When the two sides have different digests: the first row that differs, with the fields and both values, how many rows differ, and
/// every figure that does.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), Between),
    responses((status = 200, description = "What differs", body = EditionDifference)), security(("oauth2" = ["agreements.read"])))]
#[get("/statements/{statement_id}/difference")]
async fn get_statement_difference(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    query: Query<Between>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        let to = query.0.to.unwrap_or(row.edition);
        let from = query.0.from.unwrap_or_else(|| to.saturating_sub(1).max(1));
        if from > to {
            let (en, zh) = ("from must not be later than to", "from 不得晚于 to");
            return Err(Error::new(Code::ParameterInvalid).fault(Fault::query("from", "after_to", en, zh)));
        }
        let from = editions::one(connection, &row, Some(from))?;
        let to = editions::one(connection, &row, Some(to))?;
        Answer::ok(&between(connection, &from, &to)?)
    };
    state.db.read(read).await
}

fn between(connection: &mut DbConnection, from: &Edition, to: &Edition) -> Result<EditionDifference> {
    let same_rows = from.rows_root == to.rows_root;
    let places = if same_rows {
        Vec::new()
    } else {
        differing(&editions::leaves(connection, from)?, &editions::leaves(connection, to)?)
    };
    let first = match places.first() {
        None => None,
        Some((was, is)) => {
            let before = editions::content_at(connection, from, *was)?;
            Some(row_change(before, editions::content_at(connection, to, *is)?)?)
        }
    };
    let told = |edition: &Edition| EditionRef {
        edition: edition.edition,
        digest: hex::encode(&edition.digest),
        rows_root: hex::encode(&edition.rows_root),
        computed_by: edition.computed_by,
        computed_at: edition.computed_at,
    };
    Ok(EditionDifference {
        from: told(from),
        to: told(to),
        same_rows,
        rows_differing: i64::try_from(places.len()).map_err(Error::internal)?,
        first,
        figures: figure_changes(&from.read()?.figures, &to.read()?.figures),
    })
}

/// Get the signed bytes of a statement
///
/// The exact canonical bytes (RFC 8785) both sides sign, never written anew. Their SHA-256 is the ETag and, in base64, the Content-Digest
/// (RFC 9530); compute it yourself before you sign.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), EditionParam),
    responses((status = 200, description = "The bytes", content_type = "application/json", body = serde_json::Value,
        headers(("Content-Digest" = String, description = "`sha-256=:…:`, the SHA-256 of the body in base64")), headers(("ETag")))),
    security(("oauth2" = ["agreements.read"])))]
#[get("/statements/{statement_id}/document")]
async fn get_statement_document(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    query: Query<EditionParam>,
) -> Result<impl Responder> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        editions::one(connection, &row, query.0.edition)
    };
    let edition = state.db.read(read).await?;
    let digest = format!("sha-256=:{}:", BASE64_STANDARD.encode(&edition.digest));
    let etag = format!("\"{}\"", hex::encode(&edition.digest));
    let answer = Answer::bytes("application/json", etag, edition.document.into_bytes());
    Ok(answer.customize().insert_header(("Content-Digest", digest)))
}

/// Get a statement with everything needed to check it
///
/// A zip with the signed bytes, every row, the ratified terms, the signatures and the keys. Check it with
/// `labour-exchange verify-statement FILE`, without a database and without asking the exchange.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), EditionParam),
    responses((status = 200, description = "The package", content_type = "application/zip", body = String, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/statements/{statement_id}/package")]
async fn get_statement_package(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    query: Query<EditionParam>,
) -> Result<impl Responder> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        let edition = editions::one(connection, &row, query.0.edition)?;
        let name = format!("statement-{}-{}.zip", row.month, edition.edition);
        Ok((name, Package::gather(connection, &row, &edition)?.write()?))
    };
    let (name, bytes) = state.db.read(read).await?;
    let answer = Answer { etag: None, ..Answer::bytes("application/zip", String::new(), bytes) }.tagged();
    Ok(answer.customize().insert_header(("Content-Disposition", format!("attachment; filename=\"{name}\""))))
}
