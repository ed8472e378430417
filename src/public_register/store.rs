//! Queries of the public register. Nothing here asks who reads.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::job_posting::Offer;
use super::{JobPostingFilter, PublicAgreement, PublicAgreementFilter, PublicParty};
use crate::agreements::{self, AgreementKind, AgreementState, PartyRole};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::quotas::{QuotaStanding, QuotaState, rules};
use crate::regions::RegionCode;

type AgreementRow = (Id, String, String, AgreementKind, AgreementState, Day, Day, i64, i64, i64);

/// Concluded agreements with their totals; a condition and an order follow. Figures of a whole agreement stand under the quota nil.
const AGREEMENTS: &str = "select a.id, a.number, a.title, a.kind, a.state, a.effective_from, a.effective_to, \
    cast(coalesce((select sum(q.approved_places) from quota q where q.agreement_id = a.id and q.state <> 'draft'), 0) as bigint), \
    cast(coalesce((select sum(t.placements) from tally t where t.agreement_id = a.id and t.quota_id = ? and t.scope = 'any' \
        and t.population = 'all' and t.measure = 'dispatched' and t.standing = 'certain'), 0) as bigint), \
    cast(coalesce((select sum(t.placements) from tally t where t.agreement_id = a.id and t.quota_id = ? and t.scope = 'any' \
        and t.population = 'all' and t.measure = 'onboarded' and t.standing = 'certain'), 0) as bigint) \
    from agreement a where a.state in ('ratified', 'suspended', 'terminated')";

/// A page of the agreements that were concluded.
pub(super) fn agreements(
    connection: &mut DbConnection,
    filter: &PublicAgreementFilter,
    today: Day,
    page: &PageRequest,
) -> Result<Vec<PublicAgreement>> {
    let keyset = page.keyset("a.id");
    let of_region = filter.region_code.map(|_| {
        " and exists (select 1 from agreement_party m join party p on p.id = m.party_id where m.agreement_id = a.id and p.region_code = ?)"
    });
    let text = format!(
        "{AGREEMENTS}{} and {} order by {} limit ?",
        of_region.unwrap_or_default(),
        keyset.condition,
        keyset.order
    );
    let mut query = statement(text).bind(Id::NIL).bind(Id::NIL);
    if let Some(code) = filter.region_code {
        query = query.bind(code);
    }
    let rows: Vec<AgreementRow> = query
        .bind(keyset.after)
        .bind(page.probe())
        .returning::<(Uid, Text, Text, Text, Text, Text, Text, BigInt, BigInt, BigInt)>()
        .load(connection)?;
    let mut parties = parties(connection, rows.iter().map(|row| row.0))?;
    Ok(rows.into_iter().map(|row| shown(row, &mut parties, today)).collect())
}

fn shown(row: AgreementRow, parties: &mut HashMap<Id, Vec<PublicParty>>, today: Day) -> PublicAgreement {
    let (id, number, title, kind, state, effective_from, effective_to, places, dispatched, onboarded) = row;
    PublicAgreement {
        id,
        number,
        title,
        kind,
        standing: agreements::rules::standing(state, effective_from, effective_to, today),
        effective_from,
        effective_to,
        parties: parties.remove(&id).unwrap_or_default(),
        places,
        dispatched_person_times: dispatched,
        onboarded_person_times: onboarded,
    }
}

fn parties(connection: &mut DbConnection, ids: impl Iterator<Item = Id>) -> Result<HashMap<Id, Vec<PublicParty>>> {
    let rows: Vec<(Id, PartyRole, String, Option<RegionCode>)> = statement(
        "select m.agreement_id, m.role, p.name, coalesce(p.region_code, z.host_code) from ? r cross join agreement_party m \
         cross join party p left join zone z on z.id = p.zone_id where m.agreement_id = r.id and p.id = m.party_id",
    )
    .bind(RowSet::list("id", ids))
    .returning::<(Uid, Text, Text, Nullable<Text>)>()
    .load(connection)?;
    let mut parties: HashMap<Id, Vec<PublicParty>> = HashMap::new();
    for (agreement, role, name, region_code) in rows {
        parties.entry(agreement).or_default().push(PublicParty { name, role, region_code });
    }
    for of_one in parties.values_mut() {
        of_one.sort_by(|left, right| (left.role, &left.name).cmp(&(right.role, &right.name)));
    }
    Ok(parties)
}

type OfferRow = (
    (Id, String, String, Option<String>, RegionCode, String),
    (i64, Option<i64>, Option<i64>, Day, QuotaState, Instant, Instant, i64),
);

/// Quotas that were published under agreements that were concluded; a condition and an order follow.
const OFFERS: &str = "select q.id, a.number, q.post_title, q.occupation_code, q.region_code, e.name, q.approved_places, \
    q.monthly_wage_min_fen, q.monthly_wage_max_fen, q.valid_until, q.state, \
    coalesce((select min(v.approved_at) from quota_approval v where v.agreement_id = q.agreement_id and v.quota_id = q.id), q.created_at), \
    q.updated_at, p.consumed \
    from quota q join agreement a on a.id = q.agreement_id join party e on e.id = q.employer_id \
    join place_account p on p.agreement_id = q.agreement_id and p.id = q.id \
    where q.state <> 'draft' and a.state in ('ratified', 'suspended', 'terminated')";

/// The words of [`rules::standing`] for a quota that is open; takes a bind, the day.
const OPEN: &str =
    "(a.state = 'ratified' and q.state = 'published' and p.consumed < q.approved_places and q.valid_until >= ?)";

/// A page of offers.
pub(super) fn offers(
    connection: &mut DbConnection,
    filter: &JobPostingFilter,
    today: Day,
    page: &PageRequest,
) -> Result<Vec<Offer>> {
    let keyset = page.keyset("q.id");
    let of_region = if filter.region_code.is_some() { " and q.region_code = ?" } else { "" };
    let open = match filter.open {
        None => String::new(),
        Some(true) => format!(" and {OPEN}"),
        Some(false) => format!(" and not {OPEN}"),
    };
    let text = format!("{OFFERS}{of_region}{open} and {} order by {} limit ?", keyset.condition, keyset.order);
    let mut query = statement(text);
    if let Some(code) = filter.region_code {
        query = query.bind(code);
    }
    if filter.open.is_some() {
        query = query.bind(today);
    }
    let rows: Vec<OfferRow> = query.bind(keyset.after).bind(page.probe()).returning::<OfferTypes>().load(connection)?;
    Ok(rows.into_iter().map(|row| offer(row, today)).collect())
}

type OfferTypes = (
    (Uid, Text, Text, Nullable<Text>, Text, Text),
    (BigInt, Nullable<BigInt>, Nullable<BigInt>, Text, Text, BigInt, BigInt, BigInt),
);

/// One offer.
pub(super) fn offer_of(connection: &mut DbConnection, quota_id: Id, today: Day) -> Result<Offer> {
    let rows: Vec<OfferRow> =
        statement(format!("{OFFERS} and q.id = ?")).bind(quota_id).returning::<OfferTypes>().load(connection)?;
    let row = rows.into_iter().next().ok_or_else(|| Error::not_found("job posting", "岗位"))?;
    Ok(offer(row, today))
}

fn offer(row: OfferRow, today: Day) -> Offer {
    let (
        (quota_id, agreement_number, post_title, occupation_code, region_code, employer_name),
        (places, lowest, highest, valid_until, state, posted_at, updated_at, filled),
    ) = row;
    let standing = match state {
        QuotaState::Draft => QuotaStanding::Draft,
        QuotaState::Withdrawn => QuotaStanding::Withdrawn,
        QuotaState::Published => rules::standing_of_published(places, filled, valid_until, today),
    };
    Offer {
        quota_id,
        agreement_number,
        post_title,
        occupation_code,
        region_code,
        employer_name,
        places,
        wage_fen: (lowest, highest),
        valid_until,
        standing,
        posted_at,
        updated_at,
    }
}
