//! `token`: an access token for local work, signed with the key file instead of being asked for over HTTP.

use clap::Args;

use super::party::read_id;
use super::storage;
use crate::clock::Clock;
use crate::config::StorageConfig;
use crate::db::Id;
use crate::error::{Code, Error, Result};
use crate::identity::store;
use crate::identity::token::{Grant, LONGEST_LIFETIME, TokenKeys};

/// Whose token, and for what.
#[derive(Debug, Args)]
pub struct Options {
    /// Id of the client
    #[arg(long, env = "LABOUR_EXCHANGE_CLIENT", value_parser = read_id)]
    client: Id,
    /// Scopes with spaces between them; all scopes of the client when absent
    #[arg(long)]
    scopes: Option<String>,
}

/// Prints the token and nothing else; it lives ten minutes.
pub fn run(config: &StorageConfig, options: &Options) -> Result<()> {
    let url = storage::public_url(config)?;
    let mut connection = storage::up_to_date(config)?;
    let ring = storage::existing_keys(config, &mut connection)?;
    let keys = TokenKeys::of(&ring).map_err(|error| storage::invalid(error.to_string(), error.chinese()))?;
    let client = store::client(&mut connection, options.client)?;
    store::require_active(&mut connection, options.client, None).map_err(|error| match error.code {
        Code::TokenInvalid => {
            Error::new(Code::TransitionNotAllowed).detail("the client is revoked", "该客户端已被吊销")
        }
        _ => error,
    })?;
    let scopes = client.scopes.granted(options.scopes.as_deref()).ok_or_else(|| {
        let has = client.scopes.to_string();
        storage::invalid(
            format!("the client does not have these scopes; it has: {has}"),
            format!("该客户端没有所请求的权限范围；现有：{has}"),
        )
    })?;
    let grant = Grant {
        issuer: url,
        audience: url,
        client_id: client.id.0,
        party_id: client.party_id.0,
        scopes: &scopes,
        lifetime: LONGEST_LIFETIME,
    };
    let issued = keys.issue(Clock::System.now().timestamp(), &grant).map_err(Error::internal)?;
    println!("{}", issued.token.expose());
    Ok(())
}
