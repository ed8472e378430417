//! Opening what the settings name, with a clear word when a setting is wrong.

use std::path::Path;

use actix_web::http::Uri;

use crate::clock::Clock;
use crate::config::StorageConfig;
use crate::db::{DbConnection, Id, Location, once};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::identity::Scope;
use crate::parties;
use crate::seal::{self, KeyRing, KeyRingError};

/// The database, its folder made when it lies in a file.
pub fn location(config: &StorageConfig) -> Result<Location> {
    let location = Location::parse(&config.database)?;
    if let Location::Sqlite(path) = &location
        && let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|cause| {
            invalid(
                format!("the folder {} of the database cannot be made ({cause})", folder.display()),
                format!("无法创建数据库所在目录 {}（{cause}）", folder.display()),
            )
        })?;
    }
    Ok(location)
}

/// A connection to a database whose schema is brought up to date first.
pub fn migrated(config: &StorageConfig) -> Result<DbConnection> {
    let location = location(config)?;
    migrate(&location)?;
    location.open(false)
}

fn migrate(location: &Location) -> Result<()> {
    for name in location.migrate()? {
        tracing::info!(migration = name, "migrated");
    }
    Ok(())
}

/// A connection to a database that is up to date already: for commands that only read.
pub fn up_to_date(config: &StorageConfig) -> Result<DbConnection> {
    let location = Location::parse(&config.database)?;
    if let Location::Sqlite(path) = &location
        && !Path::new(path).exists()
    {
        return Err(invalid(
            format!("there is no database at {path}; name it with --database"),
            format!("{path} 处没有数据库；请用 --database 指定"),
        ));
    }
    if location.pending_migrations()? {
        return Err(invalid(
            "the schema is older than this program; run: labour-exchange migrate",
            "数据库结构早于本程序；请执行：labour-exchange migrate",
        ));
    }
    location.open(true)
}

/// Runs a command of the operator in one transaction.
///
/// It is the operator's party that acts; before there is one, the party the command is about.
pub fn command<T>(
    config: &StorageConfig,
    about: Option<Id>,
    work: impl FnOnce(&mut DbConnection, &Actor) -> Result<T>,
) -> Result<T> {
    let mut connection = migrated(config)?;
    let now = Clock::System.now();
    once(&mut connection, |connection| {
        let operator = parties::store::operator(connection)?.map(|party| party.id);
        // No client stands behind a command of the terminal.
        let scope = Scope { party_id: operator.or(about).unwrap_or(Id::NIL), client_id: Id::NIL };
        work(connection, &Actor { scope, request_id: None, now })
    })
}

/// The key file of a database, which is brought up to date first. It is made only for a database that belongs to no key ring yet:
/// beside stored data, new keys would open nothing.
pub fn keys(config: &StorageConfig, location: &Location) -> Result<KeyRing> {
    migrate(location)?;
    let mut connection = location.open(true)?;
    let file = &config.key_file;
    match seal::store::bound_to(&mut connection)? {
        None => KeyRing::open_or_create(file, Clock::System.now().timestamp()).map_err(|error| of_keys(&error)),
        Some(bound) if !file.exists() => Err(invalid(
            format!(
                "the key file {} does not exist, and this database belongs to the key ring {bound}; \
                 name the right file with --key-file, or restore it from its backup",
                file.display()
            ),
            format!(
                "密钥文件 {} 不存在，而该数据库属于密钥环 {bound}；请用 --key-file 指定正确的文件，或从备份恢复",
                file.display()
            ),
        )),
        Some(_) => existing_keys(config, &mut connection),
    }
}

/// The key file, which must be there and be the database's.
pub fn existing_keys(config: &StorageConfig, connection: &mut DbConnection) -> Result<KeyRing> {
    let ring = KeyRing::load(&config.key_file).map_err(|error| of_keys(&error))?;
    seal::store::compare(connection, &ring)?;
    Ok(ring)
}

/// What is wrong with the key file, as a wrong setting.
pub fn of_keys(error: &KeyRingError) -> Error {
    invalid(error.to_string(), error.chinese())
}

/// The public address without a slash at its end. It is the issuer of every token, so it is a bare origin: scheme, host, port.
pub fn public_url(config: &StorageConfig) -> Result<&str> {
    let text = config.public_url.trim_end_matches('/');
    let fits = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri
                .authority()
                .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
    };
    if text.parse::<Uri>().is_ok_and(|uri| fits(&uri)) && !text.contains('#') {
        return Ok(text);
    }
    Err(invalid(
        format!(
            "the public URL {text} must be http://HOST or https://HOST, with a port if need be and nothing behind it; set --public-url"
        ),
        format!("对外地址 {text} 须为 http://主机 或 https://主机，可带端口，其后不得有其他内容；请设置 --public-url"),
    ))
}

/// A wrong setting.
pub fn invalid(en: impl Into<String>, zh: impl Into<String>) -> Error {
    Error::new(Code::ConfigurationInvalid).detail(en, zh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_address_is_a_bare_web_address() {
        let table = [
            ("https://exchange.example.cn", true),
            ("https://exchange.example.cn/", true),
            ("http://127.0.0.1:8080", true),
            ("https://exchange.example.cn/api", false),
            ("https://user@exchange.example.cn", false),
            ("https://exchange.example.cn?x=1", false),
            ("ftp://exchange.example.cn", false),
            ("exchange.example.cn", false),
            ("/", false),
            ("", false),
        ];
        for (text, fits) in table {
            let config = StorageConfig {
                database: String::new(),
                key_file: std::path::PathBuf::new(),
                public_url: text.to_owned(),
            };
            assert_eq!(public_url(&config).is_ok(), fits, "{text}");
        }
    }
}
