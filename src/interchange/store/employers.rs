//! Employers as files name them: by name or credit code.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::db::{DbConnection, Id, RowSet, Uid, statement};
use crate::error::Result;
use crate::regions::RegionCode;

/// An employer as a demand table names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEmployer {
    /// The party.
    pub id: Id,
    /// Its region.
    pub region_code: Option<RegionCode>,
}

/// Registered employers by name or credit code, for each pair asked for; several where a name is shared.
///
/// # Errors
/// What the database says.
pub fn named(
    connection: &mut DbConnection,
    wanted: &[(Option<&str>, Option<&str>)],
) -> Result<Vec<Vec<NamedEmployer>>> {
    let mut found: Vec<Vec<NamedEmployer>> = vec![Vec::new(); wanted.len()];
    if wanted.is_empty() {
        return Ok(found);
    }
    let rows = RowSet::of(wanted).column("name", |(name, _)| *name).column("credit_code", |(_, code)| *code);
    let parties: Vec<(i64, Id, Option<RegionCode>)> = statement(
        "select r.ordinal, p.id, coalesce(p.region_code, z.host_code) from ? r join party p on p.name = r.name or p.credit_code = r.credit_code \
         left join zone z on z.id = p.zone_id where p.kind = 'employer' and p.state = 'active' order by r.ordinal, p.id",
    )
    .bind(rows)
    .returning::<(BigInt, Uid, Nullable<Text>)>()
    .load(connection)?;
    for (ordinal, id, region_code) in parties {
        if let Some(place) = usize::try_from(ordinal).ok().and_then(|ordinal| found.get_mut(ordinal)) {
            place.push(NamedEmployer { id, region_code });
        }
    }
    Ok(found)
}
