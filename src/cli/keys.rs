//! `keys`: the exchange's own token-signing keys, exchanged by routine or because one leaked.
//!
//! Only the key file changes; a running server takes it over on SIGHUP. Sealing and index keys are not touched.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::storage;
use crate::clock::Clock;
use crate::config::StorageConfig;
use crate::error::Result;
use crate::seal::{KeyRing, SigningKeyState};

/// What can be done with the signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let the next signing key sign from now on and make a new next one; tokens that are out stay good until they end
    Rotate,
    /// Take a leaked signing key out at once; the tokens it signed stop working
    Revoke(Revoke),
}

/// A key to be taken out.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the key, as /.well-known/jwks.json shows it
    #[arg(long)]
    kid: String,
}

/// Runs it, and prints the ids of the keys by their state.
pub fn run(config: &StorageConfig, command: &Command) -> Result<()> {
    let ring = storage::existing_keys(config, &mut storage::up_to_date(config)?)?;
    let now = Clock::System.now().timestamp();
    let changed = match command {
        Command::Rotate => ring.with_rotated_signing_keys(now),
        Command::Revoke(Revoke { kid }) => ring.without_signing_key(kid, now),
    };
    let changed = changed.map_err(|error| storage::of_keys(&error))?;
    changed.replace(&config.key_file).map_err(|error| storage::of_keys(&error))?;
    eprintln!(
        "running servers go on with the keys they have: give each of them this key file and send it SIGHUP / 运行中的服务仍使用原密钥：请为每个实例更新密钥文件并发送 SIGHUP"
    );
    println!("{:#}", shown(&changed));
    Ok(())
}

fn shown(ring: &KeyRing) -> Value {
    let of = |state: SigningKeyState| {
        let keys = ring.signing_keys().iter().filter(|key| key.state() == state);
        keys.map(|key| key.kid().to_owned()).collect::<Vec<_>>()
    };
    json!({ "active": of(SigningKeyState::Active), "next": of(SigningKeyState::Next), "retained": of(SigningKeyState::Retained) })
}
