//! `client`: key pairs for partners, and registering and revoking clients without HTTP.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::party::read_id;
use super::storage;
use crate::config::StorageConfig;
use crate::db::Id;
use crate::error::Result;
use crate::http::extract::IfMatch;
use crate::identity::client_key::ClientKey;
use crate::identity::clients::{ClientWithKeys, NewClient, PublicJwk, Scopes};
use crate::identity::commands;
use crate::seal::Sensitive;

/// Most bytes of a public key.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an ES256 key pair: the private JWK goes to a new file of mode 0600, the public JWK is printed
    NewKey(NewKey),
    /// Register a client of a party for a public key and print it as JSON with its client_id
    Add(Add),
    /// Print the detached signature (JWS) of a document's exact bytes, as ratifications and statements take it
    Sign(Sign),
    /// Revoke a client for good; running servers refuse its tokens within 30 seconds
    Revoke(Revoke),
}

/// Where a private key goes.
#[derive(Debug, Args)]
pub struct NewKey {
    /// File for the private JWK; must not exist yet
    #[arg(long)]
    out: PathBuf,
}

/// What is to be signed, with which key.
#[derive(Debug, Args)]
pub struct Sign {
    /// File with the private JWK, as new-key made it
    #[arg(long)]
    key: PathBuf,
    /// File with the exact bytes, as GET …/document gives them
    document: PathBuf,
}

/// A client to be registered.
#[derive(Debug, Args)]
pub struct Add {
    /// Id of the party it speaks for
    #[arg(long, value_parser = read_id)]
    party: Id,
    /// File with the public key as JWK; - reads standard input
    #[arg(long)]
    public_key: PathBuf,
    /// Scopes with spaces between them; the usual ones of the party's kind when absent
    #[arg(long)]
    scopes: Option<String>,
    /// Which system it is
    #[arg(long, default_value = "client")]
    name: String,
}

/// A client to be revoked.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the client
    #[arg(long, value_parser = read_id)]
    client: Id,
}

/// Runs it.
pub fn run(config: &StorageConfig, command: Command) -> Result<()> {
    match command {
        Command::NewKey(NewKey { out }) => println!("{:#}", new_key(&out)?),
        Command::Add(add) => println!("{:#}", register(config, add)?),
        Command::Sign(sign) => println!("{}", signature(&sign)?),
        Command::Revoke(Revoke { client }) => {
            let revoked = storage::command(config, None, |connection, actor| {
                let mut actor = actor.clone();
                if actor.scope.party_id == Id::NIL {
                    actor.scope.party_id = crate::identity::store::client(connection, client)?.party_id;
                }
                commands::revoke(connection, &actor, client, IfMatch(None))
            })?;
            println!("{:#}", shown(&revoked));
        }
    }
    Ok(())
}

/// Makes a pair; the public key as JWK.
pub fn new_key(out: &Path) -> Result<Value> {
    let unusable = |cause: &dyn std::fmt::Display| {
        storage::invalid(
            format!(
                "the private key cannot be written to {} ({cause}); name a file that does not exist yet",
                out.display()
            ),
            format!("无法将私钥写入 {}（{cause}）；请指定尚不存在的文件", out.display()),
        )
    };
    let pair = ClientKey::generate().map_err(|cause| unusable(&cause))?;
    let private = pair.to_private_jwk().map_err(|cause| unusable(&cause))?;
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|cause| unusable(&cause))?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(|cause| unusable(&cause))?;
    file.write_all(private.expose().as_bytes()).and_then(|()| file.sync_all()).map_err(|cause| unusable(&cause))?;
    Ok(pair.public().to_jwk())
}

/// The detached signature of a file.
fn signature(sign: &Sign) -> Result<String> {
    let unusable = |path: &Path, cause: &dyn std::fmt::Display| {
        storage::invalid(
            format!("{} cannot be used ({cause}); labour-exchange client new-key makes a private key", path.display()),
            format!("无法使用 {}（{cause}）；私钥由 labour-exchange client new-key 生成", path.display()),
        )
    };
    let key = std::fs::read_to_string(&sign.key).map_err(|cause| unusable(&sign.key, &cause))?;
    let key = ClientKey::from_private_jwk(&Sensitive::new(key)).map_err(|cause| unusable(&sign.key, &cause))?;
    let bytes = std::fs::read(&sign.document).map_err(|cause| unusable(&sign.document, &cause))?;
    key.sign_detached(&bytes).map_err(|cause| unusable(&sign.key, &cause))
}

fn register(config: &StorageConfig, add: Add) -> Result<Value> {
    let new = NewClient {
        party_id: add.party,
        name: add.name,
        scopes: add.scopes.as_deref().map(Scopes::parse),
        public_key: PublicJwk(read_key(&add.public_key)?),
    };
    let client =
        storage::command(config, Some(add.party), |connection, actor| commands::register(connection, actor, &new))?;
    Ok(shown(&client))
}

fn read_key(path: &Path) -> Result<Value> {
    let unusable = |cause: &dyn std::fmt::Display| {
        storage::invalid(
            format!(
                "{} is not a public key as JWK ({cause}); labour-exchange client new-key prints one",
                path.display()
            ),
            format!("{} 不是 JWK 公钥（{cause}）；labour-exchange client new-key 可生成", path.display()),
        )
    };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(KEY_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|cause| unusable(&cause))?;
    // The reader's own words could quote a key that was sent by mistake.
    serde_json::from_str(&text).map_err(|_| unusable(&"not JSON"))
}

/// A client as the terminal shows it.
pub fn shown(client: &ClientWithKeys) -> Value {
    let keys: Vec<Value> = client.keys.iter().map(|key| json!({ "kid": key.kid, "state": key.state })).collect();
    let client = &client.client;
    json!({ "client_id": client.id, "party_id": client.party_id, "name": client.name, "scopes": client.scopes, "state": client.state, "keys": keys })
}
