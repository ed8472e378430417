//! What parties have said, as the recording of claims needs it. Each function is one statement, however many rows are asked for.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use serde_json::{Value, json};

use crate::arrivals::rules::outcome::Said;
use crate::db::{Column, DbConnection, Id, Instant, Uid, statement};
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
}

/// The claims in effect about placements, of every claimant.
pub fn about(
    connection: &mut DbConnection,
    agreement_id: Id,
    placements: impl Iterator<Item = Id>,
) -> Result<HashMap<Id, Vec<InEffect>>> {
    let rows: Vec<Value> = placements.map(|id| json!([id])).collect();
    let mut claims: HashMap<Id, Vec<InEffect>> = HashMap::new();
    if rows.is_empty() {
        return Ok(claims);
    }
    let source = connection.rows(&[("id", Column::Id)]);
    let found: Vec<(Id, Vec<u8>, Said)> = statement(format!(
        "select c.placement_id, c.content_hash, {SAID} from {source} r join claim c on c.agreement_id = ? and c.placement_id = r.id \
         where c.replaced_by is null order by c.id"
    ))
    .bind(Value::Array(rows).to_string())
    .bind(agreement_id)
    .returning::<(Uid, Binary, SaidColumns)>()
    .load(connection)?;
    for (placement_id, content_hash, said) in found {
        claims.entry(placement_id).or_default().push(InEffect { said, content_hash });
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
        // No row to lock yet: the same claimant's calls about unannounced people take turns.
        statement("select pg_advisory_xact_lock(hashtext('claim'), hashtext(cast(? as text)))")
            .bind(claimant_id.to_string())
            .run(connection)?;
    }
    let rows: Vec<Value> = people.iter().map(|index| json!([hex::encode(index)])).collect();
    let source = connection.rows(&[("exchange_index", Column::Bytes)]);
    let found: Vec<(Vec<u8>, Vec<u8>, Said)> = statement(format!(
        "select c.exchange_index, c.content_hash, {SAID} from {source} r join claim c on c.agreement_id = ? and c.exchange_index = r.exchange_index \
         where c.placement_id is null and c.claimant_id = ? and c.replaced_by is null order by c.id"
    ))
    .bind(Value::Array(rows).to_string())
    .bind(agreement_id)
    .bind(claimant_id)
    .returning::<(Binary, Binary, SaidColumns)>()
    .load(connection)?;
    for (index, content_hash, said) in found {
        claims.entry(index).or_default().push(InEffect { said, content_hash });
    }
    Ok(claims)
}

/// The claimant's claims by its own references: id and hash of what was said.
pub fn by_client_ref(
    connection: &mut DbConnection,
    claimant_id: Id,
    references: &[&str],
) -> Result<HashMap<String, (Id, Vec<u8>)>> {
    if references.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Value> = references.iter().map(|reference| json!([reference])).collect();
    let source = connection.rows(&[("reference", Column::Text)]);
    let found: Vec<(String, Id, Vec<u8>)> = statement(format!(
        "select c.client_ref, c.id, c.content_hash from {source} r join claim c on c.claimant_id = ? and c.client_ref = r.reference"
    ))
    .bind(Value::Array(rows).to_string())
    .bind(claimant_id)
    .returning::<(Text, Uid, Binary)>()
    .load(connection)?;
    Ok(found.into_iter().map(|(reference, id, hash)| (reference, (id, hash))).collect())
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
    pub content_hash: [u8; 32],
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
    let source = connection.rows(&[
        ("id", Column::Id),
        ("placement_id", Column::Id),
        ("claimant_id", Column::Id),
        ("claimant_role", Column::Text),
        ("client_ref", Column::Text),
        ("outcome", Column::Text),
        ("happened_on", Column::Text),
        ("employer_id", Column::Id),
        ("region_code", Column::Text),
        ("evidence", Column::Text),
        ("late", Column::Bool),
        ("exchange_index", Column::Bytes),
        ("name_index", Column::Bytes),
        ("name_sealed", Column::Bytes),
        ("content_hash", Column::Bytes),
    ]);
    let written = statement(format!(
        "insert into claim (agreement_id, id, placement_id, claimant_id, claimant_role, client_ref, outcome, happened_on, employer_id, \
         region_code, evidence, late, exchange_index, name_index, name_sealed, content_hash, recorded_at) \
         select a.id, r.id, r.placement_id, r.claimant_id, r.claimant_role, r.client_ref, r.outcome, r.happened_on, r.employer_id, \
         r.region_code, r.evidence, r.late, r.exchange_index, r.name_index, r.name_sealed, r.content_hash, cast(? as bigint) \
         from {source} r, agreement a where a.id = ? on conflict (claimant_id, client_ref) do nothing"
    ))
    .bind(now)
    .bind(Value::Array(rows.iter().map(values).collect()).to_string())
    .bind(agreement_id)
    .run(connection)?;
    if written != rows.len() {
        return Err(Error::new(Code::DatabaseBusy));
    }
    mark_replaced(connection, agreement_id, rows)
}

fn values(row: &NewRow) -> Value {
    let said = &row.said;
    let person = row.person.as_ref();
    json!([
        said.claim_id,
        row.placement_id,
        said.claimant_id,
        said.role,
        row.client_ref,
        said.outcome,
        said.happened_on,
        said.employer_id,
        said.region_code,
        said.evidence,
        said.late,
        person.map(|person| hex::encode(person.exchange_index)),
        person.map(|person| hex::encode(person.name_index)),
        person.map(|person| hex::encode(&person.name_sealed)),
        hex::encode(row.content_hash),
    ])
}

fn mark_replaced(connection: &mut DbConnection, agreement_id: Id, rows: &[NewRow]) -> Result<()> {
    let replaced: Vec<Value> =
        rows.iter().filter_map(|row| row.replaces.map(|old| json!([old, row.said.claim_id]))).collect();
    if replaced.is_empty() {
        return Ok(());
    }
    let source = connection.rows(&[("old_id", Column::Id), ("new_id", Column::Id)]);
    statement(format!(
        "update claim set replaced_by = r.new_id from {source} r where claim.agreement_id = ? and claim.id = r.old_id"
    ))
    .bind(Value::Array(replaced).to_string())
    .bind(agreement_id)
    .run(connection)?;
    Ok(())
}
