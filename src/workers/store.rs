//! The register's queries. Every function takes the party whose register it is; another party's worker is as absent as none.

pub mod changes;
pub mod readings;
pub mod register;

use std::collections::HashSet;

use diesel::dsl::{exists, not};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper};

use super::person_name::PersonName;
use super::phone::Phone;
use super::rules::{self, BY_NEED};
use super::sealing::SealedField;
use super::{GroupCode, GroupMembership, Worker, WorkerCard, WorkerSex, WorkerState, identity_number};
use crate::db::schema::{worker, worker_group};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::regions::RegionCode;
use crate::seal::KeyRing;

/// How a roster names a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorkerRef {
    /// By the exchange's id.
    Id(Id),
    /// By the sender's own reference.
    PartnerRef(String),
}

/// What a placement needs to know of a worker: indexes, group and figures, no identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFacts {
    /// The worker.
    pub id: Id,
    /// The person, one in the registers of all origins; never told to anybody.
    pub person_id: Id,
    /// Index of the name in the whole exchange.
    pub name_index: Vec<u8>,
    /// Group as of the day that was asked for; the most needy when there are several.
    pub group_code: GroupCode,
    /// From the identity number.
    pub birth_year: i64,
    /// Household registration, as the code in force today.
    pub hukou_code: RegionCode,
}

/// Finds the workers of a roster, in its order; `None` for one that is unknown here or erased. On PostgreSQL the workers stay until
/// the transaction ends, so that nobody is erased between being found and being placed.
///
/// # Errors
/// What the database says.
pub fn resolve(
    connection: &mut DbConnection,
    origin_id: Id,
    refs: &[WorkerRef],
    day: Day,
) -> Result<Vec<Option<WorkerFacts>>> {
    let mut found = vec![None; refs.len()];
    if refs.is_empty() {
        return Ok(found);
    }
    // A reference leads to the id; where there is none, the id is given.
    let wanted = RowSet::of(refs)
        .shared("party_id", origin_id)
        .shared("day", day)
        .column("id", |reference| if let WorkerRef::Id(id) = reference { *id } else { Id::NIL })
        .column("partner_ref", |reference| match reference {
            WorkerRef::Id(_) => None,
            WorkerRef::PartnerRef(partner_ref) => Some(partner_ref.as_str()),
        });
    let kept = match connection {
        DbConnection::Postgres(_) => "for key share of w",
        DbConnection::Sqlite(_) => "",
    };
    let rows: Vec<(i64, Id, Id, Vec<u8>, i64, i64, RegionCode)> = statement(format!(
        "select r.ordinal, w.id, w.person_id, w.name_index, {NEED_ON_DAY}, w.birth_year, w.hukou_code \
         from ? r cross join worker w where w.party_id = r.party_id and w.id = case when r.partner_ref is null then r.id \
         else (select k.id from worker k where k.party_id = r.party_id and k.partner_ref = r.partner_ref) end \
         and w.state = 'active' {kept}"
    ))
    .bind(wanted)
    .returning::<(BigInt, Uid, Uid, Binary, BigInt, BigInt, Text)>()
    .load(connection)?;
    for (ordinal, id, person_id, name_index, need, birth_year, hukou_code) in rows {
        let group_code = rules::group_of_need(need);
        let place = usize::try_from(ordinal).ok().and_then(|ordinal| found.get_mut(ordinal));
        if let Some(place) = place {
            *place = Some(WorkerFacts { id, person_id, name_index, group_code, birth_year, hukou_code });
        }
    }
    Ok(found)
}

/// The place in [`BY_NEED`], from 1, of the most needy group of worker `w` on the day of a row `r`.
const NEED_ON_DAY: &str = "cast(coalesce((select min(case g.group_code when 'sudden_hardship' then 1 when 'marginal' then 2 \
     when 'unstable_lifted' then 3 when 'lifted' then 4 else 5 end) from worker_group g \
     where g.party_id = w.party_id and g.worker_id = w.id and g.valid_from <= r.day and (g.valid_to is null or g.valid_to >= r.day)), 5) as bigint)";

/// Of these workers, those who are not yet `age` years old on `day`. The register keeps the year of birth in clear; for the few for whom
/// the day decides, the identity number is opened.
///
/// # Errors
/// What the database says; an internal error when a value does not open.
pub fn younger_than(
    connection: &mut DbConnection,
    keys: &KeyRing,
    origin_id: Id,
    workers: &[WorkerFacts],
    age: i64,
    day: Day,
) -> Result<HashSet<Id>> {
    let surely = workers.iter().filter(|worker| day.year() - worker.birth_year < age).map(|worker| worker.id);
    let mut young: HashSet<Id> = surely.collect();
    let undecided: Vec<Id> =
        workers.iter().filter(|worker| day.year() - worker.birth_year == age).map(|worker| worker.id).collect();
    if undecided.is_empty() {
        return Ok(young);
    }
    let rows: Vec<WorkerRow> = worker::table
        .filter(worker::party_id.eq(origin_id))
        .filter(worker::id.eq_any(undecided))
        .select(WorkerRow::as_select())
        .load(connection)?;
    for row in rows {
        let number = row.open(keys)?.identity_number.unwrap_or_default();
        let born =
            identity_number::IdentityNumber::parse(&number, day.0).map_err(|error| Error::internal(error.code()))?;
        // Who was born in the month and day still to come has the birthday ahead.
        let birthday_ahead = (born.birth_date().month(), born.birth_date().day()) > (day.0.month(), day.0.day());
        if birthday_ahead {
            young.insert(row.id);
        }
    }
    Ok(young)
}

/// What destination and employer may see of a worker: the caller has made sure that the person was sent to them.
///
/// # Errors
/// Not found; an internal error when a value does not open.
pub fn card(connection: &mut DbConnection, keys: &KeyRing, origin_id: Id, worker_id: Id) -> Result<WorkerCard> {
    let row = row(connection, origin_id, worker_id)?;
    let opened = row.open(keys)?;
    Ok(WorkerCard {
        worker_id,
        name: opened.name,
        masked_identity_number: opened.identity_number.as_deref().map(identity_number::mask),
        phone: opened.phone,
    })
}

/// A worker's row.
#[derive(Debug, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = worker)]
pub struct WorkerRow {
    /// Id.
    pub id: Id,
    /// The sender's own reference.
    pub partner_ref: Option<String>,
    name_sealed: Option<Vec<u8>>,
    identity_sealed: Option<Vec<u8>>,
    phone_sealed: Option<Vec<u8>>,
    person_id: Id,
    sex: WorkerSex,
    birth_year: Option<i64>,
    /// Household registration.
    pub hukou_code: RegionCode,
    /// Whether the identity is kept.
    pub state: WorkerState,
    /// Version of the record.
    pub version: i64,
    created_at: Instant,
    updated_at: Instant,
}

/// An opened identity; all empty after erasure. It has no debug form.
pub struct Opened {
    /// Name.
    pub name: Option<String>,
    /// Identity number, 18 characters.
    pub identity_number: Option<String>,
    /// Mobile number.
    pub phone: Option<String>,
}

impl WorkerRow {
    /// Opens the sealed values.
    ///
    /// # Errors
    /// An internal error when a value does not open.
    pub fn open(&self, keys: &KeyRing) -> Result<Opened> {
        let open = |field: SealedField, sealed: &Option<Vec<u8>>| {
            let opened = sealed.as_deref().map(|sealed| field.open(keys, self.id, sealed)).transpose()?;
            Ok::<_, Error>(opened.map(crate::seal::Sensitive::into_exposed))
        };
        Ok(Opened {
            name: open(SealedField::Name, &self.name_sealed)?,
            identity_number: open(SealedField::IdentityNumber, &self.identity_sealed)?,
            phone: open(SealedField::Phone, &self.phone_sealed)?,
        })
    }

    fn view(self, keys: &KeyRing, groups: Vec<GroupMembership>) -> Result<Worker> {
        let opened = self.open(keys)?;
        // A value that was sealed was valid; should one not be, it stays hidden whole.
        let hidden = || "*".to_owned();
        let mask_name = |name: &String| PersonName::parse(name).map_or_else(|_| hidden(), |name| name.masked());
        let mask_phone = |phone: &String| Phone::parse(phone).map_or_else(|_| hidden(), |phone| phone.masked());
        Ok(Worker {
            id: self.id,
            partner_ref: self.partner_ref,
            state: self.state,
            masked_name: opened.name.as_ref().map(mask_name),
            masked_identity_number: opened.identity_number.as_deref().map(identity_number::mask),
            masked_phone: opened.phone.as_ref().map(mask_phone),
            sex: self.sex,
            birth_year: self.birth_year,
            hukou_code: self.hukou_code,
            groups,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// Filters of the list of workers.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WorkerFilter {
    /// The worker with this reference.
    #[param(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Workers whose group today is this one; who is in several counts in the most needy.
    #[param(inline)]
    pub group: Option<GroupCode>,
    /// Workers registered (户籍) in this county, as the code in force today.
    pub hukou_code: Option<RegionCode>,
    /// Workers in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<WorkerState>>,
    /// Only workers that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// A page of a party's register.
///
/// # Errors
/// What the database says; an internal error when a value does not open.
pub fn list(
    connection: &mut DbConnection,
    keys: &KeyRing,
    party_id: Id,
    wanted: &WorkerFilter,
    today: Day,
    page: &PageRequest,
) -> Result<Vec<Worker>> {
    let mut query = worker::table.filter(worker::party_id.eq(party_id)).select(WorkerRow::as_select()).into_boxed();
    if let Some(partner_ref) = &wanted.partner_ref {
        query = query.filter(worker::partner_ref.eq(partner_ref));
    }
    if let Some(hukou_code) = wanted.hukou_code {
        query = query.filter(worker::hukou_code.eq(hukou_code));
    }
    if let Some(states) = &wanted.state {
        query = query.filter(worker::state.eq_any(states.values()));
    }
    if let Some(since) = wanted.updated_since {
        query = query.filter(worker::updated_at.ge(since));
    }
    if let Some(group) = wanted.group {
        let current = || {
            worker_group::table
                .filter(worker_group::party_id.eq(worker::party_id))
                .filter(worker_group::worker_id.eq(worker::id))
                .filter(worker_group::valid_from.le(today))
                .filter(worker_group::valid_to.is_null().or(worker_group::valid_to.ge(today)))
        };
        let needier: Vec<GroupCode> = BY_NEED.into_iter().take_while(|other| *other != group).collect();
        query = query.filter(not(exists(current().filter(worker_group::group_code.eq_any(needier)))));
        if group != GroupCode::Ordinary {
            query = query.filter(exists(current().filter(worker_group::group_code.eq(group))));
        }
    }
    let rows: Vec<WorkerRow> = page.narrow(query, worker::id).load(connection)?;
    views(connection, keys, party_id, rows)
}

/// One worker.
///
/// # Errors
/// Not found; an internal error when a value does not open.
pub fn worker(connection: &mut DbConnection, keys: &KeyRing, party_id: Id, worker_id: Id) -> Result<Worker> {
    let row = row(connection, party_id, worker_id)?;
    let mut groups = register::groups_of(connection, party_id, &[worker_id])?;
    row.view(keys, groups.remove(&worker_id).unwrap_or_default())
}

/// The worker with an identity number, found by the party's own index.
///
/// # Errors
/// What the database says; an internal error when a value does not open.
pub fn search(
    connection: &mut DbConnection,
    keys: &KeyRing,
    party_id: Id,
    identity_index: [u8; 32],
) -> Result<Vec<Worker>> {
    let rows: Vec<WorkerRow> = worker::table
        .filter(worker::party_id.eq(party_id))
        .filter(worker::identity_index.eq(identity_index.to_vec()))
        .select(WorkerRow::as_select())
        .load(connection)?;
    views(connection, keys, party_id, rows)
}

fn views(connection: &mut DbConnection, keys: &KeyRing, party_id: Id, rows: Vec<WorkerRow>) -> Result<Vec<Worker>> {
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let mut groups = register::groups_of(connection, party_id, &ids)?;
    rows.into_iter()
        .map(|row| {
            let groups = groups.remove(&row.id).unwrap_or_default();
            row.view(keys, groups)
        })
        .collect()
}

fn row(connection: &mut DbConnection, party_id: Id, worker_id: Id) -> Result<WorkerRow> {
    worker::table
        .filter(worker::party_id.eq(party_id))
        .filter(worker::id.eq(worker_id))
        .select(WorkerRow::as_select())
        .get_result(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("worker", "人员"))
}
