//! `party`: registering parties without HTTP, by whoever holds the database.

use clap::{Args, Subcommand};
use serde_json::json;

use super::storage;
use crate::config::StorageConfig;
use crate::db::Id;
use crate::error::Result;
use crate::parties::{CheckedParty, NewParty, PartyKind, commands};
use crate::regions::RegionCode;

/// What can be done with parties.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a party and print it as JSON with its party_id
    Add(Add),
}

/// A party to be registered.
#[derive(Debug, Args)]
pub struct Add {
    /// Name of the party
    #[arg(long)]
    name: String,
    /// authority, employer, station, agency or operator
    #[arg(long, value_parser = read_kind)]
    kind: PartyKind,
    /// Code of its division (GB/T 2260), six digits
    #[arg(long)]
    region: Option<RegionCode>,
    /// Id of its zone
    #[arg(long, value_parser = read_id)]
    zone: Option<Id>,
    /// Unified social credit code
    #[arg(long)]
    credit_code: Option<String>,
}

fn read_kind(text: &str) -> Result<PartyKind, String> {
    PartyKind::from_text(text).ok_or_else(|| {
        let known: Vec<&str> = PartyKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("must be one of {}", known.join(", "))
    })
}

/// Reads an id for an option.
pub fn read_id(text: &str) -> Result<Id, String> {
    Id::parse(text).map_err(|_| "must be an id such as 0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50".to_owned())
}

/// Runs it.
pub fn run(config: &StorageConfig, command: Command) -> Result<()> {
    let Command::Add(Add { name, kind, region, zone, credit_code }) = command;
    let new = NewParty { name, kind, region_code: region, zone_id: zone, credit_code };
    let party = storage::command(config, None, |connection, actor| commands::register(connection, actor, &new))?;
    let party = CheckedParty::from(party);
    println!(
        "{:#}",
        json!({ "party_id": party.party.id, "name": party.party.name, "kind": party.party.kind, "region_code": party.party.region_code,
            "zone_id": party.party.zone_id, "credit_code": party.party.credit_code, "credit_code_check": party.credit_code_check })
    );
    Ok(())
}
