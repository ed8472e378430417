//! `operator init`: the first party and the first client, without which nobody could register anybody.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{client, storage};
use crate::config::StorageConfig;
use crate::db::DbConnection;
use crate::error::Result;
use crate::events::Actor;
use crate::identity;
use crate::identity::clients::{NewClient, PublicJwk};
use crate::parties::{self, NewParty, PartyKind};

/// What can be done about the operator.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register the operator with a client of its own and a new key; prints both ids as JSON. Does nothing when there is an operator
    Init(Init),
}

/// The operator to be registered.
#[derive(Debug, Args)]
pub struct Init {
    /// Name of the operator
    #[arg(long, default_value = "运营方")]
    name: String,
    /// File for the private JWK of its client; must not exist yet
    #[arg(long, default_value = "data/operator.jwk.json")]
    key_out: PathBuf,
}

/// Runs it.
pub fn run(config: &StorageConfig, command: &Command) -> Result<()> {
    let Command::Init(init) = command;
    let made = storage::command(config, None, |connection, actor| {
        if let Some(known) = parties::store::operator(connection)? {
            return Ok(Err(known));
        }
        register(connection, actor, init).map(Ok)
    })?;
    match made {
        Ok(shown) => println!("{shown:#}"),
        Err(known) => {
            eprintln!(
                "there is an operator already; add clients with: labour-exchange client add / 已有运营方；请用 client add 添加客户端"
            );
            println!("{:#}", json!({ "party_id": known.id, "name": known.name, "created": false }));
        }
    }
    Ok(())
}

fn register(connection: &mut DbConnection, actor: &Actor, init: &Init) -> Result<Value> {
    let new = NewParty {
        name: init.name.clone(),
        kind: PartyKind::Operator,
        region_code: None,
        zone_id: None,
        credit_code: None,
    };
    let mut actor = actor.clone();
    let party = parties::commands::register(connection, &actor, &new)?;
    actor.scope.party_id = party.id;
    // The key file comes last before the commit, so that a refusal leaves no key of nobody behind.
    let public_key = PublicJwk(client::new_key(&init.key_out)?);
    let new = NewClient { party_id: party.id, name: init.name.clone(), scopes: None, public_key };
    let client = identity::commands::register(connection, &actor, &new)?;
    let mut shown = client::shown(&client);
    if let Some(object) = shown.as_object_mut() {
        object.insert("created".to_owned(), json!(true));
        object.insert("private_key".to_owned(), json!(init.key_out.display().to_string()));
    }
    Ok(shown)
}
