//! Agreements in the database: the only queries of this slice. Every function that reads for a caller takes the caller's [`Scope`];
//! what belongs to others, and another party's draft, looks absent.

pub mod versions;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Digest;
use super::requests::{AgreementFilter, NewSignatory};
use super::{Agreement, AgreementState, PartyRole, Standing, Terms, VersionState, rules};
use crate::db::schema::{agreement, agreement_party};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, RowSet, Uid, statement};
use crate::error::{Code, Error, Result};
use crate::identity::Scope;

/// Parsed terms kept in memory; a province has some hundred agreements in force.
const TERMS_REMEMBERED: usize = 1_024;

/// Parsed terms by the digest of their document. The digest is checked before an entry is made, so an entry can never be wrong and
/// never needs to be taken away.
static TERMS: LazyLock<Mutex<HashMap<Digest, Arc<Terms>>>> = LazyLock::new(Mutex::default);

/// An agreement and what the caller's party is in it.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The agreement.
    pub agreement: Agreement,
    /// The caller's role.
    pub role: PartyRole,
}

/// A party of an agreement, as the register has it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgreementParty {
    /// The party.
    pub party_id: Id,
    /// What it is in this agreement.
    pub role: PartyRole,
    /// Its name.
    #[schema(max_length = 100, example = "邵阳县人力资源和社会保障局")]
    pub name: String,
    /// What kind of party it is.
    #[schema(max_length = 20, example = "authority")]
    pub kind: String,
    /// Its division; of a zone, the division that hosts it.
    pub region_code: Option<crate::regions::RegionCode>,
}

/// Every agreement there is, drafts too, oldest first: for the checks of the operator, who has no party in them.
///
/// # Errors
/// What the database says.
pub fn every_id(connection: &mut DbConnection) -> Result<Vec<Id>> {
    Ok(agreement::table.order(agreement::id).select(agreement::id).load(connection)?)
}

/// An agreement the caller's party takes part in; a draft only for the party that writes it.
///
/// # Errors
/// [`Code::NotFound`] for everybody else.
pub fn membership(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Membership> {
    let row: Option<(Agreement, PartyRole)> = agreement::table
        .inner_join(agreement_party::table.on(agreement_party::agreement_id.eq(agreement::id)))
        .filter(agreement::id.eq(agreement_id))
        .filter(agreement_party::party_id.eq(scope.party_id))
        .select((Agreement::as_select(), agreement_party::role))
        .get_result(connection)
        .optional()?;
    row.filter(|(agreement, _)| agreement.state != AgreementState::Draft || agreement.drafted_by == scope.party_id)
        .map(|(agreement, role)| Membership { agreement, role })
        .ok_or_else(absent)
}

/// What the caller's party is in an agreement that it takes part in; a draft only for the party that writes it. For reads that need no
/// more of the agreement.
///
/// # Errors
/// [`Code::NotFound`] for everybody else.
pub fn role(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<PartyRole> {
    let row: Option<(PartyRole, AgreementState, Id)> = statement(
        "select p.role, a.state, a.drafted_by from agreement_party p join agreement a on a.id = p.agreement_id where p.agreement_id = ? and p.party_id = ?",
    )
    .bind(agreement_id)
    .bind(scope.party_id)
    .returning::<(Text, Text, Uid)>()
    .get_result(connection)
    .optional()?;
    row.filter(|(_, state, drafted_by)| *state != AgreementState::Draft || *drafted_by == scope.party_id)
        .map(|(role, ..)| role)
        .ok_or_else(absent)
}

/// The same as [`membership`], with the agreement's row locked until the end of the transaction: for commands.
///
/// # Errors
/// [`Code::NotFound`].
pub fn locked(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Membership> {
    let lock = format!("select id from agreement where id = ?{}", connection.row_lock());
    statement(lock).bind(agreement_id).returning::<Uid>().load::<Id>(connection)?;
    membership(connection, scope, agreement_id)
}

/// What the caller's party is in an agreement: its role, or none for an employer named in one of its quotas or met by one of its workers.
///
/// # Errors
/// [`Code::NotFound`] for everybody else.
pub fn readable(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Option<PartyRole>> {
    match role(connection, scope, agreement_id) {
        Ok(role) => return Ok(Some(role)),
        Err(error) if error.code != Code::NotFound => return Err(error),
        Err(_) => {}
    }
    // An employer learns of an agreement when a quota names it openly, or when it really took somebody who was sent under it.
    let concerned: Vec<Id> = statement(
        "select id from quota where agreement_id = ? and employer_id = ? and state <> 'draft' \
         union select agreement_id from placement where agreement_id = ? and real_employer_id = ?",
    )
    .bind(agreement_id)
    .bind(scope.party_id)
    .bind(agreement_id)
    .bind(scope.party_id)
    .returning::<Uid>()
    .load(connection)?;
    if concerned.is_empty() { Err(absent()) } else { Ok(None) }
}

fn absent() -> Error {
    Error::not_found("agreement", "协议")
}

/// The terms of an agreement that is ratified and whose term holds `day`.
///
/// # Errors
/// [`Code::AgreementNotInForce`] with `state` and `standing`.
pub fn terms_in_force(connection: &mut DbConnection, agreement: &Agreement, day: Day) -> Result<Arc<Terms>> {
    let standing = rules::standing(agreement.state, agreement.effective_from, agreement.effective_to, day);
    if !matches!(standing, Standing::InForce | Standing::Expiring) {
        return Err(not_in_force(agreement.state, standing));
    }
    terms_on(connection, agreement.id, day)
}

fn not_in_force(state: AgreementState, standing: Standing) -> Error {
    Error::new(Code::AgreementNotInForce).param("state", state.as_str()).param("standing", standing.as_str())
}

/// The terms in effect on `day`; before the first day of the agreement, those it begins with.
///
/// # Errors
/// [`Code::AgreementNotInForce`] while no version is ratified.
pub fn terms_on(connection: &mut DbConnection, agreement_id: Id, day: Day) -> Result<Arc<Terms>> {
    let ratified = ratified_before(connection, agreement_id, Instant::from_micros(i64::MAX))?;
    ratified.terms_on(connection, day)
}

/// The versions of an agreement that were ratified before an instant.
#[derive(Debug, Clone)]
pub struct Ratified {
    agreement_id: Id,
    /// Number, first day and digest, in the order of the numbers.
    versions: Vec<(i64, Day, Vec<u8>)>,
}

/// The versions that had been ratified before an instant.
///
/// # Errors
/// What the database says.
pub fn ratified_before(connection: &mut DbConnection, agreement_id: Id, known_before: Instant) -> Result<Ratified> {
    let versions = statement(
        "select number, effective_on, digest from agreement_version where agreement_id = ? and state = ? and ratified_at < ? order by number",
    )
    .bind(agreement_id)
    .bind(VersionState::Ratified.as_str())
    .bind(known_before)
    .returning::<(BigInt, Text, Binary)>()
    .load(connection)?;
    Ok(Ratified { agreement_id, versions })
}

impl Ratified {
    /// The first day of each version, in order.
    #[must_use]
    pub fn first_days(&self) -> BTreeSet<Day> {
        self.versions.iter().map(|(_, day, _)| *day).collect()
    }

    /// The terms in effect on `day`; before the first day of the agreement, those it begins with.
    ///
    /// # Errors
    /// [`Code::AgreementNotInForce`] while no version is ratified.
    pub fn terms_on(&self, connection: &mut DbConnection, day: Day) -> Result<Arc<Terms>> {
        let number = rules::in_effect(self.versions.iter().map(|(number, day, _)| (*number, *day)), day);
        let (number, _, digest) = self
            .versions
            .iter()
            .find(|(candidate, ..)| Some(*candidate) == number)
            .ok_or_else(|| Error::new(Code::AgreementNotInForce))?;
        let digest = Digest::try_from(digest.as_slice()).map_err(Error::internal)?;
        if let Some(terms) = TERMS.lock().unwrap_or_else(PoisonError::into_inner).get(&digest) {
            return Ok(terms.clone());
        }
        let terms = Arc::new(versions::version(connection, self.agreement_id, *number)?.document()?.terms);
        let mut remembered = TERMS.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= TERMS_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(digest, terms.clone());
        Ok(terms)
    }
}

/// The parties of an agreement: origins, then destinations, then stations. For callers who may read the agreement.
///
/// # Errors
/// What the database says.
pub fn parties(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<AgreementParty>> {
    type Row = (Id, PartyRole, String, String, Option<crate::regions::RegionCode>);
    let rows: Vec<Row> = statement(
        "select a.party_id, a.role, p.name, p.kind, coalesce(p.region_code, z.host_code) from agreement_party a \
         join party p on p.id = a.party_id left join zone z on z.id = p.zone_id where a.agreement_id = ?",
    )
    .bind(agreement_id)
    .returning::<(Uid, Text, Text, Text, Nullable<Text>)>()
    .load(connection)?;
    let party = |(party_id, role, name, kind, region_code)| AgreementParty { party_id, role, name, kind, region_code };
    let mut parties: Vec<AgreementParty> = rows.into_iter().map(party).collect();
    parties.sort_by_key(|party| (party.role, party.party_id));
    Ok(parties)
}

/// Of these parties, the names of those that are registered and active.
///
/// # Errors
/// What the database says.
pub fn active_parties(connection: &mut DbConnection, ids: &[Id]) -> Result<HashMap<Id, String>> {
    let unique: HashSet<Id> = ids.iter().copied().collect();
    let rows: Vec<(Id, String)> =
        statement("select p.id, p.name from ? r cross join party p where p.id = r.id and p.state = 'active'")
            .bind(RowSet::list("id", unique))
            .returning::<(Uid, Text)>()
            .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Writes a new agreement.
///
/// # Errors
/// [`Code::AgreementNumberTaken`], [`Code::PartnerRefTaken`].
pub fn insert(connection: &mut DbConnection, row: &Agreement, parties: &[NewSignatory]) -> Result<()> {
    diesel::insert_into(agreement::table).values(row).execute(connection)?;
    insert_parties(connection, row.id, parties)
}

fn insert_parties(connection: &mut DbConnection, agreement_id: Id, parties: &[NewSignatory]) -> Result<()> {
    let rows = RowSet::of(parties)
        .shared("agreement_id", agreement_id)
        .column("party_id", |party| party.party_id)
        .column("role", |party| party.role);
    statement(
        "insert into agreement_party (agreement_id, party_id, role) select r.agreement_id, r.party_id, r.role from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// Replaces the parties of a draft. A party that ratified an earlier proposal stays: see [`versions::have_ratified`].
///
/// # Errors
/// What the database says.
pub fn replace_parties(connection: &mut DbConnection, agreement_id: Id, parties: &[NewSignatory]) -> Result<()> {
    statement("delete from agreement_party where agreement_id = ? and party_id not in (select r.party_id from ? r)")
        .bind(agreement_id)
        .bind(RowSet::list("party_id", parties.iter().map(|party| party.party_id)))
        .run(connection)?;
    let rows = RowSet::of(parties)
        .shared("agreement_id", agreement_id)
        .column("party_id", |party| party.party_id)
        .column("role", |party| party.role);
    statement(
        "update agreement_party set role = r.role from ? r \
         where agreement_party.agreement_id = r.agreement_id and agreement_party.party_id = r.party_id",
    )
    .bind(rows)
    .run(connection)?;
    let known: Vec<Id> = agreement_party::table
        .filter(agreement_party::agreement_id.eq(agreement_id))
        .select(agreement_party::party_id)
        .load(connection)?;
    let fresh: Vec<NewSignatory> = parties.iter().filter(|party| !known.contains(&party.party_id)).cloned().collect();
    if fresh.is_empty() { Ok(()) } else { insert_parties(connection, agreement_id, &fresh) }
}

/// Writes a changed agreement over the version it was read at, and counts the version up.
///
/// # Errors
/// [`Code::PreconditionFailed`] when somebody was faster; [`Code::AgreementNumberTaken`], [`Code::PartnerRefTaken`].
pub fn replace(connection: &mut DbConnection, row: &mut Agreement, now: Instant) -> Result<()> {
    let changed = statement(
        "update agreement set number = ?, title = ?, kind = ?, state = ?, effective_from = ?, effective_to = ?, partner_ref = ?, \
         version = version + 1, updated_at = ? where id = ? and version = ?",
    )
    .bind(row.number.clone())
    .bind(row.title.clone())
    .bind(row.kind.as_str())
    .bind(row.state.as_str())
    .bind(row.effective_from)
    .bind(row.effective_to)
    .bind(row.partner_ref.clone())
    .bind(now)
    .bind(row.id)
    .bind(row.version)
    .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::PreconditionFailed));
    }
    row.version += 1;
    row.updated_at = now;
    Ok(())
}

/// A page of the agreements the caller's party takes part in.
///
/// # Errors
/// What the database says.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &AgreementFilter,
    today: Day,
    page: &PageRequest,
) -> Result<Vec<Membership>> {
    let mut query = agreement::table
        .inner_join(agreement_party::table.on(agreement_party::agreement_id.eq(agreement::id)))
        .filter(agreement_party::party_id.eq(scope.party_id))
        .filter(agreement::state.ne(AgreementState::Draft).or(agreement::drafted_by.eq(scope.party_id)))
        .select((Agreement::as_select(), agreement_party::role))
        .into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(agreement::state.eq_any(states.values()));
    }
    if let Some(roles) = &filter.role {
        query = query.filter(agreement_party::role.eq_any(roles.values()));
    }
    if let Some(reference) = &filter.partner_ref {
        query = query.filter(agreement::drafted_by.eq(scope.party_id)).filter(agreement::partner_ref.eq(reference));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(agreement::updated_at.ge(since));
    }
    if let Some(standings) = &filter.standing {
        let within = |span: rules::Span, asked: bool| {
            // A standing that nobody asked for has no states and fits nothing.
            agreement::state
                .eq_any(if asked { span.states } else { &[] })
                .and(agreement::effective_from.between(span.begins.0, span.begins.1))
                .and(agreement::effective_to.between(span.ends.0, span.ends.1))
        };
        let of = |standing| {
            let ([first, second], asked) = (rules::spans_of(standing, today), standings.has(standing));
            within(first, asked).or(within(second, asked))
        };
        let before = of(Standing::NotYetInForce);
        let during = of(Standing::InForce).or(of(Standing::Expiring));
        let after = of(Standing::Expired).or(of(Standing::Suspended)).or(of(Standing::Terminated));
        query = query.filter(before.or(during).or(after));
    }
    let rows: Vec<(Agreement, PartyRole)> = page.narrow(query, agreement::id).load(connection)?;
    Ok(rows.into_iter().map(|(agreement, role)| Membership { agreement, role }).collect())
}
