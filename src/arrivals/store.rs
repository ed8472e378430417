//! Queries of arrivals: claims as parties read them, and who may speak in an agreement.

pub mod claims;
pub mod disputes;
pub mod overdue;
pub mod subjects;

use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl};

use super::{Claim, ClaimantRole, ClaimedOutcome};
use crate::agreements::{self, AgreementState};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, Statement, Uid, statement};
use crate::error::{Code, Error, Result};
use crate::http::query::AnyOf;
use crate::identity::Scope;
use crate::seal::{KeyRing, Place};
use crate::workers::person_name::PersonName;

/// What a list of claims may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClaimFilter {
    /// Only claims about this placement.
    pub placement_id: Option<Id>,
    /// Only claims of this party.
    pub claimant_id: Option<Id>,
    /// Only claims in one of these capacities.
    #[param(inline)]
    pub claimant_role: Option<AnyOf<ClaimantRole>>,
    /// Only claims of one of these outcomes.
    #[param(inline)]
    pub outcome: Option<AnyOf<ClaimedOutcome>>,
    /// Only late claims, or only claims in time.
    pub late: Option<bool>,
    /// Only claims about announced people, or only about people nobody announced.
    pub announced: Option<bool>,
    /// Only first arrivals (首次), or only arrivals of workers who had been there before.
    pub first_arrival: Option<bool>,
    /// Only claims that no later one of the same claimant has replaced, or only replaced ones.
    pub in_effect: Option<bool>,
    /// Only the claim with this reference of the claimant.
    #[param(max_length = 100, min_length = 1)]
    pub client_ref: Option<String>,
    /// Only claims: recorded, replaced by a later one, or whose placement has departed that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Who somebody is in an agreement under which claims can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The role of a party of the agreement; none for an employer.
    pub member: Option<ClaimantRole>,
    /// First day of the agreement's term.
    pub effective_from: Day,
    /// Version of the agreement's row, for events about it.
    pub version: i64,
}

/// What the caller's party is in an agreement; also an employer that no quota names but to which a person was diverted.
///
/// # Errors
/// [`Code::NotFound`] for outsiders, [`Code::AgreementNotInForce`] while it is not ratified.
pub fn standing(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Standing> {
    let member = viewer(connection, scope, agreement_id)?;
    let (state, effective_from, version): (AgreementState, Day, i64) =
        statement("select state, effective_from, version from agreement where id = ?")
            .bind(agreement_id)
            .returning::<(Text, Text, BigInt)>()
            .get_result(connection)?;
    if matches!(state, AgreementState::Draft | AgreementState::Proposed) {
        return Err(Error::new(Code::AgreementNotInForce).param("state", state.as_str()));
    }
    Ok(Standing { member, effective_from, version })
}

/// The caller's role in an agreement; none for an employer that is or was to be the workplace of somebody.
///
/// # Errors
/// [`Code::NotFound`] for outsiders.
pub fn viewer(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Option<ClaimantRole>> {
    match agreements::store::readable(connection, scope, agreement_id) {
        Err(error) if error.code == Code::NotFound => {
            let took_somebody: Option<Id> =
                statement("select id from placement where agreement_id = ? and real_employer_id = ? limit 1")
                    .bind(agreement_id)
                    .bind(scope.party_id)
                    .returning::<Uid>()
                    .get_result(connection)
                    .optional()?;
            if took_somebody.is_some() { Ok(None) } else { Err(error) }
        }
        read => Ok(read?.map(ClaimantRole::from)),
    }
}

/// The prefecture a region code lies in, as SQL: a province-run county stands for itself, a municipality for its whole.
fn prefecture(code: &str) -> String {
    format!(
        "case when substr({code}, 1, 2) in ('11', '12', '31', '50') then substr({code}, 1, 2) \
         when substr({code}, 3, 2) = '90' then {code} else substr({code}, 1, 4) end"
    )
}

/// First arrival: the origin's register knows no earlier arrival of this worker in the prefecture of this one.
fn first_arrival() -> String {
    let (earlier, here) = (
        prefecture("coalesce(earlier.real_region_code, earlier_quota.region_code)"),
        prefecture("coalesce(c.region_code, q.region_code)"),
    );
    format!(
        "(case when p.id is null or c.outcome not in ('onboarded', 'diverted') then null else not exists \
         (select 1 from placement earlier join quota earlier_quota on earlier_quota.agreement_id = earlier.agreement_id and earlier_quota.id = earlier.quota_id \
         where earlier.origin_id = p.origin_id and earlier.worker_id = p.worker_id and earlier.id <> p.id and earlier.onboarded_on < c.happened_on \
         and {earlier} = {here}) end)"
    )
}

type ClaimColumns = (
    (
        Uid,
        Uid,
        Nullable<Uid>,
        Uid,
        Text,
        Nullable<Text>,
        Text,
        Text,
        Nullable<Uid>,
        Nullable<Text>,
        Text,
        Bool,
        Nullable<Uid>,
        BigInt,
        Bool,
        Nullable<Bool>,
        Nullable<Text>,
    ),
    Nullable<Binary>,
);

/// The claims of an agreement, up to a `where` that has begun. The masked name is made from the sealed one after reading.
fn select_claims() -> String {
    format!(
        "select c.agreement_id, c.id, c.placement_id, c.claimant_id, c.claimant_role, c.client_ref, c.outcome, c.happened_on, \
         c.employer_id, c.region_code, c.evidence, c.late, c.replaced_by, c.recorded_at, c.placement_id is not null, {}, cast(null as text), c.name_sealed \
         from claim c left join placement p on p.agreement_id = c.agreement_id and p.id = c.placement_id \
         left join quota q on q.agreement_id = p.agreement_id and q.id = p.quota_id where c.agreement_id = ?",
        first_arrival()
    )
}

/// What an employer may see: claims about people planned for it, or taken by it, and its own.
const OF_EMPLOYER: &str =
    " and (p.employer_id = ? or p.real_employer_id = ? or c.employer_id = ? or c.claimant_id = ?)";

fn only_of_employer(statement: Statement, employer: Option<Id>) -> Statement {
    match employer {
        Some(id) => statement.bind(id).bind(id).bind(id).bind(id),
        None => statement,
    }
}

fn load(connection: &mut DbConnection, keys: &KeyRing, statement: Statement) -> Result<Vec<Claim>> {
    let rows: Vec<(Claim, Option<Vec<u8>>)> = statement.returning::<ClaimColumns>().load(connection)?;
    rows.into_iter()
        .map(|(claim, sealed)| Ok(Claim { name_masked: masked(keys, claim.id, sealed.as_deref())?, ..claim }))
        .collect()
}

fn masked(keys: &KeyRing, claim_id: Id, sealed: Option<&[u8]>) -> Result<Option<String>> {
    let Some(sealed) = sealed else { return Ok(None) };
    let name = keys.open(name_place(claim_id), sealed).map_err(|error| Error::internal(error.code()))?;
    let name = PersonName::parse(name.expose()).map_err(Error::internal)?;
    Ok(Some(name.masked()))
}

/// The cell that holds the name of somebody nobody announced.
#[must_use]
pub const fn name_place(claim_id: Id) -> Place {
    Place { table: "claim", column: "name_sealed", row: claim_id.0 }
}

/// One claim, for a party that may see it; `employer` narrows it to what that employer may see.
///
/// # Errors
/// [`Code::NotFound`].
pub fn claim(
    connection: &mut DbConnection,
    keys: &KeyRing,
    agreement_id: Id,
    employer: Option<Id>,
    id: Id,
) -> Result<Claim> {
    let narrowed = if employer.is_some() { OF_EMPLOYER } else { "" };
    let query = statement(format!("{} and c.id = ?{narrowed}", select_claims())).bind(agreement_id).bind(id);
    let found = load(connection, keys, only_of_employer(query, employer))?;
    found.into_iter().next().ok_or_else(|| Error::not_found("claim", "到岗信息"))
}

/// As many places for values as there are values.
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// A claim is never written to again but by a later one that replaces it, and by the departure it had waited for.
const CHANGED_SINCE: &str = " and (c.recorded_at >= ? \
    or exists (select 1 from claim n where n.agreement_id = c.agreement_id and n.id = c.replaced_by and n.recorded_at >= ?) \
    or exists (select 1 from placement p where p.agreement_id = c.agreement_id and p.id = c.placement_id and p.departure_recorded_at >= ?))";

/// A page of the claims of an agreement the caller was let into.
///
/// # Errors
/// What the database says.
pub fn list(
    connection: &mut DbConnection,
    keys: &KeyRing,
    agreement_id: Id,
    employer: Option<Id>,
    filter: &ClaimFilter,
    page: &PageRequest,
) -> Result<Vec<Claim>> {
    let mut text = select_claims();
    let mut add = |asked: bool, condition: &str| {
        if asked {
            text.push_str(condition);
        }
    };
    add(employer.is_some(), OF_EMPLOYER);
    add(filter.placement_id.is_some(), " and c.placement_id = ?");
    add(filter.claimant_id.is_some(), " and c.claimant_id = ?");
    let roles = filter.claimant_role.as_ref().map(AnyOf::values).unwrap_or_default();
    let outcomes = filter.outcome.as_ref().map(AnyOf::values).unwrap_or_default();
    add(!roles.is_empty(), &format!(" and c.claimant_role in ({})", marks(roles.len())));
    add(!outcomes.is_empty(), &format!(" and c.outcome in ({})", marks(outcomes.len())));
    add(filter.client_ref.is_some(), " and c.client_ref = ?");
    add(filter.late == Some(true), " and c.late");
    add(filter.late == Some(false), " and not c.late");
    add(filter.announced == Some(true), " and c.placement_id is not null");
    add(filter.announced == Some(false), " and c.placement_id is null");
    add(filter.in_effect == Some(true), " and c.replaced_by is null");
    add(filter.in_effect == Some(false), " and c.replaced_by is not null");
    add(filter.first_arrival == Some(true), &format!(" and {}", first_arrival()));
    add(filter.first_arrival == Some(false), &format!(" and not {}", first_arrival()));
    add(filter.updated_since.is_some(), CHANGED_SINCE);
    let keyset = page.keyset("c.id");
    add(true, &format!(" and {} order by {} limit ?", keyset.condition, keyset.order));

    let mut query = only_of_employer(statement(text).bind(agreement_id), employer);
    for id in [filter.placement_id, filter.claimant_id].into_iter().flatten() {
        query = query.bind(id);
    }
    for role in roles {
        query = query.bind(role.as_str());
    }
    for outcome in outcomes {
        query = query.bind(outcome.as_str());
    }
    if let Some(reference) = &filter.client_ref {
        query = query.bind(reference.clone());
    }
    if let Some(since) = filter.updated_since {
        query = query.bind(since).bind(since).bind(since);
    }
    load(connection, keys, query.bind(keyset.after).bind(page.probe()))
}
