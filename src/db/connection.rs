//! Opening a connection of either back end, and the migrations embedded in the binary.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::{Code, Error, Result};

/// One connection of either back end; the query code is written once against it.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL 14 or newer.
    Postgres(PgConnection),
    /// The embedded SQLite file.
    Sqlite(SqliteConnection),
}

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Oldest SQLite without the WAL-reset race that can lose commits when several connections are open.
const SQLITE_OLDEST: &str = "3.51.3";

/// What the planner is told of the data; every connection opened later heeds it.
const SQLITE_STATISTICS: &str = include_str!("sqlite_statistics.sql");

/// Durability first: FULL costs nothing under group commit, and NORMAL loses acknowledged commits on power failure. The page cache is
/// small because what is not in the log is mapped, and because a commit after a page split looks through all of the cache.
const SQLITE_PRAGMAS: &str = "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;
    pragma temp_store = memory; pragma cache_size = -16384; pragma mmap_size = 1073741824; pragma wal_autocheckpoint = 8000;
    pragma journal_size_limit = 268435456; pragma trusted_schema = off; pragma secure_delete = on;";

/// Where the data lies, told by the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`.
    Sqlite(String),
    /// `postgres://…` or `postgresql://…`.
    Postgres(String),
}

impl Location {
    /// Reads a database URL. Anything that is neither form is refused, so that a typing error never creates an empty database.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`].
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:")
            && !path.is_empty()
        {
            return Ok(Self::Sqlite(path.to_owned()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err(Error::new(Code::ConfigurationInvalid).detail(
            "the database URL must be sqlite:PATH or postgres://…",
            "数据库地址须为 sqlite:路径 或 postgres://…",
        ))
    }

    /// Opens one connection; `read_only` connections of SQLite cannot write.
    ///
    /// # Errors
    /// [`Code::DatabaseUnavailable`] when the database cannot be reached.
    pub fn open(&self, read_only: bool) -> Result<DbConnection> {
        match self {
            Self::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(path).map_err(Error::unavailable)?;
                connection.batch_execute(SQLITE_PRAGMAS).map_err(Error::unavailable)?;
                if read_only {
                    connection.batch_execute("pragma query_only = on;").map_err(Error::unavailable)?;
                }
                Ok(DbConnection::Sqlite(connection))
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::establish(url).map_err(Error::unavailable)?;
                connection
                    .batch_execute("set statement_timeout = '60s'; set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '30s'; set timezone = 'UTC';")
                    .map_err(Error::unavailable)?;
                Ok(DbConnection::Postgres(connection))
            }
        }
    }

    /// Brings the schema to the version of this binary; returns the names of the migrations it ran.
    ///
    /// # Errors
    /// [`Code::DatabaseUnavailable`], also when the SQLite library is older than the oldest safe one;
    /// [`Code::ConfigurationInvalid`] when a newer program has been at work here.
    pub fn migrate(&self) -> Result<Vec<String>> {
        match self.open(false)? {
            DbConnection::Sqlite(mut connection) => {
                assert_sqlite_version()?;
                let ran = run_pending(&mut connection, SQLITE_MIGRATIONS)?;
                connection.batch_execute(SQLITE_STATISTICS).map_err(Error::unavailable)?;
                Ok(ran)
            }
            DbConnection::Postgres(mut connection) => run_pending(&mut connection, POSTGRES_MIGRATIONS),
        }
    }

    /// Takes every migration back, newest first. All data is lost: for tests of the migrations.
    ///
    /// # Errors
    /// [`Code::DatabaseUnavailable`].
    pub fn revert_all(&self) -> Result<()> {
        match self.open(false)? {
            DbConnection::Sqlite(mut connection) => {
                connection.revert_all_migrations(SQLITE_MIGRATIONS).map(drop).map_err(migration_failed)
            }
            DbConnection::Postgres(mut connection) => {
                connection.revert_all_migrations(POSTGRES_MIGRATIONS).map(drop).map_err(migration_failed)
            }
        }
    }

    /// Whether the schema is older than this binary.
    ///
    /// # Errors
    /// [`Code::DatabaseUnavailable`]; [`Code::ConfigurationInvalid`] when it is newer.
    pub fn pending_migrations(&self) -> Result<bool> {
        match self.open(false)? {
            DbConnection::Sqlite(mut connection) => are_pending(&mut connection, SQLITE_MIGRATIONS),
            DbConnection::Postgres(mut connection) => are_pending(&mut connection, POSTGRES_MIGRATIONS),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form map_err wants")]
fn migration_failed(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::unavailable(cause.to_string())
}

/// Runs what is pending and gives the names, oldest first.
fn run_pending<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<Vec<String>>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    refuse_unknown(connection, &source)?;
    let mut names = Vec::new();
    for migration in connection.pending_migrations(source).map_err(migration_failed)? {
        connection.run_migration(&*migration).map_err(migration_failed)?;
        names.push(migration.name().to_string());
    }
    Ok(names)
}

fn are_pending<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<bool>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    refuse_unknown(connection, &source)?;
    connection.has_pending_migration(source).map_err(migration_failed)
}

/// A newer program may have given the tables another meaning, so this one keeps its hands off.
fn refuse_unknown<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
) -> Result<()>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known = MigrationSource::<DB>::migrations(source).map_err(migration_failed)?;
    let known: BTreeSet<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    let applied = connection.applied_migrations().map_err(migration_failed)?;
    let unknown: Vec<String> =
        applied.iter().map(ToString::to_string).filter(|version| !known.contains(version)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    Err(Error::new(Code::ConfigurationInvalid).detail(
        format!("the schema is newer than this program (migrations {unknown}); run the program that migrated it, or a newer one"),
        format!("数据库结构比本程序新（迁移 {unknown}）；请使用执行过该迁移的程序或更新的版本"),
    ))
}

fn assert_sqlite_version() -> Result<()> {
    let found = libsqlite3_sys::SQLITE_VERSION.to_str().unwrap_or_default();
    let number = |text: &str| text.split('.').filter_map(|part| part.parse::<u32>().ok()).collect::<Vec<_>>();
    if number(found) < number(SQLITE_OLDEST) {
        return Err(Error::unavailable(format!(
            "SQLite {found} is older than {SQLITE_OLDEST}, which can lose commits"
        )));
    }
    Ok(())
}
