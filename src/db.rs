//! Storage: one set of query code on an embedded SQLite file or on PostgreSQL.
//!
//! [`Db::read`] and [`Db::write`] are the only doors. A write is one transaction: state, ledger, tallies, event and
//! idempotency row commit together or not at all, and the answer goes out only after the commit.
//! SQLite has one writer thread that takes whatever is queued, runs each command in a savepoint of its own and pays one
//! fsync for the group; PostgreSQL has a few threads with a connection each. There is no pool of blocking threads and
//! no connection ever leaves the thread that opened it.

pub mod columns;
#[expect(missing_docs, reason = "the derive of the connection enum writes public items without docs")]
pub mod connection;
pub mod constraint;
mod executor;
mod lane;
pub mod page;
pub mod row_set;
#[expect(missing_docs, reason = "the table macro writes public items without docs")]
pub mod schema;
pub mod statement;
pub mod text_columns;
pub mod trial;

pub use columns::{Day, Id, Instant, Uid};
pub use connection::{DbConnection, Location};
pub use executor::{Db, once, snapshot};
pub use lane::{Lane, Together};
pub use page::{Keyset, Page, PageRequest};
pub use row_set::RowSet;
pub use statement::{Statement, statement};
pub use trial::trial;

/// A day (24 hours) in seconds.
pub const DAY_SECONDS: i64 = 86_400;
