//! What parties have said, as the recording of claims needs it. Each function is one statement, however many rows are asked for.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use crate::arrivals::rules::outcome::Said;
use crate::db::{DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Code, Error, Result};

type SaidColumns = (Uid, Uid, Text, Text, Text, Nullable<Uid>, Nullable<Text>, Text, Bool, BigInt);

const SAID: &str = "c.id, c.claimant_id, c.claimant_role, c.outcome, c.happened_on, c.employer_id, c.region_code, c.evidence, c.late, c.recorded_at";

/// A claim in effect, and the hash of what it says.
#[derive(Debug, Clone)]
pub struct InEffect {
    /// What it says.
    pub said: Said,
    /// The hash.
    pub content_hash: Vec<u8>,
    /// Index of the name it was sent under; none where it is about a placement.
    pub name_index: Option<Vec<u8>>,
}

/// The claims in effect about placements, of every claimant.
pub fn about(
    connection: &mut DbConnection,
    agreement_id: Id,
    placements: impl Iterator<Item = Id>,
) -> Result<HashMap<Id, Vec<InEffect>>> {
    let rows = RowSet::list("id", placements).shared("agreement_id", agreement_id);
    let mut claims: HashMap<Id, Vec<InEffect>> = HashMap::new();
    if rows.is_empty() {
        return Ok(claims);
    }
    let found: Vec<(Id, Vec<u8>, Said)> = statement(format!(
        "select c.placement_id, c.content_hash, {SAID} from ? r cross join claim c \
         where c.agreement_id = r.agreement_id and c.placement_id = r.id and c.replaced_by is null order by c.id"
    ))
    .bind(rows)
    .returning::<(Uid, Binary, SaidColumns)>()
    .load(connection)?;
    for (placement_id, content_hash, said) in found {
        claims.entry(placement_id).or_default().push(InEffect { said, content_hash, name_index: None });
    }
    Ok(claims)
}

/// The claimant's own claims in effect about people nobody announced, by the exchange-wide index of the person.
pub fn about_unannounced(
    connection: &mut DbConnection,
    agreement_id: Id,
    claimant_id: Id,
    people: &[[u8; 32]],
) -> Result<HashMap<Vec<u8>, Vec<InEffect>>> {
    let mut claims: HashMap<Vec<u8>, Vec<InEffect>> = HashMap::new();
    if people.is_empty() {
        return Ok(claims);
    }
    if let DbConnection::Postgres(_) = connection {
        // No row of the person to lock yet: calls about people take turns with each other and with departures, which hold this row too.
        statement("select id from agreement where id = ? for no key update").bind(agreement_id).run(connection)?;
    }
    let found: Vec<(Vec<u8>, Vec<u8>, Vec<u8>, Said)> = statement(format!(
        "select c.exchange_index, c.name_index, c.content_hash, {SAID} from ? r cross join claim c \
         where c.agreement_id = r.agreement_id and c.exchange_index = r.exchange_index \
         and c.placement_id is null and c.claimant_id = ? and c.replaced_by is null order by c.id"
    ))
    .bind(RowSet::list("exchange_index", people.iter().copied()).shared("agreement_id", agreement_id))
    .bind(claimant_id)
    .returning::<(Binary, Binary, Binary, SaidColumns)>()
    .load(connection)?;
    for (index, name_index, content_hash, said) in found {
        claims.entry(index).or_default().push(InEffect { said, content_hash, name_index: Some(name_index) });
    }
    Ok(claims)
}

/// A recorded claim, as a row with the same reference is compared with it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The claim.
    pub id: Id,
    /// Hash of what is said.
    pub content_hash: Vec<u8>,
    /// The placement it was sent about.
    pub placement_id: Option<Id>,
    /// Indexes of number and name of the person it was sent about.
    pub person: Option<(Vec<u8>, Vec<u8>)>,
}

type KnownRow = (String, Id, Vec<u8>, Option<Id>, Option<Vec<u8>>, Option<Vec<u8>>);

/// The claimant's claims by its own references.
pub fn by_client_ref(
    connection: &mut DbConnection,
    claimant_id: Id,
    references: &[&str],
) -> Result<HashMap<String, Known>> {
    if references.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<KnownRow> = statement(
        "select c.client_ref, c.id, c.content_hash, c.placement_id, c.exchange_index, c.name_index \
         from ? r cross join claim c where c.claimant_id = r.claimant_id and c.client_ref = r.reference",
    )
    .bind(RowSet::list("reference", references.iter().copied()).shared("claimant_id", claimant_id))
    .returning::<(Text, Uid, Binary, Nullable<Uid>, Nullable<Binary>, Nullable<Binary>)>()
    .load(connection)?;
    let known = |(reference, id, content_hash, placement_id, number, name): KnownRow| {
        (reference, Known { id, content_hash, placement_id, person: number.zip(name) })
    };
    Ok(found.into_iter().map(known).collect())
}

/// A claim in effect that names a person, and a departed placement of that very person.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What it says.
    pub said: Said,
    /// Hash of what it says.
    pub content_hash: Vec<u8>,
    /// One placement of the person under the agreement; a claim comes once for each.
    pub placement_id: Id,
}

/// The claims that wait for the people of a batch, oldest first, each with every departed placement of its person.
pub fn waiting_for(connection: &mut DbConnection, agreement_id: Id, dispatch_id: Id) -> Result<Vec<Waiting>> {
    // The order of the joins and `between x and x` keep SQLite on the roster's side: see `reconciliation::store::facts`.
    let found: Vec<(Id, Vec<u8>, Said)> = statement(format!(
        "select distinct o.id, c.content_hash, {SAID} from placement p cross join worker w cross join claim c \
         cross join worker v cross join placement o \
         where p.agreement_id = ? and p.dispatch_id = ? and w.party_id = p.origin_id and w.id = p.worker_id and c.agreement_id = p.agreement_id \
         and c.exchange_index between w.exchange_index and w.exchange_index and c.name_index = w.name_index \
         and c.placement_id is null and c.replaced_by is null and v.exchange_index = w.exchange_index and v.name_index = w.name_index \
         and o.origin_id = v.party_id and o.worker_id = v.id and o.agreement_id = p.agreement_id and o.departed_on is not null order by c.id, o.id"
    ))
    .bind(agreement_id)
    .bind(dispatch_id)
    .returning::<(Uid, Binary, SaidColumns)>()
    .load(connection)?;
    let waiting =
        |(placement_id, content_hash, said): (Id, Vec<u8>, Said)| Waiting { said, content_hash, placement_id };
    Ok(found.into_iter().map(waiting).collect())
}

/// Somebody nobody announced, as kept with the claim.
#[derive(Debug, Clone)]
pub struct SealedPerson {
    /// Index of the identity number in the whole exchange.
    pub exchange_index: [u8; 32],
    /// Index of the name in the whole exchange.
    pub name_index: [u8; 32],
    /// The name, sealed for the claim's row.
    pub name_sealed: Vec<u8>,
}

/// A claim to be written.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// What is said.
    pub said: Said,
    /// The placement, when one is known.
    pub placement_id: Option<Id>,
    /// The person, when no placement is known.
    pub person: Option<SealedPerson>,
    /// The claimant's own reference.
    pub client_ref: Option<String>,
    /// Hash of what is said.
    pub content_hash: Vec<u8>,
    /// The claim of the same claimant that it replaces.
    pub replaces: Option<Id>,
}

/// Writes claims, and marks those they replace.
///
/// # Errors
/// [`Code::DatabaseBusy`] when another call has taken one of the references meanwhile.
pub fn insert(connection: &mut DbConnection, agreement_id: Id, now: Instant, rows: &[NewRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let values = RowSet::of(rows)
        .shared("agreement_id", agreement_id)
        .shared("recorded_at", now)
        .column("id", |row| row.said.claim_id)
        .column("placement_id", |row| row.placement_id)
        .column("claimant_id", |row| row.said.claimant_id)
        .column("claimant_role", |row| row.said.role)
        .column("client_ref", |row| row.client_ref.as_deref())
        .column("outcome", |row| row.said.outcome)
        .column("happened_on", |row| row.said.happened_on)
        .column("employer_id", |row| row.said.employer_id)
        .column("region_code", |row| row.said.region_code)
        .column("evidence", |row| row.said.evidence)
        .column("late", |row| row.said.late)
        .column("exchange_index", |row| row.person.as_ref().map(|person| person.exchange_index))
        .column("name_index", |row| row.person.as_ref().map(|person| person.name_index))
        .column("name_sealed", |row| row.person.as_ref().map(|person| person.name_sealed.as_slice()))
        .column("content_hash", |row| row.content_hash.as_slice());
    let written = statement(
        "insert into claim (agreement_id, id, placement_id, claimant_id, claimant_role, client_ref, outcome, happened_on, employer_id, \
         region_code, evidence, late, exchange_index, name_index, name_sealed, content_hash, recorded_at) \
         select r.agreement_id, r.id, r.placement_id, r.claimant_id, r.claimant_role, r.client_ref, r.outcome, r.happened_on, r.employer_id, \
         r.region_code, r.evidence, r.late, r.exchange_index, r.name_index, r.name_sealed, r.content_hash, r.recorded_at \
         from ? r where true on conflict (claimant_id, client_ref) do nothing",
    )
    .bind(values)
    .run(connection)?;
    if written != rows.len() {
        return Err(Error::new(Code::DatabaseBusy));
    }
    mark_replaced(connection, agreement_id, rows)
}

fn mark_replaced(connection: &mut DbConnection, agreement_id: Id, rows: &[NewRow]) -> Result<()> {
    let replaced = rows.iter().filter_map(|row| row.replaces.map(|old| (old, row.said.claim_id)));
    let replaced = RowSet::of(replaced)
        .shared("agreement_id", agreement_id)
        .column("old_id", |(old, _)| old)
        .column("new_id", |(_, new)| new);
    if replaced.is_empty() {
        return Ok(());
    }
    statement(
        "update claim set replaced_by = r.new_id from ? r where claim.agreement_id = r.agreement_id and claim.id = r.old_id",
    )
    .bind(replaced)
    .run(connection)?;
    Ok(())
}
