//! Requests for places, many in one statement.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::schema::quota;
use crate::db::{DbConnection, Id, RowSet, Uid, statement};
use crate::error::Result;
use crate::events::Actor;
use crate::quotas::Quota;

/// Writes requested quotas.
///
/// # Errors
/// [`crate::error::Code::PartnerRefTaken`].
pub fn insert(connection: &mut DbConnection, quotas: &[Quota]) -> Result<()> {
    let rows = RowSet::of(quotas)
        .column("agreement_id", |quota| quota.agreement_id)
        .column("id", |quota| quota.id)
        .column("destination_id", |quota| quota.destination_id)
        .column("employer_id", |quota| quota.employer_id)
        .column("post_title", |quota| quota.post_title.as_str())
        .column("occupation_code", |quota| quota.occupation_code.as_deref())
        .column("region_code", |quota| quota.region_code)
        .column("zone_id", |quota| quota.zone_id)
        .column("requested_places", |quota| quota.requested_places)
        .column("monthly_wage_min_fen", |quota| quota.monthly_wage_min_fen)
        .column("monthly_wage_max_fen", |quota| quota.monthly_wage_max_fen)
        .column("valid_until", |quota| quota.valid_until)
        .column("state", |quota| quota.state)
        .column("partner_ref", |quota| quota.partner_ref.as_deref())
        .column("created_at", |quota| quota.created_at);
    if rows.is_empty() {
        return Ok(());
    }
    statement(
        "insert into quota (agreement_id, id, destination_id, employer_id, post_title, occupation_code, region_code, zone_id, requested_places, \
         approved_places, approval_reason, withdrawal_reason, monthly_wage_min_fen, monthly_wage_max_fen, valid_until, state, partner_ref, version, \
         created_at, updated_at) \
         select r.agreement_id, r.id, r.destination_id, r.employer_id, r.post_title, r.occupation_code, r.region_code, r.zone_id, r.requested_places, \
         0, null, null, r.monthly_wage_min_fen, r.monthly_wage_max_fen, r.valid_until, r.state, r.partner_ref, 1, r.created_at, r.created_at from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// Publishes drafts of this very transaction with their approved places and reasons, on the quotas and on their accounts.
///
/// # Errors
/// What the database says.
pub fn publish(connection: &mut DbConnection, actor: &Actor, agreement_id: Id, published: &[Quota]) -> Result<()> {
    let rows = RowSet::of(published)
        .shared("agreement_id", agreement_id)
        .shared("now", actor.now.as_micros())
        .column("id", |quota| quota.id)
        .column("places", |quota| quota.approved_places)
        .column("reason", |quota| quota.approval_reason.as_deref())
        .column("version", |quota| quota.version);
    if rows.is_empty() {
        return Ok(());
    }
    for text in [
        "update quota set state = 'published', approved_places = r.places, approval_reason = r.reason, version = r.version, updated_at = r.now \
         from ? r where quota.agreement_id = r.agreement_id and quota.id = r.id",
        "insert into quota_approval (agreement_id, quota_id, version, places, approved_at) \
         select r.agreement_id, r.id, r.version, r.places, r.now from ? r",
        "update place_account set places = r.places from ? r where place_account.agreement_id = r.agreement_id and place_account.id = r.id",
    ] {
        statement(text).bind(rows.clone()).run(connection)?;
    }
    Ok(())
}

/// The quotas of a destination that have these references.
///
/// # Errors
/// What the database says.
pub fn of_references(
    connection: &mut DbConnection,
    agreement_id: Id,
    destination_id: Id,
    references: &[&str],
) -> Result<HashMap<String, Quota>> {
    let found: Vec<Quota> = quota::table
        .filter(quota::agreement_id.eq(agreement_id).and(quota::destination_id.eq(destination_id)))
        .filter(quota::partner_ref.eq_any(references.iter().copied()))
        .select(Quota::as_select())
        .load(connection)?;
    Ok(found.into_iter().filter_map(|quota| Some((quota.partner_ref.clone()?, quota))).collect())
}

/// Which of these ids are registered employers.
///
/// # Errors
/// What the database says.
pub fn employers(connection: &mut DbConnection, ids: impl Iterator<Item = Id>) -> Result<HashSet<Id>> {
    let ids: HashSet<Id> = ids.collect();
    let found: Vec<Id> = statement("select p.id from ? r cross join party p where p.id = r.id and p.kind = 'employer'")
        .bind(RowSet::list("id", ids))
        .returning::<Uid>()
        .load(connection)?;
    Ok(found.into_iter().collect())
}

/// A published post, by the words people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedPost {
    /// The quota.
    pub quota_id: Id,
    /// Name of the employer.
    pub employer_name: String,
    /// The post.
    pub post_title: String,
}

/// The published posts of an agreement the caller was let into.
///
/// # Errors
/// What the database says.
pub fn offered_posts(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<OfferedPost>> {
    let found: Vec<(Id, String, String)> = statement(
        "select q.id, p.name, q.post_title from quota q join party p on p.id = q.employer_id \
         where q.agreement_id = ? and q.state = 'published' order by q.id",
    )
    .bind(agreement_id)
    .returning::<(Uid, Text, Text)>()
    .load(connection)?;
    let post = |(quota_id, employer_name, post_title)| OfferedPost { quota_id, employer_name, post_title };
    Ok(found.into_iter().map(post).collect())
}
